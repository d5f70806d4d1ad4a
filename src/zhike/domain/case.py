"""Regression cases: what the bot must answer, and what an answer must be like. A shop's own tests."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType


class Checks(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What an answer written by a model is held to; what is not given is not checked.

    Attributes:
        max_items: at most so many points (lines of a list: ``1.``, ``-``, ``一、`` …).
        max_chars: characters, blanks at the ends left out.
        max_sentences: at most so many sentences.
        ends_with_question: the last sentence asks (true) or does not (false).
        language: ``zh`` or ``en``.
        forbidden: texts that must not occur, whatever their case or width.
        must_contain: texts that all must occur.
        any_of: texts of which one must occur.
        cites: names one of its sources (true), or none (false).
        matches, matches_not: RE2 patterns that must occur, must not occur.
        judge: a question with yes as the right answer, put to a model: "Is it polite?"
    """

    max_items: int | None = None
    max_chars: int | None = None
    max_sentences: int | None = None
    ends_with_question: bool | None = None
    language: str = ""
    forbidden: tuple[str, ...] = ()
    must_contain: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    cites: bool | None = None
    matches: tuple[str, ...] = ()
    matches_not: tuple[str, ...] = ()
    judge: str = ""


class CaseBody(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a case expects: the JSON in its row.

    ``expect``: the key of the article or rule that must answer; null: the bot must not answer by
    itself; not given: whatever answers. ``action``: what the reply must do (``handoff``).
    ``contains``, ``not_contains``: texts of the answer, whatever answers. ``checks``: what a model's
    answer to it must be like; a case with checks is also asked of the model.
    """

    expect: str | UnsetType | None = UNSET
    action: str = ""
    contains: tuple[str, ...] = ()
    not_contains: tuple[str, ...] = ()
    checks: Checks | None = None


class Case(msgspec.Struct, omit_defaults=True):
    """One case of a bot's regression set; its text and language tell it from others."""

    id: int
    bot_id: int
    text: str
    lang: str = ""
    body: CaseBody = CaseBody()
    created_at: int = 0
    updated_at: int = 0
