"""How far each agent has read, what is new to them, and kept summaries, on every database."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection

from zhike.domain.conversation import Conversation
from zhike.store import agent_reads, conversations, listing, messages, summaries, tables
from zhike.store.dialect import insert_many, insert_rows
from zhike.store.engine import Store
from zhike.store.summaries import Summary

AT = 1_700_000_000_000
FLOW = ("incoming", "outgoing", "incoming", "note", "incoming", "incoming")
"""Of each conversation: its messages 1 … 6."""


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [{"id": 1, "key": "i", "name": "i", "channel": "web", "bot_id": None,
                                        "settings": "{}", "created_at": 1, "updated_at": 1}])
    insert_rows(conn, tables.agents, [
        {"id": n, "email": f"a{n}@x", "name": f"A{n}", "role": "agent", "password_hash": "",
         "enabled": True, "lang": "", "created_at": 1, "last_seen_at": 1} for n in (7, 8)])
    insert_rows(conn, tables.contacts, [
        {"id": n, "inbox_id": 1, "sender": f"v:{n}", "name": "", "email": "", "phone": "",
         "attributes": "", "created_at": 1, "last_seen_at": 1} for n in (1, 2)])
    for n in (1, 2):
        conversations.insert_conversations(conn, [(Conversation(
            n, 1, n, f"v:{n}", "open", "queue", 1, len(FLOW), len(FLOW), 0, AT, AT), f"1:v:{n}")])
        insert_many(conn, "messages", (*messages.COLUMNS, "dedup_key"), [
            (n, seq, direction, "contact" if direction == "incoming" else "agent", f"m{seq}", AT, 0,
             f"m{seq}", "", "", "", n, bytes([n, seq]).ljust(16)) for seq, direction in enumerate(FLOW, 1)])


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def news(store: Store, agent: int) -> dict[int, tuple[int, int]]:
    found = await store.read(agent_reads.of, agent, [1, 2])
    return {number: (one.seq, one.news) for number, one in found.items()}


async def test_each_agent_has_marks_of_their_own(desk: Store) -> None:
    assert await news(desk, 7) == {1: (0, 4), 2: (0, 4)}
    await desk.write(agent_reads.forward, [(7, 1, 3), (8, 2, 6)], AT)
    assert await news(desk, 7) == {1: (3, 2), 2: (0, 4)}
    assert await news(desk, 8) == {1: (0, 4), 2: (6, 0)}
    await desk.write(agent_reads.forward, [(7, 1, 2)], AT)
    assert (await news(desk, 7))[1] == (3, 2), "a mark does not go back by itself"


async def test_what_a_colleague_has_read_is_no_news_where_one_never_looked(desk: Store) -> None:
    await desk.write(conversations.mark_read, 1, 5, by_agent=True)
    assert (await news(desk, 7))[1] == (5, 1)
    await desk.write(agent_reads.forward, [(7, 1, 1)], AT)
    assert (await news(desk, 7))[1] == (1, 3), "one's own mark counts as soon as there is one"


async def test_unread_again_is_the_visitors_last_word(desk: Store) -> None:
    await desk.write(agent_reads.forward, [(7, 1, 6)], AT)
    await desk.write(agent_reads.unread_again, 7, 1, AT)
    assert (await news(desk, 7))[1] == (5, 1)
    await desk.write(agent_reads.unread_again, 8, 2, AT)
    assert (await news(desk, 8))[2] == (5, 1)


async def test_a_list_shows_ones_own_news(desk: Store) -> None:
    await desk.write(agent_reads.forward, [(7, 2, 5)], AT)
    rows = await desk.read(listing.conversation_page, listing.Filter(), None, 10, me=7)
    assert {row.conversation.id: (row.more.read_seq, row.more.unread) for row in rows} == {
        1: (0, 4), 2: (5, 1)}
    rows = await desk.read(listing.conversation_page, listing.Filter(), None, 10)
    assert {row.more.unread for row in rows} == {0}, "a program reads nothing"


async def test_a_summary_that_knows_more_stays(desk: Store) -> None:
    assert await desk.read(summaries.find, 1) is None
    old = Summary(1, 3, "alt", "m", AT)
    assert await desk.write(summaries.keep, old) == old
    new = Summary(1, 5, "新", "m", AT + 1)
    assert await desk.write(summaries.keep, new) == new
    assert await desk.write(summaries.keep, old) == new
    assert await desk.read(summaries.find, 1) == new
    assert await desk.read(summaries.said_since, 1, 3) == 2, "a note is not said"
    several = [Summary(2, seq, str(seq), "m", AT) for seq in (4, 6, 5)]
    await asyncio.gather(*(desk.write(summaries.keep, one) for one in several))
    found = await desk.read(summaries.find, 2)
    assert found is not None
    assert found.seq == 6
