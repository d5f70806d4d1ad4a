"""RFC 6455 frames without I/O: what picows leaves to its user.

picows splits the byte stream into frames and checks opcodes, masks and lengths. Here are the rules
that span frames or look inside them: reserved bits, fragments, the size of a whole message, UTF-8
across fragments, close codes; and, for a frame that is still arriving, the same checks on the part
that is here (:class:`Arriving`), so that a bad peer is told at the first bad byte.
"""

from __future__ import annotations

import codecs
from typing import Final

from zhike.gateway import closecodes

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

MAX_CONTROL_BYTES: Final = 125
MAX_REASON_BYTES: Final = MAX_CONTROL_BYTES - 2

PING_FRAME: Final = b"\x89\x00"

TEXT_HEADS: Final = tuple(bytes((0x80 | TEXT, size)) if size < 126 else
                           bytes((0x80 | TEXT, 126, size >> 8, size & 0xFF)) for size in range(1024))
"""Heads of the usual sizes, made once: one look-up instead of four small objects."""
_Decoder = codecs.getincrementaldecoder("utf-8")


class FrameError(Exception):
    """The peer broke the protocol: close with ``code`` and ``reason``."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code} {reason}")


def encode(opcode: int, payload: bytes) -> bytes:
    """One final, unmasked frame, as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return bytes((0x80 | opcode, 126, size >> 8, size & 0xFF)) + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def encode_text(payload: bytes) -> bytes:
    """:func:`encode` for text, the frame that is sent most."""
    size = len(payload)
    if size < 1024:
        return TEXT_HEADS[size] + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def encode_close(code: int, reason: str = "") -> bytes:
    """A close frame; ``NO_CODE`` gives one without payload. The reason is cut to what fits."""
    if code == closecodes.NO_CODE:
        return encode(CLOSE, b"")
    text = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
    return encode(CLOSE, code.to_bytes(2, "big") + text.encode())


def parse_close(payload: bytes) -> int:
    """The code of a received close frame, ``NO_CODE`` if it has none.

    Raises:
        FrameError: a code that must not be sent, half a code, or a reason that is not UTF-8.
    """
    if not payload:
        return closecodes.NO_CODE
    if len(payload) == 1:
        raise FrameError(closecodes.PROTOCOL_ERROR, "close frame with half a code")
    code = int.from_bytes(payload[:2], "big")
    if not closecodes.receivable(code):
        raise FrameError(closecodes.PROTOCOL_ERROR, f"close code {code} must not be sent")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(closecodes.INVALID_TEXT, "close reason is not UTF-8") from None
    return code


def check_text(payload: bytes) -> None:
    """Checks a whole text message.

    Raises:
        FrameError: it is not UTF-8.
    """
    if not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError:
            raise FrameError(closecodes.INVALID_TEXT, "text is not UTF-8") from None


class Fragments:
    """A fragmented message while it is being received; exists only that long.

    Args:
        opcode: TEXT or BINARY.
        max_bytes: bound of the whole message.
    """

    __slots__ = ("_decoder", "_max_bytes", "_parts", "opcode", "size")

    def __init__(self, opcode: int, max_bytes: int) -> None:
        self.opcode = opcode
        self.size = 0
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._decoder = _Decoder() if opcode == TEXT else None

    def add(self, payload: bytes, final: bool) -> bytes | None:
        """Adds one fragment; gives the whole message with the last one, else None.

        Raises:
            FrameError: the message is too big, or its text is not UTF-8 so far.
        """
        self.check_room(len(payload))
        self.size += len(payload)
        if self._decoder is not None:
            _feed(self._decoder, payload, final)
        if payload:  # empty fragments are legal and endless; they must not take memory
            self._parts.append(payload)
        return b"".join(self._parts) if final else None

    def check_room(self, more_bytes: int) -> None:
        """Raises FrameError if ``more_bytes`` do not fit any more."""
        if self.size + more_bytes > self._max_bytes:
            raise FrameError(closecodes.TOO_BIG, f"message larger than {self._max_bytes} bytes")

    def decoder_state(self) -> tuple[bytes, int]:
        """Where the UTF-8 decoder stands; for text only."""
        assert self._decoder is not None
        return self._decoder.getstate()


def _feed(decoder: codecs.IncrementalDecoder, payload: bytes, final: bool) -> None:
    try:
        decoder.decode(payload, final)
    except UnicodeDecodeError:
        raise FrameError(closecodes.INVALID_TEXT, "text is not UTF-8") from None


class Arriving:
    """A frame of which only a part is here: checks that part and keeps no payload.

    Without it a peer could send one byte of a bad frame a minute and be told at the end only.

    Args:
        message: the fragmented message in progress, if any.
        max_bytes: bound of the whole message.
    """

    __slots__ = ("_decoder", "_head", "_mask", "_max_bytes", "_message", "_position", "_text")

    def __init__(self, message: Fragments | None, max_bytes: int) -> None:
        self._message = message
        self._max_bytes = max_bytes
        self._head = b""
        self._mask = 0
        self._position = -1
        self._text = False
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, data: bytes) -> None:
        """The next bytes of this frame, header included.

        Raises:
            FrameError: they cannot belong to a permitted frame.
        """
        if self._position < 0:
            data = self._header(data)
        if not data or self._decoder is None:
            return
        # unmask by one XOR over the whole piece; the mask repeats every four bytes
        shift = self._position % 4
        key = (self._mask.to_bytes(4, "big") * 2)[shift:shift + 4]
        size = len(data)
        repeated = (key * (size // 4 + 1))[:size]
        plain = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
        self._position += size
        _feed(self._decoder, plain, False)

    def _header(self, data: bytes) -> bytes:
        """Takes header bytes from ``data``; what is left is payload."""
        head = self._head + data
        self._head = head[:14]
        self._check_first_byte(head[0])
        if len(head) < 2:
            return b""
        short = head[1] & 0x7F
        extra = {126: 2, 127: 8}.get(short, 0)
        if len(head) < 2 + extra:
            return b""
        size = int.from_bytes(head[2:2 + extra], "big") if extra else short
        if not head[0] & 0x08:
            if self._message is not None:
                self._message.check_room(size)
            elif size > self._max_bytes:
                raise FrameError(closecodes.TOO_BIG, f"message larger than {self._max_bytes} bytes")
        if len(head) < 6 + extra:
            return b""
        self._mask = int.from_bytes(head[2 + extra:6 + extra], "big")
        self._position = 0
        if self._text:
            self._decoder = _Decoder()
            if self._message is not None:
                self._decoder.setstate(self._message.decoder_state())
        return head[6 + extra:]

    def _check_first_byte(self, first: int) -> None:
        opcode = first & 0x0F
        if first & 0x70:
            raise FrameError(closecodes.PROTOCOL_ERROR, "reserved bit set without an extension")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise FrameError(closecodes.PROTOCOL_ERROR, f"opcode {opcode} is reserved")
        check_sequence(opcode, self._message)
        self._text = opcode == TEXT or (
            opcode == CONTINUATION and self._message is not None and self._message.opcode == TEXT)


def check_sequence(opcode: int, message: Fragments | None) -> None:
    """A data frame must fit the fragmented message in progress, or its absence.

    Raises:
        FrameError: a continuation of nothing, or a new message inside another.
    """
    if opcode == CONTINUATION:
        if message is None:
            raise FrameError(closecodes.PROTOCOL_ERROR, "continuation without a message")
    elif opcode < CLOSE and message is not None:
        raise FrameError(closecodes.PROTOCOL_ERROR, "new message inside a fragmented one")
