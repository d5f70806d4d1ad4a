"""The gate: a change that makes answers worse does not come through, and is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhike import cli
from zhike.domain.case import Case, CaseBody, Checks
from zhike.domain.knowledge import Article, Bot, Rule
from zhike.domain.message import Button, Reply, Source
from zhike.domain.prompt import Template
from zhike.ops.configfile import read_text
from zhike.ops.quality.gate import Limits, asks_knowledge, gate, judge
from zhike.ops.quality.state import BotState, read_state, wished
from zhike.sample import CONFIG_FILES
from zhike.store import bots
from zhike.store.engine import Store
from zhike.testing.obedient import ObedientModel

KEYS = {"rows", "accuracy", "right", "wrong", "silent", "worse", "better", "passed", "seconds", "p50_ms",
        "p99_ms"}
PROMPT = """\
prompt_templates:
  - name: default
    system_prompt: |
      你是{shop}的维修顾问。最多给三个方案，以问句结尾。
    temperature: 0.3
    max_tokens: 500
"""
MODEL_CASES = """\
cases:
  - {text: 洗衣机一直响, lang: zh, checks: {max_items: 3, ends_with_question: true}}
  - {text: 灯不亮了怎么办啊, lang: zh, checks: {max_items: 3, judge: 稳妥吗？}}
"""
WORSE_ARTICLE = """\
zhike: 1
articles:
  - {key: invoice, bot: shop, lang: zh, question: 会员有哪些等级, variants: [积分可以抵多少钱],
     answer: 可以开发票}
"""


def article(key: str, question: str, *variants: str) -> Article:
    return Article(0, 1, key, "zh", question, f"{key} 的回答", variants)


def state(*articles: Article, cases: tuple[Case, ...] = (), rules: tuple[Rule, ...] = ()) -> BotState:
    numbered = [Article(**{**{n: getattr(a, n) for n in a.__struct_fields__}, "id": number})
                for number, a in enumerate(articles, 1)]
    return BotState(Bot(1, "b", "B"), numbered, list(rules), [], list(cases), "店")


def case(text: str, **body: object) -> Case:
    return Case(0, 1, text, "zh", CaseBody(**body))  # type: ignore[arg-type]


SHIP = article("ship", "什么时候发货", "多久发货", "几天能发出来")
BACK = article("back", "怎么退货", "可以退货吗", "我要退货")
CASES = (case("什么时候发货", expect="ship"), case("我要退货", expect="back", contains=("回答",)),
         case("今天天气如何", expect=None))


@pytest.mark.parametrize(("body", "reply", "verdict", "missed"), [
    ({"expect": "ship"}, Reply("x", source=Source("article", key="ship")), "right", []),
    ({"expect": "ship"}, Reply("x", source=Source("article", key="back")), "wrong", ["expect"]),
    ({"expect": "ship"}, None, "silent", ["expect"]),
    ({"expect": None}, None, "right", []),
    ({"expect": None}, Reply("x", source=Source("rule", key="hi")), "wrong", ["expect"]),
    ({"action": "handoff"}, Reply("x", action="handoff"), "right", []),
    ({"action": "handoff"}, Reply("x"), "wrong", ["action"]),
    ({"contains": ("７ 天",), "not_contains": ("退款",)}, Reply("7 天", (Button("a"),)), "right", []),
    ({"contains": ("a",), "not_contains": ("x",)}, Reply("X"), "wrong", ["contains", "not_contains"]),
    ({"contains": ("a",)}, None, "silent", ["expect"]),
])
def test_what_an_answer_is_worth(body: dict[str, object], reply: Reply | None, verdict: str,
                                 missed: list[str]) -> None:
    found, why = judge(case("q", **body), reply)
    assert (found, [one.check for one in why]) == (verdict, missed)


def test_which_cases_ask_the_knowledge() -> None:
    assert [asks_knowledge(case("q", **body)) for body in (
        {"expect": None}, {"expect": "a"}, {"action": "handoff"}, {"contains": ("a",)}, {"checks": Checks()},
        {"checks": Checks(), "contains": ("a",)}, {"checks": Checks(), "expect": None})] \
        == [True, True, True, True, False, False, True]


async def test_the_present_state_is_measured() -> None:
    found = await gate(state(SHIP, BACK, cases=CASES), None, None)
    assert (found.rows, found.right, found.wrong, found.silent, found.passed) == (3, 1.0, 0.0, 0.0, True)
    low = await gate(state(SHIP, cases=CASES), None, None, Limits(min_accuracy=0.9))
    assert low.passed is False
    assert "90.0%" in low.reasons[0][1]


async def test_a_worse_change_is_refused_and_named() -> None:
    before = state(SHIP, BACK, cases=CASES)
    gone = await gate(before, state(SHIP, cases=CASES), None)
    assert gone.passed is False
    assert [(pair.before.verdict, pair.after.verdict, pair.after.text) for pair in gone.worse] == [
        ("right", "silent", "我要退货")]
    taken = await gate(before, state(SHIP, article("other", "我要退货"), cases=CASES), None)
    assert [pair.after.verdict for pair in taken.worse] == ["wrong"]
    assert len(taken.reasons) == 2
    assert (await gate(before, state(SHIP, cases=CASES), None, Limits(tolerance=0.34))).passed is True
    back = await gate(state(SHIP, cases=CASES), before, None)
    assert (back.passed, len(back.better), back.worse) == (True, 1, ())


async def test_dropping_a_case_does_not_get_past_it() -> None:
    found = await gate(state(SHIP, BACK, cases=CASES), state(SHIP, cases=CASES[:1]), None)
    assert (found.rows, found.passed) == (3, False)
    moved = (CASES[0], case("我要退货", expect=None), CASES[2])  # another expectation is the owner's to say
    assert (await gate(state(SHIP, BACK, cases=CASES), state(SHIP, cases=moved), None)).passed is True


async def test_a_template_that_nothing_checks_is_said_so() -> None:
    before = state(SHIP, BACK, cases=CASES)
    found = await gate(before, before.with_template(Template("default", "x")), None)
    assert found.passed is True
    assert any("no case checks" in note for _, note in found.notes)


async def test_a_wish_leaves_no_trace(store: Store) -> None:
    bot = await store.write(bots.create_bot, Bot(0, "shop", "小知"), 1)
    wish = read_text("zhike: 1\nbots: [{key: shop, name: 新}, {key: other}]\n"
                     "articles: [{key: a, bot: shop, lang: zh, question: q, answer: a}]\n" + PROMPT.replace(
                         "  - name", "  - bot: shop\n    name"))
    found = await wished(store, wish)
    assert {key: (one.bot.name, len(one.articles), len(one.templates)) for key, one in found.items()} == {
        "shop": ("新", 1, 1), "other": ("other", 0, 0)}
    after = await store.read(read_state, bot.id)
    assert (after.bot, after.articles, after.templates) == (bot, [], [])
    assert [one.key for one in await store.read(bots.list_bots)] == ["shop"]


# ---- as people run it ------------------------------------------------------------------------


@pytest.fixture
def model() -> Iterator[ObedientModel]:
    with ObedientModel() as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "ZHIKE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)
    for name, text in (("good.yaml", PROMPT), 
                       ("bad.yaml", PROMPT.replace("最多给三个方案，", "尽量多给方案，")),
                       ("liar.yaml", PROMPT.replace("最多", "一律保证。最多")), ("cases.yaml", MODEL_CASES),
                       ("article.yaml", WORSE_ARTICLE)):
        Path(name).write_text(text, "utf-8")
    files = [path for path in CONFIG_FILES if path.name != "cases.yaml"]
    assert run(capsys, "config", "apply", *map(str, files), "cases.yaml", "good.yaml")[0] == 0


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.usefixtures("shop")
def test_the_gate_stops_a_bad_prompt_edit(capsys: pytest.CaptureFixture[str], model: ObedientModel) -> None:
    code, out, err = run(capsys, "eval", "gate", "--with", "bad.yaml", "--model", model.url, "--json")
    found = json.loads(out)
    assert (code, found["passed"], found["worse"], found["rows"]) == (1, False, 2, 2)
    assert set(found) == KEYS
    assert "right → wrong  洗衣机一直响" in err
    assert "5 points, 3 at most" in err
    assert {body["temperature"] for body in model.asked} == {0.0}  # the gate does not depend on luck
    code, out, err = run(capsys, "eval", "gate", "--with", "liar.yaml", "--model", model.url)
    assert code == 1
    assert "the judge did not agree" in out
    better = run(capsys, "eval", "gate", "--with", "good.yaml", "--model", model.url)
    assert better[0] == 0


@pytest.mark.usefixtures("shop")
def test_equal_prompts_are_not_asked_again(capsys: pytest.CaptureFixture[str], model: ObedientModel) -> None:
    code, out, _ = run(capsys, "eval", "gate", "--with", "good.yaml", "--model", model.url)
    assert code == 0
    assert "2 cases have the same prompt as before" in out
    assert model.asked == []


@pytest.mark.usefixtures("shop")
def test_a_model_that_is_down_does_not_let_a_prompt_through(capsys: pytest.CaptureFixture[str],
                                                            model: ObedientModel) -> None:
    model.break_down()
    code, out, _ = run(capsys, "eval", "gate", "--with", "bad.yaml", "--model", model.url)
    assert code == 1
    assert "2 cases could not be asked of the model" in out


@pytest.mark.usefixtures("shop")
def test_apply_and_activate_go_through_the_gate(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cases.yaml").write_text("cases: [{text: 积分可以抵多少钱, lang: zh, expect: points}]\n", "utf-8")
    run(capsys, "config", "apply", "cases.yaml")
    code, out, err = run(capsys, "config", "apply", "--gate", "article.yaml")
    assert (code, out) == (1, "")
    assert "answered invoice instead of points" in err
    assert run(capsys, "config", "diff", "--exit-code", "article.yaml")[0] == 5  # nothing was stored
    assert run(capsys, "config", "apply", "--gate", "--bot", "shop", "good.yaml")[0] == 0
    run(capsys, "config", "apply", "bad.yaml")
    assert run(capsys, "prompt", "activate", "default@1", "--gate")[0] == 0
    assert "default@1" in run(capsys, "prompt", "list")[1]


@pytest.mark.usefixtures("shop")
def test_the_sample_shops_set_is_large_and_hardly_ever_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "config", "apply", str(next(path for path in CONFIG_FILES if path.name == "cases.yaml")))
    code, out, _ = run(capsys, "eval", "gate", "--json", "--html", "r.html")
    found = json.loads(out)
    assert code == 0
    assert found["rows"] >= 60
    assert found["wrong"] <= 0.02
    assert found["right"] > 0.6
    assert Path("r.html").read_text("utf-8").count("<tr>") == found["rows"]
