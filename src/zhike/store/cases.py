"""Regression cases of each bot: the shop's own tests of its answers.

They change no answer, so the bot's version stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from zhike.domain.case import Case, CaseBody
from zhike.errors import ZhikeError
from zhike.store.articles import MAX_KEYS_PER_QUERY, Counts
from zhike.store.bots import get_bot
from zhike.store.checks import refuse
from zhike.store.dialect import next_ids
from zhike.store.promptchecks import check_case
from zhike.store.tables import cases as _cases

MAX_CASES = 20_000
"""Of one bot. Asking them all takes seconds; a set that nobody can read is no help."""

_encode = msgspec.json.Encoder().encode
_body = msgspec.json.Decoder(CaseBody).decode


def _read(row: RowMapping) -> Case:
    return Case(**{**row, "body": _body(row["body"])})


def _row(case: Case) -> dict[str, Any]:
    return {**{name: getattr(case, name) for name in case.__struct_fields__},
            "body": _encode(case.body).decode()}


def create_case(conn: Connection, case: Case, now: int) -> Case:
    """Stores a new case and returns it with its id; ``case.id`` is not looked at.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``conflict`` if this text stands there in this language, or the set is full;
            ``not_found`` if there is no such bot.
    """
    case = msgspec.structs.replace(case, text=case.text.strip())
    refuse(check_case(case))
    if get_bot(conn, case.bot_id) is None:
        raise ZhikeError("not_found", f"bot {case.bot_id}")
    if find_case(conn, case.bot_id, case.lang, case.text) is not None:
        raise ZhikeError("conflict", f"cases.text = {case.text[:80]!r}", field="text")
    _bounded(conn, case.bot_id, 1)
    new = msgspec.structs.replace(case, id=next_ids(conn, "case", 1)[0], created_at=now, updated_at=now)
    conn.execute(insert(_cases).values(**_row(new)))
    return new


def _bounded(conn: Connection, bot_id: int, more: int) -> None:
    stored = conn.execute(select(func.count()).where(_cases.c.bot_id == bot_id)).scalar_one()
    if stored + more > MAX_CASES:
        raise ZhikeError("conflict", f"{MAX_CASES:,} cases at most")


def update_case(conn: Connection, case: Case, now: int) -> Case:
    """Stores what people write of the case with ``case.id``; its bot stays.

    Raises:
        FieldError: a field is not valid.
        ZhikeError: ``not_found``; ``conflict`` if another case has the text.
    """
    old = get_case(conn, case.id)
    if old is None:
        raise ZhikeError("not_found", f"case {case.id}")
    new = msgspec.structs.replace(case, text=case.text.strip(), bot_id=old.bot_id,
                                  created_at=old.created_at, updated_at=old.updated_at)
    refuse(check_case(new))
    if new == old:
        return old
    twin = find_case(conn, new.bot_id, new.lang, new.text)
    if twin is not None and twin.id != new.id:
        raise ZhikeError("conflict", f"cases.text = {new.text[:80]!r}", field="text")
    new = msgspec.structs.replace(new, updated_at=now)
    conn.execute(update(_cases).where(_cases.c.id == new.id).values(**_row(new)))
    return new


def get_case(conn: Connection, case_id: int) -> Case | None:
    """One case, or None."""
    row = conn.execute(select(_cases).where(_cases.c.id == case_id)).mappings().first()
    return None if row is None else _read(row)


def find_case(conn: Connection, bot_id: int, lang: str, text: str) -> Case | None:
    """The bot's case of that text and language, or None."""
    row = conn.execute(select(_cases).where(_cases.c.bot_id == bot_id, _cases.c.lang == lang,
                                            _cases.c.text == text)).mappings().first()
    return None if row is None else _read(row)


def list_cases(conn: Connection, *, bot_id: int | None = None, lang: str = "", text: str = "",
               after_id: int = 0, limit: int = 1000) -> list[Case]:
    """A page in the order of ids; ``text`` is looked for in what is asked and expected."""
    query = select(_cases).where(_cases.c.id > after_id)
    if bot_id is not None:
        query = query.where(_cases.c.bot_id == bot_id)
    if lang:
        query = query.where(_cases.c.lang == lang)
    if text:
        needle = text.lower()
        query = query.where(func.lower(_cases.c.text).contains(needle, autoescape=True)
                            | func.lower(_cases.c.body).contains(needle, autoescape=True))
    return [_read(row) for row in conn.execute(query.order_by(_cases.c.id).limit(limit)).mappings()]


def all_for_bot(conn: Connection, bot_id: int) -> list[Case]:
    """Every case of the bot, oldest first."""
    rows = conn.execute(select(_cases).where(_cases.c.bot_id == bot_id).order_by(_cases.c.id))
    return [_read(row) for row in rows.mappings()]


def delete_cases(conn: Connection, bot_id: int, ids: Sequence[int]) -> int:
    """Removes those cases of one bot; returns how many there were."""
    return sum(conn.execute(delete(_cases).where(
        _cases.c.bot_id == bot_id, _cases.c.id.in_(ids[start:start + MAX_KEYS_PER_QUERY]))).rowcount
        for start in range(0, len(ids), MAX_KEYS_PER_QUERY))


def put_cases(conn: Connection, bot_id: int, cases: Iterable[Case], now: int) -> Counts:
    """Stores many cases by language and text: new ones are added, different ones changed.

    Raises:
        FieldError: a field is not valid; nothing is stored then.
        ZhikeError: ``conflict`` if that makes too many.
    """
    wanted = {(case.lang, case.text): case for case in cases}
    for case in wanted.values():
        refuse(check_case(case))
    found = {(case.lang, case.text): case for case in all_for_bot(conn, bot_id)}
    fresh = [case for key, case in wanted.items() if key not in found]
    if fresh:
        _bounded(conn, bot_id, len(fresh))
        ids = next_ids(conn, "case", len(fresh))
        conn.execute(insert(_cases), [_row(msgspec.structs.replace(
            case, id=new_id, bot_id=bot_id, created_at=now, updated_at=now))
            for case, new_id in zip(fresh, ids, strict=True)])
    changed = 0
    for key, case in wanted.items():
        old = found.get(key)
        if old is not None and old.body != case.body:
            changed += 1
            conn.execute(update(_cases).where(_cases.c.id == old.id).values(
                body=_encode(case.body).decode(), updated_at=now))
    return Counts(len(fresh), changed, len(wanted) - len(fresh) - changed)
