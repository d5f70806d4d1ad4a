"""Kinds of fields that several nouns have."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from zhike.rest.decode import Id

AttributeName = Annotated[str, Meta(min_length=1, max_length=64)]
AttributeText = Annotated[str, Meta(max_length=1000)]
Attributes = Annotated[dict[AttributeName, AttributeText | bool | float | None], Meta(max_length=50)]
"""What a shop wants its agents to see, e.g. ``{"level": "VIP", "orders": 12}``."""
Priority = Annotated[int, Meta(ge=0, le=4)]
"""0 none, 1 low, 2 normal, 3 high, 4 urgent."""
TagIds = Annotated[list[Id], Meta(max_length=20)]
Note = Annotated[str, Meta(max_length=4000)]
WrapUp = Annotated[str, Meta(max_length=100)]
