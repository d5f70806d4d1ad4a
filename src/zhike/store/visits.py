"""Which pages a contact looked at last: one row each, so that it is bounded by itself and goes with them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, select

from zhike.domain.pages import Device, PageView, joined
from zhike.store.dialect import select_in, upsert
from zhike.store.tables import visits as _t


class Visit(Struct, frozen=True, omit_defaults=True):
    """``pages``: oldest first. ``device``: of the newest."""

    pages: tuple[PageView, ...] = ()
    device: Device = Device()


_decode = msgspec.json.Decoder(Visit).decode


def find(conn: Connection, contact_id: int) -> Visit:
    """What is kept of a contact."""
    body = conn.execute(select(_t.c.body).where(_t.c.contact_id == contact_id)).scalar_one_or_none()
    return _decode(body) if body is not None else Visit()


def add(conn: Connection, seen: Mapping[tuple[int, str], Visit], now: int) -> dict[tuple[int, str], Visit]:
    """Adds pages to the contacts with these (inbox_id, sender); returns what is new of each, without pages
    that were told of again, and without those who have not written yet: they are no contacts.

    The rows of the contacts are locked first, in order, so that two instances take turns.
    """
    rows = select_in(conn, "contacts", ("id", "inbox_id", "sender", "merged_into"), "sender",
                     list(dict.fromkeys(sender for _, sender in seen)), lock=True)
    news: dict[tuple[int, str], Visit] = {}
    for row in sorted(rows):
        new = seen.get((row[1], row[2]))
        if new is None:
            continue
        contact_id = row[3] or row[0]
        old = find(conn, contact_id)
        pages = joined(old.pages, new.pages)
        fresh = tuple(view for view in pages if view not in old.pages)
        if fresh or new.device != old.device:
            _put(conn, contact_id, Visit(pages, new.device), now)
        if fresh:
            news[(row[1], row[2])] = Visit(fresh, new.device)
    return news


def move(conn: Connection, contact_id: int, into_id: int) -> None:
    """Two contacts are one person: what was kept of the one is the other's now."""
    theirs, mine = find(conn, contact_id), find(conn, into_id)
    if not theirs.pages:
        return
    pages = joined(mine.pages, theirs.pages)
    device = mine.device if pages[-1] in mine.pages else theirs.device
    _put(conn, into_id, Visit(pages, device), int(pages[-1].at.timestamp() * 1000))
    conn.execute(delete(_t).where(_t.c.contact_id == contact_id))


def prune(conn: Connection, before: int) -> None:
    """Forgets contacts who have looked at nothing since ``before``."""
    conn.execute(delete(_t).where(_t.c.updated_at < before))


def _put(conn: Connection, contact_id: int, visit: Visit, now: int) -> None:
    upsert(conn, _t, [{"contact_id": contact_id, "body": msgspec.json.encode(visit).decode(),
                       "updated_at": now}], ("contact_id",), ("body", "updated_at"))
