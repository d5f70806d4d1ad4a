"""Begins flows and takes them a step further.

Way of a message in an active flow: does it ask for a person → does it call the whole thing off → does it
hold what was asked for (or correct what was said before) → does it begin another flow → may a rule answer
it → is it a clear other question → it was not understood. Whatever is answered in between, the flow asks
again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol, cast

import msgspec

from zhike.answer.flows.knows import Knows
from zhike.answer.flows.run import Run
from zhike.answer.flows.slots import find
from zhike.answer.flows.state import State, read_state, version_of
from zhike.answer.flows.words import AGAIN, CANCELLED, CHANGED, NOT_THERE, TAKE_YOUR_TIME, is_cancel, is_wait
from zhike.answer.tools import Toolbox
from zhike.answer.words import HUMAN_BUTTON
from zhike.clock import NowMs, now_ms
from zhike.domain.flow import Flow, Step
from zhike.domain.message import Reply, Source, TraceStep
from zhike.domain.tool import Caller, Texts
from zhike.search.text import Lang, Question
from zhike.store import flows as rows

log = logging.getLogger("zhike.flows")


class Store(Protocol):
    """The open store."""

    async def read(self, fn: Any, *args: Any) -> Any: ...


class Flows:
    """The flows of all bots.

    ``counts``: (flow, began | done | handoff | cancelled | timeout | changed) → times.

    Args:
        toolbox: has the bots' tools.
        knows: rules and knowledge.
        store: where :meth:`load_bot` reads (None in tests that call :meth:`use`).
    """

    def __init__(self, toolbox: Toolbox, knows: Knows, store: Store | None = None, *,
                 now: NowMs = now_ms) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._toolbox = toolbox
        self._knows = knows
        self._store = store
        self._now = now
        self._bots: dict[int, dict[str, tuple[Flow, str]]] = {}

    async def load_bot(self, bot_id: int) -> None:
        """Reads the bot's flows; call it at start and when its ``knowledge_version`` has risen."""
        assert self._store is not None
        self.use(bot_id, await self._store.read(rows.all_for_bot, bot_id))

    def use(self, bot_id: int, flows: Iterable[Flow]) -> None:
        """These are the bot's flows from now on."""
        self._bots[bot_id] = {flow.key: (flow, version_of(flow.body)) for flow in flows if flow.enabled}

    def drop_bot(self, bot_id: int) -> None:
        """Forgets a bot that was deleted."""
        self._bots.pop(bot_id, None)

    async def begin(self, bot_id: int, key: str, question: Question, caller: Caller,
                    lang: Lang | None = None) -> Reply:
        """Begins the flow ``key`` with what the first message says already. Always has words."""
        lang = lang or question.lang
        flow, version = self._bots.get(bot_id, {}).get(key, (None, ""))
        if flow is None:
            log.warning("a rule begins a flow that is not there", extra={"flow": key, "bot": bot_id})
            return _plain(NOT_THERE, lang, key, "is not there")
        self.counts[key, "began"] += 1
        state = State(key, version, since=self._now(), lang=lang)
        caller = msgspec.structs.replace(caller, lang=lang)
        for step in _asks(flow):
            value = find(step, flow.body, question.text, self._today(), asked=False)
            if value is not None:
                state.slots.setdefault(step.ask, value)
        return await self._walk(Run(flow, state, self._toolbox, caller, lang, self._now()))

    async def step(self, bot_id: int, state: str, question: Question, caller: Caller,
                   lang: Lang | None = None) -> Reply | None:
        """The flow's answer to the next message.

        Returns:
            a reply with the new state in ``flow``; None if the flow timed out: the message is answered as if
            there had been none, by a reply with ``flow=""``.
        """
        now = self._now()
        old = read_state(state)
        lang = lang or _spoken(question, old.lang if old is not None else "")
        caller = msgspec.structs.replace(caller, lang=lang)
        flow, version = self._bots.get(bot_id, {}).get(old.key if old else "", (None, ""))
        if old is not None and flow is not None and now - old.since > flow.body.timeout_s * 1000:
            self.counts[flow.key, "timeout"] += 1
            return None
        if old is None or flow is None or version != old.version \
                or not 0 <= old.at < len(flow.body.steps) \
                or not flow.body.steps[old.at].ask:
            self.counts[old.key if flow is not None and old is not None else "?", "changed"] += 1
            return _plain(CHANGED, lang, old.key if old else "", "changed meanwhile")
        run = Run(flow, old, self._toolbox, caller, lang, now)
        old.lang = lang
        return await self._answer(run, bot_id, question, caller, lang)

    async def _answer(self, run: Run, bot_id: int, question: Question, caller: Caller, lang: Lang) -> Reply:
        flow, waiting = run.flow, run.flow.body.steps[run.state.at]
        quick = self._knows.quick(bot_id, question)
        if quick is not None and quick.action == "handoff":
            self.counts[flow.key, "handoff"] += 1
            return msgspec.structs.replace(quick, flow="")
        if is_cancel(question.norm):
            self.counts[flow.key, "cancelled"] += 1
            return _plain(CANCELLED, lang, flow.key, "called off", button=False)
        may_interrupt = quick is not None and _rule_of(quick) in flow.body.interrupts
        if not (may_interrupt and waiting.kind == "text") and self._take(run, waiting, question.text):
            return await self._walk(run)
        if quick is not None and quick.action.startswith("flow:") and quick.action != f"flow:{flow.key}":
            return await self.begin(bot_id, quick.action.removeprefix("flow:"), question, caller, lang)
        if quick is not None and may_interrupt:
            return _with(quick, run.ask(waiting, quick.text, tries=run.state.tries))
        if is_wait(question.norm):
            run.trace.append(TraceStep("flow", "hit", f"{flow.key}: waits"))
            return self._wait(run, waiting, lang)
        if quick is not None and quick.action == f"flow:{flow.key}":
            return run.ask(waiting, tries=run.state.tries)
        if flow.body.knowledge and waiting.kind != "text":
            # an article that was asked for often comes from the cache
            known = quick if quick is not None and not _rule_of(quick) \
                else await self._knows.search(bot_id, question)
            if known is not None and known.sure:
                return _with(known, run.ask(waiting, known.text + "\n", tries=run.state.tries))
        tries = run.state.tries + 1
        if tries > waiting.retries:
            reply = run.give_up(f"{waiting.ask} was not understood {tries} times")
            self.counts[flow.key, "handoff"] += 1
            return reply
        return run.ask(waiting, (waiting.again or AGAIN).pick(lang), tries=tries, button=True)

    def _wait(self, run: Run, waiting: Step, lang: Lang) -> Reply:
        """Says that there is time, without asking again."""
        reply = run.ask(waiting, tries=run.state.tries)
        return msgspec.structs.replace(reply, text=TAKE_YOUR_TIME.pick(lang), buttons=())

    def _take(self, run: Run, waiting: Step, text: str) -> bool:
        """Takes what the message holds; False if it holds nothing of this flow.

        What was asked for comes first. What corrects an earlier answer sends the flow back to where that was
        asked, so that whatever followed from it is done anew.
        """
        flow, state, today = run.flow, run.state, self._today()
        value = find(waiting, flow.body, text, today, asked=True)
        back, noted = state.at, False
        for index, step in enumerate(flow.body.steps):
            if not step.ask or step.ask == waiting.ask:
                continue
            other = find(step, flow.body, text, today, asked=False)
            if other is None or other == state.slots.get(step.ask):
                continue
            if step.ask in state.slots:
                back = min(back, index)
            state.slots[step.ask] = other
            noted = True
        if value is not None:
            state.slots[waiting.ask] = value
            run.answered = state.at if back == state.at else -1
        elif not noted:
            return False
        state.at, state.tries = back, 0
        return True

    async def _walk(self, run: Run) -> Reply:
        reply = await run.walk()
        if run.outcome != "asked":
            self.counts[run.flow.key, run.outcome] += 1
        return reply

    def _today(self) -> Any:
        return datetime.fromtimestamp(self._now() / 1000, UTC).astimezone().date()


def _spoken(question: Question, before: str) -> Lang:
    """The language of an answer; of one that has none ("ZK20261101005", "0105", "ok") the one before."""
    if before not in ("zh", "en") or question.lang == before:
        return question.lang
    words = [word for word in question.norm.split() if word.isalpha()]
    plain = question.norm.isascii() and len(words) < 2
    return cast(Lang, before) if plain else question.lang


def _asks(flow: Flow) -> Iterable[Step]:
    return (step for step in flow.body.steps if step.ask)


def _rule_of(reply: Reply) -> str:
    return reply.source.key if reply.source is not None and reply.source.kind == "rule" else ""


def _with(other: Reply, asked: Reply) -> Reply:
    """Another answer, and the flow's question behind it."""
    return msgspec.structs.replace(asked, source=other.source or asked.source, cards=other.cards,
                                   buttons=asked.buttons or other.buttons, trace=(*other.trace, *asked.trace))


def _plain(texts: Texts, lang: Lang, key: str, detail: str, *, button: bool = True) -> Reply:
    """A flow's last words."""
    return Reply(texts.pick(lang), (HUMAN_BUTTON[lang],) if button else (), Source("flow", key=key),
                 (TraceStep("flow", "hit" if not button else "error", f"{key}: {detail}"),), flow="")
