"""What the desk does after something was stored: keeps who got what, asks how it was, says that nobody
is at work, and finds a person where there is no bot.

Called by the line after a commit, on the instance that committed. Nothing of it is on the way of a
message that a bot answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from zhike.bus.base import BusNode, Event
from zhike.clock import NowMs
from zhike.desk.registry import Registry
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.domain.unit import Change
from zhike.domain.wire import Csat, encode
from zhike.domain.words import SYSTEM_TEXTS, pick
from zhike.store import ratings, waits
from zhike.store.engine import Store

log = logging.getLogger("zhike.desk")
MAX_TASKS = 1000
"""Small writes that may be under way at once; beyond it the least important (what is only counted) is left
out, and said in the log."""


class Line(Protocol):
    """The way every change goes, in one order with the messages."""

    def change(self, change: Change) -> asyncio.Future[Change]:
        """Ends after its commit."""


class OpenNow(Protocol):
    """Whether people are at work behind an inbox."""

    def __call__(self, inbox: Inbox) -> bool: ...


class Aftercare:
    """See the module.

    Args:
        bots: inbox id → bot id.
        nudge: has the router look.
    """

    def __init__(self, store: Store, line: Line, bus: BusNode, registry: Registry, now_ms: NowMs,
                 open_now: OpenNow, nudge: Callable[[], None]) -> None:
        self._store = store
        self._line = line
        self._bus = bus
        self._registry = registry
        self._bots: Mapping[int, int] = registry.bots
        self._now_ms = now_ms
        self._open_now = open_now
        self._nudge = nudge
        self._tasks: set[asyncio.Task[None]] = set()
        self.handed: Callable[[Sequence[Conversation]], None] = lambda _: None
        """Hears of conversations that wait for a person or that another person holds; set when somebody sums
        them up."""
        self.assigned: Callable[[Sequence[Conversation]], None] = lambda _: None
        """Hears of conversations that a person holds since; set when there is a notifier."""

    def changed(self, conversations: Sequence[Conversation]) -> None:
        """Their holder, status or team has changed."""
        self._nudge()
        now = self._now_ms()
        taken = [(c.id, c.holder_epoch, c.agent_id, now) for c in conversations
                 if c.holder == "agent" and c.agent_id is not None]
        if taken:
            self._spawn(self._store.write(waits.assigned, taken))
            self.assigned([c for c in conversations if c.holder == "agent" and c.status == "open"])
        self.handed([c for c in conversations if c.holder in ("queue", "agent") and c.status == "open"])
        over = [c for c in conversations if c.holder == "none" and self._csat(c)]
        if over:
            self._spawn(self._ask(over))
        for conversation in conversations:
            if conversation.holder == "queue" and conversation.status == "open":
                self._out_of_office(conversation)

    def unanswered(self, conversation: Conversation) -> None:
        """A visitor has written where no bot answers."""
        if conversation.holder == "bot" and conversation.inbox_id not in self._bots:
            self._spawn(self._line.change(Change(conversation.id, "queue", self._now_ms(),
                                                 epoch=conversation.holder_epoch)))
        elif conversation.holder in ("queue", "agent"):
            self._out_of_office(conversation)

    # ---- nobody is at work -----------------------------------------------------------------------

    def _out_of_office(self, conversation: Conversation) -> None:
        inbox = self._registry.inboxes.get(conversation.inbox_id)
        if inbox is None or self._open_now(inbox):
            return
        texts = inbox.settings.get("out_of_office") or SYSTEM_TEXTS["out_of_office"]
        self._spawn(self._line.change(Change(
            conversation.id, "say", self._now_ms(), once="out_of_office",
            text=pick(texts, conversation.lang if conversation.lang in ("zh", "en") else "zh"))))

    # ---- how it was ------------------------------------------------------------------------------

    def _csat(self, conversation: Conversation) -> str:
        inbox = self._registry.inboxes.get(conversation.inbox_id)
        return csat_question(inbox, conversation.lang) if inbox is not None else ""

    async def _ask(self, over: Sequence[Conversation]) -> None:
        fresh = set(await self._store.write(ratings.ask, [c.id for c in over], self._now_ms()))
        self._bus.publish([Event(c.id, c.inbox_id, c.sender, frame=encode(Csat(c.id, self._csat(c))))
                           for c in over if c.id in fresh])

    # ---- small work beside the line --------------------------------------------------------------

    def _spawn(self, work: Any) -> None:
        if len(self._tasks) >= MAX_TASKS:
            log.warning("too much to do after changes; something was left out")
            if isinstance(work, Coroutine):
                work.close()
            return
        task = asyncio.get_running_loop().create_task(_quietly(work), name="aftercare")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Ends when all of it is done."""
        while self._tasks:
            await asyncio.gather(*self._tasks)


async def _quietly(work: Any) -> None:
    try:
        await work
    except Exception:
        log.warning("something after a change failed", exc_info=True)


def csat_question(inbox: Inbox, lang: str) -> str:
    """What to ask visitors of this inbox; "" = nothing."""
    setting = inbox.settings.get("csat") or {}
    if not setting.get("enabled"):
        return ""
    texts = setting.get("question") or SYSTEM_TEXTS["csat"]
    return pick(texts, lang[:2] if lang[:2] in ("zh", "en") else "zh")
