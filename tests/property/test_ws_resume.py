"""Resume: whatever is lost, late, cut or reread, and however often a conversation ends and another begins,
a client gets 1, 2, 3 … of each conversation, each once and in order."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from zhike.bus.base import Event
from zhike.gateway import follow
from zhike.gateway.gateway import Gateway
from zhike.gateway.limits import Limits
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import Client, FakeDesk, turns

step = st.one_of(
    st.tuples(st.just("say"), st.integers(1, 3)),        # the client sends
    st.tuples(st.just("reply"), st.integers(1, 3)),      # someone answers; the event arrives at once
    st.tuples(st.just("lose"), st.integers(1, 3)),       # stored, the event never arrives
    st.tuples(st.just("delay"), st.integers(1, 3)),      # stored, the event arrives later
    st.tuples(st.just("arrive"), st.integers(0, 5)),     # one delayed event arrives, in any order
    st.tuples(st.just("resolve"), st.just(0)),           # what is stored next begins another conversation
    st.tuples(st.just("cut"), st.just(0)),               # the connection is lost and comes back
    st.tuples(st.just("resume"), st.integers(0, 1)),     # the client asks again on the same connection,
                                                         # naming the conversation or not
    st.tuples(st.just("slow"), st.integers(0, 4)),       # reads take this long (x 10 ms)
    st.tuples(st.just("wait"), st.integers(0, 10)),      # time passes (x 10 ms)
)


class Visitor:
    """A client that checks what it is given."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.client: Client | None = None
        self.conversation = 0
        """The newest that it has seen something of."""
        self.lasts: Counter[int] = Counter()
        """It has everything up to here, by conversation."""
        self.acked: set[tuple[int, int]] = set()
        self.sent = 0

    @property
    def last(self) -> int:
        """In the newest conversation."""
        return self.lasts[self.conversation]

    def read(self) -> None:
        """Takes what came. Its place moves by messages and by its own acks."""
        assert self.client is not None
        for frame in self.client.frames():
            if frame["type"] == "ack":
                place = (frame["conversation"], frame["seq"])
                assert place not in self.acked, "acknowledged twice"
                self.acked.add(place)
                self.conversation = max(self.conversation, frame["conversation"])
            elif frame["type"] == "message":
                self.take(frame["conversation"], frame["seq"])
            elif frame["type"] == "messages":
                for item in frame["items"]:
                    self.take(frame["conversation"], item["seq"])
        for conversation in {conversation for conversation, _ in self.acked}:
            self.skip_own(conversation)

    def take(self, conversation: int, seq: int) -> None:
        """One message: the next one, or one of its own that the ack told of before."""
        self.skip_own(conversation, before=seq)
        self.conversation = max(self.conversation, conversation)
        last = self.lasts[conversation]
        if (conversation, seq) in self.acked and seq <= last:
            return
        assert seq == last + 1, f"{conversation}: after {last} came {seq}"
        self.lasts[conversation] = seq

    def skip_own(self, conversation: int, before: int = 1 << 60) -> None:
        """Its own messages are acknowledged instead of sent."""
        while (conversation, self.lasts[conversation] + 1) in self.acked and (
                self.lasts[conversation] + 1 <= before):
            self.lasts[conversation] += 1

    async def connect(self) -> None:
        """As the widget does after any loss."""
        if self.client is not None:
            self.read()
            self.client.transport.abort()
        self.client = Client(self.gateway)
        remembered = {"conversation": self.conversation} if self.conversation else {}
        self.client.hello(token="t", after=self.last, **remembered)


async def play(loop: VirtualLoop, steps: list[tuple[str, int]]) -> None:
    gateway = Gateway(loop, Limits(messages_per_s=10_000, burst=10_000), now=loop.now_ms)
    desk = FakeDesk(gateway)
    gateway.set_backend(desk)
    gateway.start()
    visitor = Visitor(gateway)
    delayed: list[Event] = []
    await visitor.connect()
    await turns()
    for kind, count in steps:
        if kind == "say":
            assert visitor.client is not None
            for _ in range(count):
                visitor.sent += 1
                visitor.client.say({"type": "message", "client_msg_id": f"a.{visitor.sent}", "text": "x"})
        elif kind in ("reply", "lose", "delay"):
            for _ in range(count):
                events = desk.store(1, "t", "y", outgoing=True)
                if kind == "reply":
                    gateway.hub.handle(events)
                elif kind == "delay":
                    delayed += events
        elif kind == "arrive" and delayed:
            gateway.hub.handle([delayed.pop(count % len(delayed))])
        elif kind == "resolve" and (1, "t") in desk.open:
            desk.resolved.add(desk.open[(1, "t")])
        elif kind == "cut":
            await visitor.connect()
        elif kind == "resume":
            visitor.read()
            assert visitor.client is not None
            named = {"conversation": visitor.conversation} if count and visitor.conversation else {}
            visitor.client.say({"type": "resume", "after": visitor.last, **named})
        elif kind == "slow":
            desk.slow_s = count / 100
        elif kind == "wait":
            await asyncio.sleep(count / 100)
        visitor.read()
    desk.slow_s = 0.0
    # any live message heals what was lost before it
    gateway.hub.handle(desk.store(1, "t", "last", outgoing=True))
    await asyncio.sleep(2)
    visitor.read()
    current = desk.open[(1, "t")]
    assert visitor.client is not None
    assert visitor.client.close_code is None
    assert (visitor.conversation, visitor.last) == (current, len(desk.messages[current]))
    # and so does coming back, though another conversation has begun meanwhile
    desk.store(1, "t", "while away", outgoing=True)
    desk.resolved.add(current)
    desk.store(1, "t", "and in the next one", outgoing=True)
    await visitor.connect()
    await asyncio.sleep(1)
    visitor.read()
    assert visitor.lasts[current] == len(desk.messages[current])
    assert (visitor.conversation, visitor.last) == (desk.open[(1, "t")], 1)


@settings(max_examples=250, deadline=None)
@given(st.lists(step, max_size=25), st.sampled_from([2, 3, 100]))
# a late event arrives while the read that will bring it too is running
# a conversation ends and another begins while the visitor is being looked up
@example([("say", 1), ("cut", 0), ("wait", 0), ("resolve", 0)], 2)
# … or the first begins, and its first event is lost
@example([("say", 1), ("resolve", 0), ("lose", 1), ("reply", 1), ("resume", 0)], 2)
@example([("lose", 1)], 2)
@example([("say", 1), ("resolve", 0), ("lose", 1), ("say", 1), ("resume", 0)], 2)
@example([("lose", 1), ("say", 1), ("resolve", 0), ("lose", 1), ("reply", 1), ("resume", 0)], 2)
@example([("say", 1), ("slow", 4), ("delay", 1), ("reply", 1), ("wait", 1), ("arrive", 0), ("wait", 9)], 100)
def test_every_message_arrives_once_and_in_order(steps: list[tuple[str, int]], page: int) -> None:
    saved: Any = follow.PAGE_MESSAGES
    follow.PAGE_MESSAGES = page  # type: ignore[misc]
    try:
        run_virtual(lambda loop: play(loop, steps))
    finally:
        follow.PAGE_MESSAGES = saved  # type: ignore[misc]
