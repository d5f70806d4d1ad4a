"""Teams and who belongs to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from zhike.domain.team import Team, TeamSettings
from zhike.errors import ZhikeError
from zhike.store import tables
from zhike.store.checks import Fault, check_key, check_text, refuse
from zhike.store.dialect import next_ids

_teams, _members = tables.teams, tables.team_members
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(TeamSettings).decode
MAX_MEMBERS = 1000
MAX_NAME_CHARS = 200


def _check(team: Team) -> Iterator[Fault]:
    yield from check_key(team.key)
    yield from check_text("name", team.name, MAX_NAME_CHARS)
    own = team.settings
    for name in ("languages", "skills"):
        for index, word in enumerate(getattr(own, name)):
            yield from check_text(f"settings.{name}[{index}]", word, 64)
    if own.overflow_after_s and own.overflow_team_id is None:
        yield Fault("settings.overflow_team_id", "设了溢出时间，就要指定溢出到哪个团队",
                    "needs a team, because overflow_after_s is set")
    if len(team.member_ids) > MAX_MEMBERS:
        yield Fault("member_ids", f"最多 {MAX_MEMBERS} 人", f"{MAX_MEMBERS} at most")


def _check_links(conn: Connection, team: Team) -> None:
    """Members exist; overflow goes to a team there is, and never round in a circle."""
    members = sorted(set(team.member_ids))
    known = set(conn.execute(select(tables.agents.c.id).where(tables.agents.c.id.in_(members))).scalars())
    if missing := [one for one in members if one not in known]:
        raise ZhikeError("invalid_field", f"no agent {missing[0]}", field="member_ids")
    onward = {row.id: _decode(row.settings).overflow_team_id
              for row in conn.execute(select(_teams.c.id, _teams.c.settings))}
    at = team.settings.overflow_team_id
    for _ in range(len(onward) + 1):
        if at is None:
            return
        if at not in onward and at != team.id:
            raise ZhikeError("invalid_field", f"no team {at}", field="settings.overflow_team_id")
        if at == team.id:
            break
        at = onward[at]
    raise ZhikeError("invalid_field", "overflow leads back to a team that it came from",
                     field="settings.overflow_team_id")


def _put_members(conn: Connection, team_id: int, member_ids: Iterable[int]) -> None:
    conn.execute(delete(_members).where(_members.c.team_id == team_id))
    rows = [{"team_id": team_id, "agent_id": one} for one in sorted(set(member_ids))]
    if rows:
        conn.execute(insert(_members), rows)


def create(conn: Connection, team: Team, now: int) -> Team:
    """Stores a new team; ``team.id`` is not looked at.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``conflict`` if the key is taken, ``invalid_field`` if a member or team does not exist.
    """
    refuse(_check(team))
    _check_links(conn, team)
    if conn.execute(select(_teams.c.id).where(_teams.c.key == team.key)).first() is not None:
        raise ZhikeError("conflict", f"teams.key = {team.key!r}", field="key")
    team_id = next_ids(conn, "team", 1)[0]
    try:
        conn.execute(insert(_teams).values(id=team_id, key=team.key, name=team.name, created_at=now,
                                           updated_at=now, settings=_encode(team.settings).decode()))
    except IntegrityError as error:  # two at the same moment
        raise ZhikeError("conflict", f"teams.key = {team.key!r}", field="key") from error
    _put_members(conn, team_id, team.member_ids)
    made = get(conn, team_id)
    assert made is not None
    return made


def change(conn: Connection, team: Team, now: int) -> Team:
    """Stores name, settings and members of the team with ``team.id``; its key stays.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``not_found``, ``invalid_field`` if a member or team does not exist.
    """
    refuse(_check(team))
    # all rows are locked, in order: two edits at once could else close a circle together
    known = list(conn.execute(select(_teams.c.id).order_by(_teams.c.id).with_for_update()).scalars())
    if team.id not in known:
        raise ZhikeError("not_found", f"team {team.id}")
    _check_links(conn, team)
    conn.execute(update(_teams).where(_teams.c.id == team.id).values(
        name=team.name, settings=_encode(team.settings).decode(), updated_at=now))
    _put_members(conn, team.id, team.member_ids)
    changed = get(conn, team.id)
    assert changed is not None
    return changed


def listed(conn: Connection, *, after_id: int = 0, limit: int = 1000) -> list[Team]:
    """A page in the order of ids, from the id after ``after_id``."""
    rows = conn.execute(select(_teams).where(_teams.c.id > after_id).order_by(_teams.c.id).limit(limit)).all()
    members: dict[int, list[int]] = {row.id: [] for row in rows}
    for row in conn.execute(select(_members).where(_members.c.team_id.in_(list(members)))
                            .order_by(_members.c.team_id, _members.c.agent_id)):
        members[row.team_id].append(row.agent_id)
    return [Team(row.id, row.key, row.name, _decode(row.settings), tuple(members[row.id]), row.created_at,
                 row.updated_at) for row in rows]


def get(conn: Connection, team_id: int) -> Team | None:
    """One team, or None."""
    found = listed(conn, after_id=team_id - 1, limit=1)
    return found[0] if found and found[0].id == team_id else None


def of_agents(conn: Connection, agent_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """The ids of the teams of each of these agents."""
    found: dict[int, list[int]] = {}
    for row in conn.execute(select(_members).where(_members.c.agent_id.in_(sorted(set(agent_ids))))
                            .order_by(_members.c.team_id)):
        found.setdefault(row.agent_id, []).append(row.team_id)
    return {agent_id: tuple(ids) for agent_id, ids in found.items()}


def remove(conn: Connection, team_id: int) -> bool:
    """Removes a team; False if there is none. What waits in its queue falls back to its inbox's team.

    Raises:
        ZhikeError: ``conflict`` while an inbox or another team's overflow names it.
    """
    for row in conn.execute(select(tables.inboxes.c.key, tables.inboxes.c.settings)):
        if msgspec.json.decode(row.settings).get("team_id") == team_id:
            raise ZhikeError("conflict", f"inbox {row.key} sends its conversations to this team")
    for row in conn.execute(select(_teams.c.key, _teams.c.settings).where(_teams.c.id != team_id)):
        if _decode(row.settings).overflow_team_id == team_id:
            raise ZhikeError("conflict", f"team {row.key} overflows to this team")
    conversations = tables.conversations
    conn.execute(update(conversations).where(conversations.c.team_id == team_id).values(team_id=None))
    conn.execute(update(tables.canned).where(tables.canned.c.team_id == team_id).values(team_id=0))
    conn.execute(delete(_members).where(_members.c.team_id == team_id))
    return conn.execute(delete(_teams).where(_teams.c.id == team_id)).rowcount > 0
