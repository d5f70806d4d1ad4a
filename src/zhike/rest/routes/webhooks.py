"""Webhooks: programs of the owner's that are told of events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection

from zhike.access.rights import ADMIN, ADMIN_ONLY
from zhike.clock import to_datetime
from zhike.domain.hook import EVENTS, HookEvent, Tried, Webhook, WebhookBody
from zhike.domain.notice import Ids
from zhike.errors import ZhikeError
from zhike.ids import new_token
from zhike.rest.decode import path_id, printable
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.bots import Key, Name
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import webhooks as rows

Url = Annotated[str, Meta(min_length=1, max_length=2000)]
Events = Annotated[tuple[HookEvent, ...], Meta(min_length=1, max_length=len(EVENTS))]
OverlapS = Annotated[int, Meta(ge=0, le=7 * 86_400)]
DEFAULT_OVERLAP_S = 86_400
"""A day to bring the new secret to every receiver."""
SECRET_PREFIX = "whsec_"
"""Makes a leaked secret recognisable."""


class WebhookView(Struct):
    """``state``: active · off · failing (nothing has arrived since ``failing_since``, and it is tried on) ·
    paused (by the desk, ``last_error`` says why: switch it on again). ``old_secret_until``: until then the
    secret before signs, too. ``waiting_count``, ``failed_count``: deliveries, counted up to 10,000."""

    id: int
    key: str
    name: str
    url: str
    events: tuple[HookEvent, ...]
    inbox_ids: tuple[int, ...]
    team_ids: tuple[int, ...]
    mask: bool
    version: int
    enabled: bool
    state: Literal["active", "off", "failing", "paused"]
    failing_since: datetime | None
    paused_at: datetime | None
    last_error: str
    old_secret_until: datetime | None
    waiting_count: int
    failed_count: int
    last_sent_at: datetime | None
    created_at: datetime
    updated_at: datetime


class WithSecret(Struct):
    """``secret`` is shown this once. The desk signs what it sends with it."""

    webhook: WebhookView
    secret: str


class WebhookQuery(Paged, forbid_unknown_fields=True):
    """Only the page."""


class NewWebhook(Struct, forbid_unknown_fields=True):
    """``key``: its name in files (default: made from the id). ``events``: what it wants to hear.
    ``inbox_ids``, ``team_ids``: only of these; empty: all. ``mask``: names, mail addresses, phones and the
    like are replaced before they leave."""

    name: Name
    url: Url
    events: Events
    key: Key | UnsetType = UNSET
    inbox_ids: Ids = ()
    team_ids: Ids = ()
    mask: bool = True
    version: Literal[1] = 1
    enabled: bool = True


class WebhookChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay. ``enabled`` true also ends a pause."""

    name: Name | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    inbox_ids: Ids | UnsetType = UNSET
    team_ids: Ids | UnsetType = UNSET
    mask: bool | UnsetType = UNSET
    version: Literal[1] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Rotation(Struct, forbid_unknown_fields=True):
    """``overlap_s``: how long the old secret signs beside the new one."""

    overlap_s: OverlapS = DEFAULT_OVERLAP_S


class Trial(Struct, forbid_unknown_fields=True):
    """``event``: whose sample is sent (default: the first that the webhook wants)."""

    event: HookEvent | UnsetType = UNSET


class TriedView(Struct):
    """What was sent, and what came back. ``status`` 0: no answer; ``error`` says why. ``ok``: 2xx."""

    ok: bool
    url: str
    headers: dict[str, str]
    body: str
    status: int
    answer: str
    error: str
    took_ms: float


def at_ms(ms: int | None) -> datetime | None:
    return to_datetime(ms) if ms else None


def view(hook: Webhook, tally: rows.Tally, now: int) -> WebhookView:
    """The webhook without its secrets."""
    body = hook.body
    state: Literal["active", "off", "failing", "paused"] = "active"
    if not hook.enabled:
        state = "off"
    elif hook.paused_at is not None:
        state = "paused"
    elif hook.failing_since is not None:
        state = "failing"
    return WebhookView(
        hook.id,
        hook.key,
        hook.name,
        body.url,
        body.events,
        body.inbox_ids,
        body.team_ids,
        body.mask,
        body.version,
        hook.enabled,
        state,
        at_ms(hook.failing_since),
        at_ms(hook.paused_at),
        hook.last_error,
        at_ms(body.old_until) if len(body.secrets(now)) > 1 else None,
        tally.waiting,
        tally.failed,
        at_ms(tally.last_sent_at),
        to_datetime(hook.created_at),
        to_datetime(hook.updated_at),
    )


def _listed(conn: Connection, after_id: int, limit: int) -> list[tuple[Webhook, rows.Tally]]:
    return [(hook, rows.tally(conn, hook.id)) for hook in rows.listed(conn, after_id=after_id, limit=limit)]


async def list_webhooks(call: Call) -> Page[WebhookView]:
    """Webhooks in the order of their ids."""
    query: WebhookQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(_listed, after[0] if after else 0, query.limit + 1)
    return page(found, query.limit, lambda both: view(*both, call.now), lambda both: (both[0].id,))


async def find(call: Call) -> Webhook:
    hook = await call.to.store.read(rows.get, path_id(call.path["id"]))
    if hook is None:
        raise ZhikeError("not_found")
    return hook


async def _shown(call: Call, hook: Webhook) -> WebhookView:
    await call.to.desk.inboxes_changed()  # (who is told stands in the same memory)
    return view(hook, await call.to.store.read(rows.tally, hook.id), call.now)


async def get_webhook(call: Call) -> WebhookView:
    """One webhook."""
    hook = await find(call)
    return view(hook, await call.to.store.read(rows.tally, hook.id), call.now)


def new_secret() -> str:
    """What signs; shown once."""
    return SECRET_PREFIX + new_token(32)


async def create_webhook(call: Call) -> WithSecret:
    """Adds a webhook; its secret is in this answer and nowhere else."""
    body: NewWebhook = call.body
    secret = new_secret()
    key = f"hook-{new_token(6).lower()}" if body.key is UNSET else body.key
    wanted = WebhookBody(
        printable("url", body.url),
        secret,
        _once(body.events),
        body.inbox_ids,
        body.team_ids,
        body.mask,
        body.version,
    )
    hook = await audited(
        call,
        "webhook.created",
        lambda made: f"webhook:{made.id}",
        {"name": body.name, "events": wanted.events},
        rows.create,
        Webhook(0, key, printable("name", body.name), wanted, body.enabled),
        call.now,
    )
    return WithSecret(await _shown(call, hook), secret)


def _once(events: tuple[HookEvent, ...]) -> tuple[HookEvent, ...]:
    """Each once, in the order in which all are listed."""
    return tuple(event for event in EVENTS if event in events)


def _edit(conn: Connection, number: int, change: WebhookChange, now: int) -> Webhook:
    """In one transaction: two edits at once must not undo each other."""
    old = rows.get(conn, number)
    if old is None:
        raise ZhikeError("not_found")
    given: dict[str, Any] = {
        name: value
        for name in ("url", "events", "inbox_ids", "team_ids", "mask", "version")
        if (value := getattr(change, name)) is not UNSET
    }
    if "url" in given:
        given["url"] = printable("url", given["url"])
    if "events" in given:
        given["events"] = _once(given["events"])
    new = msgspec.structs.replace(
        old,
        name=old.name if change.name is UNSET else printable("name", change.name),
        enabled=old.enabled if change.enabled is UNSET else change.enabled,
        paused_at=None if change.enabled is True else old.paused_at,
        body=msgspec.structs.replace(old.body, **given),
    )
    return rows.change(conn, new, now)


async def change_webhook(call: Call) -> WebhookView:
    """Changes a webhook. Switched off, what waits for it has failed and can be sent again."""
    body: WebhookChange = call.body
    number = (await find(call)).id
    fields = sorted(name for name in body.__struct_fields__ if getattr(body, name) is not UNSET)
    hook = await audited(
        call, "webhook.updated", f"webhook:{number}", {"fields": fields}, _edit, number, body, call.now
    )
    return await _shown(call, hook)


async def delete_webhook(call: Call) -> None:
    """Removes a webhook, and what it was still to be told."""
    old = await find(call)
    await audited(call, "webhook.deleted", f"webhook:{old.id}", {"name": old.name}, rows.remove, old.id)
    call.to.hooks.gone(old)
    await call.to.desk.inboxes_changed()


def _rotate(conn: Connection, number: int, secret: str, overlap_ms: int, now: int) -> Webhook:
    old = rows.get(conn, number)
    if old is None:
        raise ZhikeError("not_found")
    kept = {"old_secret": old.body.secret if overlap_ms else "", "old_until": now + overlap_ms}
    body = msgspec.structs.replace(old.body, secret=secret, **kept)
    return rows.change(conn, msgspec.structs.replace(old, body=body), now)


async def rotate_webhook_secret(call: Call) -> WithSecret:
    """Makes a new secret. For ``overlap_s`` every request carries two signatures, so that no receiver needs
    to change at the very moment."""
    body: Rotation = call.body if call.body is not None else Rotation()
    number = (await find(call)).id
    secret = new_secret()
    hook = await audited(
        call,
        "webhook.secret_rotated",
        f"webhook:{number}",
        {"overlap_s": body.overlap_s},
        _rotate,
        number,
        secret,
        body.overlap_s * 1000,
        call.now,
    )
    return WithSecret(await _shown(call, hook), secret)


async def test_webhook(call: Call) -> TriedView:
    """Sends a sample at once and shows the request and its answer; waits twenty seconds at most."""
    body: Trial = call.body if call.body is not None else Trial()
    hook = await find(call)
    event = hook.body.events[0] if body.event is UNSET else body.event
    done: Tried = await call.to.hooks.test(hook, event)
    return TriedView(
        200 <= done.status < 300,
        done.url,
        done.headers,
        done.body,
        done.status,
        done.answer,
        done.error,
        round(done.took_ms, 1),
    )


test_webhook.__test__ = False  # type: ignore[attr-defined]


_PATH = "/api/v1/webhooks/{id}"

ROUTES = [
    Route(
        "GET",
        "/api/v1/webhooks",
        list_webhooks,
        ADMIN,
        ("List webhooks", "Webhook 列表"),
        answer=Page[WebhookView],
        query=WebhookQuery,
    ),
    Route(
        "POST",
        "/api/v1/webhooks",
        create_webhook,
        ADMIN_ONLY,
        ("Add a webhook", "新建 Webhook"),
        answer=WithSecret,
        status=201,
        body=NewWebhook,
        errors=("conflict",),
        example={
            "name": "ERP",
            "url": "https://erp.example/zhike",
            "events": ["conversation.resolved", "rating.created"],
        },
    ),
    Route("GET", _PATH, get_webhook, ADMIN, ("Get a webhook", "查看 Webhook"), answer=WebhookView),
    Route(
        "PATCH",
        _PATH,
        change_webhook,
        ADMIN_ONLY,
        ("Change a webhook", "修改 Webhook"),
        answer=WebhookView,
        body=WebhookChange,
        example={"events": ["conversation.resolved"], "enabled": True},
    ),
    Route("DELETE", _PATH, delete_webhook, ADMIN_ONLY, ("Remove a webhook", "删除 Webhook"), status=204),
    Route(
        "POST",
        f"{_PATH}/secret",
        rotate_webhook_secret,
        ADMIN_ONLY,
        ("Make a new webhook secret", "更换 Webhook 密钥"),
        answer=WithSecret,
        status=201,
        body=Rotation,
        body_optional=True,
        example={"overlap_s": 86400},
    ),
    Route(
        "POST",
        f"{_PATH}/test",
        test_webhook,
        ADMIN_ONLY,
        ("Send a sample", "发送测试事件"),
        answer=TriedView,
        body=Trial,
        body_optional=True,
        errors=("starting",),
        example={"event": "message.created"},
    ),
]
