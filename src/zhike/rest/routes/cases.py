"""Regression cases: the shop's own tests of its bot."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import ADMIN
from zhike.clock import to_datetime
from zhike.domain.case import Case, CaseBody
from zhike.domain.trial import Outcome, Verdict
from zhike.errors import Lang as ErrorLang
from zhike.errors import ZhikeError
from zhike.rest.decode import Id, path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.articles import check_bot
from zhike.rest.routes.prompts import MAX_SHOWN, QuestionText, said
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import cases as rows

Lang = Literal["", "zh", "en"]


class CaseQuery(Paged, forbid_unknown_fields=True):
    """``q``: a part of the text or of what is expected."""

    bot_id: Id | None = None
    lang: Literal["zh", "en"] | None = None
    q: Annotated[str, Meta(max_length=200)] = ""


class NewCase(Struct, forbid_unknown_fields=True):
    """(``bot_id``, ``lang``, ``text``) is unique. ``body.expect`` null: the bot must not answer it."""

    bot_id: Id
    text: QuestionText
    body: CaseBody
    lang: Lang = ""


class CaseChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay; ``body`` is replaced as a whole."""

    text: QuestionText | UnsetType = UNSET
    lang: Lang | UnsetType = UNSET
    body: CaseBody | UnsetType = UNSET


class CaseView(Struct):
    """One case."""

    id: int
    bot_id: int
    text: str
    lang: str
    body: CaseBody
    created_at: datetime
    updated_at: datetime


class RunCases(Struct, forbid_unknown_fields=True):
    """Which bot's cases to ask."""

    bot_id: Id


class OutcomeView(Struct):
    """A case that did not come out right. ``said``: the article, rule or model that answered."""

    text: str
    lang: str
    verdict: Verdict
    part: Literal["knowledge", "model"]
    said: str
    answer: str
    missed: list[str]


class CasesRun(Struct):
    """Shares are 0..1. ``failed``: cases that are not right, at most 50."""

    rows: int
    accuracy: float
    right: float
    wrong: float
    silent: float
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: list[OutcomeView]
    notes: list[str]


def case_view(case: Case) -> CaseView:
    """A case as the API shows it."""
    return CaseView(
        case.id,
        case.bot_id,
        case.text,
        case.lang,
        case.body,
        to_datetime(case.created_at),
        to_datetime(case.updated_at),
    )


def _outcome(one: Outcome, lang: ErrorLang) -> OutcomeView:
    return OutcomeView(
        one.text, one.lang, one.verdict, one.part, one.said, one.answer, said(one.missed, lang)
    )


async def list_cases(call: Call) -> Page[CaseView]:
    """Cases in the order of their ids."""
    query: CaseQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(
        rows.list_cases,
        bot_id=query.bot_id,
        lang=query.lang or "",
        text=query.q.strip(),
        after_id=after[0] if after else 0,
        limit=query.limit + 1,
    )
    return page(found, query.limit, case_view, lambda case: (case.id,))


async def _find(call: Call) -> Case:
    case = await call.to.store.read(rows.get_case, path_id(call.path["id"]))
    if case is None:
        raise ZhikeError("not_found")
    return case


async def get_case(call: Call) -> CaseView:
    """One case."""
    return case_view(await _find(call))


async def create_case(call: Call) -> CaseView:
    """Adds a case."""
    body: NewCase = call.body
    await check_bot(call, body.bot_id)
    case = await audited(
        call,
        "case.created",
        lambda made: f"case:{made.id}",
        None,
        rows.create_case,
        Case(0, body.bot_id, body.text, body.lang, body.body),
        call.now,
    )
    return case_view(case)


async def change_case(call: Call) -> CaseView:
    """Changes a case."""
    old = await _find(call)
    body: CaseChange = call.body
    values = {
        name: getattr(body, name) for name in body.__struct_fields__ if getattr(body, name) is not UNSET
    }
    case = await audited(
        call,
        "case.updated",
        f"case:{old.id}",
        {"fields": sorted(values)},
        rows.update_case,
        msgspec.structs.replace(old, **values),
        call.now,
    )
    return case_view(case)


async def delete_case(call: Call) -> None:
    """Removes a case."""
    old = await _find(call)
    await audited(call, "case.deleted", f"case:{old.id}", None, rows.delete_cases, old.bot_id, [old.id])


async def run_cases(call: Call) -> CasesRun:
    """Asks a bot all its cases as it is now; nothing is stored."""
    body: RunCases = call.body
    await check_bot(call, body.bot_id)
    report = await call.to.quality.gate_bot(body.bot_id)
    failed = [_outcome(one, call.lang) for one in report.outcomes if one.verdict != "right"]
    return CasesRun(
        report.rows,
        report.right,
        report.right,
        report.wrong,
        report.silent,
        report.seconds,
        report.p50_ms,
        report.p99_ms,
        failed[:MAX_SHOWN],
        [zh if call.lang == "zh" else en for zh, en in report.notes],
    )


_EXAMPLE = {
    "bot_id": 1,
    "text": "不喜欢可以退吗",
    "lang": "zh",
    "body": {"expect": "return-policy", "contains": ["7 天"]},
}

ROUTES = [
    Route(
        "GET",
        "/api/v1/cases",
        list_cases,
        ADMIN,
        ("List regression cases", "回归用例列表"),
        answer=Page[CaseView],
        query=CaseQuery,
    ),
    Route(
        "POST",
        "/api/v1/cases",
        create_case,
        ADMIN,
        ("Add a regression case", "新建回归用例"),
        answer=CaseView,
        status=201,
        body=NewCase,
        errors=("conflict",),
        example=_EXAMPLE,
    ),
    Route(
        "POST",
        "/api/v1/cases/run",
        run_cases,
        ADMIN,
        ("Ask a bot its regression cases", "跑一遍回归用例"),
        answer=CasesRun,
        body=RunCases,
        example={"bot_id": 1},
    ),
    Route(
        "GET",
        "/api/v1/cases/{id}",
        get_case,
        ADMIN,
        ("Get a regression case", "查看回归用例"),
        answer=CaseView,
    ),
    Route(
        "PATCH",
        "/api/v1/cases/{id}",
        change_case,
        ADMIN,
        ("Change a regression case", "修改回归用例"),
        answer=CaseView,
        body=CaseChange,
        errors=("conflict",),
        example={"body": {"expect": None}},
    ),
    Route(
        "DELETE",
        "/api/v1/cases/{id}",
        delete_case,
        ADMIN,
        ("Remove a regression case", "删除回归用例"),
        status=204,
    ),
]
