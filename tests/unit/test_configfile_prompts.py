"""Templates and cases in configuration files: exactly the promised form, errors with their lines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine

from zhike.config import ConfigError
from zhike.domain.case import Checks
from zhike.domain.knowledge import Bot
from zhike.domain.prompt import Template
from zhike.ops.configfile import export, read_text
from zhike.ops.configplan import apply, describe, make_plan
from zhike.store import bots, cases, prompts, tables

PLAIN = """\
prompt_templates:
  - name: support
    system_prompt: |
      你是{shop}的客服。
      最多给三个方案，以问句结尾。
    temperature: 0.3
    max_tokens: 500
"""
CASES = """\
cases:
  - {text: 怎么退货, lang: zh, expect: returns, contains: [7 天]}
  - {text: 今天天气怎么样, expect: null}
  - text: 机器一直响
    lang: zh
    checks: {max_items: 3, ends_with_question: true, forbidden: 保证, matches: ['\\d'], judge: 礼貌吗？}
"""


@pytest.fixture
def conn() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as made:
        tables.metadata.create_all(made)
        bots.create_bot(made, Bot(0, "shop", "小知"), 1)
        yield made


def text_of(conn: Connection) -> str:
    return "".join(export(conn))


def said(error: pytest.ExceptionInfo[ConfigError]) -> str:
    return "\n".join(problem.text("en") for problem in error.value.problems)


def test_the_promised_form_goes_to_the_only_bot(conn: Connection) -> None:
    assert apply(conn, read_text(PLAIN), 5).count("add") == 1
    stored = prompts.get_active(conn, 1, "support")
    assert stored is not None
    words = "你是{shop}的客服。\n最多给三个方案，以问句结尾。"
    assert stored.template == Template("support", words, 0.3, 500)
    again = apply(conn, read_text(PLAIN), 6)
    assert (again.changes, again.same) == ([], 1)
    assert len(prompts.list_prompts(conn)) == 1


def test_an_edit_is_a_new_version_and_shows_its_lines(conn: Connection) -> None:
    apply(conn, read_text(PLAIN), 5)
    edited = read_text(PLAIN.replace("三个", "两个").replace("0.3", "0.1"))
    lines = list(describe(make_plan(conn, edited), "en"))
    assert lines[0].startswith("~ prompt template support @shop")
    assert "    temperature: 0.3 → 0.1" in lines
    assert any(line.strip() == "+ 最多给两个方案，以问句结尾。" for line in lines)
    version = bots.knowledge_versions(conn)[1]
    apply(conn, edited, 6, by="anna")
    assert [(p.version, p.active, p.created_by) for p in prompts.list_prompts(conn)] == [
        (1, False, ""), (2, True, "anna")]
    assert bots.knowledge_versions(conn)[1] > version


def test_export_comes_back_equal(conn: Connection) -> None:
    rich = PLAIN + """\
    model: big
    tools: [order, "on"]
    variables: {tone: warm, "n": 1}
    examples: [{question: "a: b", answer: "- c"}]
"""
    apply(conn, read_text(rich.replace("以问句结尾。", "{tone} {n} {{x}}")), 5)
    apply(conn, read_text(CASES), 5)
    before = text_of(conn)
    plan = apply(conn, read_text(before), 9, prune=True)
    assert (plan.changes, plan.same) == ([], 5)
    with create_engine("sqlite://").connect() as other:
        tables.metadata.create_all(other)
        apply(other, read_text(before), 7)
        assert text_of(other) == before


def test_cases_say_three_things_of_expect(conn: Connection) -> None:
    apply(conn, read_text(CASES), 5)
    found = {case.text: case.body for case in cases.all_for_bot(conn, 1)}
    assert found["怎么退货"].expect == "returns"
    assert found["今天天气怎么样"].expect is None
    assert found["机器一直响"].expect not in (None, "returns")
    assert found["机器一直响"].checks == Checks(
        max_items=3, ends_with_question=True, forbidden=("保证",), matches=("\\d",), judge="礼貌吗？")


def test_several_bots_need_a_word_which(conn: Connection) -> None:
    bots.create_bot(conn, Bot(0, "bank", "银行"), 1)
    with pytest.raises(ConfigError) as error:
        apply(conn, read_text(PLAIN, "p.yaml"), 5)
    assert "p.yaml:2" in said(error)
    assert "--bot" in said(error)
    apply(conn, read_text(PLAIN), 5, bot="bank")
    assert [p.bot_id for p in prompts.list_prompts(conn)] == [2]
    with pytest.raises(ConfigError, match="there is no bot 'x'"):
        apply(conn, read_text(PLAIN), 5, bot="x")


@pytest.mark.parametrize(("text", "line", "words"), [
    (PLAIN.replace("{shop}", "{shpo}"), 3, "did you mean {shop}"),
    (PLAIN.replace("0.3", "warm"), 6, "needs a number"),
    (PLAIN.replace("0.3", "3"), 6, "between 0 and 2"),
    (PLAIN.replace("500", "many"), 7, "whole number"),
    (PLAIN.replace("temperature", "temprature"), 6, "did you mean temperature"),
    (PLAIN.replace("    max_tokens: 500\n", "    examples: [{q: 1}]\n"), 7, "called 'q'"),
    ("prompt_templates:\n  - {name: x}\n", 2, "lacks system_prompt"),
    (PLAIN + PLAIN.partition("\n")[2], 8, "stands in"),
    (CASES.replace("max_items", "max_itms"), 6, "did you mean max_items"),
    (CASES.replace("'\\d'", "'('"), 6, "RE2"),
    ("cases:\n  - {text: 你好}\n", 2, "asks for nothing"),
    ("prompt_templates: []\narticles: []\n", 1, "zhike: 1"),
])
def test_errors_name_file_and_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_text(text, "p.yaml")
    assert f"p.yaml:{line}:" in said(error)
    assert words in said(error)


def test_prune_removes_templates_and_cases_of_the_bots_mentioned(conn: Connection) -> None:
    apply(conn, read_text(PLAIN), 5)
    apply(conn, read_text(CASES), 5)
    keep = "cases: [{text: 怎么退货, bot: shop, lang: zh, expect: returns, contains: [7 天]}]\n" \
        "prompt_templates: []\n"
    plan = apply(conn, read_text(keep), 6, prune=True)
    assert plan.count("delete") == 3
    assert [case.text for case in cases.all_for_bot(conn, 1)] == ["怎么退货"]
    assert prompts.list_prompts(conn) == []
