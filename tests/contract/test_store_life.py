"""The life of a conversation on every database: assign, snooze, wake, reopen, resolve; who waits."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import pytest
from sqlalchemy import Connection, select

from zhike.domain.unit import Change, Entry, Incoming
from zhike.store import conversations, jobs, messages, tables
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store
from zhike.store.moves import WAKE
from zhike.store.unit import Result, commit_unit


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [{"id": 1, "key": "i", "name": "i", "channel": "web", "bot_id": None,
                                        "settings": "{}", "created_at": 1, "updated_at": 1}])
    insert_rows(conn, tables.agents, [
        {"id": n, "email": f"a{n}@x", "name": f"A{n}", "role": "agent", "password_hash": "",
         "enabled": True, "lang": "", "created_at": 1, "last_seen_at": 1} for n in (7, 8)])


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def commit(store: Store, *entries: Entry) -> Result:
    return await store.write(commit_unit, entries, {})


def say(text: str, at: int, *, agent: int = 0, conversation: int = 0, action: str = "",
        sender: str = "v:1", note: bool = False) -> Incoming:
    digest = blake2b(f"{sender}{agent}{text}{at}".encode(), digest_size=16).digest()
    return Incoming(1, f"a:{agent}" if agent else sender, f"{text}{at}", digest, text, at, lang="zh",
                    action=action, agent_id=agent, agent_name=f"A{agent}" if agent else "",
                    conversation_id=conversation, note=note)


def change(conversation: int, kind: Any, at: int, agent: int = 0, **values: Any) -> Change:
    return Change(conversation, kind, at, agent_id=agent, agent_name=f"A{agent}" if agent else "", **values)


async def row(store: Store, conversation: int) -> Any:
    def read(conn: Connection) -> Any:
        table = tables.conversations
        return conn.execute(select(table).where(table.c.id == conversation)).one()
    return await store.read(read)


async def test_assigned_to_an_agent_with_a_note_in_the_same_order(desk: Store) -> None:
    first = say("人工", 1000, action="handoff")
    await commit(desk, first)
    where = first.conversation_id
    given = change(where, "assign", 2000, 7, team_id=3, by_id=8, by_name="A8", note="老客户，请优先")
    result = await commit(desk, given)
    assert given.outcome == "done"
    assert [(r.direction, r.sender_type, r.sender_id) for r in result.rows] == [
        ("outgoing", "system", 8), ("note", "agent", 8)]  # (who did it stands there, and is not shown)
    found = await row(desk, where)
    assert (found.status, found.holder, found.agent_id, found.team_id) == ("open", "agent", 7, 3)
    assert (found.assigned_at, found.waiting_since) == (2000, 1000)
    stored = await desk.read(messages.after, where, 2, 10)
    assert [(m.seq, m.direction, m.text) for m in stored] == [
        (3, "outgoing", "客服 A7 已接入，为您服务。"), (4, "note", "老客户，请优先")]
    again = change(where, "assign", 2500, 7)
    await commit(desk, again)
    assert again.outcome == "unchanged"
    moved = change(where, "assign", 3000, 8, by_id=7)
    result = await commit(desk, moved)
    assert "A8" in result.rows[0].text
    assert "转接" in result.rows[0].text


async def test_passed_to_a_team_it_waits_there_and_keeps_its_place(desk: Store) -> None:
    first = say("人工", 1000, action="handoff")
    await commit(desk, first)
    where = first.conversation_id
    epoch = (await row(desk, where)).holder_epoch
    await commit(desk, change(where, "assign", 2000, team_id=3))
    found = await row(desk, where)
    assert (found.holder, found.team_id, found.waiting_since, found.holder_epoch) == ("queue", 3, 1000, epoch)
    await commit(desk, change(where, "take", 3000, 7))
    result = await commit(desk, change(where, "assign", 4000, team_id=0, by_id=7))
    found = await row(desk, where)
    assert (found.holder, found.team_id, found.agent_id) == ("queue", None, None)
    assert found.holder_epoch == epoch + 2
    assert result.life[where] == {"team_id": None}
    assert result.rows[0].sender_type == "system"


async def test_who_decided_by_an_older_epoch_loses(desk: Store) -> None:
    first = say("人工", 1000, action="handoff")
    await commit(desk, first)
    where = first.conversation_id
    epoch = (await row(desk, where)).holder_epoch
    took, routed = change(where, "take", 2000, 7), change(where, "assign", 2000, 8, epoch=epoch)
    await commit(desk, took, routed)
    assert (took.outcome, routed.outcome) == ("done", "unchanged")
    assert (await row(desk, where)).agent_id == 7


async def test_what_somebody_else_holds_by_now_is_not_handed_over(desk: Store) -> None:
    first = say("人工", 1000, action="handoff")
    await commit(desk, first)
    where = first.conversation_id
    await commit(desk, change(where, "take", 2000, 7))
    handed = change(where, "assign", 3000, 0, team_id=5, from_id=7)
    await commit(desk, change(where, "take", 3000, 8), handed)
    assert handed.outcome == "unchanged"
    found = await row(desk, where)
    assert (found.agent_id, found.team_id) == (8, None)


async def test_a_person_who_takes_is_waited_for_until_they_write(desk: Store) -> None:
    first = say("你好", 1000)
    await commit(desk, first)
    where = first.conversation_id
    await commit(desk, change(where, "take", 2000, 7))
    assert (await row(desk, where)).waiting_since == 2000
    await commit(desk, say("内部", 2100, agent=8, conversation=where, note=True))
    assert (await row(desk, where)).waiting_since == 2000
    await commit(desk, say("您好", 2500, agent=7, conversation=where))
    found = await row(desk, where)
    assert (found.waiting_since, found.first_reply_at) == (None, 2500)
    await commit(desk, say("在吗", 3000))
    await commit(desk, say("在吗？", 3100))
    assert (await row(desk, where)).waiting_since == 3000
    await commit(desk, say("在的", 4000, agent=7, conversation=where))
    found = await row(desk, where)
    assert (found.waiting_since, found.first_reply_at) == (None, 2500)


async def test_a_snooze_writes_its_timer_and_a_message_wakes(desk: Store) -> None:
    first = say("你好", 1000)
    await commit(desk, first)
    where = first.conversation_id
    refused = change(where, "snooze", 1500, until=9000)
    await commit(desk, refused)
    assert refused.outcome == "wrong_state"  # the bot answers here: there is nothing to put aside
    await commit(desk, change(where, "take", 2000, 7))
    await commit(desk, say("您好", 2500, agent=7, conversation=where))
    result = await commit(desk, change(where, "snooze", 3000, 7, until=9000))
    assert not result.rows  # the visitor is not told
    found = await row(desk, where)
    assert (found.status, found.holder, found.agent_id, found.snoozed_until) == ("snoozed", "agent", 7, 9000)
    epoch = found.holder_epoch
    assert await desk.read(jobs.next_due, [WAKE]) == 9000
    early = change(where, "wake", 8000, until=8000)
    await commit(desk, early)
    assert early.outcome == "unchanged"
    await commit(desk, say("在吗", 8500))
    found = await row(desk, where)
    assert (found.status, found.holder, found.snoozed_until) == ("open", "agent", None)
    assert found.holder_epoch == epoch
    late = change(where, "wake", 9000, until=9000)
    await commit(desk, late)
    assert late.outcome == "unchanged"


async def test_a_snooze_ends_in_time_and_a_new_one_moves_the_timer(desk: Store) -> None:
    first = say("人工", 1000, action="handoff")
    await commit(desk, first)
    where = first.conversation_id
    await commit(desk, change(where, "snooze", 2000, 7, until=5000))
    await commit(desk, change(where, "snooze", 3000, 7, until=7000))
    assert await desk.read(jobs.next_due, [WAKE]) == 7000
    wake = change(where, "wake", 7001, until=7001)
    result = await commit(desk, wake)
    assert wake.outcome == "done"
    assert result.life[where] == {"snoozed_until": None}
    found = await row(desk, where)
    assert (found.status, found.holder, found.waiting_since) == ("open", "queue", 1000)


async def test_whoever_takes_ends_the_snooze(desk: Store) -> None:
    first = say("人工", 1000, action="handoff")
    await commit(desk, first)
    where = first.conversation_id
    await commit(desk, change(where, "snooze", 2000, 7, until=5000))
    routed = change(where, "assign", 2500, 8, epoch=(await row(desk, where)).holder_epoch)
    await commit(desk, routed)
    assert routed.outcome == "unchanged"  # what somebody put aside is not handed out
    await commit(desk, change(where, "take", 3000, 7))
    found = await row(desk, where)
    assert (found.status, found.agent_id, found.snoozed_until) == ("open", 7, None)


async def test_resolved_with_its_subject_and_reopened_by_a_person(desk: Store) -> None:
    first = say("你好", 1000)
    await commit(desk, first)
    where = first.conversation_id
    await commit(desk, change(where, "resolve", 2000, wrap_up="物流"))
    found = await row(desk, where)
    assert (found.status, found.open_key) == ("resolved", None)
    assert (found.resolved_at, found.wrap_up) == (2000, "物流")
    for kind in ("take", "assign", "queue", "return", "snooze"):
        refused = change(where, kind, 2500, 7, until=9000)
        await commit(desk, refused)
        assert refused.outcome == "resolved", kind
    back = change(where, "reopen", 3000, 7)
    result = await commit(desk, back)
    assert [r.sender_type for r in result.rows] == ["system"]
    found = await row(desk, where)
    assert (found.status, found.holder, found.agent_id, found.open_key) == ("open", "agent", 7, "1:v:1")
    assert (found.resolved_at, found.wrap_up) == (None, "物流")
    more = say("还有", 4000)
    await commit(desk, more)
    assert more.conversation_id == where


async def test_not_reopened_beside_another_open_one(desk: Store) -> None:
    first = say("你好", 1000)
    await commit(desk, first)
    await commit(desk, change(first.conversation_id, "resolve", 2000))
    second = say("又来了", 3000)
    await commit(desk, second)
    back = change(first.conversation_id, "reopen", 4000, 7)
    await commit(desk, back)
    assert (back.outcome, back.other_id) == ("conflict", second.conversation_id)
    # unless that one ends in the same unit
    back = change(first.conversation_id, "reopen", 5000)
    await commit(desk, change(second.conversation_id, "resolve", 5000), back)
    assert back.outcome == "done"
    found = await row(desk, first.conversation_id)
    assert (found.holder, found.open_key) == ("queue", "1:v:1")


async def test_which_ones_a_sweep_finds(desk: Store) -> None:
    entries = [say("你好", 1000, sender=f"v:{n}") for n in range(4)]
    await commit(desk, *entries)
    quiet, waits, aside, fresh = (entry.conversation_id for entry in entries)
    for number, where in enumerate((quiet, waits, aside, fresh)):
        await commit(desk, change(where, "take", 2000, 7))
        await commit(desk, say(f"您好{number}", 3000, agent=7, conversation=where))
    await commit(desk, say("等", 4000, sender="v:1"), change(aside, "snooze", 4000, 7, until=9000))
    await commit(desk, say("谢谢", 9000, sender="v:3"))
    await commit(desk, say("好", 9500, agent=7, conversation=fresh))
    assert await desk.read(conversations.quiet_since, 1, 5000, 10) == [quiet]
    sweeps = [change(where, "resolve", 9900, idle_before=5000) for where in (quiet, waits, aside, fresh)]
    await commit(desk, *sweeps)
    assert [one.outcome for one in sweeps] == ["done", "unchanged", "unchanged", "unchanged"]
