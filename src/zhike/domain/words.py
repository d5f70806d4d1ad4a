"""The few sentences the desk itself says to visitors, in both languages."""

from __future__ import annotations

from typing import Any, Literal

SYSTEM_TEXTS: dict[str, dict[Literal["zh", "en"], str]] = {
    "queued": {"zh": "已为您转接人工客服，请稍候。",
               "en": "I have passed you to our team. Someone will be with you shortly."},
    "taken": {"zh": "客服 {name} 已接入，为您服务。", "en": "{name} has joined and is here to help."},
    "transferred": {"zh": "已为您转接客服 {name}，由 {name} 继续为您服务。",
                    "en": "You have been passed to {name}, who is here to help."},
    "passed_on": {"zh": "已为您转给其他同事，请稍候。",
                  "en": "You have been passed to a colleague. Someone will be with you shortly."},
    "reopened": {"zh": "客服 {name} 重新打开了本次会话，继续为您服务。",
                 "en": "{name} has reopened this conversation and is here to help."},
    "returned": {"zh": "人工客服已结束服务，由机器人继续为您解答。",
                 "en": "Our agent has left; the bot is here for further questions."},
    "resolved": {"zh": "本次会话已结束，感谢您的咨询。有问题随时再来。",
                 "en": "This conversation is closed. Thank you, and write to us any time."},
    "merged": {"zh": "客户「{name}」与本会话的客户合并为一人，此前的会话见客户资料。",
               "en": "{name} turned out to be the same person; see the contact for what was said before."},
    "out_of_office": {"zh": "现在是非工作时间。您的留言已收到，我们上班后会尽快回复。",
                      "en": "We are out of office. Your message is safe with us; we will reply when we are "
                            "back."},
    "mail_failed": {"zh": "这条回复没有送到客户：{name}", "en": "A reply did not reach the visitor: {name}"},
    "mail_unknown": {"zh": "不能确定这条回复有没有送到客户（不会自动重发）：{name}",
                     "en": "Nobody knows whether a reply reached the visitor; it is not sent again by "
                           "itself: {name}"},
    "mail_bounced": {"zh": "发给客户的邮件被退回，这个邮箱不再使用：{name}",
                     "en": "The mail to the visitor came back; their address is not used any more: {name}"},
    "mail_stopped": {"zh": "客户要求不再接收邮件。", "en": "The visitor wants no more mail."},
    "csat": {"zh": "请为本次服务打分", "en": "How was our service?"},
    "fallback": {"zh": "抱歉，这个问题我还不会。您可以换个说法，或转人工客服。",
                 "en": "Sorry, I don't know this one. Try other words, or ask for a person."},
}


def pick(texts: dict[Any, Any], lang: str) -> str:
    """The text in ``lang``, else in the other language, else ""."""
    value = texts.get(lang) or texts.get("en") or texts.get("zh") or ""
    return str(value)


def system_text(name: str, lang: str, values: dict[str, str]) -> str:
    """One of :data:`SYSTEM_TEXTS`, filled in."""
    text = pick(SYSTEM_TEXTS[name], lang if lang in ("zh", "en") else "zh")
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    return text
