"""Personal data out of a body before it leaves: ``[PHONE_1]``, and nobody can restore it.

One :class:`zhike.answer.mask.Mask` for a body, so that the same number is the same placeholder in it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from zhike.answer.mask import Mask
from zhike.webhooks.payload import Body, ContactPart

_MIN_DIGITS = 7
"""A number of an attribute that is this long may be a phone or an id."""


def masked(body: Body) -> Body:
    """The same with placeholders: in texts where something personal is found, and for the whole of a
    contact's name, mail address and phone."""
    mask = Mask()
    replace = msgspec.structs.replace
    changed: dict[str, Any] = {}
    if body.contact is not None:
        changed["contact"] = _contact(body.contact, mask)
    if body.conversation is not None:
        changed["conversation"] = replace(body.conversation,
                                          attributes=_value(body.conversation.attributes, mask))
    if (message := body.message) is not None:
        changed["message"] = replace(message, text=mask.mask(message.text), attachments=tuple(
            replace(one, name=mask.mask(one.name)) for one in message.attachments))
    if body.rating is not None:
        changed["rating"] = replace(body.rating, comment=mask.mask(body.rating.comment))
    return replace(body, **changed)


def _contact(contact: ContactPart, mask: Mask) -> ContactPart:
    return msgspec.structs.replace(
        contact, name="[NAME]" if contact.name else "", email=_whole(contact.email, "EMAIL", mask),
        phone=_whole(contact.phone, "PHONE", mask), attributes=_value(contact.attributes, mask))


def _whole(value: str, kind: str, mask: Mask) -> str:
    """Personal as a whole, whatever the finder makes of it."""
    if not value:
        return ""
    found = mask.mask(value)
    return found if found.startswith(f"[{kind}_") and found.endswith("]") else f"[{kind}]"


def _value(value: Any, mask: Mask) -> Any:
    if isinstance(value, str):
        return mask.mask(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return mask.mask(str(int(value))) if abs(value) >= 10 ** (_MIN_DIGITS - 1) else value
    if isinstance(value, dict):
        return {name: _value(part, mask) for name, part in value.items()}
    if isinstance(value, list):
        return [_value(part, mask) for part in value]
    return value
