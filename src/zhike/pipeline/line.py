"""The line: seven stages over micro-batches, one commit for each batch.

``STAGES`` lists the way once, in order. While the store commits one unit in its own thread, the
next batch goes through the stages up to route. When the commit is done, the unit of the next batch is
built and handed to the store first, and then everybody is told of the first: the writer thread, which
lets go of the interpreter lock while SQLite works, has its work while the event loop writes frames. So
commits never overlap, everybody hears of them in their order, and no stage awaits anything remote.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor

from sqlalchemy.exc import IntegrityError

from zhike.answer.words import received, shown
from zhike.bus.base import BusNode, Event
from zhike.clock import NowMs
from zhike.domain.conversation import Conversation
from zhike.domain.hook import Webhook
from zhike.domain.message import Message
from zhike.domain.reach import Leaving
from zhike.domain.unit import Change, Entry, Incoming
from zhike.domain.views import payload_of
from zhike.domain.wire import SendMessage
from zhike.errors import ZhikeError
from zhike.pipeline.batch import Batch
from zhike.pipeline.decode import decode
from zhike.pipeline.dedup import Dedup
from zhike.pipeline.ports import Answerer, Source, Worker
from zhike.pipeline.queue import Queue
from zhike.pipeline.receive import Receive
from zhike.pipeline.route import Route
from zhike.pipeline.send import Send
from zhike.pipeline.understand import Understand
from zhike.search.text import understand as read
from zhike.store.engine import Store
from zhike.store.unit import Result, commit_unit

log = logging.getLogger("zhike.pipeline")

STAGES = ("receive", "decode", "dedup", "understand", "route", "queue", "send")


class LineSettings:
    """What the line needs of the settings; see ``config.Pipeline``."""

    def __init__(self, *, gather_window_s: float = 0.014, batch_max: int = 500,
                 receive_max_messages: int = 20_000, receive_max_bytes: int = 32 << 20,
                 fragment_wait_s: float = 1.2, out_of_order_wait_s: float = 2.0,
                 search_batch: int = 64) -> None:
        self.gather_window_s = gather_window_s
        self.batch_max = batch_max
        self.receive_max_messages = receive_max_messages
        self.receive_max_bytes = receive_max_bytes
        self.fragment_wait_s = fragment_wait_s
        self.out_of_order_wait_s = out_of_order_wait_s
        self.search_batch = search_batch


class Line:
    """Drives the stages. Create it on the running event loop.

    Args:
        bots: inbox id → bot id (0 = none); read at every batch, kept by the desk.
        channels: inbox id → how messages leave, for inboxes whose outgoing messages need an outbox row.
        agent_name: an agent's name as visitors see it.
        fragment_wait_s: bot id → how long it waits for the rest of a thought (default: the setting).
        blocked: (inbox_id, sender) of those whose messages are refused; read at every batch.
        hooks: the webhooks that are told of what happens; read at every batch.
        worker: answers in jobs what the stages cannot answer at once; None = there are no jobs.
    """

    def __init__(self, store: Store, bus: BusNode, answerer: Answerer, executor: Executor, now_ms: NowMs,
                 bots: Mapping[int, int], channels: Mapping[int, Leaving],
                 settings: LineSettings | None = None,
                 agent_name: Callable[[int | None], str] = lambda _: "",
                 fragment_wait_s: Callable[[int], float] | None = None,
                 worker: Worker | None = None, blocked: Collection[tuple[int, str]] = (),
                 hooks: Sequence[Webhook] = ()) -> None:
        settings = settings or LineSettings()
        self.settings = settings
        self._store = store
        self._answerer = answerer
        self._now_ms = now_ms
        self._channels = channels
        self._hooks = hooks
        self._loop = asyncio.get_running_loop()
        self.receive = Receive(settings.receive_max_messages, settings.receive_max_bytes, self._loop)
        self.dedup = Dedup(blocked)
        self.understand = Understand()
        self.route = Route(answerer, bots, executor, settings.search_batch)
        self.queue = Queue(answerer, executor, self.receive.work,
                           fragment_wait_s=fragment_wait_s or (lambda _: settings.fragment_wait_s),
                           out_of_order_wait_s=settings.out_of_order_wait_s,
                           search_batch=settings.search_batch, put_back=self.receive.put_back,
                           bus=bus, worker=worker)
        self.send = Send(bus, self.dedup, self.queue, agent_name)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.batches_count = 0
        self.commit_s_total = 0.0
        self._last_size = 0
        self._task: asyncio.Task[None] | None = None
        self._batch_done = asyncio.Event()
        self._committing: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        """Stored, handed on to :attr:`_committing`, and about to be told of."""
        self._preparing: Batch | None = None
        self._filling = False
        self.in_commit_count = 0

    # ---- what others call --------------------------------------------------------------------

    def put(self, source: Source, payload: bytes | SendMessage, arrived_s: float) -> ZhikeError | None:
        """See :meth:`Receive.put`."""
        return self.receive.put(source, payload, arrived_s)

    def change(self, change: Change) -> asyncio.Future[Change]:
        """A change of holder or status; the future ends after the commit."""
        return self.queue.change(change)

    def owe(self, conversation: Conversation, message: Message, bot_id: int) -> None:
        """Begins a turn for a stored question that nobody answered (recovery)."""
        question = read(message.text, conversation.lang, conversation.inbox_id)
        cards = payload_of(message).cards
        known = (shown(question.lang, cards[0].title) if cards
                 else self._answerer.quick(bot_id, question) if question.text else received(question.lang))
        self.queue.owed(conversation, message.seq, question, bot_id, known, self._loop.time())

    def heard(self, events: Sequence[Event]) -> None:
        """What any instance published: a change of holder ends what is being made here under the old one."""
        turns = self.queue.turns
        if turns:
            for event in events:
                if event.epoch and event.conversation_id in turns:
                    self.queue.overtaken(event.conversation_id, event.epoch)

    def start(self) -> None:
        """Begins to work."""
        self._task = self._loop.create_task(self._run(), name="line")

    async def settle(self) -> None:
        """Returns when everything taken is stored or refused, and every answer that is owed is given.

        For the end of a process: what still waits for an earlier message of its client then is
        refused with ``going_away``.
        """
        while self.busy or self.queue.turns:
            self._batch_done.clear()
            await self._batch_done.wait()
        self.queue.refuse_held(ZhikeError("going_away", retry_after_s=1.0))

    async def drain(self, timeout_s: float) -> bool:
        """Takes no more and settles; True if that was done in time.

        What was not is stored all the same, and answered after the next start.
        """
        self.receive.closed = True
        try:
            async with asyncio.timeout(timeout_s):
                await self.settle()
        except TimeoutError:
            return False
        return True

    @property
    def running(self) -> bool:
        """True while the loop works."""
        return self._task is not None and not self._task.done()

    @property
    def busy(self) -> bool:
        """True while something taken is not stored."""
        return bool(self.receive.waiting or self._committing or self._telling or self.queue.has_work
                    or (self._preparing and self._preparing.items))

    async def stop(self) -> None:
        """Ends the line; call :meth:`drain` first."""
        await self.queue.stop()
        tasks = [task for task in (self._task, self._committing, self._telling) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = self._committing = self._telling = None

    # ---- the loop ----------------------------------------------------------------------------

    async def _run(self) -> None:
        work = self.receive.work
        while True:
            await work.wait()
            if self._last_size > 1 and len(self.receive.waiting) < self.settings.batch_max:
                # under load a short wait saves whole commits; a lone message is not kept waiting
                await asyncio.sleep(self.settings.gather_window_s)
            batch = Batch()
            self._preparing = batch
            while self._preparing is batch:
                work.clear()
                self._filling = True
                try:
                    await self._fill(batch)
                except Exception:
                    log.exception("a stage failed beyond its own handling")
                    _refuse_all(batch)
                self._filling = False
                if self._committing is None or self._committing.done():
                    self._preparing = None
                    self._go_on(batch)
                else:
                    await work.wait()  # more messages, or the end of the commit, which may take the batch

    def _go_on(self, batch: Batch) -> None:
        """The batch leaves the stages up to route: its unit is made and committed, if there is one."""
        self._last_size = len(batch.items)
        if batch.items or self.queue.has_work:
            self._committing = self._loop.create_task(self._finish(batch), name="commit")
        else:
            self._committing = None
            self.counts.update(batch.counts)
            self._batch_done.set()

    async def _fill(self, batch: Batch) -> None:
        """Takes what waits through the stages receive … route."""
        room = self.settings.batch_max - len(batch.items)
        if room <= 0 or not self.receive.waiting:
            return
        batch.begin(self.receive.take(room), self._now_ms(), self._loop.time())
        decode(batch)
        self.dedup(batch)
        self.understand(batch)
        batch.items += batch.part
        unknown = self.route.quick(batch.part)
        if unknown:
            await self.route.search(unknown)

    async def _finish(self, batch: Batch) -> None:
        """The stages queue and send, and the commit between them."""
        in_hand = True
        try:
            batch.now_ms, batch.now_s = self._now_ms(), self._loop.time()
            self.queue(batch)
            changes = [self.queue.changes.popleft() for _ in range(len(self.queue.changes))]
            self.in_commit_count = len(batch.entries)
            result = await self._commit(batch.entries)
            self.commit_s_total += self._loop.time() - batch.now_s
            self.batches_count += 1
            if await self._hand_on():
                in_hand = False
            self.send(batch, result)
            for change, future in changes:
                if not future.done():
                    if change.error is not None:
                        future.set_exception(change.error)
                    else:
                        future.set_result(change)
        except Exception:
            log.exception("a batch failed beyond its own handling")
        finally:
            self.counts.update(batch.counts)
            if in_hand:
                self.in_commit_count = 0
                self._committing = None
            else:
                self._telling = None
            self.receive.work.set()
            self._batch_done.set()

    async def _hand_on(self) -> bool:
        """Lets the next batch be committed, if one is ready; True if its unit is on its way to the store."""
        ready = self._preparing
        if ready is None or self._filling or not (ready.items or self.queue.has_work):
            return False
        self._preparing = None
        self._telling = self._committing
        self._go_on(ready)
        await asyncio.sleep(0)  # its first step: to the store
        return True

    async def _commit(self, entries: Sequence[Entry]) -> Result:
        """Commits the unit. One that fails is halved until the bad entry stands alone."""
        try:
            return await self._store.write(commit_unit, entries, self._channels, self._hooks)
        except IntegrityError:
            # a key that was not looked up exists: look all of them up
            for entry in entries:
                _reset(entry)
            try:
                return await self._store.write(commit_unit, entries, self._channels, self._hooks)
            except Exception as error:
                return await self._halve(entries, error)
        except ZhikeError as error:  # the database is away: nothing was stored, nobody is told it was
            for entry in entries:
                _reset(entry)
                entry.error = error
            return Result()
        except Exception as error:
            return await self._halve(entries, error)

    async def _halve(self, entries: Sequence[Entry], error: BaseException) -> Result:
        for entry in entries:
            _reset(entry)
        if len(entries) == 1:
            log.error("one entry cannot be stored", exc_info=error)
            entries[0].error = error if isinstance(error, ZhikeError) else ZhikeError("internal")
            return Result()
        middle = len(entries) // 2
        result = Result()
        for part in (entries[:middle], entries[middle:]):
            done = await self._commit(part)
            result.rows += done.rows
            result.changed += done.changed
            result.life |= done.life
            result.recalled += done.recalled
        return result


def _refuse_all(batch: Batch) -> None:
    """A fault of ours in a stage: whoever sent these messages is told to send them again."""
    for item in batch.part:
        if item.entry is not None and item.entry.reply is not None:
            item.entry.reply = None
        if item not in batch.items:
            item.source.on_refused(item.frame.client_msg_id if item.frame else "",
                                   ZhikeError("internal", retry_after_s=1.0))


def _reset(entry: Entry) -> None:
    """As before the attempt that was rolled back."""
    entry.outcome = ""
    if isinstance(entry, Incoming):
        entry.look_up = True
        entry.conversation = None
        entry.seq = 0
        entry.reply_stored = False
        entry.attachments = ()
