"""The demo's past conversations keep the desk's own rules, and go without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from zhike.config import ConfigError
from zhike.ops import demo
from zhike.ops.configfile import read_files
from zhike.ops.configplan import apply
from zhike.sample import CONFIG_FILES
from zhike.store import agents, conversations, messages, reviews, supervision, tables
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store, open_store

NOW = 1_800_000_000_000
TABLES = ("contacts", "conversations", "messages", "ratings", "agents", "jobs", "outbox")


class Db:
    """A store, run from a test that is not async."""

    def __init__(self, runner: asyncio.Runner, store: Store) -> None:
        self.runner, self.store = runner, store

    def __call__(self, fn: Any, *args: Any) -> Any:
        return self.runner.run(self.store.write(fn, *args))

    def load(self, now: int = NOW) -> int:
        return self.runner.run(demo.load(self.store, now))

    def remove(self) -> int:
        return self.runner.run(demo.remove(self.store))

    def counts(self) -> dict[str, int]:
        return {name: self(lambda conn, name=name: conn.execute(
            select(func.count()).select_from(tables.metadata.tables[name])).scalar_one()) for name in TABLES}


@pytest.fixture
def db(database_url: str, tmp_path: Path) -> Iterator[Db]:
    store = open_store(database_url, tmp_path)

    def empty(conn: Connection) -> None:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name != "meta":
                conn.execute(table.delete())
        conn.execute(tables.meta.delete().where(tables.meta.c.name == demo.MARK))

    with asyncio.Runner() as runner:
        runner.run(store.open())
        try:
            yield Db(runner, store)
        finally:
            runner.run(store.write(empty))
            runner.run(store.close())


@pytest.fixture
def shop(db: Db) -> Db:
    db(apply, read_files(CONFIG_FILES), NOW)
    return db


def test_it_comes_once_and_goes_without_a_trace(shop: Db) -> None:
    before = shop.counts()
    count = shop.load()
    assert count > 200
    full = shop.counts()
    assert full["conversations"] == count
    assert full["messages"] > 4 * count
    assert full["ratings"] > 20
    assert shop.load(NOW + 1) == 0
    assert shop.counts() == full
    assert shop.remove() == count
    assert shop.counts() == before
    assert shop.remove() == 0


def test_what_people_did_with_it_goes_along(shop: Db) -> None:
    before = shop.counts()
    shop.load()

    def work(conn: Connection) -> None:
        one = conn.execute(select(tables.conversations.c.id)).scalars().first()
        agents = tables.agents.c
        agent = conn.execute(select(agents.id).where(agents.password_hash == "")).scalars().first()
        insert_rows(conn, tables.tags, [{"id": 1, "name": "退款", "colour": "#000000", "created_at": 1}])
        insert_rows(conn, tables.conversation_tags, [{"conversation_id": one, "tag_id": 1}])
        insert_rows(conn, tables.mentions, [{"conversation_id": one, "seq": 1, "agent_id": agent,
                                             "by_id": agent, "created_at": 1}])
        insert_rows(conn, tables.teams, [{"id": 1, "key": "t", "name": "T", "settings": "{}", "created_at": 1,
                                          "updated_at": 1}])
        insert_rows(conn, tables.team_members, [{"team_id": 1, "agent_id": agent}])
        insert_rows(conn, tables.reviews, [{"conversation_id": one, "reviewer_id": agent, "agent_id": agent,
                                            "scores": "{}", "comment": "", "created_at": 1, "updated_at": 1}])

    shop(work)
    shop.remove()
    assert shop.counts() == before


def test_its_days_can_be_reported(shop: Db) -> None:
    shop.load()
    day = shop(supervision.day, NOW - 14 * 86_400_000)
    assert 0 < day.by_bot_count < day.resolved_count <= day.opened_count
    assert 0 <= day.first_reply_ms[0] <= day.first_reply_ms[-1] <= 20_000
    assert len(shop(reviews.sample, 0, 20, 1)) == 20


def test_it_keeps_the_desk_s_rules(shop: Db) -> None:
    shop.load()

    def look(conn: Connection) -> list[tuple[Any, list[Any]]]:
        ids = list(conn.execute(select(tables.conversations.c.id)).scalars())
        found = conversations.by_ids(conn, ids)
        return [(found[one], messages.after(conn, one, 0, 1000)) for one in ids]

    held = []
    for conversation, said in shop(look):
        assert [message.seq for message in said] == list(range(1, conversation.last_seq + 1))
        assert [message.at for message in said] == sorted(message.at for message in said)
        assert conversation.created_at <= said[0].at <= said[-1].at <= conversation.updated_at <= NOW
        assert not conversation.owes_answer  # nothing for the desk to answer at its start
        assert (conversation.status == "resolved") == (conversation.holder == "none")
        assert (conversation.holder == "agent") == (conversation.agent_id is not None)
        assert (conversation.holder == "queue") == (conversation.waiting_since is not None)
        for message in said:
            assert all(said[seq - 1].direction == "incoming" for seq in message.answers)
        held.append(conversation.holder)
    assert {"none", "queue", "agent"} <= set(held)
    assert any('"kind":"article"' in message.payload for _, said in shop(look) for message in said)


def test_nobody_signs_in_as_a_demo_agent(shop: Db) -> None:
    shop.load()
    assert shop(agents.owner_exists) is False
    people = shop(agents.page, 0, 100)
    assert len(people) >= 3
    assert all(not one.enabled and not one.password_hash for one in people)


def test_what_real_people_did_beside_it_stays(shop: Db) -> None:
    shop.load()

    def real(conn: Connection) -> int:
        row = conn.execute(select(tables.conversations).where(
            tables.conversations.c.open_key.is_not(None)).limit(1)).mappings().one()
        conn.execute(insert(tables.conversations).values(**{
            **row, "id": 10**9, "demo": False, "open_key": None, "status": "resolved", "holder": "none",
            "agent_id": None}))
        return int(row["contact_id"])

    contact = shop(real)
    shop.remove()
    counts = shop.counts()
    assert (counts["conversations"], counts["contacts"]) == (1, 1)
    assert shop(lambda conn: conn.execute(select(tables.contacts.c.id)).scalar_one()) == contact


def test_a_shop_of_one_s_own_is_left_alone(db: Db) -> None:
    with pytest.raises(ConfigError, match="does not hold the sample shop"):
        db.load()
    assert sum(db.counts().values()) == 0
