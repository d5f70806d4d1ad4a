"""Canned responses: an agent's own ones, those of a team, those of everybody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from zhike.access.rights import AGENT
from zhike.clock import to_datetime
from zhike.domain.agent import RANK
from zhike.domain.attachment import Attachment
from zhike.domain.canned import Canned
from zhike.errors import ZhikeError
from zhike.rest.decode import FieldFault, Id, path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.conversations import me
from zhike.rest.routes.files import UPLOAD_ERRORS, FileLink, UploadQuery, link_to
from zhike.rest.table import Call, Route
from zhike.rest.upload import Upload
from zhike.rest.views import Page
from zhike.rest.write import audited, nothing
from zhike.store import canned as rows
from zhike.store import canned_files

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
    """A canned response. ``own``: mine alone. ``files``: what goes with it; each is read by a link."""

    id: int
    shortcut: str
    text: str
    folder: str
    lang: str
    own: bool
    team_id: int | None
    files: tuple[Attachment, ...]
    created_at: datetime
    updated_at: datetime


class _Whole(NamedTuple):
    """A response with its files."""

    entry: Canned
    files: tuple[Attachment, ...] = ()


def _page(conn: Connection, wanted: rows.Wanted, after_id: int, limit: int) -> list[_Whole]:
    found = rows.page(conn, wanted, after_id, limit)
    files = canned_files.of(conn, [one.id for one in found])
    return [_Whole(one, files.get(one.id, ())) for one in found]


def _whole(conn: Connection, canned_id: int) -> _Whole:
    entry = rows.get(conn, canned_id)
    if entry is None:
        raise ZhikeError("not_found")
    return _Whole(entry, canned_files.of(conn, [canned_id]).get(canned_id, ()))


def _view(whole: _Whole) -> CannedView:
    entry = whole.entry
    return CannedView(
        entry.id,
        entry.shortcut,
        entry.text,
        entry.folder,
        entry.lang,
        entry.owner_id > 0,
        entry.team_id or None,
        whole.files,
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
    found = await call.to.store.read(_page, wanted, after[0] if after else 0, query.limit + 1)
    return page(found, query.limit, _view, lambda one: (one.entry.id,))


async def create_canned(call: Call) -> CannedView:
    """Makes a canned response: one's own, or one for others."""
    body: NewCanned = call.body
    owner_id = _owner(call, body.own)
    _may_write(call, owner_id)
    entry = Canned(0, body.shortcut, body.text, body.folder, body.lang, owner_id, body.team_id or 0)
    made = await audited(
        call, "canned.created", lambda one: f"canned:{one.id}", None, rows.create, entry, call.now
    )
    return _view(_Whole(made))


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
    await audited(
        call,
        "canned.updated",
        f"canned:{entry.id}",
        {"fields": sorted(given)},
        rows.change,
        msgspec.structs.replace(entry, **values),
        call.now,
    )
    return await _shown(call, entry.id)


async def _shown(call: Call, canned_id: int) -> CannedView:
    return _view(await call.to.store.read(_whole, canned_id))


async def delete_canned(call: Call) -> None:
    """Removes a canned response."""
    entry = await _find(call)
    await audited(call, "canned.deleted", f"canned:{entry.id}", None, rows.remove, entry.id)


async def upload_canned_file(call: Call) -> CannedView:
    """Stores a file (the body, as it is) that goes with a canned response, 10 at most. Whoever uses the
    response uploads a copy into the conversation."""
    entry = await _find(call)
    body: Upload = call.body
    body.check()
    made = await call.to.uploads.take_canned(aiter(body), call.query.name, entry.id)
    detail = {"fields": ["files"], "file": made.id}
    await audited(call, "canned.updated", f"canned:{entry.id}", detail, nothing)
    return await _shown(call, entry.id)


async def delete_canned_file(call: Call) -> CannedView:
    """Takes a file away from a canned response; what was sent with it before stays sent."""
    entry = await _find(call)
    number = path_id(call.path["file"])
    await audited(
        call,
        "canned.updated",
        f"canned:{entry.id}",
        {"fields": ["files"], "file": number},
        canned_files.drop,
        entry.id,
        number,
        call.now,
    )
    return await _shown(call, entry.id)


async def canned_file_link(call: Call) -> FileLink:
    """A link to a file of a canned response that the caller may use. It reads the file until it expires."""
    canned_id, number = path_id(call.path["id"]), path_id(call.path["file"])
    found = None
    if await call.to.store.read(rows.sees, rows.Wanted(me(call), _leads(call)), canned_id):
        found = await call.to.store.read(canned_files.get, number, canned_id)
    return link_to(call, found.attachment if found is not None else None)


ROUTES = [
    Route(
        "POST",
        "/api/v1/canned/{id}/files",
        upload_canned_file,
        AGENT,
        ("Add a file to a canned response", "给快捷回复添加文件"),
        answer=CannedView,
        status=201,
        query=UploadQuery,
        upload=True,
        budget="upload",
        errors=(*(code for code in UPLOAD_ERRORS if code != "too_many_files"), "conflict"),
    ),
    Route(
        "DELETE",
        "/api/v1/canned/{id}/files/{file}",
        delete_canned_file,
        AGENT,
        ("Take a file from a canned response", "移除快捷回复的文件"),
        answer=CannedView,
    ),
    Route(
        "GET",
        "/api/v1/canned/{id}/files/{file}/link",
        canned_file_link,
        AGENT,
        ("Get a link to a file of a canned response", "获取快捷回复文件的链接"),
        answer=FileLink,
    ),
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
