"""Tags on conversations."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import ADMIN, AGENT
from zhike.domain.wire import TagView
from zhike.rest.decode import FieldFault, path_id, printable
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import tags as rows

TagName = Annotated[str, Meta(min_length=1, max_length=64)]
Colour = Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$")]


class NewTag(Struct, forbid_unknown_fields=True):
    """``name`` is unique. ``colour``: ``#rrggbb``."""

    name: TagName
    colour: Colour = "#888888"


class TagChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay."""

    name: TagName | UnsetType = UNSET
    colour: Colour | UnsetType = UNSET


def _name(name: str) -> str:
    name = printable("name", name)
    if not name:
        raise FieldFault("name", "`name` is empty.", "`name` 不能为空。")
    return name


async def list_tags(call: Call) -> Page[TagView]:
    """All tags, by name: there are 500 at most."""
    return Page(await call.to.store.read(rows.list_tags), None)


async def create_tag(call: Call) -> TagView:
    """Makes a tag."""
    body: NewTag = call.body
    return await audited(
        call,
        "tag.created",
        lambda tag: f"tag:{tag.id}",
        None,
        rows.create,
        _name(body.name),
        body.colour.lower(),
        call.now,
    )


async def change_tag(call: Call) -> TagView:
    """Renames or recolours a tag, wherever it stands."""
    body: TagChange = call.body
    tag_id = path_id(call.path["id"])
    values = {}
    if body.name is not UNSET:
        values["name"] = _name(body.name)
    if body.colour is not UNSET:
        values["colour"] = body.colour.lower()
    return await audited(
        call, "tag.updated", f"tag:{tag_id}", {"fields": sorted(values)}, rows.change, tag_id, values
    )


async def delete_tag(call: Call) -> None:
    """Removes a tag, from every conversation too."""
    tag_id = path_id(call.path["id"])
    await audited(call, "tag.deleted", f"tag:{tag_id}", None, rows.remove, tag_id)


ROUTES = [
    Route("GET", "/api/v1/tags", list_tags, AGENT, ("List tags", "标签列表"), answer=Page[TagView]),
    Route(
        "POST",
        "/api/v1/tags",
        create_tag,
        AGENT,
        ("Create a tag", "新建标签"),
        answer=TagView,
        status=201,
        body=NewTag,
        errors=("conflict",),
        example={"name": "退款", "colour": "#c0392b"},
    ),
    Route(
        "PATCH",
        "/api/v1/tags/{id}",
        change_tag,
        ADMIN,
        ("Change a tag", "修改标签"),
        answer=TagView,
        body=TagChange,
        errors=("conflict",),
        example={"name": "退款中"},
    ),
    Route("DELETE", "/api/v1/tags/{id}", delete_tag, ADMIN, ("Delete a tag", "删除标签"), status=204),
]
