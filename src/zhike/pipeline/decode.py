"""Stage 2, decode.

Way: receive → **decode** → dedup.
Outcomes: one ``SendMessage`` whatever brought it | a control frame handed back to its source |
refused with what is wrong (`protocol_error`, `invalid_text`, `too_long`, `empty_message`, …).
Promise: after here a text holds no U+0000, no broken Unicode, and at most 4,000 characters.
State: none.
Pitfall: an escaped lone surrogate (``"\\ud800"``) is valid JSON and breaks a database.
"""

from __future__ import annotations

import msgspec

from zhike.domain.card import fault_of, words_of
from zhike.domain.message import MAX_CLIENT_MSG_ID_CHARS, MAX_TEXT_CHARS
from zhike.domain.wire import SendMessage, decode_client
from zhike.errors import ZhikeError
from zhike.pipeline.batch import Batch, Item

MAX_COUNTER = 2**53


def check(frame: SendMessage) -> ZhikeError | None:
    """What is wrong with a message, or None."""
    text = frame.text
    if not text.strip() and not frame.action and not frame.files and not frame.cards:
        return ZhikeError("empty_message", field="text")
    if len(text) > MAX_TEXT_CHARS:
        return ZhikeError("too_long", f"({len(text)} > {MAX_TEXT_CHARS})", field="text")
    if "\0" in text:
        return ZhikeError("invalid_text", field="text")
    message_id = frame.client_msg_id
    if len(message_id) > MAX_CLIENT_MSG_ID_CHARS or "\0" in message_id:
        return ZhikeError("invalid_field", field="client_msg_id")
    if frame.mentions and not frame.note:
        return ZhikeError("invalid_field", "Only a note mentions colleagues.", field="mentions")
    if frame.conversation is not None and not 0 < frame.conversation <= MAX_COUNTER:
        return ZhikeError("invalid_field", field="conversation")
    if frame.n is not None and (not 1 <= frame.n <= MAX_COUNTER
                                or not message_id.endswith(f".{frame.n}")):
        return ZhikeError("invalid_field", 'client_msg_id must be "<stream>.<n>" when n is given.',
                          field="n")
    return None


def with_cards(frame: SendMessage, *, by_visitor: bool) -> SendMessage:
    """The message with the words of its cards as its text.

    Raises:
        ZhikeError: ``invalid_field``: a card is not right, or there are words beside it.
    """
    if frame.text or frame.action:
        raise ZhikeError("invalid_field", "A message with cards has no other words.", field="text")
    wrong = fault_of(frame.cards, by_visitor=by_visitor)
    if wrong:
        raise ZhikeError("invalid_field", field=wrong)
    return msgspec.structs.replace(frame, text=words_of(frame.cards, links=not by_visitor))


def encodable(frame: SendMessage) -> bool:
    """False if there are lone surrogates. (JSON with one is refused while decoding.)"""
    return _whole(frame.text) and _whole(frame.client_msg_id)


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unreadable(payload: bytes, error: Exception) -> tuple[str, ZhikeError]:
    """Which message a frame was that could not be read ("" = nobody can tell), and what to say.

    A page that is not told which one keeps it, and everything it counts after it waits. The likely
    case: half of an emoji, which browsers send as an escaped lone surrogate.
    """
    import json  # only here: it accepts what msgspec rightly does not

    client_msg_id = ""
    problem = ZhikeError("protocol_error", str(error))
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return client_msg_id, problem
    if isinstance(found, dict) and found.get("type") == "message":
        named, text = found.get("client_msg_id"), found.get("text")
        if isinstance(named, str) and 0 < len(named) <= MAX_CLIENT_MSG_ID_CHARS and _whole(named):
            client_msg_id = named
        if isinstance(text, str) and not _whole(text):
            problem = ZhikeError("invalid_text", field="text")
    return client_msg_id, problem


def decode(batch: Batch) -> None:
    """Runs the stage."""
    kept: list[Item] = []
    for item in batch.part:
        payload = item.payload
        if isinstance(payload, SendMessage):
            frame = payload
            if not encodable(frame):
                batch.count("decode", "invalid_text")
                item.source.on_refused("", ZhikeError("invalid_text"))
                continue
        else:
            try:
                decoded = decode_client(payload)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                client_msg_id, refusal = unreadable(payload, error)
                batch.count("decode", refusal.code)
                item.source.on_refused(client_msg_id, refusal)
                continue
            if not isinstance(decoded, SendMessage):
                batch.count("decode", "control")
                item.source.on_control(decoded)
                continue
            frame = decoded
        problem = check(frame)
        if problem is not None:
            batch.count("decode", problem.code)
            item.source.on_refused(frame.client_msg_id, problem)
            continue
        if frame.cards:
            try:
                frame = with_cards(frame, by_visitor=not item.source.agent_id)
            except ZhikeError as refusal:
                batch.count("decode", refusal.code)
                item.source.on_refused(frame.client_msg_id, refusal)
                continue
        item.frame = frame
        kept.append(item)
    batch.count("decode", "message", len(kept))
    batch.part = kept
