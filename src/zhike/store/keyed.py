"""Tools and flows: rows of a bot with a key and a body in JSON. Every edit raises the bot's version.

Both tables have the same columns, so what is done with their rows is written once; ``store/tools.py`` and
``store/flows.py`` say what is particular to each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Connection, RowMapping, Table, delete, func, or_, select, update

from zhike.domain.flow import Flow
from zhike.domain.tool import Tool
from zhike.errors import ZhikeError
from zhike.store.articles import MAX_KEYS_PER_QUERY, Counts
from zhike.store.bots import bump_knowledge_version, get_bot
from zhike.store.checks import Fault, refuse
from zhike.store.dialect import next_ids, upsert

T = TypeVar("T", bound=Tool | Flow)
_encode = msgspec.json.Encoder(order="deterministic").encode
_CHANGED = ("body", "enabled", "updated_at")


class Keyed(Generic[T]):
    """The rows of one such table.

    Args:
        noun: for ids and errors, such as ``tool``.
        kind: the struct; ``check``: its own faults; ``look``: faults that only the database can tell.
        needed: who cannot do without one of these keys of a bot; "" nobody.
    """

    def __init__(self, noun: str, table: Table, kind: type[T], check: Callable[[T], Iterator[Fault]],
                 look: Callable[[Connection, int, Sequence[T]], Iterator[Fault]] | None = None, *,
                 needed: Callable[[Connection, int, set[str]], str]) -> None:
        self.noun = noun
        self.table = table
        self.kind = kind
        self._check = check
        self._look = look
        self._needed = needed
        body = next(f.type for f in msgspec.structs.fields(kind) if f.name == "body")
        self._decode = msgspec.json.Decoder(body).decode

    def _read(self, row: RowMapping) -> T:
        return self.kind(**{**row, "body": self._decode(row["body"]), "enabled": bool(row["enabled"])})

    def _row(self, item: T) -> dict[str, Any]:
        return {**{name: getattr(item, name) for name in item.__struct_fields__},
                "body": _encode(item.body).decode()}

    def _refuse(self, conn: Connection, bot_id: int, items: Sequence[T]) -> None:
        for item in items:
            refuse(self._check(item))
        if self._look is not None:
            refuse(self._look(conn, bot_id, items))

    def create(self, conn: Connection, item: T, now: int) -> T:
        """Stores a new one and returns it with its id; ``item.id`` is not looked at.

        Raises:
            FieldError: a field is not valid.
            ZhikeError: ``conflict`` if the key is taken, ``not_found`` if there is no such bot.
        """
        if get_bot(conn, item.bot_id) is None:
            raise ZhikeError("not_found", f"bot {item.bot_id}")
        self._refuse(conn, item.bot_id, [item])
        taken = ZhikeError("conflict", f"{self.noun}s.key = {item.key!r}", field="key")
        if self.by_key(conn, item.bot_id, item.key) is not None:
            raise taken
        new_id = next_ids(conn, self.noun, 1)[0]
        new = msgspec.structs.replace(item, id=new_id, created_at=now, updated_at=now)
        upsert(conn, self.table, [self._row(new)], ["bot_id", "key"], [])
        bump_knowledge_version(conn, item.bot_id, now)
        stored = self.by_key(conn, item.bot_id, item.key)
        if stored is None or stored.id != new.id:  # another process was faster by a hair
            raise taken
        return new

    def update(self, conn: Connection, item: T, now: int) -> T:
        """Stores body and ``enabled`` of the one with ``item.id``; bot and key stay.

        Raises:
            FieldError: a field is not valid.
            ZhikeError: ``not_found``.
        """
        old = self.get(conn, item.id)
        if old is None:
            raise ZhikeError("not_found", f"{self.noun} {item.id}")
        new = msgspec.structs.replace(item, bot_id=old.bot_id, key=old.key, created_at=old.created_at,
                                      updated_at=old.updated_at)
        self._refuse(conn, old.bot_id, [new])
        if new == old:
            return old
        new = msgspec.structs.replace(new, updated_at=now)
        row = self._row(new)
        conn.execute(update(self.table).where(self.table.c.id == item.id)
                     .values({name: row[name] for name in _CHANGED}))
        bump_knowledge_version(conn, old.bot_id, now)
        return new

    def get(self, conn: Connection, item_id: int) -> T | None:
        """One, or None."""
        row = conn.execute(select(self.table).where(self.table.c.id == item_id)).mappings().first()
        return None if row is None else self._read(row)

    def by_key(self, conn: Connection, bot_id: int, key: str) -> T | None:
        """One, or None."""
        row = conn.execute(select(self.table).where(self.table.c.bot_id == bot_id, self.table.c.key == key)
                           ).mappings().first()
        return None if row is None else self._read(row)

    def page(self, conn: Connection, *, bot_id: int | None = None, enabled: bool | None = None,
             text: str = "", after_id: int = 0, limit: int = 50) -> list[T]:
        """A page in the order of ids, from the id after ``after_id``; ``text``: anywhere in key or body."""
        columns = self.table.c
        query = select(self.table).where(columns.id > after_id)
        if bot_id is not None:
            query = query.where(columns.bot_id == bot_id)
        if enabled is not None:
            query = query.where(columns.enabled.is_(enabled))
        if text:
            query = query.where(or_(*(func.lower(column).contains(text.lower(), autoescape=True)
                                      for column in (columns.key, columns.body))))
        return [self._read(row) for row in conn.execute(query.order_by(columns.id).limit(limit)).mappings()]

    def all_for_bot(self, conn: Connection, bot_id: int) -> list[T]:
        """All of a bot, disabled ones too, by key."""
        columns = self.table.c
        rows = conn.execute(select(self.table).where(columns.bot_id == bot_id).order_by(columns.key))
        return [self._read(row) for row in rows.mappings()]

    def remove_one(self, conn: Connection, item_id: int, now: int) -> bool:
        """Removes one; False if there is none.

        Raises:
            ZhikeError: ``conflict`` while somebody needs it.
        """
        old = self.get(conn, item_id)
        return old is not None and self.remove(conn, old.bot_id, [item_id], now) > 0

    def remove(self, conn: Connection, bot_id: int, ids: Collection[int], now: int) -> int:
        """Removes those of one bot; returns how many there were.

        Raises:
            ZhikeError: ``conflict`` while somebody needs one of them; none is removed then.
        """
        columns = self.table.c
        gone_ids = set(ids)
        ids = list(gone_ids)
        held = conn.execute(select(columns.id, columns.key).where(columns.bot_id == bot_id))
        keys = {key for item_id, key in held if item_id in gone_ids}
        if keys and (by := self._needed(conn, bot_id, keys)):
            raise ZhikeError("conflict", by)
        gone = sum(conn.execute(delete(self.table).where(
            columns.bot_id == bot_id, columns.id.in_(ids[start:start + MAX_KEYS_PER_QUERY]))).rowcount
            for start in range(0, len(ids), MAX_KEYS_PER_QUERY))
        if gone:
            bump_knowledge_version(conn, bot_id, now)
        return gone

    def put(self, conn: Connection, bot_id: int, items: Iterable[T], now: int) -> Counts:
        """Stores many by key: new ones are added, different ones changed, the rest left alone. The
        version rises once, and only if something changed.

        Raises:
            FieldError: a field is not valid; nothing is stored then.
        """
        wanted = {item.key: item for item in items}
        if not wanted:
            return Counts(0, 0, 0)
        self._refuse(conn, bot_id, list(wanted.values()))
        found = {item.key: item for item in self.all_for_bot(conn, bot_id)}
        fresh = [item for key, item in wanted.items() if key not in found]
        ids = iter(next_ids(conn, self.noun, len(fresh))) if fresh else iter(())
        new = [self._row(msgspec.structs.replace(item, id=next(ids), bot_id=bot_id, created_at=now,
                                                 updated_at=now)) for item in fresh]
        changed = []
        for key, item in wanted.items():
            if (old := found.get(key)) is None:
                continue
            kept = msgspec.structs.replace(item, id=old.id, bot_id=bot_id, created_at=old.created_at,
                                           updated_at=old.updated_at)
            if kept != old:
                changed.append(self._row(msgspec.structs.replace(kept, updated_at=now)))
        upsert(conn, self.table, new + changed, ["bot_id", "key"], _CHANGED)
        if new or changed:
            bump_knowledge_version(conn, bot_id, now)
        return Counts(len(new), len(changed), len(wanted) - len(new) - len(changed))
