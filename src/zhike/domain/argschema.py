"""JSON schema of a tool's arguments: the part of it that tools need, checked strictly.

``type`` (string, integer, number, boolean, array, object), ``enum``, ``minLength``, ``maxLength``,
``pattern`` (RE2), ``minimum``, ``maximum``, ``items``, ``minItems``, ``maxItems``, ``properties``,
``required``; ``title``, ``description``, ``default``, ``examples`` and ``format`` say something to a model
and are not checked. A keyword that is not known is refused when the tool is saved, so nothing that somebody
wrote as a limit is silently none. No ``$ref``: a schema loads nothing from anywhere. Arguments that the
schema does not name are refused, always. (Why not a library: docs/decisions/0007-libraries-not-used.md.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MAX_PROPERTIES = 30
MAX_DEPTH = 4
MAX_STRING_CHARS = 2_000
"""Where a schema sets no ``maxLength``."""
MAX_ITEMS = 100
MAX_INTEGER = 2**53
"""JSON numbers beyond this change on their way through other programs."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_SAY_ONLY = frozenset({"title", "description", "default", "examples", "format"})
_KEYWORDS: dict[str, frozenset[str]] = {
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "integer": frozenset({"minimum", "maximum"}),
    "number": frozenset({"minimum", "maximum"}),
    "boolean": frozenset(),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "object": frozenset({"properties", "required", "additionalProperties"}),
}


class Wrong(NamedTuple):
    """One thing that does not fit: where, in Chinese and in English."""

    path: str
    zh: str
    en: str


def check_schema(schema: Any, path: str = "parameters", depth: int = 0) -> Iterator[Wrong]:
    """What is wrong with a schema somebody wrote."""
    if not isinstance(schema, Mapping):
        yield Wrong(path, "需要一个 JSON Schema 对象", "needs a JSON schema object")
        return
    kind = schema.get("type")
    if kind not in _KEYWORDS:
        yield Wrong(f"{path}.type", f"需要 {'、'.join(_KEYWORDS)} 之一",
                    f"must be one of {', '.join(_KEYWORDS)}")
        return
    if depth == 0 and kind != "object":
        yield Wrong(f"{path}.type", "最外层必须是 object", "the outermost type must be object")
    if depth > MAX_DEPTH:
        yield Wrong(path, f"嵌套超过 {MAX_DEPTH} 层", f"is nested deeper than {MAX_DEPTH} levels")
        return
    for word in schema:
        if word not in _KEYWORDS[kind] and word not in _SAY_ONLY and word not in ("type", "enum"):
            yield Wrong(f"{path}.{word}", f"{kind} 不支持 {word!r}", f"{word!r} is not supported for {kind}")
    yield from _check_values(schema, kind, path)
    if kind == "array":
        yield from check_schema(schema.get("items"), f"{path}.items", depth + 1)
    if kind == "object":
        yield from _check_object(schema, path, depth)


def _check_values(schema: Mapping[str, Any], kind: str, path: str) -> Iterator[Wrong]:
    for word in ("minLength", "maxLength", "minItems", "maxItems"):
        value = schema.get(word, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            yield Wrong(f"{path}.{word}", "需要不小于 0 的整数", "needs a whole number from 0 up")
    for word in ("minimum", "maximum"):
        value = schema.get(word, 0)
        if not isinstance(value, int | float) or isinstance(value, bool):
            yield Wrong(f"{path}.{word}", "需要数字", "needs a number")
    if "pattern" in schema and (why := _pattern_problem(schema["pattern"])):
        yield Wrong(f"{path}.pattern", f"不是有效的 RE2 正则：{why}", f"is no valid RE2 pattern: {why}")
    if "enum" in schema:
        values = schema["enum"]
        if not isinstance(values, list) or not values or any(_kind_problem(value, kind) for value in values):
            yield Wrong(f"{path}.enum", f"需要 {kind} 的列表", f"needs a list of {kind} values")


def _check_object(schema: Mapping[str, Any], path: str, depth: int) -> Iterator[Wrong]:
    if schema.get("additionalProperties", False) is not False:
        yield Wrong(f"{path}.additionalProperties", "只能是 false：没有写明的参数一律拒绝",
                    "must be false: arguments that are not named are always refused")
    properties = schema.get("properties", {})
    if not isinstance(properties, Mapping) or len(properties) > MAX_PROPERTIES:
        yield Wrong(f"{path}.properties", f"需要「名字: schema」，最多 {MAX_PROPERTIES} 个",
                    f"needs `name: schema`, {MAX_PROPERTIES} at most")
        return
    for name, child in properties.items():
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
            yield Wrong(f"{path}.properties", f"{name!r} 只能用字母、数字和下划线",
                        f"{name!r} may hold letters, digits and _ only")
        yield from check_schema(child, f"{path}.properties.{name}", depth + 1)
    required = schema.get("required", [])
    if not isinstance(required, list) or any(name not in properties for name in required):
        yield Wrong(f"{path}.required", "只能列出 properties 里有的名字", "may only list names of properties")


def _pattern_problem(pattern: Any) -> str:
    import re2  # only where somebody wrote a pattern

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except (re2.error, TypeError) as error:
        why = error.args[0] if error.args else ""
        return why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
    return ""


# ---- arguments ---------------------------------------------------------------------------------------

def check_arguments(schema: Mapping[str, Any], value: Any) -> Iterator[Wrong]:
    """What is wrong with arguments; ``schema`` was checked before. Bounded by the schema itself: what
    it does not name is refused without being looked into."""
    yield from _value(schema, value, "")


def _value(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[Wrong]:
    kind = schema["type"]
    if problem := _kind_problem(value, kind):
        yield Wrong(path, *problem)
        return
    if "enum" in schema and value not in schema["enum"]:
        said = ", ".join(map(str, schema["enum"]))
        yield Wrong(path, f"只能是 {said}", f"must be one of {said}")
    if kind == "string":
        yield from _string(schema, value, path)
    elif kind in ("integer", "number"):
        low, high = schema.get("minimum", -MAX_INTEGER), schema.get("maximum", MAX_INTEGER)
        if not low <= value <= high:
            yield Wrong(path, f"要在 {low} 和 {high} 之间", f"must be between {low} and {high}")
    elif kind == "array":
        low, high = schema.get("minItems", 0), min(schema.get("maxItems", MAX_ITEMS), MAX_ITEMS)
        if not low <= len(value) <= high:
            yield Wrong(path, f"需要 {low} 到 {high} 项", f"needs {low} to {high} items")
            return
        for index, item in enumerate(value):
            yield from _value(schema["items"], item, f"{path}[{index}]")
    elif kind == "object":
        yield from _object(schema, value, path)


def _string(schema: Mapping[str, Any], value: str, path: str) -> Iterator[Wrong]:
    low, high = schema.get("minLength", 0), schema.get("maxLength", MAX_STRING_CHARS)
    if not low <= len(value) <= high:
        yield Wrong(path, f"需要 {low} 到 {high} 个字符", f"needs {low} to {high} characters")
    elif _CONTROL.search(value):
        yield Wrong(path, "含有控制字符", "holds control characters")
    elif "pattern" in schema:
        import re2

        if re2.search(schema["pattern"], value) is None:
            yield Wrong(path, f"不符合 {schema['pattern']}", f"does not match {schema['pattern']}")


def _object(schema: Mapping[str, Any], value: Mapping[str, Any], path: str) -> Iterator[Wrong]:
    properties = schema.get("properties", {})
    dot = f"{path}." if path else ""
    for name in schema.get("required", ()):
        if name not in value:
            yield Wrong(f"{dot}{name}", "必须给出", "is required")
    for name, child in value.items():
        if name in properties:
            yield from _value(properties[name], child, f"{dot}{name}")
        else:
            yield Wrong(f"{dot}{str(name)[:60]}", "没有这个参数", "there is no such argument")


def _kind_problem(value: Any, kind: str) -> tuple[str, str] | None:
    fits = {"string": isinstance(value, str), "boolean": isinstance(value, bool),
            "integer": isinstance(value, int) and not isinstance(value, bool),
            "number": isinstance(value, int | float) and not isinstance(value, bool) and value == value,
            "array": isinstance(value, list), "object": isinstance(value, Mapping)}[kind]
    return None if fits else (f"需要 {kind}", f"needs a value of type {kind}")
