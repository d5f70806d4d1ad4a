"""Cards: a product or an order to see and to open, a picture, a link.

A message of a person that brings cards has no words of its own: its ``text`` is what the cards say, so that
lists, search, notifications, exports and channels without cards need to know nothing of them. The bot's
articles bring pictures and links beside their words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

CardKind = Literal["image", "link", "product", "order"]
MAX_CARDS = 5
"""Of one message: more is a list, and belongs on a page."""
MAX_FIELDS = 8
_LIMITS = {"title": 200, "text": 500, "url": 1000, "image": 1000, "price": 40, "status": 60, "ref": 80}
_LABEL_CHARS, _VALUE_CHARS = 40, 200
"""Five full cards stay below half of a frame."""
_URL = re.compile(r"https?://[^\s/]\S*|/(?![/\\])\S*")
_MARKS = {"product": "🛍", "order": "📦", "image": "🖼", "link": "🔗"}


class CardField(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a card: what it is, and its value."""

    label: str
    value: str


class Card(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something to see. ``kind``: an ``image`` (``url``, with its ``title`` for those who cannot see it), a
    ``link`` (``url``, ``title``, a line of ``text``), a ``product`` or an ``order``.

    ``url``: https, or a path on this desk. ``image``: where a product's or order's picture is. ``price``,
    ``status``: as people read them ("¥499", "已发货"). ``ref``: the shop's own number of it. ``fields``: more
    of it, line by line.
    """

    kind: CardKind
    url: str = ""
    title: str = ""
    text: str = ""
    image: str = ""
    price: str = ""
    status: str = ""
    ref: str = ""
    fields: tuple[CardField, ...] = ()


def fault_of(cards: Sequence[Card], *, by_visitor: bool) -> str:
    """The field that is wrong, or "". Visitors show products and orders: what they say of a picture or a link
    is theirs to write."""
    if len(cards) > MAX_CARDS:
        return "cards"
    for at, card in enumerate(cards):
        wrong = _wrong(card, by_visitor)
        if wrong:
            return f"cards[{at}].{wrong}"
    return ""


def _wrong(card: Card, by_visitor: bool) -> str:
    item = card.kind in ("product", "order")
    if by_visitor and not item:
        return "kind"
    for name, most in _LIMITS.items():
        value: str = getattr(card, name)
        if len(value) > most or "\0" in value:
            return name
    for name in ("url", "image"):
        value = getattr(card, name)
        if value and not _URL.fullmatch(value):
            return name
    if item and not card.title.strip():
        return "title"
    if not item and not card.url:
        return "url"
    if len(card.fields) > MAX_FIELDS:
        return "fields"
    for at, line in enumerate(card.fields):
        if (not line.label.strip() or len(line.label) > _LABEL_CHARS or len(line.value) > _VALUE_CHARS
                or "\0" in line.label + line.value):
            return f"fields[{at}]"
    return ""


def words_of(cards: Sequence[Card], *, links: bool) -> str:
    """What cards say without being seen. ``links``: with their addresses, for people who get only the words
    (a visitor's own words are searched for an answer, and an address is none)."""
    lines: list[str] = []
    for card in cards:
        said = (card.title, card.ref if card.ref not in card.title else "", card.price, card.status)
        lines.append(f"{_MARKS[card.kind]} {' · '.join(each for each in said if each)}".rstrip())
        if links and card.url:
            lines.append(card.url)
    return "\n".join(lines)


def cards_from(data: Any, kind: CardKind, most: int) -> tuple[Card, ...]:
    """Cards out of what a shop's tool answers: a list, or an object with a list ``cards``. What does not fit
    a card is cut or left out: one odd row must not hide the others."""
    rows = data.get("cards") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        return ()
    found = (_card_from(row, kind) for row in rows[:most] if isinstance(row, dict))
    return tuple(card for card in found if not fault_of([card], by_visitor=True))


def _text(value: Any, most: int) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).replace("\0", "").strip()[:most]


def _card_from(row: dict[str, Any], kind: CardKind) -> Card:
    said = {name: _text(row.get(name), most) for name, most in _LIMITS.items()}
    for name in ("url", "image"):
        if not _URL.fullmatch(said[name]):
            said[name] = ""
    rows = row.get("fields")
    lines = [CardField(_text(line.get("label"), _LABEL_CHARS), _text(line.get("value"), _VALUE_CHARS))
             for line in (rows if isinstance(rows, list) else []) if isinstance(line, dict)]
    own = row.get("kind")
    return Card(own if own in ("product", "order") else kind, **said,
                fields=tuple(line for line in lines if line.label)[:MAX_FIELDS])
