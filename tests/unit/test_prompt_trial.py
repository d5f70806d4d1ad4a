"""``zhike prompt …`` as people run it, against a model on a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhike import cli
from zhike.config import ConfigError
from zhike.domain.case import Checks
from zhike.ops.quality.questions import read_questions
from zhike.sample import CONFIG_FILES
from zhike.testing.obedient import ObedientModel

GOOD = """\
prompt_templates:
  - name: support
    system_prompt: |
      你是{shop}的维修顾问，{date}。最多给三个方案，引用来源，以问句结尾。
    temperature: 0.3
    max_tokens: 500
"""
BAD = GOOD.replace("最多给三个方案，", "")
QUESTIONS = """\
checks: {max_items: 3, ends_with_question: true, language: zh, forbidden: [保证]}
questions:
  - {text: 洗衣机一直响怎么办, lang: zh}
  - text: 手冲壶不加热了
    checks: {max_chars: 500, cites: true, judge: 礼貌吗？}
  - 灯不亮
"""


@pytest.fixture
def model() -> Iterator[ObedientModel]:
    with ObedientModel() as running:
        yield running


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "ZHIKE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)
    Path("q.yaml").write_text(QUESTIONS, "utf-8")
    Path("good.yaml").write_text(GOOD, "utf-8")
    Path("bad.yaml").write_text(BAD, "utf-8")
    assert run(capsys, "config", "apply", *map(str, CONFIG_FILES))[0] == 0


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    out, err = capsys.readouterr()
    return code, out, err


def test_two_templates_side_by_side(capsys: pytest.CaptureFixture[str], model: ObedientModel) -> None:
    code, out, _ = run(capsys, "prompt", "test", "good.yaml", "--against", "bad.yaml", "--questions",
                       "q.yaml", "--model", f"{model.url}#tiny", "--json", "--html", "r.html",
                       "--answers", "a.jsonl")
    found = json.loads(out)
    assert code == 0
    assert (found["rows"], found["passed"], found["errors"], found["accuracy"]) == (3, 3, 0, 1.0)
    assert (found["against_passed"], found["against_missed_max_items"]) == (0, 3)
    assert (found["better"], found["worse"]) == (3, 0)
    assert found["prompt_tokens"] > 100
    assert 0 < found["first_token_p50_ms"] <= found["p50_ms"]
    assert {body["model"] for body in model.asked} == {"tiny"}
    assert {body["temperature"] for body in model.asked} == {0.3, 0.0}  # the judge is asked at 0
    page = Path("r.html").read_text("utf-8")
    assert page.count("<tr>") == 4
    assert "5 points, 3 at most" in page
    assert "http://" not in page
    answers = [json.loads(line) for line in Path("a.jsonl").read_text("utf-8").splitlines()]
    assert len(answers) == 6
    assert answers[1]["missed"] == ["max_items"]
    assert answers[0]["answer"].startswith("1. 重启机器")


def test_the_prompt_holds_the_shop_its_articles_and_the_question(capsys: pytest.CaptureFixture[str],
                                                                 model: ObedientModel) -> None:
    run(capsys, "prompt", "test", "good.yaml", "--questions", "q.yaml", "--model", model.url)
    sent = next(body for body in model.asked if "<question>\n手冲壶" in body["messages"][-1]["content"])
    assert "你是松间里 Pinelane的维修顾问" in sent["messages"][0]["content"]
    assert '<article id="1"' in sent["messages"][-1]["content"]
    assert "<question>\n手冲壶不加热了\n</question>" in sent["messages"][-1]["content"]


def test_it_goes_on_when_a_question_fails(capsys: pytest.CaptureFixture[str], model: ObedientModel) -> None:
    Path("q.jsonl").write_text('{"text": "坏题 \\ud83d\\ude00"}\n\n{"text": "灯不亮", "lang": "zh"}\n',
                               "utf-8")
    code, out, _ = run(capsys, "prompt", "test", "default", "--questions", "q.jsonl", "--model", model.url)
    assert code == 0
    assert "500" in out
    found = json.loads(run(capsys, "prompt", "test", "default", "--questions", "q.jsonl", "--model",
                           model.url, "--json")[1])
    assert (found["rows"], found["errors"], found["passed"]) == (2, 1, 1)
    model.break_down()
    assert run(capsys, "prompt", "test", "default", "--questions", "q.jsonl", "--model", model.url)[0] == 1


def test_versions_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("good.yaml", "bad.yaml"):
        assert run(capsys, "config", "apply", name)[0] == 0
    assert "support@2  (2 versions)" in run(capsys, "prompt", "list")[1]
    shown = run(capsys, "prompt", "show", "support@1")[1]
    Path("again.yaml").write_text(shown, "utf-8")
    assert shown.count("\n#") + shown.startswith("#") == 2
    assert run(capsys, "prompt", "diff", "again.yaml", "support@1")[1] == "no difference\n"
    assert "+你是" in run(capsys, "prompt", "diff", "support")[1]
    assert "-你是" in run(capsys, "prompt", "diff", "support@2", "support@1")[1]
    assert run(capsys, "prompt", "activate", "support@1")[0] == 0
    assert "support@1  (2 versions)" in run(capsys, "prompt", "list")[1]
    code, _, err = run(capsys, "prompt", "show", "suport")
    assert code == 3
    assert "did you mean 'support'" in err
    assert run(capsys, "prompt", "show", "support@7")[0] == 3


def test_an_edit_that_no_visitor_sees_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert "answers with the template default" in run(capsys, "config", "apply", "good.yaml")[1]
    Path("bots.yaml").write_text("zhike: 1\nbots: [{key: shop, name: 小知, settings: {template: support}}]\n")
    run(capsys, "config", "apply", "bots.yaml")
    assert "note:" not in run(capsys, "config", "apply", "bad.yaml")[1]


def test_without_a_model_it_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "prompt", "test", "default", "--questions", "q.yaml")
    assert code == 3
    assert "[models.<key>]" in err
    assert "there is no model 'x'" in run(capsys, "prompt", "test", "default", "--model", "x")[2]


def test_questions_are_read_with_their_places(tmp_path: Path) -> None:
    found = read_questions(Path("q.yaml"))
    assert [case.text for case in found] == ["洗衣机一直响怎么办", "手冲壶不加热了", "灯不亮"]
    assert found[1].body.checks == Checks(max_items=3, max_chars=500, ends_with_question=True, language="zh",
                                          forbidden=("保证",), cites=True, judge="礼貌吗？")
    for name, text, where, words in (
            ("x.yaml", QUESTIONS.replace("text: 手", "txt: 手"), "x.yaml:4", "did you mean text"),
            ("x.yaml", QUESTIONS.replace("max_items: 3", "max_items: no"), "x.yaml:1", "whole number"),
            ("x.jsonl", '{"text": "a"}\n{"text": 1, "checks": {"judge": ["x"]}}', "x.jsonl:2",
             "needs a text"),
            ("x.jsonl", '{"text": "a"}\n{', "x.jsonl:2", "no valid JSON"),
            ("x.yaml", "[]", "x.yaml", "needs 1")):
        Path(name).write_text(text, "utf-8")
        with pytest.raises(ConfigError) as error:
            read_questions(Path(name))
        assert where in error.value.problems[0].where
        assert words in error.value.problems[0].en
