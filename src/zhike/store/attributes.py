"""Attributes of contacts and conversations, changed one by one.

Two people may have the same card open. Who says what stood there when they began changes nothing that has
become something else meanwhile: they are told what stands there now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from zhike.errors import ZhikeError

MAX_ATTRIBUTES = 50
REMARK = "remark"
"""The name of what people note about a contact."""


class Edit(NamedTuple):
    """One attribute becomes ``now`` (None: it goes), if it is ``was`` (None: there is none)."""

    was: Any
    now: Any


def edited(stored: str | None, edits: Mapping[str, Edit]) -> str:
    """The attributes as JSON, after all of ``edits``, or none of them. One that is as it should become
    already is no conflict: the same was said twice.

    Raises:
        ZhikeError: ``conflict`` with ``details.attributes``: what stands there now, by name (null: nothing);
            ``invalid_field``: too many.
    """
    held: dict[str, Any] = msgspec.json.decode(stored) if stored else {}
    other = {name: held.get(name) for name, edit in edits.items()
             if not _same(held.get(name), edit.was) and not _same(held.get(name), edit.now)}
    if other:
        raise ZhikeError("conflict", ", ".join(sorted(other)), field="edits", details={"attributes": other})
    before = len(held)
    for name, edit in edits.items():
        if edit.now is None:
            held.pop(name, None)
        else:
            held[name] = edit.now
    if len(held) > max(before, MAX_ATTRIBUTES):
        raise ZhikeError("invalid_field", f"edits: at most {MAX_ATTRIBUTES} / 最多 {MAX_ATTRIBUTES} 个",
                         field="edits")
    return msgspec.json.encode(held).decode()


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) is isinstance(other, bool)
