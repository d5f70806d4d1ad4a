"""One client on a WebSocket: hello, joined, gone. Also the pipeline's Source and the hub's Subscriber.

A session is passive: it has no task and no timer. Frames of a joined session go to the pipeline as
they came, undecoded; what comes back (acks, events, decoded control frames) is sent at once and
leaves with everything else of the same batch.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from zhike.bus.base import STAFF, Event, agent_key
from zhike.clock import to_datetime
from zhike.domain import wire
from zhike.domain.agent import ANY_SEAT, Seat
from zhike.domain.pages import Device, device_of
from zhike.domain.wire import MAX_FRAME_BYTES, MAX_HELLO_BYTES, ClientFrame, SendMessage
from zhike.errors import Lang, ZhikeError
from zhike.gateway import closecodes, seats
from zhike.gateway.connection import Connection
from zhike.gateway.follow import MAX_SEQ, Follow, catch_up
from zhike.gateway.places import check_watch
from zhike.gateway.ports import Joined

if TYPE_CHECKING:
    from zhike.gateway.gateway import Gateway

log = logging.getLogger(__name__)

NEW, HELD, JOINED, GONE = range(4)
"""No hello yet · the hello is being looked up or waits for the store · in · closing or closed."""

_MAX_REFUSALS: Final = 200
"""Refused frames a session may cause before it is closed: whoever ignores retry_after_s that often
is not going to heed it."""

_NO_HEADERS: Final[Mapping[str, str]] = {}


class Session:
    """See the module. Small on purpose: tens of thousands of these are idle at a time."""

    __slots__ = ("_refusals", "agent_id", "agent_name", "busy", "conn", "contact", "conversation_id",
                 "device", "follow", "gateway", "headers", "inbox_id", "inbox_ids", "key", "lang",
                 "last_client_msg_id", "past", "seat", "sender", "state", "watches")

    def __init__(self, gateway: Gateway, conn: Connection, headers: Mapping[str, str]) -> None:
        self.gateway = gateway
        self.conn = conn
        self.state = NEW
        self.headers = headers
        """Of the upgrade request; dropped once joined."""
        self.inbox_id = 0
        self.sender = ""
        self.key: tuple[int, str] = (0, "")
        self.agent_id = 0
        self.agent_name = ""
        self.last_client_msg_id = ""
        self.lang = "zh" if headers.get("accept-language", "").lower().startswith("zh") else ""
        self.conversation_id = 0
        self.contact: dict[str, str] = {}
        self.device: Device | None = None
        """What a visitor's browser says of itself; None: it asks not to be followed."""
        self.follow: Follow | None = None
        """A visitor's place in its current conversation."""
        self.past: Follow | None = None
        """And in the one before it, or in an older one that it asked for: what is late, or still
        missing there, gets through."""
        self.watches: dict[int, Follow] | None = None
        """An agent's places, by conversation."""
        self.inbox_ids: tuple[int, ...] = ()
        self.seat: Seat | None = None
        """What an agent may do here; None for visitors."""
        self.busy = 0
        """Reads this session has caused and that still run."""
        self._refusals = 0

    # ---- Handler: what the connection says ---------------------------------------------------

    def on_text(self, payload: bytes) -> None:
        """A whole message from the client."""
        if self.state == JOINED:
            gateway = self.gateway
            now_s = gateway.loop.time()
            wait_s = gateway.admission.message(self.key, now_s, agent=self.agent_id > 0)
            if wait_s:
                self.refuse(payload, ZhikeError("rate_limited", retry_after_s=round(wait_s + 0.05, 1)))
            elif gateway.draining:
                self.refuse(payload, ZhikeError("going_away", retry_after_s=1.0))
            else:
                gateway.counters.messages_in += 1
                if self.seat is not None and not seats.admits(self, self.seat, payload, now_s):
                    return
                error = gateway.backend.put(self, payload, now_s)
                if error is not None:
                    self.refuse(payload, error)
        elif self.state == NEW:
            self._hello(payload)
        else:
            self.refuse(payload, ZhikeError("starting", "Wait for welcome.", retry_after_s=0.5))

    def on_binary(self, _payload: bytes) -> None:
        """Frames are JSON text."""
        self.conn.close(closecodes.UNSUPPORTED_DATA, "frames are JSON text")

    def on_deadline(self) -> None:
        """No hello in time."""
        if self.state == NEW:
            self.fail(ZhikeError("hello_timeout"))

    def on_closed(self, _code: int) -> None:
        """The connection closes, whoever began: let go of everything."""
        state, self.state = self.state, GONE
        self.gateway.left(self, joined=state == JOINED)
        self.follow = self.past = self.watches = None
        self.headers = _NO_HEADERS

    def _hello(self, payload: bytes) -> None:
        conn = self.conn
        if len(payload) > MAX_HELLO_BYTES:
            self.fail(ZhikeError("too_long", f"hello is larger than {MAX_HELLO_BYTES} bytes."),
                      closecodes.TOO_BIG)
            return
        try:
            hello = wire.decode_hello(payload)
        except msgspec.MsgspecError as error:
            self.fail(ZhikeError("protocol_error", f"The first frame must be hello: {error}"))
            return
        except RecursionError:
            self.fail(ZhikeError("protocol_error", "The first frame must be hello."))
            return
        if hello.lang:
            self.last_client_msg_id = ""
        self.lang = "zh" if hello.lang.lower().startswith("zh") else "en"
        if hello.v != wire.PROTOCOL_VERSION:
            self.fail(ZhikeError("unsupported_version", f"v={hello.v}; this server speaks "
                                                        f"{wire.PROTOCOL_VERSION}."))
            return
        conn.deadline = 0
        self.state = HELD
        self.gateway.joins.put(self, hello)

    # ---- joining: called by joining.py -------------------------------------------------------

    def join(self, joined: Joined, hello: wire.Hello, heard_count: int) -> None:
        """The hello is good: subscribe, welcome, then catch up. ``heard_count``: the hub's, from before the
        look-up."""
        gateway = self.gateway
        self.inbox_id = joined.inbox_id
        self.sender = joined.sender
        self.agent_id = joined.agent_id
        self.agent_name = joined.agent_name
        agent = joined.agent_id
        self.key = (STAFF, agent_key(agent)) if agent else (joined.inbox_id, joined.sender)
        self.lang = joined.lang or self.lang
        self.contact = joined.contact or gateway.no_contact
        self.inbox_ids = joined.inbox_ids
        self.seat = (joined.seat or ANY_SEAT) if agent else None
        self.device = None if agent else device_of(self.headers)
        self.headers = _NO_HEADERS
        self.conn.max_bytes = MAX_FRAME_BYTES
        self.state = JOINED
        gateway.entered(self)
        self.send(gateway.welcome(self, joined))
        if not self.agent_id:
            self._resume_visitor(joined.conversation, hello)
            if gateway.hub.heard_since(self.key, heard_count):
                gateway.spawn(self._look_again(), self)

    def _resume_visitor(self, conversation: wire.ConversationState | None, hello: wire.Hello) -> None:
        if conversation is None:
            return
        if hello.after is None:
            self.read(self._follow(conversation.id, conversation.last_seq))
            return
        self.gateway.counters.resumed_total += 1
        after = max(0, min(hello.after, MAX_SEQ))
        if hello.conversation in (None, conversation.id):
            self.read(self._follow(conversation.id, min(after, conversation.last_seq)))
            return
        # another conversation than the client remembers: it has nothing of this one yet
        follow = self._follow(conversation.id, 0)
        follow.reading = True
        self.gateway.spawn(self._resume_both(Follow(hello.conversation, after), follow), self)

    async def _resume_both(self, older: Follow, current: Follow) -> None:
        """First what was missed of the conversation that the client remembers, if that is its own."""
        try:
            mine = await self.gateway.backend.owns(self.inbox_id, self.sender, older.conversation_id)
            if mine and self.follow is current:
                self.past = older
                await catch_up(self, older)
        finally:
            current.reading = False  # (it was kept back from live events meanwhile)
        if self.follows(current):
            await catch_up(self, current)

    async def _look_again(self) -> None:
        """Something was said between the look-up and the subscription: perhaps in another conversation."""
        state = await self.gateway.backend.current(self.inbox_id, self.sender)
        if state is not None and self.state == JOINED and state.id > self.conversation_id:
            self.read(self._follow(state.id, 0, named=False))

    def _follow(self, conversation_id: int, delivered: int, *, named: bool = True) -> Follow:
        self.conversation_id = conversation_id
        self.past = self.follow
        self.follow = follow = Follow(conversation_id, delivered, named=named)
        return follow

    def _named(self, conversation_id: int) -> None:
        """The client was told of a conversation, but nothing of what stands in it."""
        follow = self.follow
        if follow is None or conversation_id > follow.conversation_id:
            self.read(self._follow(conversation_id, 0))
        elif conversation_id == follow.conversation_id:
            follow.named = True

    def meant(self, conversation_id: int | None) -> int:
        """The conversation that a visitor means who names this one, or none: then the newest of those that
        were told of. 0 = there is none yet."""
        if conversation_id is None:
            follow = self.follow
            if follow is not None and not follow.known() and self.past is not None:
                return self.past.conversation_id
            return self.conversation_id
        return conversation_id

    def read(self, follow: Follow, *, answer_always: bool = False) -> None:
        """Starts reading from the store what this place lacks."""
        follow.reading = True  # before the task runs: events of this batch must not overtake it
        self.gateway.spawn(catch_up(self, follow, answer_always=answer_always), self)

    def follows(self, follow: Follow) -> bool:
        """True while this place is one the session still cares for."""
        if self.agent_id:
            return self.watches is not None and self.watches.get(follow.conversation_id) is follow
        return self.follow is follow or self.past is follow

    # ---- Subscriber: what the hub says -------------------------------------------------------

    def deliver(self, event: Event) -> None:
        """An event of a conversation this session follows."""
        agent = self.agent_id
        if agent and event.inbox_id == STAFF:  # for this person, on all pages
            self.send_masked(event.frame)
            return
        frame = event.agent_frame if agent else event.frame
        if not event.seq:
            if frame and agent:
                self._deliver_state(event, frame)
            elif frame and self._present(event):
                self.send(frame)
                self._named(event.conversation_id)
            return
        follow = self._place(event)
        if follow is None:
            return
        if follow.step(event.seq):
            if frame and agent:
                self.send_masked(frame)
            elif frame:
                self.send(frame)
        elif follow.behind():
            self.read(follow)

    def _present(self, event: Event) -> bool:
        """False for a piece of a draft of a holder who no longer speaks (it came late over the bus)."""
        follow = self.follow
        if follow is None or not event.epoch or follow.conversation_id != event.conversation_id:
            return True
        if event.epoch < follow.epoch:
            return False
        follow.epoch = event.epoch
        return True

    def deliver_list(self, event: Event) -> None:
        """A conversation of one of this agent's inboxes changed."""
        seat = self.seat
        if seat is not None and seat.scope.team_ids is not None:
            self.gateway.places.tell(self, seat.scope, event)
        else:
            self.send_masked(event.list_frame)

    def _deliver_state(self, event: Event, frame: bytes) -> None:
        """What is not numbered, for an agent. A new state may take a conversation out of their reach."""
        seat = self.seat
        if seat is not None and seat.scope.team_ids is not None and self.watches is not None:
            follow = self.watches.get(event.conversation_id)
            if follow is None:
                return
            if event.list_frame:
                follow.reading = True
                self.gateway.spawn(check_watch(self, event.conversation_id), self)
        self.send_masked(frame)

    def _place(self, event: Event) -> Follow | None:
        if self.agent_id:
            return self.watches.get(event.conversation_id) if self.watches else None
        follow, number = self.follow, event.conversation_id
        if follow is not None and number <= follow.conversation_id:
            if number == follow.conversation_id:
                return follow
            # late news of an older conversation must not take the visitor back to it
            return self.past if self.past is not None and number == self.past.conversation_id else None
        return self._follow(number, 0, named=False)  # the visitor's next conversation; numbers rise

    # ---- Source: what the pipeline says ------------------------------------------------------

    def on_stored(self, event: Event) -> None:
        """Acknowledges one message of this session. Called after the commit, never before."""
        ack = event.ack
        if ack is None or self.state != JOINED:
            return
        self.send(wire.encode(wire.Ack(ack.client_msg_id, ack.conversation_id, ack.seq, to_datetime(ack.at),
                                       ack.duplicate)))
        if not ack.duplicate and event.seq:
            follow = self._place(event)
            if follow is not None:
                follow.named = True
                if not follow.step(event.seq) and follow.behind():
                    self.read(follow)
        elif not self.agent_id:
            self._named(ack.conversation_id)

    def on_refused(self, client_msg_id: str, error: ZhikeError) -> None:
        """The pipeline did not take one message."""
        self.gateway.counters.refused[error.code] += 1
        self.send_error(error, client_msg_id)

    def on_control(self, frame: ClientFrame) -> None:
        """Everything a client sends but messages."""
        if self.state == JOINED:
            self.gateway.control(self, frame)

    # ---- sending -----------------------------------------------------------------------------

    def send(self, payload: bytes) -> None:
        """Queues one text frame ("" = nothing)."""
        if payload and self.conn.send_text(payload):
            self.gateway.counters.messages_out += 1

    def send_masked(self, payload: bytes) -> None:
        """Queues a frame with visitors' words, as far as this agent may read them."""
        self.send(self.masked(payload))

    def masked(self, payload: bytes) -> bytes:
        """A frame as this client may read it."""
        if self.seat is not None and not self.seat.clear:
            return self.gateway.backend.masked(payload)
        return payload

    def send_error(self, error: ZhikeError, client_msg_id: str = "") -> None:
        """Tells the client that a frame was refused; the connection goes on."""
        self.send(wire.encode(wire.ErrorFrame(error.body(self.words), client_msg_id)))

    def fail(self, error: ZhikeError, code: int = 0) -> None:
        """Tells the client why, and closes with the error's code."""
        self.gateway.counters.refused[error.code] += 1
        self.send_error(error)
        self.conn.close(code or closecodes.of_error(error.code), error.code)

    def refuse(self, payload: bytes, error: ZhikeError) -> None:
        """Answers a frame that was not put in; decoded only now, to name the message."""
        self._refusals += 1
        if error.code != "rate_limited":  # counted by admission
            self.gateway.counters.refused[error.code] += 1
        if self._refusals > _MAX_REFUSALS:
            self.conn.close(closecodes.OVERLOADED, "too many refused frames")
            return
        client_msg_id = ""
        try:
            frame: Any = wire.decode_client(payload)
            if isinstance(frame, SendMessage):
                client_msg_id = frame.client_msg_id
        except (msgspec.MsgspecError, RecursionError):
            pass  # it is refused anyway; what is wrong with it is told when it is sent again
        self.send_error(error, client_msg_id)

    @property
    def words(self) -> Lang:
        """The language errors are told in."""
        return "zh" if self.lang.lower().startswith("zh") else "en"
