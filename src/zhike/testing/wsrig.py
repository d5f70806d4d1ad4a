"""A gateway on invented sockets and an invented desk, for tests in virtual time.

The bytes are real: a :class:`Client` speaks masked frames to the real adapter and parser. Only the
kernel's sockets, the store and the pipeline are replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from zhike.bus.base import Event, Stored
from zhike.domain import wire
from zhike.domain.agent import Place, Seat
from zhike.domain.assist import Assist, AssistDone
from zhike.domain.message import Message
from zhike.domain.wire import ClientFrame, ConversationState, Hello, Rate, SendMessage
from zhike.errors import ZhikeError
from zhike.gateway.connection import Connection
from zhike.gateway.gateway import Gateway
from zhike.gateway.ports import Joined, Source

UPGRADE = (b"GET /ws HTTP/1.1\r\nHost: desk.example\r\nConnection: keep-alive, Upgrade\r\n"
           b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://shop.example\r\n")
MASK = b"\x11\x22\x33\x44"


class FakeTransport(asyncio.Transport):
    """A socket whose peer reads all at once, or nothing while ``stuck``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, peer: str = "198.51.100.7") -> None:
        super().__init__()
        self.loop = loop
        self.peer = peer
        self.protocol: Any = None
        self.read = b""
        """What the peer has read."""
        self.waiting = b""
        self.stuck = False
        self.writes = 0
        self.eof = False
        self.aborted = False
        self.reading = True
        self._closing = False
        self._lost = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self.peer, 40000) if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def write(self, data: Any) -> None:
        assert not self.eof, "write after write_eof"
        assert not self._closing, "write after close"
        self.writes += 1
        self.waiting += bytes(data)
        if not self.stuck:
            self.peer_reads()
        elif len(self.waiting) > 65536:
            self.protocol.pause_writing()

    def peer_reads(self) -> None:
        """The peer takes all that waits."""
        self.read += self.waiting
        self.waiting = b""
        if self.protocol is not None:
            self.protocol.resume_writing()

    def write_eof(self) -> None:
        self.eof = True

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self._closing = True
        self._lose()

    def abort(self) -> None:
        self.aborted = self._closing = True
        self._lose()

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            self.loop.call_soon(self.protocol.connection_lost, None)


class Client:
    """One WebSocket client of a gateway under test."""

    def __init__(self, gateway: Gateway, *, peer: str = "198.51.100.7", headers: bytes = b"") -> None:
        self.transport = FakeTransport(gateway.loop, peer)
        self.conn: Connection = gateway.connection()
        self.transport.protocol = self.conn
        self.conn.connection_made(self.transport)
        self.conn.data_received(UPGRADE + headers + b"\r\n")
        self.head, _, self.transport.read = self.transport.read.partition(b"\r\n\r\n")
        self.close_code: int | None = None
        self.pings = 0

    def say(self, payload: Mapping[str, Any] | bytes) -> None:
        """Sends one text message."""
        data = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        self.conn.data_received(masked(0x81, data))

    def hello(self, **fields: Any) -> list[dict[str, Any]]:
        """Sends hello; returns what has come back so far."""
        self.say({"type": "hello", "inbox": "shop", **fields})
        return self.frames()

    def pong(self) -> None:
        """What a live browser does with a ping."""
        self.conn.data_received(masked(0x8A, b""))

    def frames(self) -> list[dict[str, Any]]:
        """The frames that came since the last call; notes pings and the close code."""
        got: list[dict[str, Any]] = []
        data = self.transport.read
        while data:
            assert data[0] & 0xF0 == 0x80
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(data[2:10], "big"), 10
            payload, opcode = data[start:start + size], data[0] & 0x0F
            data = data[start + size:]
            if opcode == 1:
                got.append(msgspec.json.decode(payload))
            elif opcode == 9:
                self.pings += 1
            elif opcode == 8:
                self.close_code = int.from_bytes(payload[:2], "big")
        self.transport.read = b""
        return got

    def of(self, kind: str) -> list[dict[str, Any]]:
        """As :meth:`frames`, only those of one type."""
        return [frame for frame in self.frames() if frame["type"] == kind]


def masked(first: int, payload: bytes) -> bytes:
    """One client frame."""
    size = len(payload)
    head = bytes((first, 0x80 | size)) if size < 126 else (
        bytes((first, 0xFE)) + size.to_bytes(2, "big") if size < 65536
        else bytes((first, 0xFF)) + size.to_bytes(8, "big"))
    return head + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


async def turns(count: int = 20) -> None:
    """Lets what is ready run, without moving the time."""
    for _ in range(count):
        await asyncio.sleep(0)


class FakeDesk:
    """A Backend in memory: one inbox, messages in lists, an answer for every question.

    ``lag``: how many of the newest messages reads do not see yet. ``slow_s``: how long they take.
    """

    def __init__(self, gateway: Gateway, *, ready: bool = True) -> None:
        self.gateway = gateway
        self.ready = ready
        self.refusal: ZhikeError | None = None
        self.join_error: Exception | None = None
        self.messages: dict[int, list[Message]] = {}
        self.open: dict[tuple[int, str], int] = {}
        self.owners: dict[int, tuple[int, str]] = {}
        self.resolved: set[int] = set()
        self.controls: list[ClientFrame] = []
        self.joins: list[tuple[Hello, str, str]] = []
        self.reads = 0
        self.seat: Seat | None = None
        self.places: dict[int, Place] = {}
        self.place_reads = 0
        self.lag = 0
        self.agent_pages: list[tuple[int, int, int]] = []
        self.ratings: dict[int, tuple[int, str]] = {}
        self.slow_s = 0.0
        self.proposal: tuple[str, ...] = ()
        self.assists_left = 0
        self.unsettled: asyncio.Future[None] | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._next = 1

    def when_ready(self, callback: Callable[[], None]) -> None:
        if self.ready:
            callback()
        else:
            self._callbacks.append(callback)

    def become_ready(self) -> None:
        """The store is open now."""
        self.ready = True
        for callback in self._callbacks:
            callback()

    def put(self, source: Source, payload: bytes, arrived_s: float) -> ZhikeError | None:
        if self.refusal is not None:
            return self.refusal
        try:
            frame = wire.decode_client(payload)
        except msgspec.MsgspecError as error:
            source.on_refused("", ZhikeError("protocol_error", str(error)))
            return None
        if not isinstance(frame, SendMessage):
            source.on_control(frame)
            return None
        events = self.store(source.inbox_id, source.sender, frame.text, source=source,
                            client_msg_id=frame.client_msg_id)
        events += self.store(source.inbox_id, source.sender, f"re: {frame.text}", outgoing=True)
        self.gateway.hub.handle(events)
        return None

    def begin(self, inbox_id: int, sender: str) -> int:
        """A new conversation of this sender."""
        number = self.open[(inbox_id, sender)] = self._next
        self.messages[number] = []
        self.owners[number] = (inbox_id, sender)
        self._next += 1
        return number

    def store(self, inbox_id: int, sender: str, text: str, *, source: Any = None, client_msg_id: str = "",
              outgoing: bool = False, note: bool = False) -> list[Event]:
        """Stores one message; returns its event, which is not published yet."""
        number = self.open.get((inbox_id, sender), 0)
        if not number or number in self.resolved:
            number = self.begin(inbox_id, sender)
        stored = self.messages[number]
        seq = len(stored) + 1
        stored.append(Message(number, seq, "note" if note else "outgoing" if outgoing else "incoming",
                              "bot" if outgoing else "contact", text, 1_700_000_000_000 + seq))
        frame = wire.encode({"type": "message", "conversation": number, "seq": seq, "text": text})
        return [Event(number, inbox_id, sender, seq=seq, frame=b"" if note else frame, agent_frame=frame,
                      list_frame=b'{"type":"conversation"}', source=source,
                      ack=Stored(client_msg_id, number, seq, 1_700_000_000_000) if source else None)]

    async def assist(self, session: Any, frame: Assist, say: Callable[[int, str], None]) -> AssistDone:
        """Says ``proposal`` piece by piece, after ``slow_s`` each; without pieces there is no model."""
        if not self.proposal:
            raise ZhikeError("no_model")
        offset = 0
        try:
            for piece in self.proposal:
                await asyncio.sleep(self.slow_s)
                say(offset, piece)
                offset += len(piece)
        except asyncio.CancelledError:
            self.assists_left += 1
            raise
        return AssistDone(frame.assist_id, frame.conversation, "".join(self.proposal))

    async def join_visitor(self, hello: Hello, origin: str, address: str, host: str) -> Joined:
        self.joins.append((hello, origin, address))
        assert host == "desk.example" or host.startswith("127.0.0.1:"), host
        sender = hello.token or f"v{len(self.joins)}"
        number = self.open.get((1, sender))
        state = None if number is None else self.state(number)
        await asyncio.sleep(self.slow_s)
        if self.join_error is not None:
            raise self.join_error
        return Joined("visitor", inbox_id=1, sender=sender, token=sender, conversation=state)

    async def join_agent(self, hello: Hello, headers: Mapping[str, str], address: str) -> Joined:
        if "cookie" not in headers:
            raise ZhikeError("unauthenticated")
        return Joined("agent", agent_id=7, agent_name="Wang", inbox_ids=(1,), seat=self.seat)

    async def current(self, inbox_id: int, sender: str) -> ConversationState | None:
        number = self.open.get((inbox_id, sender))
        return None if number is None or number in self.resolved else self.state(number)

    async def owns(self, inbox_id: int, sender: str, conversation_id: int) -> bool:
        await asyncio.sleep(self.slow_s)
        return (inbox_id, sender) == self.owners.get(conversation_id)

    def state(self, number: int) -> ConversationState:
        """The conversation as clients see it."""
        count = len(self.messages[number])
        if number in self.resolved:
            return ConversationState(number, "resolved", "none", 2, count)
        return ConversationState(number, "pending", "bot", 1, count)

    async def after(self, conversation_id: int, after: int, limit: int) -> Sequence[Message]:
        self.reads += 1
        stored = self.messages[conversation_id]
        seen = stored[:len(stored) - self.lag]
        await asyncio.sleep(self.slow_s)
        return [message for message in seen if message.seq > after][:limit]

    async def before(self, conversation_id: int, before: int | None, limit: int) -> Sequence[Message]:
        return [message for message in self.messages[conversation_id]
                if before is None or message.seq < before][-limit:]

    def control(self, session: Source, frame: ClientFrame) -> None:
        self.controls.append(frame)

    async def may_watch(self, session: Source, conversation_id: int) -> ConversationState:
        if conversation_id not in self.messages:
            raise ZhikeError("not_found")
        await asyncio.sleep(self.slow_s)
        seat, place = getattr(session, "seat", None), self.places.get(conversation_id)
        if seat is not None and place is not None and not place.seen_by(seat.scope, 1):
            raise ZhikeError("not_found")
        return self.state(conversation_id)

    async def place_of(self, conversation_id: int) -> Place | None:
        self.place_reads += 1
        await asyncio.sleep(self.slow_s)
        return self.places.get(conversation_id)

    def masked(self, frame: bytes) -> bytes:
        return frame.replace(b"13800138000", b"138****8000")

    def pages(self, agent_id: int, sockets: int, active: int) -> None:
        self.agent_pages.append((agent_id, sockets, active))

    async def rate(self, session: Source, frame: Rate) -> None:
        if frame.conversation not in self.resolved:
            raise ZhikeError("not_found", field="conversation")
        self.ratings[frame.conversation] = (frame.score, frame.comment)

    async def settle(self) -> None:
        if self.unsettled is not None:
            await self.unsettled
