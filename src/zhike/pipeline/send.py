"""Stage 7, send.

Way: queue → commit of the unit → **send** → every connection and channel of the conversation.
Outcomes: acks, message events and state events in the order of ``seq``; refusals with their
reason; a turn for each question that is owed an answer.
Promise: nothing leaves before the commit that holds it. (What leaves through a channel has its
outbox row in the same commit.)
State: none.
Pitfall: an ack that overtakes an older message makes the client believe it has a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zhike.bus.base import BusNode, Event, Stored, StoredEvent
from zhike.domain.conversation import Conversation
from zhike.domain.unit import BotReply, Incoming, Row
from zhike.domain.views import list_frame, state_frame
from zhike.domain.wire import Recalled, encode
from zhike.errors import ZhikeError
from zhike.pipeline.batch import Batch, Item
from zhike.pipeline.dedup import Dedup, Known, duplicate_event
from zhike.pipeline.queue import Queue
from zhike.store.unit import Result

_REFUSALS = {"conflict": "id_conflict", "not_holder": "not_holder", "not_found": "not_found",
             "resolved": "conversation_resolved", "bad_file": "bad_file"}


class Send:
    """Turns what was stored into what people see. ``agent_name``: a holder's name for visitors."""

    def __init__(self, bus: BusNode, dedup: Dedup, queue: Queue,
                 agent_name: Callable[[int | None], str]) -> None:
        self._agent_name = agent_name
        self._bus = bus
        self._dedup = dedup
        self._queue = queue
        self.on_changed: Callable[[Sequence[Conversation]], None] = lambda _: None
        """Hears of conversations whose holder, status or team has changed."""
        self.on_unanswered: Callable[[Conversation], None] = lambda _: None
        """Hears of a visitor's message that no bot will answer."""
        self.on_mentioned: Callable[[Sequence[Row]], None] = lambda _: None
        """Hears of notes that call colleagues."""

    def __call__(self, batch: Batch, result: Result) -> None:
        """Runs the stage, after the commit."""
        sources = {id(item.entry): item for item in batch.items}
        self._publish(result, sources)
        for item in batch.items:
            self._settle(batch, item)
        incoming = sum(1 for row in result.rows if row.entry is not None)
        batch.count("dedup", "stored", incoming)
        batch.count("send", "reply_stored", sum(1 for row in result.rows if row.reply is not None))
        for entry in batch.entries:
            if isinstance(entry, BotReply):
                if entry.outcome != "stored":
                    batch.count("send", f"reply_{entry.outcome or 'refused'}")
                self._queue.settled(entry)
        for conversation in result.changed:
            self._queue.forget(conversation)
        if result.changed:
            self.on_changed(result.changed)
        if calling := [row for row in result.rows if row.mentions]:
            self.on_mentioned(calling)

    def _publish(self, result: Result, sources: dict[int, Item]) -> None:
        events: list[Event] = []
        for row in result.rows:
            source = ack = None
            if row.entry is not None and (item := sources.get(id(row.entry))) is not None:
                source = item.source
                ack = Stored(row.client_msg_id, row.conversation.id, row.seq, row.at)
            events.append(StoredEvent(row, source, ack))
        for conversation in result.changed:
            name = self._agent_name(conversation.agent_id)
            state = state_frame(conversation, name)
            events.append(Event(
                conversation.id, conversation.inbox_id, conversation.sender,
                epoch=conversation.holder_epoch, frame=state,
                agent_frame=(state if conversation.status != "snoozed"
                             else state_frame(conversation, name, for_visitor=False)),
                list_frame=list_frame(conversation, agent_name=name, life=result.life.get(conversation.id))))
        for conversation, seq in result.recalled:
            gone = encode(Recalled(conversation.id, seq))
            events.append(Event(conversation.id, conversation.inbox_id, conversation.sender, frame=gone,
                                agent_frame=gone, list_frame=list_frame(
                                    conversation, agent_name=self._agent_name(conversation.agent_id))))
        if events:
            self._bus.publish(events)

    def _settle(self, batch: Batch, item: Item) -> None:
        entry = item.entry
        assert entry is not None
        outcome = entry.outcome
        if outcome == "stored":
            item.source.last_client_msg_id = entry.client_msg_id
            self._dedup.stored(entry)
            self._queue.release(entry)
            self._owe(batch, item, entry)
        elif outcome == "duplicate":
            batch.count("dedup", "duplicate")
            self._dedup.stored(entry)
            self._queue.release(entry)
            item.source.on_stored(duplicate_event(item.source, Known(
                entry.client_msg_id, entry.conversation_id, entry.seq, entry.stored_at, entry.text)))
        elif outcome == "waiting":
            problem = self._queue.hold(item, batch.now_s)
            batch.count("queue", problem.code if problem else "held")
            if problem is not None:
                item.source.on_refused(entry.client_msg_id, problem)
        else:
            code = _REFUSALS.get(outcome)
            error = ZhikeError(code) if code else _border(entry.error)
            batch.count("send", error.code)
            item.source.on_refused(entry.client_msg_id, error)

    def _owe(self, batch: Batch, item: Item, entry: Incoming) -> None:
        conversation = entry.conversation
        assert conversation is not None
        if entry.reply_stored:
            return
        if item.question is not None and item.bot_id and conversation.holder == "bot":
            self._queue.owed(conversation, entry.seq, item.question, item.bot_id, item.sure, batch.now_s,
                             searched=item.searched, arrived_s=item.arrived_s)
        elif not entry.agent_id:
            self.on_unanswered(conversation)


def _border(error: BaseException | None) -> ZhikeError:
    return error if isinstance(error, ZhikeError) else ZhikeError("internal")
