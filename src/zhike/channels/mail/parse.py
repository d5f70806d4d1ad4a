"""Reads a mail as it came: who, which token, own words, files; or that no person wrote it.

Mails come from anywhere. Nothing in them raises: what cannot be read is left out, what is broken is read as
far as it goes, and all of it is bounded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import parseaddr
from typing import Literal, NamedTuple

from zhike.channels.mail.ownwords import own_words
from zhike.channels.mail.words import one_line

MAX_PARTS = 200
MAX_TEXT_BYTES = 1 << 20
MAX_FILES = 10
MAX_FILE_BYTES = 20 << 20
MAX_SUBJECT_CHARS = 200

Kind = Literal["person", "auto", "bounce", "delayed", "own"]
"""person: somebody wrote it · auto: a program answered, or a list · bounce: a mail of ours cannot be
delivered · delayed: it was not delivered yet · own: it comes from the desk itself."""

STOP_WORDS = frozenset({"退订", "退訂", "td", "t", "取消订阅", "不要再发邮件", "stop", "unsubscribe"})


class Attached(NamedTuple):
    """A file of a mail."""

    name: str
    data: bytes


class Parsed(NamedTuple):
    """``id``: the Message-ID, or a digest where there is none. ``places``: where tokens may stand, the surest
    first. ``text``: the own words; ``why``: of a bounce. ``left_out``: files that were too many or too
    large."""

    kind: Kind
    id: str
    sender: str
    name: str
    subject: str
    places: tuple[str, ...]
    text: str
    files: tuple[Attached, ...] = ()
    left_out: int = 0
    why: str = ""
    asks_to_stop: bool = False

    @property
    def client_msg_id(self) -> str:
        """The same for every copy of this mail."""
        return f"mail.{hashlib.sha256(self.id.encode()).hexdigest()[:40]}"


def parse(raw: bytes, own_address: str, *, whole: bool = True) -> Parsed:
    """A mail as it came. ``whole``: False if its end was cut off."""
    message = message_from_bytes(raw, policy=policy.default)
    name, sender = _address(message, "From")
    mail_id = _head(message, "Message-ID").strip() or hashlib.sha256(raw).hexdigest()
    subject = one_line(_head(message, "Subject"), MAX_SUBJECT_CHARS)
    places = tuple(_head(message, each) for each in (
        "References", "In-Reply-To", "To", "Cc", "Delivered-To", "X-Original-To", "Subject"))
    kind = _kind(message, sender, own_address)
    if kind in ("bounce", "delayed"):
        text, why = _report(message)
        return Parsed(kind, mail_id, sender, name, subject, (*places, text), "", why=why)
    text, files, left_out = _content(message)
    words = own_words(text)
    stop = words.strip(" .。!！").lower() in STOP_WORDS or subject.lower().startswith("unsubscribe")
    return Parsed(kind, mail_id, sender, name, subject, (*places, text), words, tuple(files),
                  left_out + (not whole), asks_to_stop=stop)


def _head(message: Message, name: str) -> str:
    """All values of a header, in words; broken ones as far as they can be read."""
    found = []
    try:
        values = message.get_all(name) or []
    except Exception:
        return ""
    for value in values[:20]:
        try:
            found.append(str(value))
        except Exception:
            continue
    return _clean(" ".join(found))[:20_000]


def _clean(text: str) -> str:
    """Without what a database or a page chokes on."""
    text = text.encode("utf-8", "replace").decode()
    return "".join(char for char in text if char in "\n\t" or (char.isprintable() or char in "\u200d\u3000"))


def _address(message: Message, name: str) -> tuple[str, str]:
    shown, address = parseaddr(_head(message, name))
    good = address.count("@") == 1 and address.isascii() and address.isprintable() and len(address) <= 320
    return one_line(shown, 100), address.lower() if good else ""


def _kind(message: EmailMessage, sender: str, own_address: str) -> Kind:
    """Who wrote it. RFC 3834 and what servers do that do not know it."""
    if message.get_content_type() == "multipart/report":
        return "bounce" if "delivery-status" in str(message.get_param("report-type", "")).lower() else "auto"
    local = sender.partition("@")[0]
    from_server = local in ("mailer-daemon", "postmaster", "mail-daemon")
    if from_server or _head(message, "Return-Path").strip() == "<>":
        return "bounce" if from_server else "auto"
    if own_address and sender == own_address.lower():
        return "own"
    auto = _head(message, "Auto-Submitted").strip().lower()
    precedence = _head(message, "Precedence").strip().lower()
    if (auto and auto != "no") or precedence in ("bulk", "junk", "list", "auto_reply"):
        return "auto"
    if any(_head(message, each) for each in ("List-Id", "X-Autoreply", "X-Autorespond", "X-Autoresponder",
                                             "X-Auto-Reply-From")):
        return "auto"
    return "person"


# ---- content -----------------------------------------------------------------------------------------

def _parts(message: Message) -> Iterator[Message]:
    for number, part in enumerate(message.walk()):
        if number >= MAX_PARTS:
            return
        yield part


def _content(message: EmailMessage) -> tuple[str, list[Attached], int]:
    """Text (of the plain part, else of the HTML), files, how many were left out."""
    plain: list[str] = []
    html: list[str] = []
    files: list[Attached] = []
    left_out = room_used = 0
    for part in _parts(message):
        if part.is_multipart():
            continue
        name = _file_name(part)
        kind = part.get_content_type()
        inline = not name and part.get_content_disposition() != "attachment"
        if inline and kind in ("text/plain", "text/html"):
            (plain if kind == "text/plain" else html).append(_text(part))
            continue
        data = _bytes(part)
        if not data or kind.startswith("application/pgp-signature") or kind.endswith("pkcs7-signature"):
            continue
        room_used += len(data)
        if len(files) >= MAX_FILES or room_used > MAX_FILE_BYTES:
            left_out += 1
            continue
        files.append(Attached(name or f"file.{kind.partition('/')[2][:10]}", data))
    text = "\n".join(plain)
    return (text if text.strip() else "\n".join(text_of_html(each) for each in html)), files, left_out


def _file_name(part: Message) -> str:
    try:
        return one_line(_clean(str(part.get_filename() or "")), 120)
    except Exception:
        return "file"


def _bytes(part: Message) -> bytes:
    try:
        found = part.get_payload(decode=True)
    except Exception:
        return b""
    return found if isinstance(found, bytes) else b""


def _text(part: Message) -> str:
    """A text part in whatever characters it is in, which need not be those it names."""
    data = _bytes(part)[:MAX_TEXT_BYTES]
    named = (part.get_content_charset() or "").lower()
    if named in ("gb2312", "gbk"):
        named = "gb18030"  # which holds both: programs name the smaller one and write the larger
    for charset in (named, "utf-8", "gb18030"):
        if charset and charset != "us-ascii":
            try:
                return _clean(data.decode(charset))
            except (LookupError, UnicodeDecodeError, ValueError):
                continue
    return _clean(data.decode("utf-8", "replace"))


def text_of_html(html: str) -> str:
    """The words of a page, quoted parts marked as such."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    for gone in ("script", "style", "head", "title"):
        for node in tree.css(gone):
            node.decompose()
    for node in tree.css("blockquote, .gmail_quote, #isReplyContent, .qmbox blockquote"):
        node.decompose()
    for name in ("br", "p", "div", "tr", "li", "h1", "h2", "h3"):
        for node in tree.css(name):
            node.insert_after("\n") if name == "br" else node.insert_before("\n")
    body = tree.body
    text = body.text() if body is not None else ""
    lines = [" ".join(line.split()) for line in text.replace("\xa0", " ").split("\n")]
    out: list[str] = []
    for line in lines:
        if line or (out and out[-1]):
            out.append(line)
    return _clean("\n".join(out))


# ---- mails that came back -----------------------------------------------------------------------------

def _report(message: EmailMessage) -> tuple[str, str]:
    """(everything in which the token of the mail may stand, why it came back)."""
    text: list[str] = []
    why = ""
    for part in _parts(message):
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            blocks = part.get_payload()
            for block in blocks if isinstance(blocks, list) else []:
                if not isinstance(block, Message):
                    continue
                status = " ".join(filter(None, (_head(block, "Status"), _head(block, "Diagnostic-Code"))))
                if status and _head(block, "Action").strip().lower() in ("failed", ""):
                    why = why or one_line(status, 200)
        elif kind in ("text/rfc822-headers", "text/plain", "text/html"):
            text.append(_text(part))
        for name in ("Message-ID", "References"):
            text.append(_head(part, name))
    return "\n".join(text)[:200_000], why or one_line(_head(message, "Subject"), 200)
