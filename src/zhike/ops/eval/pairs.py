"""``zhike eval pairs``: do two texts ask the same? The product's own likeness, against people's judgement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns

from zhike.ops.bench.hist import Histogram
from zhike.ops.eval.ask import Tick
from zhike.ops.eval.result import Result
from zhike.ops.eval.rows import Two
from zhike.ops.eval.score import Guess, auroc, best_f1, calibration, calibration_error
from zhike.search.similar import PairModel, Rarities, Text, alike

_EVEN = 0.5


def evaluate(test: Sequence[Two], calibrate: Sequence[Two], threshold: float | None, tick: Tick,
             result: Result) -> None:
    """Fills ``auroc f1 accuracy threshold`` …

    With ``calibrate`` rows a model is learned from them, and the threshold is 0.5: what is likelier. Without,
    the likeness set by hand is taken with rarities counted in ``test`` (its texts, not its labels), and the
    threshold is where F1 on ``test`` is greatest: an upper bound, and said so.
    """
    judge: Callable[[Text, Text], float]
    if calibrate:
        model = PairModel([(Text(row.a), Text(row.b), row.same) for row in calibrate])
        judge = model.probability
        result.figures["train_rows"] = len(calibrate)
    else:
        rarities = Rarities(text for row in test for text in (Text(row.a), Text(row.b)))
        words, pairs = rarities.of(rarities.words), rarities.of(rarities.pairs)

        def judge(a: Text, b: Text) -> float:
            return alike(a, b, words, pairs)

    took = Histogram()
    scores: list[tuple[float, bool]] = []
    for row in test:
        started = perf_counter_ns()
        score = judge(Text(row.a), Text(row.b))
        took.record((perf_counter_ns() - started) // 1000)
        scores.append((score, row.same))
        tick()
    yes = [score for score, same in scores if same]
    no = [score for score, same in scores if not same]
    figures = result.figures
    if yes and no:
        figures["auroc"] = auroc(yes, no)
    if threshold is None:
        threshold = _EVEN if calibrate else best_f1(scores)
        if not calibrate:
            result.notes.append(("没有 --calibrate：阈值取自测试文字本身，F1 和正确率是上限。",
                                 "Without --calibrate the threshold is taken from the test rows: F1 and "
                                 "accuracy "
                                 "are upper bounds."))
    hits = sum(score >= threshold for score in yes)
    false = sum(score >= threshold for score in no)
    figures["f1"] = 2 * hits / (len(yes) + hits + false) if yes else 0.0
    figures["accuracy"] = (hits + len(no) - false) / len(scores)
    figures["threshold"] = threshold
    if calibrate:
        result.bins = calibration([Guess(score, same) for score, same in scores])
        figures["calibration_error"] = calibration_error(result.bins)
    result.close(took, len(test))
