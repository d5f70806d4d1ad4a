"""Whom the desk tells of what, and what is still to be told. Agents' own browsers are targets, too; which of
them there are, and what each may hear, says :mod:`zhike.store.push`.

A notice becomes one row per target, known by its key, and one job per target (``notify.send``) tells all
that waits there in one message: group robots take twenty a minute, and nobody reads more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from zhike.domain.notice import Notice, Target, TargetBody, wants
from zhike.errors import ZhikeError
from zhike.store import jobs
from zhike.store.checks import MAX_NAME_CHARS, MAX_URL_CHARS, Fault, check_text, refuse
from zhike.store.dialect import next_ids, upsert
from zhike.store.tables import contacts, conversations, notices, notify_targets, push_subscriptions

SEND = "notify.send"
MAX_TARGETS = 50
MAX_DUE = 200
"""Notices that wait for one target; what comes beyond is counted as expired, not kept."""
MAX_ADDRESSES = 20
EXPIRES_MS = 3_600_000
"""An hour later a waiting visitor is no news any more."""
PACE_MS = 3_000
"""Between two messages to one target: WeCom's and DingTalk's robots take twenty a minute."""
MAX_WAITING = 200
"""Waiting visitors that one look finds, those who wait longest first."""

_encode = msgspec.json.Encoder().encode
_body = msgspec.json.Decoder(TargetBody).decode
_notice = msgspec.json.Decoder(Notice).decode
_COLUMNS = tuple(column.name for column in notify_targets.c)
_SHARED = notify_targets.c.kind != "push"
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9._%+'=~^&*/!#$?{|}-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
"""What is taken for a mail address: one @, a host name, ASCII, nothing that ends a header."""


class Due(NamedTuple):
    """What a target is to be told now, the oldest first."""

    target: Target
    notices: list[Notice]


class Waiting(NamedTuple):
    """A visitor who waits for a person, and since when (ms)."""

    conversation: int
    inbox_id: int
    team_id: int
    since: int
    who: str


class Told(NamedTuple):
    """``new``: rows that are new. ``expired``: of these, what found no room, by the target's kind."""

    new: int
    expired: Counter[str]


def key_of(target_id: int) -> str:
    """The key of a target's job."""
    return f"notify:{target_id}"


# ---- targets ---------------------------------------------------------------------------------------


def addresses(text: str) -> list[str]:
    """The mail addresses of a target."""
    return [one.strip() for one in text.split(",") if one.strip()]


def check(target: Target) -> Iterator[Fault]:
    yield from check_text("name", target.name, MAX_NAME_CHARS)
    body = target.body
    if target.kind == "email":
        found = addresses(body.address)
        if not 1 <= len(found) <= MAX_ADDRESSES or not all(map(MAIL_ADDRESS.fullmatch, found)):
            yield Fault("address", f"需要邮箱地址，用逗号隔开，最多 {MAX_ADDRESSES} 个",
                        f"needs mail addresses with commas between, {MAX_ADDRESSES} at most")
    else:
        yield from _check_url(body.address)
    yield from check_text("secret", body.secret, 200, empty=True)
    if target.kind == "webhook" and len(body.secret) < 16:
        yield Fault("secret", "需要至少 16 个字符，用来给请求签名",
                    "needs at least 16 characters; requests are signed with it")
    if not body.wants:
        yield Fault("wants", "至少选一项", "needs at least one")


def _check_url(url: str) -> Iterator[Fault]:
    """Its form; which addresses it may reach is decided when something is sent there."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url or len(url) > MAX_URL_CHARS:
        yield Fault("address", "需要 https://… 这样的网址（ASCII 字符）",
                    "needs a URL such as https://…, in ASCII")
    elif parts.username is not None or parts.password is not None or parts.fragment:
        yield Fault("address", "网址里不能有用户名、密码或 #", "must not hold a user, a password or a #")


def read(row: Row[Any]) -> Target:
    """The target in a row that holds these columns."""
    fields = {name: row._mapping[name] for name in _COLUMNS}
    return Target(**{**fields, "body": _body(fields["body"]), "enabled": bool(fields["enabled"])})


def create(conn: Connection, target: Target, now: int) -> Target:
    """Stores a new target; ``target.id`` is not looked at.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``conflict`` if there are too many.
    """
    refuse(check(target))
    count = conn.execute(select(func.count()).select_from(notify_targets).where(_SHARED)).scalar_one()
    if count >= MAX_TARGETS:
        raise ZhikeError("conflict", f"{MAX_TARGETS} at most")
    return store(conn, target, now)


def store(conn: Connection, target: Target, now: int) -> Target:
    """Stores a new target that was checked, with an id of its own."""
    made = msgspec.structs.replace(target, id=next_ids(conn, "notify_target", 1)[0], created_at=now,
                                   updated_at=now)
    conn.execute(insert(notify_targets).values({
        **{name: getattr(made, name) for name in made.__struct_fields__},
        "body": _encode(made.body).decode()}))
    return made


def change(conn: Connection, target: Target, now: int) -> Target:
    """Stores name, body and ``enabled`` of the target with ``target.id``. Earlier failures are forgotten:
    what was mended is tried at once.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``not_found``.
    """
    refuse(check(target))
    done = conn.execute(update(notify_targets).where(notify_targets.c.id == target.id).values(
        name=target.name, enabled=target.enabled, body=_encode(target.body).decode(), failures=0, next_at=0,
        last_error="", updated_at=now))
    if not done.rowcount:
        raise ZhikeError("not_found", f"notify target {target.id}")
    if _count_due(conn, target.id):
        jobs.schedule(conn, SEND, key_of(target.id), now, now)
    changed = get(conn, target.id)
    assert changed is not None
    return changed


def get(conn: Connection, target_id: int) -> Target | None:
    """One target, or None."""
    row = conn.execute(select(notify_targets).where(notify_targets.c.id == target_id)).first()
    return None if row is None else read(row)


def listed(conn: Connection, *, after_id: int = 0, limit: int = MAX_TARGETS) -> list[Target]:
    """A page of the desk's own in the order of ids, from the id after ``after_id``; no browsers."""
    rows = conn.execute(select(notify_targets).where(notify_targets.c.id > after_id, _SHARED)
                        .order_by(notify_targets.c.id).limit(limit))
    return [read(row) for row in rows]


def remove(conn: Connection, target_id: int) -> bool:
    """Removes a target and what waits for it; False if there is none."""
    conn.execute(delete(push_subscriptions).where(push_subscriptions.c.target_id == target_id))
    conn.execute(delete(notices).where(notices.c.target_id == target_id))
    jobs.cancel(conn, key_of(target_id))
    return conn.execute(delete(notify_targets).where(notify_targets.c.id == target_id)).rowcount > 0


# ---- telling ---------------------------------------------------------------------------------------


def tell(conn: Connection, told: Iterable[Notice], now: int,
         targets: Sequence[Target] | None = None) -> Told:
    """Has these told to every target that wants them and was not told yet.

    Args:
        targets: only to these (default: all).
    """
    told = list(told)
    new, expired = 0, Counter[str]()
    wanted = None if targets is None else {one.id for one in targets}
    for target in listed(conn):  # read anew: what was given may have been told, changed or removed since
        if wanted is not None and target.id not in wanted:
            continue
        mine = {one.key: one for one in told if one.kind == "test" or wants(target, one)}
        if not mine:
            continue
        done = queue(conn, target, mine, now)
        new += done.new
        expired += done.expired
    return Told(new, expired)


def queue(conn: Connection, target: Target, mine: Mapping[str, Notice], now: int) -> Told:
    """Has one target told of what it was not told yet; ``mine``: by key."""
    known = set(conn.execute(select(notices.c.key).where(
        notices.c.target_id == target.id, notices.c.key.in_(list(mine)))).scalars())
    fresh = [one for key, one in mine.items() if key not in known]
    if not fresh:
        return Told(0, Counter())
    room = max(MAX_DUE - _count_due(conn, target.id), 0)
    upsert(conn, notices, [
        {"target_id": target.id, "key": one.key, "body": _encode(one).decode(), "created_at": now,
         "state": "due" if place < room else "expired"}
        for place, one in enumerate(fresh)], ["target_id", "key"], [])
    jobs.schedule(conn, SEND, key_of(target.id), max(now, target.next_at), now)
    return Told(len(fresh), Counter({target.kind: len(fresh) - room} if len(fresh) > room else {}))


def _count_due(conn: Connection, target_id: int) -> int:
    return int(conn.execute(select(func.count()).select_from(notices).where(
        notices.c.target_id == target_id, notices.c.state == "due")).scalar_one())


def due(conn: Connection, target_id: int) -> Due | None:
    """What a target is to be told; None if there is no such target."""
    target = get(conn, target_id)
    if target is None:
        return None
    rows = conn.execute(select(notices.c.body).where(
        notices.c.target_id == target_id, notices.c.state == "due")
        .order_by(notices.c.created_at, notices.c.key).limit(MAX_DUE))
    return Due(target, [_notice(row.body) for row in rows])


def sent(conn: Connection, found: Due, now: int) -> None:
    """They were told; what came meanwhile goes out after the pace."""
    _mark(conn, found, "sent")
    _next(conn, found.target.id, now + PACE_MS, now, failures=0, last_error="", last_sent_at=now)


def failed(conn: Connection, found: Due, error: str, retry_at: int, now: int) -> int:
    """They were not told: again at ``retry_at``. Returns how many are too old by now and are given up."""
    old = [one for one in found.notices if now - one.at >= EXPIRES_MS]
    _mark(conn, found._replace(notices=old), "expired")
    _next(conn, found.target.id, retry_at, now, failures=found.target.failures + 1, last_error=error[:500])
    return len(old)


def drop(conn: Connection, found: Due) -> None:
    """Nobody wants them any more (the target was switched off)."""
    _mark(conn, found, "expired")


def _mark(conn: Connection, found: Due, state: str) -> None:
    if keys := [one.key for one in found.notices]:
        conn.execute(update(notices).where(notices.c.target_id == found.target.id,
                                           notices.c.key.in_(keys)).values(state=state))


def _next(conn: Connection, target_id: int, at: int, now: int, **values: object) -> None:
    conn.execute(update(notify_targets).where(notify_targets.c.id == target_id).values(next_at=at, **values))
    if _count_due(conn, target_id):
        jobs.schedule(conn, SEND, key_of(target_id), at, now)


def expired_counts(conn: Connection, target_ids: Sequence[int]) -> dict[int, int]:
    """What these were not told in the time that is kept: too much at once, or too old when it could be."""
    rows = conn.execute(select(notices.c.target_id, func.count()).where(
        notices.c.target_id.in_(target_ids), notices.c.state == "expired").group_by(notices.c.target_id))
    return {int(target_id): int(count) for target_id, count in rows}


def prune(conn: Connection, before: int) -> int:
    """Forgets what was told, or given up, before this time (ms)."""
    return int(conn.execute(delete(notices).where(
        notices.c.created_at < before, notices.c.state != "due")).rowcount)


def waiting(conn: Connection, before: int) -> list[Waiting]:
    """Visitors in the queue who have waited since before this time (ms), the longest first."""
    c = conversations.c
    rows = conn.execute(
        select(c.id, c.inbox_id, c.team_id, c.waiting_since, contacts.c.name)
        .join(contacts, contacts.c.id == c.contact_id)
        .where(c.holder == "queue", c.waiting_since <= before).order_by(c.waiting_since).limit(MAX_WAITING))
    return [Waiting(row.id, row.inbox_id, row.team_id or 0, row.waiting_since, row.name) for row in rows]


def name_of(conn: Connection, conversation_id: int) -> str:
    """The name of a conversation's contact, or ""."""
    found = conn.execute(
        select(contacts.c.name).join(conversations, conversations.c.contact_id == contacts.c.id)
        .where(conversations.c.id == conversation_id)).scalar()
    return found or ""
