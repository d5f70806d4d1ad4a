"""Prompt templates: versions, roll back, difference, trying them out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import ADMIN
from zhike.clock import to_datetime
from zhike.domain.case import Case, CaseBody, Checks
from zhike.domain.prompt import Example, StoredPrompt, Template
from zhike.domain.trial import GateReport, Missed, Tried
from zhike.errors import ErrorBody, Lang, ZhikeError
from zhike.rest.decode import FieldFault, Id, path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.articles import check_bot
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import prompts as rows
from zhike.store.checks import refuse
from zhike.store.promptchecks import (
    MAX_EXAMPLES,
    MAX_NOTE_CHARS,
    MAX_PROMPT_CHARS,
    MAX_TOKENS,
    MAX_TOOLS,
    MAX_VARIABLES,
    check_case,
    check_template,
)

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Words = Annotated[str, Meta(min_length=1, max_length=MAX_PROMPT_CHARS, pattern=r"\S")]
VariableName = Annotated[str, Meta(min_length=1, max_length=64)]
VariableText = Annotated[str, Meta(max_length=4000)]
ToolKey = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S")]
QuestionText = Annotated[str, Meta(min_length=1, max_length=4000, pattern=r"\S")]
MAX_QUESTIONS = 20
"""Of one call: a model takes seconds for each, and somebody waits."""
MAX_SHOWN = 50


class PromptQuery(Paged, forbid_unknown_fields=True):
    """``active``: only the versions in use, or only the others."""

    bot_id: Id | None = None
    name: Annotated[str, Meta(max_length=64)] = ""
    active: bool | None = None


class DiffQuery(Struct, forbid_unknown_fields=True):
    """``against``: the id of another version; without it the one before is taken."""

    against: Id | None = None


class PromptText(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a template says."""

    name: Name
    system_prompt: Words
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.3
    max_tokens: Annotated[int, Meta(ge=1, le=MAX_TOKENS)] = 500
    variables: Annotated[dict[VariableName, VariableText], Meta(max_length=MAX_VARIABLES)] = {}
    examples: Annotated[tuple[Example, ...], Meta(max_length=MAX_EXAMPLES)] = ()
    tools: Annotated[tuple[ToolKey, ...], Meta(max_length=MAX_TOOLS)] = ()
    model: Annotated[str, Meta(max_length=128)] = ""


class InBoth(Struct):
    """A built-in template in each language."""

    zh: PromptText
    en: PromptText


class BuiltIn(InBoth):
    """The built-in template of the bot's answers, and ``assist``: those of a model's help for agents, by the
    name under which a bot may have its own."""

    assist: dict[str, InBoth]


class NewPrompt(PromptText, forbid_unknown_fields=True, kw_only=True):
    """A new version of ``name``. ``activate`` false: only stored. ``gate``: it becomes active only if the
    regression set does not come out worse with it."""

    bot_id: Id
    note: Annotated[str, Meta(max_length=MAX_NOTE_CHARS)] = ""
    activate: bool = True
    gate: bool = False


class Activate(Struct, forbid_unknown_fields=True):
    """``gate``: only if the regression set does not come out worse with it."""

    gate: bool = False


class PromptView(Struct):
    """One version. Exactly one of each name and bot is active."""

    id: int
    bot_id: int
    name: str
    version: int
    active: bool
    system_prompt: str
    temperature: float
    max_tokens: int
    variables: dict[str, str]
    examples: tuple[Example, ...]
    tools: tuple[str, ...]
    model: str
    note: str
    created_by: str
    created_at: datetime


class DiffView(Struct):
    """``lines`` begin with ``  -`` (before), ``  +`` (after) or three blanks (both), below the field's name;
    ``against`` null: there is no version before it."""

    id: int
    against: int | None
    lines: list[str]


class Question(Struct, forbid_unknown_fields=True):
    """One question with what its answer is held to."""

    text: QuestionText
    lang: Literal["", "zh", "en"] = ""
    checks: Checks | None = None


class PromptTest(Struct, forbid_unknown_fields=True):
    """``prompt_id``: a stored version, or ``template``: one that is not stored; ``against_id``: another
    version, asked side by side. ``model`` "": the template's own, or the first configured."""

    bot_id: Id
    questions: Annotated[tuple[Question, ...], Meta(min_length=1, max_length=MAX_QUESTIONS)]
    prompt_id: Id | None = None
    template: PromptText | UnsetType = UNSET
    against_id: Id | None = None
    model: Annotated[str, Meta(max_length=128)] = ""


class TriedView(Struct):
    """One answer. ``error``: why there is none. ``missed``: checks it does not pass."""

    answer: str
    passed: bool
    missed: list[str]
    error: str
    model: str
    first_token_ms: float
    total_ms: float
    prompt_tokens: int
    completion_tokens: int
    cost: float
    sources: tuple[str, ...]
    dropped: tuple[str, ...]


class TestedQuestion(Struct):
    """A question with its answers: of the version asked for, then of ``against_id``."""

    text: str
    answers: list[TriedView]


class PromptTested(Struct):
    """What a trial found; nothing is stored."""

    rows: list[TestedQuestion]


class GateFailedError(ZhikeError):
    """``gate_failed`` with the cases that come out worse."""

    def __init__(self, report: GateReport) -> None:
        self.report = report
        super().__init__(
            "gate_failed",
            "; ".join(en for _, en in report.reasons),
            details={"worse": [pair.after.text for pair in report.worse[:MAX_SHOWN]]},
        )

    def body(self, lang: Lang = "en") -> ErrorBody:
        """The wire object, its reasons in the reader's language."""
        body = super().body(lang)
        if lang == "en":
            return body
        said = "；".join(zh for zh, _ in self.report.reasons)
        return msgspec.structs.replace(body, message=f"{self.spec.zh} {said}")


def prompt_view(stored: StoredPrompt) -> PromptView:
    """A version as the API shows it."""
    t = stored.template
    return PromptView(
        stored.id,
        stored.bot_id,
        stored.name,
        stored.version,
        stored.active,
        t.system_prompt,
        t.temperature,
        t.max_tokens,
        t.variables,
        t.examples,
        t.tools,
        t.model,
        stored.note,
        stored.created_by,
        to_datetime(stored.created_at),
    )


def _template(text: PromptText) -> Template:
    return Template(**{name: getattr(text, name) for name in Template.__struct_fields__})


async def list_prompts(call: Call) -> Page[PromptView]:
    """Versions in the order of their ids."""
    query: PromptQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(
        rows.list_prompts,
        bot_id=query.bot_id,
        name=query.name,
        active=query.active,
        after_id=after[0] if after else 0,
        limit=query.limit + 1,
    )
    return page(found, query.limit, prompt_view, lambda stored: (stored.id,))


async def _find(call: Call, prompt_id: int) -> StoredPrompt:
    stored = await call.to.store.read(rows.get_prompt, prompt_id)
    if stored is None:
        raise ZhikeError("not_found")
    return stored


async def _named(call: Call, field: str, prompt_id: int, bot_id: int) -> StoredPrompt:
    stored = await call.to.store.read(rows.get_prompt, prompt_id)
    if stored is None or stored.bot_id != bot_id:
        raise FieldFault(
            field,
            f"`{field}`: this bot has no version {prompt_id}.",
            f"`{field}`：这个机器人没有版本 {prompt_id}。",
        )
    return stored


async def get_prompt(call: Call) -> PromptView:
    """One version."""
    return prompt_view(await _find(call, path_id(call.path["id"])))


async def create_prompt(call: Call) -> PromptView:
    """Adds a version; the bot answers by it when this returns, unless ``activate`` is false."""
    body: NewPrompt = call.body
    await check_bot(call, body.bot_id)
    template = _template(body)
    if body.gate and body.activate:
        refuse(check_template(template))
        await _gate(call, body.bot_id, template)
    stored = await audited(
        call,
        "prompt.created",
        lambda made: f"prompt:{made.id}",
        {"name": body.name, "active": body.activate, "gate": body.gate},
        rows.create_version,
        body.bot_id,
        template,
        call.now,
        by=call.principal.actor,
        note=body.note,
        activate=body.activate,
    )
    await call.to.desk.knowledge_changed(stored.bot_id)
    return prompt_view(stored)


async def activate_prompt(call: Call) -> PromptView:
    """Makes a version the active one (rolling back is the same); the bot answers by it when this returns."""
    body: Activate = call.body
    old = await _find(call, path_id(call.path["id"]))
    if body.gate:
        await _gate(call, old.bot_id, old.template)
    stored = await audited(
        call,
        "prompt.activated",
        f"prompt:{old.id}",
        {"name": old.name, "version": old.version, "gate": body.gate},
        rows.activate,
        old.id,
        call.now,
    )
    await call.to.desk.knowledge_changed(stored.bot_id)
    return prompt_view(stored)


async def _gate(call: Call, bot_id: int, template: Template) -> None:
    report = await call.to.quality.gate_template(bot_id, template)
    if not report.passed:
        raise GateFailedError(report)


async def built_in_prompts(_call: Call) -> BuiltIn:
    """What a bot without templates of its own answers and helps agents by, in each language: where a new one
    begins."""
    from zhike.answer.assist.templates import TEMPLATES
    from zhike.answer.defaulttemplates import DEFAULTS

    def text(template: Template) -> PromptText:
        return PromptText(**msgspec.structs.asdict(template))

    return BuiltIn(text(DEFAULTS["zh"]), text(DEFAULTS["en"]), {
        name: InBoth(text(both["zh"]), text(both["en"])) for name, both in TEMPLATES.items()})


async def diff_prompt(call: Call) -> DiffView:
    """What a version changes from the one before it, or from another."""
    query: DiffQuery = call.query
    new = await _find(call, path_id(call.path["id"]))
    old: StoredPrompt | None
    if query.against is not None:
        old = await _named(call, "against", query.against, new.bot_id)
    else:
        old = await call.to.store.read(rows.get_version, new.bot_id, new.name, new.version - 1)
    lines = list(rows.diff(old.template if old is not None else None, new.template))
    return DiffView(new.id, old.id if old is not None else None, lines)


async def test_prompt(call: Call) -> PromptTested:
    """Puts questions to the model with a template, or two side by side, and checks the answers."""
    body: PromptTest = call.body
    await check_bot(call, body.bot_id)
    if (body.prompt_id is None) is (body.template is UNSET):
        raise FieldFault(
            "prompt_id", "Give either `prompt_id` or `template`.", "请给出 prompt_id 或 template 之一。"
        )
    if body.template is not UNSET:
        templates = [_template(body.template)]
        refuse(check_template(templates[0]))
    else:
        templates = [(await _named(call, "prompt_id", body.prompt_id or 0, body.bot_id)).template]
    if body.against_id is not None:
        templates.append((await _named(call, "against_id", body.against_id, body.bot_id)).template)
    questions = [_case(question) for question in body.questions]
    found = await call.to.quality.try_templates(body.bot_id, templates, questions, body.model)
    if found is None:
        raise ZhikeError("no_model")
    return PromptTested(
        [
            TestedQuestion(question.text, [tried_view(answer, call.lang) for answer in answers])
            for question, answers in zip(questions, found, strict=True)
        ]
    )


test_prompt.__test__ = False  # type: ignore[attr-defined]


def _case(question: Question) -> Case:
    checks = question.checks or Checks()
    case = Case(0, 0, question.text, question.lang, CaseBody(checks=checks))
    refuse(check_case(case))
    return case


def tried_view(answer: Tried, lang: Lang) -> TriedView:
    """An answer as the API shows it."""
    return TriedView(
        answer.text,
        answer.passed,
        said(answer.missed, lang),
        answer.error,
        answer.model,
        answer.first_token_ms,
        answer.total_ms,
        answer.prompt_tokens,
        answer.completion_tokens,
        answer.cost,
        answer.sources,
        answer.dropped,
    )


def said(missed: tuple[Missed, ...], lang: Lang) -> list[str]:
    """Failed checks as lines."""
    return [f"{one.check}: {one.zh if lang == 'zh' else one.en}" for one in missed]


_EXAMPLE: dict[str, Any] = {
    "bot_id": 1,
    "name": "support",
    "system_prompt": "你是{shop}的客服，只根据资料回答，最多给三个方案，以问句结尾。",
    "temperature": 0.3,
    "max_tokens": 500,
}

ROUTES = [
    Route(
        "GET",
        "/api/v1/prompts",
        list_prompts,
        ADMIN,
        ("List versions of prompt templates", "提示词模板的版本列表"),
        answer=Page[PromptView],
        query=PromptQuery,
    ),
    Route(
        "POST",
        "/api/v1/prompts",
        create_prompt,
        ADMIN,
        ("Add a version of a prompt template", "新建提示词模板的版本"),
        answer=PromptView,
        status=201,
        body=NewPrompt,
        errors=("gate_failed",),
        example=_EXAMPLE,
    ),
    Route(
        "POST",
        "/api/v1/prompts/test",
        test_prompt,
        ADMIN,
        ("Try a prompt template", "试用提示词模板"),
        answer=PromptTested,
        body=PromptTest,
        errors=("no_model",),
        example={
            "bot_id": 1,
            "template": {name: value for name, value in _EXAMPLE.items() if name != "bot_id"},
            "questions": [{"text": "洗衣机一直响", "checks": {"max_items": 3, "ends_with_question": True}}],
        },
    ),
    Route(
        "GET",
        "/api/v1/prompts/built-in",
        built_in_prompts,
        ADMIN,
        ("The built-in prompt templates", "内置的提示词模板"),
        answer=BuiltIn,
    ),
    Route(
        "GET",
        "/api/v1/prompts/{id}",
        get_prompt,
        ADMIN,
        ("Get a version of a prompt template", "查看提示词模板的版本"),
        answer=PromptView,
    ),
    Route(
        "GET",
        "/api/v1/prompts/{id}/diff",
        diff_prompt,
        ADMIN,
        ("Compare two versions", "比较两个版本"),
        answer=DiffView,
        query=DiffQuery,
    ),
    Route(
        "POST",
        "/api/v1/prompts/{id}/activate",
        activate_prompt,
        ADMIN,
        ("Activate a version, or roll back to it", "启用或回退到一个版本"),
        answer=PromptView,
        body=Activate,
        errors=("gate_failed",),
        example={"gate": True},
    ),
]
