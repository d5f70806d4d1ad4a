"""Mentions in notes, and messages taken back, on every database."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection

from zhike.app.answers import _heard
from zhike.domain.agent import Scope
from zhike.domain.message import RECALL_MS
from zhike.domain.unit import Change, Entry, Incoming
from zhike.domain.views import view_of
from zhike.store import mentions, messages, outbox, tables
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store
from zhike.store.unit import Result, commit_unit

AT = 1_700_000_000_000


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [
        {"id": n, "key": f"i{n}", "name": "i", "channel": channel, "bot_id": None, "settings": "{}",
         "created_at": 1, "updated_at": 1} for n, channel in ((1, "web"), (2, "api"))])
    insert_rows(conn, tables.agents, [
        {"id": n, "email": f"a{n}@x", "name": f"A{n}", "role": "agent", "password_hash": "",
         "enabled": n != 9, "lang": "", "created_at": 1, "last_seen_at": 1} for n in (7, 8, 9)])


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def commit(store: Store, *entries: Entry) -> Result:
    return await store.write(commit_unit, entries, {2: "api"})


def said(text: str, at: int, where: int = 0, agent: int = 0, inbox: int = 1, **values: Any) -> Incoming:
    key = f"{text}{at}".encode().ljust(16)[:16]
    return Incoming(inbox, f"a:{agent}" if agent else "v:1", key.hex(), key, text, at, lang="zh",
                    agent_id=agent, agent_name=f"A{agent}" if agent else "", conversation_id=where, **values)


async def held(store: Store, inbox: int = 1) -> int:
    first = said(f"q{inbox}", AT, inbox=inbox)
    await commit(store, first)
    await commit(store, Change(first.conversation_id, "take", AT + 1, agent_id=7, agent_name="A7"))
    return first.conversation_id


async def test_a_note_calls_those_who_work_here(desk: Store) -> None:
    where = await held(desk)
    note = said("n1", AT + 5, where, 7, note=True, mentions=(8, 9, 8, 7, 4711))
    result = await commit(desk, note, said("n2", AT + 6, where, 7, note=True, mentions=(8,)))
    assert [row.mentions for row in result.rows] == [(7, 8), (8,)]
    unread = await desk.read(mentions.page, 8, None, 10, unread=True)
    assert [(one.seq, one.text, one.by_name, one.read_at) for one in unread] == [
        (4, "n2", "A7", None), (3, "n1", "A7", None)]
    first = unread[0]
    older = await desk.read(mentions.page, 8, (first.created_at, first.conversation_id, first.seq), 10,
                            unread=False)
    assert [one.seq for one in older] == [3]
    narrow = await desk.read(mentions.page, 8, None, 10, unread=False, scope=Scope(frozenset({2})))
    assert narrow == []
    other_team = Scope(frozenset({1}), frozenset(), 8)
    assert len(await desk.read(mentions.page, 8, None, 10, unread=False, scope=other_team)) == 2
    assert await desk.write(mentions.mark_read, 8, where + 1, AT + 9) == 0
    assert await desk.write(mentions.mark_read, 8, None, AT + 9) == 2
    assert await desk.write(mentions.mark_read, 8, where, AT + 10) == 0
    assert await desk.read(mentions.page, 8, None, 10, unread=True) == []
    assert len(await desk.read(mentions.page, 7, None, 10, unread=True)) == 1


async def test_what_is_said_to_the_visitor_calls_nobody(desk: Store) -> None:
    where = await held(desk)
    await commit(desk, said("hello", AT + 5, where, 7, mentions=(8,)))
    assert await desk.read(mentions.page, 8, None, 10, unread=False) == []


async def test_a_slip_is_taken_back(desk: Store) -> None:
    where = await held(desk)
    slip = said("密码是 123", AT + 10, where, 7)
    await commit(desk, slip)
    recall = Change(where, "recall", AT + 10 + RECALL_MS, agent_id=7, seq=slip.seq)
    result = await commit(desk, recall)
    assert recall.outcome == "done"
    assert [(c.id, seq) for c, seq in result.recalled] == [(where, slip.seq)]
    assert result.recalled[0][0].last_text == ""
    [stored] = await desk.read(messages.after, where, slip.seq - 1, 9)
    view = view_of(stored, for_agent=False)
    assert (view.text, view.recalled, view.sender_name, view.seq) == ("", True, "A7", slip.seq)
    assert "密码" not in msgspec.json.encode(stored).decode()
    assert _heard(stored) is None  # nor does a model hear of it
    again = Change(where, "recall", AT + 20, agent_id=7, seq=slip.seq)
    await commit(desk, again)
    assert again.outcome == "unchanged"


@pytest.mark.parametrize(("agent", "seq", "at", "outcome"), [
    (8, 3, 20, "not_found"), (7, 1, 20, "not_found"), (7, 2, 20, "not_found"), (7, 4, 20, "not_found"),
    (7, 99, 20, "not_found"), (7, 3, 11 + RECALL_MS, "too_late")])
async def test_only_what_one_has_said_oneself_a_moment_ago(desk: Store, agent: int, seq: int, at: int,
                                                           outcome: str) -> None:
    where = await held(desk)
    await commit(desk, said("words", AT + 10, where, 7), said("a note", AT + 10, where, 7, note=True))
    recall = Change(where, "recall", AT + at, agent_id=agent, seq=seq)
    await commit(desk, recall)
    assert recall.outcome == outcome
    assert [m.text for m in await desk.read(messages.after, where, 2, 9)] == ["words", "a note"]


async def test_what_left_through_a_channel_stays_and_what_has_not_never_does(desk: Store) -> None:
    where = await held(desk, inbox=2)
    await commit(desk, said("one", AT + 10, where, 7), said("two", AT + 11, where, 7))
    now = AT + 20
    claimed, _ = await desk.write(outbox.claim, 2, "api", now, 1000, 9, resend=True)
    for row in claimed:  # the system's line goes first
        await desk.write(outbox.sent, row)
    [one], _ = await desk.write(outbox.claim, 2, "api", now, 1000, 9, resend=True)
    recalls = [Change(where, "recall", now, agent_id=7, seq=seq) for seq in (one.seq, one.seq + 1)]
    await commit(desk, *recalls)
    assert [recall.outcome for recall in recalls] == ["too_late", "done"]
    await desk.write(outbox.sent, one)
    left, _ = await desk.write(outbox.claim, 2, "api", now + 5000, 1000, 9, resend=True)
    assert left == []
