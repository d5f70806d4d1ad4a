"""Prompt templates in versions: nothing is ever overwritten, and one version of a name is active.

Every change raises the bot's ``knowledge_version``, so that all instances answer by it within a
second. That update comes first in each function: it locks the bot's row, and so two edits of one
bot take turns on every database.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from zhike.domain.prompt import StoredPrompt, Template
from zhike.errors import ZhikeError
from zhike.store.articles import Counts
from zhike.store.bots import bump_knowledge_version, get_bot
from zhike.store.checks import refuse
from zhike.store.dialect import next_ids
from zhike.store.promptchecks import MAX_NOTE_CHARS, check_template
from zhike.store.tables import prompts as _prompts

MAX_VERSIONS = 500
"""Kept of one name; beyond it the oldest that is not active goes, so that a script that edits every
minute fills no disk."""

_encode = msgspec.json.Encoder(order="deterministic").encode
_template = msgspec.json.Decoder(Template).decode


def _read(row: RowMapping) -> StoredPrompt:
    fields = {name: value for name, value in row.items() if name != "body"}
    return StoredPrompt(**{**fields, "active": bool(row["active"])}, template=_template(row["body"]))


def tidy(template: Template) -> Template:
    """A template as it is stored: no blanks or line ends around its prompt, so that YAML and JSON of
    the same template are the same version."""
    return msgspec.structs.replace(template, system_prompt=template.system_prompt.strip())


def create_version(conn: Connection, bot_id: int, template: Template, now: int, *, by: str = "",
                   note: str = "", activate: bool = True) -> StoredPrompt:
    """Stores a new version of ``template.name`` and, if wanted or it is the first, makes it active.

    A template equal to the active version is no change: that version comes back.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``not_found`` if there is no such bot.
    """
    template = tidy(template)
    refuse(check_template(template))
    bump_knowledge_version(conn, bot_id, now)
    if get_bot(conn, bot_id) is None:
        raise ZhikeError("not_found", f"bot {bot_id}")
    active = get_active(conn, bot_id, template.name)
    if active is not None and active.template == template:
        return active
    last = conn.execute(select(func.max(_prompts.c.version)).where(
        _prompts.c.bot_id == bot_id, _prompts.c.name == template.name)).scalar()
    made = StoredPrompt(next_ids(conn, "prompt", 1)[0], bot_id, template.name, (last or 0) + 1, template,
                        activate or active is None, note[:MAX_NOTE_CHARS], by[:200], now)
    if made.active:
        _deactivate(conn, bot_id, template.name)
    conn.execute(insert(_prompts).values(
        id=made.id, bot_id=bot_id, name=made.name, version=made.version, body=_encode(template).decode(),
        active=made.active, note=made.note, created_by=made.created_by, created_at=now))
    _forget_oldest(conn, bot_id, template.name)
    return made


def _deactivate(conn: Connection, bot_id: int, name: str) -> None:
    conn.execute(update(_prompts).where(_prompts.c.bot_id == bot_id, _prompts.c.name == name,
                                        _prompts.c.active.is_(True)).values(active=False))


def _forget_oldest(conn: Connection, bot_id: int, name: str) -> None:
    c = _prompts.c
    kept = conn.execute(select(c.id, c.active).where(c.bot_id == bot_id, c.name == name)
                        .order_by(c.version.desc()).offset(MAX_VERSIONS).limit(100)).all()
    gone = [row.id for row in kept if not row.active]
    if gone:
        conn.execute(delete(_prompts).where(c.id.in_(gone)))


def activate(conn: Connection, prompt_id: int, now: int) -> StoredPrompt:
    """Makes one version the active one: that is how an edit is rolled back.

    Raises:
        ZhikeError: ``not_found``.
    """
    wanted = get_prompt(conn, prompt_id)
    if wanted is None:
        raise ZhikeError("not_found", f"prompt {prompt_id}")
    bump_knowledge_version(conn, wanted.bot_id, now)
    _deactivate(conn, wanted.bot_id, wanted.name)
    conn.execute(update(_prompts).where(_prompts.c.id == prompt_id).values(active=True))
    return msgspec.structs.replace(wanted, active=True)


def delete_prompts(conn: Connection, bot_id: int, names: Sequence[str], now: int) -> int:
    """Removes those templates with all their versions; returns how many rows there were."""
    if not names:
        return 0
    bump_knowledge_version(conn, bot_id, now)
    return conn.execute(delete(_prompts).where(_prompts.c.bot_id == bot_id,
                                               _prompts.c.name.in_(names))).rowcount


def put_prompts(conn: Connection, bot_id: int, templates: Iterable[Template], now: int,
                by: str = "") -> Counts:
    """Makes each template the active version of its name; equal ones are left alone.

    Raises:
        FieldError: a field is not valid.
    """
    wanted = {template.name: tidy(template) for template in templates}
    found = {stored.name: stored for stored in active_for_bot(conn, bot_id)}
    added = changed = 0
    for name, template in wanted.items():
        old = found.get(name)
        if old is not None and old.template == template:
            continue
        create_version(conn, bot_id, template, now, by=by)
        added += old is None
        changed += old is not None
    return Counts(added, changed, len(wanted) - added - changed)


def get_prompt(conn: Connection, prompt_id: int) -> StoredPrompt | None:
    """One version by its id, or None."""
    return _one(conn, _prompts.c.id == prompt_id)


def get_active(conn: Connection, bot_id: int, name: str) -> StoredPrompt | None:
    """The active version of a name, or None."""
    return _one(conn, _prompts.c.bot_id == bot_id, _prompts.c.name == name, _prompts.c.active.is_(True))


def get_version(conn: Connection, bot_id: int, name: str, version: int) -> StoredPrompt | None:
    """One version by its number, or None."""
    return _one(conn, _prompts.c.bot_id == bot_id, _prompts.c.name == name, _prompts.c.version == version)


def _one(conn: Connection, *where: Any) -> StoredPrompt | None:
    row = conn.execute(select(_prompts).where(*where)).mappings().first()
    return None if row is None else _read(row)


def active_for_bot(conn: Connection, bot_id: int) -> list[StoredPrompt]:
    """The active version of every template of the bot, by name."""
    rows = conn.execute(select(_prompts).where(_prompts.c.bot_id == bot_id, _prompts.c.active.is_(True))
                        .order_by(_prompts.c.name))
    return [_read(row) for row in rows.mappings()]


def list_prompts(conn: Connection, *, bot_id: int | None = None, name: str = "", active: bool | None = None,
                 after_id: int = 0, limit: int = 1000) -> list[StoredPrompt]:
    """A page of versions in the order of their ids."""
    query = select(_prompts).where(_prompts.c.id > after_id)
    if bot_id is not None:
        query = query.where(_prompts.c.bot_id == bot_id)
    if name:
        query = query.where(_prompts.c.name == name)
    if active is not None:
        query = query.where(_prompts.c.active.is_(active))
    rows = conn.execute(query.order_by(_prompts.c.id).limit(limit))
    return [_read(row) for row in rows.mappings()]


def diff(old: Template | None, new: Template) -> Iterator[str]:
    """The lines that differ: ``- before``, ``+ after``, and ``  same`` lines near them, field by field."""
    before = msgspec.to_builtins(old) if old is not None else {}
    after = msgspec.to_builtins(new)
    for name in Template.__struct_fields__:
        left, right = before.get(name), after.get(name)
        if left == right:
            continue
        yield f"{name}:"
        for line in difflib.unified_diff(_lines(left), _lines(right), n=2, lineterm=""):
            if not line.startswith(("---", "+++", "@@")):
                yield f"  {line}"


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, dict):
        return [f"{name}: {text}" for name, text in value.items()]
    if isinstance(value, list | tuple):
        return [line for item in value for line in
                (_lines(item) if isinstance(item, dict) else [str(item)])]
    return str(value).split("\n")
