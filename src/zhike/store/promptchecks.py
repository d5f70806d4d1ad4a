"""What the store refuses to keep of prompt templates and regression cases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from zhike.config.problems import nearest
from zhike.domain.case import Case, Checks
from zhike.domain.message import MAX_TEXT_CHARS
from zhike.domain.prompt import BUILT_IN_VARIABLES, Template, variables_of
from zhike.store.checks import (
    ACTIONS,
    FLOW_ACTION,
    LANGS,
    MAX_ENTRY_KEY_CHARS,
    Fault,
    check_pattern,
    check_text,
)

MAX_PROMPT_CHARS = 20_000
"""Some 13,000 tokens of Chinese: more than a small model's whole context."""
MAX_VARIABLES = 50
MAX_EXAMPLES = 20
MAX_TOOLS = 50
MAX_TOKENS = 32_000
MAX_CHECK_TEXTS = 50
MAX_CHECK_CHARS = 500
MAX_NOTE_CHARS = 500

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VARIABLE = re.compile(r"[^\W\d]\w{0,63}")


def check_template(template: Template) -> Iterator[Fault]:
    """A template's own fields. Tools and models are looked for when it is used."""
    if not _NAME.fullmatch(template.name):
        yield Fault("name", f"{template.name!r} 只能用字母、数字和 . _ -，最多 64 个",
                    f"{template.name!r} may hold letters, digits and . _ - only, 64 at most")
    yield from check_text("system_prompt", template.system_prompt, MAX_PROMPT_CHARS)
    if not 0 <= template.temperature <= 2:  # NaN is refused too
        yield Fault("temperature", "需要 0 到 2 之间的数", "needs a number between 0 and 2")
    if not 1 <= template.max_tokens <= MAX_TOKENS:
        yield Fault("max_tokens", f"需要 1 到 {MAX_TOKENS} 之间的整数",
                    f"needs a whole number between 1 and {MAX_TOKENS}")
    yield from _check_variables(template)
    if len(template.examples) > MAX_EXAMPLES:
        yield Fault("examples", f"最多 {MAX_EXAMPLES} 个", f"{MAX_EXAMPLES} at most")
    for index, example in enumerate(template.examples):
        yield from check_text(f"examples[{index}].question", example.question, MAX_TEXT_CHARS)
        yield from check_text(f"examples[{index}].answer", example.answer, MAX_TEXT_CHARS)
    yield from _texts("tools", template.tools, MAX_TOOLS, 64)
    yield from check_text("model", template.model, 128, empty=True)


def _check_variables(template: Template) -> Iterator[Fault]:
    if len(template.variables) > MAX_VARIABLES:
        yield Fault("variables", f"最多 {MAX_VARIABLES} 个", f"{MAX_VARIABLES} at most")
    for name, value in template.variables.items():
        if not _VARIABLE.fullmatch(name):
            yield Fault("variables", f"{name!r} 不能作变量名", f"{name!r} cannot be a variable's name")
        else:
            yield from check_text(f"variables.{name}", value, MAX_TEXT_CHARS, empty=True)
    known = [*template.variables, *BUILT_IN_VARIABLES]
    for name in variables_of(template.system_prompt):
        if name not in known:
            near = nearest(name, known) or ", ".join(known)
            yield Fault("system_prompt",
                        f"没有变量 {{{name}}}；是不是想写 {{{near}}}？要写花括号本身请用 {{{{{name}}}}}",
                        f"there is no variable {{{name}}}; did you mean {{{near}}}? "
                        f"Write {{{{{name}}}}} for the braces themselves")


def check_case(case: Case) -> Iterator[Fault]:
    """A case's own fields."""
    yield from check_text("text", case.text, MAX_TEXT_CHARS)
    if case.lang not in ("", *LANGS):
        yield Fault("lang", f"{case.lang!r} 不是 zh、en 或空", f"{case.lang!r} is neither zh, en nor empty")
    body = case.body
    if isinstance(body.expect, str):
        yield from check_text("expect", body.expect, 2 * MAX_ENTRY_KEY_CHARS)
    if body.action not in ACTIONS and not FLOW_ACTION.fullmatch(body.action):
        yield Fault("action", f"{body.action!r} 只能是 handoff、flow:<流程 key> 或空",
                    f"{body.action!r} must be handoff, flow:<key of a flow> or empty")
    yield from _texts("contains", body.contains)
    yield from _texts("not_contains", body.not_contains)
    if body.checks is not None:
        for fault in check_checks(body.checks):
            yield Fault(f"checks.{fault.field}", fault.zh, fault.en)
    nothing = not isinstance(body.expect, str) and body.expect is not None
    if nothing and not (body.action or body.contains or body.not_contains or body.checks):
        yield Fault("expect", "这一条什么也没有要求：写 expect、contains、not_contains、action 或 checks",
                    "asks for nothing: give expect, contains, not_contains, action or checks")


def check_checks(checks: Checks) -> Iterator[Fault]:
    """What an answer is held to."""
    for name in ("max_items", "max_chars", "max_sentences"):
        number = getattr(checks, name)
        if number is not None and not 0 <= number <= 100_000:
            yield Fault(name, "需要 0 到 100000 之间的整数", "needs a whole number between 0 and 100000")
    if checks.language not in ("", *LANGS):
        yield Fault("language", f"{checks.language!r} 不是 zh 或 en",
                    f"{checks.language!r} is neither zh nor en")
    for name in ("forbidden", "must_contain", "any_of"):
        yield from _texts(name, getattr(checks, name))
    for name in ("matches", "matches_not"):
        patterns: tuple[str, ...] = getattr(checks, name)
        yield from _texts(name, patterns)
        for index, pattern in enumerate(patterns):
            yield from check_pattern(f"{name}[{index}]", pattern)
    yield from check_text("judge", checks.judge, MAX_CHECK_CHARS, empty=True)


def _texts(field: str, values: Sequence[str], most: int = MAX_CHECK_TEXTS,
           chars: int = MAX_CHECK_CHARS) -> Iterator[Fault]:
    if len(values) > most:
        yield Fault(field, f"最多 {most} 条", f"{most} at most")
    for index, value in enumerate(values):
        yield from check_text(f"{field}[{index}]", value, chars)
