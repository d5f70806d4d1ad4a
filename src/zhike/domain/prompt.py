"""Prompt templates: how a model is told to answer. Written as YAML, kept in versions."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

BUILT_IN_VARIABLES = ("shop", "bot", "lang", "date", "weekday", "time")
"""Names that every template may use: the inbox's and the bot's name, the visitor's language, and
today's date, day of the week and time."""

_NAME = re.compile(r"(\{\{|\{)([^\W\d]\w*)(\}\}|\})")


class Example(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One question with the answer it should get."""

    question: str
    answer: str


class Template(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One entry of ``prompt_templates:``. The first four are what every template has.

    ``variables``: names with their values, put where ``{name}`` stands in ``system_prompt``.
    ``tools``: keys of the tools the model may call (() = none). ``model``: the key of a configured
    model ("" = the bot's own order). ``temperature`` 0..2, ``max_tokens`` of the answer.
    """

    name: str
    system_prompt: str
    temperature: float = 0.3
    max_tokens: int = 500
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    tools: tuple[str, ...] = ()
    model: str = ""


class StoredPrompt(msgspec.Struct, omit_defaults=True):
    """One version of a template. Exactly one version of a name is ``active``."""

    id: int
    bot_id: int
    name: str
    version: int
    template: Template
    active: bool = False
    note: str = ""
    created_by: str = ""
    created_at: int = 0


def fill(text: str, value: Callable[[str], str | None]) -> str:
    """``text`` with ``value(name)`` where ``{name}`` stands; None leaves it as it is.

    ``{{name}}`` is how ``{name}`` itself is written. Braces around anything that is no name (JSON,
    say) are only braces. What is put in is not looked at again.
    """
    def one(found: re.Match[str]) -> str:
        opened, name, closed = found.groups()
        if opened == "{{" and closed == "}}":
            return f"{{{name}}}"
        inner = value(name)
        if inner is None:
            return found[0]
        return opened[1:] + inner + closed[1:]  # "{{name}" is a brace and a variable

    return _NAME.sub(one, text)


def variables_of(text: str) -> list[str]:
    """The names that ``text`` asks for, each once, in order."""
    names: dict[str, None] = {}

    def note(name: str) -> None:
        names[name] = None

    fill(text, note)
    return list(names)
