"""``zhike eval faq``: does a text find its question among many?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zhike.answer.confidence import DEFAULT_THRESHOLD
from zhike.config import ConfigError, Problem
from zhike.domain.knowledge import Article, Bot
from zhike.ops.eval.ask import Tick, ask_all
from zhike.ops.eval.probe import Probe
from zhike.ops.eval.result import Result
from zhike.ops.eval.rows import MAX_PROBLEMS, Pair, Text
from zhike.search.text import detect_lang, normalise


def check_labels(path: Path, texts: Sequence[Text], known: set[str]) -> None:
    """Every label must be one of ``known``, or the figures would mean nothing.

    Raises:
        ConfigError: with the lines of those that are not.
    """
    problems = [Problem(f"{path}:{row.line}", f"知识里没有 label 所写的问题：{row.label[:80]}",
                        f"the knowledge has no question {row.label[:80]!r}")
                for row in texts if row.label is not None and row.label not in known]
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])


def evaluate(pairs: Sequence[Pair], texts: Sequence[Text], threshold: float | None, tick: Tick,
             result: Result) -> None:
    """One article per pair; without a ``threshold`` the product's own default."""
    probe = make_probe(pairs, threshold)
    result.figures["articles"] = len(probe.articles)
    ask_all(probe, texts, result, tick)
    result.close(probe.took, len(texts))


def make_probe(pairs: Sequence[Pair], threshold: float | None) -> Probe:
    """A bot of one article per pair."""
    articles = [Article(id=number, bot_id=1, key=pair.question, question=pair.question, answer=pair.answer,
                        lang=pair.lang or detect_lang(normalise(pair.question)))
                for number, pair in enumerate(pairs, 1)]
    settings = {"answer_threshold": DEFAULT_THRESHOLD if threshold is None else threshold}
    return Probe(Bot(id=1, key="eval", name="eval", settings=settings), articles)
