"""Personal data as colleagues see it who need not see all of it: 138••••8000, l•••@shop.example.

Unlike the placeholders for models nothing is restored: what stands behind is shown by another request, which
is recorded. Names stay, because people are called by them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from zhike.answer.mask import find

DOTS = "••••"
"""Always as many, so that their number tells nothing. Nobody types them: what holds them came from here."""
_ENDS: dict[str, tuple[int, int]] = {"phone": (3, 4), "id": (3, 2), "card": (0, 4), "passport": (1, 2),
                                     "plate": (2, 1), "account": (1, 0), "address": (3, 0)}
"""How many characters stay at the beginning and at the end, by kind."""
_WHOLE = {"phone": "phone", "email": "email"}
"""Fields that are personal as a whole, whatever the finder makes of them."""
_KEPT = frozenset((
    "type", "at", "status", "holder", "direction", "sender", "presence", "availability", "client_msg_id",
    "answer_id", "assist_id", "next", "lang", "digest", "colour", "action", "code", "retry", "kind",
    "articles"))
"""Fields of a view that hold no one's words: ids, states, times, and the shop's own knowledge."""
_MIN_HIDDEN = 4
"""What is shorter would be guessed: then one character stays at most."""
_MIN_DIGITS = 7
"""A number of an attribute that is this long may be a phone or an id."""
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def hide(value: str, kind: str) -> str:
    """One value of a kind of :data:`zhike.answer.mask.KINDS`; "" stays ""."""
    if not value:
        return value
    if kind == "email":
        name, at, domain = value.rpartition("@")
        return f"{name[:1]}{DOTS}{at}{domain}" if at else DOTS
    first, last = _ENDS.get(kind, (0, 0))
    if len(value) - first - last < _MIN_HIDDEN:
        first, last = (min(first, 1) if len(value) > _MIN_HIDDEN else 0), 0
    return f"{value[:first]}{DOTS}{value[len(value) - last:] if last else ''}"


def veil(text: str) -> str:
    """``text`` with every piece of personal data hidden in part."""
    parts: list[str] = []
    end = 0
    for span in find(text):
        if span.kind == "name":
            continue
        parts += (text[end:span.start], hide(text[span.start:span.end], span.kind))
        end = span.end
    return "".join(parts) + text[end:] if parts else text


def veil_value(value: Any, field: str = "") -> Any:
    """The same for a decoded JSON value, in all its texts; ``field``: the name it stands under."""
    if isinstance(value, str):
        if field in _KEPT or field.endswith(("_at", "_since", "_until")):
            return value
        if field in _WHOLE:
            return hide(value, _WHOLE[field])
        return veil(value)
    if isinstance(value, dict):
        if field == "attributes":
            return {name: _attribute(name, part) for name, part in value.items()}
        return {name: part if name in _KEPT and not isinstance(part, str) else veil_value(part, name)
                for name, part in value.items()}
    if isinstance(value, list):
        return [veil_value(part, field) for part in value]
    return value


def _attribute(name: str, value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        digits = str(int(value))
        return hide(digits, "phone") if len(digits) >= _MIN_DIGITS else value
    return veil_value(value, name if name in _WHOLE else "")


def veil_json(data: bytes) -> bytes:
    """A JSON body or frame, veiled. A piece of a draft is left out (b""): what it is cut from may be personal
    though the piece does not look so; the finished message comes. What somebody is typing is left out,
    too."""
    value = _decode(data)
    if isinstance(value, dict) and value.get("type") in ("delta", "assist_delta"):
        return b""
    if isinstance(value, dict) and value.get("type") == "typing":
        value.pop("text", None)  # half a number is not found, and the whole one comes a key later
    return _encode(veil_value(value))


def holds_veil(value: Any) -> bool:
    """True if a value that came in holds what was hidden: stored, it would overwrite what it stands for."""
    if isinstance(value, str):
        return DOTS in value
    if isinstance(value, dict):
        return any(holds_veil(part) for part in value.values())
    if isinstance(value, list | tuple):
        return any(holds_veil(part) for part in value)
    if isinstance(value, msgspec.Struct):
        return any(holds_veil(getattr(value, name)) for name in value.__struct_fields__)
    return False
