"""Browsers of agents that are told by Web Push, and what each of them may hear.

A browser is a target of kind ``push`` (:mod:`zhike.store.notify`: its queue, its pace, its failures) and a
row that says whose it is and which sign-in it came with. With the sign-in it ends: who signs out, changes the
password, is switched off or does not come back for two weeks is told nothing more, whoever wrote that down.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection, Select, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from zhike.domain.agent import RANK, Role, Scope, scope_of
from zhike.domain.notice import DEFAULT_AFTER_S, Notice, Target, TargetBody
from zhike.errors import Lang, ZhikeError
from zhike.store import notify, presence, scopes
from zhike.store.checks import MAX_NAME_CHARS, MAX_URL_CHARS, Fault, refuse
from zhike.store.dialect import upsert
from zhike.store.schema import get_meta
from zhike.store.tables import (
    agents,
    conversations,
    meta,
    notify_targets,
    push_subscriptions,
    sessions,
    team_members,
)

MAX_DEVICES = 10
"""Browsers of one agent: a desk, a telephone, and some that were forgotten."""
AFTER_MS = DEFAULT_AFTER_S * 1000
"""How long a visitor has been waiting when agents are told."""
KEY_ROW = "push_key"
_TROUBLE = ("trouble", "trouble_over")
_p = push_subscriptions.c


class Device(NamedTuple):
    """A browser that may be told now, and who sits there. ``scope``: what that person sees; ``here``:
    somebody sits at a page of the console, wherever, and sees it all there."""

    target: Target
    agent_id: int
    role: Role
    scope: Scope
    resting: bool
    here: bool

    def hears(self, notice: Notice) -> bool:
        """What one agent is to do is told to that agent; who waits, to all who may take them and did not say
        they are away; trouble to those who run the desk."""
        if notice.kind in _TROUBLE:
            return RANK[self.role] >= RANK["admin"]
        if self.here or self.role == "analyst":
            return False
        if notice.agent_id:
            return notice.agent_id == self.agent_id and self.scope.sees_inbox(notice.inbox_id)
        return not self.resting and self.scope.sees(notice.inbox_id, notice.team_id, None)


def digest(endpoint: str) -> bytes:
    """By which a browser is known: 16 bytes."""
    return hashlib.sha256(endpoint.encode()).digest()[:16]


# ---- the desk's own key --------------------------------------------------------------------------


def key(conn: Connection) -> str:
    """The private key that signs what is pushed (base64url); "" = none was made yet."""
    return get_meta(conn, KEY_ROW) or ""


def keep_key(conn: Connection, fresh: str) -> str:
    """Keeps ``fresh`` unless there is one; returns the one that counts: browsers hold on to it."""
    upsert(conn, meta, [{"name": KEY_ROW, "value": fresh}], ["name"], [])
    return key(conn)


# ---- one's own browsers --------------------------------------------------------------------------


def _check(endpoint: str) -> Iterator[Fault]:
    """Its form; which addresses it may reach is decided whenever something is sent there."""
    try:
        parts = urlsplit(endpoint)
        good = (parts.scheme == "https" and bool(parts.hostname) and parts.port != 0 and not parts.fragment
                and parts.username is None and parts.password is None)
    except ValueError:
        good = False
    if not good or not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint \
            or len(endpoint) > MAX_URL_CHARS:
        yield Fault("endpoint", "需要浏览器给出的 https:// 地址",
                    "needs the https:// address that the browser gave")


def put(conn: Connection, agent_id: int, session: bytes, endpoint: str, keys: str, name: str, lang: Lang,
        now: int) -> tuple[Target, bool]:
    """Stores a browser, or with its address known what has changed; the second of the answer: it is new.

    Args:
        session: digest of the cookie it came with.
        keys: the browser's public key and its secret, base64url, a dot between; checked.
        name: what the browser says of itself.

    Raises:
        FieldError: the address has not the form of one.
        ZhikeError: ``conflict`` if the agent has :data:`MAX_DEVICES` of them.
    """
    refuse(_check(endpoint))
    prune(conn, now, agent_id)
    known = conn.execute(select(_p.target_id, _p.agent_id).where(_p.endpoint == digest(endpoint))).first()
    if known is not None and known.agent_id != agent_id:
        notify.remove(conn, known.target_id)  # somebody else sits at this browser now
        known = None
    body = TargetBody(endpoint, keys, lang)
    name = "".join(filter(str.isprintable, name)).strip()[:MAX_NAME_CHARS] or "?"
    if known is not None and (old := notify.get(conn, known.target_id)) is not None:
        conn.execute(update(push_subscriptions).where(_p.target_id == old.id).values(session=session))
        if (old.body, old.name) != (body, name):
            old = notify.change(conn, msgspec.structs.replace(old, body=body, name=name), now)
        return old, False
    if len(conn.execute(select(_p.target_id).where(_p.agent_id == agent_id)).all()) >= MAX_DEVICES:
        raise ZhikeError("conflict", f"{MAX_DEVICES} at most")
    made = notify.store(conn, Target(0, name, "push", body), now)
    try:
        conn.execute(insert(push_subscriptions).values(target_id=made.id, agent_id=agent_id, session=session,
                                                       endpoint=digest(endpoint)))
    except IntegrityError as error:  # two pages of this browser at the same moment
        raise ZhikeError("conflict", "this browser was stored just now", field="endpoint") from error
    return made, True


def _living(now: int) -> Select[Any]:
    """Browsers whose sign-in counts, with target and agent."""
    return (select(notify_targets, _p.agent_id, _p.session, agents.c.role, agents.c.availability)
            .join(push_subscriptions, _p.target_id == notify_targets.c.id)
            .join(sessions, sessions.c.token_hash == _p.session)
            .join(agents, agents.c.id == _p.agent_id)
            .where(sessions.c.agent_id == _p.agent_id, sessions.c.expires_at > now,
                   agents.c.enabled.is_(True)))


def of_agent(conn: Connection, agent_id: int, now: int) -> list[tuple[Target, bytes]]:
    """An agent's browsers, each with the digest of its sign-in, the newest first."""
    rows = conn.execute(_living(now).where(_p.agent_id == agent_id).order_by(notify_targets.c.id.desc()))
    return [(notify.read(row), bytes(row.session)) for row in rows]


def remove(conn: Connection, agent_id: int, target_id: int) -> None:
    """Removes one of an agent's browsers.

    Raises:
        ZhikeError: ``not_found``.
    """
    mine = select(_p.target_id).where(_p.target_id == target_id, _p.agent_id == agent_id)
    if conn.execute(mine).first() is None:
        raise ZhikeError("not_found")
    notify.remove(conn, target_id)


def prune(conn: Connection, now: int, agent_id: int | None = None) -> int:
    """Removes browsers (of one agent) whose sign-in is over; returns how many."""
    stmt = select(_p.target_id).outerjoin(sessions, sessions.c.token_hash == _p.session).where(
        or_(sessions.c.token_hash.is_(None), sessions.c.expires_at <= now))
    if agent_id is not None:
        stmt = stmt.where(_p.agent_id == agent_id)
    gone = list(conn.execute(stmt).scalars())
    for target_id in gone:
        notify.remove(conn, target_id)
    return len(gone)


# ---- telling -------------------------------------------------------------------------------------


def wanted(conn: Connection, agent_ids: Sequence[int] = ()) -> bool:
    """True if there is any browser to tell (of one of these agents)."""
    stmt = select(_p.target_id).limit(1)
    if agent_ids:
        stmt = stmt.where(_p.agent_id.in_(agent_ids))
    return conn.execute(stmt).first() is not None


def devices(conn: Connection, now: int, target_id: int | None = None) -> list[Device]:
    """The browsers that may be told now (or this one), with what their people see."""
    stmt = _living(now) if target_id is None else _living(now).where(_p.target_id == target_id)
    rows = conn.execute(stmt).all()
    if not rows:
        return []
    kept = scopes.kept_to_inboxes(conn)
    teams: dict[int, list[int]] = {}
    for member in conn.execute(select(team_members).where(
            team_members.c.agent_id.in_({row.agent_id for row in rows}))):
        teams.setdefault(member.agent_id, []).append(member.team_id)
    seen = presence.read(conn, now)
    return [Device(notify.read(row), row.agent_id, row.role,
                   scope_of(row.role, row.agent_id, kept.get(row.agent_id, ()), teams.get(row.agent_id, ())),
                   row.availability == "away",
                   row.agent_id in seen and seen[row.agent_id].presence == "online") for row in rows]


def tell(conn: Connection, told: Iterable[Notice], now: int) -> notify.Told:
    """Has these told to every browser that may hear them and was not told yet."""
    told = list(told)
    new, expired = 0, Counter[str]()
    for device in devices(conn, now) if told else ():
        mine = {one.key: one for one in told if device.hears(one)}
        if mine:
            done = notify.queue(conn, device.target, mine, now)
            new += done.new
            expired += done.expired
    return notify.Told(new, expired)


def due(conn: Connection, found: notify.Due, now: int) -> list[Notice]:
    """Of what a browser is still to be told: what its agent may hear now, and what is still so. A visitor may
    have been taken, a right may have ended, the agent may have come back."""
    device = next(iter(devices(conn, now, found.target.id)), None)
    if device is None:
        return []
    about = [one.conversation for one in found.notices if one.conversation]
    seen = scopes.visible(conn, device.scope, about)
    c = conversations.c
    holders = {row.id: (row.holder, row.agent_id) for row in conn.execute(
        select(c.id, c.holder, c.agent_id).where(c.id.in_(about)))} if about else {}
    return [one for one in found.notices if device.hears(one)
            and (not one.conversation or (one.conversation in seen
                                          and _still(one, *holders.get(one.conversation, ("", None)))))]


def _still(notice: Notice, holder: str, agent_id: int | None) -> bool:
    if notice.kind in ("visitor_waiting", "visitor_late"):
        return holder == "queue"
    if notice.kind in ("assigned", "reply_late"):
        return holder == "agent" and agent_id == notice.agent_id
    return True
