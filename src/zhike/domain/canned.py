"""Canned responses: what agents would type again and again."""

from __future__ import annotations

import msgspec

VARIABLES = ("contact.name", "agent.name", "inbox.name", "conversation.id")
"""What may stand as ``{{name}}`` in a text; the console fills it in."""


class Canned(msgspec.Struct):
    """``shortcut``: what is typed after ``/``; unique per owner and language. ``lang``: zh, en, or "" for
    both. ``owner_id``: whose own it is, 0 = everybody's. ``team_id``: only for this team, 0 = all."""

    id: int
    shortcut: str
    text: str
    folder: str = ""
    lang: str = ""
    owner_id: int = 0
    team_id: int = 0
    enabled: bool = True
    created_at: int = 0
    updated_at: int = 0
