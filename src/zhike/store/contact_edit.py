"""Contacts as people and integrators edit them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from zhike.domain.knowledge import Contact
from zhike.errors import ZhikeError
from zhike.store import happenings
from zhike.store.attributes import Edit, edited
from zhike.store.contacts import ensure, get_contact
from zhike.store.tables import contacts, inboxes


def change(conn: Connection, contact_id: int, values: dict[str, Any], now: int = 0,
           by_id: int = 0, edits: Mapping[str, Edit] | None = None) -> Contact:
    """Sets name, email, phone or attributes of one contact.

    Args:
        now: webhooks are told of it (0: they are not). ``by_id``: the agent who does it.
        edits: single attributes (then not all of them at once).

    Raises:
        ZhikeError: ``not_found``; ``conflict``, ``invalid_field``: see :func:`zhike.store.attributes.edited`.
    """
    values = dict(values)
    if "attributes" in values:
        values["attributes"] = msgspec.json.encode(values["attributes"]).decode()
    elif edits:
        row = conn.execute(select(contacts.c.attributes).where(contacts.c.id == contact_id)
                           .with_for_update()).first()
        if row is None:
            raise ZhikeError("not_found")
        values["attributes"] = edited(row.attributes, edits)
    if values:
        conn.execute(update(contacts).where(contacts.c.id == contact_id).values(**values))
    contact = get_contact(conn, contact_id)
    if contact is None:
        raise ZhikeError("not_found")
    if values and now:
        happenings.contact(conn, "contact.updated", contact.inbox_id, contact_id, now, by_id=by_id)
    return contact


def create(conn: Connection, inbox_id: int, sender: str, fields: dict[str, str], attributes: dict[str, Any],
           now: int, by_id: int = 0) -> tuple[Contact, bool]:
    """The contact with this sender key, and whether it was made just now (if not: unchanged).

    Raises:
        ZhikeError: ``invalid_field`` if there is no such inbox.
    """
    if conn.execute(inboxes.select().where(inboxes.c.id == inbox_id)).first() is None:
        raise ZhikeError("invalid_field", "inbox_id: no such inbox", field="inbox_id")
    new: dict[tuple[int, str], int] = {}
    contact_id = ensure(conn, [(inbox_id, sender, fields, now)], new)[(inbox_id, sender)]
    if new and attributes:
        change(conn, contact_id, {"attributes": attributes})
    if new:
        happenings.contact(conn, "contact.created", inbox_id, contact_id, now, by_id=by_id)
    contact = get_contact(conn, contact_id)
    assert contact is not None
    return contact, bool(new)
