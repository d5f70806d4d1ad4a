"""Canned responses: an agent's own, a team's, everybody's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from zhike.domain.canned import VARIABLES, Canned
from zhike.domain.message import MAX_TEXT_CHARS
from zhike.errors import ZhikeError
from zhike.store import canned_files
from zhike.store.checks import Fault, check_text, refuse
from zhike.store.dialect import next_ids
from zhike.store.tables import canned, team_members, teams

MAX_SHORTCUT_CHARS = 64
MAX_FOLDER_CHARS = 100
_VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")


class Wanted(NamedTuple):
    """Which are shown. ``me``: the agent who asks: what is theirs, their teams', everybody's; 0 (a program):
    everybody's. ``all_teams``: those of every team. ``text``: the beginning of the shortcut, or words."""

    me: int = 0
    all_teams: bool = False
    text: str = ""
    folder: str | None = None
    lang: str | None = None


def _canned(row: Row[Any]) -> Canned:
    return Canned(row.id, row.shortcut, row.text, row.folder, row.lang, row.owner_id, row.team_id,
                  bool(row.enabled), row.created_at, row.updated_at)


def _mine(wanted: Wanted) -> ColumnElement[bool]:
    c = canned.c
    shared = c.owner_id == 0
    if not wanted.all_teams:
        teams_of_mine = select(team_members.c.team_id).where(team_members.c.agent_id == wanted.me)
        shared = and_(shared, or_(c.team_id == 0, c.team_id.in_(teams_of_mine)))
    return or_(c.owner_id == wanted.me, shared) if wanted.me else shared


def page(conn: Connection, wanted: Wanted, after_id: int, limit: int) -> list[Canned]:
    """A page in the order of ids, from the id after ``after_id``."""
    c = canned.c
    query = select(canned).where(_mine(wanted), c.id > after_id).order_by(c.id).limit(limit)
    if wanted.text:
        query = query.where(or_(c.shortcut.istartswith(wanted.text, autoescape=True),
                                c.text.icontains(wanted.text, autoescape=True)))
    if wanted.folder is not None:
        query = query.where(c.folder == wanted.folder)
    if wanted.lang is not None:
        query = query.where(c.lang.in_((wanted.lang, "")))
    return [_canned(row) for row in conn.execute(query)]


def get(conn: Connection, canned_id: int) -> Canned | None:
    """One of them, or None."""
    row = conn.execute(select(canned).where(canned.c.id == canned_id)).one_or_none()
    return None if row is None else _canned(row)


def check(entry: Canned) -> Iterator[Fault]:
    yield from check_text("shortcut", entry.shortcut, MAX_SHORTCUT_CHARS)
    if any(char.isspace() or char == "/" for char in entry.shortcut):
        yield Fault("shortcut", "不能有空白或 /", "may hold no blank and no /")
    yield from check_text("folder", entry.folder, MAX_FOLDER_CHARS, empty=True)
    yield from check_text("text", entry.text, MAX_TEXT_CHARS)
    if entry.lang not in ("", "zh", "en"):
        yield Fault("lang", f"{entry.lang!r} 不是 zh、en 或空", f"{entry.lang!r} is neither zh, en nor empty")
    for found in _VARIABLE.finditer(entry.text):
        if found[1].strip() not in VARIABLES:
            yield Fault("text", f"没有变量 {found[0]}；可用：{'、'.join(VARIABLES)}",
                        f"there is no variable {found[0]}; there are {', '.join(VARIABLES)}")
    if entry.owner_id and entry.team_id:
        yield Fault("team_id", "自己的快捷回复不属于小组", "one's own response belongs to no team")


def _refuse(conn: Connection, entry: Canned) -> None:
    refuse(check(entry))
    c = canned.c
    if entry.team_id and conn.execute(select(teams.c.id).where(teams.c.id == entry.team_id)).first() is None:
        raise ZhikeError("invalid_field", f"team_id: no team {entry.team_id}", field="team_id")
    if conn.execute(select(c.id).where(c.owner_id == entry.owner_id, c.shortcut == entry.shortcut,
                                       c.lang == entry.lang, c.id != entry.id)).first() is not None:
        raise ZhikeError("conflict", f"/{entry.shortcut}", field="shortcut")


def create(conn: Connection, entry: Canned, now: int) -> Canned:
    """Stores a new one; ``entry.id`` and its times are not looked at.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``conflict`` if the owner has one of this shortcut and language.
    """
    made = msgspec.structs.replace(entry, id=0, created_at=now, updated_at=now)
    _refuse(conn, made)
    made.id = next_ids(conn, "canned", 1)[0]
    try:
        conn.execute(insert(canned).values(**msgspec.structs.asdict(made)))
    except IntegrityError as error:  # two at the same moment
        raise ZhikeError("conflict", f"/{entry.shortcut}", field="shortcut") from error
    return made


def change(conn: Connection, entry: Canned, now: int) -> Canned:
    """Stores all of one that exists.

    Raises:
        FieldError, ZhikeError: as :func:`create`; ``not_found``.
    """
    _refuse(conn, entry)
    changed = msgspec.structs.replace(entry, updated_at=now)
    values = msgspec.structs.asdict(changed)
    try:
        if not conn.execute(update(canned).where(canned.c.id == entry.id).values(**values)).rowcount:
            raise ZhikeError("not_found")
    except IntegrityError as error:
        raise ZhikeError("conflict", f"/{entry.shortcut}", field="shortcut") from error
    return changed


def sees(conn: Connection, wanted: Wanted, canned_id: int) -> bool:
    """Whether it is one of those that are shown."""
    c = canned.c
    return conn.execute(select(c.id).where(_mine(wanted), c.id == canned_id)).first() is not None


def remove(conn: Connection, canned_id: int) -> None:
    """Removes one, with its files.

    Raises:
        ZhikeError: ``not_found``.
    """
    canned_files.drop_all(conn, canned_id)
    if not conn.execute(delete(canned).where(canned.c.id == canned_id)).rowcount:
        raise ZhikeError("not_found")
