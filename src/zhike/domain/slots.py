"""``{name}`` in what people write: found, checked, filled in.

One pass, so that what is filled in is never looked at again: a value that holds ``{secret}`` stays just
that. ``{{`` and ``}}`` stand for braces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_name(text: str) -> bool:
    """A name of an argument or slot: ASCII letters, digits, _."""
    return _NAME.fullmatch(text) is not None


def places(template: str) -> Iterator[str]:
    """The names in a template, in order."""
    for match in _PLACE.finditer(template):
        if match[1] is not None:
            yield match[1]


def fill(template: str, value: Callable[[str], str]) -> str:
    """The template with ``value(name)`` in every place."""
    def one(match: re.Match[str]) -> str:
        return value(match[1]) if match[1] is not None else match[0][0]

    return _PLACE.sub(one, template)


def only_place(template: str) -> str | None:
    """The name, if the template is nothing but one place."""
    match = _PLACE.fullmatch(template)
    return match[1] if match is not None else None


def at_pointer(data: Any, pointer: str) -> Any:
    """What stands at a JSON pointer (RFC 6901), or None."""
    for raw in pointer.split("/")[1:]:
        step = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and step.isascii() and step.isdigit() and int(step) < len(data):
            data = data[int(step)]
        else:
            return None
    return data


def as_text(value: Any) -> str:
    """A JSON value as a person reads it; lists of plain values with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(as_text(item) for item in value if not isinstance(item, dict | list))
    return "" if isinstance(value, dict) else str(value)
