"""Inboxes: the configured entries through which visitors come."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from zhike.domain.knowledge import Inbox
from zhike.errors import ZhikeError
from zhike.store import tables
from zhike.store.checkinbox import check_inbox
from zhike.store.checks import refuse
from zhike.store.dialect import next_ids

_inboxes = tables.inboxes
_encode = msgspec.json.Encoder(order="deterministic").encode


def _read(row: RowMapping) -> Inbox:
    return Inbox(**{**row, "settings": msgspec.json.decode(row["settings"])})


def _check(conn: Connection, inbox: Inbox) -> None:
    refuse(check_inbox(inbox))
    if inbox.bot_id is not None and conn.execute(
            select(tables.bots.c.id).where(tables.bots.c.id == inbox.bot_id)).scalar() is None:
        raise ZhikeError("invalid_field", f"bot {inbox.bot_id}", field="bot_id")
    team_id = inbox.settings.get("team_id")
    if team_id is not None and conn.execute(
            select(tables.teams.c.id).where(tables.teams.c.id == team_id)).scalar() is None:
        raise ZhikeError("invalid_field", f"team {team_id}", field="settings.team_id")


def create_inbox(conn: Connection, inbox: Inbox, now: int) -> Inbox:
    """Stores a new inbox and returns it with its id; ``inbox.id`` is not looked at.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``conflict`` if the key is taken, ``invalid_field`` if there is no such bot.
    """
    _check(conn, inbox)
    if get_inbox_by_key(conn, inbox.key) is not None:
        raise ZhikeError("conflict", f"inboxes.key = {inbox.key!r}", field="key")
    at = _edit_time(conn, now)
    new = msgspec.structs.replace(inbox, id=next_ids(conn, "inbox", 1)[0], created_at=now, updated_at=at)
    try:
        conn.execute(insert(_inboxes).values(
            id=new.id, key=new.key, name=new.name, channel=new.channel, bot_id=new.bot_id,
            settings=_encode(new.settings).decode(), created_at=now, updated_at=at))
    except IntegrityError as error:
        raise ZhikeError("conflict", f"inboxes.key = {inbox.key!r}", field="key") from error
    return new


def update_inbox(conn: Connection, inbox: Inbox, now: int) -> Inbox:
    """Stores the name, bot and settings of the inbox with ``inbox.id``; key and channel stay.

    The key stands in the widget snippet of somebody's shop, and conversations hang on the channel.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``not_found``; ``invalid_field`` if there is no such bot.
    """
    old = get_inbox(conn, inbox.id)
    if old is None:
        raise ZhikeError("not_found", f"inbox {inbox.id}")
    new = msgspec.structs.replace(old, name=inbox.name, bot_id=inbox.bot_id, settings=inbox.settings)
    _check(conn, new)
    if new == old:
        return old
    at = _edit_time(conn, now)
    conn.execute(update(_inboxes).where(_inboxes.c.id == inbox.id).values(
        name=new.name, bot_id=new.bot_id, settings=_encode(new.settings).decode(), updated_at=at))
    return msgspec.structs.replace(new, updated_at=at)


def _edit_time(conn: Connection, now: int) -> int:
    """``now``, or a moment after the newest edit: the running desks see by the newest ``updated_at`` that
    something was edited, even twice in a millisecond or by a machine whose clock is behind."""
    newest = conn.execute(select(func.max(_inboxes.c.updated_at))).scalar()
    return max(now, int(newest) + 1) if newest is not None else now


def get_inbox(conn: Connection, inbox_id: int) -> Inbox | None:
    """One inbox, or None."""
    row = conn.execute(select(_inboxes).where(_inboxes.c.id == inbox_id)).mappings().first()
    return None if row is None else _read(row)


def get_inbox_by_key(conn: Connection, key: str) -> Inbox | None:
    """One inbox by its public key, or None."""
    row = conn.execute(select(_inboxes).where(_inboxes.c.key == key)).mappings().first()
    return None if row is None else _read(row)


def list_inboxes(conn: Connection, *, after_id: int = 0, limit: int = 1000) -> list[Inbox]:
    """A page in the order of ids, from the id after ``after_id``."""
    rows = conn.execute(select(_inboxes).where(_inboxes.c.id > after_id)
                        .order_by(_inboxes.c.id).limit(limit))
    return [_read(row) for row in rows.mappings()]


def delete_inbox(conn: Connection, inbox_id: int) -> bool:
    """Removes an inbox nobody has written to; False if there is none.

    Raises:
        ZhikeError: ``conflict`` while it has contacts (history is never deleted on the side) or agents who
            are kept to it.
    """
    if conn.execute(select(tables.contacts.c.id).where(tables.contacts.c.inbox_id == inbox_id)
                    .limit(1)).scalar() is not None:
        raise ZhikeError("conflict", f"inbox {inbox_id} has contacts")
    if conn.execute(select(tables.agent_inboxes.c.agent_id).where(
            tables.agent_inboxes.c.inbox_id == inbox_id).limit(1)).scalar() is not None:
        # (without it some of them would be kept to no inbox, which means: may see all)
        raise ZhikeError("conflict", f"agents are kept to inbox {inbox_id}; change them first")
    return conn.execute(delete(_inboxes).where(_inboxes.c.id == inbox_id)).rowcount > 0
