"""Contacts: who asks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select, update

from zhike.domain.knowledge import Contact
from zhike.store.dialect import insert_many, next_ids, select_in
from zhike.store.tables import contacts

_INSERT = ("id", "inbox_id", "sender", "name", "email", "phone", "attributes", "created_at",
           "last_seen_at")


def ensure(conn: Connection, wanted: Sequence[tuple[int, str, dict[str, str], int]],
           made: dict[tuple[int, str], int] | None = None) -> dict[tuple[int, str], int]:
    """The contact ids of (inbox_id, sender, fields, now) each; makes those that are missing, and names them
    in ``made``. A contact that turned out to be another one is that one."""
    if not wanted:
        return {}
    senders = list(dict.fromkeys(sender for _, sender, _, _ in wanted))
    rows = select_in(conn, "contacts", ("id", "inbox_id", "sender", "merged_into"), "sender", senders)
    found = {(row[1], row[2]): row[3] or row[0] for row in rows}
    missing = {(inbox_id, sender): (fields, now) for inbox_id, sender, fields, now in wanted
               if (inbox_id, sender) not in found}
    if missing:
        ids = next_ids(conn, "contact", len(missing))
        new = []
        for contact_id, ((inbox_id, sender), (fields, now)) in zip(ids, missing.items(), strict=True):
            found[(inbox_id, sender)] = contact_id
            if made is not None:
                made[(inbox_id, sender)] = contact_id
            new.append((contact_id, inbox_id, sender, fields.get("name", ""), fields.get("email", ""),
                        fields.get("phone", ""), _attributes(fields), now, now))
        insert_many(conn, "contacts", _INSERT, new)
    return found


def _attributes(fields: dict[str, str]) -> str:
    page = {name: fields[f"page_{name}"] for name in ("url", "title") if fields.get(f"page_{name}")}
    return msgspec.json.encode({"page": page}).decode() if page else "{}"


def get_contact(conn: Connection, contact_id: int) -> Contact | None:
    """One contact, or None."""
    row = conn.execute(select(contacts).where(contacts.c.id == contact_id)).mappings().first()
    if row is None:
        return None
    fields = {name: row[name] for name in Contact.__struct_fields__}
    return Contact(**{**fields, "attributes": msgspec.json.decode(row["attributes"])})


def update_known(conn: Connection, contact_id: int, fields: dict[str, str], now: int) -> None:
    """What the shop told us of a known customer, newer than what we have."""
    values = {name: fields[name] for name in ("name", "email", "phone") if fields.get(name)}
    conn.execute(update(contacts).where(contacts.c.id == contact_id).values(last_seen_at=now, **values))


def is_blocked(conn: Connection, inbox_id: int, sender: str) -> bool:
    """True if nothing is taken from this sender."""
    c = contacts.c
    return conn.execute(select(c.id).where(c.sender == sender, c.inbox_id == inbox_id,
                                           c.blocked_at.is_not(None))).first() is not None
