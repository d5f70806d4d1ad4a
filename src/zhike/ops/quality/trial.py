"""Puts questions to a model with a template, or two side by side, and checks what comes back.

A question that fails is reported and the rest goes on; a bounded number is asked at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from zhike.answer.verdict import failures, judge_messages, judged
from zhike.domain.case import Case, Checks
from zhike.domain.prompt import Template
from zhike.domain.trial import Missed, Tried
from zhike.ops.quality.model import Completer, Completion, Failed
from zhike.ops.quality.subject import Subject

CONCURRENCY = 4
"""As many as a small model server takes at once without a queue."""
JUDGE_TOKENS = 10

log = logging.getLogger("zhike.quality")


class Variant(NamedTuple):
    """One side of a trial: ``label`` for people (``support@3``); the bot as it is with the template."""

    label: str
    template: Template
    subject: Subject


class Row(NamedTuple):
    """One question with an answer from each side."""

    question: Case
    answers: tuple[Tried, ...]


class Asking(NamedTuple):
    """How to ask. ``model`` "" = the template's own, or the first configured; ``judge`` "" = that one too.
    ``temperature`` None = the template's."""

    completer: Completer
    now: datetime
    model: str = ""
    judge: str = ""
    temperature: float | None = None
    concurrency: int = CONCURRENCY


async def run(variants: Sequence[Variant], questions: Sequence[Case], asking: Asking,
              tick: Callable[[], None] = lambda: None) -> list[Row]:
    """Every question of every variant, in order. ``tick`` once per answer."""
    room = asyncio.Semaphore(max(1, asking.concurrency))

    async def one(variant: Variant, question: Case) -> Tried:
        async with room:
            try:
                return await ask(variant, question, asking)
            except Failed as error:
                return Tried(error=str(error))
            except Exception as error:  # one broken question must not cost the others their answers
                log.exception("a question could not be asked")
                return Tried(error=f"{type(error).__name__}: {error}"[:300])
            finally:
                tick()

    async with asyncio.TaskGroup() as group:
        tasks = [[group.create_task(one(variant, question)) for variant in variants]
                 for question in questions]
    return [Row(question, tuple([task.result() for task in pair]))
            for question, pair in zip(questions, tasks, strict=True)]


async def ask(variant: Variant, question: Case, asking: Asking) -> Tried:
    """One question.

    Raises:
        Failed: the model gave no answer.
    """
    template, subject, completer = variant.template, variant.subject, asking.completer
    model = asking.model or template.model or (completer.keys[0] if completer.keys else "")
    if model not in completer.keys:
        raise Failed(f"there is no model {model!r}; there are: {', '.join(completer.keys) or 'none'}")
    window = completer.window(model)
    lang = subject.lang(question.text, question.lang)
    prompt = subject.compose(template, question.text, lang, asking.now, window.context_tokens, window.count)
    temperature = template.temperature if asking.temperature is None else asking.temperature
    done = await completer.complete(model, prompt.messages, temperature, template.max_tokens)
    checks = effective(question)
    missed = [Missed(*failure) for failure in failures(checks, done.text, sources=len(prompt.sources))]
    said, extra = None, Completion("", 0, 0, 0, 0)
    if checks.judge:
        said, extra = await _judge(checks, question, done.text, asking, model, subject)
        if said is not True:
            missed.append(Missed("judge", f"评审没有认可：{checks.judge}",
                                 f"the judge did not agree: {checks.judge}"))
    return Tried(done.text, tuple(missed), said, model,
                 round(done.first_token_ms, 1), round(done.total_ms, 1),
                 done.prompt_tokens + extra.prompt_tokens, done.completion_tokens + extra.completion_tokens,
                 done.cost + extra.cost, tuple([snippet.key for snippet in prompt.sources]), prompt.dropped)


async def _judge(checks: Checks, question: Case, answer: str, asking: Asking, model: str,
                 subject: Subject) -> tuple[bool | None, Completion]:
    messages = judge_messages(checks.judge, question.text, answer, subject.lang(checks.judge))
    done = await asking.completer.complete(asking.judge or model, messages, 0.0, JUDGE_TOKENS)
    return judged(done.text), done


def effective(question: Case) -> Checks:
    """What the answer is held to: the checks, and what the case says that any answer must hold."""
    body = question.body
    checks = body.checks or Checks()
    return msgspec.structs.replace(checks, must_contain=(*checks.must_contain, *body.contains),
                                   forbidden=(*checks.forbidden, *body.not_contains))


class Summary(NamedTuple):
    """One side in figures. ``missed``: how often each check failed. ``cost`` includes the judge's."""

    label: str
    rows: int
    passed: int
    errors: int
    missed: dict[str, int]
    first_p50_ms: float
    first_p99_ms: float
    total_p50_ms: float
    total_p99_ms: float
    prompt_tokens: int
    completion_tokens: int
    cost: float


def summary(label: str, answers: Sequence[Tried]) -> Summary:
    """Counts and times of one side."""
    said = [answer for answer in answers if not answer.error]
    first = [answer.first_token_ms for answer in said]
    total = [answer.total_ms for answer in said]
    return Summary(label, len(answers), sum(answer.passed for answer in answers), len(answers) - len(said),
                   dict(Counter(missed.check for answer in said for missed in answer.missed).most_common()),
                   quantile(first, 0.5), quantile(first, 0.99), quantile(total, 0.5), quantile(total, 0.99),
                   sum(answer.prompt_tokens for answer in said),
                   sum(answer.completion_tokens for answer in said), sum(answer.cost for answer in said))


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
