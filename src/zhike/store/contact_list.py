"""Contacts as lists show them."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, or_, select

from zhike.domain.agent import EVERYTHING, Scope
from zhike.domain.knowledge import Contact
from zhike.store import scopes
from zhike.store.tables import contacts


def contact_page(conn: Connection, inbox_id: int | None, text: str, before_id: int | None,
                 limit: int, scope: Scope = EVERYTHING) -> list[Contact]:
    """Contacts that ``scope`` sees, newest first, with an id below ``before_id``; those that turned out to be
    another one are left out."""
    query = (select(contacts).where(contacts.c.merged_into.is_(None)).order_by(contacts.c.id.desc())
             .limit(limit))
    if scope.limited:
        query = query.where(scopes.seen_contacts(scope))
    if inbox_id is not None:
        query = query.where(contacts.c.inbox_id == inbox_id)
    if text:
        query = query.where(or_(*(column.icontains(text, autoescape=True) for column in
                                  (contacts.c.name, contacts.c.email, contacts.c.phone, contacts.c.sender))))
    if before_id is not None:
        query = query.where(contacts.c.id < before_id)
    return [contact_of(row) for row in conn.execute(query)]


def contact_of(row: Row[Any]) -> Contact:
    """A contact from its row."""
    return Contact(id=row.id, inbox_id=row.inbox_id, sender=row.sender, name=row.name, email=row.email,
                   phone=row.phone, attributes=msgspec.json.decode(row.attributes) if row.attributes else {},
                   created_at=row.created_at, last_seen_at=row.last_seen_at, blocked_at=row.blocked_at,
                   merged_into=row.merged_into)
