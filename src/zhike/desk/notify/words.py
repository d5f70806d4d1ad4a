"""What is told, as people read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zhike.domain.notice import Notice
from zhike.errors import Lang

MAX_LINES = 10
MAX_NAME_CHARS = 40
Link = Callable[[int], str]
"""Conversation → the address under which agents open it."""

_WORDS: dict[Lang, dict[str, str]] = {
    "zh": {
        "visitor_waiting": "{who}在“{where}”等待人工客服，已等 {waited}",
        "visitor_late": "{who}在“{where}”等待人工客服，已超时（{waited}）",
        "reply_late": "{who}在“{where}”等 {holder} 回复，已超时（{waited}）",
        "assigned": "{who}（{where}）分配给了您",
        "mentioned": "{holder} 在备注里提到您：{who}（{where}）",
        "trouble": "知客有故障：{part}：{detail}",
        "trouble_over": "故障已恢复：{part}",
        "test": "这是一条测试通知，收到就说明设置好了。",
        "more": "……还有 {count} 条", "nobody": "一位访客", "someone": "客服", "subject": "知客：{first}",
        "many": "知客：{count} 条通知",
    },
    "en": {
        "visitor_waiting": "{who} has been waiting for a person in “{where}” for {waited}",
        "visitor_late": "{who} has been waiting for a person in “{where}” too long ({waited})",
        "reply_late": "{who} in “{where}” has been waiting too long for a reply by {holder} ({waited})",
        "assigned": "{who} in “{where}” was given to you",
        "mentioned": "{holder} called you in a note about {who} (“{where}”)",
        "trouble": "Trouble at the desk: {part}: {detail}",
        "trouble_over": "Works again: {part}",
        "test": "This is a test notice. If you can read it, everything is set up.",
        "more": "… and {count} more", "nobody": "A visitor", "someone": "an agent",
        "subject": "Desk: {first}", "many": "Desk: {count} notices",
    },
}

_TITLES: dict[Lang, dict[str, str]] = {
    "zh": {
        "visitor_waiting": "有访客在等待", "visitor_late": "有访客等待已久", "reply_late": "有访客在等您回复",
        "assigned": "有会话分配给您", "mentioned": "有人提到您", "trouble": "知客有故障",
        "trouble_over": "知客已恢复", "test": "知客",
    },
    "en": {
        "visitor_waiting": "A visitor is waiting", "visitor_late": "A visitor has waited long",
        "reply_late": "A visitor waits for your reply", "assigned": "A conversation for you",
        "mentioned": "You were mentioned", "trouble": "Trouble at the desk",
        "trouble_over": "The desk works again", "test": "zhike",
    },
}


def waited(seconds: float, lang: Lang) -> str:
    """"45 秒", "3 分钟", "2 小时 5 分钟"."""
    whole = max(0, int(seconds))
    minutes = whole // 60
    if not minutes:
        return f"{whole} 秒" if lang == "zh" else f"{whole} s"
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{minutes} 分钟" if lang == "zh" else f"{minutes} min"
    return f"{hours} 小时 {rest} 分钟" if lang == "zh" else f"{hours} h {rest} min"


def plain(text: str, limit: int = MAX_NAME_CHARS) -> str:
    """A name that a visitor chose, so that it mentions nobody, links nowhere and stays on its line.

    Robots of Feishu read ``<at …>`` in plain text, and every messenger makes an address a link.
    """
    calm = " ".join(text.split()).replace("<", "‹").replace(">", "›").replace("@", "＠")
    calm = calm.replace("://", ":⁄⁄")
    return calm if len(calm) <= limit else f"{calm[:limit - 1]}…"


def line(notice: Notice, lang: Lang, now: int) -> str:
    """One notice as one line."""
    words = _WORDS[lang]
    return words[notice.kind].format(
        who=plain(notice.who) or words["nobody"], where=plain(notice.where),
        holder=plain(notice.holder) or words["someone"], waited=waited((now - notice.since) / 1000, lang),
        part=notice.part, detail=plain(notice.detail, 200))


def title(notice: Notice, lang: Lang) -> str:
    """What a notice is about, in a few words."""
    return _TITLES[lang][notice.kind]


def many(count: int, lang: Lang) -> str:
    """The title of several that are told as one."""
    return _WORDS[lang]["many"].format(count=count)


def text(notices: Sequence[Notice], lang: Lang, now: int, link: Link) -> str:
    """Several as one message: each on its line, its conversation's address below."""
    parts: list[str] = []
    for notice in notices[:MAX_LINES]:
        parts.append(line(notice, lang, now))
        if notice.conversation:
            parts.append(link(notice.conversation))
    if len(notices) > MAX_LINES:
        parts.append(_WORDS[lang]["more"].format(count=len(notices) - MAX_LINES))
    return "\n".join(parts)


def subject(notices: Sequence[Notice], lang: Lang, now: int) -> str:
    """Of a mail."""
    words = _WORDS[lang]
    if len(notices) > 1:
        return words["many"].format(count=len(notices))
    return words["subject"].format(first=line(notices[0], lang, now))[:150]
