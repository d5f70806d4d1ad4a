"""Proofs: what an anonymous contact has shown to be theirs, for a while."""

from __future__ import annotations

from hashlib import blake2b

from sqlalchemy import Connection, delete, select

from zhike.store.dialect import upsert
from zhike.store.tables import proofs as _proofs


def _key(subject: str) -> str:
    """What stands in the column. A digest where a subject is too long for it: two must never share one."""
    return subject if len(subject) <= 120 else blake2b(subject.encode(), digest_size=24).hexdigest()


def add_proof(conn: Connection, contact_id: int, subject: str, expires_at: int, now: int) -> None:
    """Remembers that the contact has proven ``subject``; what has expired of theirs goes."""
    conn.execute(delete(_proofs).where(_proofs.c.contact_id == contact_id, _proofs.c.expires_at <= now))
    upsert(conn, _proofs, [{"contact_id": contact_id, "subject": _key(subject), "expires_at": expires_at}],
           ["contact_id", "subject"], ["expires_at"])


def has_proof(conn: Connection, contact_id: int, subject: str, now: int) -> bool:
    """True if this contact has proven ``subject`` and the proof still holds."""
    found = conn.execute(select(_proofs.c.expires_at).where(
        _proofs.c.contact_id == contact_id, _proofs.c.subject == _key(subject))).scalar()
    return found is not None and int(found) > now


def purge_proofs(conn: Connection, now: int) -> int:
    """Removes what has expired; returns how many."""
    return conn.execute(delete(_proofs).where(_proofs.c.expires_at <= now)).rowcount
