"""What the API shows of each thing. Times are RFC 3339 UTC; nothing secret is ever part of a view."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

from zhike.clock import to_datetime
from zhike.domain.agent import Agent, Role
from zhike.domain.card import Card
from zhike.domain.conversation import Holder, Status
from zhike.domain.knowledge import Article, Bot, Contact, Inbox, Rule, RuleKind
from zhike.domain.message import Button
from zhike.domain.team import Availability, Presence, Team, TeamSettings
from zhike.domain.wire import TagView
from zhike.store.checks import SECRET_SETTINGS
from zhike.store.listing import ConversationRow
from zhike.store.people import Person

T = TypeVar("T")


class Page(Struct, Generic[T]):
    """A page of a list. ``next``: the cursor of the next page; null on the last."""

    items: list[T]
    next: str | None


class AgentView(Struct):
    """A person at the desk. ``availability``: what they say; ``presence``: what their pages say; ``load``:
    open conversations they hold, of ``capacity``. ``presence``, ``load`` and ``team_ids`` are null in
    ``GET /me``."""

    id: int
    email: str
    name: str
    role: Role
    enabled: bool
    lang: str
    created_at: datetime
    last_seen_at: datetime | None
    availability: Availability
    capacity: int
    skills: tuple[str, ...]
    languages: tuple[str, ...]
    presence: Presence | None
    load: int | None
    team_ids: tuple[int, ...] | None


def agent_view(agent: Agent, around: Person | None = None) -> AgentView:
    seen_at = around.seen.last_seen_at if around is not None else agent.last_seen_at
    return AgentView(
        agent.id,
        agent.email,
        agent.name,
        agent.role,
        agent.enabled,
        agent.lang,
        to_datetime(agent.created_at),
        to_datetime(seen_at) if seen_at else None,
        agent.availability,
        agent.capacity,
        agent.skills,
        agent.languages,
        around.seen.presence if around is not None else None,
        around.load if around is not None else None,
        around.team_ids if around is not None else None,
    )


class TeamView(Struct):
    """A group of agents with one queue."""

    id: int
    key: str
    name: str
    member_ids: tuple[int, ...]
    settings: TeamSettings
    created_at: datetime
    updated_at: datetime


def team_view(t: Team) -> TeamView:
    return TeamView(
        t.id, t.key, t.name, t.member_ids, t.settings, to_datetime(t.created_at), to_datetime(t.updated_at)
    )


class RatingView(Struct):
    """How it was, by the visitor: ``score`` 1 (bad) to 5 (good)."""

    score: int
    comment: str


class ConversationView(Struct):
    """A conversation with the names a list shows. ``epoch``: rises with every change of holder.
    ``waiting_since``: since when the visitor waits for a person's word. ``priority``: 0 none … 4 urgent.
    ``mentioned``: a note names me, and I have not read it. ``read_seq``: up to where I have read; ``unread``:
    what the visitor has said since, 200 at most (0 for programs). ``contact_blocked``: what the contact
    sends is refused."""

    id: int
    inbox_id: int
    contact_id: int
    contact_name: str
    status: Status
    holder: Holder
    epoch: int
    agent_id: int | None
    agent_name: str
    lang: str
    last_text: str
    last_seq: int
    last_incoming_seq: int
    answered_seq: int
    read_by_contact_seq: int
    read_by_agent_seq: int
    waiting_since: datetime | None
    created_at: datetime
    updated_at: datetime
    priority: int
    team_id: int | None
    team_name: str
    tags: list[TagView]
    snoozed_until: datetime | None
    wrap_up: str
    attributes: dict[str, Any]
    first_reply_at: datetime | None
    assigned_at: datetime | None
    resolved_at: datetime | None
    mentioned: bool
    read_seq: int
    unread: int
    contact_blocked: bool
    rating: RatingView | None


def moment(ms: int | None) -> datetime | None:
    return None if ms is None else to_datetime(ms)


def conversation_view(row: ConversationRow) -> ConversationView:
    c, contact_name, agent_name, more = row
    return ConversationView(
        c.id,
        c.inbox_id,
        c.contact_id,
        contact_name,
        c.status,
        c.holder,
        c.holder_epoch,
        c.agent_id,
        agent_name,
        c.lang,
        c.last_text,
        c.last_seq,
        c.last_incoming_seq,
        c.answered_seq,
        c.read_by_contact_seq,
        c.read_by_agent_seq,
        moment(c.waiting_since),
        to_datetime(c.created_at),
        to_datetime(c.updated_at),
        more.priority,
        more.team_id,
        more.team_name,
        list(more.tags),
        moment(more.snoozed_until),
        more.wrap_up,
        more.attributes,
        moment(more.first_reply_at),
        moment(more.assigned_at),
        moment(more.resolved_at),
        more.mentioned,
        more.read_seq,
        more.unread,
        more.contact_blocked,
        None if more.rating is None else RatingView(more.rating.score, more.rating.comment),
    )


class ContactView(Struct):
    """Who asks. ``external_id``: the shop's own id of a known customer, "" for a visitor. ``blocked``: what
    they send is refused. ``merged_into``: the contact that this one turned out to be."""

    id: int
    inbox_id: int
    external_id: str
    name: str
    email: str
    phone: str
    attributes: dict[str, Any]
    created_at: datetime
    last_seen_at: datetime
    blocked: bool
    merged_into: int | None


def contact_view(c: Contact) -> ContactView:
    return ContactView(
        c.id,
        c.inbox_id,
        c.sender[2:] if c.sender.startswith("c:") else "",
        c.name,
        c.email,
        c.phone,
        c.attributes,
        to_datetime(c.created_at),
        to_datetime(c.last_seen_at),
        c.blocked_at is not None,
        c.merged_into,
    )


class ArticleView(Struct):
    """One piece of knowledge."""

    id: int
    bot_id: int
    key: str
    lang: str
    question: str
    answer: str
    variants: tuple[str, ...]
    category: str
    buttons: tuple[Button, ...]
    cards: tuple[Card, ...]
    inboxes: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    source: str
    enabled: bool
    created_at: datetime
    updated_at: datetime


def article_view(a: Article) -> ArticleView:
    return ArticleView(
        a.id,
        a.bot_id,
        a.key,
        a.lang,
        a.question,
        a.answer,
        a.variants,
        a.category,
        a.buttons,
        a.cards,
        a.inboxes,
        None if a.valid_from is None else to_datetime(a.valid_from),
        None if a.valid_until is None else to_datetime(a.valid_until),
        a.source,
        a.enabled,
        to_datetime(a.created_at),
        to_datetime(a.updated_at),
    )


class RuleView(Struct):
    """A fixed reply."""

    id: int
    bot_id: int
    key: str
    kind: RuleKind
    match: tuple[str, ...]
    reply: str
    lang: str
    buttons: tuple[Button, ...]
    action: str
    opener: bool
    position: int
    enabled: bool
    created_at: datetime
    updated_at: datetime


def rule_view(r: Rule) -> RuleView:
    return RuleView(
        r.id,
        r.bot_id,
        r.key,
        r.kind,
        r.match,
        r.reply,
        r.lang,
        r.buttons,
        r.action,
        r.opener,
        r.position,
        r.enabled,
        to_datetime(r.created_at),
        to_datetime(r.updated_at),
    )


class BotView(Struct):
    """A bot. ``knowledge_version`` rises with every edit of its articles and rules."""

    id: int
    key: str
    name: str
    settings: dict[str, Any]
    knowledge_version: int
    created_at: datetime
    updated_at: datetime


def bot_view(b: Bot) -> BotView:
    return BotView(
        b.id,
        b.key,
        b.name,
        b.settings,
        b.knowledge_version,
        to_datetime(b.created_at),
        to_datetime(b.updated_at),
    )


class InboxView(Struct):
    """An inbox. ``snippet``: what to paste into the shop's pages. Secrets are never shown; the
    ``callback_url`` only to admins, because such addresses often hold a key themselves."""

    id: int
    key: str
    name: str
    channel: str
    bot_id: int | None
    settings: dict[str, Any]
    has_identity_secret: bool
    has_callback_secret: bool
    snippet: str
    created_at: datetime
    updated_at: datetime


def inbox_view(i: Inbox, public_url: str, *, to_admin: bool) -> InboxView:
    hidden = SECRET_SETTINGS if to_admin else (*SECRET_SETTINGS, "callback_url")
    settings = {name: value for name, value in i.settings.items() if name not in hidden}
    if not to_admin and isinstance(settings.get("reach"), dict):
        settings["reach"] = {name: value for name, value in settings["reach"].items() if name != "sms_url"}
    snippet = f'<script src="{public_url}/widget.js" data-inbox="{i.key}" async></script>'
    return InboxView(
        i.id,
        i.key,
        i.name,
        i.channel,
        i.bot_id,
        settings,
        bool(i.settings.get("identity_secret")),
        bool(i.settings.get("callback_secret")),
        snippet,
        to_datetime(i.created_at),
        to_datetime(i.updated_at),
    )
