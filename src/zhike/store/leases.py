"""Leases: one instance at a time does what only one may do."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from zhike.store.dialect import upsert
from zhike.store.tables import leases


def take(conn: Connection, name: str, owner: str, now: int, lease_ms: int) -> bool:
    """Takes or prolongs the lease ``name``; False while somebody else holds it.

    Whoever got it may act until ``now + lease_ms`` by its own clock; clocks of instances must not differ by
    more than the margin that the caller keeps.
    """
    upsert(conn, leases, [{"name": name, "owner": "", "lease_until": 0}], ["name"], [])
    taken = conn.execute(update(leases).where(
        leases.c.name == name, (leases.c.owner == owner) | (leases.c.lease_until <= now))
        .values(owner=owner, lease_until=now + lease_ms))
    return taken.rowcount > 0


def holder(conn: Connection, name: str, now: int) -> str:
    """Who holds it now, or ""."""
    row = conn.execute(select(leases).where(leases.c.name == name)).first()
    return row.owner if row is not None and row.lease_until > now else ""


def give_back(conn: Connection, name: str, owner: str) -> None:
    """Ends one's own lease, so that another instance need not wait for its end."""
    conn.execute(update(leases).where(leases.c.name == name, leases.c.owner == owner)
                 .values(owner="", lease_until=0))
