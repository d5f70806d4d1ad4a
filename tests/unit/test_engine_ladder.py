"""The ladder: rules, cache, knowledge, fallback; what each leaves in the trace."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from zhike.answer.cache import AnswerCache
from zhike.answer.confidence import DEFAULT_THRESHOLD
from zhike.answer.engine import Engine, answer_threshold
from zhike.domain.knowledge import Article, Bot, Rule
from zhike.domain.message import Button, Reply, TraceStep
from zhike.search.text import understand
from zhike.testing.kb import make_kb

ARTICLES = [
    Article(id=1, bot_id=1, key="ship", lang="zh", question="下单后多久发货？", variants=("什么时候发货",),
            answer="当天发货。", buttons=(Button("运费"),)),
    Article(id=2, bot_id=1, key="return", lang="zh", question="怎么退货？", variants=("不想要了能退吗",),
            answer="七天内可退。"),
    Article(id=3, bot_id=1, key="wash", lang="zh", question="羊毛围巾怎么洗？", variants=("围巾能机洗吗",),
            answer="请手洗。"),
    Article(id=4, bot_id=1, key="invoice", lang="en", question="Can I get an invoice?",
            variants=("do you issue invoices",), answer="Yes."),
]
RULES = [
    Rule(id=1, bot_id=1, key="hello", kind="exact", match=("你好", "hi"), reply="您好！", opener=True),
    Rule(id=2, bot_id=1, key="human", kind="keyword", match=("人工",), reply="转接中。", action="handoff",
         position=1),
]


def engine(settings: dict[str, Any] | None = None, articles: list[Article] = ARTICLES,
           rules: list[Rule] = RULES, **rest: Any) -> Engine:
    made = Engine(**rest)
    made.load_bot(Bot(id=1, key="b", name="b", settings=settings or {}), articles, rules)
    return made


def searched(made: Engine, text: str) -> Reply:
    reply, = made.search(1, [understand(text)])
    assert reply is not None
    return reply


def test_a_rule_answers_before_the_knowledge() -> None:
    reply = engine(rules=[Rule(id=9, bot_id=1, key="x", kind="exact", match=("怎么退货",), reply="规则")]) \
        .quick(1, understand("怎么退货？"))
    assert reply is not None
    assert reply.text == "规则"


def test_quick_knows_nothing_of_articles_until_one_is_remembered() -> None:
    made = engine()
    question = understand("什么时候发货")
    assert made.quick(1, question) is None
    made.remember(1, question, searched(made, "什么时候发货"))
    cached = made.quick(1, understand("什麼時候發貨？？"))
    assert cached is not None
    assert (cached.text, cached.buttons, cached.sure) == ("当天发货。", (Button("运费"),), True)
    assert [(s.step, s.outcome, s.detail) for s in cached.trace] == [("rules", "miss", ""), ("cache", "hit",
                                                                                             "ship")]
    assert cached.source is not None
    assert cached.source.kind == "article"
    assert made.quick(1, understand("怎么退货")) is None


def test_a_cached_reply_makes_its_json_once() -> None:
    made = engine()
    question = understand("什么时候发货")
    made.remember(1, question, searched(made, "什么时候发货"))
    first, second = made.quick(1, question), made.quick(1, question)
    assert first is second
    assert first is not None
    assert first.payload_json is first.payload_json
    assert msgspec.json.decode(first.payload_json)["source"]["key"] == "ship"


def test_loading_a_bot_empties_its_cache_and_only_its_own() -> None:
    made = engine()
    made.load_bot(Bot(id=2, key="c", name="c"), ARTICLES, [])
    question = understand("什么时候发货")
    for bot in (1, 2):
        reply, = made.search(bot, [question])
        assert reply is not None
        made.remember(bot, question, reply)
    made.load_bot(Bot(id=1, key="b", name="b"), ARTICLES[1:], RULES)
    assert made.quick(1, question) is None
    assert made.quick(2, question) is not None


def test_an_answer_of_older_knowledge_is_not_remembered() -> None:
    made = engine()
    question = understand("什么时候发货")
    old = searched(made, "什么时候发货")
    made.load_bot(Bot(id=1, key="b", name="b"), ARTICLES[1:], RULES)  # the edit comes between
    made.remember(1, question, old)
    assert made.quick(1, question) is None


@pytest.mark.parametrize("change", [{"cacheable": False}, {"generation": 0}])
def test_only_what_may_be_shared_is_remembered(change: dict[str, Any]) -> None:
    made = engine()
    question = understand("什么时候发货")
    made.remember(1, question, msgspec.structs.replace(searched(made, "什么时候发货"), **change))
    made.remember(1, question, Reply(text="from a model", cacheable=True))
    assert made.quick(1, question) is None


def test_the_cache_is_bounded_and_drops_the_longest_unused() -> None:
    cache = AnswerCache(max_entries=2)
    keys = [(1, 1, "zh", bytes([i])) for i in range(3)]
    cache.put(keys[0], Reply(text="0"))
    cache.put(keys[1], Reply(text="1"))
    assert cache.get(keys[0]) is not None
    cache.put(keys[2], Reply(text="2"))
    assert [cache.get(key) is not None for key in keys] == [True, False, True]
    assert len(cache) == 2


def test_a_batch_is_answered_in_its_order() -> None:
    replies = engine().search(1, [understand(t) for t in ("怎么退货", "宇宙有多大", "什么时候发货", "")])
    assert [r.text if r is not None else None for r in replies] == ["七天内可退。", None, "当天发货。", None]


def test_the_fallback_is_honest_and_offers_a_person() -> None:
    made = engine({"answer_threshold": 1.0, "fallback": {"zh": "不知道。"}})
    question = understand("羊毛的围巾能洗吗")
    assert made.search(1, [question]) == [None]
    reply = made.fallback(1, question, (TraceStep("knowledge", "miss"), TraceStep("model", "error")))
    assert reply.text.startswith("不知道。")
    assert reply.buttons[0].text == "羊毛围巾怎么洗？"
    assert reply.buttons[-1] == Button("转人工", "转人工")
    assert [(s.step, s.outcome) for s in reply.trace] \
        == [("rules", "miss"), ("cache", "miss"), ("knowledge", "low"), ("model", "error"), ("fallback",
                                                                                             "hit")]
    assert (reply.sure, reply.cacheable) == (False, False)
    assert reply.source is not None
    assert reply.source.kind == "fallback"


def test_the_fallback_speaks_the_visitors_language_and_needs_no_search_before() -> None:
    reply = engine({"fallback": {"zh": "不知道。"}}).fallback(1, understand("who is the president"), ())
    assert "don't want to guess" in reply.text
    assert reply.buttons == (Button("Talk to a person", "human agent"),)


@pytest.mark.parametrize(("text", "hint"), [("转人工", ""), ("human agent", "zh")])
def test_the_fallbacks_button_always_reaches_a_person(text: str, hint: str) -> None:
    reply = engine({"handoff": {"zh": "来了。", "en": "Coming."}}, rules=[]).quick(1, understand(text, hint))
    assert reply is not None
    assert reply.action == "handoff"
    assert reply.text in ("来了。", "Coming.")
    by_rule = engine().quick(1, understand("转人工"))
    assert by_rule is not None
    assert by_rule.text == "转接中。"


def test_an_unknown_bot_answers_nothing_but_honestly() -> None:
    made = Engine()
    question = understand("你好")
    assert made.quick(5, question) is None
    assert made.search(5, [question, question]) == [None, None]
    made.remember(5, question, Reply(text="x", cacheable=True))
    assert made.fallback(5, question, ()).buttons[-1].text == "转人工"
    made = engine()
    made.drop_bot(1)
    assert made.quick(1, question) is None


@pytest.mark.parametrize(("value", "threshold"), [
    (None, DEFAULT_THRESHOLD), ("0.5", DEFAULT_THRESHOLD), (True, DEFAULT_THRESHOLD), (0.5, 0.5), (2, 1.0),
    (-1, 0.0),
])
def test_answer_threshold(value: object, threshold: float) -> None:
    assert answer_threshold({"answer_threshold": value}) == threshold


def test_a_bot_may_be_loaded_while_it_answers() -> None:
    """A search sees the old knowledge or the new, never half of it."""
    made = engine(articles=make_kb(40, 1))
    questions = [understand(a.question) for a in make_kb(40, 1)]
    faults: list[object] = []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            replies = made.search(1, questions)
            answers = {r.text.startswith("new ") for r in replies if r is not None}
            if len(answers) > 1 or not answers:
                faults.append(answers)

    def load(prefix: str) -> None:
        made.load_bot(Bot(id=1, key="b", name="b"),
                      [msgspec.structs.replace(a, answer=prefix + a.answer) for a in make_kb(40, 1)], RULES)

    thread = threading.Thread(target=search)
    thread.start()
    for i in range(6):
        load("new " if i % 2 else "")
    stop.set()
    thread.join()
    assert faults == []
