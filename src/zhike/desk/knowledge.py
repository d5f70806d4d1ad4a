"""What bots know, brought into the engine: small bots in memory, large ones from disk.

A small bot is read whole and indexed in memory, at the start if there is little of it, otherwise
in the background and at once when it is asked; who has not been asked for the longest time makes
room. A large bot's index lies on disk and follows the database by what changed (decision 0010). An
edit never waits for another bot's build.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from zhike.domain.flow import start_rules
from zhike.domain.knowledge import Article, Bot, Rule
from zhike.search.library import Library
from zhike.search.shelf import MemoryShelf, Shelf, synonyms_of
from zhike.search.snapshot import Snapshot
from zhike.store import articles as article_rows
from zhike.store import flows as flow_rows
from zhike.store import rules as rule_rows
from zhike.store.engine import Store

log = logging.getLogger("zhike")

EAGER_ARTICLES = 600
"""Articles that are indexed before the first question is taken (0.1 s); other bots come in the
background, or when they are asked."""
MANY_BOTS = 8
"""More bots than this to load are looked at together first."""
LARGE_AGAIN = 0.8
"""A bot on disk comes back into memory below this share of the bound, so that it does not go to and fro."""


class Loader(Protocol):
    """The answer engine, as far as knowledge is loaded into it."""

    def load_bot(self, bot: Bot, articles: Sequence[Article] | Shelf | None, rules: Sequence[Rule]) -> None:
        """Heavy; called in a thread; swaps atomically. ``articles`` None: rules alone."""

    def put_knowledge(self, bot_id: int, shelf: Shelf | None, version: int) -> bool:
        """Brings or takes away a loaded bot's knowledge; False if it has another version by now."""

    def drop_bot(self, bot_id: int) -> None:
        """Forgets a bot."""

    def load_with(self, read: Callable[[int], Coroutine[Any, Any, None]],
                  used: Callable[[int], None]) -> None:
        """How to bring knowledge that is asked for; who hears which bots are asked."""


class KnowledgeKeeper:
    """Keeps the engine's bots at their newest version. ``behind``: bots that do not show it yet.

    Args:
        library: of large bots (None: every bot is small).
        disk_above: articles above which a bot is large.
        around: entered while an index is made in memory (``quiet_collector`` in a running desk).
        memory_bytes: bound of all small bots' indexes together.
    """

    def __init__(self, store: Store, engine: Loader, library: Library | None = None, *,
                 disk_above: int = 3_000, memory_bytes: int = 256 << 20,
                 around: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._store = store
        self._engine = engine
        self.library = library
        self._disk_above = disk_above
        self._memory_bytes = memory_bytes
        self._around = around
        self.behind: set[int] = set()
        self.large: set[int] = set()
        self.memory: OrderedDict[int, int] = OrderedDict()
        self.evicted_count = 0
        self._bots: dict[int, Bot] = {}
        self._loaded: dict[int, tuple[int, int]] = {}
        self._shown: dict[int, Snapshot | None] = {}
        self._unread: set[int] = set()
        self._reading: dict[int, asyncio.Task[None]] = {}
        self._eager_left = EAGER_ARTICLES
        self._warming: asyncio.Task[None] | None = None
        engine.load_with(self.open, self._touch)

    @property
    def memory_used_bytes(self) -> int:
        """What the indexes in memory take, estimated."""
        return sum(self.memory.values())

    # ---- following the database ----------------------------------------------------------------

    async def follow(self, bots: Sequence[Bot]) -> None:
        """Loads every bot that changed; one that fails stays as it was and is tried again."""
        self._bots = {bot.id: bot for bot in bots}
        for gone in [bot_id for bot_id in self._loaded if bot_id not in self._bots]:
            await self._drop(gone)
        changed = [bot for bot in bots if bot.id in self.behind
                   or self._loaded.get(bot.id) != (bot.knowledge_version, bot.updated_at)]
        if len(changed) > MANY_BOTS:
            changed = await self._load_unread(changed)
        for bot in changed:
            await self._load(bot)
        if self._unread and self._warming is None:
            self._warming = asyncio.get_running_loop().create_task(self._warm(), name="knowledge")

    async def _load_unread(self, bots: Sequence[Bot]) -> list[Bot]:
        """Many bots at once (a start): the rules of those that are read later, with two queries; returns
        the others."""
        counts, rules = await self._store.read(_overview)
        others, later = [], []
        eager = self._eager_left
        for bot in bots:
            count = counts.get(bot.id, 0)
            small = (self.library is None or count <= self._disk_above) and bot.id not in self.large
            if small and count > eager and bot.id not in self.memory:
                later.append(bot)
            else:
                others.append(bot)
                eager -= count if small else 0

        def load() -> None:
            for bot in later:
                self._engine.load_bot(bot, None, rules.get(bot.id, ()))

        await _thread(load)
        for bot in later:
            self._unread.add(bot.id)
            self._loaded[bot.id] = (bot.knowledge_version, bot.updated_at)
        return others

    async def _drop(self, bot_id: int) -> None:
        self._engine.drop_bot(bot_id)
        self._loaded.pop(bot_id, None)
        self.memory.pop(bot_id, None)
        self._shown.pop(bot_id, None)
        for marked in (self.behind, self.large, self._unread):
            marked.discard(bot_id)
        if self.library is not None:
            await self.library.drop(bot_id)

    async def _load(self, bot: Bot) -> None:
        version = (bot.knowledge_version, bot.updated_at)
        count = await self._store.read(article_rows.count_articles, bot.id)
        bound = self._disk_above * (LARGE_AGAIN if bot.id in self.large else 1.0)
        if self.library is not None and count > bound:
            await self._load_large(bot, self.library, version)
            return
        if bot.id in self.large and self.library is not None:
            self.large.discard(bot.id)
            self._shown.pop(bot.id, None)
            await self.library.drop(bot.id)
        self.behind.discard(bot.id)
        if bot.id not in self.memory and count > self._eager_left:
            rules = await self._store.read(_rules, bot.id)
            self._unread.add(bot.id)
            await self._put(bot, None, rules)
        else:
            if bot.id not in self.memory:
                self._eager_left -= count
            articles, rules = await self._store.read(_knowledge, bot.id)
            shelf = await _thread(self._make, articles, synonyms_of(bot.settings))
            self._unread.discard(bot.id)
            await self._put(bot, shelf, rules)
            self._keep(bot.id, shelf)
        self._loaded[bot.id] = version

    async def _load_large(self, bot: Bot, library: Library, version: tuple[int, int]) -> None:
        snapshot = await library.follow(bot)
        if snapshot is None and bot.id in self.memory:
            self.behind.add(bot.id)  # it grew: what it knew serves until its index is built
            return
        if self._loaded.get(bot.id) != version or self._shown.get(bot.id) is not snapshot:
            rules = await self._store.read(_rules, bot.id)
            await self._put(bot, snapshot, rules)
        self._shown[bot.id] = snapshot
        if bot.id not in self.large:
            self.large.add(bot.id)
            self.memory.pop(bot.id, None)
        self._unread.discard(bot.id)
        self._loaded[bot.id] = version
        if library.current(bot):
            self.behind.discard(bot.id)
        else:
            self.behind.add(bot.id)

    def _make(self, articles: Sequence[Article], synonyms: Sequence[Sequence[str]]) -> MemoryShelf:
        with self._around():
            return MemoryShelf(articles, synonyms)

    async def _put(self, bot: Bot, shelf: Shelf | None, rules: Sequence[Rule]) -> None:
        await _thread(self._engine.load_bot, bot, shelf, rules)

    # ---- bots that are read when they are asked ------------------------------------------------

    async def open(self, bot_id: int) -> None:
        """Ends when a small bot's knowledge is there; at once for one whose index is being built."""
        if bot_id not in self._unread:
            return
        task = self._reading.get(bot_id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._read(bot_id), name="knowledge of a bot")
            self._reading[bot_id] = task
            task.add_done_callback(lambda _: self._reading.pop(bot_id, None))
        await asyncio.shield(task)

    async def _read(self, bot_id: int) -> None:
        bot = self._bots.get(bot_id)
        if bot is None or bot_id not in self._unread:
            return
        articles = await self._store.read(article_rows.all_for_bot, bot_id)
        shelf = await _thread(self._make, articles, synonyms_of(bot.settings))
        if bot_id in self._unread and self._engine.put_knowledge(bot_id, shelf, bot.knowledge_version):
            self._unread.discard(bot_id)
            self._keep(bot_id, shelf)

    async def _warm(self) -> None:
        """Reads small bots one by one until the memory they may take is full."""
        try:
            for bot_id in sorted(self._unread):
                if self.memory_used_bytes > self._memory_bytes * 0.9:
                    break
                await self.open(bot_id)
        except Exception:
            log.warning("reading knowledge ahead failed; bots are read when they are asked", exc_info=True)

    def _keep(self, bot_id: int, shelf: MemoryShelf) -> None:
        self.memory[bot_id] = shelf.bytes_estimate
        self.memory.move_to_end(bot_id)
        while self.memory_used_bytes > self._memory_bytes and len(self.memory) > 1:
            gone, _ = self.memory.popitem(last=False)
            bot = self._bots.get(gone)
            if bot is not None:
                self._unread.add(gone)
                self._engine.put_knowledge(gone, None, bot.knowledge_version)
                self.evicted_count += 1

    def _touch(self, bot_id: int) -> None:
        """The bot was asked: it is the last to make room."""
        if bot_id in self.memory:
            self.memory.move_to_end(bot_id)

    # ---- what operators see --------------------------------------------------------------------

    def health(self) -> str:
        """``ok``, or which indexes are not whole and how far they are."""
        if self.library is None:
            return "ok"
        parts = []
        for bot_id in sorted(self.behind):
            shown = self.library.shown.get(bot_id)
            bot = self._bots.get(bot_id)
            if shown is not None and bot is not None:
                far = f" {shown.done}/{shown.total}" if shown.state == "building" else ""
                parts.append(f"{bot.key}: {shown.state}{far}")
        return "; ".join(parts) or "ok"

    async def close(self) -> None:
        """Stops reading and building."""
        tasks = [task for task in (self._warming, *self._reading.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.library is not None:
            await self.library.close()


async def _thread(fn: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, fn, *args)


def _overview(conn: Any) -> tuple[dict[int, int], dict[int, list[Rule]]]:
    """How many articles, and the rules, of every bot."""
    return article_rows.article_counts(conn), rule_rows.all_of_all(conn)


def _knowledge(conn: Any, bot_id: int) -> tuple[list[Article], list[Rule]]:
    return article_rows.all_for_bot(conn, bot_id), _rules(conn, bot_id)


def _rules(conn: Any, bot_id: int) -> list[Rule]:
    """The bot's rules, and what begins its flows."""
    starts = [rule for flow in flow_rows.all_for_bot(conn, bot_id) for rule in start_rules(flow)]
    return [*rule_rows.all_for_bot(conn, bot_id), *starts]
