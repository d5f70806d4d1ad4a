"""Sends what the outbox holds through the channels, in order, and says honestly what became of it.

The port is :class:`Deliver`: one object per channel, which tries **once** and returns one of

* :class:`Sent`: the other side has it;
* :class:`Failed`: the other side refused this message for good; the next one goes on;
* :class:`Retry`: not now; ``maybe``: this attempt may have arrived all the same;
* :class:`Unknown`: it may have arrived, and trying again could double it;
* :class:`Skipped`: nothing had to be sent, or there is no way;
* :class:`Wait`: it is too early to tell; looked at again, and no attempt was made.

Policy. A channel that takes an idempotency key (``resend = True``) is tried again with the same
key whatever happened, so a message arrives once. A channel that does not is tried again only when
the attempt certainly did not arrive; every other outcome — a time-out, a cut connection, a killed
process — makes the row ``unknown``: shown to the agent, never sent again by itself. After
``GIVE_UP_AFTER_S`` a row ends as ``failed``, or as ``unknown`` if any attempt may have arrived.

Each inbox has a lane of its own: a shop whose server hangs keeps nobody else waiting. After a
failure a lane tries one row at a time, with growing pauses, until one arrives. Each webhook has a lane, too;
its rows are told by a :class:`Carrier`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from zhike.clock import NowMs
from zhike.domain.conversation import Conversation
from zhike.domain.message import Message
from zhike.jobs.feed import POLL_S, Feed
from zhike.store import conversations, messages, outbox
from zhike.store.engine import Store
from zhike.store.outbox import OutboxRow

LANE_CONCURRENCY = 4
"""Messages under way to one inbox's other side at a time (of different conversations)."""
LEASE_MARGIN_S = 15.0
GIVE_UP_AFTER_S = 24 * 3600.0
FIRST_PAUSE_S = 1.0
LONGEST_ROW_PAUSE_S = 600.0
LONGEST_LANE_PAUSE_S = 60.0

log = logging.getLogger("zhike.outbox")


class Sent(NamedTuple):
    """It arrived; ``receipt``: the other side's id of it. ``via``, ``to``: which way, and to whom, as agents
    may see it."""

    receipt: str = ""
    via: str = ""
    to: str = ""


class Failed(NamedTuple):
    """It was refused for good."""

    why: str


class Unknown(NamedTuple):
    """Nobody can say whether it arrived."""

    why: str


class Retry(NamedTuple):
    """Not now. ``after_s``: not before (0 = by the dispatcher's own pauses)."""

    why: str
    after_s: float = 0.0
    maybe: bool = False


class Skipped(NamedTuple):
    """Nothing was sent, and nothing will be; why, as one word."""

    why: str


class Wait(NamedTuple):
    """Not yet; looked at again after so long."""

    after_s: float


Outcome = Sent | Failed | Unknown | Retry | Skipped | Wait


class Deliver(Protocol):
    """One channel, outgoing."""

    resend: bool
    """The other side takes ``row.idempotency_key`` and acts on it once."""
    timeout_s: float
    """Longest time one attempt may take."""
    together: bool
    """What waits in a conversation goes in one piece: ``row.more`` names what goes with ``row``."""

    async def deliver(self, row: OutboxRow, message: Message, conversation: Conversation) -> Outcome:
        """Tries once. An exception counts as an attempt that may have arrived."""


class Carrier(Protocol):
    """Takes rows that are told by themselves and are no message of a channel: webhooks."""

    resend: bool
    timeout_s: float
    together: bool

    async def carry(self, row: OutboxRow) -> Outcome:
        """Tries once. As :meth:`Deliver.deliver`."""


def pause_s(failures: int, longest_s: float) -> float:
    """1 s, 2 s, 4 s … to ``longest_s``."""
    return float(min(FIRST_PAUSE_S * 2.0 ** min(failures - 1, 30), longest_s))


Lost = Callable[[OutboxRow, str, str], None]
"""Hears of a row that ended as ``failed`` or ``unknown``, and why; must not block or raise."""


class _Lane:
    """The rows of one inbox, or of one webhook (inbox 0). ``family``: what they are counted as."""

    def __init__(self, store: Store, now_ms: NowMs, inbox_id: int, name: str, channel: Deliver | Carrier,
                 attempt: Callable[[OutboxRow], Awaitable[Outcome]],
                 counts: Counter[tuple[str, str]], poll_s: float, lost: Lost) -> None:
        self._store = store
        self._now_ms = now_ms
        self._inbox_id = inbox_id
        self._name = name
        self._family = name.partition(".")[0]
        self._channel = channel
        self._attempt = attempt
        self._counts = counts
        self._lost = lost
        self.failures = 0
        self.paused_until = 0
        self.feed: Feed[OutboxRow] = Feed(f"outbox-{inbox_id or name}", self._next_due, self._claim,
                                          self._work, now_ms, concurrency=LANE_CONCURRENCY, poll_s=poll_s)

    async def _next_due(self) -> int | None:
        if self.failures and self.feed.running:
            return None  # one at a time until one arrives; its end wakes the feed
        due = await self._store.read(outbox.next_due, self._inbox_id, self._name)
        return None if due is None else max(due, self.paused_until)

    async def _claim(self, limit: int) -> list[OutboxRow]:
        lease_ms = int((self._channel.timeout_s + LEASE_MARGIN_S) * 1000)
        claimed, unknown = await self._store.write(
            outbox.claim, self._inbox_id, self._name, self._now_ms(), lease_ms,
            1 if self.failures else limit, resend=self._channel.resend, together=self._channel.together)
        for row in unknown:
            self._say(row, "unknown", "the process died while sending")
        return claimed

    async def _work(self, row: OutboxRow) -> None:
        try:
            outcome = await self._try(row)
        except asyncio.CancelledError:
            # shutting down in the middle of an attempt
            await self._settle(row, self._unclear("cancelled at shutdown"))
            raise
        await self._settle(row, outcome)

    async def _try(self, row: OutboxRow) -> Outcome:
        try:
            async with asyncio.timeout(self._channel.timeout_s):
                return await self._attempt(row)
        except TimeoutError:
            return self._unclear(f"no answer within {self._channel.timeout_s:g} s")
        except Exception as error:
            log.exception("a channel failed", extra={"channel": self._name, "inbox_id": self._inbox_id})
            return self._unclear(f"{type(error).__name__}: {error}")

    def _unclear(self, why: str) -> Outcome:
        return Retry(why, maybe=True) if self._channel.resend else Unknown(why)

    async def _settle(self, row: OutboxRow, outcome: Outcome) -> None:
        if isinstance(outcome, Retry):
            await self._again(row, outcome)
            return
        if isinstance(outcome, Wait):
            self._counts[self._family, "waited"] += 1
            await self._store.write(outbox.release, row, self._now_ms() + int(outcome.after_s * 1000))
            return
        self.failures = 0 if isinstance(outcome, Sent | Failed | Skipped) else self.failures
        if isinstance(outcome, Sent):
            self._counts[self._family, "sent"] += 1
            held = await self._store.write(outbox.sent, row, outcome.receipt, self._now_ms(), via=outcome.via,
                                           to=outcome.to)
        elif isinstance(outcome, Skipped):
            self._counts[self._family, "skipped"] += 1
            held = await self._store.write(outbox.skipped, row, outcome.why)
        elif isinstance(outcome, Failed):
            self._say(row, "unknown" if row.note.maybe else "failed", outcome.why)
            held = await self._store.write(outbox.failed, row, outcome.why)
        else:
            self._say(row, "unknown", outcome.why)
            held = await self._store.write(outbox.unknown, row, outcome.why)
        if not held:
            log.warning("an outbox row took longer than its lease", extra={"key": row.idempotency_key})

    async def _again(self, row: OutboxRow, outcome: Retry) -> None:
        now = self._now_ms()
        if now - (row.note.since or row.created_at) >= GIVE_UP_AFTER_S * 1000:
            maybe = row.note.maybe or outcome.maybe
            self._say(row, "unknown" if maybe else "failed", f"given up: {outcome.why}")
            await self._store.write(outbox.unknown if maybe else outbox.failed, row, outcome.why)
            return
        self.failures += 1
        self._counts[self._family, "retried"] += 1
        self.paused_until = now + int(pause_s(self.failures, LONGEST_LANE_PAUSE_S) * 1000)
        wait_s = max(outcome.after_s, pause_s(row.attempts, LONGEST_ROW_PAUSE_S))
        log.warning("a message could not be sent and is tried again", extra={
            "channel": self._name, "inbox_id": self._inbox_id, "key": row.idempotency_key,
            "attempts": row.attempts, "why": outcome.why})
        await self._store.write(outbox.retry, row, outcome.why, now + int(wait_s * 1000), maybe=outcome.maybe)

    def _say(self, row: OutboxRow, state: str, why: str) -> None:
        self._counts[self._family, state] += 1
        log.error("a message was not sent" if state == "failed" else "nobody knows if a message arrived",
                  extra={"channel": self._name, "inbox_id": self._inbox_id, "key": row.idempotency_key,
                         "why": why})
        self._lost(row, state, why)


def _load(conn: Connection, conversation_id: int, seq: int) -> tuple[Message | None, Conversation | None]:
    found = messages.after(conn, conversation_id, seq - 1, 1)
    message = found[0] if found and found[0].seq == seq else None
    return message, conversations.get_conversation(conn, conversation_id)


class Dispatcher:
    """One per process; instances on one database share the work. Create it on the event loop.

    Args:
        channels: channel name → how to send. Rows of other channels wait for who knows them.
        carriers: the same for names with a dot, by what stands before it (``webhook.3``).
    """

    def __init__(self, store: Store, now_ms: NowMs, channels: Mapping[str, Deliver], *,
                 carriers: Mapping[str, Carrier] | None = None, poll_s: float = POLL_S) -> None:
        self._store = store
        self._now_ms = now_ms
        self._channels = channels
        self._carriers = carriers or {}
        self._poll_s = poll_s
        self._lanes: dict[tuple[int, str], _Lane] = {}
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[bool]] = set()
        self._wake = asyncio.Event()
        self.counts: Counter[tuple[str, str]] = Counter()
        """(channel, outcome): sent | retried | failed | unknown | skipped | waited."""
        self.on_lost: Lost = lambda *_: None

    @property
    def running_count(self) -> int:
        """Messages under way."""
        return sum(len(lane.feed.running) for lane in self._lanes.values())

    def start(self) -> None:
        """Begins to send, first of all what an earlier process left."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="outbox")

    def poke(self, inbox_id: int = 0) -> None:
        """Rows were written in this process (for this inbox); call it after the commit."""
        known = False
        for (lane_inbox_id, _), lane in self._lanes.items():
            if inbox_id in (0, lane_inbox_id):
                lane.feed.poke()
                known = known or inbox_id == lane_inbox_id
        if not known:
            self._wake.set()

    def poke_channel(self, name: str) -> None:
        """As :meth:`poke`, of a carrier's channel: its lane is opened if there is none."""
        if self._task is not None:
            self._open(0, name)
            if lane := self._lanes.get((0, name)):
                lane.feed.poke()

    def close_channel(self, name: str) -> None:
        """A carrier's channel is gone for good."""
        if lane := self._lanes.pop((0, name), None):
            self._closing.add(task := asyncio.get_running_loop().create_task(lane.feed.stop(5.0)))
            task.add_done_callback(self._closing.discard)

    def _open(self, inbox_id: int, name: str) -> None:
        if (inbox_id, name) in self._lanes:
            return
        family, dot, _ = name.partition(".")
        channel: Deliver | Carrier
        attempt: Callable[[OutboxRow], Awaitable[Outcome]]
        if dot and (carrier := self._carriers.get(family)) is not None:
            channel, attempt = carrier, carrier.carry
        elif not dot and (known := self._channels.get(name)) is not None:
            channel, attempt = known, self._message_to(known)
        else:
            return
        lane = self._lanes[inbox_id, name] = _Lane(
            self._store, self._now_ms, inbox_id, name, channel, attempt, self.counts, self._poll_s,
            lambda *what: self.on_lost(*what))
        lane.feed.start()

    def _message_to(self, channel: Deliver) -> Callable[[OutboxRow], Awaitable[Outcome]]:
        async def attempt(row: OutboxRow) -> Outcome:
            message, conversation = await self._store.read(_load, row.conversation_id, row.seq)
            if message is None or conversation is None:
                return Failed("the message was deleted before it was sent")
            return await channel.deliver(row, message, conversation)

        return attempt

    async def stop(self, timeout_s: float = 5.0) -> bool:
        """Sends no more; True if what was under way ended in time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await asyncio.gather(*self._closing, return_exceptions=True)
        ended = await asyncio.gather(*(lane.feed.stop(timeout_s) for lane in self._lanes.values()))
        self._lanes.clear()
        return all(ended)

    async def _run(self) -> None:
        """Opens a lane for every inbox that has something to send."""
        while True:
            self._wake.clear()
            try:
                for inbox_id, name in await self._store.read(outbox.waiting):
                    self._open(inbox_id, name)
            except Exception:
                log.warning("the outbox could not be read; trying again", exc_info=True)
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._wake.wait()
            except TimeoutError:
                continue
