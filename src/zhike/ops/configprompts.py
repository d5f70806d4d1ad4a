"""Prompt templates and regression cases in configuration files.

::

    prompt_templates: [{name, bot, system_prompt, temperature, max_tokens, model, tools, variables, examples}]
    cases:            [{text, bot, lang, expect, action, contains, not_contains, checks}]

Both may leave ``bot`` out: then they are meant for the only bot, or for the one that the command
names. A file of nothing else needs no ``zhike: 1``.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml
from msgspec import UNSET

from zhike.domain.case import Case, CaseBody, Checks
from zhike.domain.prompt import Example, StoredPrompt, Template
from zhike.ops.yamlfile import Node, Reader

NOUNS = ("prompt_templates", "cases")
FIELDS: dict[str, tuple[str, ...]] = {
    "prompt_templates": ("name", "bot", "system_prompt", "temperature", "max_tokens", "model", "tools",
                         "variables", "examples"),
    "cases": ("text", "bot", "lang", "expect", "action", "contains", "not_contains", "checks"),
}
REQUIRED = {"prompt_templates": ("name", "system_prompt"), "cases": ("text",)}
_NUMBERS = ("max_items", "max_chars", "max_sentences")
_FLAGS = ("ends_with_question", "cites")
_TEXTS = ("language", "judge")


def read_prompt(reader: Reader, fields: dict[str, Node]) -> StoredPrompt:
    """One entry of ``prompt_templates:``."""
    given: dict[str, Any] = {}
    if "temperature" in fields:
        given["temperature"] = _number(reader, fields["temperature"])
    if "max_tokens" in fields:
        given["max_tokens"] = reader.integer(fields["max_tokens"])
    if "model" in fields:
        given["model"] = reader.text(fields["model"])
    if "tools" in fields:
        given["tools"] = reader.texts(fields["tools"])
    if "variables" in fields:
        given["variables"] = {name: reader.text(node)
                              for name, node in reader.mapping(fields["variables"]).items()}
    if "examples" in fields:
        given["examples"] = tuple([_example(reader, node) for node in reader.items(fields["examples"])])
    name = reader.text(fields["name"])
    template = Template(name, reader.text(fields["system_prompt"]), **given)
    return StoredPrompt(0, 0, name, 0, template)


def _example(reader: Reader, node: Node) -> Example:
    fields = reader.mapping(node, ("question", "answer"))
    return Example(*(reader.text(fields[name]) if name in fields else "" for name in ("question", "answer")))


def _number(reader: Reader, node: Node) -> float:
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    if not re.fullmatch(r"[+-]?\d{1,9}(\.\d{1,9})?|\.\d{1,9}", text):
        reader.say(node, "这里需要数字", "needs a number here")
        return 0.0
    return float(text)


def read_case(reader: Reader, fields: dict[str, Node]) -> Case:
    """One entry of ``cases:``. ``expect: null`` and no ``expect`` are two things."""
    def texts(name: str) -> tuple[str, ...]:
        return reader.texts(fields[name]) if name in fields else ()

    expect: Any = UNSET
    if "expect" in fields:
        expect = reader.text(fields["expect"]) or None
    checks = read_checks(reader, fields["checks"]) if "checks" in fields else None
    return Case(0, 0, reader.text(fields["text"]), reader.text(fields["lang"]) if "lang" in fields else "",
                CaseBody(expect, reader.text(fields["action"]) if "action" in fields else "",
                         texts("contains"), texts("not_contains"), checks))


def read_checks(reader: Reader, node: Node) -> Checks:
    """The checks of a case, or of every question of a set."""
    given: dict[str, Any] = {}
    for name, child in reader.mapping(node, Checks.__struct_fields__).items():
        if name in _NUMBERS:
            given[name] = reader.integer(child)
        elif name in _FLAGS:
            given[name] = reader.boolean(child)
        elif name in _TEXTS:
            given[name] = reader.text(child)
        else:  # one text may stand alone: `forbidden: 保证`
            given[name] = (reader.text(child),) if isinstance(child, yaml.ScalarNode) else reader.texts(child)
    return Checks(**given)


def written_prompt(stored: StoredPrompt, bot: str) -> dict[str, Any]:
    """A template as a file says it; the four fields that every template has always stand there."""
    template = stored.template
    said: dict[str, Any] = {"name": template.name, "bot": bot, "system_prompt": template.system_prompt,
                            "temperature": template.temperature, "max_tokens": template.max_tokens}
    if template.model:
        said["model"] = template.model
    if template.tools:
        said["tools"] = list(template.tools)
    if template.variables:
        said["variables"] = dict(template.variables)
    if template.examples:
        said["examples"] = [{"question": one.question, "answer": one.answer} for one in template.examples]
    return said


def written_case(case: Case, bot: str) -> dict[str, Any]:
    """A case as a file says it."""
    body = case.body
    said: dict[str, Any] = {"text": case.text, "bot": bot}
    if case.lang:
        said["lang"] = case.lang
    if body.expect is not UNSET:
        said["expect"] = body.expect
    if body.action:
        said["action"] = body.action
    for name in ("contains", "not_contains"):
        if texts := getattr(body, name):
            said[name] = list(texts)
    if body.checks is not None:
        said["checks"] = msgspec.to_builtins(body.checks)
    return said
