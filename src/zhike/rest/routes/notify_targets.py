"""Whom the desk tells of visitors who wait, and of trouble, when nobody looks at the console."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from zhike.access.rights import ADMIN, ADMIN_ONLY
from zhike.clock import to_datetime
from zhike.domain.notice import DEFAULT_AFTER_S, Ids, Target, TargetBody, TargetKind, Wanted
from zhike.errors import ZhikeError
from zhike.rest.decode import path_id, printable
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.bots import Name
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import notify as rows

Address = Annotated[str, Meta(min_length=1, max_length=2000)]
Secret = Annotated[str, Meta(max_length=200)]
Wants = Annotated[tuple[Wanted, ...], Meta(min_length=1, max_length=4)]
AfterS = Annotated[int, Meta(ge=0, le=3600)]
Language = Literal["zh", "en"]
DEFAULT = TargetBody("")


class NotifyTargetView(Struct):
    """``address``: mail addresses, or where a URL leads without the part that is as good as a password.
    ``failures``: attempts in a row that failed, ``last_error`` why. ``expired_count``: notices of the last
    seven days that were not told: more than 200 at once, or an hour old before they could be."""

    id: int
    name: str
    kind: TargetKind
    enabled: bool
    address: str
    has_secret: bool
    lang: Language
    wants: tuple[Wanted, ...]
    after_s: int
    inbox_ids: tuple[int, ...]
    team_ids: tuple[int, ...]
    failures: int
    last_sent_at: datetime | None
    last_error: str
    expired_count: int
    created_at: datetime
    updated_at: datetime


class NotifyTargetQuery(Paged, forbid_unknown_fields=True):
    """Only the page."""


class NewNotifyTarget(Struct, forbid_unknown_fields=True):
    """``address``: the URL that the robot was given, or mail addresses with commas between. ``secret``: of a
    robot with signing, or what signs requests to a program. ``after_s``: how long a visitor has been waiting
    when it is told. ``inbox_ids``, ``team_ids``: only of these; empty: all."""

    name: Name
    kind: TargetKind
    address: Address
    secret: Secret = ""
    lang: Language = "zh"
    wants: Wants = DEFAULT.wants
    after_s: AfterS = DEFAULT_AFTER_S
    inbox_ids: Ids = ()
    team_ids: Ids = ()
    enabled: bool = True


class NotifyTargetChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay, the secret too."""

    name: Name | UnsetType = UNSET
    address: Address | UnsetType = UNSET
    secret: Secret | UnsetType = UNSET
    lang: Language | UnsetType = UNSET
    wants: Wants | UnsetType = UNSET
    after_s: AfterS | UnsetType = UNSET
    inbox_ids: Ids | UnsetType = UNSET
    team_ids: Ids | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Told(Struct):
    """How long the other side took."""

    took_ms: float


def masked(target: Target) -> str:
    """The address as people may see it: the end of a robot's URL is all that protects its group."""
    if target.kind == "email":
        return target.body.address
    parts = urlsplit(target.body.address)
    return f"{parts.scheme}://{parts.netloc}/…{target.body.address[-4:]}"


def view(target: Target, expired_count: int = 0) -> NotifyTargetView:
    """The target without what is secret."""
    assert target.kind != "push"  # browsers are shown to their owner: routes/push.py
    body = target.body
    return NotifyTargetView(
        target.id,
        target.name,
        target.kind,
        target.enabled,
        masked(target),
        bool(body.secret),
        body.lang,
        body.wants,
        body.after_s,
        body.inbox_ids,
        body.team_ids,
        target.failures,
        None if target.last_sent_at is None else to_datetime(target.last_sent_at),
        target.last_error,
        expired_count,
        to_datetime(target.created_at),
        to_datetime(target.updated_at),
    )


async def list_notify_targets(call: Call) -> Page[NotifyTargetView]:
    """Targets in the order of their ids."""
    query: NotifyTargetQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(rows.listed, after_id=after[0] if after else 0, limit=query.limit + 1)
    expired = await call.to.store.read(rows.expired_counts, [target.id for target in found])

    def shown(target: Target) -> NotifyTargetView:
        return view(target, expired.get(target.id, 0))

    return page(found, query.limit, shown, lambda target: (target.id,))


async def _find(call: Call) -> Target:
    target = await call.to.store.read(rows.get, path_id(call.path["id"]))
    if target is None or target.kind == "push":  # a browser is its agent's own
        raise ZhikeError("not_found")
    return target


async def get_notify_target(call: Call) -> NotifyTargetView:
    """One target."""
    return await _view(call, await _find(call))


async def _view(call: Call, target: Target) -> NotifyTargetView:
    expired = await call.to.store.read(rows.expired_counts, [target.id])
    return view(target, expired.get(target.id, 0))


def _body(given: Any, old: TargetBody) -> TargetBody:
    """``old`` with the fields of a request that are given."""
    named = {name: getattr(given, name) for name in old.__struct_fields__}
    changed = {name: value for name, value in named.items() if value is not UNSET}
    for name in ("address", "secret"):
        if name in changed:
            changed[name] = printable(name, changed[name])
    return msgspec.structs.replace(old, **changed)


async def create_notify_target(call: Call) -> NotifyTargetView:
    """Adds a target: a group robot of WeCom, DingTalk or Feishu, mail addresses, or a program."""
    body: NewNotifyTarget = call.body
    _needs_mail(call, body.kind)
    new = Target(0, printable("name", body.name), body.kind, _body(body, DEFAULT), body.enabled)
    target = await audited(
        call,
        "notify_target.created",
        lambda made: f"notify_target:{made.id}",
        {"kind": body.kind, "name": new.name},
        rows.create,
        new,
        call.now,
    )
    return view(target)


def _needs_mail(call: Call, kind: TargetKind) -> None:
    if kind == "email" and not call.to.settings.mail.host:
        raise ZhikeError("no_mail", field="kind")


def _edit(conn: Connection, target_id: int, change: NotifyTargetChange, now: int) -> Target:
    """In one transaction: two edits at once must not undo each other."""
    old = rows.get(conn, target_id)
    if old is None:
        raise ZhikeError("not_found")
    new = msgspec.structs.replace(
        old,
        name=old.name if change.name is UNSET else printable("name", change.name),
        enabled=old.enabled if change.enabled is UNSET else change.enabled,
        body=_body(change, old.body),
    )
    return rows.change(conn, new, now)


async def change_notify_target(call: Call) -> NotifyTargetView:
    """Changes a target; what could not be told is tried again at once. Its kind stays."""
    body: NotifyTargetChange = call.body
    target_id = (await _find(call)).id
    fields = sorted(name for name in body.__struct_fields__ if getattr(body, name) is not UNSET)
    target = await audited(
        call,
        "notify_target.updated",
        f"notify_target:{target_id}",
        {"fields": fields},
        _edit,
        target_id,
        body,
        call.now,
    )
    return await _view(call, target)


async def delete_notify_target(call: Call) -> None:
    """Removes a target, and what it was still to be told."""
    old = await _find(call)
    await audited(
        call, "notify_target.deleted", f"notify_target:{old.id}", {"name": old.name}, rows.remove, old.id
    )


async def test_notify_target(call: Call) -> Told:
    """Sends a test notice and waits for the other side's answer, at most 30 seconds."""
    return Told(round(await call.to.outreach.test_target(await _find(call)), 1))


test_notify_target.__test__ = False  # type: ignore[attr-defined]

_PATH = "/api/v1/notify-targets/{id}"

ROUTES = [
    Route(
        "GET",
        "/api/v1/notify-targets",
        list_notify_targets,
        ADMIN,
        ("List who is told of waiting visitors and trouble", "通知对象列表"),
        answer=Page[NotifyTargetView],
        query=NotifyTargetQuery,
    ),
    Route(
        "POST",
        "/api/v1/notify-targets",
        create_notify_target,
        ADMIN,
        ("Add a notify target", "新建通知对象"),
        answer=NotifyTargetView,
        status=201,
        body=NewNotifyTarget,
        errors=("conflict", "no_mail"),
        example={
            "name": "售后群",
            "kind": "wecom",
            "address": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=00000000",
        },
    ),
    Route(
        "GET",
        _PATH,
        get_notify_target,
        ADMIN,
        ("Get a notify target", "查看通知对象"),
        answer=NotifyTargetView,
    ),
    Route(
        "PATCH",
        _PATH,
        change_notify_target,
        ADMIN,
        ("Change a notify target", "修改通知对象"),
        answer=NotifyTargetView,
        body=NotifyTargetChange,
        example={"wants": ["visitor_waiting", "trouble"], "after_s": 60},
    ),
    Route(
        "DELETE",
        _PATH,
        delete_notify_target,
        ADMIN,
        ("Remove a notify target", "删除通知对象"),
        status=204,
    ),
    Route(
        "POST",
        _PATH + "/test",
        test_notify_target,
        ADMIN_ONLY,
        ("Send a test notice", "发送测试通知"),
        answer=Told,
        errors=("notify_failed",),
    ),
]
