"""The indexes of large bots on disk, kept true to the database.

``follow`` opens an index at once when it is current, reads only what changed when it is behind, and
has it built in the background when there is none that can be used. Meanwhile the bot answers from
what it had before, or from rules alone. A build that was interrupted goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from zhike.domain.knowledge import Article, Bot
from zhike.errors import ZhikeError
from zhike.search.disk import EMPTY, DiskIndex, State, remove_folder
from zhike.search.quiet import read_ahead
from zhike.search.shelf import synonyms_of
from zhike.search.snapshot import Snapshot
from zhike.store.articles import changed_articles, count_articles
from zhike.store.changes import Changes
from zhike.store.engine import Store

log = logging.getLogger("zhike")
T = TypeVar("T")

PAGE_ARTICLES = 250
"""Articles read and indexed in one piece: a tenth of a second, so that another bot's edit comes between."""
COMMIT_ARTICLES = 25_000
"""Builds and large imports commit this often: so much is done again at most after a crash."""
RETRY_S = 30.0
"""After a build that failed (the disk is full, say)."""


class Shown:
    """One bot's index. ``state``: ``building`` | ``ready`` | ``behind`` | ``failed`` | ``reading`` (another
    process writes); ``done`` of ``total`` articles are indexed."""

    def __init__(self, folder: Path) -> None:
        self.index = DiskIndex(folder)
        self.snapshot: Snapshot | None = None
        self.state = "behind"
        self.done = 0
        self.total = 0
        self.builds_count = 0
        self.build_s = 0.0
        self.lock = asyncio.Lock()
        self.task: asyncio.Task[None] | None = None
        self.opened = False
        self.retry_at_s = 0.0


class Library:
    """All large bots of one process.

    Args:
        folder: e.g. ``data/index``; one folder per bot in it.
        on_built: called on the event loop when a build has ended and ``follow`` will show its work.
    """

    def __init__(self, store: Store, folder: Path, on_built: Callable[[int], None] = lambda _: None) -> None:
        self._store = store
        self._folder = folder
        self._on_built = on_built
        self._thread = ThreadPoolExecutor(1, "zhike-index", read_ahead, ("tantivy",))
        self.shown: dict[int, Shown] = {}

    async def follow(self, bot: Bot) -> Snapshot | None:
        """The newest state of the bot's index that can be searched; None while there is none.

        It may be older than ``bot`` (see :meth:`current`): being built, or written by another process.
        """
        shown = self.shown.get(bot.id)
        if shown is None:
            shown = self.shown[bot.id] = Shown(self._folder / str(bot.id))
        async with shown.lock:
            if shown.index.damaged and shown.task is None:
                shown.opened, shown.snapshot = False, None
            try:
                if shown.task is None:
                    await self._spell(bot, shown)
                    await (self._catch_up if shown.opened else self._open)(bot, shown)
            except ZhikeError:
                raise  # the database is away: nothing is wrong with the index
            except Exception:
                # e.g. a full disk: what was committed can still be searched, and is opened again
                log.warning("a search index could not follow; it is tried again",
                            extra={"bot": bot.key}, exc_info=True)
                shown.opened, shown.state = False, "failed"
                await self._run(shown.index.let_go)
            return shown.snapshot

    def current(self, bot: Bot) -> bool:
        """True if what ``follow`` returned last shows all of the bot's knowledge."""
        shown = self.shown.get(bot.id)
        return shown is not None and shown.snapshot is not None and shown.task is None \
            and not shown.index.damaged and shown.snapshot.make == shown.index.path.name \
            and shown.snapshot.version >= bot.knowledge_version

    async def _spell(self, bot: Bot, shown: Shown) -> None:
        """An index is made with the shop's synonyms: where they changed it is made anew, and what there was
        answers meanwhile."""
        groups = tuple(tuple(group) for group in synonyms_of(bot.settings))
        if groups != shown.index.groups:
            await self._run(shown.index.respell, groups)
            shown.opened = False

    async def _open(self, bot: Bot, shown: Shown) -> None:
        writes = await self._run(shown.index.may_write)
        damaged = bool(shown.index.damaged)
        state = None if damaged else await self._run(shown.index.open)
        if state is None or state == EMPTY:
            if writes:
                self._build(bot, shown, EMPTY)
            else:
                shown.state = "reading"  # it is there when the other process has made it
            return
        if not writes:
            shown.opened = True
            await self._look(shown)
            return
        if not state.whole:
            self._build(bot, shown, state)
            return
        shown.opened = True
        await self._catch_up(bot, shown)
        snapshot = shown.snapshot
        if snapshot is not None and self.current(bot):
            count = await self._store.read(_count_of, bot.id)
            if count is not None and count[0] == snapshot.version and count[1] != snapshot.size:
                log.warning("a search index holds other articles than the database; it is made anew",
                            extra={"bot": bot.key, "indexed_count": snapshot.size, "stored_count": count[1]})
                shown.snapshot = None
                self._build(bot, shown, EMPTY)

    async def _look(self, shown: Shown) -> None:
        """Takes what is on disk, whoever wrote it."""
        state = await self._run(shown.index.state)
        old = shown.snapshot
        if state.whole and (old is None or old.version != state.shows or old.make != shown.index.path.name):
            shown.snapshot = await self._run(shown.index.snapshot)
            shown.done = shown.total = shown.snapshot.size

    async def _catch_up(self, bot: Bot, shown: Shown) -> None:
        old = shown.snapshot
        if old is not None and old.version == bot.knowledge_version and old.make == shown.index.path.name:
            return
        if not await self._run(shown.index.may_write):
            shown.state = "reading"
            await self._look(shown)
            return
        state = await self._run(shown.index.state)  # another process may have written until now
        if not state.whole:
            self._build(bot, shown, state)
            return
        if state.version > bot.knowledge_version:  # the database is an older one: restored from a backup
            fresh = await self._store.read(_count_of, bot.id)
            if fresh is not None and state.version > fresh[0]:
                shown.snapshot = None
                self._build(bot, shown, EMPTY)
                return
        if not await self._apply(bot.id, shown, state):
            shown.snapshot = None
            self._build(bot, shown, EMPTY)
            return
        await self._look(shown)
        shown.state = "ready"

    async def _apply(self, bot_id: int, shown: Shown, state: State) -> bool:
        """Indexes what changed after ``state``, or everything after :data:`EMPTY`; False if what changed
        cannot be known any more."""
        place, target, since_commit, first = (state.version, state.upto_id), -1, 0, True
        while (page := await self._store.read(_changed, bot_id, place, first and state != EMPTY)) is not None:
            changes, articles = page
            if first:
                target, first = changes.version, False
            if not changes.known:
                return False
            if articles or changes.removed:
                await self._run(shown.index.put, articles, changes.removed)
                since_commit += len(articles) + len(changes.removed)
            if not state.whole:
                shown.done += len(articles)
            if len(changes.ids) < PAGE_ARTICLES:
                break
            place = changes.ids[-1]
            if since_commit >= COMMIT_ARTICLES:
                since_commit = 0
                await self._run(shown.index.commit, State(*place, state.whole))
                log.info("indexing", extra={"bot_id": bot_id, "articles_count": shown.total,
                                            "done_count": shown.done})
        if since_commit or (target, 0) != place or not state.whole:
            await self._run(shown.index.commit, State(max(target, place[0]), 0, True))
        return True

    # ---- building ------------------------------------------------------------------------------

    def _build(self, bot: Bot, shown: Shown, state: State) -> None:
        loop = asyncio.get_running_loop()
        if shown.task is None and loop.time() >= shown.retry_at_s:
            shown.state = "building"
            shown.task = loop.create_task(self._run_build(bot, shown, state), name=f"index {bot.key}")

    async def _run_build(self, bot: Bot, shown: Shown, state: State) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            await self._build_all(bot, shown, state)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            shown.state = "failed"
            shown.retry_at_s = loop.time() + RETRY_S
            shown.index.note_damage(error)
            log.error("building a search index failed; it is tried again",
                      extra={"bot": bot.key, "retry_s": RETRY_S}, exc_info=error)
        else:
            shown.builds_count += 1
            shown.build_s = loop.time() - began_s
            log.info("search index built", extra={"bot": bot.key, "articles_count": shown.done,
                                                  "took_s": round(shown.build_s, 1)})
        finally:
            shown.task = None
        self._on_built(bot.id)

    async def _build_all(self, bot: Bot, shown: Shown, state: State) -> None:
        counted = await self._store.read(_count_of, bot.id)
        if counted is None:
            return
        shown.total = counted[1]
        if state != EMPTY:
            shown.done = await self._run(lambda: shown.index.snapshot().size)
            log.info("a build of a search index goes on", extra={
                "bot": bot.key, "articles_count": shown.total, "done_count": shown.done})
            if await self._apply(bot.id, shown, state):
                shown.opened = True
                return
        shown.done = 0
        await self._run(shown.index.reset)
        log.info("building a search index", extra={"bot": bot.key, "articles_count": shown.total})
        await self._apply(bot.id, shown, EMPTY)
        shown.opened = True

    # ---- the end -------------------------------------------------------------------------------

    async def drop(self, bot_id: int) -> None:
        """The bot is gone, or small again: its index goes."""
        shown = self.shown.pop(bot_id, None)
        if shown is not None:
            await self._end(shown)
            writes = await self._run(shown.index.may_write)
            await self._run(shown.index.close)
            if writes:
                await self._run(remove_folder, shown.index.folder)

    async def close(self) -> None:
        """Stops building, lets go of files and locks."""
        for shown in self.shown.values():
            await self._end(shown)
            await self._run(shown.index.close)
        self.shown.clear()
        self._thread.shutdown(wait=True)

    async def _end(self, shown: Shown) -> None:
        if shown.task is not None:
            shown.task.cancel()
            await asyncio.gather(shown.task, return_exceptions=True)

    async def _run(self, fn: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, _no_panic, fn, args)


def _no_panic(fn: Callable[..., T], args: tuple[Any, ...]) -> T:
    """A panic of the index is no ``Exception``, and would end more than it should."""
    try:
        return fn(*args)
    except Exception:
        raise
    except BaseException as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def _changed(conn: Any, bot_id: int, place: tuple[int, int],
             removed: bool) -> tuple[Changes, list[Article]] | None:
    return changed_articles(conn, bot_id, *place, PAGE_ARTICLES, removed=removed)


def _count_of(conn: Any, bot_id: int) -> tuple[int, int] | None:
    """The bot's version, and how many enabled articles it has; None if it is gone."""
    from zhike.store.bots import get_bot

    bot = get_bot(conn, bot_id)
    return None if bot is None else (bot.knowledge_version, count_articles(conn, bot_id, enabled=True))
