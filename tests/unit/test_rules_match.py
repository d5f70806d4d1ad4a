"""Rules: what matches, which wins, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from zhike.answer.rulecheck import check_rule
from zhike.answer.rules import RuleSet
from zhike.domain.knowledge import Rule, RuleKind
from zhike.domain.message import Button
from zhike.search.text import understand


def rule(kind: RuleKind, *match: str, id: int = 1, reply: str = "", **rest: Any) -> Rule:
    return Rule(id=id, bot_id=1, key=f"r{id}", kind=kind, match=match, reply=reply or f"r{id}", **rest)


def said(rules: list[Rule], text: str, hint: str = "") -> str | None:
    reply = RuleSet(rules).match(understand(text, hint))
    return reply.text if reply is not None else None


@pytest.mark.parametrize(("kind", "match", "yes", "no"), [
    ("exact", ("转人工",), ("转人工", "轉人工！", " 转 人工 "), ("我要转人工", "转")),
    ("exact", ("Hi!",), ("hi", "HI?"), ("hi there",)),
    ("menu", ("菜单", "0"), ("菜單", "0。"), ("菜单在哪",)),
    ("keyword", ("退货 运费",), ("退货的运费谁出", "运费？退貨！"), ("退货", "运费多少")),
    ("keyword", ("hi", "wi-fi"), ("oh hi bot", "has it Wi-Fi?"), ("this", "wifi")),
    ("keyword", ("c++",), ("do you sell c++ books",), ("c", "cc")),
    ("keyword", ("包邮",), ("请问包郵嗎",), ("包 不邮",)),
    ("pattern", (r"zk-?\d{4}",), ("ZK-1234", "订单zk1234呢", "ＺＫ１２３４"), ("zk12",)),
    ("pattern", ("^退貨$",), ("退货", "退货？！", "退貨"), ("要退货",)),
    ("pattern", (r"\byou're late\b",), ("YOU’RE LATE!",), ("youre later",)),
])
def test_kinds(kind: RuleKind, match: tuple[str, ...], yes: tuple[str, ...], no: tuple[str, ...]) -> None:
    rules = [rule(kind, *match)]
    assert [text for text in yes if said(rules, text) is None] == []
    assert [text for text in no if said(rules, text) is not None] == []


def test_lower_position_wins_whatever_the_kind() -> None:
    rules = [rule("exact", "退货", id=1, position=50), rule("keyword", "退", id=2, position=10),
             rule("pattern", "货", id=3, position=20)]
    assert said(rules, "退货") == "r2"
    assert said(rules[::2], "退货") == "r3"
    assert said(rules[:1], "退货") == "r1"


def test_in_one_position_the_narrower_kind_wins_then_the_older() -> None:
    rules = [rule("keyword", "退货", id=1), rule("pattern", "退货", id=2), rule("menu", "退货", id=3),
             rule("exact", "退货", id=5), rule("exact", "退货", id=4)]
    assert [said([r for r in rules if r.id in kept], "退货") for kept in ({1, 2, 3, 4, 5}, {1, 2, 3}, {1,
                                                                                                       2})] \
        == ["r4", "r3", "r2"]


def test_language() -> None:
    rules = [rule("exact", "ok", id=1, lang="en"), rule("keyword", "ok", id=2, lang="zh"),
             rule("exact", "12345", id=3)]
    assert said(rules, "OK") == "r1"
    assert said(rules, "这样ok吗") == "r2"
    assert said(rules, "12345", "zh") == said(rules, "12345", "en") == "r3"


def test_a_keyword_part_shared_by_two_rules_counts_for_both() -> None:
    rules = [rule("keyword", "退货 地址", id=1), rule("keyword", "退货 运费", id=2)]
    assert said(rules, "退货运费") == "r2"
    assert said(rules, "退货地址") == "r1"


def test_openers_wait_for_the_real_question() -> None:
    opener = RuleSet([rule("exact", "在吗", opener=True)]).match(understand("在吗"))
    plain = RuleSet([rule("exact", "在吗", action="handoff")]).match(understand("在吗"))
    assert opener is not None
    assert plain is not None
    assert (opener.opener, opener.sure) == (True, False)
    assert (plain.opener, plain.sure, plain.action) == (False, True, "handoff")


def test_a_reply_names_its_rule() -> None:
    reply = RuleSet([rule("exact", "在吗", id=7, buttons=(Button("菜单"),))]).match(understand("在吗"))
    assert reply is not None
    assert reply.source is not None
    assert (reply.source.kind, reply.source.id, reply.source.key) == ("rule", 7, "r7")
    assert [(s.step, s.outcome) for s in reply.trace] == [("rules", "hit")]
    assert '"label":"菜单"' in reply.payload_json


def test_disabled_and_broken_rules_are_left_out_and_named() -> None:
    rules = RuleSet([rule("exact", "在吗", id=1, enabled=False), rule("pattern", "(", id=2),
                     rule("pattern", "在.", id=3)])
    reply = rules.match(understand("在吗"))
    assert reply is not None
    assert reply.text == "r3"
    assert [(r.id, len(wrong)) for r, wrong in rules.problems] == [(2, 1)]


@pytest.mark.parametrize(("bad", "names"), [
    (rule("exact"), "Nothing to match"),
    (rule("exact", " "), "Match 1 is empty"),
    (rule("pattern", "(a"), "not valid RE2: missing ): (a"),
    (rule("pattern", "(?=a)b"), "look-around"),
    (rule("pattern", "a*"), "empty text"),
    (rule("pattern", "x" * 1001), "longer than 1000"),
    (rule("keyword", "a"), "too short"),
    (rule("keyword", "？"), "too short"),
    (rule("exact", "a", reply=" "), "neither a reply"),
    (rule("exact", "a", action="explode"), "no action “explode”"),
    (rule("exact", "a", lang="fr"), "no language “fr”"),
    (rule("exact", "a", buttons=(Button(" "),)), "no label"),
    (rule("exact", "a", buttons=(Button("x", url="javascript:alert(1)"),)), "must start with https"),
    (rule("exact", "a", buttons=(Button("x", url="//evil.example"),)), "must start with https"),
])
def test_problems_are_said_clearly(bad: Rule, names: str) -> None:
    problems = check_rule(bad)
    assert len(problems) == 1
    assert names in problems[0]
    chinese = check_rule(bad, "zh")
    assert len(chinese) == 1
    assert any("一" <= c <= "鿿" for c in chinese[0])


def test_a_good_rule_has_no_problems() -> None:
    assert check_rule(rule("pattern", r"(?i)\bzk[ -]?\d{11}\b", "^人工$")) == []
    assert check_rule(rule("exact", "hi", reply="hello", buttons=(Button("x", url="/sample"),))) == []
    assert check_rule(rule("menu", "？")) == []


def test_a_rule_begins_a_flow_and_only_a_handoff_breaks_into_one() -> None:
    rules = RuleSet([Rule(1, 1, "a", "exact", ("订单",), "", action="flow:order-status"),
                     Rule(2, 1, "b", "exact", ("人工",), "好的", action="handoff"),
                     Rule(3, 1, "c", "exact", ("你好",), "您好")])
    begins, person, hello = (rules.match(understand(text)) for text in ("订单", "人工", "你好"))
    assert begins is not None
    assert person is not None
    assert hello is not None
    assert (begins.action, begins.sure, begins.interrupts) == ("flow:order-status", False, False)
    assert (person.sure, person.interrupts) == (True, True)
    assert (hello.sure, hello.interrupts) == (True, False)
    assert rules.problems == []
    assert check_rule(Rule(4, 1, "d", "exact", ("x",), "", action="flow:"))
