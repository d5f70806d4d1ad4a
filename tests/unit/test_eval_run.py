"""``zhike eval`` as people run it: the product's own engine, counted."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from zhike import cli, testing
from zhike.answer.engine import Engine
from zhike.config import ConfigError
from zhike.domain.knowledge import Article, Bot
from zhike.ops.eval import faq, followups, perturbed
from zhike.ops.eval.folds import key_folds, phrasing_folds, without_phrasings
from zhike.ops.eval.intents import few
from zhike.ops.eval.labels import LABELS
from zhike.ops.eval.probe import Probe, key_of
from zhike.ops.eval.result import Result
from zhike.ops.eval.rows import Pair, Text
from zhike.sample import CONFIG_FILES
from zhike.search.text import understand
from zhike.testing.kb import asks, make_kb
from zhike.testing.perturb import WAYS

TOPICS = {"ship": ("when will my parcel ship", "how soon do you dispatch parcels",
                   "when do you dispatch my parcel", "how soon will the parcel ship"),
          "invoice": ("can i get an invoice", "please send the invoice", "where is my invoice",
                      "send me an invoice please"),
          "wash": ("how do i wash a wool scarf", "can the wool scarf be washed", "washing a scarf of wool",
                   "is the wool scarf washable")}
STRANGE = ("what is the capital of peru", "tell me a joke about elephants")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "ZHIKE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)
    rows: list[dict[str, Any]] = [{"text": text, "label": label, "split": "test" if k > 2 else "train"}
                                  for label, texts in TOPICS.items() for k, text in enumerate(texts)]
    rows += [{"text": text, "label": None, "split": "test"} for text in STRANGE]
    write("all.jsonl", rows)
    write("train.jsonl", [row for row in rows if row["split"] == "train"])
    write("kb.jsonl", [{"question": texts[0], "answer": label} for label, texts in TOPICS.items()])
    write("queries.jsonl", [{"text": texts[0].title() + "?", "label": texts[0]} for texts in TOPICS.values()]
          + [{"text": text, "label": None} for text in STRANGE])


def write(name: str, rows: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(("eval", *words))
    out, err = capsys.readouterr()
    return code, out, err


def figures(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code, out, err = run(capsys, *words, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    assert all(isinstance(value, int | float | str) for value in found.values())
    assert set(found) <= set(LABELS)
    assert found["learned_model"] is False
    return found


# ---- the three commands ------------------------------------------------------------------------------

def test_faq(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "faq", "--kb", "kb.jsonl", "--queries", "queries.jsonl")
    assert found["articles"] == 3
    assert found["rows"] == 5
    assert found["top1"] == found["top5"] == found["accuracy"] == found["oos_auroc"] == 1
    assert (found["right"], found["wrong"], found["silent"]) == (.6, 0, .4)
    assert found["threshold"] == .7
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert found["rss_bytes"] > 10_000_000


def test_a_wrong_label_shows_as_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    questions = [texts[0] for texts in TOPICS.values()]
    write("queries.jsonl", [{"text": questions[0], "label": questions[1]},
                            {"text": questions[2], "label": None}])
    found = figures(capsys, "faq", "--kb", "kb.jsonl", "--queries", "queries.jsonl")
    assert (found["top1"], found["accuracy"], found["right"], found["wrong"]) == (0, 0, 0, 1)
    assert found["oos_recall"] == found["coverage_at_2pct_wrong"] == 0
    out = run(capsys, "faq", "--kb", "kb.jsonl", "--queries", "queries.jsonl")[1]
    assert f"{questions[1]}  →  {questions[0]}" in out
    assert "(nothing known)" in out


def test_intents_choose_their_threshold_without_the_test_texts(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("intents", "--train", "train.jsonl", "--test")
    found = figures(capsys, *words, "all.jsonl", "--test-split", "test")
    assert found["articles"] == 3
    assert found["train_rows"] == 9
    assert found["rows"] == 5
    assert found["top1"] == 1
    assert found["oos_recall"] == 1
    write("other.jsonl", [{"text": "zzz", "label": "ship"}, {"text": "an invoice", "label": None}])
    assert figures(capsys, *words, "other.jsonl")["threshold"] == found["threshold"]
    assert figures(capsys, *words, "other.jsonl", "--threshold", "0.25")["threshold"] == .25


def test_out_of_scope_training_texts_raise_the_threshold(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in Path("train.jsonl").read_text("utf-8").splitlines()]
    near = "how soon do you dispatch parcels to the moon"
    write("near.jsonl", [*rows, {"text": near, "label": None}])
    write("far.jsonl", [*rows, {"text": STRANGE[0], "label": None}])
    test = ("--test", "all.jsonl", "--test-split", "test")
    strict, loose = (figures(capsys, "intents", "--train", name, *test)
                     for name in ("near.jsonl", "far.jsonl"))
    assert strict["threshold"] > loose["threshold"]
    assert "1 out-of-scope training texts" in run(capsys, "intents", "--train", "near.jsonl", *test)[1]


def test_kb_measures_the_desk_s_own_knowledge(capsys: pytest.CaptureFixture[str]) -> None:
    articles = [{"key": key, "bot": "shop", "lang": "en", "question": texts[0], "variants": texts[1:],
                 "answer": key} for key, texts in TOPICS.items()]
    articles.append({"key": "alone", "bot": "shop", "lang": "en", "question": "opening hours",
                     "answer": "9-5"})
    Path("kb.yaml").write_text(json.dumps({"zhike": 1, "bots": [{"key": "shop", "name": "Shop"}],
                                           "articles": articles}), "utf-8")
    assert cli.main(("config", "apply", "kb.yaml", "--data", "data")) == 0
    capsys.readouterr()
    found = figures(capsys, "kb", "--data", "data", "--html", "report.html")
    assert (found["bot"], found["articles"], found["rows"]) == ("shop", 4, 13)
    assert found["right"] + found["wrong"] + found["silent"] == pytest.approx(1, abs=1e-5)
    assert found["top1"] > .9
    assert found["oos_recall"] == 1
    assert found["perturbed_right"] > .9
    assert found["perturbed_wrong"] == 0
    out = run(capsys, "kb", "--data", "data", "--threshold", "0.99")[1]
    assert "1 articles have a single phrasing" in out
    assert "0.990" in out
    code, _, err = run(capsys, "kb", "--data", "data", "--bot", "shp")
    assert code == 3
    assert "did you mean 'shop'" in err


# ---- reports -----------------------------------------------------------------------------------------

def test_the_report_holds_the_curve_and_fetches_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    write("queries.jsonl", [{"text": "<script>alert(1)</script> invoice", "label": "can i get an invoice"},
                            {"text": "when will my parcel ship", "label": "can i get an invoice"}])
    run(capsys, "faq", "--kb", "kb.jsonl", "--queries", "queries.jsonl", "--html", "r.html")
    page = Path("r.html").read_text("utf-8")
    assert "<polyline" in page
    assert "threshold 0.70" in page
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=|https?://|url\(", page)
    code, _, err = run(capsys, "faq", "--kb", "kb.jsonl", "--queries", "queries.jsonl", "--html", "no/r.html")
    assert code == 3
    assert "cannot be written" in err


def test_the_reader_s_language(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("faq", "--kb", "kb.jsonl", "--queries", "queries.jsonl")
    assert "without a learned intent model" in run(capsys, *words)[1]
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    out = run(capsys, *words)[1]
    assert "没有学习得来的意图模型" in out
    assert "答对" in out


# ---- refusals ----------------------------------------------------------------------------------------

@pytest.mark.parametrize(("words", "said"), [
    (("intents", "--train", "all.jsonl", "--test", "all.jsonl"), "must not be the rows of --train"),
    (("intents", "--train", "all.jsonl", "--test", "./all.jsonl", "--train-split", "train,test",
      "--test-split", "test"), "must not be the rows of --train"),
    (("intents", "--train", "strange.jsonl", "--test", "all.jsonl"), "no row with a label"),
    (("intents", "--train", "all.jsonl", "--train-split", "dev", "--test", "train.jsonl"), "(split: dev)"),
    (("faq", "--kb", "kb.jsonl", "--queries", "all.jsonl"), "all.jsonl:1: the knowledge has no question"),
    (("faq", "--kb", "kb.jsonl", "--queries", "queries.jsonl", "--threshold", "2"), "0 to 1, not '2'"),
    (("faq", "--kb", "kb.jsonl", "--queries", "queries.jsonl", "--threshold", "nan"), "0 to 1, not 'nan'")])
def test_what_would_not_be_honest_is_refused(capsys: pytest.CaptureFixture[str], words: tuple[str, ...],
                                             said: str) -> None:
    write("strange.jsonl", [{"text": text, "label": None} for text in STRANGE])
    code, out, err = run(capsys, *words)
    assert (code, out) == (3, "")
    assert said in err


# ---- what is measured --------------------------------------------------------------------------------

def test_the_probe_says_what_the_engine_says() -> None:
    articles = make_kb(60, seed=3)
    bot = Bot(id=7, key="b", name="b", settings={"answer_threshold": .5})
    probe, engine = Probe(bot, articles), Engine()
    engine.load_bot(bot, articles, [])
    texts = [text for article in articles for text in asks(article)] + list(STRANGE)
    for text in texts:
        reply = engine.search(7, (understand(text),))[0]
        assert key_of(probe.ask(text)) == (reply.source.key if reply and reply.source else "")
    assert probe.took.count == len(texts)


def test_confidence_and_answers_of_single_questions_agree() -> None:
    articles = make_kb(60, seed=3)
    probe = Probe(Bot(id=1, key="b", name="b"), articles)
    for text in ("thermos", "how long is the warranty of the thermos flask", "lid of the flask cracked"):
        assert (probe.ask(text) is not None) == (probe.rank(text).confidence >= probe.threshold)


def test_every_phrasing_is_left_out_once_and_wholly() -> None:
    alone = Article(id=99, bot_id=1, key="one", lang="en", question="x", answer="y")
    articles = [*make_kb(30, seed=1), alone]
    folds = phrasing_folds(articles, random.Random(0))
    every = [phrasing for fold in folds for phrasing in fold]
    assert len(every) == len(set(every)) == sum(len(asks(article)) for article in articles[:-1])
    for fold in folds:
        assert len({phrasing.article for phrasing in fold}) == len(fold)  # at most one of an article
        kept = without_phrasings(articles, fold)
        assert [article.key for article in kept] == [article.key for article in articles]
        for phrasing in fold:
            assert phrasing.text not in asks(kept[phrasing.article])
            assert len(asks(kept[phrasing.article])) == len(asks(articles[phrasing.article])) - 1
    keys = key_folds(articles, random.Random(0))
    assert sorted(key for fold in keys for key in fold) == sorted({article.key for article in articles})


def test_two_answers_to_one_question_are_not_right() -> None:
    pairs = [Pair(1, "how soon will my parcel ship", "", "en"), Pair(2, "can i get an invoice", "", "en")]
    both = Text(1, "How soon will my parcel ship? Can I get an invoice?", pairs[0].question, "en")
    result = Result("faq")
    faq.evaluate(pairs, [both], None, lambda: None, result)
    assert (result.figures["right"], result.figures["wrong"]) == (0, 1)


# ---- dialogues and personal data ---------------------------------------------------------------------

def plain(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code, out, err = run(capsys, *words, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    assert set(found) <= set(LABELS)
    return found


def test_compress(capsys: pytest.CaptureFixture[str]) -> None:
    turns = [["user", "hi, I would like to ask about the order A1009 please"],
             ["agent", "of course, the order A1009 is on its way and arrives on Friday at 14:30"],
             *[["user", "okay thank you very much, that is really very nice of you"],
               ["agent", "you are welcome, is there anything else I can help you with?"]] * 4]
    slots = [["id", "a1009"], ["time", "14:30"], ["day", "friday"], ["talk", "really very nice of you"]]
    write("talk.jsonl", [{"turns": turns, "slots": slots, "split": "test"},
                         {"turns": turns[:2], "slots": slots, "split": "test"},
                         {"turns": turns, "slots": [["never", "said"]], "split": "val"}])
    found = plain(capsys, "compress", "talk.jsonl", "--ratio", "3", "--split", "test")
    assert found["rows"] == 1
    assert found["values"] == 4
    assert found["survival"] >= .75
    assert 0 < found["token_ratio"] <= 1 / 3
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    every = plain(capsys, "compress", "talk.jsonl", "--min-turns", "1")
    assert (every["rows"], every["values"]) == (3, 9)
    assert every["survival"] < .9, "one was never said"
    assert plain(capsys, "compress", "talk.jsonl", "--ratio", "40", "--split", "test")["survival"] <= .75
    code, _, err = run(capsys, "compress", "talk.jsonl", "--min-turns", "11")
    assert code == 3
    assert "11 turns" in err
    assert run(capsys, "compress", "talk.jsonl", "--ratio", "0.5")[0] == 3


def test_mask(capsys: pytest.CaptureFixture[str]) -> None:
    write("marked.jsonl", [
        {"text": "call 415-555-2671", "spans": [[5, 17, "phone"]]},
        {"text": "order 415-555-2671", "spans": []},
        {"text": "I live behind the old mill", "spans": [[14, 26, "address"]]},
        {"text": "my name is John Smith", "spans": []}])
    found = plain(capsys, "mask", "marked.jsonl")
    assert (found["precision"], found["recall"], found["rows"]) == (.5, .5, 4)
    assert (found["precision_phone"], found["recall_phone"], found["f1_phone"]) == (1, 1, 1)
    assert (found["precision_name"], found["recall_address"], found["f1_address"]) == (0, 0, 0)
    assert "old mill" in run(capsys, "mask", "marked.jsonl")[1]


@pytest.mark.parametrize(("command", "row", "said"), [
    ("compress", {"turns": [["user", 1]]}, "turns"), ("compress", {"turns": []}, "turns"),
    ("compress", {"turns": [["user", "x"]], "slots": ["x"]}, "slots"),
    ("mask", {"text": "x"}, "text, spans"), ("mask", {"text": "x", "spans": [[0, 2, "phone"]]}, "spans"),
    ("mask", {"text": "x", "spans": [[0, 1, "shoe"]]}, "spans"),
])
def test_rows_that_are_not_valid_are_named(capsys: pytest.CaptureFixture[str], command: str,
                                           row: dict[str, Any], said: str) -> None:
    write("bad.jsonl", [row])
    code, _, err = run(capsys, command, "bad.jsonl")
    assert code == 3
    assert "bad.jsonl:1" in err
    assert said in err


def test_few_texts_of_each_label_and_all_out_of_scope() -> None:
    rows = [Text(n, f"t{n}", None if n % 4 == 0 else f"label{n % 4}", "") for n in range(40)]
    chosen = few(rows, 3, 0)
    counts = Counter(row.label for row in chosen)
    assert counts == {None: 10, "label1": 3, "label2": 3, "label3": 3}
    assert chosen == few(rows, 3, 0) != few(rows, 3, 1)


def test_pairs_by_hand_and_calibrated(capsys: pytest.CaptureFixture[str]) -> None:
    things = ("scarf", "coat", "hat", "kettle", "lamp", "mug", "bag", "dress")
    rows = [{"a": f"how do I wash the {a}", "b": f"how can I clean the {b}", "y": int(a == b),
             "split": "dev" if k % 2 else "test"} for a in things for k, b in enumerate((*things, a, a, a, a,
                                                                                         a, a, a))]
    write("pairs.jsonl", rows)
    found = figures(capsys, "pairs", "pairs.jsonl", "--split", "test", "--calibrate-split", "dev")
    assert list(found)[:5] == ["train_rows", "auroc", "f1", "accuracy", "threshold"]
    assert (found["rows"], found["threshold"]) == (sum(row["split"] == "test" for row in rows), 0.5)
    assert found["auroc"] > 0.95
    assert figures(capsys, "pairs", "pairs.jsonl")["auroc"] > 0.9


@pytest.mark.parametrize(("words", "said"), [
    (("pairs.jsonl", "--calibrate", "pairs.jsonl"), "part one file with --split"),
    (("one.jsonl",), "one.jsonl:1"), (("none.jsonl",), "none.jsonl"),
    (("pairs.jsonl", "--split", "x", "--calibrate-split", "y"), "holds no rows"),
])
def test_pairs_that_cannot_be_measured(words: tuple[str, ...], said: str,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    write("pairs.jsonl", [{"a": "x", "b": "y", "y": 1}])
    write("one.jsonl", [{"a": "x", "b": "y", "y": "yes"}])
    code, _, err = run(capsys, "pairs", *words)
    assert code == 3
    assert said in err


def test_faq_perturbed_without_queries(capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "faq", "--kb", "kb.jsonl", "--perturb")
    assert (found["recall1_clean"], found["recall1_lost"]) == (1.0, found["recall1_lost"])
    assert 0 <= found["recall1_typo"] <= 1
    code, _, err = run(capsys, "faq", "--kb", "kb.jsonl")
    assert (code, "--perturb" in err) == (3, True)


def test_followups_of_the_sample_shop(tmp_path: Path) -> None:
    cases = followups.read_cases(Path(testing.__file__).parent / "followups.txt")
    articles = sample_articles()
    result = Result("followups")
    followups.evaluate(Probe(Bot(1, "shop", "x", sample_settings()), articles), cases, lambda: None, result)
    assert len(cases) >= 100
    assert result.figures["accuracy"] >= 0.88  # type: ignore[operator]
    assert result.figures["wrong"] <= 0.06  # type: ignore[operator]
    assert result.figures["standalone_kept"] == 1
    broken = tmp_path / "broken.txt"
    broken.write_text("zh | a | b\n", "utf-8")
    with pytest.raises(ConfigError, match=r"broken\.txt:1"):
        followups.read_cases(broken)
    with pytest.raises(ConfigError, match="no article"):
        followups.evaluate(Probe(Bot(1, "shop", "x"), articles[:3]), cases, lambda: None, result)


def test_the_sample_shop_perturbed_loses_little() -> None:
    settings = sample_settings()
    result = Result("kb")
    perturbed.evaluate(Probe(Bot(1, "shop", "x", settings), sample_articles()[:60]), settings["synonyms"],
                       lambda: None, result)
    assert result.figures["recall1_clean"] == 1
    assert result.figures["recall1_lost"] <= 0.03  # type: ignore[operator]
    assert all(f"recall1_{way}" in result.figures for way in WAYS)


def sample_settings() -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load(CONFIG_FILES[0].read_text("utf-8"))["bots"][0]["settings"]
    return settings


def sample_articles() -> list[Article]:
    rows = [row for path in CONFIG_FILES for row in yaml.safe_load(path.read_text("utf-8")).get("articles",
                                                                                                ())]
    return [Article(id=k, bot_id=1, key=row["key"], lang=row["lang"], question=row["question"],
                    variants=tuple(row["variants"]), answer=row["answer"], category=row["category"])
            for k, row in enumerate(rows, 1)]
