"""Large bots: their index follows the database by what changed, whoever changed it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import Connection, delete

from zhike.answer.engine import Engine
from zhike.desk.knowledge import KnowledgeKeeper
from zhike.desk.registry import Registry
from zhike.domain.knowledge import Article, Bot
from zhike.search.library import Library
from zhike.search.snapshot import Snapshot
from zhike.search.text import understand
from zhike.store import articles as rows
from zhike.store import bots, changes, tables
from zhike.store.engine import Store, open_store
from zhike.testing.kb import asks, make_kb

KB = make_kb(120, seed=2)


class Desk:
    """Store, engine and registry of one process; ``disk_above`` 20 articles."""

    def __init__(self, store: Store, folder: Path, memory_bytes: int = 1 << 30) -> None:
        self.store = store
        self.engine = Engine()
        self.built = asyncio.Event()
        self.library = Library(store, folder, lambda _: self.built.set())
        self.keeper = KnowledgeKeeper(store, self.engine, self.library, disk_above=20,
                                      memory_bytes=memory_bytes)
        self.registry = Registry(store, self.engine, self.keeper)

    async def refresh(self) -> None:
        """As the running desk does, until nothing is left behind."""
        await self.registry.refresh()
        while any(shown.task is not None for shown in self.library.shown.values()):
            await self.built.wait()
            self.built.clear()
            await self.registry.refresh()

    def shown(self, bot: Bot) -> Snapshot:
        shelf = self.engine.knowledge_of(bot.id)
        assert isinstance(shelf, Snapshot)
        return shelf

    def says(self, bot: Bot, text: str) -> str:
        reply = self.engine.search(bot.id, [understand(text)])[0]
        return "" if reply is None else reply.text


@pytest_asyncio.fixture
async def store(database_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(database_url, tmp_path)
    await opened.open()

    def empty(conn: Connection) -> None:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name != "meta":
                conn.execute(table.delete())
        conn.execute(delete(tables.meta).where(tables.meta.c.name.like("removals.%")))

    await opened.write(empty)
    yield opened
    await opened.write(empty)
    await opened.close()


async def make_bot(store: Store, key: str = "big", articles: list[Article] = KB) -> Bot:
    bot: Bot = await store.write(bots.create_bot, Bot(0, key, key), 1000)
    if articles:
        await store.write(rows.put_articles, bot.id, articles, 1000)
    return bot


async def all_of(store: Store, bot: Bot) -> list[Article]:
    found: list[Article] = await store.read(rows.all_for_bot, bot.id)
    return found


async def test_it_follows_add_edit_and_delete_like_a_fresh_build(store: Store, tmp_path: Path) -> None:
    bot = await make_bot(store, articles=KB[:60])
    desk = Desk(store, tmp_path / "index")
    await desk.refresh()
    rng = random.Random(3)
    extra = iter(KB[60:])
    for step in range(12):
        now = 2000  # one clock that stands still: nothing rests on it
        here = await all_of(store, bot)
        match rng.choice(("add", "edit", "delete", "disable", "many")):
            case "add":
                await store.write(rows.put_articles, bot.id, [next(extra)], now)
            case "edit":
                old = rng.choice(here)
                await store.write(rows.update_article, msgspec.structs.replace(
                    old, question=f"新的问法{step}号", answer=f"答案{step}"), now)
            case "delete":
                await store.write(rows.delete_articles, bot.id, [a.id for a in rng.sample(here, 3)], now)
            case "disable":
                await store.write(rows.update_article, msgspec.structs.replace(
                    rng.choice(here), enabled=False), now)
            case "many":
                await store.write(rows.put_articles, bot.id, [next(extra) for _ in range(4)], now)
        await desk.refresh()
        assert desk.keeper.health() == "ok"
    assert desk.library.shown[bot.id].builds_count == 1
    here = [a for a in await all_of(store, bot) if a.enabled]
    shown = desk.shown(bot)
    fresh_desk = Desk(store, tmp_path / "fresh")
    await fresh_desk.refresh()
    fresh = fresh_desk.shown(bot)
    assert shown.size == fresh.size == len(here)
    for article in here:
        assert shown.article(article.id) == fresh.article(article.id) == article
        for phrasing in asks(article):
            a, b = shown.find(understand(phrasing).norm), fresh.find(understand(phrasing).norm)
            assert (a.exact, a.matches[0].document) == (b.exact, b.matches[0].document)
    await desk.keeper.close()
    await fresh_desk.keeper.close()


async def test_opened_at_once_when_current_and_only_changes_are_read(store: Store, tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    bot = await make_bot(store)
    desk = Desk(store, tmp_path / "index")
    await desk.refresh()
    await desk.keeper.close()
    read: list[int] = []
    real = rows.changed_articles

    def watched(conn: Connection, *args: Any, **options: Any) -> Any:
        found = real(conn, *args, **options)
        read.append(0 if found is None else len(found[1]))
        return found

    monkeypatch.setattr("zhike.search.library.changed_articles", watched)
    again = Desk(store, tmp_path / "index")
    await again.registry.refresh()
    assert again.keeper.health() == "ok"  # no build, nothing to wait for
    assert again.shown(bot).size == len(KB)
    assert sum(read) == 0
    here = await all_of(store, bot)
    await store.write(rows.update_article, msgspec.structs.replace(here[5], answer="改过了"), 3000)
    await again.registry.refresh()
    assert sum(read) == 1
    assert again.says(bot, here[5].question) == "改过了"
    await again.keeper.close()


async def test_two_processes_on_one_folder(store: Store, tmp_path: Path) -> None:
    bot = await make_bot(store)
    first, second = Desk(store, tmp_path / "index"), Desk(store, tmp_path / "index")
    await first.refresh()
    await second.refresh()
    assert second.shown(bot).size == len(KB)
    here = await all_of(store, bot)
    await store.write(rows.update_article, msgspec.structs.replace(here[0], answer="一"), 3000)
    await second.refresh()  # it may not write, and says that it is behind
    assert second.says(bot, here[0].question) == here[0].answer
    assert "reading" in second.keeper.health()
    await first.refresh()
    await second.refresh()
    assert second.says(bot, here[0].question) == "一"
    assert second.keeper.health() == "ok"
    await first.keeper.close()
    await store.write(rows.update_article, msgspec.structs.replace(here[0], answer="二"), 3000)
    await second.refresh()  # the first is gone: the second takes over
    assert second.says(bot, here[0].question) == "二"
    await second.keeper.close()


async def test_an_older_database_and_forgotten_removals_make_it_anew(
        store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KEPT_REMOVALS", 2)
    bot = await make_bot(store)
    desk = Desk(store, tmp_path / "index")
    await desk.refresh()
    here = await all_of(store, bot)
    for article in here[:6]:
        await store.write(rows.delete_articles, bot.id, [article.id], 3000)
    await desk.refresh()
    assert desk.shown(bot).size == len(KB) - 6
    assert desk.library.shown[bot.id].builds_count == 2

    def back(conn: Connection) -> None:
        conn.execute(tables.bots.update().values(knowledge_version=1))
        conn.execute(delete(tables.removals))
        conn.execute(delete(tables.meta).where(tables.meta.c.name.like("removals.%")))

    await store.write(back)  # as after restoring a backup
    await desk.refresh()
    assert desk.library.shown[bot.id].builds_count == 3
    assert desk.shown(bot).version == 1
    await desk.keeper.close()


async def test_a_damaged_index_is_made_anew_while_the_desk_runs(store: Store, tmp_path: Path) -> None:
    bot = await make_bot(store)
    desk = Desk(store, tmp_path / "index")
    await desk.refresh()
    desk.library.shown[bot.id].index.note_damage(OSError("bad sector"))
    here = await all_of(store, bot)
    await store.write(rows.update_article, msgspec.structs.replace(here[0], answer="新"), 3000)
    await desk.refresh()
    assert desk.library.shown[bot.id].builds_count == 2
    assert desk.says(bot, here[0].question) == "新"
    await desk.keeper.close()


async def test_a_build_that_was_interrupted_goes_on(store: Store, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhike.search.library.PAGE_ARTICLES", 20)
    monkeypatch.setattr("zhike.search.library.COMMIT_ARTICLES", 40)
    bot = await make_bot(store)
    pages: list[tuple[int, int]] = []
    real = rows.changed_articles

    def stops(conn: Connection, bot_id: int, *place: int, **options: bool) -> Any:
        pages.append((place[0], place[1]))
        if len(pages) == 4:
            raise asyncio.CancelledError  # the process ends in the middle
        return real(conn, bot_id, *place, **options)

    monkeypatch.setattr("zhike.search.library.changed_articles", stops)
    desk = Desk(store, tmp_path / "index")
    await desk.registry.refresh()
    task = desk.library.shown[bot.id].task
    assert task is not None
    await asyncio.gather(task, return_exceptions=True)
    await desk.keeper.close()
    first = await all_of(store, bot)
    await store.write(rows.update_article, msgspec.structs.replace(first[0], answer="meanwhile"), 3000)
    again = Desk(store, tmp_path / "index")
    await again.refresh()
    assert pages[:2] == [(-1, 0), (2, first[19].id)]
    assert pages[4] == (2, first[39].id), "two pages were committed: it goes on after them"
    assert again.shown(bot).size == len(KB)
    assert again.says(bot, first[0].question) == "meanwhile"
    await again.keeper.close()


async def test_a_bot_that_grows_answers_all_the_while(store: Store, tmp_path: Path) -> None:
    bot = await make_bot(store, articles=KB[:10])
    desk = Desk(store, tmp_path / "index")
    await desk.refresh()
    assert desk.keeper.memory.keys() == {bot.id}
    await store.write(rows.put_articles, bot.id, KB, 2000)
    await desk.registry.refresh()
    assert desk.says(bot, KB[3].question) == KB[3].answer  # from memory, until the index is there
    await desk.refresh()
    assert desk.shown(bot).size == len(KB)
    assert not desk.keeper.memory
    assert desk.says(bot, KB[99].question) == KB[99].answer
    here = await all_of(store, bot)
    await store.write(rows.delete_articles, bot.id, [a.id for a in here[12:]], 2000)
    await desk.refresh()
    assert desk.keeper.memory.keys() == {bot.id}
    assert not list((tmp_path / "index").iterdir())
    await desk.keeper.close()


@pytest.mark.parametrize("many", [2, 100])
async def test_small_bots_are_read_when_asked_and_make_room(store: Store, tmp_path: Path, many: int,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhike.desk.knowledge.EAGER_ARTICLES", 10)
    made = [await make_bot(store, f"b{n}", KB[n * 10:n * 10 + 10]) for n in range(5)]
    monkeypatch.setattr("zhike.desk.knowledge.MANY_BOTS", many)
    one = Engine()
    measured = KnowledgeKeeper(store, one)
    await Registry(store, one, measured).refresh()
    room = next(iter(measured.memory.values()))
    await measured.close()
    desk = Desk(store, tmp_path / "index", memory_bytes=int(room * 2.5))
    await desk.registry.refresh()
    assert [desk.engine.in_memory(bot.id) for bot in made] == [True, False, False, False, False]
    for n, bot in enumerate(made):
        await desk.engine.open(bot.id)
        assert desk.says(bot, KB[n * 10].question) == KB[n * 10].answer
    assert desk.keeper.memory_used_bytes <= room * 2.5
    assert desk.keeper.evicted_count >= 2
    assert not desk.engine.in_memory(made[0].id)
    here = await all_of(store, made[0])
    await store.write(rows.update_article, msgspec.structs.replace(here[0], answer="改"), 3000)
    await desk.registry.refresh()
    await desk.engine.open(made[0].id)
    assert desk.says(made[0], here[0].question) == "改"
    await desk.keeper.close()


async def test_new_synonyms_make_the_index_anew_and_the_old_one_answers_meanwhile(
        store: Store, tmp_path: Path) -> None:
    give_back = Article(0, 1, "give-back", "zh", "怎么退货", "七天内可以退。")
    bot = await make_bot(store, articles=[*KB[:60], give_back])
    desk = Desk(store, tmp_path / "index")
    await desk.refresh()
    before = desk.shown(bot)
    assert desk.says(bot, "咋退掉") == ""
    groups = [["退货", "退掉"]]
    await store.write(bots.update_bot, msgspec.structs.replace(bot, settings={"synonyms": groups}), 5000)
    await desk.registry.refresh()
    assert desk.shown(bot) is before
    assert desk.says(bot, "怎么退货") == "七天内可以退。"
    await desk.refresh()
    assert desk.shown(bot) is not before
    assert desk.says(bot, "咋退掉") == "七天内可以退。"
    await desk.keeper.close()
    later = Desk(store, tmp_path / "index")  # opened at once: it was made with these synonyms
    await later.registry.refresh()
    assert later.says(bot, "咋退掉") == "七天内可以退。"
    assert [shown.builds_count for shown in later.library.shown.values()] == [0]
    await later.keeper.close()
