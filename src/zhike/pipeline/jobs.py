"""Jobs: answers that take longer than a stage may, one per conversation, bounded in number.

A job starts after its question's commit, runs beside the line, and comes back into ``queue`` under
the epoch it started with. What it says meanwhile (deltas of a draft) goes over the bus to whoever
has the conversation open; a draft is never stored and never resumed. Who takes the conversation
over ends the job, and its draft is withdrawn.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from itertools import count
from secrets import token_hex

from zhike.answer.ports import Asked
from zhike.bus.base import BusNode, Event
from zhike.domain.message import Reply, TraceStep
from zhike.domain.wire import Delta, Withdrawn, encode
from zhike.pipeline.ports import Worker
from zhike.pipeline.turns import Piece, Turn

log = logging.getLogger("zhike.pipeline")

MAX_JOBS = 2_000
"""Jobs at once. Each is a task of a few KB that mostly waits for a model; more than that would wait
past their deadlines anyway."""
TOTAL_S = 15.0
"""From the question's arrival everything has ended (DESIGN §2.6). The worker ends earlier by itself;
this holds whatever it does."""


class Job:
    """One answer in the making; the :class:`zhike.answer.ports.Outlet` of the worker."""

    __slots__ = ("_jobs", "_offset", "answer_id", "asked", "ended", "pieces", "said", "task", "turn")

    def __init__(self, jobs: Jobs, turn: Turn, pieces: list[Piece], asked: Asked) -> None:
        self._jobs = jobs
        self._offset = 0
        self.turn = turn
        self.pieces = pieces
        self.asked = asked
        self.said = False
        self.ended = False
        self.answer_id = ""
        self.task: asyncio.Task[None] | None = None

    @property
    def seqs(self) -> tuple[int, ...]:
        """The messages it answers."""
        return tuple(piece.seq for piece in self.pieces)

    def delta(self, text: str) -> None:
        """The next piece of the draft."""
        if self.ended or not text:
            return
        if not self.answer_id:
            self.answer_id = self._jobs.new_draft(self.turn)
            self._offset = 0
        turn = self.turn
        self.said = True
        self._jobs.publish(turn, encode(Delta(turn.conversation_id, self.answer_id, turn.epoch,
                                              self._offset, text)))
        self._offset += len(text)

    def withdraw(self) -> None:
        """Takes the draft back."""
        self._jobs.drafted(self.answer_id, stored=False)
        self.answer_id = ""

    def interim(self, reply: Reply) -> None:
        """Stores a word meanwhile; the question stays open."""
        if not self.ended:
            self.said = True
            self._jobs.hand(self, reply, interim=True)


class Jobs:
    """All jobs of one line.

    Args:
        worker: makes the answers.
        hand: takes what a job has to say back into the queue: (job, reply, interim).
        fallback: the honest "I do not know", for a job that ends without an answer.
    """

    def __init__(self, worker: Worker, bus: BusNode, hand: Callable[[Job, Reply, bool], None],
                 fallback: Callable[[Asked, tuple[TraceStep, ...]], Reply], *,
                 max_jobs: int = MAX_JOBS) -> None:
        self._worker = worker
        self._bus = bus
        self._hand = hand
        self._fallback = fallback
        self._max = max_jobs
        self._loop = asyncio.get_running_loop()
        self.running: dict[int, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._drafts: dict[str, Turn] = {}
        self._prefix = token_hex(4) + "-"
        self._numbers = count(1)
        self.outcomes: Counter[str] = Counter()
        self._stopped = False

    def start(self, job: Job) -> None:
        """Begins a job; with too many at work its end is there at once, and says so. After :meth:`stop`
        (a wait for fragments may end later) none begins: what it would answer stays owed."""
        asked = job.asked
        if self._stopped:
            job.ended = True
            return
        if len(self.running) >= self._max:
            self.outcomes["overloaded"] += 1
            job.ended = True
            self.hand(job, self._fallback(asked, (TraceStep("job", "skipped", "too many at once"),)))
            return
        self.running[job.turn.conversation_id] = job
        job.task = self._loop.create_task(self._run(job), name="job")
        self._tasks.add(job.task)
        job.task.add_done_callback(self._tasks.discard)

    def cancel(self, job: Job, why: str) -> None:
        """Ends a job whose answer is not wanted any more; the draft is withdrawn."""
        if job.ended:
            return
        job.ended = True
        self.outcomes[why] += 1
        if self.running.get(job.turn.conversation_id) is job:
            del self.running[job.turn.conversation_id]
        if job.task is not None:
            job.task.cancel()
        job.withdraw()

    def hand(self, job: Job, reply: Reply, *, interim: bool = False) -> None:
        """What the job says goes back into the queue."""
        self._hand(job, reply, interim)

    def new_draft(self, turn: Turn) -> str:
        """An id for a draft that begins; it stays known until it is replaced or withdrawn."""
        answer_id = f"{self._prefix}{next(self._numbers)}"
        self._drafts[answer_id] = turn
        return answer_id

    def drafted(self, answer_id: str, *, stored: bool) -> None:
        """The draft is over: its message was stored (and named it), or everybody has to drop it."""
        turn = self._drafts.pop(answer_id, None)
        if turn is not None and not stored:
            self.publish(turn, encode(Withdrawn(turn.conversation_id, answer_id)), epoch=0)

    def publish(self, turn: Turn, frame: bytes, epoch: int | None = None) -> None:
        """A frame for everybody who has the conversation open; it is not stored. ``epoch`` 0: it is good
        under any (a withdrawal must come through after a take-over)."""
        self._bus.publish([Event(turn.conversation_id, turn.inbox_id, turn.sender,
                                 epoch=turn.epoch if epoch is None else epoch,
                                 frame=frame, agent_frame=frame)])

    async def stop(self) -> None:
        """Ends all jobs; what they owe is answered after the next start."""
        self._stopped = True
        for job in list(self.running.values()):
            self.cancel(job, "stopped")
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, job: Job) -> None:
        reply: Reply | None = None
        step: tuple[TraceStep, ...] = ()
        try:
            async with asyncio.timeout_at(job.asked.arrived_s + TOTAL_S):
                reply = await self._worker.answer(job.asked, job)
        except TimeoutError:
            self.outcomes["timeout"] += 1
            step = (TraceStep("job", "error", f"not done within {TOTAL_S:.0f} s"),)
        except Exception:
            log.exception("a job failed")
            self.outcomes["failed"] += 1
            step = (TraceStep("job", "error", "internal"),)
        if job.ended:
            return
        job.ended = True
        if self.running.get(job.turn.conversation_id) is job:
            del self.running[job.turn.conversation_id]
        if reply is None:
            job.withdraw()
            reply = self._fallback(job.asked, step)
        else:
            self.outcomes["answered"] += 1
        self.hand(job, reply)
