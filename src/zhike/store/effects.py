"""What a unit of work changes, gathered while its entries are gone through, and written at its end.

The lowest layer of the unit: :mod:`zhike.store.unit` goes through the entries, changes of holder are
:mod:`zhike.store.moves`, and both say here what has changed. Few statements, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from zhike.domain.attachment import first_words
from zhike.domain.conversation import Conversation
from zhike.domain.hook import Webhook
from zhike.domain.message import Payload, encode
from zhike.domain.reach import AWAY, Away, Leaving
from zhike.domain.transitions import HELD, RESOLVED, WAITING, State
from zhike.domain.unit import Row, open_key
from zhike.domain.words import system_text
from zhike.store import conversations as conversation_rows
from zhike.store.dialect import insert_many, next_ids
from zhike.store.happenings import COLUMNS as _OUTBOX_COLUMNS
from zhike.store.happenings import News, state_of
from zhike.store.messages import pack_answers

_MESSAGE_COLUMNS = ("conversation_id", "seq", "dedup_key", "direction", "sender_type", "sender_id",
                    "client_msg_id", "text", "answers", "payload", "trace", "epoch", "created_at")
_MENTION_COLUMNS = ("conversation_id", "seq", "agent_id", "by_id", "created_at")


class Result:
    """``rows``: stored messages in order of effect. ``changed``: conversations whose holder, status, team
    or snooze changed, in order; ``life``: what of them has changed that stands in columns which a
    :class:`Conversation` does not hold: conversation id → column → value. ``recalled``: messages taken
    back, as (conversation, seq)."""

    __slots__ = ("changed", "life", "recalled", "rows")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.changed: list[Conversation] = []
        self.life: dict[int, dict[str, Any]] = {}
        self.recalled: list[tuple[Conversation, int]] = []


class Effects:
    """See the module. ``channels``: inbox id → how messages leave, for inboxes whose outgoing messages need
    an outbox row. Where visitors who left are reached another way, what people say does; a bot speaks to
    those who are here. ``hooks``: the webhooks; without any, :attr:`news` is None and costs nothing."""

    def __init__(self, conn: Connection, channels: Mapping[int, Leaving],
                 hooks: Sequence[Webhook] = ()) -> None:
        self.conn = conn
        self.channels = channels
        self.news = News(hooks) if hooks else None
        self.result = Result()
        self.touched: dict[int, Conversation] = {}
        self.state_changed: dict[int, Conversation] = {}
        self.flow_changed: dict[int, Conversation] = {}
        self.first_replies: dict[int, int] = {}
        self.message_rows: list[tuple[object, ...]] = []
        self.outbox: list[Row] = []
        self.mentions: list[tuple[object, ...]] = []
        self.open: dict[int, set[int]] = {}
        """For conversations that a late answer comes to: the seqs of their unanswered questions."""

    def covered(self, conversation: Conversation) -> None:
        """Nothing that came in is open any more."""
        conversation.answered_seq = conversation.last_incoming_seq
        if conversation.id in self.open:
            self.open[conversation.id] = set()

    def enter(self, conversation: Conversation, to: State, at: int, *, rises: bool = True,
              agent_id: int | None = None) -> None:
        """The conversation goes on in the state ``to``.

        Args:
            rises: another one may speak than before. Only then are holder and flow touched.
            agent_id: who holds it from now on.
        """
        was_snoozed = conversation.status == "snoozed"
        was = state_of(conversation) if self.news is not None else None
        conversation.status, conversation.holder = to
        if rises:
            before_person = conversation.waiting_since
            conversation.holder_epoch += 1
            conversation.agent_id = agent_id
            if conversation.flow:  # a flow is the bot's; whoever takes over begins afresh
                conversation.flow = ""
                self.flow_changed[conversation.id] = conversation
            # who waits goes on waiting until a person has written, whoever that will be
            waits = to == WAITING or (to == HELD and conversation.agent_id is not None)
            conversation.waiting_since = (before_person or at) if waits else None
            if to == HELD:
                self.lived(conversation, assigned_at=at)
            elif to == RESOLVED:
                self.lived(conversation, resolved_at=at)
        if was_snoozed and conversation.status != "snoozed":
            self.lived(conversation, snoozed_until=None)
        conversation.updated_at = at
        self.touched[conversation.id] = conversation
        self.state_changed[conversation.id] = conversation
        self.result.changed.append(conversation)
        if self.news is not None and was is not None:
            self.news.moved(conversation, was, at)

    def lived(self, conversation: Conversation, **values: Any) -> None:
        """These columns change, too."""
        self.result.life.setdefault(conversation.id, {}).update(values)

    def waits(self, conversation: Conversation, since: int | None) -> None:
        """Since when the visitor waits for a person; None: one has written."""
        conversation.waiting_since = since
        self.state_changed[conversation.id] = conversation

    def say_system(self, conversation: Conversation, what: str, at: int, by_id: int = 0,
                   **values: str) -> None:
        """The desk itself tells the visitor; ``by_id``: the agent who caused it (not shown)."""
        self.row(Row(conversation, conversation.last_seq + 1, "outgoing", "system",
                     system_text(what, conversation.lang, values), at, sender_id=by_id))

    def row(self, row: Row, dedup_key: bytes | None = None) -> None:
        """A message is stored."""
        conversation = row.conversation
        conversation.last_seq = row.seq
        conversation.updated_at = row.at
        if row.direction != "note":
            conversation.last_text = first_words(
                row.text, row.attachments, row.cards)[:conversation_rows.LAST_TEXT_CHARS]
        self.touched[conversation.id] = conversation
        self.result.rows.append(row)
        payload = trace = ""
        if row.reply is not None:
            payload, trace = row.reply.payload_json, row.reply.trace_json
        elif row.agent_name or row.attachments or row.cards or (
                row.entry is not None and row.entry.mailed is not None):
            mailed = row.entry.mailed if row.entry is not None else None
            payload = encode(Payload(name=row.agent_name, attachments=row.attachments, cards=row.cards,
                                     mailed=mailed)).decode()
        self.message_rows.append((
            conversation.id, row.seq, dedup_key, row.direction, row.sender_type, row.sender_id,
            row.client_msg_id, row.text, pack_answers(row.answers) if row.answers else "", payload, trace,
            conversation.holder_epoch, row.at))
        if row.mentions:
            self.mentions += [(conversation.id, row.seq, agent_id, row.sender_id, row.at)
                              for agent_id in row.mentions]
        if row.direction == "outgoing" and self.channels and (
                (leaving := self.channels.get(conversation.inbox_id)) is not None) and (
                row.sender_type == "agent" or isinstance(leaving, str)):
            self.outbox.append(row)
        if self.news is not None:
            self.news.message(row)

    def write(self) -> None:
        """Writes everything."""
        if self.message_rows:
            insert_many(self.conn, "messages", _MESSAGE_COLUMNS, self.message_rows)
        if self.touched:
            conversation_rows.update_hot(self.conn, list(self.touched.values()))
        if self.flow_changed:
            conversation_rows.update_flow(self.conn, list(self.flow_changed.values()))
        if self.state_changed:
            conversation_rows.update_state(
                self.conn, [(c, "" if c.holder == "none" else open_key(c.inbox_id, c.sender))
                            for c in self.state_changed.values()], self.first_replies)
        if self.result.life:
            conversation_rows.update_life(self.conn, self.result.life)
        if self.mentions:
            insert_many(self.conn, "mentions", _MENTION_COLUMNS, self.mentions)
        if self.news is not None:
            self.news.write(self.conn)
        if self.outbox:
            ids = next_ids(self.conn, "outbox", len(self.outbox))
            insert_many(self.conn, "outbox", _OUTBOX_COLUMNS, [
                (outbox_id, row.conversation.inbox_id, row.conversation.id, row.seq,
                 *_leaving(self.channels[row.conversation.inbox_id], row.at), 0, 0, "", row.at)
                for outbox_id, row in zip(ids, self.outbox, strict=True)])


def _leaving(leaving: Leaving, at: int) -> tuple[str, str, str, int]:
    """Channel, payload, state, due_at."""
    if isinstance(leaving, Away):
        return AWAY, "", "due", at + leaving.wait_ms
    return leaving, "", "due", at
