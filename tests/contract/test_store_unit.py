"""The unit of work on every database: order, once, one voice."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from zhike.domain.message import Button, Reply, Source
from zhike.domain.unit import BotReply, Change, Entry, Incoming
from zhike.store import conversations, messages, tables
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store
from zhike.store.unit import Result, commit_unit

REPLY = Reply("七天内可退。", buttons=(Button("退货"),), source=Source("article", 3, "returns", "退货", 0.9))


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.bots, [{"id": 1, "key": "b", "name": "b", "settings": "{}",
                                     "knowledge_version": 1, "created_at": 1, "updated_at": 1}])
    insert_rows(conn, tables.inboxes, [
        {"id": n, "key": f"i{n}", "name": "i", "channel": "web", "bot_id": 1, "settings": "{}",
         "created_at": 1, "updated_at": 1} for n in (1, 2)])
    insert_rows(conn, tables.agents, [
        {"id": n, "email": f"a{n}@x", "name": f"A{n}", "role": "agent", "password_hash": "",
         "enabled": True, "lang": "", "created_at": 1, "last_seen_at": 1} for n in (7, 8)])


def say(text: str, message_id: str, *, sender: str = "v:1", inbox: int = 1, reply: Reply | None = None,
        look_up: bool = True, after: str | None = None, action: str = "") -> Incoming:
    def digest(name: str) -> bytes:
        return blake2b(f"{inbox}{sender}{name}".encode(), digest_size=16).digest()

    return Incoming(inbox, sender, message_id, digest(message_id), text, 1000, lang="zh", reply=reply,
                    look_up=look_up, previous_key=digest(after) if after else None, action=action)


async def commit(store: Store, *entries: Entry, channels: dict[int, str] | None = None) -> Result:
    return await store.write(commit_unit, entries, channels or {})


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def test_numbers_are_given_in_order_and_read_back(desk: Store) -> None:
    first = [say("在吗", "a.1"), say("怎么退货?", "a.2", reply=REPLY), say("🙂", "b.1", sender="v:2")]
    await commit(desk, *first)
    await commit(desk, say("谢谢", "a.3"))
    assert [e.seq for e in first] == [1, 2, 1]
    stored = await desk.read(messages.after, first[0].conversation_id, 0, 100)
    assert [(m.seq, m.direction, m.text) for m in stored] == [
        (1, "incoming", "在吗"), (2, "incoming", "怎么退货?"), (3, "incoming", "谢谢")]
    assert not first[1].reply_stored  # the bot owed an answer to message 1 first
    assert first[2].conversation_id != first[0].conversation_id


async def test_a_sure_answer_is_stored_with_its_question(desk: Store) -> None:
    entry = say("怎么退货?", "a.1", reply=REPLY)
    result = await commit(desk, entry)
    assert entry.reply_stored
    assert [row.seq for row in result.rows] == [1, 2]
    stored = await desk.read(messages.after, entry.conversation_id, 1, 10)
    assert (stored[0].answers, stored[0].sender_type) == ((1,), "bot")
    assert stored[0].payload == REPLY.payload_json
    conversation = await desk.read(conversations.get_conversation, entry.conversation_id)
    assert conversation is not None
    assert not conversation.owes_answer


async def test_a_retry_returns_the_first_and_other_content_is_a_conflict(desk: Store) -> None:
    await commit(desk, say("一", "a.1"))
    again, other, twice = say("一", "a.1"), say("二", "a.1"), say("三", "a.2")
    result = await commit(desk, again, other, twice, say("三", "a.2"))
    assert (again.outcome, again.seq) == ("duplicate", 1)
    assert (other.outcome, twice.outcome, twice.seq) == ("conflict", "stored", 2)
    assert len(result.rows) == 1


async def test_an_unseen_key_that_exists_is_refused_by_the_unique_key(desk: Store) -> None:
    await commit(desk, say("一", "a.1"))
    with pytest.raises(IntegrityError):
        await commit(desk, say("二", "a.2"), say("一", "a.1", look_up=False))
    stored = await desk.read(messages.after, 1, 0, 10)
    assert len(stored) == 1  # the whole unit was rolled back


async def test_a_message_waits_for_its_predecessor(desk: Store) -> None:
    early, first = say("二", "s.2", after="s.1"), say("一", "s.1")
    await commit(desk, early)
    assert early.outcome == "waiting"
    count = await desk.read(
        lambda c: c.execute(select(func.count()).select_from(tables.conversations)).scalar())
    assert count == 0  # a waiting message makes no empty conversation
    second = say("二", "s.2", after="s.1")
    await commit(desk, first, second)
    assert (first.seq, second.seq) == (1, 2)


async def test_one_voice_a_late_bot_reply_is_stale(desk: Store) -> None:
    question = say("复杂的问题", "a.1")
    await commit(desk, question)
    late = BotReply(question.conversation_id, 1, (1,), REPLY, 1001)
    take = Change(question.conversation_id, "take", 1001, agent_id=7, agent_name="小林")
    result = await commit(desk, take, late)
    assert (take.outcome, late.outcome) == ("done", "stale")
    assert [row.sender_type for row in result.rows] == ["system"]
    silent = say("还在吗", "a.2", reply=REPLY)
    await commit(desk, silent)
    assert not silent.reply_stored


async def test_only_the_holder_speaks_and_anyone_may_note(desk: Store) -> None:
    question = say("人工", "a.1", action="handoff")
    result = await commit(desk, question)
    assert [row.sender_type for row in result.rows] == ["contact", "system"]

    def agent(agent_id: int, text: str, message_id: str, *, note: bool = False) -> Incoming:
        return Incoming(0, f"a:{agent_id}", message_id, blake2b(message_id.encode(), digest_size=16).digest(),
                        text, 1002, agent_id=agent_id, agent_name=f"A{agent_id}", note=note,
                        conversation_id=question.conversation_id)

    early = agent(7, "您好", "x1")
    await commit(desk, early)
    assert early.outcome == "not_holder"
    other, mine, note = agent(8, "我来", "x2"), agent(7, "您好", "x3"), agent(8, "老客户", "x4", note=True)
    await commit(desk, Change(question.conversation_id, "take", 1002, agent_id=7, agent_name="A7"),
                 other, mine, note)
    assert (other.outcome, mine.outcome, note.outcome) == ("not_holder", "stored", "stored")
    back = Change(question.conversation_id, "return", 1003)
    await commit(desk, back)
    answered = say("退货?", "a.2", reply=REPLY)
    await commit(desk, answered)
    assert answered.reply_stored


async def test_a_resolved_conversation_is_followed_by_a_new_one_even_in_one_unit(desk: Store) -> None:
    first = say("一", "a.1")
    await commit(desk, first)
    second = say("二", "a.2")
    await commit(desk, Change(first.conversation_id, "resolve", 1001), second)
    assert second.outcome == "stored"
    assert second.conversation_id != first.conversation_id
    assert second.seq == 1
    latest = await desk.read(conversations.latest_of_sender, 1, "v:1")
    assert latest is not None
    assert latest.id == second.conversation_id


async def test_an_outbox_row_is_written_with_its_cause(desk: Store) -> None:
    await commit(desk, say("退货?", "a.1", inbox=2, reply=REPLY), channels={2: "api"})
    rows = await desk.read(lambda c: [tuple(r) for r in c.execute(select(
        tables.outbox.c.inbox_id, tables.outbox.c.seq, tables.outbox.c.channel, tables.outbox.c.state))])
    assert rows == [(2, 2, "api", "due")]


async def test_the_same_sender_in_two_inboxes_is_two_people(desk: Store) -> None:
    one, two = say("一", "a.1"), say("一", "a.1", inbox=2)
    await commit(desk, one, two)
    assert one.conversation_id != two.conversation_id
    assert (one.outcome, two.outcome) == ("stored", "stored")


async def test_what_is_owed_is_found_again(desk: Store) -> None:
    await commit(desk, say("一", "a.1"), say("二", "b.1", sender="v:2", reply=REPLY))
    owing = await desk.read(conversations.owing_answers, 0, 10)
    assert [c.sender for c in owing] == ["v:1"]
    questions = await desk.read(messages.incoming_between, owing[0].id, 0, owing[0].last_incoming_seq)
    assert [m.text for m in questions] == ["一"]


async def test_keys_are_compared_byte_for_byte(desk: Store) -> None:
    upper, lower = say("一", "A.1", sender="v:ABC"), say("一", "A.1", sender="v:abc")
    await commit(desk, upper, lower)
    assert upper.conversation_id != lower.conversation_id


async def test_a_large_batch_and_read_marks(desk: Store) -> None:
    many = [say(f"问题 {n} 🙂", f"m.{n}", sender=f"v:{n % 100}", look_up=False) for n in range(700)]
    await commit(desk, *many)
    assert all(e.outcome == "stored" for e in many)
    one = many[0].conversation_id
    assert await desk.write(conversations.mark_read, one, 5, by_agent=False)
    assert not await desk.write(conversations.mark_read, one, 3, by_agent=False)
    assert not await desk.write(conversations.mark_read, one, 999, by_agent=False)
    page = await desk.read(messages.before, one, None, 3)
    assert [m.seq for m in page] == [5, 6, 7]
