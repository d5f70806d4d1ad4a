"""What every message needs to know of inboxes, bots and agents, kept in memory.

Read from the store at start and after an edit; other instances' edits are noticed within a
second, because they raise ``knowledge_version`` or ``updated_at`` in the database. What a bot knows
is brought by :class:`zhike.desk.knowledge.KnowledgeKeeper`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection, func, select

from zhike.desk.knowledge import KnowledgeKeeper, Loader
from zhike.domain.hook import Webhook
from zhike.domain.knowledge import Bot, Inbox
from zhike.domain.reach import Away, Leaving, ways_of
from zhike.store import agents as agent_rows
from zhike.store import bots as bot_rows
from zhike.store import contact_merge, tables, webhooks
from zhike.store import inboxes as inbox_rows
from zhike.store.engine import Store

DIRECT_CHANNELS = frozenset({"web"})
"""Channels whose messages leave through open connections; all others need outbox rows."""


Follower = Callable[[Bot], Awaitable[None]]
"""Reads what else belongs to a bot: its tools, flows, templates."""


class Registry:
    """Inboxes by id and key, the bot of each, names of agents, who is blocked. The dicts are updated in
    place: the pipeline holds on to ``bots``, ``channels``, ``blocked`` and ``hooks``.

    Args:
        keeper: brings what bots know (default: everything in memory).

    ``followers`` are awaited with every bot that is new or has changed, before its knowledge is shown.
    """

    def __init__(self, store: Store, engine: Loader, keeper: KnowledgeKeeper | None = None) -> None:
        self._store = store
        self.knowledge = KnowledgeKeeper(store, engine) if keeper is None else keeper
        self.inboxes: dict[int, Inbox] = {}
        self.by_key: dict[str, Inbox] = {}
        self.bots: dict[int, int] = {}
        self.channels: dict[int, Leaving] = {}
        self.bot_rows: dict[int, Bot] = {}
        self.agent_names: dict[int, str] = {}
        self.blocked: set[tuple[int, str]] = set()
        """(inbox_id, sender) of those whose messages are refused."""
        self.hooks: list[Webhook] = []
        """The webhooks that are told of what happens."""
        self.followers: list[Follower] = []
        self._followed: dict[int, tuple[int, int]] = {}
        self._stamp: tuple[object, ...] = ()
        self._loading = asyncio.Lock()

    def agent_name(self, agent_id: int | None) -> str:
        """The agent's name as visitors see it, or ""."""
        return self.agent_names.get(agent_id, "") if agent_id else ""

    def fragment_wait_s(self, bot_id: int, default_s: float) -> float:
        """How long this bot waits for the rest of a thought sent in pieces."""
        bot = self.bot_rows.get(bot_id)
        value = bot.settings.get("fragment_wait_s") if bot is not None else None
        return float(value) if isinstance(value, int | float) else default_s

    async def refresh(self) -> bool:
        """Reads again what has changed in the database; True if something had."""
        async with self._loading:
            stamp = await self._store.read(_stamp)
            if stamp == self._stamp:
                if self.knowledge.behind:
                    await self.knowledge.follow(list(self.bot_rows.values()))
                return False
            inboxes, bots, names, blocked, hooks = await self._store.read(_read_all)
            self.hooks[:] = hooks
            self._take(inboxes, bots, names)
            self.blocked.intersection_update(blocked)
            self.blocked.update(blocked)
            await self.tell_followers()
            await self.knowledge.follow(bots)
            self._stamp = stamp
            return True

    async def tell_followers(self) -> None:
        """Tells them of the bots they have not seen at their present version."""
        for bot in self.bot_rows.values():
            version = (bot.knowledge_version, bot.updated_at)
            if self.followers and self._followed.get(bot.id) != version:
                for follower in self.followers:
                    await follower(bot)
                self._followed[bot.id] = version

    def _take(self, inboxes: list[Inbox], bots: list[Bot], names: dict[int, str]) -> None:
        self.inboxes = {inbox.id: inbox for inbox in inboxes}
        self.by_key = {inbox.key: inbox for inbox in inboxes}
        self.bot_rows = {bot.id: bot for bot in bots}
        self.agent_names = names
        for kept, wanted in ((self.bots, {i.id: i.bot_id for i in inboxes if i.bot_id}),
                             (self.channels, {i.id: way for i in inboxes if (way := _leaving(i))})):
            for gone in set(kept) - set(wanted):
                del kept[gone]
            kept.update(wanted)  # type: ignore[arg-type]


def _leaving(inbox: Inbox) -> Leaving | None:
    """How messages leave an inbox beside open connections."""
    if inbox.channel not in DIRECT_CHANNELS:
        return inbox.channel
    ways = ways_of(inbox.settings)
    return Away(ways.wait_s * 1000) if ways.any else None


def _stamp(conn: Connection) -> tuple[object, ...]:
    """Changes whenever an inbox, bot, article, rule, template or agent does, or somebody is blocked. A few
    index look-ups."""
    bots = conn.execute(select(func.count(), func.sum(tables.bots.c.knowledge_version),
                               func.max(tables.bots.c.updated_at))).one()
    inboxes = conn.execute(select(func.count(), func.max(tables.inboxes.c.updated_at),
                                  func.sum(tables.inboxes.c.bot_id))).one()
    people = tuple(sorted(agent_rows.names(conn).items()))
    return (*map(str, bots), *map(str, inboxes), people, *map(str, contact_merge.blocked_stamp(conn)),
            *map(str, webhooks.stamp(conn)))


def _read_all(conn: Connection) -> tuple[list[Inbox], list[Bot], dict[int, str], set[tuple[int, str]],
                                         list[Webhook]]:
    return (inbox_rows.list_inboxes(conn), bot_rows.list_bots(conn), agent_rows.names(conn),
            contact_merge.blocked(conn), webhooks.active(conn))
