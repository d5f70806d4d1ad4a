"""Rules: fixed replies, tried in the order of their position. Every edit raises the bot's version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, or_, select

from zhike.domain.knowledge import Rule
from zhike.domain.message import Button
from zhike.errors import ZhikeError
from zhike.store.articles import MAX_KEYS_PER_QUERY, Counts
from zhike.store.bots import bump_knowledge_version, get_bot
from zhike.store.checks import Fault, check_rule, refuse
from zhike.store.dialect import next_ids, upsert
from zhike.store.flows import keys_of
from zhike.store.tables import rules as _rules

_encode = msgspec.json.Encoder().encode
_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_buttons = msgspec.json.Decoder(tuple[Button, ...]).decode
_CHANGED = ("lang", "kind", "match", "reply", "buttons", "action", "opener", "position", "enabled",
            "updated_at")


def _read(row: RowMapping) -> Rule:
    return Rule(**{**row, "match": _texts(row["match"]), "buttons": _buttons(row["buttons"]),
                   "opener": bool(row["opener"]), "enabled": bool(row["enabled"])})


def _row(rule: Rule) -> dict[str, Any]:
    return {**{name: getattr(rule, name) for name in rule.__struct_fields__},
            "match": _encode(rule.match).decode(), "buttons": _encode(rule.buttons).decode()}


def _flows_exist(conn: Connection, bot_id: int, rules: Iterable[Rule]) -> Iterator[Fault]:
    wanted = [rule.action.removeprefix("flow:") for rule in rules if rule.action.startswith("flow:")]
    if wanted:
        known = keys_of(conn, bot_id)
        for key in wanted:
            if key not in known:
                yield Fault("action", f"没有流程 {key!r}", f"there is no flow {key!r}")


def create_rule(conn: Connection, rule: Rule, now: int) -> Rule:
    """Stores a new rule and returns it with its id; ``rule.id`` is not looked at.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``conflict`` if the key is taken, ``not_found`` if there is no such bot.
    """
    refuse(check_rule(rule))
    if get_bot(conn, rule.bot_id) is None:
        raise ZhikeError("not_found", f"bot {rule.bot_id}")
    refuse(_flows_exist(conn, rule.bot_id, [rule]))
    if get_rule_by_key(conn, rule.bot_id, rule.key) is not None:
        raise ZhikeError("conflict", f"rules.key = {rule.key!r}", field="key")
    new = msgspec.structs.replace(rule, id=next_ids(conn, "rule", 1)[0], created_at=now, updated_at=now)
    upsert(conn, _rules, [_row(new)], ["bot_id", "key"], [])
    bump_knowledge_version(conn, rule.bot_id, now)
    stored = get_rule_by_key(conn, rule.bot_id, rule.key)
    if stored is None or stored.id != new.id:  # another process was faster by a hair
        raise ZhikeError("conflict", f"rules.key = {rule.key!r}", field="key")
    return new


def update_rule(conn: Connection, rule: Rule, now: int) -> Rule:
    """Stores what people write of the rule with ``rule.id``; bot and key stay.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``not_found``.
    """
    old = get_rule(conn, rule.id)
    if old is None:
        raise ZhikeError("not_found", f"rule {rule.id}")
    new = msgspec.structs.replace(rule, bot_id=old.bot_id, key=old.key, created_at=old.created_at,
                                  updated_at=old.updated_at)
    refuse(check_rule(new))
    refuse(_flows_exist(conn, old.bot_id, [new]))
    if new == old:
        return old
    new = msgspec.structs.replace(new, updated_at=now)
    row = _row(new)
    conn.execute(_rules.update().where(_rules.c.id == rule.id)
                 .values({name: row[name] for name in _CHANGED}))
    bump_knowledge_version(conn, old.bot_id, now)
    return new


def get_rule(conn: Connection, rule_id: int) -> Rule | None:
    """One rule, or None."""
    row = conn.execute(select(_rules).where(_rules.c.id == rule_id)).mappings().first()
    return None if row is None else _read(row)


def get_rule_by_key(conn: Connection, bot_id: int, key: str) -> Rule | None:
    """One rule, or None."""
    row = conn.execute(select(_rules).where(_rules.c.bot_id == bot_id, _rules.c.key == key)
                       ).mappings().first()
    return None if row is None else _read(row)


def list_rules(conn: Connection, *, bot_id: int | None = None, lang: str = "", kind: str = "",
               enabled: bool | None = None, text: str = "", after_id: int = 0,
               limit: int = 50) -> list[Rule]:
    """A page in the order of ids, from the id after ``after_id``.

    ``text`` finds it anywhere in key, matches or reply.
    """
    query = select(_rules).where(_rules.c.id > after_id)
    if bot_id is not None:
        query = query.where(_rules.c.bot_id == bot_id)
    if lang:
        query = query.where(_rules.c.lang == lang)
    if kind:
        query = query.where(_rules.c.kind == kind)
    if enabled is not None:
        query = query.where(_rules.c.enabled.is_(enabled))
    if text:
        query = query.where(or_(*(func.lower(column).contains(text.lower(), autoescape=True)
                                  for column in (_rules.c.key, _rules.c.match, _rules.c.reply))))
    rows = conn.execute(query.order_by(_rules.c.id).limit(limit))
    return [_read(row) for row in rows.mappings()]


def all_of_all(conn: Connection) -> dict[int, list[Rule]]:
    """The rules of every bot, each bot's in the order in which they are tried: one query for a start."""
    found: dict[int, list[Rule]] = {}
    rows = conn.execute(select(_rules).order_by(_rules.c.bot_id, _rules.c.position, _rules.c.id))
    for row in rows.mappings():
        found.setdefault(int(row["bot_id"]), []).append(_read(row))
    return found


def all_for_bot(conn: Connection, bot_id: int) -> list[Rule]:
    """The bot's rules in the order in which they are tried (disabled ones too)."""
    rows = conn.execute(select(_rules).where(_rules.c.bot_id == bot_id)
                        .order_by(_rules.c.position, _rules.c.id))
    return [_read(row) for row in rows.mappings()]


def delete_rule(conn: Connection, rule_id: int, now: int) -> bool:
    """Removes one rule; False if there is none."""
    old = get_rule(conn, rule_id)
    return old is not None and delete_rules(conn, old.bot_id, [rule_id], now) > 0


def delete_rules(conn: Connection, bot_id: int, ids: Sequence[int], now: int) -> int:
    """Removes those rules of one bot; returns how many there were."""
    gone = sum(conn.execute(delete(_rules).where(
        _rules.c.bot_id == bot_id, _rules.c.id.in_(ids[start:start + MAX_KEYS_PER_QUERY]))).rowcount
        for start in range(0, len(ids), MAX_KEYS_PER_QUERY))
    if gone:
        bump_knowledge_version(conn, bot_id, now)
    return gone


def put_rules(conn: Connection, bot_id: int, rules: Iterable[Rule], now: int) -> Counts:
    """Stores many rules by key: new ones are added, different ones changed, the rest left alone.
    The version rises once, and only if something changed.

    Raises:
        FieldError: a field is not valid; nothing is stored then.
    """
    wanted = {rule.key: rule for rule in rules}
    for rule in wanted.values():
        refuse(check_rule(rule))
    refuse(_flows_exist(conn, bot_id, wanted.values()))
    found = {rule.key: rule for rule in all_for_bot(conn, bot_id)}
    fresh = [rule for key, rule in wanted.items() if key not in found]
    ids = iter(next_ids(conn, "rule", len(fresh))) if fresh else iter(())
    new = [_row(msgspec.structs.replace(rule, id=next(ids), bot_id=bot_id, created_at=now, updated_at=now))
           for rule in fresh]
    changed = []
    for key, rule in wanted.items():
        if (old := found.get(key)) is None:
            continue
        kept = msgspec.structs.replace(rule, id=old.id, bot_id=bot_id, created_at=old.created_at,
                                       updated_at=old.updated_at)
        if kept != old:
            changed.append(_row(msgspec.structs.replace(kept, updated_at=now)))
    upsert(conn, _rules, new + changed, ["bot_id", "key"], _CHANGED)
    if new or changed:
        bump_knowledge_version(conn, bot_id, now)
    return Counts(len(new), len(changed), len(wanted) - len(new) - len(changed))
