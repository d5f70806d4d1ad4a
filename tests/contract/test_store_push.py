"""Browsers of agents: whose they are, how long they count, and what each may hear; on every database."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, insert, update

from zhike.domain.agent import Role
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.domain.notice import Notice, NoticeKind
from zhike.errors import ZhikeError
from zhike.store import agents, contact_edit, inboxes, notify, presence, push, scopes, sessions, tables
from zhike.store.conversations import insert_conversations
from zhike.store.engine import Store

NOW = 1_790_000_000_000
LATER = NOW + 14 * 86_400_000
KEYS = "B" + "x" * 86 + ".auth"
WAITING = 7


def cookie(number: int) -> bytes:
    return number.to_bytes(16)


def person(conn: Connection, name: str, role: Role = "agent", *, inbox_ids: tuple[int, ...] = (),
           team_id: int = 0) -> int:
    agent = agents.create(conn, f"{name}@desk.example", name, role, "x", "", NOW)
    sessions.add(conn, cookie(agent.id), agent.id, "csrf", NOW, LATER, "", "")
    if inbox_ids:
        scopes.set_inboxes(conn, agent.id, list(inbox_ids))
    if team_id:
        conn.execute(insert(tables.team_members).values(team_id=team_id, agent_id=agent.id))
    return agent.id


def shop(conn: Connection) -> None:
    for key in ("shop", "bank"):
        inboxes.create_inbox(conn, Inbox(0, key, key, "web"), NOW)
    for team_id in (1, 2):
        conn.execute(insert(tables.teams).values(id=team_id, key=f"t{team_id}", name="t", settings="{}",
                                                 created_at=NOW, updated_at=NOW))
    contact, _ = contact_edit.create(conn, 1, "c:1", {"name": "张三"}, {}, NOW)
    insert_conversations(conn, [(Conversation(
        WAITING, 1, contact.id, "c:1", "open", "queue", 1, 1, 1, 0, NOW, NOW, waiting_since=NOW), "1:c:1")])


def put(conn: Connection, agent_id: int, name: str = "phone", now: int = NOW) -> int:
    made, _ = push.put(conn, agent_id, cookie(agent_id), f"https://push.example/{agent_id}/{name}", KEYS,
                       f"Chrome · {name}", "zh", now)
    return made.id


def notice(kind: NoticeKind = "visitor_waiting", *, conversation: int = WAITING, inbox_id: int = 1,
           team_id: int = 0, agent_id: int = 0) -> Notice:
    return Notice(kind, f"{kind}:{conversation}:{agent_id}", NOW, conversation=conversation,
                  inbox_id=inbox_id, team_id=team_id, since=NOW, agent_id=agent_id)


def hearers(conn: Connection, one: Notice, now: int = NOW) -> set[int]:
    return {device.agent_id for device in push.devices(conn, now) if device.hears(one)}


async def test_a_browser_is_stored_once_and_goes_to_whoever_sits_there(store: Store) -> None:
    await store.write(shop)
    lin, wang = await store.write(person, "lin"), await store.write(person, "wang")
    address = "https://push.example/send/abc"
    made, new = await store.write(push.put, lin, cookie(lin), address, KEYS, "Firefox\x00 · 手机", "zh", NOW)
    assert (made.kind, made.name, new) == ("push", "Firefox · 手机", True)
    again, new = await store.write(push.put, lin, cookie(lin), address, KEYS, "Firefox · 手机", "en", NOW + 5)
    assert (again.id, again.body.lang, new) == (made.id, "en", False)
    mine = await store.read(push.of_agent, lin, NOW)
    assert [(one.id, one.body.address, session) for one, session in mine] == [(made.id, address, cookie(lin))]
    theirs, new = await store.write(push.put, wang, cookie(wang), address, KEYS, "Firefox", "zh", NOW)
    assert new
    assert await store.read(push.of_agent, lin, NOW) == []
    assert await store.read(notify.listed) == [], "the desk's own targets are others"
    with pytest.raises(ZhikeError, match="not_found"):
        await store.write(push.remove, lin, theirs.id)
    await store.write(push.remove, wang, theirs.id)
    assert not await store.read(push.wanted)


@pytest.mark.parametrize("address", ["http://push.example/x", "https://u:p@push.example/", "https:///x",
                                     "https://主机/", "https://push.example/" + "x" * 2000,
                                     "https://push.example/\u0007", "https://[x/", "javascript:alert(1)"])
async def test_an_address_that_is_none_is_refused(store: Store, address: str) -> None:
    lin = await store.write(person, "lin")
    with pytest.raises(ZhikeError) as refused:
        await store.write(push.put, lin, cookie(lin), address, KEYS, "x", "zh", NOW)
    assert (refused.value.code, refused.value.field) == ("invalid_field", "endpoint")


async def test_there_is_room_for_ten_and_the_forgotten_make_room(store: Store) -> None:
    lin = await store.write(person, "lin")
    for number in range(push.MAX_DEVICES):
        await store.write(put, lin, str(number))
    with pytest.raises(ZhikeError, match="10 at most"):
        await store.write(put, lin, "more")
    await store.write(put, lin, "0")  # known already
    await store.write(sessions.delete_one, cookie(lin))
    await store.write(sessions.add, cookie(lin), lin, "csrf", NOW, LATER, "", "")
    assert len(await store.read(push.of_agent, lin, NOW)) == push.MAX_DEVICES
    await store.write(sessions.delete_one, cookie(lin))
    await store.write(put, lin, "more")
    assert await store.read(push.of_agent, lin, NOW) == [], "without a sign-in it does not count"


async def test_it_ends_with_the_sign_in_and_with_the_agent(store: Store) -> None:
    await store.write(shop)
    lin = await store.write(person, "lin")
    device = await store.write(put, lin)
    assert await store.read(hearers, notice()) == {lin}
    assert await store.read(hearers, notice(), LATER) == set(), "nobody came back for two weeks"
    await store.write(agents.change, lin, {"enabled": False}, end_sessions=False)
    assert await store.read(hearers, notice()) == set()
    await store.write(agents.change, lin, {"enabled": True}, end_sessions=True)
    assert await store.read(hearers, notice()) == set(), "the password was changed, or they were signed out"
    await store.write(push.tell, [notice()], NOW)
    assert await store.write(push.prune, NOW) == 1
    assert await store.read(notify.get, device) is None


async def test_who_hears_of_what(store: Store) -> None:
    await store.write(shop)
    people: list[tuple[str, Role, tuple[int, ...], int]] = [
        ("ours", "agent", (), 1), ("theirs", "agent", (), 2), ("bank", "agent", (2,), 1),
        ("lead", "supervisor", (), 0), ("boss", "owner", (), 0), ("reader", "analyst", (), 1)]
    everybody = {name: await store.write(person, name, role, inbox_ids=inbox_ids, team_id=team_id)
                 for name, role, inbox_ids, team_id in people}
    for agent_id in everybody.values():
        await store.write(put, agent_id)

    async def heard(one: Notice) -> set[str]:
        found = await store.read(hearers, one)
        return {name for name, agent_id in everybody.items() if agent_id in found}

    assert await heard(notice(team_id=1)) == {"ours", "lead", "boss"}
    assert await heard(notice()) == {"ours", "theirs", "lead", "boss"}
    assert await heard(notice("visitor_late", inbox_id=2, team_id=1)) == {"ours", "bank", "lead", "boss"}
    assert await heard(notice("assigned", agent_id=everybody["ours"])) == {"ours"}
    assert await heard(notice("mentioned", agent_id=everybody["bank"])) == set(), "an inbox out of reach"
    assert await heard(notice("reply_late", agent_id=everybody["theirs"])) == {"theirs"}
    assert await heard(notice("trouble")) == {"boss"}
    await store.write(agents.change, everybody["ours"], {"availability": "away"}, end_sessions=False)
    assert await heard(notice(team_id=1)) == {"lead", "boss"}, "who says they are away is left alone,"
    assert await heard(notice("assigned", agent_id=everybody["ours"])) == {"ours"}, "but for what is theirs"
    await store.write(presence.put, "node", [presence.Pages(everybody["boss"], 1, 1)], NOW, 30_000)
    assert await heard(notice(team_id=1)) == {"lead"}, "who sits at the console sees it there"
    assert await heard(notice("trouble")) == {"boss"}, "but no trouble"
    await store.write(presence.put, "node", [presence.Pages(everybody["boss"], 1, 0)], NOW, 30_000)
    assert await heard(notice(team_id=1)) == {"lead", "boss"}, "a page nobody sits at is no such"


async def test_a_thing_is_told_once_to_each_browser(store: Store) -> None:
    await store.write(shop)
    lin = await store.write(person, "lin")
    for name in ("desk", "phone"):
        await store.write(put, lin, name)
    assert (await store.write(push.tell, [notice(), notice("trouble")], NOW)).new == 2
    assert (await store.write(push.tell, [notice()], NOW + 1)).new == 0


async def test_what_is_no_longer_so_is_not_told(store: Store) -> None:
    await store.write(shop)
    lin, wang = await store.write(person, "lin"), await store.write(person, "wang")
    device = await store.write(put, lin)
    told = [notice(), notice("mentioned", agent_id=lin), notice("assigned", agent_id=lin),
            notice("visitor_late", conversation=99)]
    await store.write(push.tell, told, NOW)
    found = await store.read(notify.due, device)
    assert found is not None
    assert len(found.notices) == 4

    async def still(now: int = NOW) -> list[str]:
        return sorted(one.kind for one in await store.read(push.due, found, now))

    def hold(conn: Connection, agent_id: int) -> None:
        conn.execute(update(tables.conversations).values(holder="agent", agent_id=agent_id))

    assert await still() == ["mentioned", "visitor_waiting"]
    await store.write(hold, lin)
    assert await still() == ["assigned", "mentioned"]
    await store.write(hold, wang)
    assert await still() == ["mentioned"]
    await store.write(presence.put, "node", [presence.Pages(lin, 1, 1)], NOW, 30_000)
    assert await still() == [], "they have come to the console meanwhile"
    assert await still(LATER) == []


async def test_the_key_is_made_once(store: Store) -> None:
    assert await store.read(push.key) == ""
    assert await store.write(push.keep_key, "first") == "first"
    assert await store.write(push.keep_key, "second") == "first"
    assert await store.read(push.key) == "first"
