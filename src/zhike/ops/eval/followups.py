"""``zhike eval followups``: two-turn cases, the second leaning on the first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from zhike.answer.ports import Said
from zhike.config import ConfigError, Problem
from zhike.ops.eval.ask import Tick
from zhike.ops.eval.probe import Probe, key_of
from zhike.ops.eval.result import Mistake, Result
from zhike.ops.eval.rows import MAX_PROBLEMS
from zhike.search.followup import leans
from zhike.testing.kb import asks

NOTHING = "-"


class Case(NamedTuple):
    """After the bot's answer from article ``topic``, ``text`` is asked and means ``meant`` ("" = nothing)."""

    line: int
    lang: str
    topic: str
    text: str
    meant: str


def read_cases(path: Path) -> list[Case]:
    """Lines ``language | key of the article answered first | what is asked next | key meant or -``.

    Raises:
        ConfigError: the file cannot be read, or lines are not valid, each named.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(path), f"读不了：{error}", f"cannot be read: {error}")]) from None
    found: list[Case] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 4 or not all(parts):
            problems.append(Problem(f"{path}:{number}", "应是 语言 | 条目 | 追问 | 条目",
                                    "must be language | article | question | article"))
        else:
            lang, topic, text, meant = parts
            found.append(Case(number, lang, topic, text, "" if meant == NOTHING else meant))
    if problems or not found:
        raise ConfigError(problems[:MAX_PROBLEMS] or [Problem(str(path), "没有可用的行",
                                                              "holds no rows to use")])
    return found


def evaluate(probe: Probe, cases: Sequence[Case], tick: Tick, result: Result) -> None:
    """Fills ``accuracy wrong silent`` over the cases, and what it costs questions that stand alone.

    ``standalone_kept``: the share of the articles' own phrasings that are answered as a first message and
    just the same as a second one, after an answer about something else.

    Raises:
        ConfigError: a case names an article that the bot does not have.
    """
    by_key = {(article.key, article.lang): article for article in probe.articles}
    missing = {key for case in cases for key in (case.topic, case.meant) if key and (key,
                                                                                     case.lang) not in by_key}
    if missing:
        named = ", ".join(sorted(missing)[:MAX_PROBLEMS])
        raise ConfigError([Problem("--cases", f"机器人没有这些条目：{named}",
                                   f"the bot has no article {named}")])
    right = wrong = seen = 0
    mistakes: list[Mistake] = []
    for case in cases:
        topic = by_key[case.topic, case.lang]
        first = topic.variants[0] if topic.variants else topic.question
        history = (Said("visitor", first, 1), Said("bot", topic.answer, 2, topic=topic.key))
        said = key_of(probe.follow(case.text, case.lang, history))
        right += said == case.meant
        wrong += bool(said) and said != case.meant
        seen += leans(case.text)
        if said != case.meant:
            mistakes.append(Mistake(case.meant, said or NOTHING, case.text, 1.0 if said else 0.0, bool(said)))
        tick()
    kept = alone = 0
    for article in probe.articles:
        for text in asks(article):
            said = key_of(probe.ask(text, article.lang))
            other = next(a for a in probe.articles if a.lang == article.lang and a.key != article.key)
            history = (Said("visitor", other.question, 1), Said("bot", other.answer, 2, topic=other.key))
            alone += 1
            kept += said == article.key == key_of(probe.follow(text, article.lang, history))
    result.figures |= {"accuracy": right / len(cases), "wrong": wrong / len(cases),
                       "silent": 1 - (right + wrong) / len(cases), "seen_leaning": seen / len(cases),
                       "standalone_kept": kept / alone}
    result.confuse(mistakes)
    result.close(probe.took, len(cases))
