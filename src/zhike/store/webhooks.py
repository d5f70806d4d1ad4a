"""Webhooks: who is told of events, and what became of their rows of the outbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from zhike.domain.hook import EVENTS, PREFIX, VERSION, Webhook, WebhookBody
from zhike.errors import ZhikeError
from zhike.store import tables
from zhike.store.checks import MAX_NAME_CHARS, MAX_URL_CHARS, Fault, check_key, check_text, refuse
from zhike.store.dialect import next_ids
from zhike.store.outbox import MAX_ERROR_CHARS, Note, read_note
from zhike.store.tables import outbox, webhooks

MAX_WEBHOOKS = 20
"""Each is a row more for every event it wants."""
MAX_SHOWN = 10_000
"""Counting stops here: "more than" is enough to know."""
MAX_AGAIN = 1_000
"""Failed rows that are sent again by one press."""
MIN_SECRET_CHARS, MAX_SECRET_CHARS = 16, 200
OFF = "the webhook was switched off"
ROW_STATES: dict[str, tuple[str, ...]] = {
    "waiting": ("due",), "sending": ("sending",), "sent": ("sent",), "failed": ("failed", "unknown")}
"""What a delivery is called, and the states of the outbox that mean it."""

_encode = msgspec.json.Encoder().encode
_body = msgspec.json.Decoder(WebhookBody).decode


class Delivery(NamedTuple):
    """A row of a webhook. ``seq``: the number of its event; times in ms."""

    id: int
    conversation_id: int
    seq: int
    state: str
    attempts: int
    due_at: int
    created_at: int
    last_error: str
    note: Note


class Tally(NamedTuple):
    """How many rows wait and have failed (at most :data:`MAX_SHOWN`), and when the last one arrived (ms)."""

    waiting: int
    failed: int
    last_sent_at: int | None


def check_webhook(hook: Webhook) -> Iterator[Fault]:
    """A webhook's own fields."""
    yield from check_key(hook.key)
    yield from check_text("name", hook.name, MAX_NAME_CHARS)
    yield from _check_url(hook.body.url)
    if not hook.body.events:
        yield Fault("events", "至少选一个事件", "needs at least one event")
    if unknown := [event for event in hook.body.events if event not in EVENTS]:
        yield Fault("events", f"没有事件 {unknown[0]!r}", f"there is no event {unknown[0]!r}")
    if hook.body.version != VERSION:
        yield Fault("version", f"目前只有版本 {VERSION}", f"there is version {VERSION} only")
    if not MIN_SECRET_CHARS <= len(hook.body.secret) <= MAX_SECRET_CHARS:
        yield Fault("secret", f"需要 {MIN_SECRET_CHARS} 到 {MAX_SECRET_CHARS} 个字符",
                    f"needs {MIN_SECRET_CHARS} to {MAX_SECRET_CHARS} characters")


def _check_url(url: str) -> Iterator[Fault]:
    """Its form; which addresses it may reach is decided when something is sent there."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url or len(url) > MAX_URL_CHARS:
        yield Fault("url", "需要 https://… 这样的网址（ASCII 字符）",
                    "needs a URL such as https://…, in ASCII")
    elif parts.username is not None or parts.password is not None or parts.fragment:
        yield Fault("url", "网址里不能有用户名、密码或 #", "must not hold a user, a password or a #")


def _check_known(conn: Connection, hook: Webhook) -> Iterator[Fault]:
    for field, table, ids in (("inbox_ids", tables.inboxes, hook.body.inbox_ids),
                              ("team_ids", tables.teams, hook.body.team_ids)):
        known = set(conn.execute(select(table.c.id).where(table.c.id.in_(ids))).scalars()) if ids else set()
        if missing := [number for number in ids if number not in known]:
            yield Fault(field, f"没有编号 {missing[0]}", f"there is no {missing[0]}")


def _read(row: Row[Any]) -> Webhook:
    fields = row._mapping
    return Webhook(**{**fields, "body": _body(fields["body"]), "enabled": bool(fields["enabled"])})


def create(conn: Connection, hook: Webhook, now: int) -> Webhook:
    """Stores a new webhook; ``hook.id`` is not looked at.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``conflict`` if the key is taken or there are too many.
    """
    refuse(check_webhook(hook))
    refuse(_check_known(conn, hook))
    if by_key(conn, hook.key) is not None:
        raise ZhikeError("conflict", f"webhooks.key = {hook.key!r}", field="key")
    if conn.execute(select(func.count()).select_from(webhooks)).scalar_one() >= MAX_WEBHOOKS:
        raise ZhikeError("conflict", f"{MAX_WEBHOOKS} at most")
    made = msgspec.structs.replace(hook, id=next_ids(conn, "webhook", 1)[0], created_at=now,
                                   updated_at=_edit_time(conn, now))
    conn.execute(insert(webhooks).values({
        **{name: getattr(made, name) for name in made.__struct_fields__},
        "body": _encode(made.body).decode()}))
    return made


def _edit_time(conn: Connection, now: int) -> int:
    """As in :mod:`zhike.store.inboxes`: running desks see by the newest that something was edited."""
    newest = conn.execute(select(func.max(webhooks.c.updated_at))).scalar()
    return max(now, int(newest) + 1) if newest is not None else now


def change(conn: Connection, hook: Webhook, now: int) -> Webhook:
    """Stores name, body and ``enabled`` of the webhook with ``hook.id``; the key stays. Whoever switches it
    on begins afresh: it is no longer paused. What waits for one that is off has failed.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``not_found``.
    """
    old = get(conn, hook.id)
    if old is None:
        raise ZhikeError("not_found", f"webhook {hook.id}")
    refuse(check_webhook(hook))
    refuse(_check_known(conn, hook))
    fresh: dict[str, Any] = {"paused_at": None, "failing_since": None, "last_error": ""}
    conn.execute(update(webhooks).where(webhooks.c.id == hook.id).values(
        name=hook.name, enabled=hook.enabled, body=_encode(hook.body).decode(),
        updated_at=_edit_time(conn, now), **(fresh if hook.enabled and not old.active else {})))
    if not hook.enabled:
        _drop(conn, hook.channel, OFF)
    changed = get(conn, hook.id)
    assert changed is not None
    return changed


def get(conn: Connection, number: int) -> Webhook | None:
    """One webhook, or None."""
    row = conn.execute(select(webhooks).where(webhooks.c.id == number)).first()
    return None if row is None else _read(row)


def by_key(conn: Connection, key: str) -> Webhook | None:
    """One webhook by its key, or None."""
    row = conn.execute(select(webhooks).where(webhooks.c.key == key)).first()
    return None if row is None else _read(row)


def listed(conn: Connection, *, after_id: int = 0, limit: int = MAX_WEBHOOKS) -> list[Webhook]:
    """A page in the order of ids, from the id after ``after_id``."""
    rows = conn.execute(select(webhooks).where(webhooks.c.id > after_id)
                        .order_by(webhooks.c.id).limit(limit))
    return [_read(row) for row in rows]


def active(conn: Connection) -> list[Webhook]:
    """Those that are told of what happens now."""
    rows = conn.execute(select(webhooks).where(webhooks.c.enabled, webhooks.c.paused_at.is_(None))
                        .order_by(webhooks.c.id))
    return [_read(row) for row in rows]


def stamp(conn: Connection) -> tuple[Any, ...]:
    """Changes whenever a webhook does."""
    return tuple(conn.execute(select(func.count(), func.max(webhooks.c.updated_at))).one())


def remove(conn: Connection, number: int) -> bool:
    """Removes a webhook and its rows; False if there is none."""
    conn.execute(delete(outbox).where(outbox.c.channel == f"{PREFIX}{number}"))
    return conn.execute(delete(webhooks).where(webhooks.c.id == number)).rowcount > 0


# ---- how it goes -------------------------------------------------------------------------------------


def fails(conn: Connection, number: int, error: str, now: int) -> int:
    """An attempt failed; returns since when nothing has arrived (ms)."""
    conn.execute(update(webhooks).where(webhooks.c.id == number).values(
        failing_since=func.coalesce(webhooks.c.failing_since, now), last_error=error[:500]))
    since = conn.execute(select(webhooks.c.failing_since).where(webhooks.c.id == number)).scalar()
    return now if since is None else int(since)


def works(conn: Connection, number: int) -> None:
    """Something arrived."""
    conn.execute(update(webhooks).where(webhooks.c.id == number).values(failing_since=None, last_error=""))


def pause(conn: Connection, number: int, why: str, now: int) -> bool:
    """The desk gives up by itself: what waits has failed, and nothing new is written down. False: it was
    paused already, or is gone."""
    mine = (webhooks.c.id == number, webhooks.c.paused_at.is_(None))
    done = conn.execute(update(webhooks).where(*mine).values(
        paused_at=now, last_error=why[:500], updated_at=_edit_time(conn, now)))
    _drop(conn, f"{PREFIX}{number}", f"paused: {why}")
    return bool(done.rowcount)


def _drop(conn: Connection, channel: str, why: str) -> None:
    conn.execute(update(outbox).where(outbox.c.channel == channel, outbox.c.state == "due").values(
        state="failed", last_error=why[:MAX_ERROR_CHARS]))


def waiting(conn: Connection, number: int, most: int) -> int:
    """How many rows wait, counted up to ``most``."""
    return _count(conn, f"{PREFIX}{number}", ("due", "sending"), most)


def _count(conn: Connection, channel: str, states: Sequence[str], most: int) -> int:
    found = (select(outbox.c.id).where(outbox.c.channel == channel, outbox.c.state.in_(states))
             .limit(most).subquery())
    return int(conn.execute(select(func.count()).select_from(found)).scalar_one())


def tally(conn: Connection, number: int) -> Tally:
    """How its rows stand."""
    channel = f"{PREFIX}{number}"
    latest = deliveries(conn, number, "sent", limit=1)
    return Tally(_count(conn, channel, ("due", "sending"), MAX_SHOWN),
                 _count(conn, channel, ROW_STATES["failed"], MAX_SHOWN),
                 (latest[0].note.ended_at or latest[0].created_at) if latest else None)


_SHOWN = (outbox.c.id, outbox.c.conversation_id, outbox.c.seq, outbox.c.state, outbox.c.attempts,
          outbox.c.due_at, outbox.c.created_at, outbox.c.last_error, outbox.c.payload)


def deliveries(conn: Connection, number: int, state: str = "", *, before_id: int | None = None,
               limit: int = 50) -> list[Delivery]:
    """Its rows, the newest first. ``state``: a name of :data:`ROW_STATES`; "" all."""
    found: list[Delivery] = []
    for one in ROW_STATES[state] if state else [name for names in ROW_STATES.values() for name in names]:
        # one range of the index for each state, instead of sorting all that was ever sent
        stmt = select(*_SHOWN).where(outbox.c.channel == f"{PREFIX}{number}", outbox.c.state == one)
        if before_id is not None:
            stmt = stmt.where(outbox.c.id < before_id)
        found += [Delivery(*row[:-1], read_note(row.payload))
                  for row in conn.execute(stmt.order_by(outbox.c.id.desc()).limit(limit))]
    return sorted(found, key=lambda row: -row.id)[:limit]


def again(conn: Connection, number: int, ids: Sequence[int] | None, now: int) -> int:
    """Rows that failed are sent again, from the beginning; returns how many.

    Args:
        ids: only these, also such as have arrived; None: all that failed, the oldest :data:`MAX_AGAIN`.
    """
    states = ROW_STATES["failed"] if ids is None else (*ROW_STATES["failed"], "sent")
    stmt = (select(outbox.c.id, outbox.c.payload)
            .where(outbox.c.channel == f"{PREFIX}{number}", outbox.c.state.in_(states)))
    if ids is not None:
        stmt = stmt.where(outbox.c.id.in_(ids))
    done = 0
    for row in conn.execute(stmt.order_by(outbox.c.id).limit(MAX_AGAIN).with_for_update()).all():
        note = msgspec.structs.replace(read_note(row.payload), since=now, maybe=False, receipt="", ended_at=0)
        done += conn.execute(update(outbox).where(outbox.c.id == row.id, outbox.c.state.in_(states)).values(
            state="due", due_at=now, attempts=0, last_error="", payload=_encode(note).decode())).rowcount
    return done


def prune(conn: Connection, sent_before: int, failed_before: int) -> int:
    """Forgets rows that arrived, and such as failed, before these times (ms)."""
    mine = outbox.c.channel.like(f"{PREFIX}%")
    gone = 0
    for states, before in ((("sent",), sent_before), (ROW_STATES["failed"], failed_before)):
        gone += conn.execute(delete(outbox).where(mine, outbox.c.state.in_(states),
                                                  outbox.c.created_at < before)).rowcount
    return gone
