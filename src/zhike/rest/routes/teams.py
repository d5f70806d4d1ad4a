"""Teams: whose queue a conversation waits in, and how it is handed out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from zhike.access.rights import ADMIN, AGENT
from zhike.domain.team import Team, TeamSettings
from zhike.errors import ZhikeError
from zhike.rest.decode import Id, path_id, printable
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.bots import Key, Name
from zhike.rest.table import Call, Route
from zhike.rest.views import Page, TeamView, team_view
from zhike.rest.write import audited
from zhike.store import teams as rows

Members = Annotated[tuple[Id, ...], Meta(max_length=rows.MAX_MEMBERS)]


class TeamQuery(Paged, forbid_unknown_fields=True):
    """Only the page."""


class NewTeam(Struct, forbid_unknown_fields=True):
    """``key``: for programs; it stays. ``settings``: those left out have their defaults."""

    key: Key
    name: Name
    member_ids: Members = ()
    settings: TeamSettings = TeamSettings()


class TeamChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay; so do settings that are not named. ``member_ids``: all of them."""

    name: Name | UnsetType = UNSET
    member_ids: Members | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


async def list_teams(call: Call) -> Page[TeamView]:
    """Teams in the order of their ids."""
    query: TeamQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(rows.listed, after_id=after[0] if after else 0, limit=query.limit + 1)
    return page(found, query.limit, team_view, lambda team: (team.id,))


async def _find(call: Call) -> Team:
    team = await call.to.store.read(rows.get, path_id(call.path["id"]))
    if team is None:
        raise ZhikeError("not_found")
    return team


async def get_team(call: Call) -> TeamView:
    """One team."""
    return team_view(await _find(call))


async def create_team(call: Call) -> TeamView:
    """Adds a team. To have an inbox's conversations wait for it, set the inbox's ``team_id``."""
    body: NewTeam = call.body
    new = Team(0, body.key, printable("name", body.name), body.settings, body.member_ids)
    team = await audited(
        call, "team.created", lambda made: f"team:{made.id}", {"key": body.key}, rows.create, new, call.now
    )
    _members_changed(call, (), team.member_ids)
    return team_view(team)


def _members_changed(call: Call, before: Iterable[int], after: Iterable[int]) -> None:
    """Who joined or left sees other conversations now, on open pages too."""
    call.to.desk.people_changed()
    for agent_id in set(before) ^ set(after):
        call.to.access.sessions.rescoped(agent_id)


def _edit(conn: Connection, team_id: int, change: TeamChange, now: int) -> Team:
    """In one transaction: two edits at once must not undo each other."""
    old = rows.get(conn, team_id)
    if old is None:
        raise ZhikeError("not_found")
    settings = old.settings
    if change.settings is not UNSET:
        try:
            settings = msgspec.convert(
                {**msgspec.structs.asdict(old.settings), **change.settings}, TeamSettings
            )
        except msgspec.ValidationError as error:
            message, _, where = str(error).partition(" - at `$")
            raise ZhikeError("invalid_field", message, field=f"settings{where.rstrip('`')}") from error
    new = msgspec.structs.replace(
        old,
        name=old.name if change.name is UNSET else printable("name", change.name),
        member_ids=old.member_ids if change.member_ids is UNSET else change.member_ids,
        settings=settings,
    )
    return rows.change(conn, new, now)


async def change_team(call: Call) -> TeamView:
    """Changes a team; what waits in its queue is handed out by the new rules at once."""
    body: TeamChange = call.body
    old = await _find(call)
    team_id = old.id
    fields = sorted(name for name in body.__struct_fields__ if getattr(body, name) is not UNSET)
    team = await audited(
        call, "team.updated", f"team:{team_id}", {"fields": fields}, _edit, team_id, body, call.now
    )
    _members_changed(call, old.member_ids, team.member_ids)
    return team_view(team)


async def delete_team(call: Call) -> None:
    """Removes a team that no inbox and no other team sends conversations to."""
    old = await _find(call)
    await audited(call, "team.deleted", f"team:{old.id}", {"key": old.key}, rows.remove, old.id)
    _members_changed(call, old.member_ids, ())


_PATH = "/api/v1/teams/{id}"

ROUTES = [
    Route(
        "GET",
        "/api/v1/teams",
        list_teams,
        AGENT,
        ("List teams", "团队列表"),
        answer=Page[TeamView],
        query=TeamQuery,
    ),
    Route(
        "POST",
        "/api/v1/teams",
        create_team,
        ADMIN,
        ("Add a team", "新建团队"),
        answer=TeamView,
        status=201,
        body=NewTeam,
        errors=("conflict",),
        example={"key": "after-sales", "name": "售后组", "settings": {"strategy": "least_busy"}},
    ),
    Route("GET", _PATH, get_team, AGENT, ("Get a team", "查看团队"), answer=TeamView),
    Route(
        "PATCH",
        _PATH,
        change_team,
        ADMIN,
        ("Change a team", "修改团队"),
        answer=TeamView,
        body=TeamChange,
        example={"settings": {"late_after_s": 120}},
    ),
    Route(
        "DELETE",
        _PATH,
        delete_team,
        ADMIN,
        ("Remove a team", "删除团队"),
        status=204,
        errors=("conflict",),
    ),
]
