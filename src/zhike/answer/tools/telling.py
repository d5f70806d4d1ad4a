"""The small parts of a call: reading arguments, filling in what is the server's, finding words."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from zhike.answer.tools.words import DONE, NEEDED, SAID
from zhike.domain.message import MAX_TEXT_CHARS
from zhike.domain.slots import as_text, at_pointer, fill
from zhike.domain.tool import MAX_ARGUMENTS_BYTES, Caller, ToolBody, ToolError, ToolResult

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_canonical = msgspec.json.Encoder(order="deterministic").encode


def parse(given: Mapping[str, Any] | str) -> dict[str, Any] | None:
    """Arguments as JSON values of a bounded size; None if they are no JSON object."""
    try:
        raw = given.encode() if isinstance(given, str) else msgspec.json.encode(given)
        if len(raw) > MAX_ARGUMENTS_BYTES:
            return None
        value = msgspec.json.decode(raw) if raw.strip() else {}
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError, TypeError, ValueError):
        return None  # (a mapping that holds itself ends here, too)
    return value if isinstance(value, dict) else None


def injected(body: ToolBody, caller: Caller, number: str, *, proven: bool) -> dict[str, Any]:
    """What the server fills in; a model can give none of it (the schema refuses the names)."""
    known = {"caller.customer_id": caller.customer_id, "caller.contact_id": caller.contact_id,
             "caller.conversation_id": caller.conversation_id, "caller.inbox_id": caller.inbox_id,
             "caller.lang": caller.lang, "caller.proven": proven,
             "caller.agent_id": caller.agent_id, "call.id": number}
    return {name: known[source] for name, source in body.inject.items()}


def call_id(bot_id: int, key: str, arguments: Mapping[str, Any], caller: Caller) -> str:
    """Names the call: the same turn with the same arguments is the same call, so that a repetition after a
    crash changes nothing twice. Without a turn, every call is its own."""
    if not caller.turn:
        return secrets.token_hex(16)
    raw = _canonical([bot_id, key, caller.contact_id, caller.turn, arguments])
    return blake2b(raw, digest_size=16).hexdigest()


def failed(error: ToolError, lang: str, missing: tuple[str, ...] = (), detail: str = "") -> ToolResult:
    """A result that is none. ``detail``: what exactly, for a model that may try again."""
    text = SAID[error].pick(lang)
    if detail:
        text += f" ({detail})"
    elif missing:
        text += (" " if lang == "en" else "") + NEEDED.pick(lang).format(", ".join(missing))
    return ToolResult(ok=False, text=text, error=error, missing=missing)


def found_text(body: ToolBody, data: Any, lang: str) -> str:
    """What is said of an answer: the tool's template, else the answer's own ``text``, else its JSON."""
    template = body.result.pick(lang)
    if template:
        text = fill(template, lambda pointer: as_text(at_pointer(data, pointer) if pointer else data))
    elif isinstance(data, str):
        text = data
    else:
        own = data.get("text") if isinstance(data, dict) else None
        if isinstance(own, dict):
            own = own.get(lang) or own.get("zh") or own.get("en")
        text = own if isinstance(own, str) else ""
        if not text and data:
            text = msgspec.json.encode(data).decode()
    return _CONTROL.sub("", text).strip()[:MAX_TEXT_CHARS] or DONE.pick(lang)
