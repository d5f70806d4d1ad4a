"""Tools and flows as YAML: the sections ``tools:`` and ``flows:`` of a configuration file.

Their fields are those of :class:`zhike.domain.tool.ToolBody` and :class:`zhike.domain.flow.FlowBody`, beside
``key``, ``bot`` and ``enabled``. A tool names where its secret is and never holds it: a file can be shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from zhike.domain.flow import Flow, FlowBody
from zhike.domain.tool import Tool, ToolBody
from zhike.ops.yamlfile import Node, Reader
from zhike.ops.yamltyped import struct

NOUNS = ("tools", "flows")
_BODIES: dict[str, type[ToolBody] | type[FlowBody]] = {"tools": ToolBody, "flows": FlowBody}
FIELDS: dict[str, tuple[str, ...]] = {
    noun: ("key", "bot", *(field.name for field in msgspec.structs.fields(body)), "enabled")
    for noun, body in _BODIES.items()}
REQUIRED = {"tools": ("key", "bot", "kind", "description"), "flows": ("key", "bot", "title", "steps")}


def read(reader: Reader, noun: str, node: Node, fields: Mapping[str, Node]) -> Tool | Flow | None:
    """One entry; None (and its problems) if it cannot be read."""
    body = struct(reader, node, _BODIES[noun], fields)
    key = reader.text(fields["key"])
    enabled = reader.boolean(fields["enabled"]) if "enabled" in fields else True
    if isinstance(body, ToolBody):
        return Tool(0, 0, key, body, enabled)
    return Flow(0, 0, key, body, enabled) if isinstance(body, FlowBody) else None


def written(item: Tool | Flow, bot: str) -> dict[str, Any]:
    """An entry as a file says it: defaults left out, in the order of the fields."""
    body: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(item.body))  # lists, as in a file
    return {"key": item.key, "bot": bot, **body, **({} if item.enabled else {"enabled": False})}
