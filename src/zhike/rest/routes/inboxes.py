"""Inboxes: where conversations come in."""

from __future__ import annotations

import secrets
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from zhike.access.rights import ADMIN, ADMIN_ONLY, AGENT
from zhike.domain.knowledge import Inbox
from zhike.errors import ZhikeError
from zhike.rest.decode import FieldFault, Id, path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.bots import Key, Name, Settings, merged
from zhike.rest.table import Call, Route
from zhike.rest.views import InboxView, Page, inbox_view
from zhike.rest.write import audited
from zhike.store import inboxes as rows
from zhike.store.checks import SECRET_SETTINGS

Channel = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class InboxQuery(Paged, forbid_unknown_fields=True):
    """Only the page."""


class NewInbox(Struct, forbid_unknown_fields=True):
    """``settings``: origins [site or "*"], greeting and offline {zh, en}, suggestions {zh: [], en: []};
    of channel "api" also callback_url (see the manual of the channel)."""

    key: Key
    name: Name
    channel: Channel = "web"
    bot_id: Id | None = None
    settings: Settings = {}


class InboxChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay; so do settings that are not named; null removes one."""

    name: Name | UnsetType = UNSET
    bot_id: Id | UnsetType | None = UNSET
    settings: Settings | UnsetType = UNSET


class IdentitySecret(Struct):
    """Shown this once. The shop signs its customers with it (see the widget's manual)."""

    identity_secret: str


class CallbackSecret(Struct):
    """Shown this once. The desk signs what it sends to ``callback_url`` with it."""

    callback_secret: str


def _view(call: Call, inbox: Inbox) -> InboxView:
    return inbox_view(inbox, call.to.public_url, to_admin=call.principal.role in ("owner", "admin"))


def _check(settings: Settings) -> None:
    for name in SECRET_SETTINGS:
        if name in settings:
            path = name.replace("_", "-")
            raise FieldFault(
                f"settings.{name}",
                f"It is made by POST …/{path} and never sent in.",
                f"密钥由 POST …/{path} 生成，不能自己填写。",
            )


async def list_inboxes(call: Call) -> Page[InboxView]:
    """Inboxes that the caller may see, in the order of their ids (a page may hold fewer than asked for)."""
    query: InboxQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(
        rows.list_inboxes, after_id=after[0] if after else 0, limit=query.limit + 1
    )
    shown = page(found, query.limit, lambda inbox: _view(call, inbox), lambda inbox: (inbox.id,))
    shown.items = [view for view in shown.items if call.principal.scope.sees_inbox(view.id)]
    return shown


async def _find(call: Call) -> Inbox:
    inbox = await call.to.store.read(rows.get_inbox, path_id(call.path["id"]))
    if inbox is None:
        raise ZhikeError("not_found")
    return inbox


async def get_inbox(call: Call) -> InboxView:
    """One inbox."""
    return _view(call, await _find(call))


async def create_inbox(call: Call) -> InboxView:
    """Adds an inbox."""
    body: NewInbox = call.body
    _check(body.settings)
    new = Inbox(
        id=0,
        key=body.key,
        name=body.name,
        channel=body.channel,
        bot_id=body.bot_id,
        settings=merged({}, body.settings),
    )
    inbox = await audited(
        call,
        "inbox.created",
        lambda made: f"inbox:{made.id}",
        {"key": body.key},
        rows.create_inbox,
        new,
        call.now,
    )
    await call.to.desk.inboxes_changed()
    return _view(call, inbox)


def _edit(conn: Connection, inbox_id: int, change: InboxChange, now: int) -> Inbox:
    """In one transaction: an edit must not undo a secret that was made a moment ago."""
    old = rows.get_inbox(conn, inbox_id)
    if old is None:
        raise ZhikeError("not_found")
    new = msgspec.structs.replace(
        old,
        name=old.name if change.name is UNSET else change.name,
        bot_id=old.bot_id if change.bot_id is UNSET else change.bot_id,
        settings=old.settings if change.settings is UNSET else merged(old.settings, change.settings),
    )
    return rows.update_inbox(conn, new, now)


async def change_inbox(call: Call) -> InboxView:
    """Changes an inbox; key and channel stay."""
    body: InboxChange = call.body
    if body.settings is not UNSET:
        _check(body.settings)
    inbox_id = path_id(call.path["id"])
    inbox = await audited(call, "inbox.updated", f"inbox:{inbox_id}", None, _edit, inbox_id, body, call.now)
    await call.to.desk.inboxes_changed()
    return _view(call, inbox)


async def delete_inbox(call: Call) -> None:
    """Removes an inbox that nobody has written to."""
    old = await _find(call)
    await audited(call, "inbox.deleted", f"inbox:{old.id}", {"key": old.key}, rows.delete_inbox, old.id)
    await call.to.desk.inboxes_changed()


async def _new_secret(call: Call, name: str) -> str:
    inbox_id = path_id(call.path["id"])
    secret = secrets.token_hex(32)
    change = InboxChange(settings={name: secret})
    await audited(
        call, f"inbox.{name}_made", f"inbox:{inbox_id}", None, _edit, inbox_id, change, call.now
    )
    await call.to.desk.inboxes_changed()
    return secret


async def new_identity_secret(call: Call) -> IdentitySecret:
    """Makes a new identity secret; claims signed with the old one end at once."""
    return IdentitySecret(await _new_secret(call, "identity_secret"))


async def new_callback_secret(call: Call) -> CallbackSecret:
    """Makes a new callback secret; callbacks are signed with it at once, retries too."""
    return CallbackSecret(await _new_secret(call, "callback_secret"))


_PATH = "/api/v1/inboxes/{id}"

ROUTES = [
    Route(
        "GET",
        "/api/v1/inboxes",
        list_inboxes,
        AGENT,
        ("List inboxes", "收件箱列表"),
        answer=Page[InboxView],
        query=InboxQuery,
    ),
    Route(
        "POST",
        "/api/v1/inboxes",
        create_inbox,
        ADMIN,
        ("Add an inbox", "新建收件箱"),
        answer=InboxView,
        status=201,
        body=NewInbox,
        errors=("conflict",),
        example={
            "key": "shop-web",
            "name": "官网",
            "bot_id": 1,
            "settings": {"origins": ["https://shop.example"]},
        },
    ),
    Route("GET", _PATH, get_inbox, AGENT, ("Get an inbox", "查看收件箱"), answer=InboxView),
    Route(
        "PATCH",
        _PATH,
        change_inbox,
        ADMIN,
        ("Change an inbox", "修改收件箱"),
        answer=InboxView,
        body=InboxChange,
        example={"settings": {"origins": ["https://shop.example"]}},
    ),
    Route(
        "DELETE",
        _PATH,
        delete_inbox,
        ADMIN,
        ("Remove an inbox", "删除收件箱"),
        status=204,
        errors=("conflict",),
    ),
    Route(
        "POST",
        f"{_PATH}/identity-secret",
        new_identity_secret,
        ADMIN_ONLY,
        ("Make a new identity secret", "生成新的身份密钥"),
        answer=IdentitySecret,
        status=201,
    ),
    Route(
        "POST",
        f"{_PATH}/callback-secret",
        new_callback_secret,
        ADMIN_ONLY,
        ("Make a new callback secret", "生成新的回调密钥"),
        answer=CallbackSecret,
        status=201,
    ),
]
