"""From YAML to a struct, field by field: where a text is wanted, what stands there is the text.

``starts: [88, on]`` are two texts, ``retries: 2`` is a number, and free JSON (``parameters``, ``body``) is
typed as YAML types it. What is wrong is said with its line.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import yaml

from zhike.ops.yamlfile import Node, Reader

_TAG = "tag:yaml.org,2002:"


def struct(reader: Reader, node: Node, kind: type[Any], fields: Mapping[str, Node] | None = None) -> Any:
    """A struct of ``kind`` from a mapping, or None (and a problem).

    Args:
        fields: the mapping's values, where somebody has read its names already.
    """
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    if fields is None:
        fields = reader.mapping(node, tuple(known))
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in fields:
            values[name] = value(reader, fields[name], hints[name])
        elif field.required:
            reader.say(node, f"缺少 {name}", f"lacks {name}")
            return None
    return None if any(item is _BAD for item in values.values()) else kind(**values)


_BAD: Any = object()
"""A value that could not be read; the problem is noted."""


def value(reader: Reader, node: Node, kind: Any) -> Any:
    """A value of the annotated ``kind``, or a mark (and a problem)."""
    before = len(reader.problems)
    made = _value(reader, node, kind)
    return _BAD if len(reader.problems) > before else made


def _value(reader: Reader, node: Node, kind: Any) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        empty = isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null"
        return None if empty else _value(reader, node, next(arg for arg in args if arg is not type(None)))
    if origin is Literal:
        text = reader.text(node)
        if text not in args:
            reader.say(node, f"{text!r} 不在 {' '.join(args)} 之中", f"{text!r} is none of {', '.join(args)}")
        return text
    if origin is tuple:
        return tuple(_value(reader, item, args[0]) for item in reader.items(node))
    if origin is dict:
        return {name: _value(reader, child, args[1]) for name, child in reader.mapping(node).items()}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return struct(reader, node, kind)
    if kind is str:
        return reader.text(node)
    if kind is bool:
        return reader.boolean(node)
    if kind is int:
        return reader.integer(node)
    if kind is float:
        return _number(reader, node)
    return plain(reader, node)


def _number(reader: Reader, node: Node) -> float:
    made = plain(reader, node)
    if isinstance(made, int | float) and not isinstance(made, bool):
        return float(made)
    reader.say(node, "这里需要数字", "needs a number here")
    return 0.0


def plain(reader: Reader, node: Node) -> Any:
    """Free JSON: numbers, true, false and null as YAML knows them, everything else as text."""
    if isinstance(node, yaml.MappingNode):
        return {name: plain(reader, child) for name, child in reader.mapping(node).items()}
    if isinstance(node, yaml.SequenceNode):
        return [plain(reader, child) for child in reader.items(node)]
    if node.tag == f"{_TAG}null":
        return None
    if node.tag == f"{_TAG}bool":
        return reader.boolean(node)
    try:
        if node.tag == f"{_TAG}int":
            return int(node.value)
        if node.tag == f"{_TAG}float":
            return float(node.value)
    except ValueError:  # 0x1F, 1:30, .inf: not JSON, so a text
        return str(node.value)
    return reader.text(node)
