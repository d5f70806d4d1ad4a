"""Webhooks in the store, on every database: rows written with their cause, for those who want them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, insert, select

from zhike.domain.hook import Webhook, WebhookBody
from zhike.domain.knowledge import Inbox
from zhike.domain.message import Reply
from zhike.domain.unit import Change, Entry, Incoming
from zhike.errors import ZhikeError
from zhike.store import (
    contact_edit,
    contact_merge,
    conversation_edit,
    inboxes,
    outbox,
    ratings,
    tables,
    webhooks,
)
from zhike.store.engine import Store
from zhike.store.outbox import Note, read_note
from zhike.store.unit import Result, commit_unit

NOW = 1_790_000_000_000
EVERY = WebhookBody("https://erp.example/zhike", "a secret of the shop", ())
MOVES = ("conversation.created", "conversation.handed_off", "conversation.assigned",
         "conversation.unassigned", "conversation.returned", "conversation.snoozed",
         "conversation.woken", "conversation.reopened",
         "conversation.resolved")


def _seed(conn: Connection) -> None:
    for key in ("shop", "bank"):
        inboxes.create_inbox(conn, Inbox(0, key, key, "web"), NOW)
    for number in (1, 2):
        conn.execute(insert(tables.teams).values(id=number, key=f"t{number}", name="t", settings="{}",
                                                 created_at=NOW, updated_at=NOW))
        conn.execute(insert(tables.agents).values(
            id=number, email=f"a{number}@x.example", name=f"A{number}", role="agent", password_hash="",
            enabled=True, lang="zh", created_at=NOW, last_seen_at=NOW, availability="online",
            last_served_at=0))


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def hook(store: Store, key: str, *events: str, **body: Any) -> Webhook:
    wanted = msgspec.structs.replace(EVERY, events=events, **body)
    return await store.write(webhooks.create, Webhook(0, key, key, wanted), NOW)


async def commit(store: Store, *entries: Entry) -> Result:
    return await store.write(commit_unit, list(entries), {}, await store.read(webhooks.active))


def says(sender: str, text: str, *, inbox: int = 1, reply: Reply | None = None, at: int = NOW) -> Incoming:
    return Incoming(inbox, sender, text, f"{inbox}{sender}{text}".encode().ljust(16, b"\0")[:16], text, at,
                    lang="zh", reply=reply)


def _told(conn: Connection, hook_id: int) -> list[tuple[str, Note, int]]:
    rows = conn.execute(select(tables.outbox).where(tables.outbox.c.channel == f"webhook.{hook_id}")
                        .order_by(tables.outbox.c.id))
    found: list[tuple[str, Note, int]] = []
    for row in rows:
        note = read_note(row.payload)
        assert note.event is not None
        found.append((note.event.event, note, row.conversation_id))
    return found


async def names(store: Store, one: Webhook) -> list[str]:
    return [name for name, _, _ in await store.read(_told, one.id)]


async def test_a_question_and_its_answer_are_told_with_their_commit(desk: Store) -> None:
    everything = await hook(desk, "all", "message.created", "contact.created", "conversation.created")
    words = await hook(desk, "words", "message.created")
    await commit(desk, says("v:1", "在吗", reply=Reply("在的")))
    assert await names(desk, everything) == ["contact.created", "conversation.created", "message.created",
                                            "message.created"]
    told = await desk.read(_told, words.id)
    assert [note.event.seq for _, note, _ in told if note.event] == [1, 2]
    _, note, conversation = told[0]
    assert note.event is not None
    assert (note.event.state, conversation, note.event.by_id) == (note.event.state, 1, 0)
    assert note.event.state is not None
    assert (note.event.state.status, note.event.state.holder) == ("pending", "bot")
    assert (await desk.read(_told, everything.id))[0][2] == -note.event.contact_id, "a contact's own order"

    def numbers(conn: Connection) -> list[tuple[str, int]]:
        c = tables.outbox.c
        return [tuple(row) for row in conn.execute(select(c.channel, c.seq).order_by(c.id))]

    rows = await desk.read(numbers)
    all_seqs, word_seqs = ([seq for name, seq in rows if name == one.channel] for one in (everything, words))
    assert word_seqs == all_seqs[2:], "one number for all who hear of it"


async def test_nobody_asked_nothing_is_written(desk: Store) -> None:
    await commit(desk, says("v:1", "在吗"))
    off = await hook(desk, "off", "message.created")
    await desk.write(webhooks.change, msgspec.structs.replace(off, enabled=False), NOW + 1)
    await commit(desk, says("v:1", "有人吗"))
    assert await names(desk, off) == []


async def test_a_retry_is_told_once_and_a_unit_that_fails_is_not(desk: Store) -> None:
    one = await hook(desk, "all", "message.created")
    await commit(desk, says("v:1", "在吗"))
    await commit(desk, says("v:1", "在吗"))
    assert await names(desk, one) == ["message.created"]


async def test_the_life_of_a_conversation_in_its_events(desk: Store) -> None:
    one = await hook(desk, "life", *MOVES)
    await commit(desk, says("v:1", "在吗"))
    until = NOW + 3_600_000
    for change in (Change(1, "queue", NOW + 1), Change(1, "take", NOW + 2, agent_id=1, agent_name="A1"),
                   Change(1, "snooze", NOW + 3, agent_id=1, until=until),
                   Change(1, "wake", NOW + 4, agent_id=1),
                   Change(1, "assign", NOW + 5, agent_id=2, by_id=1), Change(1, "assign", NOW + 6, by_id=2),
                   Change(1, "return", NOW + 7, agent_id=2), Change(1, "take", NOW + 8, agent_id=1),
                   Change(1, "resolve", NOW + 9, agent_id=1, wrap_up="refund"),
                   Change(1, "reopen", NOW + 10, agent_id=2)):
        await commit(desk, change)
        assert change.outcome == "done", change
    told = await desk.read(_told, one.id)
    assert [name.removeprefix("conversation.") for name, _, _ in told] == [
        "created", "handed_off", "assigned", "snoozed", "woken", "assigned", "unassigned", "returned",
        "handed_off", "assigned", "resolved", "reopened", "assigned"]
    found = {index: note.event for index, (_, note, _) in enumerate(told)}
    assert found[3] is not None
    assert found[3].until == until
    assert found[10] is not None
    assert (found[10].wrap_up, found[10].by_id) == ("refund", 1)
    moved = found[5]
    assert moved is not None
    assert moved.state is not None
    assert moved.was is not None
    assert (moved.was.agent_id, moved.state.agent_id, moved.by_id) == (1, 2, 1)


async def test_only_of_its_inboxes_and_teams(desk: Store) -> None:
    bank = await hook(desk, "bank", "message.created", "contact.created", inbox_ids=(2,))
    team = await hook(desk, "team", "message.created", "contact.created", team_ids=(2,))
    await commit(desk, says("v:1", "a"), says("v:2", "b", inbox=2))
    assert await names(desk, bank) == ["contact.created", "message.created"]
    assert await names(desk, team) == []
    await commit(desk, Change(1, "assign", NOW + 1, team_id=2))
    await commit(desk, says("v:1", "c"))
    assert await names(desk, team) == ["message.created", "message.created"], "what was said on the way, too"
    await commit(desk, Change(1, "assign", NOW + 2, team_id=1))
    await commit(desk, says("v:1", "d"))
    assert len(await names(desk, team)) == 2


async def test_notes_and_recalled_messages_have_names_of_their_own(desk: Store) -> None:
    words = await hook(desk, "words", "message.created")
    inner = await hook(desk, "inner", "note.created", "message.recalled")
    await commit(desk, says("v:1", "在吗"))
    await commit(desk, Change(1, "take", NOW, agent_id=1, agent_name="A1"))
    before = len(await names(desk, words))
    note = Incoming(1, "", "n", b"n" * 16, "查一下", NOW, agent_id=1, agent_name="A1", conversation_id=1,
                    note=True)
    word = Incoming(1, "", "w", b"w" * 16, "稍等", NOW, agent_id=1, agent_name="A1", conversation_id=1)
    await commit(desk, note, word)
    await commit(desk, Change(1, "recall", NOW + 5, agent_id=1, seq=word.seq))
    assert len(await names(desk, words)) == before + 1
    told = await desk.read(_told, inner.id)
    assert [(name, note.event.seq, note.event.by_id) for name, note, _ in told if note.event] == [
        ("note.created", note.seq, 1), ("message.recalled", word.seq, 1)]


async def test_contacts_ratings_and_what_people_set(desk: Store) -> None:
    one = await hook(desk, "crm", "contact.created", "contact.updated", "contact.merged", "rating.created",
                     "conversation.updated")
    made, _ = await desk.write(contact_edit.create, 1, "c:1", {"name": "王"}, {"level": 1}, NOW)
    again, new = await desk.write(contact_edit.create, 1, "c:1", {"name": "王"}, {}, NOW + 1)
    assert (again.id, new) == (made.id, False)
    await desk.write(contact_edit.change, made.id, {"phone": "1"}, NOW + 2, 1)
    other, _ = await desk.write(contact_edit.create, 1, "c:2", {}, {}, NOW + 3)
    await desk.write(contact_merge.merge, made.id, other.id, NOW + 4, 2)
    await commit(desk, says("c:2", "在吗"))
    await desk.write(conversation_edit.edit, [1], {"priority": 3}, now=NOW + 5, by_id=1)
    await desk.write(ratings.ask, [1], NOW + 6)
    assert await desk.write(ratings.rate, 1, ratings.Rating(5, ""), NOW + 7) == ratings.Rating(5, "")
    await desk.write(ratings.rate, 1, ratings.Rating(5, ""), NOW + 8)
    told = await desk.read(_told, one.id)
    assert [name for name, _, _ in told] == ["contact.created", "contact.updated", "contact.created",
                                             "contact.merged", "conversation.updated", "rating.created"]
    merged = told[3][1].event
    assert merged is not None
    assert (merged.contact_id, merged.merged_id, merged.by_id) == (other.id, made.id, 2)


async def claim(store: Store, one: Webhook, now: int) -> list[outbox.OutboxRow]:
    claimed, _ = await store.write(outbox.claim, 0, one.channel, now, 1000, 9, resend=True)
    return claimed


async def test_rows_of_all_inboxes_are_one_lane_and_each_conversation_is_in_order(desk: Store) -> None:
    one = await hook(desk, "words", "message.created")
    await commit(desk, says("v:1", "a"), says("v:1", "b"), says("v:2", "c", inbox=2))
    assert await desk.read(outbox.waiting) == [(0, one.channel)]
    first = await claim(desk, one, NOW)
    assert [(row.inbox_id, row.note.event.seq) for row in first if row.note.event] == [(1, 1), (2, 1)]
    await desk.write(outbox.sent, first[0], "204 · 3 ms", NOW + 5)
    [second] = await claim(desk, one, NOW + 5)
    assert second.note.event is not None
    assert second.note.event.seq == 2
    assert await desk.read(outbox.lost_since, 0) == 0
    await desk.write(outbox.failed, second, "the receiver answered 422")
    assert await desk.read(outbox.lost_since, 0) == 0, "their own page tells of them"
    [failed] = await desk.read(webhooks.deliveries, one.id, "failed")
    assert (failed.last_error, failed.attempts) == ("the receiver answered 422", 1)
    everything = await desk.read(webhooks.deliveries, one.id)
    assert [row.state for row in everything] == ["sending", "failed", "sent"]
    assert everything[2].note.ended_at == NOW + 5
    page = await desk.read(webhooks.deliveries, one.id, before_id=everything[0].id, limit=1)
    assert [row.id for row in page] == [everything[1].id]
    assert await desk.read(webhooks.tally, one.id) == webhooks.Tally(1, 1, NOW + 5)
    assert await desk.write(webhooks.again, one.id, None, NOW + 60) == 1
    [retried] = await claim(desk, one, NOW + 60)
    assert (retried.id, retried.attempts, retried.note.since) == (failed.id, 1, NOW + 60)
    assert await desk.write(webhooks.again, one.id, [everything[2].id], NOW + 61) == 1, "also what arrived"


async def test_a_recall_is_not_stopped_by_a_webhook_that_was_told(desk: Store) -> None:
    one = await hook(desk, "words", "message.created")
    await commit(desk, says("v:1", "a"))
    await commit(desk, Change(1, "take", NOW, agent_id=1, agent_name="A1"))
    word = Incoming(1, "", "w", b"w" * 16, "稍等", NOW, agent_id=1, agent_name="A1", conversation_id=1)
    await commit(desk, word)
    for row in await claim(desk, one, NOW):
        await desk.write(outbox.sent, row)
    back = Change(1, "recall", NOW + 5, agent_id=1, seq=word.seq)
    await commit(desk, back)
    assert back.outcome == "done"


async def test_a_pause_fails_what_waits_and_switching_on_begins_afresh(desk: Store) -> None:
    one = await hook(desk, "words", "message.created")
    await commit(desk, says("v:1", "a"))
    assert await desk.write(webhooks.fails, one.id, "503", NOW) == NOW
    assert await desk.write(webhooks.fails, one.id, "503", NOW + 9) == NOW, "since the first"
    assert await desk.write(webhooks.pause, one.id, "a day", NOW + 10)
    assert not await desk.write(webhooks.pause, one.id, "a day", NOW + 11)
    assert await desk.read(webhooks.active) == []
    await commit(desk, says("v:1", "b"))
    [left] = await desk.read(webhooks.deliveries, one.id)
    assert (left.state, left.last_error) == ("failed", "paused: a day")
    held = await desk.read(webhooks.get, one.id)
    assert held is not None
    assert (held.paused_at, held.last_error, held.active) == (NOW + 10, "a day", False)
    on = await desk.write(webhooks.change, held, NOW + 20)
    assert (on.paused_at, on.failing_since, on.last_error, on.active) == (None, None, "", True)


async def test_what_cannot_work_is_refused_with_its_field(desk: Store) -> None:
    await hook(desk, "erp", "message.created")
    for fields, field in (({"url": "ftp://x"}, "url"), ({"url": "https://u:p@host/"}, "url"),
                          ({"events": ()}, "events"), ({"events": ("message.gone",)}, "events"),
                          ({"secret": "short"}, "secret"), ({"inbox_ids": (9,)}, "inbox_ids"),
                          ({"team_ids": (9,)}, "team_ids"), ({"version": 2}, "version")):
        body = msgspec.structs.replace(EVERY, **{"events": ("message.created",), **fields})
        with pytest.raises(ZhikeError) as refused:
            await desk.write(webhooks.create, Webhook(0, "x", "x", body), NOW)
        assert (refused.value.code, refused.value.field) == ("invalid_field", field)
    with pytest.raises(ZhikeError) as taken:
        await hook(desk, "erp", "message.created")
    assert taken.value.code == "conflict"


async def test_what_was_told_is_forgotten_before_what_was_not(desk: Store) -> None:
    one = await hook(desk, "words", "message.created")
    await commit(desk, says("v:1", "a"), says("v:2", "b"), says("v:3", "c"))
    rows = await claim(desk, one, NOW)
    await desk.write(outbox.sent, rows[0])
    await desk.write(outbox.failed, rows[1], "422")
    assert await desk.write(webhooks.prune, NOW + 1, NOW) == 1
    assert await desk.write(webhooks.prune, NOW + 1, NOW + 1) == 1
    assert len(await desk.read(webhooks.deliveries, one.id)) == 1
    assert await desk.write(webhooks.remove, one.id)
    assert await desk.read(webhooks.deliveries, one.id) == []
