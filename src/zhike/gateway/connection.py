"""One WebSocket connection: bytes in, messages out to its handler; and everything about its end.

It is the protocol of the real transport and the parser's listener at once. It knows frames,
heartbeats and closing, and nothing of what the messages say.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple, Protocol, cast

from zhike.errors import Lang
from zhike.gateway import adapter, closecodes, frames, handshake
from zhike.gateway.adapter import TEXT
from zhike.gateway.counters import Counters
from zhike.gateway.frames import TEXT_HEADS, FrameError, encode_text
from zhike.gateway.wheel import Wheel
from zhike.gateway.writer import Writer

_LARGE_BUFFER_BYTES: Final = 8 * 1024
"""A parser whose buffer has grown beyond this is replaced between two frames, at the next heartbeat:
one large message must not cost every connection 128 KiB for the rest of its life."""


class Handler(Protocol):
    """What a connection drives: a session, or the echo."""

    def on_text(self, payload: bytes) -> None:
        """A whole text message, checked to be UTF-8."""

    def on_binary(self, payload: bytes) -> None:
        """A whole binary message."""

    def on_deadline(self) -> None:
        """The tick in ``Connection.deadline`` has come."""

    def on_closed(self, code: int) -> None:
        """Called once, when closing begins (either side) or the connection is lost."""


class Beat(NamedTuple):
    """The heartbeat in ticks of the wheel.

    A connection is visited every ``quiet_ticks`` and pinged when it has been silent for longer.
    An idle peer that answers is thus pinged every second visit, once per heartbeat, and a dead
    one several times before ``gone_ticks``. ``linger_s``: from the close to the abort.
    """

    quiet_ticks: int
    gone_ticks: int
    linger_s: float


class Owner(Protocol):
    """What all connections share; see :class:`zhike.gateway.endpoint.Endpoint`."""

    loop: asyncio.AbstractEventLoop
    wheel: Wheel
    writer: Writer
    counters: Counters
    beat: Beat
    max_bytes: int

    def open(self, conn: Connection, request: handshake.Request) -> Handler:
        """Who serves this connection; may raise :class:`handshake.Refused`."""

    def opened(self, conn: Connection) -> None:
        """The 101 response is out."""

    def lost(self, conn: Connection) -> None:
        """The socket is gone, whatever it had become."""


class Connection(adapter.Listener, asyncio.Protocol):  # type: ignore[misc]
    """One socket that is, or is about to be, a WebSocket.

    It is the protocol of the real transport and picows' listener at once. The first bytes it gets
    must be the whole head of the upgrade request: the front door and uvicorn both hand it over so.
    """

    __slots__ = ("_arriving", "_handler", "_message", "_parser", "_plain", "_stand_in", "_tail", "_writable",
                 "_writer", "address", "closing", "deadline", "endpoint", "heard", "max_bytes", "out",
                 "out_bytes", "ticket", "transport", "wheel_slot")

    def __init__(self, endpoint: Owner) -> None:
        self.endpoint = endpoint
        self._writer = endpoint.writer
        self.transport: asyncio.Transport | None = None
        self.address = ""
        self.ticket: object = None
        """Admission's note of where this connection is counted."""
        self.max_bytes = endpoint.max_bytes
        self.heard = endpoint.wheel.now
        self.deadline = 0
        """Tick at which the handler wants ``on_deadline``; 0 = none."""
        self.closing = False
        self.out: list[bytes] | None = None
        self.out_bytes = 0
        self.wheel_slot = -1
        self._handler: Handler | None = None
        self._parser: Any = None
        self._stand_in: adapter.StandIn | None = None
        self._tail = 0
        self._plain = False
        self._message: frames.Fragments | None = None
        self._arriving: frames.Arriving | None = None
        self._writable: asyncio.Future[None] | None = None

    # ---- for the handler ---------------------------------------------------------------------

    def send_text(self, payload: bytes) -> bool:
        """Queues one text message; False if the connection closes or cannot take more."""
        if self.closing:
            return False
        size = len(payload)
        return self._writer.push(self, TEXT_HEADS[size] + payload if size < 1024 else encode_text(payload))

    def send_frame(self, frame: bytes) -> bool:
        """Queues one encoded frame."""
        return not self.closing and self._writer.push(self, frame)

    def close(self, code: int, reason: str = "", *, linger_s: float = 2.0, by_peer: bool = False) -> None:
        """Sends a close frame and ends our side; the peer has ``linger_s`` to end its own.

        Closing at once would make the kernel answer unread bytes with a reset, which can destroy
        the close frame on its way.
        """
        if self.closing:
            return
        self.closing = True
        endpoint = self.endpoint
        if by_peer:
            endpoint.counters.closed_by_peer += 1
        else:
            endpoint.counters.closed[code] += 1
        self._release(code)
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        endpoint.writer.write_out(self)
        transport.write(frames.encode_close(code, reason))
        transport.write_eof()
        endpoint.wheel.add(self, endpoint.wheel.ticks(linger_s))

    def abort(self) -> None:
        """Ends the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    def buffered_bytes(self) -> int:
        """What the peer has not read yet, as far as this process knows."""
        if self.transport is None:
            return 0
        return self.out_bytes if self.out is not None else self.transport.get_write_buffer_size()

    async def writable(self) -> None:
        """Returns when the transport's buffer is below its high-water mark, or the end has come."""
        if self._writable is not None:
            await asyncio.shield(self._writable)

    # ---- transport callbacks -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        endpoint = self.endpoint
        self.heard = endpoint.wheel.now
        parser = self._parser
        if parser is None:
            if not self.closing:
                self._upgrade_from(data)
            return
        writer = self._writer
        writer.held = True
        try:
            view = parser.get_buffer(-1)
            size = len(data)
            if size > len(view):
                self._parse_pieces(data)
            else:
                self._tail = -1
                # at the start of a frame its first byte tells all: final, text, no reserved bits
                self._plain = data[0] == 0x81 and self._arriving is None
                view[:size] = data
                parser.buffer_updated(size)
                if self._tail or self._arriving is not None:
                    self._look_at_rest(data)
            if self._stand_in is not None and self._stand_in.failure is not None:
                self.close(*self._stand_in.failure)
        except FrameError as error:
            self.close(error.code, error.reason)
        finally:
            writer.held = False
            if writer.dirty:
                writer.flush()

    def _parse_pieces(self, data: bytes) -> None:
        """A read larger than the parser's free space; the parser doubles it with every piece."""
        start = 0
        while start < len(data) and not self.closing:
            view = self._parser.get_buffer(-1)
            piece = data[start:start + len(view)]
            start += len(piece)
            self._tail = -1
            self._plain = False
            view[:len(piece)] = piece
            self._parser.buffer_updated(len(piece))
            if self._tail or self._arriving is not None:
                self._look_at_rest(piece)
            if self._stand_in is not None and self._stand_in.failure is not None:
                return

    def _look_at_rest(self, data: bytes) -> None:
        """Checks what has arrived of an unfinished frame; ``_tail``: bytes after the last whole one."""
        tail = self._tail
        if tail >= 0:
            self._arriving = None
            data = data[len(data) - tail:] if tail else b""
        if data and not self.closing and (self._stand_in is None or self._stand_in.failure is None):
            if self._arriving is None:
                self._arriving = frames.Arriving(self._message, self.max_bytes)
            self._arriving.feed(data)

    def eof_received(self) -> None:
        return None  # the transport closes itself

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = self.endpoint.loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    def connection_lost(self, exc: BaseException | None) -> None:
        endpoint = self.endpoint
        endpoint.wheel.remove(self)
        if not self.closing:
            self.closing = True
            endpoint.counters.closed[closecodes.ABNORMAL] += 1
            self._release(closecodes.ABNORMAL)
        self.resume_writing()
        self.transport = None
        self.out = None
        endpoint.lost(self)

    def on_slow(self) -> None:
        """The writer's bound is reached."""
        self.endpoint.counters.refused["slow_reader"] += 1
        self.close(closecodes.SLOW_READER, "slow_reader", linger_s=5.0)

    def on_wheel(self, now: int) -> int:
        """Heartbeat and deadlines; see :mod:`zhike.gateway.wheel`."""
        if self.closing:
            self.abort()
            return 0
        if 0 < self.deadline <= now and self._handler is not None:
            self.deadline = 0
            self._handler.on_deadline()
            if self.closing:
                return 0
        if self._arriving is None and self._parser is not None and len(
                self._parser.get_buffer(-1)) > _LARGE_BUFFER_BYTES:
            self._parser, self._stand_in = adapter.make_parser(self, self.endpoint.max_bytes)
        beat = self.endpoint.beat
        silent = now - self.heard
        if silent >= beat.gone_ticks:
            self.close(closecodes.HEARTBEAT_TIMEOUT, "heartbeat_timeout", linger_s=beat.linger_s)
            return 0
        if silent > beat.quiet_ticks:
            self.endpoint.counters.pings_out += 1
            self.send_frame(frames.PING_FRAME)
        again = min(beat.quiet_ticks, beat.gone_ticks - silent)
        return min(again, max(1, self.deadline - now)) if self.deadline else again

    # ---- the WebSocket -----------------------------------------------------------------------

    def upgrade(self, request: handshake.Request, rest: bytes) -> None:
        """Answers the upgrade request; ``rest``: bytes that came right behind it."""
        transport = self.transport
        assert transport is not None
        try:
            answer = handshake.accept(request)
            handler = self.endpoint.open(self, request)
        except handshake.Refused as refused:
            self._refuse(refused, request.lang)
            return
        self._parser, self._stand_in = adapter.make_parser(self, self.endpoint.max_bytes)
        self._handler = handler
        transport.write(answer)
        self.endpoint.opened(self)
        if rest:
            self.data_received(rest)

    def _upgrade_from(self, data: bytes) -> None:
        """uvicorn hands over: ``data`` is the head it has read, as bytes again."""
        head, _, rest = data.partition(b"\r\n\r\n")
        try:
            request = handshake.parse(head)
        except handshake.Refused as refused:
            self._refuse(refused, "en")
            return
        self.upgrade(request, rest)

    def _refuse(self, refused: handshake.Refused, lang: Lang) -> None:
        assert self.transport is not None
        self.closing = True
        self.endpoint.counters.refused[refused.error.code] += 1
        self.transport.write(handshake.refusal(refused.status, refused.error, lang))
        self.transport.close()
        self.endpoint.wheel.add(self, self.endpoint.wheel.ticks(2.0))  # aborts if that hangs

    def on_ws_connected(self, _transport: object) -> None: ...

    def on_ws_disconnected(self, _transport: object) -> None: ...

    def on_ws_frame(self, _transport: object, frame: Any) -> None:
        self._tail = frame.tail_size
        handler = self._handler
        if handler is None:
            return
        # asking picows for the type costs as much as all else here, so the usual case does without
        if self._message is None and (self._plain or (
                frame.msg_type is TEXT and frame.fin
                and not (frame.rsv1 or frame.rsv2 or frame.rsv3))):
            self._plain = False
            payload = frame.get_payload_as_bytes()
            if not payload.isascii():
                try:
                    payload.decode()
                except UnicodeDecodeError:
                    self.close(closecodes.INVALID_TEXT, "text is not UTF-8")
                    return
            handler.on_text(payload)
            return
        try:
            self._other_frame(handler, frame)
        except FrameError as error:
            self.close(error.code, error.reason)

    def _other_frame(self, handler: Handler, frame: Any) -> None:
        """Everything but a whole, plain text message."""
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise FrameError(closecodes.PROTOCOL_ERROR, "reserved bit set without an extension")
        opcode = int(frame.msg_type)
        payload = frame.get_payload_as_bytes()
        if opcode == frames.CLOSE:
            self.close(frames.parse_close(payload), by_peer=True)
        elif opcode == frames.PING:
            self.send_frame(frames.encode(frames.PONG, payload))
        elif opcode != frames.PONG:
            frames.check_sequence(opcode, self._message)
            if self._message is None:
                self._message = frames.Fragments(opcode, self.max_bytes)
            kind = self._message.opcode
            whole = self._message.add(payload, bool(frame.fin))
            if whole is not None:
                self._message = None
                if kind == frames.TEXT:
                    handler.on_text(whole)
                else:
                    handler.on_binary(whole)

    def _release(self, code: int) -> None:
        """Lets go of all that an open connection needed, before the socket itself is gone."""
        handler, self._handler = self._handler, None
        self._parser = self._stand_in = self._message = self._arriving = None
        if handler is not None:
            handler.on_closed(code)
