"""Stage 6, queue.

Way: route → **queue** → send. Answers of jobs and changes of holder come in here.
Outcomes: the unit's entries in the order of their effect | a message waits for an earlier one of
the same client | a question waits for its search, or for the rest of the thought.
Promise: per-conversation order; bounded; at most one job per conversation; whatever a job brings
back is stored under the epoch it started with, or not at all.
State: turns (questions owed an answer), messages waiting for a predecessor, finished answers,
changes asked for by the desk.
Pitfall: awaiting a search here would make every conversation wait for the slowest.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from heapq import heappop, heappush

from zhike.answer.ports import Asked
from zhike.bus.base import BusNode
from zhike.domain.conversation import Conversation
from zhike.domain.message import Reply, TraceStep
from zhike.domain.unit import BotReply, Change, Incoming
from zhike.errors import ZhikeError
from zhike.pipeline.batch import Batch, Item
from zhike.pipeline.jobs import Job, Jobs
from zhike.pipeline.ports import Answerer, Worker
from zhike.pipeline.turns import FLOW_ACTION, MAX_PIECES, Decision, Piece, Turn
from zhike.search.followup import leans
from zhike.search.text import Question

log = logging.getLogger("zhike.pipeline")

MAX_TURNS = 50_000
"""Conversations owed an answer at once; beyond it a question is answered without waiting."""
MAX_WAITING = 10_000
"""Messages that wait for an earlier one, over all clients."""
SLOW_SEARCHES = 2
"""Searches of large indexes at a time; they let go of the interpreter lock while they search."""
SLACK_S = 0.001
"""A timer may fire a rounding error early; what is due within a millisecond is due."""
MISSED = (TraceStep("knowledge", "miss"),)


class Queue:
    """The waiting room between understanding and storing."""

    def __init__(self, answerer: Answerer, executor: Executor, work: asyncio.Event, *,
                 fragment_wait_s: Callable[[int], float], out_of_order_wait_s: float, search_batch: int,
                 put_back: Callable[[list[Item]], None], bus: BusNode, worker: Worker | None = None) -> None:
        self._answerer = answerer
        self._worker = worker
        self.jobs = Jobs(worker, bus, self._handed, self._job_fallback) if worker is not None else None
        self._executor = executor
        self._work = work
        self._put_back = put_back
        self.fragment_wait_s = fragment_wait_s
        self.out_of_order_wait_s = out_of_order_wait_s
        self.search_batch = search_batch
        self._loop = asyncio.get_running_loop()
        self.turns: dict[int, Turn] = {}
        self.replies: deque[BotReply] = deque()
        self.changes: deque[tuple[Change, asyncio.Future[Change]]] = deque()
        self._to_search: deque[Turn] = deque()
        self._searching: asyncio.Task[None] | None = None
        self._apart: set[asyncio.Task[None]] = set()
        self._slow_executor = ThreadPoolExecutor(SLOW_SEARCHES, thread_name_prefix="zhike-search-disk")
        self._waits: list[tuple[float, int, Turn, int]] = []
        self._wait_count = 0
        self._wake: asyncio.Handle | None = None
        self._wake_at_s = 0.0
        self.held: dict[bytes, list[Item]] = {}
        self._held_until: deque[tuple[float, bytes]] = deque()
        self.held_count = 0

    # ---- into the unit -----------------------------------------------------------------------

    def __call__(self, batch: Batch) -> None:
        """Runs the stage: changes first (a take-over outruns an answer), then answers, then news."""
        if self.changes:
            batch.entries += [change for change, _ in self.changes]
        now_ms = batch.now_ms
        while self.replies:
            reply = self.replies.popleft()
            reply.at = now_ms
            batch.entries.append(reply)
        for item in batch.items:
            assert item.entry is not None
            batch.entries.append(item.entry)

    @property
    def has_work(self) -> bool:
        """True if something is ready for a unit although no message came."""
        return bool(self.changes or self.replies)

    def change(self, change: Change) -> asyncio.Future[Change]:
        """Puts a change of holder into the next unit; the future ends after its commit."""
        future: asyncio.Future[Change] = self._loop.create_future()
        self.changes.append((change, future))
        self._work.set()
        return future

    # ---- after the commit --------------------------------------------------------------------

    def owed(self, conversation: Conversation, seq: int, question: Question, bot_id: int,
             known: Reply | None, now_s: float, *, searched: bool = False,
             arrived_s: float | None = None) -> None:
        """A stored question was not answered in its unit: its turn begins or grows.

        ``searched``: the knowledge was asked about this text already. ``arrived_s``: when it came in
        (loop time; default: now); the deadlines of a job count from there.
        """
        turn = self.turns.get(conversation.id)
        if turn is None or turn.epoch != conversation.holder_epoch:
            if turn is not None:
                self._give_up_job(turn, "taken_over")
            turn = self.turns[conversation.id] = Turn(conversation, bot_id)
        job = turn.job
        if any(piece.seq == seq for piece in turn.pieces) or (job is not None and seq in job.seqs):
            return  # found again by the recovery sweep
        if not turn.replying:  # else what is about to be stored is newer than what was read
            turn.flow = conversation.flow
        piece = Piece(seq, question, known, searched=searched,
                      arrived_s=now_s if arrived_s is None else arrived_s)
        if job is not None and not job.said and (turn.flow or piece.known is None):
            # nothing was said yet: one answer for both, begun anew
            self._give_up_job(turn, "restarted")
            turn.put_back(job.pieces)
        turn.add(piece, now_s + self.fragment_wait_s(bot_id))
        if len(turn.pieces) >= MAX_PIECES or len(self.turns) > MAX_TURNS:
            turn.due_s = now_s
        self._wait_count += 1  # settles ties: turns do not compare
        heappush(self._waits, (turn.due_s, self._wait_count, turn, turn.generation))
        self._search(turn)
        self._arm()

    def settled(self, reply: BotReply) -> None:
        """A bot reply was stored, or refused as stale."""
        if reply.answer_id and self.jobs is not None:
            self.jobs.drafted(reply.answer_id, stored=reply.outcome == "stored")
        turn = self.turns.get(reply.conversation_id)
        if turn is None or turn.epoch != reply.epoch or reply.interim:
            return
        turn.replying -= 1
        if not turn.pieces and not turn.replying and turn.job is None:
            self.turns.pop(reply.conversation_id, None)

    def forget(self, conversation: Conversation) -> None:
        """The holder changed: nothing of the old epoch is owed any more."""
        turn = self.turns.get(conversation.id)
        if turn is not None and turn.epoch != conversation.holder_epoch:
            self.turns.pop(conversation.id, None)
            self._give_up_job(turn, "taken_over")

    def overtaken(self, conversation_id: int, epoch: int) -> None:
        """Another instance changed the holder: what this one was about to say is not wanted any more.
        (Storing would refuse it anyway; this stops the model that writes it.)"""
        turn = self.turns.get(conversation_id)
        if turn is not None and turn.epoch < epoch:
            self.turns.pop(conversation_id, None)
            self._give_up_job(turn, "taken_over")

    # ---- searching ---------------------------------------------------------------------------

    def _search(self, turn: Turn) -> None:
        if turn.in_search:
            return  # the running search ends first; then the new piece is looked up
        if not turn.to_search():
            self._decide(turn)
            return
        turn.in_search = True
        if not self._answerer.in_memory(turn.bot_id):
            task = self._loop.create_task(self._search_apart(turn), name="search apart")
            self._apart.add(task)
            task.add_done_callback(self._apart.discard)
            return
        self._to_search.append(turn)
        if self._searching is None:
            self._searching = self._loop.create_task(self._run_searches(), name="searches")

    async def _run_searches(self) -> None:
        """One search call at a time, for all that wait: the batch grows while the last one runs."""
        try:
            while self._to_search:
                turns: list[tuple[Turn, list[Question]]] = []
                count = 0
                while self._to_search and count < self.search_batch:
                    turn = self._to_search.popleft()
                    questions = turn.to_search()
                    turns.append((turn, questions))
                    count += len(questions)
                found = await self._loop.run_in_executor(self._executor, self._search_all, turns)
                for (turn, questions), replies in zip(turns, found, strict=True):
                    self._searched(turn, questions, replies)
        finally:
            self._searching = None

    async def _search_apart(self, turn: Turn) -> None:
        """A bot that is not searched in memory: beside the others, whom it must not keep waiting."""
        try:
            await self._answerer.open(turn.bot_id)
        except Exception:
            log.warning("a bot's knowledge could not be read", extra={"bot_id": turn.bot_id}, exc_info=True)
        questions = turn.to_search()
        found = await self._loop.run_in_executor(self._slow_executor, self._search_all, [(turn, questions)])
        self._searched(turn, questions, found[0])

    def _search_all(self, turns: list[tuple[Turn, list[Question]]]) -> list[list[Reply | None]]:
        """In the search thread: one engine call per bot."""
        by_bot: dict[int, list[Question]] = {}
        for turn, questions in turns:
            by_bot.setdefault(turn.bot_id, []).extend(questions)
        found = {bot_id: iter(self._answerer.search(bot_id, questions))
                 for bot_id, questions in by_bot.items()}
        return [[next(found[turn.bot_id]) for _ in questions] for turn, questions in turns]

    def _searched(self, turn: Turn, questions: list[Question], replies: list[Reply | None]) -> None:
        turn.in_search = False
        for question, reply in zip(questions, replies, strict=True):
            if reply is not None and reply.cacheable:
                self._answerer.remember(turn.bot_id, question, reply)
        if self.turns.get(turn.conversation_id) is not turn:
            return  # taken over meanwhile
        turn.found(questions, replies)
        if turn.to_search():
            self._search(turn)
        else:
            self._decide(turn)

    def _decide(self, turn: Turn) -> None:
        over = turn.due_s <= self._loop.time() + SLACK_S
        for decision in turn.decide(over):
            pieces = decision.pieces
            reply = decision.reply or self._without_job(turn, decision)
            if reply is None:
                if turn.job is not None:
                    break  # one job at a time: these wait for its end
                turn.drop(pieces[-1].seq)
                self._begin_job(turn, decision)
                continue
            turn.drop(pieces[-1].seq)
            self.replies.append(BotReply(turn.conversation_id, turn.epoch, tuple(p.seq for p in pieces),
                                         reply, 0))
            turn.replying += 1
        if self.replies:
            self._work.set()

    def _without_job(self, turn: Turn, decision: Decision) -> Reply | None:
        """What is said where no job is wanted; None if one is."""
        if self._worker is not None and (decision.needed or self._worker.consults(turn.bot_id)
                                         or leans(Turn.text_of(decision.pieces).norm)):
            return None
        if decision.weak is not None and not decision.weak.action.startswith(FLOW_ACTION):
            return decision.weak
        return self._answerer.fallback(turn.bot_id, Turn.text_of(decision.pieces), MISSED)

    # ---- jobs --------------------------------------------------------------------------------

    def _begin_job(self, turn: Turn, decision: Decision) -> None:
        assert self.jobs is not None
        pieces = decision.pieces
        asked = Asked(turn.conversation_id, turn.epoch, turn.bot_id, turn.inbox_id, turn.contact_id,
                      turn.sender, Turn.text_of(pieces), tuple(p.seq for p in pieces),
                      min(p.arrived_s for p in pieces), decision.weak, turn.flow)
        job = Job(self.jobs, turn, pieces, asked)
        turn.job = job
        self.jobs.start(job)

    def _handed(self, job: Job, reply: Reply, interim: bool) -> None:
        """A job has something to say: into the next unit, under the epoch it started with."""
        turn = job.turn
        self.replies.append(BotReply(turn.conversation_id, turn.epoch, job.seqs, reply, 0, interim=interim,
                                     answer_id="" if interim else job.answer_id))
        if not interim:
            turn.replying += 1
            if reply.flow is not None:
                turn.flow = reply.flow
            if turn.job is job:
                turn.job = None
            if turn.pieces and not turn.in_search:  # what came while the job spoke
                self._search(turn)
        self._work.set()

    def _give_up_job(self, turn: Turn, why: str) -> None:
        if turn.job is not None and self.jobs is not None:
            self.jobs.cancel(turn.job, why)
            turn.job = None

    def _job_fallback(self, asked: Asked, tried: tuple[TraceStep, ...]) -> Reply:
        return self._answerer.fallback(asked.bot_id, asked.question, tried)

    async def stop(self) -> None:
        """Ends jobs and searches; what they owe is answered after the next start."""
        if self.jobs is not None:
            await self.jobs.stop()
        for task in self._apart:
            task.cancel()
        await asyncio.gather(*self._apart, return_exceptions=True)
        self._slow_executor.shutdown(wait=False, cancel_futures=True)

    # ---- the wait for the rest of a thought --------------------------------------------------

    def _arm(self) -> None:
        if not self._waits:
            return
        due_s = self._waits[0][0]
        if self._wake is not None:
            if self._wake_at_s <= due_s:
                return
            self._wake.cancel()
        # uvloop gives a handle without ``when`` for what is due already, so the time is kept here
        self._wake, self._wake_at_s = self._loop.call_at(due_s, self._over), due_s

    def _over(self) -> None:
        self._wake = None
        now = self._loop.time() + SLACK_S
        while self._waits and self._waits[0][0] <= now:
            _, _, turn, generation = heappop(self._waits)
            if (turn.generation == generation and turn.pieces and not turn.in_search
                    and self.turns.get(turn.conversation_id) is turn):
                self._decide(turn)
        self._arm()

    # ---- messages that came too early --------------------------------------------------------

    def hold(self, item: Item, now_s: float) -> ZhikeError | None:
        """Keeps a message until its predecessor is stored; returns why not, if it cannot."""
        key = item.previous_key
        assert key is not None
        if self.held_count >= MAX_WAITING:
            return ZhikeError("overloaded", retry_after_s=1.0)
        if now_s - item.arrived_s >= self.out_of_order_wait_s:
            return ZhikeError("out_of_order")
        self.held.setdefault(key, []).append(item)
        self.held_count += 1
        self._held_until.append((item.arrived_s + self.out_of_order_wait_s, key))
        self._loop.call_at(item.arrived_s + self.out_of_order_wait_s, self._give_up)
        return None

    def release(self, entry: Incoming) -> None:
        """A message was stored: those that waited for it go on, before anything newer."""
        if self.held and (items := self.held.pop(entry.dedup_key, None)):
            self.held_count -= len(items)
            self._put_back(items)

    def refuse_held(self, error: ZhikeError) -> None:
        """Nothing waits any longer: the process ends."""
        waiting, self.held, self.held_count = self.held, {}, 0
        for items in waiting.values():
            for item in items:
                assert item.frame is not None
                item.source.on_refused(item.frame.client_msg_id, error)

    def _give_up(self) -> None:
        now = self._loop.time() + SLACK_S
        while self._held_until and self._held_until[0][0] <= now:
            _, key = self._held_until.popleft()
            for item in self.held.pop(key, ()):
                self.held_count -= 1
                assert item.frame is not None
                item.source.on_refused(item.frame.client_msg_id, ZhikeError("out_of_order"))
