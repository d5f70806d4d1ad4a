"""Webhooks as YAML: the section ``webhooks:`` of a configuration file.

    webhooks: [{key, name, url, events, inboxes, teams, mask, version, enabled}]

Inboxes and teams are named by their keys. Secrets are not exported; a webhook that a file makes gets one of
its own (make a new one in the console to see it), and one that is there keeps what it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from zhike.domain.hook import EVENTS, VERSION, HookEvent, Webhook, WebhookBody
from zhike.ids import new_token
from zhike.ops.yamlfile import Node, Reader
from zhike.store import inboxes, tables, webhooks
from zhike.store.checks import Fault

NOUN = "webhooks"
FIELDS = {NOUN: ("key", "name", "url", "events", "inboxes", "teams", "mask", "version", "enabled")}
REQUIRED = {NOUN: ("key", "url", "events")}
_CHECKED_SECRET = "x" * webhooks.MIN_SECRET_CHARS
_DEFAULTS: dict[str, Any] = {"inboxes": [], "teams": [], "mask": True, "version": VERSION, "enabled": True}


class FileHook(msgspec.Struct, frozen=True):
    """A webhook as a file says it."""

    key: str
    name: str
    url: str
    events: tuple[str, ...]
    inboxes: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    mask: bool = True
    version: int = VERSION
    enabled: bool = True
    id: int = 0


def read(reader: Reader, fields: Mapping[str, Node]) -> FileHook:
    """One entry."""
    def texts(name: str) -> tuple[str, ...]:
        return reader.texts(fields[name]) if name in fields else ()

    def flag(name: str) -> bool:
        return reader.boolean(fields[name]) if name in fields else True

    key = reader.text(fields["key"])
    given = texts("events")
    events = tuple(event for event in EVENTS if event in given) + tuple(e for e in given if e not in EVENTS)
    return FileHook(key, reader.text(fields["name"]) if "name" in fields else key, reader.text(fields["url"]),
                    events, texts("inboxes"), texts("teams"), flag("mask"),
                    reader.integer(fields["version"]) if "version" in fields else VERSION, flag("enabled"))


def check(item: FileHook) -> Iterator[Fault]:
    """Its faults, but for keys that only the database knows."""
    return webhooks.check_webhook(_hook(item, _CHECKED_SECRET, (), ()))


def written(item: FileHook) -> dict[str, Any]:
    """An entry as a file says it: defaults left out."""
    value = msgspec.to_builtins(item)
    return {name: value[name] for name in FIELDS[NOUN]
            if name not in _DEFAULTS or value[name] != _DEFAULTS[name]}


def stored(conn: Connection) -> list[FileHook]:
    """Those in the database, by key."""
    boxes = {box.id: box.key for box in inboxes.list_inboxes(conn, limit=1_000_000)}
    groups = {row.id: row.key for row in conn.execute(select(tables.teams.c.id, tables.teams.c.key))}
    found = []
    for hook in sorted(webhooks.listed(conn), key=lambda one: one.key):
        body = hook.body
        found.append(FileHook(hook.key, hook.name, body.url, body.events,
                              tuple(boxes.get(number, "") for number in body.inbox_ids),
                              tuple(groups.get(number, "") for number in body.team_ids), body.mask,
                              body.version, hook.enabled, hook.id))
    return found


def put(conn: Connection, item: FileHook, old: FileHook | None, now: int) -> None:
    """Makes the webhook what the file says; its inboxes and teams are stored already."""
    boxes = {box.key: box.id for box in inboxes.list_inboxes(conn, limit=1_000_000)}
    groups = {row.key: row.id for row in conn.execute(select(tables.teams.c.id, tables.teams.c.key))}
    inbox_ids = tuple(boxes[key] for key in item.inboxes)
    team_ids = tuple(groups[key] for key in item.teams)
    held = webhooks.get(conn, old.id) if old is not None else None
    if held is None:
        webhooks.create(conn, _hook(item, f"whsec_{new_token(32)}", inbox_ids, team_ids), now)
        return
    new = _hook(item, held.body.secret, inbox_ids, team_ids)
    body = msgspec.structs.replace(new.body, old_secret=held.body.old_secret, old_until=held.body.old_until)
    webhooks.change(conn, msgspec.structs.replace(held, name=item.name, enabled=item.enabled, body=body), now)


def _hook(item: FileHook, secret: str, inbox_ids: tuple[int, ...], team_ids: tuple[int, ...]) -> Webhook:
    events: tuple[HookEvent, ...] = item.events  # type: ignore[assignment]  # checked with the webhook
    return Webhook(0, item.key, item.name, WebhookBody(
        item.url, secret, events, inbox_ids, team_ids, item.mask, item.version), item.enabled)
