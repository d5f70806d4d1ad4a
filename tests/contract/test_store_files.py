"""Files on every database: sent once, by whoever uploaded them; read by whoever may read the message."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from sqlalchemy import Connection, select

from zhike.domain.agent import EVERYTHING, Scope
from zhike.domain.attachment import Attachment
from zhike.domain.unit import Change, Entry, Incoming
from zhike.domain.views import view_of
from zhike.errors import ZhikeError
from zhike.store import conversations, files, messages, tables
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store
from zhike.store.unit import Result, commit_unit

SHOWN = Attachment(0, "坏了 🙁.jpg", "image/jpeg", "image", 1234, 640, 480)


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [
        {"id": n, "key": f"i{n}", "name": "i", "channel": "web", "bot_id": None, "settings": "{}",
         "created_at": 1, "updated_at": 1} for n in (1, 2)])
    insert_rows(conn, tables.agents, [
        {"id": n, "email": f"a{n}@x", "name": f"A{n}", "role": "agent", "password_hash": "",
         "enabled": True, "lang": "", "created_at": 1, "last_seen_at": 1} for n in (7, 8)])


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def put(store: Store, sender: str = "v:1", inbox: int = 1, *, at: int = 1000, token: str = "") -> int:
    given = await store.write(files.add, token or f"{sender}{inbox}{at}", inbox, sender, SHOWN, at)
    return given.id


def say(message_id: str, *file_ids: int, sender: str = "v:1", inbox: int = 1, text: str = "",
        agent_id: int = 0, conversation_id: int = 0, note: bool = False) -> Incoming:
    digest = blake2b(f"{inbox}{sender}{agent_id}{message_id}".encode(), digest_size=16).digest()
    return Incoming(inbox, sender, message_id, digest, text, 2000, lang="zh", files=file_ids,
                    agent_id=agent_id, agent_name=f"A{agent_id}" if agent_id else "",
                    conversation_id=conversation_id, note=note)


async def commit(store: Store, *entries: Entry) -> Result:
    return await store.write(commit_unit, entries, {})


async def taken(store: Store, agent_id: int = 7) -> int:
    """A conversation of v:1 that the agent holds."""
    first = say("hello", text="在吗")
    await commit(store, first)
    await commit(store, Change(first.conversation_id, "take", 1500, agent_id, f"A{agent_id}"))
    return first.conversation_id


async def test_a_file_goes_with_its_message_in_the_order_it_was_named(desk: Store) -> None:
    one, two = await put(desk), await put(desk, at=1001)
    entry = say("a", two, one)
    result = await commit(desk, entry)
    assert (entry.outcome, entry.seq) == ("stored", 1)
    assert [file.id for file in result.rows[0].attachments] == [two, one]
    stored = (await desk.read(messages.after, entry.conversation_id, 0, 9))[0]
    shown = view_of(stored, for_agent=False).attachments
    assert [(file.id, file.name, file.size_bytes, file.width) for file in shown] == [
        (two, SHOWN.name, 1234, 640), (one, SHOWN.name, 1234, 640)]
    conversation = await desk.read(conversations.get_conversation, entry.conversation_id)
    assert conversation is not None
    assert conversation.last_text == f"📎 {SHOWN.name}"
    assert sorted(await desk.read(files.of_message, entry.conversation_id, 1)) == [one, two]


async def test_nobody_sends_what_somebody_else_uploaded(desk: Store) -> None:
    mine, theirs, elsewhere = await put(desk), await put(desk, "v:2"), await put(desk, inbox=2)
    tried = [say("a", theirs), say("b", elsewhere), say("c", 999_999), say("d", mine, theirs),
             say("e", mine, mine), say("f", mine, sender="v:3")]
    result = await commit(desk, *tried, say("g", text="你好", sender="v:9"))
    assert {entry.outcome for entry in tried} == {"bad_file"}
    assert len(result.rows) == 1
    assert await desk.read(conversations.latest_of_sender, 1, "v:1") is None  # and nothing was begun
    held = await taken(desk)
    wrong = say("h", mine, agent_id=7, conversation_id=held)
    await commit(desk, wrong)
    assert wrong.outcome == "bad_file"


async def test_a_file_is_sent_once_and_a_retry_is_the_same_message(desk: Store) -> None:
    mine, other = await put(desk), await put(desk, at=1001)
    first, again, elsewhere = say("a", mine), say("a", mine), say("b", mine)
    await commit(desk, first, again, elsewhere)
    assert [e.outcome for e in (first, again, elsewhere)] == ["stored", "duplicate", "bad_file"]
    assert again.seq == first.seq
    late, changed, second = say("a", mine), say("a", other), say("c", mine)
    await commit(desk, late, changed, second)
    assert [e.outcome for e in (late, changed, second)] == ["duplicate", "conflict", "bad_file"]


async def test_who_may_read_it(desk: Store) -> None:
    held = await taken(desk)
    mine, reply, noted = await put(desk), await put(desk, "a:7"), await put(desk, "a:7", at=1001)

    async def visitor(file_id: int, sender: str = "v:1", inbox: int = 1) -> bool:
        return await desk.read(files.for_visitor, file_id, inbox, sender) is not None

    async def staff(file_id: int, who: Scope = EVERYTHING, sender: str = "a:8") -> bool:
        return await desk.read(files.for_staff, file_id, who, sender) is not None

    assert (await visitor(mine), await visitor(mine, "v:2"), await visitor(reply)) == (True, False, False)
    assert (await staff(mine), await staff(reply), await staff(reply, sender="a:7")) == (False, False, True)
    await commit(desk, say("a", mine), say("b", reply, agent_id=7, conversation_id=held),
                 say("c", noted, agent_id=7, conversation_id=held, note=True))
    assert [await visitor(n) for n in (mine, reply, noted)] == [True, True, False]
    assert [await visitor(n, "v:2") for n in (mine, reply, noted)] == [False] * 3
    assert [await visitor(n, inbox=2) for n in (mine, reply, noted)] == [False] * 3
    assert [await staff(n) for n in (mine, reply, noted)] == [True] * 3
    assert not await staff(mine, Scope(inbox_ids=frozenset({2})))
    assert await staff(mine, Scope(inbox_ids=frozenset({1})))


async def test_what_is_recalled_can_be_read_by_nobody(desk: Store) -> None:
    held = await taken(desk)
    file_id = await put(desk, "a:7")
    said = say("b", file_id, agent_id=7, conversation_id=held)
    await commit(desk, said)
    change = Change(held, "recall", 2500, 7, "A7", seq=said.seq)
    await commit(desk, change)
    assert change.outcome == "done"
    conversation = await desk.read(conversations.get_conversation, held)
    assert conversation is not None
    assert conversation.last_text == ""
    assert await desk.read(files.for_visitor, file_id, 1, "v:1") is None
    assert await desk.read(files.for_staff, file_id, EVERYTHING, "a:7") is None
    again = say("c", file_id, agent_id=7, conversation_id=held)
    await commit(desk, again)
    assert again.outcome == "bad_file"
    assert list(await desk.write(files.doom, 1, 10)) == [file_id]


async def test_only_what_was_never_sent_is_removed(desk: Store) -> None:
    sent, old, new = await put(desk, at=1), await put(desk, at=2), await put(desk, at=5000)
    await commit(desk, say("a", sent))
    assert await desk.write(files.doom, 5000, 10) == {old: "v:112"}
    late = say("b", old)  # between the two steps of a sweep
    await commit(desk, late)
    assert late.outcome == "bad_file"
    await desk.write(files.forget, [old, sent])
    left = await desk.read(lambda conn: sorted(conn.execute(select(tables.files.c.id)).scalars()))
    assert left == [sent, new]


async def test_a_sender_who_sends_nothing_is_stopped(desk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_UNSENT", 2)
    await put(desk, at=1)
    await put(desk, at=2)
    with pytest.raises(ZhikeError, match="too_many_files"):
        await put(desk, at=3)
    await put(desk, "v:2")
