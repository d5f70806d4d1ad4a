"""What changed since a version: exactly that, on every database, whatever clocks say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, delete, text

from zhike.domain.knowledge import Article, Bot
from zhike.store import articles, bots, changes, tables
from zhike.store.dialect import name_of
from zhike.store.engine import open_store

Db = Callable[..., Any]
ARTICLES = [Article(0, 0, f"k{n}", "zh", f"q{n}", "a") for n in range(9)]


@pytest.fixture
def db(database_url: str, tmp_path: Path) -> Iterator[Db]:
    """An open store on each database, emptied at the end."""
    store = open_store(database_url, tmp_path)

    def empty(conn: Connection) -> None:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name != "meta":
                conn.execute(table.delete())
        conn.execute(delete(tables.meta).where(tables.meta.c.name.like("removals.%")))

    with asyncio.Runner() as runner:
        runner.run(store.open())
        try:
            yield lambda fn, *args, **kwargs: runner.run(store.write(fn, *args, **kwargs))
        finally:
            runner.run(store.write(empty))
            runner.run(store.close())


@pytest.fixture
def bot(db: Db) -> Bot:
    made: Bot = db(bots.create_bot, Bot(0, "b", "b"), 1000)
    db(articles.put_articles, made.id, ARTICLES, 1000)
    return made


def version(db: Db, bot: Bot) -> int:
    return int(db(bots.get_bot, bot.id).knowledge_version)


def test_all_then_only_what_came_after(db: Db, bot: Bot) -> None:
    here = db(articles.all_for_bot, bot.id)
    found = db(changes.changes_since, bot.id, -1)
    assert [article_id for _, article_id in found.ids] == [a.id for a in here]
    start = version(db, bot)
    assert db(changes.changes_since, bot.id, start) == changes.Changes(start, [], [], True)
    db(articles.update_article, msgspec.structs.replace(here[1], answer="b"), 500)  # a clock that goes back
    db(articles.delete_articles, bot.id, [here[2].id, here[3].id], 1000)
    db(articles.put_articles, bot.id, [ARTICLES[4], msgspec.structs.replace(ARTICLES[5], answer="c")], 1000)
    found = db(changes.changes_since, bot.id, start)
    # what was put as it is did not change
    assert found.ids == [(start + 1, here[1].id), (start + 3, here[5].id)]
    assert sorted(found.removed) == [here[2].id, here[3].id]
    assert found.version == version(db, bot)
    assert db(changes.changes_since, bot.id, start + 2).removed == []


def test_pages_go_on_where_they_ended(db: Db, bot: Bot) -> None:
    seen: list[tuple[int, int]] = []
    place = (-1, 0)
    while (page := db(changes.changes_since, bot.id, *place, limit=2, removed=False)).ids:
        seen += page.ids
        place = page.ids[-1]
    assert seen == db(changes.changes_since, bot.id, -1).ids
    assert len(seen) == 9


def test_another_bots_changes_are_not_seen(db: Db, bot: Bot) -> None:
    other = db(bots.create_bot, Bot(0, "c", "c"), 1000)
    db(articles.put_articles, other.id, ARTICLES[:2], 1000)
    assert len(db(changes.changes_since, other.id, -1).ids) == 2
    assert db(changes.changes_since, bot.id, version(db, bot)).ids == []
    db(bots.delete_bot, other.id)
    assert db(changes.changes_since, other.id, -1) is None


def test_forgotten_removals_are_said(db: Db, bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KEPT_REMOVALS", 2)
    start = version(db, bot)
    for article in db(articles.all_for_bot, bot.id)[:5]:
        db(articles.delete_articles, bot.id, [article.id], 1000)
    assert not db(changes.changes_since, bot.id, start).known
    assert db(changes.changes_since, bot.id, version(db, bot)).known
    assert db(changes.changes_since, bot.id, start, removed=False).known


def test_a_page_of_changes_comes_from_one_index(db: Db, bot: Bot) -> None:
    def plan(conn: Connection) -> str:
        rows: Any = conn.execute(text(
            "EXPLAIN QUERY PLAN SELECT version, id FROM articles WHERE bot_id = 1 AND version > 5 "
            "ORDER BY version, id LIMIT 250")) if name_of(conn) == "sqlite" else []
        return " ".join(str(row[-1]) for row in rows)

    said = db(plan)
    if said:  # a table of nine rows tells nothing of the other databases' plans
        assert "ix_articles_bot_id_version_id" in said
        assert "TEMP B-TREE" not in said
