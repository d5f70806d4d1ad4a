"""Prompt templates: how a model is told to answer. Written as YAML, kept in versions."""

from __future__ import annotations

import msgspec


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
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
