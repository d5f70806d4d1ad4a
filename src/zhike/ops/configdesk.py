"""What people work with as YAML: teams, tags, canned responses, who is notified.

::

    teams:          [{key, name, settings}]              settings as over HTTP; overflow_team is a key
    tags:           [{name, colour}]
    canned:         [{shortcut, lang, text, folder, team, enabled}]
    notify_targets: [{name, kind, address, secret, lang, wants, after_s, inboxes, teams, enabled}]

Numbers of the database stand in none of it: teams and inboxes are named by their keys, so that a file means
the same on another desk. Who belongs to a team is not configuration and stays as it is; canned responses are
those that everybody or a team uses, not people's own. ``address`` and ``secret`` of a robot are as good as a
password: they are not exported, and stay as they are when a file without them is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from zhike.domain.canned import Canned
from zhike.domain.notice import DEFAULT_AFTER_S, Target, TargetBody, TargetKind, Wanted
from zhike.domain.team import Strategy, Team, TeamSettings
from zhike.ops.yamlfile import Node, Reader
from zhike.ops.yamltyped import struct
from zhike.store import canned, canned_files, inboxes, notify, tags, teams
from zhike.store.checks import Fault, check_key, check_text

MOST = 1_000_000


class TeamRules(msgspec.Struct, frozen=True, omit_defaults=True):
    """:class:`zhike.domain.team.TeamSettings`, with the key of a team for its number."""

    auto_assign: bool = True
    strategy: Strategy = "round_robin"
    overflow_team: str = ""
    overflow_after_s: int = 0
    late_after_s: int = 0
    reassign_after_s: int = 120
    fair_limit: int = 0
    fair_window_s: int = 3600
    languages: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()


class TeamItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One team of a file."""

    key: str
    name: str = ""
    settings: TeamRules = TeamRules()


class TagItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One tag of a file."""

    name: str
    colour: str = ""


class CannedItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One canned response of a file; ``team``: a key, "" = everybody's. ``files``: the names of what goes
    with it, to be read: the bytes are not in the file, and applying it leaves them as they are."""

    shortcut: str
    text: str
    lang: Literal["", "zh", "en"] = ""
    folder: str = ""
    team: str = ""
    enabled: bool = True
    files: tuple[str, ...] = ()


class TargetItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is notified. ``inboxes``, ``teams``: keys."""

    name: str
    kind: TargetKind
    address: str = ""
    secret: str = ""
    lang: Literal["zh", "en"] = "zh"
    wants: tuple[Wanted, ...] = TargetBody("").wants
    after_s: int = DEFAULT_AFTER_S
    inboxes: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    enabled: bool = True


DeskItem = TeamItem | TagItem | CannedItem | TargetItem
KINDS: dict[str, type[DeskItem]] = {"teams": TeamItem, "tags": TagItem, "canned": CannedItem,
                                    "notify_targets": TargetItem}
NOUNS = tuple(KINDS)
FIELDS = {noun: kind.__struct_fields__ for noun, kind in KINDS.items()}
REQUIRED = {"teams": ("key",), "tags": ("name",), "canned": ("shortcut", "text"),
            "notify_targets": ("name", "kind")}
HIDDEN = ("address", "secret")


def read(reader: Reader, noun: str, node: Node, fields: Mapping[str, Node]) -> DeskItem | None:
    """One entry; None (and its problems) if it cannot be read."""
    item: DeskItem | None = struct(reader, node, KINDS[noun], fields)
    if isinstance(item, TeamItem) and not item.name:
        return msgspec.structs.replace(item, name=item.key)
    return item


def identity(item: DeskItem) -> tuple[str, ...]:
    """What tells two entries of a noun apart."""
    match item:
        case TeamItem():
            return (item.key,)
        case TagItem():
            return (item.name,)
        case CannedItem():
            return (item.shortcut, item.lang)
        case TargetItem():
            return (item.kind, item.name)


def faults(item: DeskItem) -> Iterator[Fault]:
    """What can be told without the database; the rest is told when it is applied."""
    match item:
        case TeamItem():
            yield from check_key(item.key)
            try:
                _settings(item.settings, None)
            except msgspec.ValidationError as error:
                yield Fault("settings", f"不符合要求：{error}", f"is not valid: {error}")
        case TagItem():
            yield from check_text("name", item.name, 64)
        case CannedItem():
            yield from canned.check(_canned(item, 0, 0))
        case TargetItem():
            if item.address:
                yield from notify.check(_target(item, 0, (), (), None))


def written(item: DeskItem) -> dict[str, Any]:
    """An entry as a file says it: without what is secret."""
    made = _lean(item)
    if isinstance(item, TargetItem):
        for name in HIDDEN:
            if name == "secret" or item.kind != "email":
                made.pop(name, None)
    return made


def _lean(item: msgspec.Struct) -> dict[str, Any]:
    """What is not as it would be anyway (compared by value; msgspec's own leaving out goes by identity)."""
    made: dict[str, Any] = {}
    for field in msgspec.structs.fields(item):
        value = getattr(item, field.name)
        if not field.required and value == field.default:
            continue
        made[field.name] = _lean(value) if isinstance(value, msgspec.Struct) else msgspec.to_builtins(value)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in made.items()}


def kept(item: DeskItem, old: DeskItem | None) -> DeskItem:
    """A file without address or secret, or without the bytes of attachments, does not take the stored ones
    away."""
    if isinstance(item, TargetItem) and isinstance(old, TargetItem):
        return msgspec.structs.replace(item, address=item.address or old.address,
                                       secret=item.secret or old.secret)
    if isinstance(item, CannedItem):
        return msgspec.structs.replace(item, files=old.files if isinstance(old, CannedItem) else ())
    return item


def hidden(old: DeskItem, new: DeskItem) -> dict[str, tuple[str, str]]:
    """Changes that are made and not shown."""
    if not (isinstance(old, TargetItem) and isinstance(new, TargetItem)):
        return {}
    return {name: ("***", "***") for name in HIDDEN
            if getattr(old, name) != getattr(new, name) and not (name == "address" and old.kind == "email")}


# ---- what is stored ------------------------------------------------------------------------------


def stored(conn: Connection) -> dict[str, dict[tuple[str, ...], tuple[DeskItem, int]]]:
    """Noun → identity → (item, its id). Of two targets with one name the first counts."""
    of_teams = {team.id: team for team in teams.listed(conn)}
    boxes = {box.id: box.key for box in inboxes.list_inboxes(conn, limit=MOST)}
    keys = {number: team.key for number, team in of_teams.items()}
    found: dict[str, dict[tuple[str, ...], tuple[DeskItem, int]]] = {noun: {} for noun in NOUNS}

    def put(noun: str, item: DeskItem, number: int) -> None:
        found[noun].setdefault(identity(item), (item, number))

    for team in of_teams.values():
        own = msgspec.structs.asdict(team.settings)
        onward = own.pop("overflow_team_id")
        rules = TeamRules(overflow_team=keys.get(onward, ""), **own)
        put("teams", TeamItem(team.key, team.name, rules), team.id)
    for tag in tags.list_tags(conn):
        put("tags", TagItem(tag.name, tag.colour), tag.id)
    responses = canned.page(conn, canned.Wanted(all_teams=True), 0, MOST)
    attached = canned_files.of(conn, [one.id for one in responses])
    for one in responses:
        put("canned", CannedItem(one.shortcut, one.text, one.lang, one.folder,  # type: ignore[arg-type]
                                 keys.get(one.team_id, ""), one.enabled,
                                 tuple(file.name for file in attached.get(one.id, ()))), one.id)
    for target in notify.listed(conn, limit=MOST):
        if target.kind == "push":
            continue
        body = target.body
        put("notify_targets", TargetItem(
            target.name, target.kind, body.address, body.secret, body.lang, body.wants, body.after_s,
            tuple(boxes[one] for one in body.inbox_ids if one in boxes),
            tuple(keys[one] for one in body.team_ids if one in keys), target.enabled), target.id)
    return found


# ---- doing it ------------------------------------------------------------------------------------


def apply_teams(conn: Connection, items: list[TeamItem], now: int) -> None:
    """Teams first without their overflow: two may name each other's successor."""
    known = {team.key: team for team in teams.listed(conn)}
    for item in items:
        if item.key not in known:
            known[item.key] = teams.create(conn, Team(0, item.key, item.name), now)
    for item in items:
        onward = known.get(item.settings.overflow_team)
        old = known[item.key]
        teams.change(conn, msgspec.structs.replace(
            old, name=item.name, settings=_settings(item.settings, onward.id if onward else None)), now)


def apply(conn: Connection, items: list[tuple[DeskItem, int]], now: int) -> None:
    """Stores what is not a team; each with the id it has (0 = it is new)."""
    keys = {team.key: team.id for team in teams.listed(conn)}
    boxes = {box.key: box.id for box in inboxes.list_inboxes(conn, limit=MOST)}
    for item, number in items:
        match item:
            case TagItem():
                if number:
                    tags.change(conn, number, {"colour": item.colour})
                else:
                    tags.create(conn, item.name, item.colour, now)
            case CannedItem():
                made = _canned(item, number, keys.get(item.team, 0))
                if number:
                    before = canned.get(conn, number)
                    assert before is not None
                    canned.change(conn, msgspec.structs.replace(made, created_at=before.created_at), now)
                else:
                    canned.create(conn, made, now)
            case TargetItem():
                old = notify.get(conn, number) if number else None
                target = _target(item, number, tuple(boxes[one] for one in item.inboxes),
                                 tuple(keys[one] for one in item.teams), old)
                notify.change(conn, target, now) if number else notify.create(conn, target, now)


def remove(conn: Connection, noun: str, number: int) -> None:
    """Removes one.

    Raises:
        ZhikeError: ``conflict`` while something names a team.
    """
    if noun == "teams":
        teams.remove(conn, number)
    elif noun == "tags":
        tags.remove(conn, number)
    elif noun == "canned":
        canned.remove(conn, number)
    else:
        notify.remove(conn, number)


def _settings(rules: TeamRules, onward: int | None) -> TeamSettings:
    own = msgspec.structs.asdict(rules)
    own.pop("overflow_team")
    return msgspec.convert({**own, "overflow_team_id": onward}, TeamSettings)


def _canned(item: CannedItem, number: int, team_id: int) -> Canned:
    return Canned(number, item.shortcut, item.text, item.folder, item.lang, 0, team_id, item.enabled)


def _target(item: TargetItem, number: int, inbox_ids: tuple[int, ...], team_ids: tuple[int, ...],
            old: Target | None) -> Target:
    body = TargetBody(item.address, item.secret, item.lang, item.wants, item.after_s, inbox_ids, team_ids)
    fresh = Target(number, item.name, item.kind, body, item.enabled)
    return fresh if old is None else msgspec.structs.replace(old, name=item.name, body=body,
                                                              enabled=item.enabled)


