"""Quality: conversations are sampled, and a supervisor scores how they were led."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, select

from zhike.domain.agent import EVERYTHING, Scope
from zhike.errors import ZhikeError
from zhike.store import listing, scopes
from zhike.store.dialect import upsert
from zhike.store.schema import get_meta, set_meta
from zhike.store.tables import agents, contacts, conversations, messages, reviews

_META = "quality.criteria"
MOST_CRITERIA = 12
MOST_SAMPLED = 50
_POOL = 2_000
"""The newest conversations of the days asked for, of which a sample is drawn."""

_SPOKEN = (messages.c.sender_type == "agent", messages.c.direction == "outgoing")


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is scored from 1 (poor) to 5 (as it should be). ``weight``: its share in the mean."""

    key: str
    zh: str
    en: str
    weight: float = 1.0


DEFAULTS = (
    Criterion("solved", "问题解决", "Problem solved", 2.0),
    Criterion("correct", "回答准确", "Answers correct", 2.0),
    Criterion("tone", "服务态度", "Tone"),
    Criterion("process", "流程规范", "Procedure followed"),
)


class Review(NamedTuple):
    """One supervisor's view of one conversation. Times are ms since 1970 UTC."""

    conversation_id: int
    reviewer_id: int
    agent_id: int
    scores: dict[str, int]
    comment: str
    created_at: int
    updated_at: int
    reviewer_name: str
    agent_name: str
    contact_name: str


class Standing(NamedTuple):
    """An agent's scores: of how many conversations, the mean of each criterion, and all by weight (1 … 5)."""

    agent_id: int
    agent_name: str
    reviews_count: int
    means: dict[str, float]
    mean: float


def criteria(conn: Connection) -> tuple[Criterion, ...]:
    """What is scored; :data:`DEFAULTS` until somebody changes it."""
    kept = get_meta(conn, _META)
    return msgspec.json.decode(kept, type=tuple[Criterion, ...]) if kept else DEFAULTS


def set_criteria(conn: Connection, wanted: Sequence[Criterion]) -> tuple[Criterion, ...]:
    """Scores given by other criteria stay, and count no more where a criterion is gone.

    Raises:
        ZhikeError: ``invalid_field``.
    """
    keys = [one.key for one in wanted]
    if len(set(keys)) != len(keys):
        raise ZhikeError("invalid_field", "Two criteria have one key. / 两个评分项的 key 相同。",
                         field="criteria")
    set_meta(conn, _META, msgspec.json.encode(list(wanted)).decode())
    return tuple(wanted)


def sample(conn: Connection, since: int, count: int, seed: int, *, agent_id: int | None = None,
           scope: Scope = EVERYTHING) -> list[listing.ConversationRow]:
    """Resolved conversations that people led, not reviewed yet, drawn at random: the same ``seed`` draws the
    same. ``since`` (ms): resolved since then."""
    c = conversations.c
    led = select(messages.c.seq).where(messages.c.conversation_id == c.id, *_SPOKEN)
    if agent_id is not None:
        led = led.where(messages.c.sender_id == agent_id)
    wanted = and_(c.resolved_at >= since, scopes.seen(scope), led.exists(),
                  ~select(reviews.c.agent_id).where(reviews.c.conversation_id == c.id).exists())
    pool = list(conn.execute(select(c.id).where(wanted).order_by(c.id.desc()).limit(_POOL)).scalars())
    drawn = random.Random(seed).sample(pool, min(count, len(pool)))
    return listing.rows_where(conn, c.id.in_(drawn), len(drawn)) if drawn else []


def led_by(conn: Connection, conversation_id: int) -> int | None:
    """Whose was the last word that an agent said to the visitor."""
    return conn.execute(select(messages.c.sender_id).where(
        messages.c.conversation_id == conversation_id, *_SPOKEN)
        .order_by(messages.c.seq.desc()).limit(1)).scalar()


def put(conn: Connection, conversation_id: int, reviewer_id: int, scores: Mapping[str, int], comment: str,
        now: int) -> Review:
    """Writes or rewrites one's own review.

    Raises:
        ZhikeError: ``invalid_field`` if a criterion is unknown or missing, or nobody led the conversation.
    """
    known = [one.key for one in criteria(conn)]
    for key in [*scores, *known]:
        if key not in known or key not in scores:
            raise ZhikeError("invalid_field", f"scores.{key}: {'unknown' if key not in known else 'missing'}",
                             field=f"scores.{key}")
    agent_id = led_by(conn, conversation_id)
    if agent_id is None:
        raise ZhikeError("invalid_field", "No person led this conversation. / 这个会话没有客服接待过。",
                         field="conversation")
    upsert(conn, reviews, [{
        "conversation_id": conversation_id, "reviewer_id": reviewer_id, "agent_id": agent_id,
        "scores": msgspec.json.encode(dict(scores)).decode(), "comment": comment, "created_at": now,
        "updated_at": now}],
        ["conversation_id", "reviewer_id"], ["agent_id", "scores", "comment", "updated_at"])
    return next(one for one in of_conversation(conn, conversation_id) if one.reviewer_id == reviewer_id)


def of_conversation(conn: Connection, conversation_id: int) -> list[Review]:
    """Every review of a conversation."""
    return _read(conn, reviews.c.conversation_id == conversation_id, 1_000)


def page(conn: Connection, before: Sequence[int] | None, limit: int, agent_id: int | None = None,
         scope: Scope = EVERYTHING) -> list[Review]:
    """Reviews, newest first; ``before``: created_at, conversation and reviewer of the last one shown."""
    r = reviews.c
    where = [scopes.seen(scope)]
    if agent_id is not None:
        where.append(r.agent_id == agent_id)
    if before is not None:
        at, conversation_id, reviewer_id = before
        where.append((r.created_at < at) | ((r.created_at == at) & (
            (r.conversation_id < conversation_id)
            | ((r.conversation_id == conversation_id) & (r.reviewer_id < reviewer_id)))))
    return _read(conn, and_(*where), limit)


def _read(conn: Connection, where: ColumnElement[bool], limit: int) -> list[Review]:
    r = reviews.c
    who, whose = agents.alias("who"), agents.alias("whose")
    query = (select(r.conversation_id, r.reviewer_id, r.agent_id, r.scores, r.comment, r.created_at,
                    r.updated_at, who.c.name.label("reviewer"), whose.c.name.label("agent"),
                    contacts.c.name.label("contact"))
             .join(conversations, conversations.c.id == r.conversation_id)
             .join(contacts, contacts.c.id == conversations.c.contact_id)
             .join(who, who.c.id == r.reviewer_id).join(whose, whose.c.id == r.agent_id)
             .where(where)
             .order_by(r.created_at.desc(), r.conversation_id.desc(), r.reviewer_id.desc()).limit(limit))
    return [Review(row[0], row[1], row[2], msgspec.json.decode(row[3]), row[4], row[5], row[6], row.reviewer,
                   row.agent, row.contact) for row in conn.execute(query)]


def standings(conn: Connection, since: int, scope: Scope = EVERYTHING) -> list[Standing]:
    """Every agent who was reviewed since ``since`` (ms), by id."""
    r = reviews.c
    rows = conn.execute(select(r.agent_id, agents.c.name, r.scores)
                        .join(agents, agents.c.id == r.agent_id)
                        .join(conversations, conversations.c.id == r.conversation_id)
                        .where(r.created_at >= since, scopes.seen(scope)).order_by(r.agent_id))
    known = criteria(conn)
    found: dict[int, tuple[str, list[dict[str, int]]]] = {}
    for agent_id, name, scores in rows:
        found.setdefault(agent_id, (name, []))[1].append(msgspec.json.decode(scores))
    standings = []
    for agent_id, (name, given) in found.items():
        means = {one.key: _mean([scores[one.key] for scores in given if one.key in scores]) for one in known}
        scored = [one for one in known if means[one.key]]
        weight = sum(one.weight for one in scored)
        whole = sum(means[one.key] * one.weight for one in scored) / weight if weight else 0.0
        standings.append(Standing(agent_id, name, len(given), means, whole))
    return standings


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values) if values else 0.0

