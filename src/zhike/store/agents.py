"""Agents: the people who sign in. And the one-time link that makes the first of them."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from zhike.domain.agent import Agent, Role
from zhike.domain.team import AgentSettings
from zhike.errors import ZhikeError
from zhike.store import dialect
from zhike.store.tables import agents, meta, second_factors, sessions

SETUP_ROW = "setup_link"


class SetupLink(msgspec.Struct):
    """The row of ``meta`` that stands for the link given out last."""

    digest: str
    expires_at: int
    recover: bool


SETTINGS = AgentSettings.__struct_fields__
"""What stands in the column ``settings``, and is changed like a column of its own."""


def settings_of(row: Any) -> AgentSettings:
    """What routing knows of the agent in this row."""
    return msgspec.json.decode(row.settings, type=AgentSettings) if row.settings else AgentSettings()


def _agent(row: Row[Any]) -> Agent:
    own = settings_of(row)
    return Agent(id=row.id, email=row.email, name=row.name, role=row.role,
                 password_hash=row.password_hash, enabled=bool(row.enabled),
                 created_at=row.created_at, last_seen_at=row.last_seen_at, lang=row.lang,
                 availability=row.availability, capacity=own.capacity, skills=own.skills,
                 languages=own.languages)


def normal_email(email: str) -> str:
    """The form in which an address is stored and looked up."""
    return email.strip().lower()


def get(conn: Connection, agent_id: int) -> Agent | None:
    """The agent with this id."""
    row = conn.execute(select(agents).where(agents.c.id == agent_id)).one_or_none()
    return None if row is None else _agent(row)


def by_email(conn: Connection, email: str) -> Agent | None:
    """The agent with this address, in any capitalisation."""
    row = conn.execute(select(agents).where(agents.c.email == normal_email(email))).one_or_none()
    return None if row is None else _agent(row)


def page(conn: Connection, after_id: int, limit: int) -> list[Agent]:
    """Agents with an id above ``after_id``, in id order."""
    rows = conn.execute(select(agents).where(agents.c.id > after_id).order_by(agents.c.id).limit(limit))
    return [_agent(row) for row in rows]


def names(conn: Connection) -> dict[int, str]:
    """Every agent's name by id: there are few."""
    return {row.id: row.name for row in conn.execute(select(agents.c.id, agents.c.name))}


def owner_exists(conn: Connection) -> bool:
    """True once somebody owns the desk."""
    return _owners(conn) > 0


def _owners(conn: Connection) -> int:
    return int(conn.execute(select(func.count()).select_from(agents).where(
        agents.c.role == "owner", agents.c.enabled.is_(True))).scalar_one())


def create(conn: Connection, email: str, name: str, role: Role, password_hash: str, lang: str,
           now: int) -> Agent:
    """A new agent.

    Raises:
        ZhikeError: ``conflict`` if the address is taken.
    """
    agent = Agent(id=dialect.next_ids(conn, "agents", 1)[0], email=normal_email(email), name=name, role=role,
                  password_hash=password_hash, created_at=now, lang=lang)
    if by_email(conn, email) is not None:
        raise ZhikeError("conflict", "An agent with this email exists.", field="email")
    try:
        conn.execute(insert(agents).values(
            id=agent.id, email=agent.email, name=name, role=role, password_hash=password_hash, enabled=True,
            lang=lang, created_at=now, last_seen_at=0))
    except IntegrityError as error:  # two at the same moment
        raise ZhikeError("conflict", "An agent with this email exists.", field="email") from error
    return agent


def change(conn: Connection, agent_id: int, values: dict[str, Any], *, end_sessions: bool) -> Agent:
    """Sets ``values`` (columns of the table, and :data:`SETTINGS`) of one agent.

    With ``end_sessions`` all of the agent's sessions end in the same transaction. The last enabled owner can
    neither be disabled nor lose the role: nobody could repair that from the console.

    Raises:
        ZhikeError: ``not_found``, ``conflict``.
    """
    # the owners' rows are locked, too: two owners who disable each other take turns
    rows = conn.execute(select(agents.c.id).where(or_(agents.c.id == agent_id, agents.c.role == "owner"))
                        .order_by(agents.c.id).with_for_update())
    if agent_id not in {row.id for row in rows}:
        raise ZhikeError("not_found")
    owners = _owners(conn)
    values = dict(values)
    if own := {name: values.pop(name) for name in SETTINGS if name in values}:
        old = conn.execute(select(agents).where(agents.c.id == agent_id)).one()
        values["settings"] = msgspec.json.encode(msgspec.structs.replace(settings_of(old), **own)).decode()
    if values:
        conn.execute(update(agents).where(agents.c.id == agent_id).values(**values))
    if owners and ("role" in values or "enabled" in values) and _owners(conn) == 0:
        raise ZhikeError("conflict", "This is the last owner.")
    if end_sessions:
        conn.execute(delete(sessions).where(sessions.c.agent_id == agent_id))
    agent = get(conn, agent_id)
    assert agent is not None
    return agent


def seen(conn: Connection, agent_id: int, now: int) -> None:
    """The agent was here."""
    conn.execute(update(agents).where(agents.c.id == agent_id).values(last_seen_at=now))


def put_setup_link(conn: Connection, digest: bytes, expires_at: int, recover: bool) -> None:
    """Makes this the only valid link."""
    value = msgspec.json.encode(SetupLink(digest.hex(), expires_at, recover)).decode()
    dialect.upsert(conn, meta, [{"name": SETUP_ROW, "value": value}], ["name"], ["value"])


def setup_link(conn: Connection) -> SetupLink | None:
    """The link given out last, if it was not used."""
    value = conn.execute(select(meta.c.value).where(meta.c.name == SETUP_ROW)).scalar()
    return msgspec.json.decode(value, type=SetupLink) if value else None


def check_setup_link(conn: Connection, digest: bytes, now: int) -> None:
    """Refuses a link that would not work, before a password is hashed for it.

    Raises:
        ZhikeError: ``link_expired``, or ``setup_done`` for a first link when an owner exists.
    """
    link = setup_link(conn)
    if link is None or link.digest != digest.hex() or link.expires_at <= now:
        raise ZhikeError("setup_done" if link is None and owner_exists(conn) else "link_expired")
    if not link.recover and owner_exists(conn):
        raise ZhikeError("setup_done")


def use_setup_link(conn: Connection, digest: bytes, email: str, name: str, password_hash: str, lang: str,
                   now: int) -> Agent:
    """Consumes the link and makes the owner, in one transaction.

    Raises:
        ZhikeError: as :func:`check_setup_link`.
    """
    check_setup_link(conn, digest, now)
    gone = conn.execute(delete(meta).where(meta.c.name == SETUP_ROW))
    if gone.rowcount != 1:  # used at the same moment by somebody else
        raise ZhikeError("link_expired")
    known = by_email(conn, email)
    if known is None:
        return create(conn, email, name, "owner", password_hash, lang, now)
    # who has the machine owns the desk: a lost second factor must not keep them out
    conn.execute(delete(second_factors).where(second_factors.c.agent_id == known.id))
    return change(conn, known.id, {"name": name or known.name, "role": "owner", "enabled": True,
                                   "password_hash": password_hash}, end_sessions=True)
