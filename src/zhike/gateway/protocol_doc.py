"""The protocol's specification (AsyncAPI 3), made from the code that speaks it.

Frames come from the structs in domain/wire.py, their words from the docstrings there, error and
close codes from the error catalogue. Nothing is written twice, so nothing can disagree.
"""

from __future__ import annotations

import inspect
from typing import Any, get_args

import msgspec

from zhike import __version__
from zhike.domain import wire
from zhike.errors import CATALOGUE
from zhike.gateway import closecodes

_STANDARD: dict[int, str] = {
    closecodes.NORMAL: "The client closed; echoed.",
    closecodes.PROTOCOL_ERROR: "A frame breaks RFC 6455.",
    closecodes.UNSUPPORTED_DATA: "A binary message; frames are JSON text.",
    closecodes.INVALID_TEXT: "Text that is not UTF-8.",
    closecodes.TOO_BIG: "A message larger than allowed (hello: 8 KiB, then 64 KiB).",
    closecodes.INTERNAL: "A fault in the server; it has been logged.",
}
_DESCRIPTION = """\
One JSON object per text frame, told apart by `type`. The first frame is `hello`; the server answers
`welcome` (while it starts: `starting` first) or `error` and a close code. Send messages after
`welcome`. Every message is acknowledged after it is stored; `seq` numbers a conversation's messages
1, 2, 3 … without gaps (private notes between agents count too, but visitors are not sent them).
After a lost connection send `hello` again with `conversation` and `after`: what was missed follows
as `messages`, then live frames. Unknown fields may appear at any time and are to be ignored.
Clients answer WebSocket pings (browsers do by themselves). Close codes 4000-4499: reconnect;
4500-4999: do not."""


def asyncapi(path: str = "/ws") -> dict[str, Any]:
    """The whole document, ready to be encoded as JSON."""
    client = get_args(wire.ClientFrame)
    server = get_args(wire.ServerFrame)
    _, schemas = msgspec.json.schema_components([*client, *server],
                                                ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    messages = {frame.__name__: _message(frame) for frame in (*client, *server)}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "zhike WebSocket protocol", "version": str(wire.PROTOCOL_VERSION),
                 "description": _DESCRIPTION, "license": {"name": "Apache-2.0"},
                 "x-server-version": __version__},
        "defaultContentType": "application/json",
        "channels": {"socket": {
            "address": path,
            "description": "One WebSocket per page. No token stands in the URL; it travels in `hello`.",
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages}}},
        "operations": {
            "fromClient": _operation("receive", "What a client sends.", client),
            "fromServer": _operation("send", "What the server sends.", server)},
        "components": {"messages": messages, "schemas": schemas},
        "x-limits": {"hello_bytes": wire.MAX_HELLO_BYTES, "message_bytes": wire.MAX_FRAME_BYTES},
        "x-close-codes": _close_codes(),
        "x-errors": [{"code": spec.code, "http": spec.http, "retry": spec.retry, "close": spec.ws_close,
                      "zh": spec.zh, "en": spec.en, "help_zh": spec.help_zh, "help_en": spec.help_en}
                     for spec in CATALOGUE.values()],
    }


def _message(frame: type[msgspec.Struct]) -> dict[str, Any]:
    words = inspect.cleandoc(frame.__doc__ or "")
    return {"name": str(frame.__struct_config__.tag), "summary": words.partition("\n")[0],
            "description": words, "payload": {"$ref": f"#/components/schemas/{frame.__name__}"}}


def _operation(action: str, summary: str, frames: tuple[type[msgspec.Struct], ...]) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": "#/channels/socket"}, "summary": summary,
            "messages": [{"$ref": f"#/channels/socket/messages/{frame.__name__}"} for frame in frames]}


def _close_codes() -> list[dict[str, Any]]:
    rows = [{"code": code, "reconnect": closecodes.may_reconnect(code), "en": words}
            for code, words in _STANDARD.items()]
    rows += [{"code": code, "reconnect": closecodes.may_reconnect(code), "error": spec.code,
              "zh": spec.zh, "en": spec.en} for code, spec in sorted(closecodes.BY_CODE.items())]
    return rows
