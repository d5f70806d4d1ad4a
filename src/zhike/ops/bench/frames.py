"""The client's half of the protocol, cut down to what a load generator must see.

Frames to the server are put together from ready-made bytes; the masking key is all zero (RFC 6455
leaves its choice to the client), so the payload is written as it stands. Frames from the server
are decoded by msgspec into the few fields looked at: about half a microsecond each.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Callable

import msgspec

_HEADERS = tuple(
    bytes((0x81, 0x80 | size, 0, 0, 0, 0)) if size < 126
    else bytes((0x81, 0x80 | 126, size >> 8, size & 255, 0, 0, 0, 0))
    for size in range(4096))

PONG = 0x8A
CLOSE_NORMAL = bytes((0x88, 0x82, 0, 0, 0, 0)) + (1000).to_bytes(2, "big")


def text_frame(payload: bytes) -> bytes:
    """One masked text frame."""
    size = len(payload)
    if size < 4096:
        return _HEADERS[size] + payload
    return b"\x81\xfe" + size.to_bytes(2, "big") + b"\0\0\0\0" + payload


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping."""
    return bytes((PONG, 0x80 | len(payload), 0, 0, 0, 0)) + payload


def message_frame(stream: bytes, n: int, text_json: bytes) -> bytes:
    """The visitor's message ``n`` of ``stream``; ``text_json`` is the text as a JSON string."""
    payload = b'{"type":"message","client_msg_id":"%b.%d","text":%b,"n":%d}' % (stream, n, text_json, n)
    size = len(payload)
    return (_HEADERS[size] + payload) if size < 4096 else text_frame(payload)


def hello_frame(inbox: str, token: str, conversation: int, after: int, lang: str = "") -> bytes:
    """The first frame; with a token it continues as the same visitor from ``after`` on."""
    hello: dict[str, object] = {"type": "hello", "v": 1, "inbox": inbox}
    if lang:
        hello["lang"] = lang
    if token:
        hello["token"] = token
    if token and conversation:
        hello["conversation"] = conversation
        hello["after"] = after
    return text_frame(json.dumps(hello, ensure_ascii=False, separators=(",", ":")).encode())


def resume_frame(conversation: int, after: int) -> bytes:
    """Asks for every message after ``after``."""
    return text_frame(b'{"type":"resume","after":%d,"conversation":%d}' % (after, conversation))


def upgrade_request(host: str, port: int, path: str, origin: str) -> bytes:
    """The HTTP request that asks for a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    origin_line = f"Origin: {origin}\r\n" if origin else ""
    return (f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"{origin_line}\r\n").encode()


class Conversation(msgspec.Struct):
    id: int
    last_seq: int = 0


class Starting(msgspec.Struct, tag="starting"):
    """Any frame whose content the client does not look at is like this one."""


class Welcome(msgspec.Struct, tag="welcome"):
    token: str = ""
    conversation: Conversation | None = None


class Ack(msgspec.Struct, tag="ack"):
    client_msg_id: str
    conversation: int
    seq: int
    duplicate: bool = False


class Source(msgspec.Struct):
    kind: str
    key: str = ""


class Message(msgspec.Struct, tag="message"):
    conversation: int
    seq: int
    direction: str
    client_msg_id: str = ""
    answers: tuple[int, ...] = ()
    source: Source | None = None


class Item(msgspec.Struct):
    seq: int
    direction: str
    client_msg_id: str = ""
    answers: tuple[int, ...] = ()
    text: str = ""
    source: Source | None = None


class Messages(msgspec.Struct, tag="messages"):
    conversation: int
    items: tuple[Item, ...]
    last_seq: int = 0
    more: bool = False


class ErrorBody(msgspec.Struct):
    code: str
    retry: str = "never"
    retry_after_s: float | None = None


class ErrorFrame(msgspec.Struct, tag="error"):
    error: ErrorBody
    client_msg_id: str = ""


class GoingAway(msgspec.Struct, tag="going_away"):
    reconnect_after_ms: int = 0


class Other(msgspec.Struct):
    """A frame of a type that a load generator does not look at."""


Known = Starting | Welcome | Ack | Message | Messages | ErrorFrame | GoingAway
Frame = Known | Other
_decode: Callable[[bytes | memoryview], Known] = msgspec.json.Decoder(Known).decode
_IGNORED = frozenset({"conversation", "typing", "read", "delta", "withdrawn", "pong"})
_decode_type = msgspec.json.Decoder(dict[str, object]).decode
_OTHER = Other()


def decode(payload: bytes | memoryview) -> Frame:
    """The frame.

    Raises:
        ValueError: if it is none of the protocol.
    """
    try:
        return _decode(payload)
    except msgspec.DecodeError as exc:
        with contextlib.suppress(msgspec.DecodeError):
            if _decode_type(payload).get("type") in _IGNORED:
                return _OTHER
        raise ValueError(f"not a frame of the protocol: {bytes(payload[:200])!r}") from exc
