"""The processes of :mod:`zhike.ops.bench.scenarios.search`: filling, indexing, asking."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

import msgspec

from zhike.answer.engine import Engine
from zhike.clock import now_ms
from zhike.desk.knowledge import KnowledgeKeeper
from zhike.desk.registry import Registry
from zhike.domain.knowledge import Article, Bot
from zhike.interpreter import settle_memory
from zhike.ops.bench.hist import Histogram
from zhike.ops.bench.proc import rss_bytes
from zhike.search.library import Library
from zhike.search.quiet import quiet_collector
from zhike.search.text import understand
from zhike.store.articles import get_article, put_articles, update_article
from zhike.store.bots import create_bot
from zhike.store.engine import open_store
from zhike.testing.kb import asks, chunk_question, make_chunks, make_kb, perturb

BATCH_ROWS = 2_000
TICK_S = 0.002
"""How often the loop is asked for a sign of life."""
ENDING_S = 0.05
"""How often the idle process looks whether it is over."""
EDITS = 5
REFRESH_S = 0.5
"""As in ``zhike.app.core``."""
ASKED_ONCE = 200
"""Questions before the measuring begins: a server that runs has read its dictionary."""
QUESTIONS = 20_000
"""Made before the measuring begins, for making one takes longer than finding its answer; asked again from
the first on if time is left."""


class _Desk:
    """What ``serve`` joins, without sockets."""

    def __init__(self, folder: Path, memory_bytes: int = 256 << 20) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.store = open_store("", folder)
        self.engine = Engine()
        self.built = asyncio.Event()
        self.library = Library(self.store, folder / "index", lambda _: self.built.set())
        self.keeper = KnowledgeKeeper(self.store, self.engine, self.library, memory_bytes=memory_bytes,
                                      around=quiet_collector)
        self.registry = Registry(self.store, self.engine, self.keeper)

    async def follow(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            await self.registry.refresh()


@asynccontextmanager
async def _desk(folder: Path) -> AsyncIterator[_Desk]:
    desk = _Desk(folder)
    await desk.store.open()
    try:
        yield desk
    finally:
        await desk.keeper.close()
        await desk.store.close()


class _Pulse:
    """The longest time the event loop did not answer, ms."""

    def __init__(self) -> None:
        self.max_ms = 0.0
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            began = perf_counter()
            await asyncio.sleep(TICK_S)
            self.max_ms = max(self.max_ms, (perf_counter() - began - TICK_S) * 1000)

    async def end(self) -> float:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self.max_ms


def idle_beside(ending: Any, told: Any) -> None:
    """A loop with nothing to do, in a process of its own: what this machine does to any process meanwhile.

    Args:
        ending: a ``multiprocessing.Event``. told: a queue for the longest time, ms.
    """
    import uvloop

    async def idle() -> float:
        pulse = _Pulse()
        # the event is another process's: there is nothing to await
        while not ending.is_set():  # noqa: ASYNC110
            await asyncio.sleep(ENDING_S)
        return await pulse.end()

    told.put(uvloop.run(idle()))


def _articles(kind: str, count: int, seed: int) -> Iterator[Article]:
    return make_chunks(count, seed) if kind == "chunks" else iter(make_kb(count, seed))


async def fill(folder: Path, kind: str, count: int, seed: int) -> None:
    """The database with one bot's articles."""
    async with _desk(folder) as desk:
        bot = await desk.store.write(create_bot, Bot(0, "big", "big"), now_ms())
        rows = _articles(kind, count, seed)
        while batch := list(islice(rows, BATCH_ROWS)):
            await desk.store.write(put_articles, bot.id, batch, now_ms())


async def build(folder: Path) -> dict[str, float]:
    """The index, from the database."""
    async with _desk(folder) as desk:
        settle_memory()
        pulse = _Pulse()
        began = perf_counter()
        await desk.registry.refresh()
        while desk.keeper.behind:
            await desk.built.wait()
            desk.built.clear()
            await desk.registry.refresh()
        took_s = perf_counter() - began
        disk = sum(shown.index.disk_bytes() for shown in desk.library.shown.values())
        return {"build_s": took_s, "build_rss_bytes": rss_bytes(os.getpid()), "disk_bytes": disk,
                "build_loop_block_max_ms": await pulse.end()}


async def ask(folder: Path, kind: str, count: int, seconds: float, seed: int) -> dict[str, float]:
    """Opens what is there, asks, edits."""
    async with _desk(folder) as desk:
        began = perf_counter()
        await desk.registry.refresh()
        opened_ms = (perf_counter() - began) * 1000
        rng = random.Random(seed)
        questions = list(islice(_questions(kind, count, seed, rng), QUESTIONS))
        bot_id = next(iter(desk.registry.bot_rows))
        await desk.keeper.open(bot_id)
        await _ask(desk, bot_id, islice(questions, ASKED_ONCE), 1e9)
        settle_memory()
        pulse = _Pulse()
        took, right = await _ask(desk, bot_id, cycle(questions), seconds)
        rss = rss_bytes(os.getpid())
        edits = await _edits(desk, bot_id, count, rng)
        return {"open_ms": opened_ms, **_times("", took), "right_at_1_ratio": right, "asked": took.count,
                "loop_block_max_ms": await pulse.end(), "rss_bytes": rss, **edits}


def _questions(kind: str, count: int, seed: int, rng: random.Random) -> Iterator[tuple[int, str]]:
    kb = [] if kind == "chunks" else make_kb(count, seed)
    while True:
        if kind == "chunks":
            number = rng.randint(1, count)
            yield number, perturb(chunk_question(number, rng), rng)
        else:
            article = rng.choice(kb)
            yield article.id, perturb(rng.choice(asks(article)), rng)


async def _ask(desk: _Desk, bot_id: int, questions: Iterator[tuple[int, str]],
               seconds: float) -> tuple[Histogram, float]:
    """Times of the searches, the share of which the article asked for came first."""
    loop = asyncio.get_running_loop()
    took, right = Histogram(), 0
    end = perf_counter() + seconds
    shelf = desk.engine.knowledge_of(bot_id)
    assert shelf is not None
    for number, text in questions:
        question = understand(text)
        began = perf_counter_ns()
        await loop.run_in_executor(None, desk.engine.search, bot_id, [question])
        took.record((perf_counter_ns() - began) // 1000)
        found = (await loop.run_in_executor(None, shelf.find, question.norm)).matches
        right += bool(found) and found[0].document == number
        if perf_counter() > end:
            break
    return took, right / max(took.count, 1)


async def _edits(desk: _Desk, bot_id: int, count: int, rng: random.Random) -> dict[str, float]:
    """From the commit of an edit to the first answer that says it."""
    times = []
    following = asyncio.get_running_loop().create_task(desk.follow())
    loop = asyncio.get_running_loop()
    for n in range(EDITS):
        article = await desk.store.read(get_article, rng.randint(1, count))
        assert article is not None
        text = f"已改第{n}次"
        await desk.store.write(update_article, msgspec.structs.replace(article, answer=text), now_ms())
        began = perf_counter()
        question = understand(article.question)
        while True:
            reply = (await loop.run_in_executor(None, desk.engine.search, bot_id, [question]))[0]
            if reply is not None and reply.text == text:
                break
            await asyncio.sleep(0.01)
        times.append((perf_counter() - began) * 1000)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return {"edit_to_answer_p50_ms": sorted(times)[EDITS // 2], "edit_to_answer_max_ms": max(times)}


def _times(prefix: str, took: Histogram) -> dict[str, float]:
    return {f"{prefix}p50_ms": took.quantile_ms(0.5), f"{prefix}p99_ms": took.quantile_ms(0.99),
            f"{prefix}max_ms": took.max_us / 1000}


# ---- many small sets -----------------------------------------------------------------------------

async def fill_sets(folder: Path, sets: int, articles: int, seed: int) -> None:
    """One bot per set, each with articles of its own."""
    async with _desk(folder) as desk:
        for n in range(sets):
            bot = await desk.store.write(create_bot, Bot(0, f"set{n}", f"set{n}"), now_ms())
            await desk.store.write(put_articles, bot.id, make_kb(articles, seed + n), now_ms())


async def ask_sets(folder: Path, sets: int, articles: int, seconds: float, seed: int) -> dict[str, Any]:
    """One set alone, then all of them in any order; the first questions find most sets unread."""
    async with _desk(folder) as desk:
        began = perf_counter()
        await desk.registry.refresh()
        opened_ms = (perf_counter() - began) * 1000
        ids = list(desk.registry.bot_rows)
        rng = random.Random(seed)
        kbs = {bot_id: make_kb(articles, seed + n) for n, bot_id in enumerate(ids)}
        first = [_ask_for(bot_id, kbs, rng) for bot_id in ids]
        alone = [_ask_for(ids[0], kbs, rng) for _ in range(QUESTIONS)]
        mixed = [_ask_for(rng.choice(ids), kbs, rng) for _ in range(QUESTIONS)]
        del kbs
        settle_memory()
        one, _ = await _ask_small(desk, cycle(alone), seconds / 2)
        pulse = _Pulse()
        _fresh, unread = await _ask_small(desk, iter(first), 1e9)
        reading = await pulse.end()
        pulse = _Pulse()
        many, _ = await _ask_small(desk, cycle(mixed), seconds)
        block = await pulse.end()
        found = {**_times("one_set_", one), **_times("sets_", many), "sets_open_ms": opened_ms,
                 "sets_loop_block_max_ms": block, "sets_read_loop_block_max_ms": reading,
                 "sets_rss_bytes": rss_bytes(os.getpid()), "sets_memory_bytes": desk.keeper.memory_used_bytes}
        if unread.count:
            found["set_read_p99_ms"] = unread.quantile_ms(0.99)
        return found


def _ask_for(bot_id: int, kbs: dict[int, list[Article]], rng: random.Random) -> tuple[int, str]:
    return bot_id, perturb(rng.choice(asks(rng.choice(kbs[bot_id]))), rng)


async def _ask_small(desk: _Desk, questions: Iterator[tuple[int, str]],
                     seconds: float) -> tuple[Histogram, Histogram]:
    """Searches of sets in memory, and of those that had to be read first."""
    loop = asyncio.get_running_loop()
    took, unread = Histogram(), Histogram()
    end = perf_counter() + seconds
    for bot_id, text in questions:
        question = understand(text)
        times = took if desk.engine.in_memory(bot_id) else unread
        began = perf_counter_ns()
        await desk.engine.open(bot_id)
        await loop.run_in_executor(None, desk.engine.search, bot_id, [question])
        times.record((perf_counter_ns() - began) // 1000)
        if perf_counter() > end:
            break
    return took, unread
