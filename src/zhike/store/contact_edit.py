"""Contacts as people and integrators edit them."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, update

from zhike.domain.knowledge import Contact
from zhike.errors import ZhikeError
from zhike.store.contacts import ensure, get_contact
from zhike.store.tables import contacts, inboxes


def change(conn: Connection, contact_id: int, values: dict[str, Any]) -> Contact:
    """Sets name, email, phone or attributes of one contact.

    Raises:
        ZhikeError: ``not_found``.
    """
    values = dict(values)
    if "attributes" in values:
        values["attributes"] = msgspec.json.encode(values["attributes"]).decode()
    if values:
        conn.execute(update(contacts).where(contacts.c.id == contact_id).values(**values))
    contact = get_contact(conn, contact_id)
    if contact is None:
        raise ZhikeError("not_found")
    return contact


def create(conn: Connection, inbox_id: int, sender: str, fields: dict[str, str], attributes: dict[str, Any],
           now: int) -> tuple[Contact, bool]:
    """The contact with this sender key, and whether it was made just now (if not: unchanged).

    Raises:
        ZhikeError: ``invalid_field`` if there is no such inbox.
    """
    if conn.execute(inboxes.select().where(inboxes.c.id == inbox_id)).first() is None:
        raise ZhikeError("invalid_field", "inbox_id: no such inbox", field="inbox_id")
    contact_id = ensure(conn, [(inbox_id, sender, fields, now)])[(inbox_id, sender)]
    contact = get_contact(conn, contact_id)
    assert contact is not None
    made = contact.created_at == now and not contact.attributes
    if made and attributes:
        contact = change(conn, contact_id, {"attributes": attributes})
    return contact, made
