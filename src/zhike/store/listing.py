"""Lists for people: conversations and contacts with filters, a page at a time.

Pages are by key, not by offset: ``before`` is the position of the last row shown, so a page costs the
same wherever it is, and new conversations do not shift the next page.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select

from zhike.domain.agent import EVERYTHING, Scope
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Contact
from zhike.store import scopes
from zhike.store.conversations import COLUMNS
from zhike.store.tables import agents, contacts, conversations, messages


class Filter(NamedTuple):
    """What to show; every part that is given must hold. ``text``: see :func:`_text`. ``scope``: what the
    one who asks may see."""

    status: str | None = None
    holder: str | None = None
    inbox_id: int | None = None
    contact_id: int | None = None
    agent_id: int | None = None
    text: str = ""
    scope: Scope = EVERYTHING


class ConversationRow(NamedTuple):
    """A conversation with the names a list shows."""

    conversation: Conversation
    contact_name: str
    agent_name: str


def _row(row: Row[Any]) -> ConversationRow:
    return ConversationRow(Conversation(*row[:len(COLUMNS)]), row.contact_name, row.agent_name or "")


def _select() -> Select[Any]:
    return (select(*(conversations.c[name] for name in COLUMNS), contacts.c.name.label("contact_name"),
                   agents.c.name.label("agent_name"))
            .join(contacts, contacts.c.id == conversations.c.contact_id)
            .outerjoin(agents, agents.c.id == conversations.c.agent_id))


def _text(text: str) -> ColumnElement[bool]:
    """Where the words occur: contact's name, email or phone, or the text of any message.

    A plain scan, made for tens of thousands of conversations; the search index takes over for more.
    """
    said = select(messages.c.conversation_id).where(
        messages.c.conversation_id == conversations.c.id,
        messages.c.text.icontains(text, autoescape=True)).exists()
    return or_(*(column.icontains(text, autoescape=True)
                 for column in (contacts.c.name, contacts.c.email, contacts.c.phone)), said)


def conversation_page(conn: Connection, wanted: Filter, before: tuple[int, int] | None,
                      limit: int) -> list[ConversationRow]:
    """Conversations, last changed first; ``before``: (updated_at, id) of the last one shown."""
    query = _select().order_by(conversations.c.updated_at.desc(), conversations.c.id.desc()).limit(limit)
    for column, value in ((conversations.c.status, wanted.status), (conversations.c.holder, wanted.holder),
                          (conversations.c.inbox_id, wanted.inbox_id),
                          (conversations.c.contact_id, wanted.contact_id),
                          (conversations.c.agent_id, wanted.agent_id)):
        if value is not None:
            query = query.where(column == value)
    if wanted.text:
        query = query.where(_text(wanted.text))
    if wanted.scope.limited:
        query = query.where(scopes.seen(wanted.scope))
    if before is not None:
        at, row_id = before
        query = query.where(or_(conversations.c.updated_at < at,
                                and_(conversations.c.updated_at == at, conversations.c.id < row_id)))
    return [_row(row) for row in conn.execute(query)]


def conversation(conn: Connection, conversation_id: int) -> ConversationRow | None:
    """One conversation with its names."""
    row = conn.execute(_select().where(conversations.c.id == conversation_id)).one_or_none()
    return None if row is None else _row(row)


def contact_page(conn: Connection, inbox_id: int | None, text: str, before_id: int | None,
                 limit: int, scope: Scope = EVERYTHING) -> list[Contact]:
    """Contacts that ``scope`` sees, newest first, with an id below ``before_id``."""
    query = select(contacts).order_by(contacts.c.id.desc()).limit(limit)
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
