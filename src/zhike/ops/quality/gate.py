"""The gate: a shop's regression set, asked of the bot as it is and as a change would make it.

Two parts. *Knowledge*: every case that expects something of the answer is asked of the engine (rules,
then articles). *Model*: every case with ``checks`` is asked of the model under the bot's template. The
second is asked only where a prompt comes out otherwise than before: equal prompts have equal answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import NamedTuple

from msgspec import UNSET

from zhike.answer.promptset import chosen
from zhike.answer.verdict import fold
from zhike.domain.case import Case
from zhike.domain.message import Reply
from zhike.domain.trial import GateReport, Missed, Moved, Outcome, Tried, Verdict
from zhike.ops.quality.state import BotState
from zhike.ops.quality.subject import Subject
from zhike.ops.quality.trial import Asking, Variant, quantile, run

_GOOD: dict[Verdict, int] = {"right": 2, "silent": 1, "wrong": 0, "error": 0}
"""Silence is worse than the right answer and better than a wrong one."""
Note = tuple[str, str]
Tick = Callable[[], None]


class Limits(NamedTuple):
    """What is still let through, as shares of the cases: a drop of right answers, a rise of wrong ones;
    and how many must be right in any case."""

    tolerance: float = 0.0
    min_accuracy: float = 0.0


STRICT = Limits()


def asks_knowledge(case: Case) -> bool:
    """Whether the case says anything about the answer without a model."""
    body = case.body
    return body.expect is not UNSET or bool(body.action or ((body.contains or body.not_contains)
                                                            and body.checks is None))


def judge(case: Case, reply: Reply | None) -> tuple[Verdict, tuple[Missed, ...]]:
    """What the engine's ``reply`` (None: it does not answer) is worth for ``case``."""
    body = case.body
    said = reply.source.key if reply is not None and reply.source is not None else ""
    missed: list[Missed] = []
    if body.expect is None:
        if reply is not None:
            missed.append(Missed("expect", f"应当不回答，却答了 {said}",
                                 f"should not answer, but said {said}"))
        return ("wrong" if missed else "right"), tuple(missed)
    if reply is None:
        wanted = body.expect if isinstance(body.expect, str) else body.action or "…"
        return "silent", (Missed("expect", f"没有回答，应是 {wanted}",
                                 f"did not answer; {wanted} was expected"),)
    if isinstance(body.expect, str) and said != body.expect:
        missed.append(Missed("expect", f"答的是 {said or '∅'}，应是 {body.expect}",
                             f"answered {said or '∅'} instead of {body.expect}"))
    if body.action and reply.action != body.action:
        missed.append(Missed("action", f"没有 {body.action}", f"did not {body.action}"))
    text = fold(reply.text)
    missed += [Missed("contains", f"没有「{word}」", f"lacks {word!r}")
               for word in body.contains if fold(word) not in text]
    missed += [Missed("not_contains", f"出现了「{word}」", f"holds {word!r}")
               for word in body.not_contains if fold(word) in text]
    return ("wrong" if missed else "right"), tuple(missed)


def ask_knowledge(subject: Subject, cases: Sequence[Case], tick: Tick) -> tuple[list[Outcome], list[float]]:
    """The outcome of every case that asks the knowledge, and how long each took (ms). For a thread."""
    outcomes, took_ms = [], []
    for case in cases:
        began = perf_counter_ns()
        reply = subject.reply(case.text, case.lang)
        took_ms.append((perf_counter_ns() - began) / 1e6)
        verdict, missed = judge(case, reply)
        source = reply.source.key if reply is not None and reply.source is not None else ""
        outcomes.append(Outcome(case.text, case.lang, verdict, "knowledge", source,
                                reply.text if reply is not None else "", missed))
        tick()
    return outcomes, took_ms


def _variant(subject: Subject, case: Case) -> Variant:
    template = subject.prompts.active(subject.state.bot.id, lang=subject.lang(case.text, case.lang))
    return Variant(template.name, template, subject)


def _prompt(subject: Subject, case: Case, asking: Asking) -> object:
    """All that an answer depends on: two of them equal means that nothing changed for this case."""
    template = _variant(subject, case).template
    rendered = subject.compose(template, case.text, subject.lang(case.text, case.lang), asking.now,
                               8_192, len)
    return (rendered.messages, template.temperature, template.max_tokens, template.model)


async def ask_model(subject: Subject, cases: Sequence[Case], asking: Asking, tick: Tick) -> list[Outcome]:
    """The outcome of every case whose answer a model is held to."""
    answers: list[Tried] = []
    pairs = [(case, _variant(subject, case)) for case in cases]
    for start in range(0, len(pairs), asking.concurrency):  # each case has its template, by language
        rows = await asyncio.gather(*(run([variant], [case], asking, tick)
                                      for case, variant in pairs[start:start + asking.concurrency]))
        answers += [row[0].answers[0] for row in rows]
    return [_outcome(case, answer) for case, answer in zip(cases, answers, strict=True)]


def _outcome(case: Case, answer: Tried) -> Outcome:
    verdict: Verdict = "error" if answer.error else "right" if answer.passed else "wrong"
    missed = (Missed("error", answer.error, answer.error),) if answer.error else answer.missed
    return Outcome(case.text, case.lang, verdict, "model", answer.model, answer.text, missed)


async def gate(before: BotState, after: BotState | None, asking: Asking | None, limits: Limits = STRICT,
               tick: Tick = lambda: None) -> GateReport:
    """Asks the regression set and compares.

    Args:
        before: as the bot is; its cases are asked, together with those of ``after``.
        after: as a change would make it; None: only look at the present.
        asking: the model; None: cases for a model are left out, and the report says so.
    """
    began_s = time.monotonic()
    now = after or before
    subject = await asyncio.to_thread(Subject, now)
    cases = _cases(before, now)
    known = [case for case in cases if asks_knowledge(case)]
    outcomes, took_ms = await asyncio.to_thread(ask_knowledge, subject, known, tick)
    old_subject = await asyncio.to_thread(Subject, before) if after is not None else None
    old: list[Outcome] = []
    if old_subject is not None:
        old = (await asyncio.to_thread(ask_knowledge, old_subject, known, lambda: None))[0]
    notes: list[Note] = []
    checked = [case for case in cases if case.body.checks is not None]
    if checked:
        news, olds = await _model_part(checked, subject, old_subject, asking, notes, tick)
        outcomes, old = outcomes + news, old + olds
    if _templates_moved(before, after) and not (checked and asking is not None):
        notes.append(("提示词变了，但没有用例检查模型的回答（给用例加上 checks，并设置模型）。",
                      "The prompt changes, and no case checks the model's answers (give cases `checks`, and "
                      "set a model)."))
    return _report(now.bot.key, outcomes, old, limits, notes, time.monotonic() - began_s, took_ms)


async def _model_part(cases: list[Case], subject: Subject, old: Subject | None, asking: Asking | None,
                      notes: list[Note], tick: Tick) -> tuple[list[Outcome], list[Outcome]]:
    if asking is None or not asking.completer.keys:
        notes.append((f"没有设置模型，{len(cases)} 条检查模型回答的用例没有问。",
                      f"No model is set: {len(cases)} cases that check a model's answer were not asked."))
        return [], []
    if old is not None:
        same = [case for case in cases if _prompt(subject, case, asking) == _prompt(old, case, asking)]
        cases = [case for case in cases if case not in same]
        if same:
            notes.append((
                f"{len(same)} 条用例的提示词没有变，不再问模型。",
                f"{len(same)} cases have the same prompt as before; the model was not asked again."))
    if old is None or all(_variant(subject, case).template.temperature
                          == _variant(old, case).template.temperature for case in cases):
        asking = asking._replace(temperature=0.0)  # the gate must not depend on luck
    news = await ask_model(subject, cases, asking, tick)
    olds = await ask_model(old, cases, asking, lambda: None) if old is not None else []
    return news, olds


def _cases(before: BotState, after: BotState) -> list[Case]:
    """The cases of both, the changed ones as they will be. A change cannot get rid of a case that it
    fails by dropping it: what only ``before`` has is asked too."""
    found = {(case.lang, case.text): case for case in before.cases}
    found |= {(case.lang, case.text): case for case in after.cases}
    return list(found.values())


def _templates_moved(before: BotState, after: BotState | None) -> bool:
    return after is not None and (
        {one.name: one for one in before.templates} != {one.name: one for one in after.templates}
        or chosen(before.bot.settings) != chosen(after.bot.settings))


def _report(bot: str, outcomes: list[Outcome], old: list[Outcome], limits: Limits, notes: list[Note],
            seconds: float, took_ms: list[float]) -> GateReport:
    rows = len(outcomes)

    def share(found: Sequence[Outcome], verdict: Verdict) -> float:
        return sum(one.verdict == verdict for one in found) / rows if rows else 0.0

    pairs = [Moved(was, now) for was, now in zip(old, outcomes, strict=True)] if old else []
    worse = tuple([pair for pair in pairs if _GOOD[pair.after.verdict] < _GOOD[pair.before.verdict]])
    better = tuple([pair for pair in pairs if _GOOD[pair.after.verdict] > _GOOD[pair.before.verdict]])
    right, wrong = share(outcomes, "right"), share(outcomes, "wrong")
    reasons: list[Note] = []
    slack = limits.tolerance + 1e-9
    if old and share(old, "right") - right > slack:
        reasons.append((f"答对的从 {share(old, 'right'):.1%} 降到 {right:.1%}",
                        f"right answers fall from {share(old, 'right'):.1%} to {right:.1%}"))
    if old and wrong - share(old, "wrong") > slack:
        reasons.append((f"答错的从 {share(old, 'wrong'):.1%} 升到 {wrong:.1%}",
                        f"wrong answers rise from {share(old, 'wrong'):.1%} to {wrong:.1%}"))
    if rows and right < limits.min_accuracy - 1e-9:
        reasons.append((f"答对的只有 {right:.1%}，要求 {limits.min_accuracy:.1%}",
                        f"{right:.1%} are right, {limits.min_accuracy:.1%} are wanted"))
    if failed := sum(one.verdict == "error" for one in outcomes):
        reasons.append((f"{failed} 条用例没能问到模型：{_first_error(outcomes)}",
                        f"{failed} cases could not be asked of the model: {_first_error(outcomes)}"))
    if not rows:
        notes.append(("这个机器人还没有回归用例。", "This bot has no regression cases yet."))
    return GateReport(bot, rows, right, wrong, share(outcomes, "silent"), not reasons, worse, better,
                      tuple(outcomes), tuple(reasons), tuple(notes), round(seconds, 3),
                      quantile(took_ms, 0.5), quantile(took_ms, 0.99))


def _first_error(outcomes: Sequence[Outcome]) -> str:
    return next((one.missed[0].en for one in outcomes if one.verdict == "error"), "")
