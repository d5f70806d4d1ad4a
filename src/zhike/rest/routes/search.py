"""One search over conversations, messages, contacts and knowledge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import Connection

from zhike.access.rights import AGENT
from zhike.clock import to_datetime
from zhike.domain.agent import Scope
from zhike.domain.knowledge import Contact
from zhike.rest.routes.conversations import me
from zhike.rest.table import Call, Route
from zhike.rest.views import ContactView, ConversationView, contact_view, conversation_view
from zhike.store import find, listing


class SearchQuery(Struct, forbid_unknown_fields=True):
    """``q``: words as they stand, or the number of a conversation. ``limit``: of each kind."""

    q: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
    limit: Annotated[int, Meta(ge=1, le=20)] = 5


class FoundMessageView(Struct):
    """A message that holds the words."""

    conversation_id: int
    seq: int
    text: str
    at: datetime
    contact_name: str
    direction: str


class FoundArticleView(Struct):
    """An article that holds the words."""

    id: int
    bot_id: int
    key: str
    lang: str
    question: str


class SearchResult(Struct):
    """What was found, the newest first."""

    conversations: list[ConversationView]
    messages: list[FoundMessageView]
    contacts: list[ContactView]
    articles: list[FoundArticleView]


_Found = tuple[
    list[listing.ConversationRow], list[find.FoundMessage], list[Contact], list[find.FoundArticle]
]


def _find(conn: Connection, text: str, limit: int, scope: Scope, agent_id: int) -> _Found:
    contacts = find.in_contacts(conn, text, limit, scope)
    ids = find.conversations_of(conn, text, [contact.id for contact in contacts], limit, scope)
    rows = [row for number in ids if (row := listing.conversation(conn, number, agent_id)) is not None]
    return rows, find.in_messages(conn, text, limit, scope), contacts, find.in_articles(conn, text, limit)


async def search_everything(call: Call) -> SearchResult:
    """Finds words in conversations, messages, contacts and knowledge: in the newest 20,000 messages, 20,000
    contacts and 5,000 articles. For what is older use ``q`` of the lists."""
    query: SearchQuery = call.query
    rows, messages, contacts, articles = await call.to.store.read(
        _find, query.q.strip(), query.limit, call.principal.scope, me(call)
    )
    return SearchResult(
        [conversation_view(row) for row in rows],
        [
            FoundMessageView(m.conversation_id, m.seq, m.text, to_datetime(m.at), m.contact_name, m.direction)
            for m in messages
        ],
        [contact_view(contact) for contact in contacts],
        [FoundArticleView(*article) for article in articles],
    )


ROUTES = [
    Route(
        "GET",
        "/api/v1/search",
        search_everything,
        AGENT,
        ("Search everything", "全局搜索"),
        answer=SearchResult,
        query=SearchQuery,
    ),
]
