"""What every message needs to know of inboxes, bots and agents, kept in memory.

Read from the store at start and after an edit; other instances' edits are noticed within a
second, because they raise ``knowledge_version`` or ``updated_at`` in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import Connection, func, select

from zhike.domain.knowledge import Article, Bot, Inbox, Rule
from zhike.domain.prompt import Template
from zhike.store import agents as agent_rows
from zhike.store import articles as article_rows
from zhike.store import bots as bot_rows
from zhike.store import inboxes as inbox_rows
from zhike.store import prompts as prompt_rows
from zhike.store import rules as rule_rows
from zhike.store import tables
from zhike.store.engine import Store

DIRECT_CHANNELS = frozenset({"web"})
"""Channels whose messages leave through open connections; all others need outbox rows."""


class Loader(Protocol):
    """The answer engine, as far as knowledge is loaded into it."""

    def load_bot(self, bot: Bot, articles: Sequence[Article], rules: Sequence[Rule]) -> None:
        """Heavy; called in a thread; swaps atomically."""


class PromptLoader(Protocol):
    """Who keeps the bots' templates (:class:`zhike.answer.promptset.Prompts`)."""

    def load(self, bot: Bot, templates: Iterable[Template]) -> None:
        """Takes the active ones; swaps the bot's whole set."""


class Registry:
    """Inboxes by id and key, the bot of each, names of agents. The dicts are updated in place:
    the pipeline holds on to ``bots`` and ``channels``."""

    def __init__(self, store: Store, engine: Loader, prompts: PromptLoader | None = None) -> None:
        self._store = store
        self._engine = engine
        self._prompts = prompts
        self.inboxes: dict[int, Inbox] = {}
        self.by_key: dict[str, Inbox] = {}
        self.bots: dict[int, int] = {}
        self.channels: dict[int, str] = {}
        self.bot_rows: dict[int, Bot] = {}
        self.agent_names: dict[int, str] = {}
        self._loaded: dict[int, tuple[int, int]] = {}
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
                return False
            inboxes, bots, names = await self._store.read(_read_all)
            self._take(inboxes, bots, names)
            for bot in bots:
                version = (bot.knowledge_version, bot.updated_at)
                if self._loaded.get(bot.id) != version:
                    await self._load(bot)
                    self._loaded[bot.id] = version
            self._stamp = stamp
            return True

    def _take(self, inboxes: list[Inbox], bots: list[Bot], names: dict[int, str]) -> None:
        self.inboxes = {inbox.id: inbox for inbox in inboxes}
        self.by_key = {inbox.key: inbox for inbox in inboxes}
        self.bot_rows = {bot.id: bot for bot in bots}
        self.agent_names = names
        for kept, wanted in ((self.bots, {i.id: i.bot_id for i in inboxes if i.bot_id}),
                             (self.channels, {i.id: i.channel for i in inboxes
                                              if i.channel not in DIRECT_CHANNELS})):
            for gone in set(kept) - set(wanted):
                del kept[gone]
            kept.update(wanted)  # type: ignore[arg-type]

    async def _load(self, bot: Bot) -> None:
        articles, rules, templates = await self._store.read(_knowledge, bot.id)
        if self._prompts is not None:
            self._prompts.load(bot, templates)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._engine.load_bot, bot, articles, rules)


def _stamp(conn: Connection) -> tuple[object, ...]:
    """Changes whenever an inbox, bot, article, rule, template or agent does. A few index look-ups."""
    bots = conn.execute(select(func.count(), func.sum(tables.bots.c.knowledge_version),
                               func.max(tables.bots.c.updated_at))).one()
    inboxes = conn.execute(select(func.count(), func.max(tables.inboxes.c.updated_at),
                                  func.sum(tables.inboxes.c.bot_id))).one()
    people = tuple(sorted(agent_rows.names(conn).items()))
    return (*map(str, bots), *map(str, inboxes), people)


def _read_all(conn: Connection) -> tuple[list[Inbox], list[Bot], dict[int, str]]:
    return (inbox_rows.list_inboxes(conn), bot_rows.list_bots(conn), agent_rows.names(conn))


def _knowledge(conn: Connection, bot_id: int) -> tuple[list[Article], list[Rule], list[Template]]:
    templates = [stored.template for stored in prompt_rows.active_for_bot(conn, bot_id)]
    return article_rows.all_for_bot(conn, bot_id), rule_rows.all_for_bot(conn, bot_id), templates
