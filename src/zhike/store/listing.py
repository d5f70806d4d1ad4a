"""Lists for people: conversations with filters, a page at a time, and how many there are of each kind.

Pages are by key, not by offset: ``before`` is the position of the last row shown, so a page costs the
same wherever it is, and new conversations do not shift the next page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, distinct, func, or_, select

from zhike.domain.agent import EVERYTHING, Scope
from zhike.domain.conversation import Conversation
from zhike.domain.wire import TagView
from zhike.store import agent_reads, scopes, tags
from zhike.store.contact_list import contact_of, contact_page
from zhike.store.conversations import COLUMNS
from zhike.store.ratings import Rating
from zhike.store.tables import (
    agents,
    contacts,
    conversation_tags,
    conversations,
    mentions,
    messages,
    ratings,
    teams,
)

__all__ = ["ConversationRow", "Counts", "Filter", "More", "contact_of", "contact_page", "conversation",
           "conversation_page", "counts", "position",
           "rows_where"]

Sort = Literal["updated", "waiting", "priority"]
"""updated: last changed first · waiting: who has waited longest first · priority: urgent first, among
equals who has waited longest."""
NEVER = 2**53 - 1
"""Where nobody waits: behind all who do."""

_MORE = ("priority", "team_id", "snoozed_until", "wrap_up", "first_reply_at", "assigned_at", "resolved_at")


class Filter(NamedTuple):
    """What to show; every part that is given must hold. ``text``: see :func:`_text`. ``scope``: what the
    one who asks may see. ``unassigned``: waits, and no team is asked. ``mentioned_id``: a note names this
    agent who has not read it yet."""

    status: str | None = None
    holder: str | None = None
    inbox_id: int | None = None
    contact_id: int | None = None
    agent_id: int | None = None
    text: str = ""
    scope: Scope = EVERYTHING
    team_id: int | None = None
    tag_id: int | None = None
    priority: int | None = None
    unassigned: bool = False
    mentioned_id: int = 0


class More(NamedTuple):
    """What lists show beside the conversation itself. Times are ms since 1970 UTC."""

    priority: int
    team_id: int | None
    snoozed_until: int | None
    wrap_up: str
    first_reply_at: int | None
    assigned_at: int | None
    resolved_at: int | None
    attributes: dict[str, Any]
    team_name: str
    contact_blocked: bool
    rating: Rating | None
    tags: tuple[TagView, ...] = ()
    mentioned: bool = False
    read_seq: int = 0
    unread: int = 0


class ConversationRow(NamedTuple):
    """A conversation with the names a list shows."""

    conversation: Conversation
    contact_name: str
    agent_name: str
    more: More


class Counts(msgspec.Struct):
    """How many conversations there are that are not resolved. ``mine``: I hold · ``waiting``: for a person ·
    ``unassigned``: of these, with no team · ``mentioned``: conversations with notes that name me and that I
    have not read, resolved ones too · ``snoozed``, ``bot`` · ``all_open``: waiting or held · ``by_team``: of
    these, by the team's id."""

    mine: int = 0
    waiting: int = 0
    unassigned: int = 0
    mentioned: int = 0
    snoozed: int = 0
    bot: int = 0
    all_open: int = 0
    by_team: dict[str, int] = msgspec.field(default_factory=dict)


def _row(row: Row[Any]) -> ConversationRow:
    attributes = msgspec.json.decode(row.attributes) if row.attributes else {}
    return ConversationRow(
        Conversation(*row[:len(COLUMNS)]), row.contact_name, row.agent_name or "",
        More(**{name: getattr(row, name) for name in _MORE}, attributes=attributes,
             team_name=row.team_name or "", contact_blocked=row.blocked_at is not None,
             rating=Rating(row.score, row.comment) if row.score else None))


def _select() -> Select[Any]:
    c = conversations.c
    return (select(*(c[name] for name in COLUMNS), contacts.c.name.label("contact_name"),
                   agents.c.name.label("agent_name"), *(c[name] for name in _MORE), c.attributes,
                   teams.c.name.label("team_name"), contacts.c.blocked_at, ratings.c.score, ratings.c.comment)
            .join(contacts, contacts.c.id == c.contact_id)
            .outerjoin(agents, agents.c.id == c.agent_id)
            .outerjoin(teams, teams.c.id == c.team_id)
            .outerjoin(ratings, ratings.c.conversation_id == c.id))


def _text(text: str) -> ColumnElement[bool]:
    """Where the words occur: contact's name, email or phone, or the text of any message.

    A plain scan, made for tens of thousands of conversations; the search index takes over for more.
    """
    said = select(messages.c.conversation_id).where(
        messages.c.conversation_id == conversations.c.id,
        messages.c.text.icontains(text, autoescape=True)).exists()
    return or_(*(column.icontains(text, autoescape=True)
                 for column in (contacts.c.name, contacts.c.email, contacts.c.phone)), said)


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    c = conversations.c
    given = [column == value for column, value in (
        (c.status, wanted.status), (c.holder, wanted.holder), (c.inbox_id, wanted.inbox_id),
        (c.contact_id, wanted.contact_id), (c.agent_id, wanted.agent_id), (c.team_id, wanted.team_id),
        (c.priority, wanted.priority)) if value is not None]
    if wanted.status in ("open", "snoozed"):
        given.append(c.holder.in_(("queue", "agent")))  # (there is an index by holder)
    elif wanted.status in ("pending", "resolved"):
        given.append(c.holder == ("bot" if wanted.status == "pending" else "none"))
    if wanted.unassigned:
        given += [c.holder == "queue", c.status == "open", c.team_id.is_(None)]
    if wanted.tag_id is not None:
        tagged = conversation_tags.c
        given.append(select(tagged.tag_id).where(
            tagged.conversation_id == c.id, tagged.tag_id == wanted.tag_id).exists())
    if wanted.mentioned_id:
        given.append(c.id.in_(select(mentions.c.conversation_id).where(
            mentions.c.agent_id == wanted.mentioned_id, mentions.c.read_at.is_(None))))
    if wanted.text:
        given.append(_text(wanted.text))
    if wanted.scope.limited:
        given.append(scopes.seen(wanted.scope))
    return given


def _order(sort: Sort) -> list[tuple[ColumnElement[Any], bool]]:
    """The keys of an order, and whether each falls."""
    c = conversations.c
    waits: list[tuple[ColumnElement[Any], bool]] = [
        (func.coalesce(c.waiting_since, NEVER), False), (c.id, False)]
    if sort == "waiting":
        return waits
    return [(c.priority, True), *waits] if sort == "priority" else [(c.updated_at, True), (c.id, True)]


def position(row: ConversationRow, sort: Sort) -> tuple[int, ...]:
    """Where a row stands in an order: what ``before`` of the next page is."""
    c = row.conversation
    if sort == "updated":
        return c.updated_at, c.id
    waits = (NEVER if c.waiting_since is None else c.waiting_since, c.id)
    return waits if sort == "waiting" else (row.more.priority, *waits)


def _behind(keys: Sequence[tuple[ColumnElement[Any], bool]], before: Sequence[int]) -> ColumnElement[bool]:
    """Rows that come after this position."""
    parts: list[ColumnElement[bool]] = []
    for number, ((column, falls), value) in enumerate(zip(keys, before, strict=True)):
        same = [other == known for (other, _), known in zip(keys[:number], before, strict=False)]
        parts.append(and_(*same, column < value if falls else column > value))
    # (PostgreSQL takes a range of an index from the first part alone)
    (first, falls), value = keys[0], before[0]
    return and_(first <= value if falls else first >= value, or_(*parts))


def conversation_page(conn: Connection, wanted: Filter, before: Sequence[int] | None, limit: int, *,
                      sort: Sort = "updated", me: int = 0) -> list[ConversationRow]:
    """Conversations in an order; ``before``: the :func:`position` of the last one shown; ``me``: the agent
    who asks.

    First which ones, then what a list shows of them: joined to all of a hundred thousand before they are put
    in order, the names cost more than the order (decision 0008)."""
    keys = _order(sort)
    order = [column.desc() if falls else column for column, falls in keys]
    which = select(conversations.c.id).where(*_conditions(wanted)).order_by(*order).limit(limit)
    if wanted.text:
        which = which.join(contacts, contacts.c.id == conversations.c.contact_id)
    if before is not None:
        which = which.where(_behind(keys, before))
    ids = list(conn.execute(which).scalars())
    query = _select().where(conversations.c.id.in_(ids)).order_by(*order)
    return _with_more(conn, [_row(row) for row in conn.execute(query)], me) if ids else []


def rows_where(conn: Connection, where: ColumnElement[bool], limit: int) -> list[ConversationRow]:
    """Conversations under a condition, who has waited longest first."""
    query = _select().where(where).limit(limit).order_by(*(column for column, _ in _order("waiting")))
    return _with_more(conn, [_row(row) for row in conn.execute(query)], 0)


def conversation(conn: Connection, conversation_id: int, me: int = 0) -> ConversationRow | None:
    """One conversation with its names."""
    row = conn.execute(_select().where(conversations.c.id == conversation_id)).one_or_none()
    return None if row is None else _with_more(conn, [_row(row)], me)[0]


def _with_more(conn: Connection, rows: list[ConversationRow], me: int) -> list[ConversationRow]:
    """The tags of a page, which of it mentions me, and what is new to me: three statements for all of it."""
    if not rows:
        return rows
    ids = [row.conversation.id for row in rows]
    tagged = tags.of_conversations(conn, ids)
    named: set[int] = set()
    news: dict[int, agent_reads.Unread] = {}
    if me:
        news = agent_reads.of(conn, me, ids)
        named = set(conn.execute(select(mentions.c.conversation_id).where(
            mentions.c.agent_id == me, mentions.c.read_at.is_(None),
            mentions.c.conversation_id.in_(ids))).scalars())
    found = []
    for row in rows:
        number = row.conversation.id
        read_seq, unread = news.get(number, (row.conversation.read_by_agent_seq, 0))
        found.append(row._replace(more=row.more._replace(
            tags=tagged.get(number, ()), mentioned=number in named, read_seq=read_seq, unread=unread)))
    return found


def counts(conn: Connection, me: int, scope: Scope = EVERYTHING) -> Counts:
    """See :class:`Counts`: one pass over what is not resolved, by the index of holders."""
    c, m = conversations.c, mentions.alias("named").c  # (what a scope allows asks for mentions, too)

    def number(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((and_(*conditions), 1), else_=0))

    awake, waits = c.status == "open", and_(c.holder == "queue", c.status == "open")
    named = select(func.count(distinct(m.conversation_id))).where(m.agent_id == me, m.read_at.is_(None))
    if scope.limited:
        named = named.join(conversations, c.id == m.conversation_id).where(scopes.seen(scope)).correlate(None)
    query = select(
        c.team_id, number(awake, c.holder == "agent", c.agent_id == me), number(waits),
        number(waits, c.team_id.is_(None)), number(c.status == "snoozed"), number(c.holder == "bot"),
        number(awake), named.scalar_subquery(),
    ).where(c.holder.in_(("bot", "queue", "agent"))).group_by(c.team_id)
    if scope.limited:
        query = query.where(scopes.seen(scope))
    found = Counts()
    rows = conn.execute(query).all()
    for row in rows:
        team_id, mine, waiting, unassigned, snoozed, bot, all_open, mentioned = row
        found.mine += int(mine)
        found.waiting += int(waiting)
        found.unassigned += int(unassigned)
        found.snoozed += int(snoozed)
        found.bot += int(bot)
        found.all_open += int(all_open)
        found.mentioned = int(mentioned)
        if team_id and all_open:
            found.by_team[str(team_id)] = int(all_open)
    if not rows:
        found.mentioned = int(conn.execute(named).scalar_one())
    return found


def held_by(conn: Connection, agent_id: int, after_id: int, limit: int) -> list[int]:
    """Ids of what an agent holds, snoozed or not, in order, above ``after_id``."""
    stmt = select(conversations.c.id).where(
        conversations.c.holder == "agent", conversations.c.agent_id == agent_id,
        conversations.c.id > after_id).order_by(conversations.c.id).limit(limit)
    return list(conn.execute(stmt).scalars())
