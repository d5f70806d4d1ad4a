"""Whom the desk tells of what, on every database."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import Connection, select

from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.domain.notice import Notice, Target, TargetBody
from zhike.errors import ZhikeError
from zhike.store import contact_edit, inboxes, jobs, notify, tables
from zhike.store.conversations import insert_conversations
from zhike.store.engine import Store

NOW = 1_790_000_000_000
ROBOT = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=1"
ALL = TargetBody(ROBOT, wants=("visitor_waiting", "visitor_late", "reply_late", "trouble"))


async def target(store: Store, name: str = "群", **body: object) -> Target:
    made = msgspec.structs.replace(ALL, **body)
    return await store.write(notify.create, Target(0, name, "wecom", made), NOW)


def waiting(number: int, *, inbox_id: int = 1, team_id: int = 0, at: int = NOW) -> Notice:
    return Notice("visitor_waiting", f"w:{number}", at, conversation=number, inbox_id=inbox_id,
                  team_id=team_id, since=at - 30_000, who="张三")


def due_at(conn: Connection, target_id: int) -> int | None:
    row = conn.execute(select(tables.jobs).where(tables.jobs.c.key == notify.key_of(target_id))).first()
    return row.due_at if row is not None and row.state == "due" else None


async def test_a_target_is_stored_changed_and_removed(store: Store) -> None:
    made = await target(store, secret="x", lang="en", inbox_ids=(1, 2), after_s=5)
    assert await store.read(notify.get, made.id) == made
    assert (made.body.lang, made.body.inbox_ids, made.body.after_s) == ("en", (1, 2), 5)
    other = await target(store, "二")
    assert [one.id for one in await store.read(notify.listed)] == [made.id, other.id]
    assert await store.read(notify.listed, after_id=made.id) == [other]
    new = msgspec.structs.replace(made, name="新", enabled=False)
    changed = await store.write(notify.change, new, NOW + 1)
    assert (changed.name, changed.enabled, changed.updated_at) == ("新", False, NOW + 1)
    await store.write(notify.tell, [waiting(1)], NOW)
    assert await store.write(notify.remove, other.id)
    assert await store.read(due_at, other.id) is None
    assert not await store.write(notify.remove, other.id)


@pytest.mark.parametrize(("kind", "body", "field"), [
    ("wecom", TargetBody("ftp://x"), "address"), ("wecom", TargetBody("https://u:p@host/"), "address"),
    ("wecom", TargetBody("https://主机/"), "address"), ("email", TargetBody("no address"), "address"),
    ("email", TargetBody("a@b.example\nBcc: c@d.example"), "address"),
    ("email", TargetBody(",".join(["a@b.example"] * 21)), "address"),
    ("webhook", TargetBody("https://host/x"), "secret"), ("wecom", TargetBody(ROBOT, wants=()), "wants"),
    ("wecom", TargetBody(ROBOT, secret="a\x00b"), "secret")])
async def test_what_cannot_work_is_refused_with_its_field(store: Store, kind: str, body: TargetBody,
                                                           field: str) -> None:
    with pytest.raises(ZhikeError) as refused:
        await store.write(notify.create, Target(0, "x", kind, body), NOW)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.field) == ("invalid_field", field)


async def test_a_thing_is_told_once_to_each_who_wants_it(store: Store) -> None:
    every = await target(store, "all")
    ours = await target(store, "inbox 2", inbox_ids=(2,))
    theirs = await target(store, "team 7", team_ids=(7,))
    off = await store.write(notify.create, Target(0, "off", "wecom", ALL, enabled=False), NOW)
    trouble = Notice("trouble", "t:1", NOW, part="disk", detail="full")
    told = [waiting(1), waiting(2, inbox_id=2), waiting(3, team_id=7), trouble]
    assert (await store.write(notify.tell, told, NOW)).new == 4 + 2 + 2
    assert (await store.write(notify.tell, told, NOW + 1)).new == 0, "each key once"

    async def keys(one: Target) -> list[str]:
        found = await store.read(notify.due, one.id)
        assert found is not None
        return sorted(notice.key for notice in found.notices)

    assert await keys(every) == ["t:1", "w:1", "w:2", "w:3"]
    assert await keys(ours) == ["t:1", "w:2"]
    assert await keys(theirs) == ["t:1", "w:3"]
    assert await keys(off) == []
    assert await store.read(due_at, every.id) == NOW


async def test_what_was_told_stays_told_and_the_next_waits_for_its_pace(store: Store) -> None:
    one = await target(store)
    await store.write(notify.tell, [waiting(1), waiting(2)], NOW)
    found = await store.read(notify.due, one.id)
    assert found is not None
    await store.write(notify.tell, [waiting(3)], NOW + 10)  # while the first two are being told
    await store.write(jobs.cancel, notify.key_of(one.id))
    await store.write(notify.sent, found, NOW + 500)
    assert await store.read(due_at, one.id) == NOW + 500 + notify.PACE_MS
    after = await store.read(notify.due, one.id)
    assert after is not None
    assert [notice.key for notice in after.notices] == ["w:3"]
    assert after.target.last_sent_at == NOW + 500
    assert (await store.write(notify.tell, [waiting(1)], NOW + 600)).new == 0
    assert await store.write(notify.prune, NOW + 1) == 2
    assert (await store.write(notify.tell, [waiting(1)], NOW + 700)).new == 1, "a key may be used again then"


async def test_failures_are_counted_and_an_old_notice_is_given_up(store: Store) -> None:
    one = await target(store)
    await store.write(notify.tell, [waiting(1, at=NOW - notify.EXPIRES_MS), waiting(2)], NOW)
    found = await store.read(notify.due, one.id)
    assert found is not None
    assert await store.write(notify.failed, found, "93000: invalid webhook url", NOW + 5_000, NOW) == 1
    after = await store.read(notify.due, one.id)
    assert after is not None
    assert [notice.key for notice in after.notices] == ["w:2"]
    assert (after.target.failures, after.target.last_error) == (1, "93000: invalid webhook url")
    assert await store.read(due_at, one.id) == NOW + 5_000
    await store.write(notify.tell, [waiting(3)], NOW + 100)
    assert await store.read(due_at, one.id) == NOW + 5_000, "news do not cut the pause short"
    mended = await store.write(notify.change, after.target, NOW + 200)
    assert (mended.failures, mended.last_error, await store.read(due_at, one.id)) == (0, "", NOW + 200)


async def test_a_target_that_changed_since_it_was_read_is_told_by_what_it_is_now(store: Store) -> None:
    paced, off, gone = await target(store, "a"), await target(store, "b"), await target(store, "c")
    await store.write(notify.tell, [waiting(1)], NOW, [paced])
    found = await store.read(notify.due, paced.id)
    assert found is not None
    await store.write(notify.sent, found, NOW + 100)
    await store.write(notify.change, msgspec.structs.replace(off, enabled=False), NOW + 100)
    await store.write(notify.remove, gone.id)
    assert (await store.write(notify.tell, [waiting(2)], NOW + 200, [paced, off, gone])).new == 1
    assert await store.read(due_at, paced.id) == NOW + 100 + notify.PACE_MS


async def test_what_waits_is_bounded(store: Store) -> None:
    one = await target(store)
    done = await store.write(notify.tell, [waiting(number) for number in range(notify.MAX_DUE + 30)], NOW)
    assert (done.new, list(done.expired.values())) == (notify.MAX_DUE + 30, [30] * len(done.expired))
    found = await store.read(notify.due, one.id)
    assert found is not None
    assert len(found.notices) == notify.MAX_DUE


async def test_who_waits_is_found_the_longest_first(store: Store) -> None:
    inbox = await store.write(inboxes.create_inbox, Inbox(0, "shop", "Shop", "web"), NOW)

    def put(conn: Connection, number: int, holder: str, since: int | None) -> None:
        contact, _ = contact_edit.create(conn, inbox.id, f"c:{number}", {"name": f"客户{number}"}, {}, NOW)
        insert_conversations(conn, [(Conversation(
            number, inbox.id, contact.id, f"c:{number}", "open", holder, 1, 1, 1, 0, NOW, NOW,  # type: ignore[arg-type]
            waiting_since=since), f"{inbox.id}:c:{number}")])

    for number, holder, since in ((1, "queue", NOW - 40), (2, "queue", NOW - 50), (3, "queue", NOW + 1),
                                  (4, "bot", None), (5, "queue", None)):
        await store.write(put, number, holder, since)
    found = await store.read(notify.waiting, NOW)
    assert [(one.conversation, one.since, one.who, one.team_id) for one in found] == [
        (2, NOW - 50, "客户2", 0), (1, NOW - 40, "客户1", 0)]
    assert await store.read(notify.name_of, 2) == "客户2"
    assert await store.read(notify.name_of, 99) == ""
