"""A file that was sent with a message, as everybody sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from zhike.domain.card import Card, words_of

FileKind = Literal["image", "audio", "video", "document"]
MAX_FILES = 10
"""Files of one message: as many as a phone's gallery sends at once."""
MAX_NAME_CHARS = 120


class Attachment(msgspec.Struct, frozen=True, omit_defaults=True):
    """``id``: what the file is asked for by (``/files/{id}/link``). ``type``: the real media type, found in
    the bytes and not in the name. ``width``, ``height``: pixels, of images."""

    id: int
    name: str
    type: str
    kind: FileKind
    size_bytes: int
    width: int = 0
    height: int = 0


def first_words(text: str, attachments: Sequence[Attachment], cards: Sequence[Card] = ()) -> str:
    """What a list shows of a person's message: what its cards say, without addresses; its text; or else the
    name of its first file."""
    return words_of(cards, links=False) or text or (f"📎 {attachments[0].name}" if attachments else "")
