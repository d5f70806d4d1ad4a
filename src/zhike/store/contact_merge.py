"""Two contacts that are one person, and people whose messages are refused.

**Merging.** A contact is a person; a *sender* is a way in (a browser, a sign-in of the shop). Merging moves
the conversations of one contact to the other, present and past. Each conversation keeps its sender, so it
goes on reaching the page it was begun on, and what comes from either sender later belongs to the one contact
that is left. Where both have an open conversation, both stay open: they are open on two pages, and ending
one of them would cut a visitor off who is typing. Merging cannot be undone, and is of one inbox.

What an anonymous visitor has proven (an order number with a phone's tail) is forgotten for both: it was
proven by one way in and must not open the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from zhike.domain.knowledge import Contact
from zhike.errors import ZhikeError
from zhike.store import happenings, visits
from zhike.store.contacts import get_contact
from zhike.store.tables import contacts, conversations, proofs

MAX_BLOCKED = 100_000
"""Senders that are kept in memory to be refused: the last ones blocked."""


def merge(conn: Connection, contact_id: int, into_id: int, now: int = 0,
          by_id: int = 0) -> tuple[Contact, list[int]]:
    """Makes one contact of two. A conversation that begins at this very moment on another instance may keep
    the old one; it is moved when the two are merged again.

    Args:
        now: webhooks are told of it (0: they are not). ``by_id``: the agent who does it.

    Returns:
        The contact that is left, and the ids of its conversations that are not resolved.

    Raises:
        ZhikeError: ``not_found``, ``invalid_field`` (another inbox, or the same contact), ``conflict`` (one
            of them was merged already, into another one).
    """
    rows = {row.id: row for row in conn.execute(
        select(contacts).where(contacts.c.id.in_((contact_id, into_id))).order_by(contacts.c.id)
        .with_for_update())}
    source, target = rows.get(contact_id), rows.get(into_id)
    if source is None or target is None:
        raise ZhikeError("not_found")
    if source is target or source.inbox_id != target.inbox_id:
        raise ZhikeError("invalid_field", "into: another contact of the same inbox / 须是同收件箱的另一客户",
                         field="into")
    if target.merged_into is not None or source.merged_into not in (None, into_id):
        raise ZhikeError("conflict", "One of them was merged already.")
    blocked_at = source.blocked_at if target.blocked_at is None else target.blocked_at
    mine, theirs = _attributes(target), _attributes(source)
    filled = {name: getattr(source, name) for name in ("name", "email", "phone")
              if getattr(source, name) and not getattr(target, name)}
    conn.execute(update(contacts).where(contacts.c.id == into_id).values(
        **filled, attributes=msgspec.json.encode({**theirs, **mine}).decode(),
        created_at=min(source.created_at, target.created_at),
        last_seen_at=max(source.last_seen_at, target.last_seen_at)))
    conn.execute(update(contacts).where(_ways_in(contact_id)).values(merged_into=into_id))
    conn.execute(update(contacts).where(_ways_in(into_id)).values(blocked_at=blocked_at))
    conn.execute(update(conversations).where(conversations.c.contact_id == contact_id)
                 .values(contact_id=into_id))
    visits.move(conn, contact_id, into_id)
    conn.execute(delete(proofs).where(proofs.c.contact_id.in_((contact_id, into_id))))
    left = get_contact(conn, into_id)
    assert left is not None
    if now:
        happenings.contact(conn, "contact.merged", left.inbox_id, into_id, now, merged_id=contact_id,
                           by_id=by_id)
    awake = select(conversations.c.id).where(
        conversations.c.contact_id == into_id, conversations.c.holder != "none").order_by(conversations.c.id)
    return left, list(conn.execute(awake).scalars())


def _ways_in(contact_id: int) -> ColumnElement[bool]:
    """The contact, and those that turned out to be it."""
    return or_(contacts.c.id == contact_id, contacts.c.merged_into == contact_id)


def _attributes(row: Any) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.json.decode(row.attributes) if row.attributes else {}
    return value


def block(conn: Connection, contact_id: int, at: int | None) -> Contact:
    """From ``at`` on what this contact sends is refused, by whichever of their ways in; None: no longer.

    Raises:
        ZhikeError: ``not_found``.
    """
    conn.execute(update(contacts).where(_ways_in(contact_id)).values(blocked_at=at))
    contact = get_contact(conn, contact_id)
    if contact is None:
        raise ZhikeError("not_found")
    return contact


def blocked(conn: Connection) -> set[tuple[int, str]]:
    """(inbox_id, sender) of those whose messages are refused."""
    stmt = (select(contacts.c.inbox_id, contacts.c.sender).where(contacts.c.blocked_at.is_not(None))
            .order_by(contacts.c.blocked_at.desc()).limit(MAX_BLOCKED))
    return {(row.inbox_id, row.sender) for row in conn.execute(stmt)}


def blocked_stamp(conn: Connection) -> Sequence[Any]:
    """Changes when somebody is blocked or no longer is."""
    stmt = select(func.count(), func.max(contacts.c.blocked_at)).where(contacts.c.blocked_at.is_not(None))
    return conn.execute(stmt).one()
