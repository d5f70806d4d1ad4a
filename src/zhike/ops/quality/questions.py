"""Question sets for ``zhike prompt test``: YAML or JSON lines, errors with file and line.

YAML is a list of questions, or::

    checks: {max_items: 3, ends_with_question: true}     # for every answer
    questions:
      - {text: 洗衣机一直响, lang: zh, must: …}

A question has the fields of a regression case (``text lang contains not_contains checks``); ``expect``
and ``action`` are the knowledge's business and are not judged here. JSON lines hold one each.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import yaml

from zhike.config import ConfigError, Problem
from zhike.domain.case import Case, Checks
from zhike.ops.configprompts import FIELDS, read_case, read_checks
from zhike.ops.yamlfile import MAX_PROBLEMS, Node, Reader
from zhike.store.promptchecks import check_case

MAX_QUESTIONS = 10_000
_FIELDS = tuple(name for name in FIELDS["cases"] if name != "bot")
_ONLY_TEXT = Checks(max_chars=100_000)
"""A question may ask for nothing: people want to read the answers."""


def read_questions(path: Path) -> list[Case]:
    """The questions of a file, its common checks put into each.

    Raises:
        ConfigError: with every problem found (at most 50).
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(path), f"读不了：{error}", f"cannot be read: {error}")]) from None
    problems: list[Problem] = []
    found = _json_lines(path, text, problems) if path.suffix in (".jsonl", ".ndjson") else \
        _yaml(path, text, problems)
    if not problems and not 0 < len(found) <= MAX_QUESTIONS:
        problems.append(Problem(str(path), f"需要 1 到 {MAX_QUESTIONS} 个问题",
                                f"needs 1 to {MAX_QUESTIONS:,} questions"))
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return found


def _yaml(path: Path, text: str, problems: list[Problem]) -> list[Case]:
    reader = Reader(str(path), problems)
    root = reader.parse(text)
    if root is None:
        return []
    common = Checks()
    if isinstance(root, yaml.MappingNode):
        top = reader.mapping(root, ("checks", "questions", "cases"))
        if "checks" in top:
            common = read_checks(reader, top["checks"])
        nodes = [node for name in ("questions", "cases") if name in top for node in reader.items(top[name])]
    else:
        nodes = reader.items(root)
    return [case for node in nodes if (case := _question(reader, node, common)) is not None]


def _json_lines(path: Path, text: str, problems: list[Problem]) -> list[Case]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or len(problems) >= MAX_PROBLEMS:
            continue
        try:  # YAML reads JSON, but not its way of writing emoji as two escapes
            plain = json.dumps(json.loads(line), ensure_ascii=False)
        except (ValueError, RecursionError) as error:
            problems.append(Problem(f"{path}:{number}", f"不是有效的 JSON：{error}",
                                    f"is no valid JSON: {error}"))
            continue
        reader = _Line(f"{path}:{number}", problems)
        node = reader.parse(plain)
        case = _question(reader, node, Checks()) if node is not None else None
        if case is not None:
            found.append(case)
    return found


class _Line(Reader):
    """One line of a file: its number is in the name."""

    def where(self, node: Node) -> str:
        """See :meth:`Reader.where`."""
        return self.name


def _question(reader: Reader, node: Node, common: Checks) -> Case | None:
    before = len(reader.problems)
    if isinstance(node, yaml.ScalarNode):  # `- 怎么退货`: only the text
        case = Case(0, 0, reader.text(node))
    else:
        fields = reader.mapping(node, _FIELDS)
        if "text" not in fields and len(reader.problems) == before:
            reader.say(node, "缺少 text", "lacks text")
        if len(reader.problems) > before:
            return None
        case = read_case(reader, fields)
    case = msgspec.structs.replace(case, body=msgspec.structs.replace(
        case.body, checks=merged(common, case.body.checks)))
    for fault in check_case(msgspec.structs.replace(case, body=msgspec.structs.replace(
            case.body, checks=case.body.checks or _ONLY_TEXT))):
        reader.say(node, fault.text("zh"), fault.text("en"))
    return case if len(reader.problems) == before else None


def merged(common: Checks, own: Checks | None) -> Checks:
    """The common checks, and what a question says itself instead."""
    if own is None:
        return common
    default = Checks()
    said = {name: getattr(own, name) for name in Checks.__struct_fields__
            if getattr(own, name) != getattr(default, name)}
    return msgspec.structs.replace(common, **said)
