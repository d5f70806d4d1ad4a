"""Where words occur: one look over messages, contacts and articles, each bounded.

A plain scan of what is newest, so that it costs the same however much there is: some tens of milliseconds.
What is older is found by the lists with their own filters (``q``), which read everything.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sqlalchemy import Connection, or_, select

from zhike.domain.agent import EVERYTHING, Scope
from zhike.domain.knowledge import Contact
from zhike.store import scopes
from zhike.store.contact_list import contact_of
from zhike.store.tables import articles, contacts, conversations, messages

RECENT_MESSAGES = 20_000
"""Messages that are looked at, by falling number of their conversation."""
RECENT_CONTACTS = 20_000
RECENT_ARTICLES = 5_000
_NUMBER = re.compile(r"#?([1-9][0-9]{0,15})", re.ASCII)


class FoundMessage(NamedTuple):
    """A message in which the words occur. ``at``: ms since 1970 UTC."""

    conversation_id: int
    seq: int
    text: str
    at: int
    direction: str
    contact_name: str


class FoundArticle(NamedTuple):
    """An article in which the words occur."""

    id: int
    bot_id: int
    key: str
    lang: str
    question: str


def in_messages(conn: Connection, text: str, limit: int, scope: Scope = EVERYTHING) -> list[FoundMessage]:
    """The newest messages that hold ``text``, private notes included."""
    m = messages.c
    recent = (select(m.conversation_id, m.seq, m.text, m.created_at, m.direction)
              .order_by(m.conversation_id.desc(), m.seq.desc()).limit(RECENT_MESSAGES).subquery("recent")).c
    query = (select(recent.conversation_id, recent.seq, recent.text, recent.created_at, recent.direction,
                    contacts.c.name)
             .join(conversations, conversations.c.id == recent.conversation_id)
             .join(contacts, contacts.c.id == conversations.c.contact_id)
             .where(recent.text.icontains(text, autoescape=True))
             .order_by(recent.conversation_id.desc(), recent.seq.desc()).limit(limit))
    if scope.limited:
        query = query.where(scopes.seen(scope))
    return [FoundMessage(*row) for row in conn.execute(query)]


def in_contacts(conn: Connection, text: str, limit: int, scope: Scope = EVERYTHING) -> list[Contact]:
    """The newest contacts whose name, email, phone or external id holds ``text``."""
    c = contacts.c
    recent = select(c.id).order_by(c.id.desc()).limit(RECENT_CONTACTS).subquery("recent")
    query = (select(contacts).join(recent, recent.c.id == c.id)
             .where(c.merged_into.is_(None), or_(*(column.icontains(text, autoescape=True) for column in
                                                   (c.name, c.email, c.phone, c.sender))))
             .order_by(c.id.desc()).limit(limit))
    if scope.limited:
        query = query.where(scopes.seen_contacts(scope))
    return [contact_of(row) for row in conn.execute(query)]


def in_articles(conn: Connection, text: str, limit: int) -> list[FoundArticle]:
    """The newest articles whose question, phrasings or answer hold ``text``."""
    a = articles.c
    recent = select(a.id).order_by(a.id.desc()).limit(RECENT_ARTICLES).subquery("recent")
    query = (select(a.id, a.bot_id, a.key, a.lang, a.question).join(recent, recent.c.id == a.id)
             .where(or_(*(column.icontains(text, autoescape=True) for column in
                          (a.question, a.variants, a.answer))))
             .order_by(a.id.desc()).limit(limit))
    return [FoundArticle(*row) for row in conn.execute(query)]


def conversations_of(conn: Connection, text: str, contact_ids: list[int], limit: int,
                     scope: Scope = EVERYTHING) -> list[int]:
    """Ids of the conversation of this number (``42``, ``#42``) and of those of the contacts, newest first."""
    c = conversations.c
    named = _NUMBER.fullmatch(text.strip())
    query = select(c.id).where(or_(c.contact_id.in_(contact_ids), c.id == (int(named[1]) if named else 0)))
    if scope.limited:
        query = query.where(scopes.seen(scope))
    return list(conn.execute(query.order_by(c.updated_at.desc(), c.id.desc()).limit(limit)).scalars())
