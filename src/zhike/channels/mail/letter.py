"""Makes the mail that brings replies to a visitor who left.

Plain text, and the same as modest HTML. Its Message-ID is the signed token of its first message, so it is the
same for every attempt, and an answer names it. All mails of a conversation refer to one root, so that
programs show them as one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.utils import formataddr, formatdate
from html import escape
from typing import NamedTuple

from zhike.access.mailtokens import MailTokens
from zhike.channels.mail.words import MARK, WORDS, lang_of, one_line
from zhike.domain.attachment import Attachment
from zhike.domain.message import Mailed, Message
from zhike.domain.views import payload_of
from zhike.errors import Lang

MAX_TURNS = 6
MAX_TURN_CHARS = 300
MAX_SUBJECT_CHARS = 120
MAX_ATTACHED_BYTES = 5 << 20
"""Files of a mail in all; what does not fit is named with a link. Most providers take 20 MiB, encoded."""

File = Callable[[Attachment], bytes | None]
"""The bytes of a file that is attached; None: it is gone."""


class From(NamedTuple):
    """Who writes. ``address``: what mail comes from; ``reply_to``: where answers are read; ``plus``: the
    provider takes ``name+anything@``. ``base_url``: of the desk."""

    shop: str
    address: str
    reply_to: str
    plus: bool
    base_url: str
    page: str


class Said(NamedTuple):
    """One reply as it stands in the mail."""

    who: str
    text: str
    linked: tuple[tuple[str, str], ...]


class Letter(NamedTuple):
    """``id``: the Message-ID."""

    message: EmailMessage
    id: str


def compose(sender: From, to: str, lang: str, new: Sequence[Message], past: Sequence[Message],
            tokens: MailTokens, now_ms: int, *, read: File, link: Callable[[Attachment], str],
            clean: Callable[[str], str] = lambda text: text) -> Letter:
    """The mail of some messages of one conversation.

    Args:
        clean: what is done to every text before it leaves (masking).
        link: a link to a file that is not attached.
    """
    tongue = lang_of(lang)
    conversation_id = new[0].conversation_id
    domain = sender.address.rpartition("@")[2]
    token = tokens.make(conversation_id, new[0].seq)
    message = EmailMessage()
    message["From"] = formataddr((one_line(sender.shop, 80), sender.address))
    message["To"] = to
    answered = _answered(past)
    message["Subject"] = _subject(sender.shop, tongue, answered)
    message["Date"] = formatdate(now_ms / 1000)
    mail_id = f"<{token}@{domain}>"
    message["Message-ID"] = mail_id
    root = f"<{tokens.make(conversation_id)}@{domain}>"
    known = [answered.id] if answered is not None and _is_id(answered.id) else []
    message["In-Reply-To"] = (known or [root])[0]
    message["References"] = " ".join([root, *known])
    name, _, host = sender.reply_to.rpartition("@")
    message["Reply-To"] = f"{name}+{token}@{host}" if sender.plus else sender.reply_to
    stop_url = f"{sender.base_url}/mail/stop?t={token}"
    message["List-Unsubscribe"] = f"<{stop_url}>, <mailto:{sender.reply_to}?subject=unsubscribe%20{token}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply"  # what Exchange listens to
    attached, said = _files(new, tongue, link, clean)
    turns = [(who, text) for who, text in (_turn(each, tongue, clean) for each in past[-MAX_TURNS:]) if text]
    message.set_content(_plain(said, turns, tongue, sender.page, stop_url), cte="base64")
    message.add_alternative(_html(said, turns, tongue, sender.page, stop_url), subtype="html", cte="base64")
    for file in attached:
        data = read(file)
        if data is not None:
            main, _, sub = file.type.partition("/")
            message.add_attachment(data, maintype=main, subtype=sub, filename=file.name)
    return Letter(message, mail_id)


def _answered(past: Sequence[Message]) -> Mailed | None:
    """The newest message of the visitor that came by mail."""
    for each in reversed(past):
        if each.direction == "incoming" and (mailed := payload_of(each).mailed) is not None:
            return mailed
    return None


def _is_id(text: str) -> bool:
    """Whether this may stand in a header again: what a visitor's program wrote is not trusted."""
    return (len(text) <= 250 and text.startswith("<") and text.endswith(">") and text.isascii()
            and text.isprintable() and " " not in text)


def _subject(shop: str, lang: Lang, answered: Mailed | None) -> str:
    if answered is not None and answered.subject:
        plain = one_line(answered.subject, MAX_SUBJECT_CHARS)
        return plain if plain[:3].lower() in ("re:", "re：", "回复") else f"Re: {plain}"
    return WORDS[lang]["subject"].format(shop=one_line(shop, MAX_SUBJECT_CHARS))


def _files(new: Sequence[Message], lang: Lang, link: Callable[[Attachment], str],
           clean: Callable[[str], str]) -> tuple[list[Attachment], list[Said]]:
    room = MAX_ATTACHED_BYTES
    attached: list[Attachment] = []
    said: list[Said] = []
    for each in new:
        payload = payload_of(each)
        linked: list[tuple[str, str]] = []
        for file in payload.attachments:
            if file.size_bytes <= room:
                room -= file.size_bytes
                attached.append(file)
            else:
                linked.append((file.name, link(file)))
        linked += [(card.title or card.url, card.url) for card in payload.cards
                   if card.url.startswith(("https://", "http://"))]
        said.append(Said(one_line(payload.name, 80) or WORDS[lang]["someone"], clean(each.text),
                         tuple(linked)))
    return attached, said


def _turn(each: Message, lang: Lang, clean: Callable[[str], str]) -> tuple[str, str]:
    """Who said what before; "" = not to be quoted."""
    words, payload = WORDS[lang], payload_of(each)
    if each.direction == "note" or each.sender_type == "system" or payload.recalled:
        return "", ""
    who = (words["you"] if each.sender_type == "contact" else words["bot"] if each.sender_type == "bot"
           else one_line(payload.name, 80) or words["someone"])
    return who, one_line(clean(each.text), MAX_TURN_CHARS) or "".join(
        f"[{words['file']}] {file.name} " for file in payload.attachments).strip()


def _plain(said: Sequence[Said], turns: Sequence[tuple[str, str]], lang: Lang, page: str,
           stop_url: str) -> str:
    words = WORDS[lang]
    lines = [MARK[lang], ""]
    before = ""
    for one in said:
        if one.who != before:
            lines.append(words["replied"].format(who=one.who))
        before = one.who
        if one.text:
            lines += [one.text, ""]
        if one.linked:
            lines += [f"{words['files']}:", *(f"{name}: {url}" for name, url in one.linked), ""]
    lines += ["-- ", words["how"]]
    if page:
        lines.append(words["page"].format(page=page))
    lines.append(words["stop"].format(url=stop_url))
    if turns:
        lines += ["", f"{words['before']}:", *(f"> {who}: {text}" for who, text in turns)]
    return "\n".join(lines) + "\n"


_BOX = "font:15px/1.6 -apple-system,'PingFang SC','Microsoft YaHei',sans-serif;color:#1f2328;max-width:640px"
_SOFT = "color:#6b7280;font-size:13px"


def _html(said: Sequence[Said], turns: Sequence[tuple[str, str]], lang: Lang, page: str,
          stop_url: str) -> str:
    words = WORDS[lang]
    parts = [f'<div style="{_BOX}"><p style="{_SOFT}">{escape(MARK[lang])}</p>']
    before = ""
    for one in said:
        if one.who != before:
            said_by = escape(words["replied"].format(who=one.who))
            parts.append(f'<p style="margin:16px 0 4px"><b>{said_by}</b></p>')
        before = one.who
        if one.text:
            parts.append(f'<p style="white-space:pre-wrap;margin:0 0 12px">{escape(one.text)}</p>')
        parts += [f'<p style="margin:0 0 12px"><a href="{escape(url)}">{escape(name)}</a></p>'
                  for name, url in one.linked]
    back = f' {_link(words["page"], page)}' if page else ""
    parts.append(f'<p style="{_SOFT}">{escape(words["how"])}{back}</p>')
    if turns:
        quoted = "".join(f'<p style="margin:0 0 4px">{escape(who)}: {escape(text)}</p>'
                         for who, text in turns)
        parts.append(f'<p style="{_SOFT}">{escape(words["before"])}</p><blockquote style="{_SOFT};margin:0;'
                     f'padding-left:12px;border-left:3px solid #d1d5db">{quoted}</blockquote>')
    parts.append(f'<p style="{_SOFT}"><a style="color:#6b7280" href="{escape(stop_url)}">'
                 f'{escape(words["stop_short"])}</a></p></div>')
    return "".join(parts)


def _link(words: str, url: str) -> str:
    before, _, after = words.partition("{page}")
    return f'{escape(before)}<a href="{escape(url)}">{escape(url)}</a>{escape(after)}'
