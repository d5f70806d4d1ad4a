"""Rules: fixed replies that come before knowledge."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import ADMIN, AGENT
from zhike.domain.knowledge import Rule, RuleKind
from zhike.domain.message import MAX_TEXT_CHARS
from zhike.errors import ZhikeError
from zhike.rest.decode import Id, path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.articles import Buttons, Key, check_bot, given
from zhike.rest.table import Call, Route
from zhike.rest.views import Page, RuleView, rule_view
from zhike.rest.write import audited
from zhike.store import rules as rows
from zhike.store.checks import MAX_MATCH_CHARS, MAX_MATCHES

Lang = Literal["", "zh", "en"]
Action = Annotated[str, Meta(max_length=32, pattern=r"^(handoff|flow:[A-Za-z0-9][A-Za-z0-9._-]*)?$")]
Match = Annotated[str, Meta(min_length=1, max_length=MAX_MATCH_CHARS, pattern=r"\S")]
Matches = Annotated[tuple[Match, ...], Meta(min_length=1, max_length=MAX_MATCHES)]
ReplyText = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
Position = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]


class RuleQuery(Paged, forbid_unknown_fields=True):
    """``q``: a part of key, matches or reply."""

    bot_id: Id | None = None
    kind: RuleKind | None = None
    lang: Literal["zh", "en"] | None = None
    enabled: bool | None = None
    q: Annotated[str, Meta(max_length=200)] = ""


class NewRule(Struct, forbid_unknown_fields=True):
    """``match``: whole texts (exact, menu), words (keyword; "a b": both), or RE2 patterns. The lowest
    ``position`` is tried first. ``lang`` "" = both. ``opener``: a greeting. ``action``: ``handoff``, or
    ``flow:<key>`` to begin a flow."""

    bot_id: Id
    key: Key
    kind: RuleKind
    match: Matches
    reply: ReplyText
    lang: Lang = ""
    buttons: Buttons = ()
    action: Action = ""
    opener: bool = False
    position: Position = 100
    enabled: bool = True


class RuleChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay; bot and key always do."""

    kind: RuleKind | UnsetType = UNSET
    match: Matches | UnsetType = UNSET
    reply: ReplyText | UnsetType = UNSET
    lang: Lang | UnsetType = UNSET
    buttons: Buttons | UnsetType = UNSET
    action: Action | UnsetType = UNSET
    opener: bool | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class RuleTest(Struct, forbid_unknown_fields=True):
    """A rule as it is being written, and what a visitor might say. ``lang`` "": the text's own."""

    __test__ = False  # pytest: no test class

    kind: RuleKind
    match: Matches
    text: Annotated[str, Meta(min_length=1, max_length=4000, pattern=r"\S")]
    lang: Lang = ""


class RuleTested(Struct):
    """``problems``: why the rule cannot be used at all, in the reader's language."""

    caught: bool
    problems: list[str]


async def list_rules(call: Call) -> Page[RuleView]:
    """Rules in the order of their ids."""
    query: RuleQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(
        rows.list_rules,
        bot_id=query.bot_id,
        lang=query.lang or "",
        kind=query.kind or "",
        enabled=query.enabled,
        text=query.q.strip(),
        after_id=after[0] if after else 0,
        limit=query.limit + 1,
    )
    return page(found, query.limit, rule_view, lambda rule: (rule.id,))


async def _find(call: Call) -> Rule:
    rule = await call.to.store.read(rows.get_rule, path_id(call.path["id"]))
    if rule is None:
        raise ZhikeError("not_found")
    return rule


async def get_rule(call: Call) -> RuleView:
    """One rule."""
    return rule_view(await _find(call))


async def create_rule(call: Call) -> RuleView:
    """Adds a rule; the bot answers by it when this returns."""
    body: NewRule = call.body
    await check_bot(call, body.bot_id)
    rule = await audited(
        call,
        "rule.created",
        lambda made: f"rule:{made.id}",
        {"key": body.key},
        rows.create_rule,
        Rule(id=0, **msgspec.structs.asdict(body)),
        call.now,
    )
    await call.to.desk.knowledge_changed(rule.bot_id)
    return rule_view(rule)


async def change_rule(call: Call) -> RuleView:
    """Changes a rule; the bot answers by it when this returns."""
    old = await _find(call)
    values = given(call.body)
    rule = await audited(
        call,
        "rule.updated",
        f"rule:{old.id}",
        {"fields": sorted(values)},
        rows.update_rule,
        msgspec.structs.replace(old, **values),
        call.now,
    )
    await call.to.desk.knowledge_changed(rule.bot_id)
    return rule_view(rule)


async def delete_rule(call: Call) -> None:
    """Removes a rule."""
    old = await _find(call)
    await audited(
        call, "rule.deleted", f"rule:{old.id}", {"key": old.key}, rows.delete_rule, old.id, call.now
    )
    await call.to.desk.knowledge_changed(old.bot_id)


async def test_rule(call: Call) -> RuleTested:
    """Whether a text would be caught by a rule as it is written, saved or not. Other rules, which may come
    first, are not asked; the hit test asks them all."""
    from zhike.answer.rulecheck import check_rule
    from zhike.answer.rules import RuleSet
    from zhike.search.text import understand

    body: RuleTest = call.body
    rule = Rule(0, 0, "test", body.kind, body.match, "…", body.lang)
    problems = check_rule(rule, call.lang)
    caught = not problems and RuleSet([rule]).match(understand(body.text, body.lang)) is not None
    return RuleTested(caught, problems)


test_rule.__test__ = False  # type: ignore[attr-defined]

ROUTES = [
    Route(
        "GET",
        "/api/v1/rules",
        list_rules,
        AGENT,
        ("List rules", "规则列表"),
        answer=Page[RuleView],
        query=RuleQuery,
    ),
    Route(
        "POST",
        "/api/v1/rules",
        create_rule,
        ADMIN,
        ("Add a rule", "新建规则"),
        answer=RuleView,
        status=201,
        body=NewRule,
        errors=("conflict",),
        example={
            "bot_id": 1,
            "key": "greeting",
            "kind": "exact",
            "match": ["你好", "hello"],
            "reply": "您好，请问有什么可以帮您？",
            "opener": True,
        },
    ),
    Route(
        "POST",
        "/api/v1/rules/test",
        test_rule,
        AGENT,
        ("Try a rule that is being written", "试用正在编写的规则"),
        answer=RuleTested,
        body=RuleTest,
        example={"kind": "keyword", "match": ["退货 运费"], "text": "退货的运费谁出"},
    ),
    Route("GET", "/api/v1/rules/{id}", get_rule, AGENT, ("Get a rule", "查看规则"), answer=RuleView),
    Route(
        "PATCH",
        "/api/v1/rules/{id}",
        change_rule,
        ADMIN,
        ("Change a rule", "修改规则"),
        answer=RuleView,
        body=RuleChange,
        example={"enabled": False},
    ),
    Route("DELETE", "/api/v1/rules/{id}", delete_rule, ADMIN, ("Remove a rule", "删除规则"), status=204),
]
