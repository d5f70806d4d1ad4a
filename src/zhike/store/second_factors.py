"""Second factors: the secret, the last code that was used, and what is left of the recovery codes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, select, update

from zhike.store import dialect
from zhike.store.tables import second_factors


class SecondFactor(msgspec.Struct):
    """``on``: a code was entered once, so signing in asks for one. ``recovery``: digests that are left."""

    agent_id: int
    secret: str
    on: bool
    last_step: int
    recovery: list[str]


def get(conn: Connection, agent_id: int, *, lock: bool = False) -> SecondFactor | None:
    """An agent's second factor, switched on or only begun."""
    query = select(second_factors).where(second_factors.c.agent_id == agent_id)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    return SecondFactor(row.agent_id, row.secret, row.confirmed_at is not None, row.last_step,
                        msgspec.json.decode(row.recovery, type=list[str]))


def begin(conn: Connection, agent_id: int, secret: str) -> bool:
    """Keeps a secret that is not switched on yet, in place of an earlier such one. False if one is on."""
    known = get(conn, agent_id, lock=True)
    if known is not None and known.on:
        return False
    dialect.upsert(conn, second_factors, [{"agent_id": agent_id, "secret": secret, "confirmed_at": None,
                                           "last_step": 0, "recovery": "[]"}],
                   ["agent_id"], ["secret", "confirmed_at", "last_step", "recovery"])
    return True


def confirm(conn: Connection, agent_id: int, secret: str, step: int, recovery: Sequence[str],
            now: int) -> bool:
    """Switches it on: the code of ``step``, made from ``secret``, was entered. False if it is on already or
    another secret was begun meanwhile."""
    done = conn.execute(update(second_factors).where(
        second_factors.c.agent_id == agent_id, second_factors.c.secret == secret,
        second_factors.c.confirmed_at.is_(None)).values(
            confirmed_at=now, last_step=step, recovery=msgspec.json.encode(list(recovery)).decode()))
    return done.rowcount == 1


def use_step(conn: Connection, agent_id: int, step: int) -> bool:
    """Marks the code of ``step`` as used. False if it, or a later one, was used before: two requests with one
    code come to this row one after the other."""
    done = conn.execute(update(second_factors).where(
        second_factors.c.agent_id == agent_id, second_factors.c.confirmed_at.is_not(None),
        second_factors.c.last_step < step).values(last_step=step))
    return done.rowcount == 1


def use_recovery(conn: Connection, agent_id: int, digest: str) -> int | None:
    """Uses a recovery code up; how many are left, or None if there is no such code."""
    known = get(conn, agent_id, lock=True)
    if known is None or not known.on or digest not in known.recovery:
        return None
    left = [each for each in known.recovery if each != digest]
    conn.execute(update(second_factors).where(second_factors.c.agent_id == agent_id)
                 .values(recovery=msgspec.json.encode(left).decode()))
    return len(left)


def remove(conn: Connection, agent_id: int) -> bool:
    """Switches it off; True if it was on or begun."""
    return conn.execute(delete(second_factors).where(second_factors.c.agent_id == agent_id)).rowcount == 1
