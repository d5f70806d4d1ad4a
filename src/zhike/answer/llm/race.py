"""Two deadlines and two models: 3 s for a word, 15 s for everything, both from the question's arrival.

    arrival ──first model──────────────────────────────────────────────►
              │ fails, stalls: the next model at once
    3 s       └ nothing seen yet: a word meanwhile, and the next model beside the first
                                  the first to finish wins; the others are cancelled
    15 s        everything stops; None

While two run, what the visitor sees as a draft is of one of them only. If that one breaks off, its
draft is taken back; if the other one finishes first, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.reply import Completion
from zhike.answer.ports import Outlet
from zhike.domain.message import Reply, TraceStep

CLOSE_S = 0.5
"""How long cancelled streams may take to close; closing a socket takes a millisecond."""

RETRY_PAUSE_S = 0.3
"""Before the same server is asked again: a restarted one is back by then."""

log = logging.getLogger("zhike.models")


class Limits(NamedTuple):
    """Seconds from the question's arrival."""

    first_s: float = 3.0
    total_s: float = 15.0


class NoAnswer(Exception):
    """A model finished and there is nothing to say; the text says why."""


class Voice:
    """What one model says. Only the leading voice is seen; the others are kept in case they must lead."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.text = ""
        self.late = False
        self._completion: Completion | None = None

    def watch(self, done: Completion) -> None:
        """The request in hand: it is told when its first word should have come by now."""
        self._completion = done
        done.late = self.late

    def say(self, text: str) -> None:
        """The next sentence."""
        self.text += text
        self._stage.said(self, text)

    def take_back(self) -> None:
        """What was said so far is void (the same model begins anew)."""
        self._stage.gone(self)
        self.text = ""

    def is_late(self) -> None:
        """3 s are over."""
        self.late = True
        if self._completion is not None:
            self._completion.late = True


class Stage:
    """Decides whose draft is seen."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self.leader: Voice | None = None
        self.seen = False
        """A draft was seen at some time, even if it was taken back."""

    def said(self, voice: Voice, text: str) -> None:
        if self.leader is None:
            self.leader = voice
            text = voice.text
        if self.leader is voice and text:
            self.seen = True
            self._outlet.delta(text)

    def gone(self, voice: Voice, others: Sequence[Voice] = ()) -> None:
        """``voice`` broke off: its draft goes; another that has words takes its place."""
        if self.leader is not voice:
            return
        self.leader = None
        self._outlet.withdraw()
        for other in others:
            if other is not voice and other.text:
                self.said(other, "")
                return

    def settle(self, winner: Voice) -> None:
        """``winner``'s reply is about to replace the draft: nobody else's may stand there."""
        if self.leader is not None and self.leader is not winner:
            self._outlet.withdraw()
            self.leader = winner


class Try(NamedTuple):
    """One model that may be asked. ``run`` speaks through the voice and returns the reply.

    Raises (``run``): ModelError, NoAnswer.
    """

    name: str
    run: Callable[[Voice], Awaitable[Reply]]


class _Running(NamedTuple):
    name: str
    voice: Voice
    task: asyncio.Task[tuple[Reply, float]]


class Race:
    """See the module. One per question.

    Args:
        tries: in order. One that failed in a way that may pass is tried again when no other is left.
        note: gets a step for every try that ended without winning.
        meanwhile: makes the word at 3 s.
    """

    def __init__(self, tries: Sequence[Try], outlet: Outlet, note: Callable[[TraceStep], None],
                 meanwhile: Callable[[], Reply], limits: Limits) -> None:
        self._waiting = deque(tries)
        self._again: deque[Try] = deque()
        self._tries = {entry.name: entry for entry in tries}
        self._stage = Stage(outlet)
        self._outlet = outlet
        self._note = note
        self._meanwhile = meanwhile
        self._limits = limits
        self._running: list[_Running] = []
        self._told = False
        self._retried: set[str] = set()

    async def run(self, arrived_s: float) -> Reply | None:
        """The winner's reply, or None when there is none in time."""
        loop = asyncio.get_running_loop()
        end_s = arrived_s + self._limits.total_s
        if loop.time() >= end_s:
            self._note(TraceStep(step="model", outcome="skipped", detail="no time left when its turn came"))
            return None
        first: asyncio.Future[None] = loop.create_future()
        end: asyncio.Future[None] = loop.create_future()
        alarms = [loop.call_at(at_s, _ring, bell)
                  for at_s, bell in ((arrived_s + self._limits.first_s, first), (end_s, end))]
        try:
            self._next()
            while self._running:
                bells = {end} if first.done() else {first, end}
                await asyncio.wait({running.task for running in self._running} | bells,
                                   return_when=asyncio.FIRST_COMPLETED)
                winner = self._collect(end_s)
                if winner is not None:
                    return winner
                if end.done():
                    self._over(loop.time() - arrived_s)
                    return None
                if first.done() and not self._stage.leader and not self._told:
                    self._late()
            return None
        finally:
            for alarm in alarms:
                alarm.cancel()
            await self._stop()

    def _over(self, took_s: float) -> None:
        """15 s: what is not finished by now does not count."""
        for running in self._running:
            self._note(TraceStep(step="model", outcome="error", took_us=_us(took_s),
                                 detail=f"{running.name}: stopped at {self._limits.total_s:g} s"))
            self._stage.gone(running.voice)

    def _late(self) -> None:
        """3 s and nothing to be seen: a word meanwhile, and another model beside the first."""
        self._told = True
        self._outlet.interim(self._meanwhile())
        for running in self._running:
            running.voice.is_late()
        self._next()

    def _next(self) -> None:
        """Starts the next model, if there is one; a second chance only when nothing else runs."""
        pause_s = 0.0
        if self._waiting:
            entry = self._waiting.popleft()
        elif self._again and not self._running:
            entry, pause_s = self._again.popleft(), RETRY_PAUSE_S
        else:
            return
        voice = Voice(self._stage)
        voice.late = self._told
        task = asyncio.get_running_loop().create_task(_timed(entry, voice, pause_s),
                                                      name=f"model {entry.name}")
        self._running.append(_Running(entry.name, voice, task))

    def _collect(self, end_s: float) -> Reply | None:
        """Takes what ended; the first reply in time wins."""
        for running in [one for one in self._running if one.task.done()]:
            self._running.remove(running)
            error = running.task.exception()
            if error is None:
                reply, at_s = running.task.result()
                if at_s < end_s:
                    self._stage.settle(running.voice)
                    for other in self._running:
                        self._note(TraceStep(step="model", outcome="skipped",
                                             detail=f"{other.name}: {running.name} was first"))
                    return reply
                self._running.append(running)  # too late by a hair: ``_over`` takes its draft back
                break
            self._failed(running, error)
        return None

    def _failed(self, running: _Running, error: BaseException) -> None:
        said = bool(running.voice.text)
        self._stage.gone(running.voice, [other.voice for other in self._running])
        if isinstance(error, ModelError):
            reason, skipped = error.reason, error.code == "model_rests"
            if error.again and not said and running.name not in self._retried:
                self._retried.add(running.name)
                self._again.append(self._tries[running.name])
        elif isinstance(error, NoAnswer):
            reason, skipped = str(error), False
        else:
            log.error("asking a model failed", exc_info=error, extra={"model": running.name})
            reason, skipped = f"internal: {type(error).__name__}", False
        self._note(TraceStep(step="model", outcome="skipped" if skipped else "error",
                             detail=f"{running.name}: {reason}"))
        if self._waiting or not self._running:
            self._next()

    async def _stop(self) -> None:
        """Cancels what still runs; the servers stop generating when their connections close."""
        tasks = [running.task for running in self._running]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S)
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.exception()  # seen: a stream may break while it is being left


async def _timed(entry: Try, voice: Voice, pause_s: float) -> tuple[Reply, float]:
    """When it was done, on the loop's clock: a loop that lags must not cost an answer."""
    if pause_s:
        await asyncio.sleep(pause_s)
    reply = await entry.run(voice)
    return reply, asyncio.get_running_loop().time()


def _ring(bell: asyncio.Future[None]) -> None:
    if not bell.done():
        bell.set_result(None)


def _us(seconds: float) -> int:
    return max(1, round(seconds * 1_000_000))
