"""Pages by key: ``cursor`` is opaque to clients and says where the last page ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from zhike.access.tokens import b64decode, b64encode
from zhike.rest.decode import MAX_ID, FieldFault
from zhike.rest.views import Page

R = TypeVar("R")
V = TypeVar("V")
Limit = Annotated[int, Meta(ge=1, le=200)]
Cursor = Annotated[str, Meta(min_length=1, max_length=200, description="The `next` of the page before.")]
_decode = msgspec.json.Decoder(tuple[int, ...]).decode


class Paged(Struct, forbid_unknown_fields=True):
    """What every list takes."""

    cursor: Cursor | None = None
    limit: Limit = 50


def position(cursor: str | None, parts: int) -> tuple[int, ...] | None:
    """Where the last page ended, as ``parts`` whole numbers.

    Raises:
        ZhikeError: ``invalid_field`` naming ``cursor``.
    """
    if cursor is None:
        return None
    try:
        found = _decode(b64decode(cursor.encode("ascii")))
    except (ValueError, msgspec.DecodeError):
        found = ()
    if len(found) != parts or any(not 0 <= part <= MAX_ID for part in found):
        raise FieldFault("cursor", "`cursor` is not one that a page gave.", "`cursor` 不是上一页给出的值。")
    return found


def page(
    rows: Sequence[R], limit: int, view: Callable[[R], V], key: Callable[[R], tuple[int, ...]]
) -> Page[V]:
    """A page from up to ``limit`` + 1 rows: the one too many says that there is a next page."""
    more = len(rows) > limit
    shown = rows[:limit]
    following = b64encode(msgspec.json.encode(key(shown[-1]))).decode() if more else None
    return Page([view(row) for row in shown], following)
