"""Canned responses: an agent's own ones, those of a team, those of everybody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import AGENT
from zhike.clock import to_datetime
from zhike.domain.agent import RANK
from zhike.domain.canned import Canned
from zhike.errors import ZhikeError
from zhike.rest.decode import FieldFault, Id, path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.conversations import me
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import canned as rows

Shortcut = Annotated[str, Meta(min_length=1, max_length=rows.MAX_SHORTCUT_CHARS)]
Folder = Annotated[str, Meta(max_length=rows.MAX_FOLDER_CHARS)]
Lang = Literal["", "zh", "en"]
Text = Annotated[str, Meta(min_length=1, max_length=4000)]


class CannedQuery(Paged, forbid_unknown_fields=True):
    """``q``: the beginning of the shortcut, or words of the text. ``lang``: those of this language, and those
    of none."""

    q: Annotated[str, Meta(max_length=200)] = ""
    folder: Folder | None = None
    lang: Lang | None = None


class NewCanned(Struct, forbid_unknown_fields=True):
    """``own``: mine alone; else everybody's, or those of ``team_id``, which only supervisors write.
    Variables: ``{{contact.name}}``, ``{{agent.name}}``, ``{{inbox.name}}``, ``{{conversation.id}}``."""

    shortcut: Shortcut
    text: Text
    folder: Folder = ""
    lang: Lang = ""
    own: bool = False
    team_id: Id | None = None


class CannedChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay. ``own`` true makes it mine, false everybody's."""

    shortcut: Shortcut | UnsetType = UNSET
    text: Text | UnsetType = UNSET
    folder: Folder | UnsetType = UNSET
    lang: Lang | UnsetType = UNSET
    own: bool | UnsetType = UNSET
    team_id: Id | UnsetType | None = UNSET


class CannedView(Struct):
    """A canned response. ``own``: mine alone."""

    id: int
    shortcut: str
    text: str
    folder: str
    lang: str
    own: bool
    team_id: int | None
    created_at: datetime
    updated_at: datetime


def _view(entry: Canned) -> CannedView:
    return CannedView(
        entry.id,
        entry.shortcut,
        entry.text,
        entry.folder,
        entry.lang,
        entry.owner_id > 0,
        entry.team_id or None,
        to_datetime(entry.created_at),
        to_datetime(entry.updated_at),
    )


def _leads(call: Call) -> bool:
    return RANK[call.principal.role or "analyst"] >= RANK["supervisor"]


def _may_write(call: Call, owner_id: int) -> None:
    """Whether the caller may write one of this owner (0: everybody's).

    Raises:
        ZhikeError: ``forbidden``; ``not_found`` for what is somebody else's own.
    """
    if owner_id and owner_id != me(call):
        raise ZhikeError("not_found")
    if not owner_id and not _leads(call):
        raise ZhikeError("forbidden", "What everybody uses is written by supervisors; keep your own instead.")


async def list_canned(call: Call) -> Page[CannedView]:
    """Mine, my teams', everybody's, in the order of ids."""
    query: CannedQuery = call.query
    after = position(query.cursor, 1)
    wanted = rows.Wanted(me(call), _leads(call), query.q.strip(), query.folder, query.lang)
    found = await call.to.store.read(rows.page, wanted, after[0] if after else 0, query.limit + 1)
    return page(found, query.limit, _view, lambda entry: (entry.id,))


async def create_canned(call: Call) -> CannedView:
    """Makes a canned response: one's own, or one for others."""
    body: NewCanned = call.body
    owner_id = _owner(call, body.own)
    _may_write(call, owner_id)
    entry = Canned(0, body.shortcut, body.text, body.folder, body.lang, owner_id, body.team_id or 0)
    made = await audited(
        call, "canned.created", lambda one: f"canned:{one.id}", None, rows.create, entry, call.now
    )
    return _view(made)


def _owner(call: Call, own: bool) -> int:
    if own and not me(call):
        raise FieldFault("own", "`own` needs a person's session.", "`own` 只对登录的客服有意义。")
    return me(call) if own else 0


async def _find(call: Call) -> Canned:
    entry = await call.to.store.read(rows.get, path_id(call.path["id"]))
    if entry is None:
        raise ZhikeError("not_found")
    _may_write(call, entry.owner_id)
    return entry


async def change_canned(call: Call) -> CannedView:
    """Changes a canned response."""
    body: CannedChange = call.body
    entry = await _find(call)
    given: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET
    }
    values = {name: value for name, value in given.items() if name not in ("own", "team_id")}
    if "own" in given:
        values["owner_id"] = _owner(call, given["own"])
        _may_write(call, values["owner_id"])
        if given["own"]:
            values["team_id"] = 0
    if "team_id" in given:
        values["team_id"] = given["team_id"] or 0
    changed = await audited(
        call,
        "canned.updated",
        f"canned:{entry.id}",
        {"fields": sorted(given)},
        rows.change,
        msgspec.structs.replace(entry, **values),
        call.now,
    )
    return _view(changed)


async def delete_canned(call: Call) -> None:
    """Removes a canned response."""
    entry = await _find(call)
    await audited(call, "canned.deleted", f"canned:{entry.id}", None, rows.remove, entry.id)


ROUTES = [
    Route(
        "GET",
        "/api/v1/canned",
        list_canned,
        AGENT,
        ("List canned responses", "快捷回复列表"),
        answer=Page[CannedView],
        query=CannedQuery,
    ),
    Route(
        "POST",
        "/api/v1/canned",
        create_canned,
        AGENT,
        ("Create a canned response", "新建快捷回复"),
        answer=CannedView,
        status=201,
        body=NewCanned,
        errors=("conflict",),
        example={
            "shortcut": "退货",
            "text": "{{contact.name}}您好，签收后 7 天内可以退货。",
            "folder": "售后",
            "lang": "zh",
        },
    ),
    Route(
        "PATCH",
        "/api/v1/canned/{id}",
        change_canned,
        AGENT,
        ("Change a canned response", "修改快捷回复"),
        answer=CannedView,
        body=CannedChange,
        errors=("conflict",),
        example={"folder": "售后"},
    ),
    Route(
        "DELETE",
        "/api/v1/canned/{id}",
        delete_canned,
        AGENT,
        ("Delete a canned response", "删除快捷回复"),
        status=204,
    ),
]
