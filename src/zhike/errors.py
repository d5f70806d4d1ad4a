"""The one catalogue of everything zhike can refuse, and the one shape a refusal has.

Every error a person or a program can meet stands here once: its code, HTTP status, WebSocket
close code (when the connection cannot go on), when a retry makes sense, and its words in Chinese
and English. REST, WebSocket and webhooks all send the same JSON object::

    {"error": {"code": "overloaded", "message": "…", "help": "…", "retry": "later",
               "retry_after_s": 2.0, "field": null, "details": null}}
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Retry = Literal["never", "later", "now"]
Lang = Literal["zh", "en"]


class ErrorSpec(msgspec.Struct, frozen=True):
    """One row of the catalogue. ``ws_close`` is None when a socket survives the error."""

    code: str
    http: int
    retry: Retry
    zh: str
    en: str
    help_zh: str
    help_en: str
    ws_close: int | None = None


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands under ``error`` on the wire."""

    code: str
    message: str
    retry: Retry
    help: str = ""
    retry_after_s: float | None = None
    field: str | None = None
    details: dict[str, Any] | None = None


_ROWS: tuple[ErrorSpec, ...] = (
    ErrorSpec("bad_request", 400, "never", "请求无法理解。", "The request could not be understood.",
              "请按接口文档检查格式。", "Check the format against the API reference."),
    ErrorSpec("invalid_field", 422, "never", "有一个字段不符合要求。", "A field is not valid.",
              "请修改 field 所指的字段后重试。", "Correct the field named in `field` and send again."),
    ErrorSpec("invalid_text", 422, "never", "文字中含有不允许的字符。",
              "The text holds characters that are not allowed.",
              "请去掉 U+0000 等控制字符，并使用 UTF-8。",
              "Remove control characters such as U+0000 and use UTF-8."),
    ErrorSpec("empty_message", 422, "never", "消息是空的。", "The message is empty.",
              "请输入内容后再发送。", "Write something before sending."),
    ErrorSpec("too_long", 413, "never", "内容太长。", "The content is too long.",
              "请分成几条发送。", "Split it into several messages."),
    ErrorSpec("file_too_large", 413, "never", "文件太大。", "The file is too large.",
              "请压缩后再发，或只发需要的部分。", "Make it smaller, or send only the part that matters."),
    ErrorSpec("file_refused", 415, "never", "不收这种文件。", "This kind of file is not taken.",
              "可以发图片、录音、视频、PDF、Word、Excel、PPT（不含宏）和纯文本；网页、程序和压缩包不收。",
              "Pictures, sound, video, PDF, Word, Excel, PowerPoint (without macros) and plain text can be "
              "sent; web pages, programs and archives cannot."),
    ErrorSpec("bad_file", 409, "never", "消息里的文件不能发送。", "A file of this message cannot be sent.",
              "文件只能由上传的人发送一次；请重新上传。",
              "A file is sent once, by whoever uploaded it; upload it again."),
    ErrorSpec("too_many_files", 429, "later", "上传了太多还没有发送的文件。",
              "Too many files were uploaded and not sent.",
              "请先把已上传的文件发出去。", "Send what was uploaded first."),
    ErrorSpec("storage_full", 503, "later", "存储空间不足，暂时不能收文件。",
              "There is no room for files at the moment.",
              "请稍后再试；管理员请清理磁盘。",
              "Try again later; the operator should make room on the disk."),
    ErrorSpec("file_link_expired", 410, "now", "文件链接已过期。", "The link to the file has expired.",
              "请刷新页面；程序请重新获取链接。", "Reload the page; programs ask for a new link."),
    ErrorSpec("unauthenticated", 401, "never", "需要登录或凭证。", "Sign-in or a credential is needed.",
              "请登录，或在请求头中带上 API 密钥。", "Sign in, or send an API key in the header.", 4501),
    ErrorSpec("bad_credentials", 401, "never", "账号或密码不正确。", "Email or password is not right.",
              "请检查后重试；忘记密码请联系管理员。",
              "Check both and try again; an admin can reset the password."),
    ErrorSpec("bad_identity", 401, "never", "身份签名无效或已过期。",
              "The identity signature is not valid or has expired.",
              "请刷新页面；店铺请检查签名密钥与有效期。",
              "Reload the page; the shop should check its signing key and expiry.", 4502),
    ErrorSpec("forbidden", 403, "never", "没有权限。", "You do not have the right to do this.",
              "请联系管理员开通权限。", "Ask an admin for the right.", 4503),
    ErrorSpec("origin_not_allowed", 403, "never", "这个网站不在允许列表中。",
              "This site is not on the allow-list.",
              "请在收件箱设置中加入网站地址。", "Add the site's origin in the inbox settings.", 4504),
    ErrorSpec("csrf", 403, "never", "请求缺少防伪标记。", "The request lacks its CSRF token.",
              "请刷新页面后重试。", "Reload the page and try again."),
    ErrorSpec("not_found", 404, "never", "没有找到。", "Not found.",
              "请检查编号或地址。", "Check the id or the address."),
    ErrorSpec("method_not_allowed", 405, "never", "不支持这个请求方法。", "Method not allowed.",
              "请查看接口文档。", "See the API reference."),
    ErrorSpec("inbox_not_found", 404, "never", "没有这个收件箱。", "There is no such inbox.",
              "请检查代码片段中的 data-inbox。", "Check data-inbox in the snippet.", 4505),
    ErrorSpec("conflict", 409, "never", "与已有内容冲突。", "This conflicts with what is stored.",
              "请刷新后查看最新内容。", "Reload and look at the latest state."),
    ErrorSpec("id_conflict", 409, "never", "同一消息编号已用于不同内容。",
              "This client_msg_id was used before with other content.",
              "每条新消息请使用新的 client_msg_id。", "Use a new client_msg_id for every new message."),
    ErrorSpec("not_holder", 409, "never", "会话现在由别人负责。", "Someone else holds the conversation.",
              "请先接手会话再回复。", "Take the conversation over before replying."),
    ErrorSpec("wrong_state", 409, "never", "会话现在的状态不能这样操作。",
              "The conversation is in a state that does not allow this.",
              "请看会话现在由谁负责；由机器人负责的会话要先接手。",
              "See who holds the conversation; take it over first while the bot has it."),
    ErrorSpec("too_late", 409, "never", "太晚了，不能撤回。", "It is too late to take this back.",
              "消息只能在两分钟内撤回；已经从渠道发出的不能撤回。",
              "Messages can be recalled for two minutes, and not once they left through a channel."),
    ErrorSpec("blocked", 403, "never", "您暂时不能在这里发送消息。",
              "You cannot send messages here at present.",
              "如有误会，请通过其他方式联系商家。",
              "If this is a mistake, contact the shop another way.", 4509),
    ErrorSpec("conversation_resolved", 409, "never", "会话已结束。", "The conversation is resolved.",
              "请开始新会话。", "Start a new conversation."),
    ErrorSpec("out_of_order", 409, "now", "前面有一条消息还没有到达。",
              "An earlier message has not arrived yet.",
              "请从最早未确认的消息开始按顺序重发。",
              "Send again in order, from the earliest message without an ack."),
    ErrorSpec("request_timeout", 408, "now", "请求体没有及时传完。",
              "The request body did not arrive in time.",
              "请重新发送。", "Send the request again."),
    ErrorSpec("unsupported_type", 415, "never", "不支持的内容类型。", "Unsupported content type.",
              "请使用 application/json。", "Use application/json."),
    ErrorSpec("rate_limited", 429, "later", "发送得太快了。", "Too many requests.",
              "请稍候再试。", "Wait for the time given and try again."),
    ErrorSpec("overloaded", 503, "later", "现在很忙，暂时收不下。",
              "The desk is full at the moment.",
              "请按 retry_after_s 稍后重试，内容不会丢失。",
              "Try again after retry_after_s; keep what you typed.", 4001),
    ErrorSpec("starting", 503, "later", "正在启动。", "The desk is starting.",
              "请稍候自动重试。", "Try again in a moment.", 4002),
    ErrorSpec("going_away", 503, "later", "服务正在重启。", "The desk is restarting.",
              "请稍候重连。", "Reconnect in a moment.", 4003),
    ErrorSpec("slow_reader", 503, "now", "网络太慢，连接被断开。", "The connection read too slowly.",
              "重连后会自动补齐消息。", "Reconnect; resume brings what was missed.", 4004),
    ErrorSpec("heartbeat_timeout", 503, "now", "连接没有回应。", "The connection did not answer.",
              "请重连。", "Reconnect.", 4005),
    ErrorSpec("too_many_connections", 503, "later", "连接太多。", "Too many connections.",
              "请关闭多余的页面，稍后再连。", "Close other tabs and reconnect later.", 4006),
    ErrorSpec("hello_timeout", 408, "now", "连接后没有及时报到。", "No hello arrived in time.",
              "请在连接后立即发送 hello。", "Send hello right after connecting.", 4007),
    ErrorSpec("protocol_error", 400, "never", "消息格式不符合协议。",
              "The frame does not follow the protocol.",
              "请查看协议文档。", "See the protocol reference.", 4506),
    ErrorSpec("unsupported_version", 400, "never", "协议版本不受支持。",
              "This protocol version is not supported.",
              "请刷新页面以更新客户端。", "Reload the page to update the client.", 4507),
    ErrorSpec("session_revoked", 401, "never", "登录已失效。", "This session has ended.",
              "请重新登录。", "Sign in again.", 4508),
    ErrorSpec("rights_changed", 403, "now", "你的权限有变化。", "What you may see has changed.",
              "请重新连接；页面会自动完成。", "Reconnect; pages do it by themselves.", 4009),
    ErrorSpec("totp_required", 401, "never", "还需要验证码。", "A code is needed as well.",
              "请输入验证器应用里的 6 位数字，或一个恢复码。",
              "Enter the 6 digits of your authenticator app, or a recovery code."),
    ErrorSpec("bad_code", 401, "never", "验证码不正确或已经用过。",
              "The code is not right, or was used already.",
              "请等验证器显示下一个验证码；手机时间要准。",
              "Wait for the next code; the phone's clock must be right."),
    ErrorSpec("sso_refused", 403, "never", "单点登录没有通过。", "Single sign-on did not let you in.",
              "请从登录页重新开始；仍不行请联系管理员。",
              "Begin again from the sign-in page; if that does not help, ask an admin."),
    ErrorSpec("sso_failed", 502, "later", "身份提供方连不上，或它的回答无法理解。",
              "The identity provider cannot be reached, or its answer makes no sense.",
              "请稍后再试，或用密码登录；管理员请检查 [oidc]。",
              "Try again later or sign in with the password; an admin checks [oidc]."),
    ErrorSpec("setup_done", 409, "never", "管理员已经建立。", "The first admin exists already.",
              "请直接登录；忘记密码可运行 zhike admin link。",
              "Sign in; run `zhike admin link` if the password is lost."),
    ErrorSpec("link_expired", 410, "never", "链接无效或已使用。", "The link is not valid or was used.",
              "请向管理员要一个新链接；管理员可运行 zhike admin link。",
              "Ask an admin for a new one; an admin runs `zhike admin link`."),
    ErrorSpec("gate_failed", 409, "never", "回归用例没有通过，改动没有生效。",
              "The regression set comes out worse: the change was not made.",
              "请看 details.worse 里变差的用例；改好提示词，或者改用例。",
              "See details.worse for the cases; mend the change, or the cases if they are out of date."),
    ErrorSpec("no_model", 409, "never", "没有设置模型。", "No model is set.",
              "请在 zhike.toml 里写 [models.<名字>]。", "Write [models.<key>] in zhike.toml."),
    ErrorSpec("notify_failed", 502, "later", "通知没有送到。", "The notice did not arrive.",
              "请按对方返回的原因检查地址、签名密钥，或机器人的安全设置（关键词、IP）。",
              "Check address, signing secret or the robot's own safety settings, by the reason given."),
    ErrorSpec("push_failed", 502, "later", "推送没有送到。", "The push did not arrive.",
              "请稍后再试；一直这样的话，在这个浏览器里关闭通知后重新开启。",
              "Try again later; if it stays so, turn notifications off and on again in that browser."),
    ErrorSpec("mail_failed", 502, "later", "邮件没有发出。", "The mail was not sent.",
              "请按邮件服务器返回的原因检查 zhike.toml 里的 [mail]。",
              "Check [mail] in zhike.toml by the reason the mail server gave."),
    ErrorSpec("no_mail", 409, "never", "没有设置邮件。", "Mail is not set up.",
              "请在 zhike.toml 里写 [mail]，至少 host 和 sender。",
              "Write [mail] in zhike.toml: host and sender at least."),
    ErrorSpec("config_error", 500, "never", "配置有误。", "The configuration is not valid.",
              "请按提示修改配置。", "Correct the setting that is named."),
    ErrorSpec("store_unavailable", 503, "later", "数据库暂时不可用。",
              "The database cannot be reached at the moment.",
              "请稍后重试；管理员请检查数据库。", "Try again; the operator should check the database."),
    ErrorSpec("model_unavailable", 503, "later", "模型服务连不上，或中途断开。",
              "The model server cannot be reached, failed, or broke off.",
              "请检查模型服务是否在运行、base_url 是否正确。",
              "Check that the model server runs and that base_url is right."),
    ErrorSpec("model_busy", 503, "later", "模型现在太忙。", "The model is too busy at the moment.",
              "请稍后再试；经常如此请增加模型服务或 concurrency。",
              "Try again later; if it happens often, add model servers or raise concurrency."),
    ErrorSpec("model_refused", 502, "never", "模型服务拒绝了请求。", "The model server refused the request.",
              "请检查 model 和 api_key；自己加的 extra_body 也可能不被接受。",
              "Check model and api_key; extra_body may hold fields it does not take."),
    ErrorSpec("model_context_full", 502, "never", "内容超过了模型的上下文长度。",
              "The text is longer than the model's context.",
              "请把 context_tokens 设成模型服务实际的长度。",
              "Set context_tokens to what the model server really has."),
    ErrorSpec("model_garbled", 502, "later", "模型服务的回答无法理解。",
              "The model server's answer could not be understood.",
              "请确认 base_url 指向兼容 OpenAI 的接口（通常以 /v1 结尾），并支持流式输出。",
              "Check that base_url is an OpenAI-compatible API (usually ends in /v1) that can stream."),
    ErrorSpec("model_timeout", 504, "later", "模型没有及时回答。", "The model did not answer in time.",
              "请换更快的模型或硬件；提示词太长也会变慢。",
              "Use a faster model or machine; long prompts slow it down, too."),
    ErrorSpec("model_rests", 503, "later", "这个模型暂停使用。", "This model rests for now.",
              "连续失败后会自动再试；当天的 daily_limit 用完则次日恢复。",
              "After failures it is tried again by itself; a spent daily_limit is new the next day (UTC)."),
    ErrorSpec("no_proposal", 422, "now", "模型没有写出可用的内容。",
              "The model wrote nothing that may be used.",
              "请再试一次，或先写上要点再让它续写。",
              "Try again, or write a few words first for it to go on from."),
    ErrorSpec("internal", 500, "later", "服务内部出错。", "Something went wrong inside.",
              "请稍后重试；问题已记录。", "Try again; the fault has been logged.", 4008),
)

CATALOGUE: dict[str, ErrorSpec] = {row.code: row for row in _ROWS}


class ZhikeError(Exception):
    """A refusal from the catalogue.

    Args:
        code: a code of :data:`CATALOGUE`.
        detail: what exactly is wrong, appended to the message (already written for people).
        field: the input field that is wrong.
        retry_after_s: when to come back, for ``retry="later"``.
        details: structured extras.
    """

    def __init__(self, code: str, detail: str = "", *, field: str | None = None,
                 retry_after_s: float | None = None, details: dict[str, Any] | None = None) -> None:
        self.spec = CATALOGUE[code]
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s
        self.details = details
        super().__init__(f"{code}: {self.spec.en}{' ' + detail if detail else ''}")

    def body(self, lang: Lang = "en") -> ErrorBody:
        """The wire object, in the reader's language."""
        spec = self.spec
        message = spec.zh if lang == "zh" else spec.en
        if self.detail:
            message = f"{message} {self.detail}"
        return ErrorBody(code=spec.code, message=message, retry=spec.retry,
                         help=spec.help_zh if lang == "zh" else spec.help_en,
                         retry_after_s=self.retry_after_s, field=self.field, details=self.details)


class ErrorEnvelope(msgspec.Struct, frozen=True):
    """``{"error": {...}}``: the whole answer of a refused request."""

    error: ErrorBody
