"""Who sees which article, and when; what a model gets to rest on."""

from __future__ import annotations

from zhike.answer.engine import Engine
from zhike.answer.knowledge import Knowledge
from zhike.domain.knowledge import Article, Bot
from zhike.search.text import understand

INBOXES = {1: "shop", 2: "vip"}


def article(number: int, key: str, question: str, **rest: object) -> Article:
    return Article(id=number, bot_id=1, key=key, lang="zh", question=question, answer=f"answer {number}",
                   **rest)  # type: ignore[arg-type]


ARTICLES = [article(1, "price", "会员内购多少钱？", inboxes=("vip",)),
            article(2, "sale", "年中活动打几折？", valid_from=1_000, valid_until=2_000),
            article(3, "wash", "羊毛围巾怎么洗？"), article(4, "fee", "运费怎么算？")]


class Clock:
    now = 1_500

    def __call__(self) -> int:
        return self.now


def engine() -> tuple[Engine, Clock]:
    clock = Clock()
    made = Engine(inbox_key=lambda inbox_id: INBOXES.get(inbox_id, ""), now=clock)
    made.load_bot(Bot(1, "b", "b"), ARTICLES, ())
    return made, clock


def said(made: Engine, text: str, inbox_id: int) -> str | None:
    """As the pipeline asks: the cache, then the knowledge, which fills it."""
    question = understand(text, "zh", inbox_id)
    reply = made.quick(1, question)
    if reply is None:
        reply = made.search(1, [question])[0]
        if reply is not None:
            made.remember(1, question, reply)
    return reply.text if reply is not None else None


def test_an_article_of_another_inbox_is_not_there_not_even_from_the_cache() -> None:
    made, _ = engine()
    assert [said(made, "会员内购多少钱", inbox) for inbox in (2, 1, 2, 0, 9)] == ["answer 1", None,
                                                                                  "answer 1", None, None]


def test_an_article_that_expires_stops_answering_without_a_reload() -> None:
    made, clock = engine()
    heard = []
    for clock.now in (999, 1_000, 1_999, 2_000):
        heard.append(said(made, "年中活动打几折", 1))
    assert heard == [None, "answer 2", "answer 2", None]


def test_articles_for_all_are_as_they_were() -> None:
    made, clock = engine()
    assert said(made, "羊毛围巾怎么洗", 1) == said(made, "羊毛围巾怎么洗", 2) == "answer 3"
    plain = Knowledge(ARTICLES[2:], now=clock)
    assert plain.audience(1) == ""


def test_snippets_come_below_the_threshold_too_and_show_nothing_hidden() -> None:
    clock = Clock()
    knowledge = Knowledge(ARTICLES, threshold=1.0, inbox_key=lambda inbox_id: INBOXES.get(inbox_id, ""),
                          now=clock)
    found = knowledge.snippets(understand("围巾和运费", "zh", 1), 3)
    assert {snippet.key for snippet in found} == {"wash", "fee"}
    assert found[0].score >= found[1].score >= 0
    assert found[0].text.startswith("answer")
    assert not knowledge.snippets(understand("会员内购", "zh", 1))
    assert knowledge.snippets(understand("会员内购", "zh", 2))[0].key == "price"
