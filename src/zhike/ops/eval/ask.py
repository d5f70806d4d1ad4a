"""Asks labelled texts of a loaded bot and counts what comes back; faq and intents share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zhike.ops.eval.probe import Probe, key_of
from zhike.ops.eval.result import Mistake, Result
from zhike.ops.eval.rows import Text
from zhike.ops.eval.score import Guess, auroc

Tick = Callable[[], None]
"""Called once per text, for the progress bar."""


def ask_all(probe: Probe, texts: Sequence[Text], result: Result, tick: Tick) -> None:
    """Fills ``result`` with top1 … coverage; article keys are the labels.

    ``right wrong silent accuracy in_scope_accuracy oos_recall`` are what the engine's search says
    at the bot's threshold; ``top1 top5 oos_auroc`` and the curve come from the ranking below it.
    """
    guesses: list[Guess] = []
    mistakes: list[Mistake] = []
    top1 = top5 = right = wrong = rejected = 0
    for row in texts:
        said = key_of(probe.ask(row.text, row.lang))
        ranked = probe.rank(row.text)
        keys = [probe.articles[number].key for number in ranked.documents]
        best = keys[0] if keys else ""
        known = row.label is not None
        hit = known and best == row.label
        top1 += hit
        top5 += known and row.label in keys
        right += known and said == row.label
        wrong += bool(said) and said != row.label
        rejected += not known and not said
        guesses.append(Guess(ranked.confidence, hit, known))
        if best and not hit:
            aloud = bool(said) and said != row.label
            mistakes.append(Mistake(row.label or "", best, row.text, ranked.confidence, aloud))
        tick()
    rows = len(texts)
    inside = [g.confidence for g in guesses if g.known]
    outside = [g.confidence for g in guesses if not g.known]
    figures = result.figures
    if inside:
        figures |= {"top1": top1 / len(inside), "top5": top5 / len(inside)}
    figures["accuracy"] = (right + rejected) / rows
    if inside:
        figures["in_scope_accuracy"] = right / len(inside)
    if outside:
        figures["oos_recall"] = rejected / len(outside)
    if inside and outside:
        figures["oos_auroc"] = auroc(inside, outside)
    figures |= {"threshold": probe.threshold, "right": right / rows, "wrong": wrong / rows,
                "silent": 1 - (right + wrong) / rows}
    result.judge(guesses)
    result.confuse(mistakes)
