"""One visitor of the load: a non-blocking socket, the protocol's client side, and its book-keeping.

No task, no future: the worker's poll loop calls :meth:`Session.on_event`. The session counts what a
real client could see: acks, gaps, doubled and reordered messages, unanswered questions.
"""

from __future__ import annotations

import errno
import socket
from array import array
from time import monotonic
from typing import TYPE_CHECKING

from zhike.ops.bench import frames
from zhike.ops.bench.delivery import Delivery
from zhike.ops.bench.load import Entry, Question
from zhike.ops.bench.poller import IN, OUT
from zhike.ops.bench.readback import checksum

if TYPE_CHECKING:
    from zhike.ops.bench.client import Client

NEW, CONNECTING, UPGRADING, JOINING, RESUMING, READY, CLOSED, BROKEN = range(8)
"""RESUMING: pages of what was missed are still coming. BROKEN: the server said
that this session must not come back."""

_BUFFER = bytearray(256 * 1024)
_VIEW = memoryview(_BUFFER)
_BIND_LATE = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)


class Session:
    """One visitor. ``seqs[n-1]`` is the seq that message n was acknowledged with, 0 before."""

    __slots__ = ("blocked", "client", "conversation", "delivery", "fd", "index", "mask", "n", "orphans",
                 "out", "partial", "pending", "readback", "resume_to", "seqs", "sock", "source",
                 "state", "stream", "sums", "token", "waiting")

    def __init__(self, client: Client, index: int, stream: str, source: str) -> None:
        self.client = client
        self.index = index
        self.stream = stream.encode()
        self.source = source
        """Local address to bind, or "" for any."""
        self.sock: socket.socket | None = None
        self.fd = -1
        self.mask = 0
        self.state = NEW
        self.partial = b""
        self.out = b""
        self.token = ""
        self.conversation = 0
        self.delivery = Delivery()
        self.n = 0
        self.seqs = array("q")
        self.sums = array("L")
        """Checksum of every text said, to tell an altered one."""
        self.waiting: dict[int, Entry] = {}
        """n → question, until it is answered."""
        self.pending: dict[int, int] = {}
        """seq → n of what is acknowledged and not yet answered."""
        self.orphans: set[int] = set()
        """Answered seqs whose ack has not come (only after a reconnect)."""
        self.blocked = False
        """True between a refusal and the resend."""
        self.readback: list[frames.Item] | None = None
        self.resume_to = 0
        """After a reconnect: the seq up to which pages are still to come before anything is resent."""

    # ---- socket ------------------------------------------------------------------------------

    def connect(self) -> None:
        """Start a connection; the outcome arrives as an event."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.fd, self.state = sock, sock.fileno(), CONNECTING
        self.partial, self.out, self.mask = b"", b"", IN | OUT
        try:
            if self.source:
                # Choose the port at connect time: the same port may then serve several addresses.
                sock.setsockopt(socket.IPPROTO_IP, _BIND_LATE, 1)
                sock.bind((self.source, 0))
            code = sock.connect_ex((self.client.host, self.client.port))
        except OSError as exc:
            code = exc.errno or errno.EIO
        if code not in (0, errno.EINPROGRESS):
            self.drop(errno.errorcode.get(code, str(code)))
            return
        self.client.watch(self)

    def drop(self, why: str, abort: bool = False) -> None:
        """Close the socket (``abort``: with RST) and tell the client process why."""
        if self.sock is not None:
            if abort:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.client.unwatch(self)
            self.sock.close()
            self.sock = None
        before, self.state = self.state, CLOSED
        self.client.on_closed(self, before, why)

    def write(self, data: bytes) -> None:
        """Send now what fits, the rest when the socket can take it."""
        sock = self.sock
        if sock is None:
            return
        if self.out:
            self.out += data
            return
        try:
            sent = sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self.drop(errno.errorcode.get(exc.errno or 0, "send"))
            return
        if sent < len(data):
            self.out = data[sent:]
            self.client.mask(self, IN | OUT)

    def on_event(self, mask: int) -> None:
        """The socket is readable, writable or broken."""
        if self.state == CONNECTING and mask & OUT:
            assert self.sock is not None
            code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self.drop(errno.errorcode.get(code, str(code)))
                return
            self.state = UPGRADING
            self.client.mask(self, IN)
            self.write(self.client.request)
            return
        if mask & OUT and self.out and self.sock is not None:
            data, self.out = self.out, b""
            self.write(data)
            if not self.out and self.sock is not None:
                self.client.mask(self, IN)
        if mask & ~OUT:
            self._read()

    def _read(self) -> None:
        sock = self.sock
        if sock is None:
            return
        kept = self.partial
        start = len(kept)
        if start:
            _BUFFER[:start] = kept
        try:
            got = sock.recv_into(_VIEW[start:])
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self.drop(errno.errorcode.get(exc.errno or 0, "recv"))
            return
        if not got:
            self.drop("eof")
            return
        end = start + got
        if self.state == UPGRADING:
            pos = self._upgraded(end)
            if pos < 0:
                return
        else:
            pos = 0
        now = monotonic()
        echo = self.client.echo
        replies: list[bytes] = []
        while end - pos >= 2:
            first, size, head = _BUFFER[pos], _BUFFER[pos + 1], 2
            if size == 126:
                if end - pos < 4:
                    break
                size, head = (_BUFFER[pos + 2] << 8) | _BUFFER[pos + 3], 4
            elif size == 127:
                if end - pos < 10:
                    break
                size, head = int.from_bytes(_VIEW[pos + 2:pos + 10], "big"), 10
                if size > len(_BUFFER) - 16:
                    self.client.totals.bad_frames += 1
                    self.drop("frame too large", abort=True)
                    return
            body = pos + head
            pos_next = body + size
            if pos_next > end:
                break
            if first == 0x81:
                if echo:
                    self._on_echo(now, replies)
                else:
                    self._on_frame(_VIEW[body:pos_next], now, replies)
            elif first == 0x89:
                self.client.totals.pings += 1
                replies.append(frames.pong_frame(bytes(_VIEW[body:pos_next])))
            elif first == 0x88:
                code = int.from_bytes(_VIEW[body:body + 2], "big") if size >= 2 else 1005
                self._on_close(code)
                return
            elif first not in (0x82, 0x8A):
                self.client.totals.bad_frames += 1
            if self.sock is None:
                return
            pos = pos_next
        self.partial = bytes(_VIEW[pos:end]) if pos < end else b""
        if replies:
            self.write(replies[0] if len(replies) == 1 else b"".join(replies))

    def _upgraded(self, end: int) -> int:
        """Where the frames begin once the HTTP answer is complete, else -1."""
        head_end = _BUFFER.find(b"\r\n\r\n", 0, end)
        if head_end < 0:
            self.partial = bytes(_VIEW[:end])
            return -1
        line = bytes(_BUFFER[:_BUFFER.find(b"\r\n")])
        if b" 101 " not in line:
            self.drop(f"HTTP {line[9:12].decode('ascii', 'replace')}")
            return -1
        self.partial = b""
        if self.client.echo:
            self._ready()
        else:
            self.state = JOINING
            after = 0 if self.readback is not None else self.delivery.known_up_to()
            self.write(frames.hello_frame(self.client.inbox, self.token, self.conversation, after))
        return head_end + 4

    def _on_close(self, code: int) -> None:
        if 4500 <= code < 5000:
            self.drop(f"close {code}")
            self.state = BROKEN
        else:
            self.drop(f"close {code}")

    # ---- protocol ----------------------------------------------------------------------------

    def ask(self, question: Question, due_s: float) -> bytes:
        """Note the question as the next message and give its frame (empty: goes with the resend)."""
        self.n = n = self.n + 1
        self.seqs.append(0)
        self.sums.append(checksum(question[2]))
        self.waiting[n] = (due_s, question)
        totals = self.client.totals
        totals.asked += 1
        totals.inflight += 1
        if self.state != READY or self.blocked:
            return b""
        return frames.message_frame(self.stream, n, question[2])

    def resend(self) -> None:
        """Send every message without an ack again, in order, with the same ids."""
        self.blocked = False
        if self.state != READY:
            return
        seqs, out = self.seqs, []
        for n, (_, question) in self.waiting.items():
            if not seqs[n - 1]:
                out.append(frames.message_frame(self.stream, n, question[2]))
        if out:
            self.client.totals.resent += len(out)
            self.write(b"".join(out))

    def _ready(self) -> None:
        self.state, self.resume_to = READY, 0
        self.client.on_ready(self)

    def _on_echo(self, now: float, replies: list[bytes]) -> None:
        for n in self.waiting:  # the oldest: dicts keep their order
            self._answered(n, now, None, replies)
            return
        self.client.totals.doubled += 1

    def _on_frame(self, payload: memoryview, now: float, replies: list[bytes]) -> None:
        try:
            frame = frames.decode(payload)
        except ValueError as exc:
            self.client.totals.bad_frames += 1
            self.client.note(str(exc))
            return
        if isinstance(frame, frames.Ack):
            self._on_ack(frame, now, replies)
        elif isinstance(frame, frames.Message):
            self._delivered(frame.conversation, frame.seq, False, "message")
            for seq in frame.answers:
                self._on_answer(seq, now, frame.source, replies)
        elif isinstance(frame, frames.Messages):
            self._on_page(frame, now, replies)
        elif isinstance(frame, frames.Welcome):
            if frame.token:
                self.token = frame.token
            self._on_welcome(frame.conversation)
        elif isinstance(frame, frames.ErrorFrame):
            self._on_refused(frame)

    def _on_welcome(self, conversation: frames.Conversation | None) -> None:
        if self.readback is not None:
            self.state = READY
            if conversation is None or not conversation.last_seq:
                self.client.on_readback(self)
        elif conversation is not None and conversation.id != self.conversation and conversation.last_seq:
            # Cut before the first ack: the conversation was not known when the hello was sent.
            self.conversation, self.delivery = conversation.id, Delivery()
            self.state, self.resume_to = RESUMING, conversation.last_seq
            self.write(frames.resume_frame(conversation.id, 0))
        elif conversation is not None and conversation.last_seq > self.delivery.known_up_to():
            self.state, self.resume_to = RESUMING, conversation.last_seq
        else:
            self._ready()

    def _odd(self, what: str) -> None:
        """Tell what was not as promised, with enough around it to find the cause."""
        self.client.note(f"{self.stream.decode()} in conversation {self.conversation}: {what}; "
                         f"said {self.n}, acks {self.seqs[-4:].tolist()}, waiting {list(self.waiting)[:6]}")

    def _delivered(self, conversation: int, seq: int, own: bool, what: str) -> None:
        if conversation != self.conversation:
            self.conversation, self.delivery = conversation, Delivery()
        odd = self.delivery.on_message(seq)
        if not odd or (odd == "again" and own and seq in self.seqs):
            return  # the second: a page brings an own message that was acknowledged while it was read
        if odd == "gap":
            self.client.totals.gaps += 1
        else:
            self.client.totals.reordered += 1
        self._odd(f"{what} {seq}: {odd}")

    def _on_ack(self, ack: frames.Ack, now: float, replies: list[bytes]) -> None:
        n = int(ack.client_msg_id.rpartition(".")[2])
        seqs, totals = self.seqs, self.client.totals
        if not 1 <= n <= len(seqs):
            totals.bad_frames += 1
            return
        before = seqs[n - 1]
        if before:
            if before != ack.seq:
                totals.wrong_acks += 1
                self._odd(f"second ack of {n}: {ack.seq}, first {before}")
            return
        seqs[n - 1] = ack.seq
        totals.acked += 1
        if ack.conversation != self.conversation:
            self.conversation, self.delivery = ack.conversation, Delivery()
        if self.delivery.on_ack(ack.seq, ack.duplicate):
            totals.reordered += 1
            self._odd(f"ack of {n}: {ack.seq} is not above the one before")
        entry = self.waiting.get(n)
        if entry is None:
            return
        self.pending[ack.seq] = n
        self.client.on_ack(entry[0], now)
        if ack.seq in self.orphans:
            self.orphans.discard(ack.seq)
            self._on_answer(ack.seq, now, None, replies)

    def _on_answer(self, seq: int, now: float, source: frames.Source | None, replies: list[bytes]) -> None:
        n = self.pending.pop(seq, 0)
        if n:
            self._answered(n, now, source, replies)
        elif seq in self.seqs:
            self.client.totals.doubled += 1
            self._odd(f"a second answer to {seq}")
        else:
            self.orphans.add(seq)

    def _answered(self, n: int, now: float, source: frames.Source | None, replies: list[bytes]) -> None:
        entry = self.waiting.pop(n)
        totals = self.client.totals
        totals.answered += 1
        totals.inflight -= 1
        more = self.client.on_answer(self, entry, now, source)
        if more:
            replies.append(more)

    def _on_page(self, page: frames.Messages, now: float, replies: list[bytes]) -> None:
        if self.readback is not None:
            self.readback.extend(page.items)
            if not page.more:
                self.client.on_readback(self)
            return
        for item in page.items:
            self._delivered(page.conversation, item.seq, item.direction == "incoming", "page")
            for seq in item.answers:
                self._on_answer(seq, now, item.source, replies)
        if self.state == RESUMING and self.delivery.known_up_to() >= self.resume_to:
            self._ready()

    def _on_refused(self, frame: frames.ErrorFrame) -> None:
        error = frame.error
        self.client.totals.refused[error.code] += 1
        if not frame.client_msg_id or self.blocked:
            return
        if error.retry == "never":
            self.drop(f"refused {error.code}")
            self.state = BROKEN
            return
        # Message n must be stored before n + 1: wait, then begin again at the earliest without an ack.
        self.blocked = True
        self.client.later(error.retry_after_s or 0.05, self.resend)
