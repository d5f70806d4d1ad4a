"""Pages that contacts looked at, on every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from zhike.domain.pages import MAX_PAGES, Device, PageView
from zhike.store import contact_merge, tables, visits
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store
from zhike.store.visits import Visit

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOW = int(AT.timestamp() * 1000)
PHONE, DESKTOP = Device("WeChat 8", "iOS", "phone"), Device("Chrome 140", "Windows", "desktop", "zh-CN")


def page(name: str, minute: int) -> PageView:
    return PageView(f"https://shop.example/{name}", AT + timedelta(minutes=minute), f"页面 {name}")


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [
        {"id": n, "key": f"i{n}", "name": "i", "channel": "web", "bot_id": None, "settings": "{}",
         "created_at": 1, "updated_at": 1} for n in (1, 2)])
    insert_rows(conn, tables.contacts, [
        {"id": n, "inbox_id": inbox, "sender": sender, "name": "", "email": "", "phone": "",
         "attributes": "{}", "created_at": 1, "last_seen_at": 1}
        for n, inbox, sender in ((1, 1, "v:a"), (2, 1, "v:b"), (3, 2, "v:a"))])


def _count(conn: Connection) -> int:
    return int(conn.execute(select(func.count()).select_from(tables.visits)).scalar_one())


@pytest.fixture
async def desk(store: Store) -> Store:
    await store.write(_seed)
    return store


async def test_what_is_new_is_told_and_the_last_pages_are_kept(desk: Store) -> None:
    assert await desk.read(visits.find, 1) == Visit()
    first = Visit((page("a", 1), page("b", 2)), DESKTOP)
    assert await desk.write(visits.add, {(1, "v:a"): first}, NOW) == {(1, "v:a"): first}
    assert await desk.read(visits.find, 1) == first
    again = Visit((page("b", 3),), DESKTOP)
    assert await desk.write(visits.add, {(1, "v:a"): again}, NOW) == {}, "the same page, told of once more"
    many = Visit(tuple(page(f"p{n}", n) for n in range(10, 35)), PHONE)
    news = await desk.write(visits.add, {(1, "v:a"): many}, NOW + 1)
    assert news[(1, "v:a")].pages[-1] == page("p34", 34)
    kept = await desk.read(visits.find, 1)
    assert len(kept.pages) == MAX_PAGES
    assert kept.device == PHONE


async def test_pages_are_of_one_contact_of_one_inbox(desk: Store) -> None:
    seen = {(2, "v:a"): Visit((page("x", 1),), PHONE), (1, "v:b"): Visit((page("y", 1),), DESKTOP),
            (1, "v:unknown"): Visit((page("z", 1),), PHONE)}
    assert set(await desk.write(visits.add, seen, NOW)) == {(2, "v:a"), (1, "v:b")}
    assert await desk.read(visits.find, 1) == Visit()
    assert (await desk.read(visits.find, 3)).pages == (page("x", 1),)


async def test_who_is_one_person_has_one_way_through_the_shop(desk: Store) -> None:
    await desk.write(visits.add, {(1, "v:a"): Visit((page("a", 1), page("c", 3)), PHONE),
                                  (1, "v:b"): Visit((page("b", 2),), DESKTOP)}, NOW)
    await desk.write(contact_merge.merge, 1, 2)
    both = await desk.read(visits.find, 2)
    assert [view.url[-1] for view in both.pages] == ["a", "b", "c"]
    assert both.device == PHONE, "of the newest"
    assert await desk.read(_count) == 1
    await desk.write(visits.add, {(1, "v:a"): Visit((page("d", 4),), DESKTOP)}, NOW)
    kept = await desk.read(visits.find, 2)
    assert (kept.pages[-1].url[-1], kept.device) == ("d", DESKTOP), "the old way in leads to the one left"


async def test_a_month_later_it_is_forgotten(desk: Store) -> None:
    await desk.write(visits.add, {(1, "v:a"): Visit((page("a", 1),), PHONE)}, NOW)
    await desk.write(visits.add, {(1, "v:b"): Visit((page("b", 1),), PHONE)}, NOW + 10)
    await desk.write(visits.prune, NOW + 10)
    assert await desk.read(visits.find, 1) == Visit()
    assert (await desk.read(visits.find, 2)).pages
