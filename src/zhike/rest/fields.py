"""Kinds of fields that several nouns have."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct

from zhike.rest.decode import FieldFault, Id
from zhike.store.attributes import MAX_ATTRIBUTES, Edit

AttributeName = Annotated[str, Meta(min_length=1, max_length=64)]
AttributeText = Annotated[str, Meta(max_length=1000)]
Attributes = Annotated[dict[AttributeName, AttributeText | bool | float | None],
                       Meta(max_length=MAX_ATTRIBUTES)]
"""What a shop wants its agents to see, e.g. ``{"level": "VIP", "orders": 12}``."""


class AttributeEdit(Struct, forbid_unknown_fields=True):
    """``was``: what stood there when the change was begun; ``now``: what it becomes. null: nothing."""

    was: AttributeText | bool | float | None
    now: AttributeText | bool | float | None


AttributeEdits = Annotated[dict[AttributeName, AttributeEdit], Meta(max_length=MAX_ATTRIBUTES)]


def edits_of(body: Any) -> dict[str, Edit] | None:
    """Single attributes that ``body.edits`` names, or None.

    Raises:
        FieldFault: all of them are replaced in the same request.
    """
    if body.edits is UNSET:
        return None
    if body.attributes is not UNSET:
        raise FieldFault("edits", "`attributes` replaces all of them; give one of the two.",
                         "`attributes` 会整体替换，与 `edits` 只能二选一。")
    return {name: Edit(edit.was, edit.now) for name, edit in body.edits.items()}


Priority = Annotated[int, Meta(ge=0, le=4)]
"""0 none, 1 low, 2 normal, 3 high, 4 urgent."""
TagIds = Annotated[list[Id], Meta(max_length=20)]
Note = Annotated[str, Meta(max_length=4000)]
WrapUp = Annotated[str, Meta(max_length=100)]
