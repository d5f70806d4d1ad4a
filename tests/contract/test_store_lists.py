"""Lists and counts for agents on every database: order, filters, tags, canned responses."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from zhike.domain.agent import Scope
from zhike.domain.canned import Canned
from zhike.domain.conversation import Conversation, Holder, Status
from zhike.errors import ZhikeError
from zhike.store import canned, conversation_edit, listing, tables, tags
from zhike.store.conversations import insert_conversations
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store
from zhike.store.listing import Filter

AT = 1_700_000_000_000
# id: (status, holder, agent, waits since, updated, priority, team, inbox)
ROWS: dict[int, tuple[Status, Holder, int | None, int | None, int, int, int | None, int]] = {
    1: ("pending", "bot", None, None, 10, 0, None, 1),
    2: ("open", "queue", None, 5, 20, 0, None, 1),
    3: ("open", "queue", None, 3, 30, 0, 1, 1),
    4: ("open", "agent", 7, 4, 40, 4, 1, 2),
    5: ("open", "agent", 7, None, 50, 4, None, 1),
    6: ("snoozed", "agent", 7, None, 60, 0, None, 1),
    7: ("resolved", "none", None, None, 70, 2, None, 1),
    8: ("open", "agent", 8, 9, 15, 1, None, 1),
}


def _seed(conn: Connection) -> None:
    times = {"created_at": 1, "updated_at": 1}
    insert_rows(conn, tables.inboxes, [{"id": n, "key": f"i{n}", "name": "i", "channel": "web",
                                        "bot_id": None, "settings": "{}", **times} for n in (1, 2)])
    insert_rows(conn, tables.agents, [
        {"id": n, "email": f"a{n}@x", "name": f"A{n}", "role": "agent", "password_hash": "",
         "enabled": True, "lang": "", "created_at": 1, "last_seen_at": 1} for n in (7, 8)])
    insert_rows(conn, tables.teams, [{"id": n, "key": f"t{n}", "name": f"T{n}", "settings": "{}", **times}
                                     for n in (1, 2)])
    insert_rows(conn, tables.team_members, [{"team_id": 1, "agent_id": 7}])
    insert_rows(conn, tables.contacts, [
        {"id": n, "inbox_id": row[7], "sender": f"v:{n}", "name": f"客户{n}", "email": "", "phone": "",
         "attributes": "{}", "created_at": 1, "last_seen_at": 1, "blocked_at": 5 if n == 2 else None}
        for n, row in ROWS.items()])
    insert_conversations(conn, [(Conversation(
        n, row[7], n, f"v:{n}", row[0], row[1], 1, 1, 1, 1, AT, AT + row[4], agent_id=row[2],
        waiting_since=None if row[3] is None else AT + row[3]), f"{row[7]}:v:{n}" if row[1] != "none" else "")
        for n, row in ROWS.items()])
    for n, row in ROWS.items():
        conn.execute(tables.conversations.update().where(tables.conversations.c.id == n).values(
            priority=row[5], team_id=row[6]))
    insert_rows(conn, tables.mentions, [
        {"conversation_id": n, "seq": seq, "agent_id": agent, "by_id": 8, "created_at": 1, "read_at": read}
        for n, seq, agent, read in ((1, 1, 7, None), (7, 1, 7, None), (7, 2, 7, None), (2, 1, 7, 9),
                                    (3, 1, 8, None))])


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def ids(store: Store, wanted: Filter, sort: listing.Sort = "updated", size: int = 50) -> list[int]:
    """All pages of ``size``."""
    found: list[int] = []
    before: tuple[int, ...] | None = None
    while True:
        rows = await store.read(listing.conversation_page, wanted, before, size, sort=sort, me=7)
        found += [row.conversation.id for row in rows]
        if len(rows) < size:
            return found
        before = listing.position(rows[-1], sort)


@pytest.mark.parametrize("size", [1, 3, 50])
async def test_every_order_comes_in_pages_that_cover_all_once(desk: Store, size: int) -> None:
    assert await ids(desk, Filter(), "updated", size) == [7, 6, 5, 4, 3, 2, 8, 1]
    assert await ids(desk, Filter(), "waiting", size) == [3, 4, 2, 8, 1, 5, 6, 7]
    assert await ids(desk, Filter(), "priority", size) == [4, 5, 7, 8, 3, 2, 1, 6]
    assert await ids(desk, Filter(status="open"), "waiting", size) == [3, 4, 2, 8, 5]


async def test_filters(desk: Store) -> None:
    assert await ids(desk, Filter(status="open")) == [5, 4, 3, 2, 8]
    assert await ids(desk, Filter(status="open", agent_id=7)) == [5, 4]
    assert await ids(desk, Filter(status="snoozed")) == [6]
    assert await ids(desk, Filter(status="pending")) == [1]
    assert await ids(desk, Filter(status="resolved")) == [7]
    assert await ids(desk, Filter(team_id=1)) == [4, 3]
    assert await ids(desk, Filter(priority=4)) == [5, 4]
    assert await ids(desk, Filter(unassigned=True)) == [2]
    assert await ids(desk, Filter(mentioned_id=7)) == [7, 1]
    assert await ids(desk, Filter(scope=Scope(inbox_ids=frozenset({2})))) == [4]


async def test_counts_are_what_the_lists_hold(desk: Store) -> None:
    found = await desk.read(listing.counts, 7)
    assert found == listing.Counts(mine=2, waiting=2, unassigned=1, mentioned=2, snoozed=1, bot=1, all_open=5,
                                   by_team={"1": 2})
    narrow = await desk.read(listing.counts, 7, Scope(frozenset({2}), frozenset({1}), 7))
    assert narrow == listing.Counts(mine=1, all_open=1, by_team={"1": 1})
    nothing = await desk.read(listing.counts, 8, Scope(inbox_ids=frozenset({99})))
    assert nothing == listing.Counts()


async def test_what_a_row_shows(desk: Store) -> None:
    tag = await desk.write(tags.create, "退款", "#c0392b", AT)
    await desk.write(conversation_edit.edit, [2, 3], {"priority": 3, "attributes": {"order": "H1"}}, [tag.id])
    [row] = [row for row in await desk.read(listing.conversation_page, Filter(tag_id=tag.id), None, 9, me=7)
             if row.conversation.id == 3]
    more = row.more
    assert (more.priority, more.team_id, more.team_name, more.attributes) == (3, 1, "T1", {"order": "H1"})
    assert (more.tags, more.mentioned, more.contact_blocked) == ((tag,), False, False)
    blocked = await desk.read(listing.conversation, 2, 7)
    assert blocked is not None
    assert blocked.more.contact_blocked
    mentioned = await desk.read(listing.conversation, 1, 7)
    assert mentioned is not None
    assert mentioned.more.mentioned


async def test_tags_are_put_added_renamed_and_removed(desk: Store) -> None:
    first, second = [await desk.write(tags.create, name, "#000000", AT) for name in ("甲", "乙")]
    with pytest.raises(ZhikeError, match="conflict"):
        await desk.write(tags.create, "甲", "#ffffff", AT)
    told = await desk.write(conversation_edit.edit, [1, 2, 99], {}, [first.id], whole=False)
    assert told == {1: {"tags": (first,)}, 2: {"tags": (first,)}}
    told = await desk.write(conversation_edit.edit, [1], {}, [second.id], whole=False)
    assert set(told[1]["tags"]) == {first, second}
    told = await desk.write(conversation_edit.edit, [1], {}, [second.id])
    assert told[1]["tags"] == (second,)
    with pytest.raises(ZhikeError, match="invalid_field"):
        await desk.write(conversation_edit.edit, [1], {}, [second.id, 77])
    with pytest.raises(ZhikeError, match="not_found"):
        await desk.write(conversation_edit.edit, [99], {"priority": 1})
    renamed = await desk.write(tags.change, second.id, {"name": "丙"})
    assert renamed.name == "丙"
    with pytest.raises(ZhikeError, match="conflict"):
        await desk.write(tags.change, second.id, {"name": "甲"})
    await desk.write(tags.remove, second.id)
    assert await desk.read(tags.of_conversations, [1, 2]) == {2: (first,)}
    with pytest.raises(ZhikeError, match="not_found"):
        await desk.write(tags.remove, second.id)


async def test_too_many_tags_on_one_conversation_are_refused_whole(desk: Store) -> None:
    made = [await desk.write(tags.create, f"t{n}", "#000000", AT) for n in range(21)]
    await desk.write(conversation_edit.edit, [1], {}, [tag.id for tag in made[:20]])
    with pytest.raises(ZhikeError, match="invalid_field"):
        await desk.write(conversation_edit.edit, [1], {"priority": 4}, [made[20].id], whole=False)
    row = await desk.read(listing.conversation, 1)
    assert row is not None
    assert (len(row.more.tags), row.more.priority) == (20, 0)


async def test_what_an_agent_holds(desk: Store) -> None:
    assert await desk.read(listing.held_by, 7, 0, 10) == [4, 5, 6]
    assert await desk.read(listing.held_by, 7, 4, 1) == [5]


async def test_canned_responses_are_seen_by_whom_they_are_for(desk: Store) -> None:
    own = await desk.write(canned.create, Canned(0, "hi", "我的", owner_id=7), AT)
    team = await desk.write(canned.create, Canned(0, "组", "小组的 100%", team_id=1), AT)
    all_ = await desk.write(canned.create, Canned(0, "hi", "大家的", folder="售后", lang="zh"), AT)

    async def seen(**wanted: object) -> list[int]:
        return [one.id for one in await desk.read(canned.page, canned.Wanted(**wanted), 0, 9)]  # type: ignore[arg-type]

    assert await seen(me=7) == [own.id, team.id, all_.id]
    assert await seen(me=8) == [all_.id]
    assert await seen(me=0) == [all_.id]
    assert await seen(me=8, all_teams=True) == [team.id, all_.id]
    assert await seen(me=7, text="H") == [own.id, all_.id]
    assert await seen(me=7, text="0%") == [team.id]
    assert await seen(me=7, folder="售后") == [all_.id]
    assert await seen(me=7, lang="en") == [own.id, team.id]
    with pytest.raises(ZhikeError, match="conflict"):
        await desk.write(canned.create, Canned(0, "hi", "又一个", owner_id=7), AT)
    for bad in (Canned(0, "a b", "x"), Canned(0, "a", "{{contact.nam}}"), Canned(0, "a", "x", lang="fr"),
                Canned(0, "a", "x", owner_id=7, team_id=1), Canned(0, "a", "x", team_id=99)):
        with pytest.raises(ZhikeError, match="invalid_field"):
            await desk.write(canned.create, bad, AT)
    all_.text = "{{ contact.name }}您好"
    changed = await desk.write(canned.change, all_, AT + 5)
    assert (await desk.read(canned.get, all_.id)) == changed
    await desk.write(canned.remove, all_.id)
    assert await desk.read(canned.get, all_.id) is None
