"""What a call that gave nothing says, to a visitor or a model."""

from __future__ import annotations

from zhike.domain.tool import Texts, ToolError

SAID: dict[ToolError, Texts] = {
    "unknown_tool": Texts("没有这个功能。", "There is no such tool."),
    "bad_arguments": Texts("这次查询的信息不完整或格式不对。",
                           "What the lookup needs is missing or not right."),
    "not_identified": Texts("需要先登录才能查。", "You need to sign in first."),
    "needs_proof": Texts("为了保护顾客的信息，需要先核对一下。",
                         "To protect our customers' details, one thing has to be checked first."),
    "not_found": Texts("没有查到，请核对后再试。", "Nothing was found. Please check what you sent."),
    "throttled": Texts("核对没有通过的次数太多了，请让人工客服来帮您查。",
                       "There were too many tries that did not match. A person can look it up for you."),
    "busy": Texts("现在查询的人太多，请稍后再试。",
                  "Too many lookups at the moment. Please try again shortly."),
    "timeout": Texts("系统没有及时响应，请稍后再试。",
                     "The system did not answer in time. Please try again."),
    "too_large": Texts("系统返回的内容太多，没法显示。", "The system returned more than can be shown."),
    "bad_target": Texts("这个查询没有配置好，已经记录下来。",
                        "This lookup is not set up correctly; it has been noted."),
    "failed": Texts("系统暂时查不了，请稍后再试。", "The lookup did not work just now. Please try again."),
}
NEEDED = Texts("还需要：{}。", "Still needed: {}.")
DONE = Texts("办好了。", "Done.")
