"""The unit of work: one transaction that stores what a batch brought.

This is where the promises are kept (DESIGN §2): the unique key decides what is new; messages are
numbered here and nowhere else; every outgoing message is checked against holder and epoch here.
The steps: read and lock the conversations, make those that are missing, look up known keys, go
through the entries in order, write. Entries of other conversations never influence each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from zhike.domain.conversation import Conversation
from zhike.domain.hook import Webhook
from zhike.domain.message import Direction
from zhike.domain.reach import Leaving
from zhike.domain.transitions import HELD, WAITING
from zhike.domain.unit import BotReply, Entry, Incoming, Row, open_key
from zhike.store import contacts as contact_rows
from zhike.store import conversations as conversation_rows
from zhike.store import files as file_rows
from zhike.store.dialect import next_ids
from zhike.store.effects import Result
from zhike.store.mentions import mentioned
from zhike.store.messages import by_dedup_keys, open_questions
from zhike.store.moves import Moves

__all__ = ["Result", "commit_unit"]


def commit_unit(conn: Connection, entries: Sequence[Entry], channels: Mapping[int, Leaving],
                hooks: Sequence[Webhook] = ()) -> Result:
    """Stores one unit; fills in the outcome of every entry.

    Args:
        conn: a connection in a transaction (SQLite: holding the write lock).
        entries: in order of effect.
        channels: inbox id → how messages leave, for inboxes whose outgoing messages need an
            outbox row.
        hooks: the webhooks that are told of what happens, each by an outbox row of its own.

    Raises:
        sqlalchemy.exc.IntegrityError: a key that was not looked up exists, or another instance
            made the same contact at this moment. Nothing is stored; run again with look-ups.
    """
    return _Unit(conn, entries, channels, hooks).commit()


class _Unit(Moves):
    def __init__(self, conn: Connection, entries: Sequence[Entry], channels: Mapping[int, Leaving],
                 hooks: Sequence[Webhook]) -> None:
        super().__init__(conn, channels, hooks)
        self.entries = entries
        self.known: dict[bytes, tuple[int, int, str, int]] = {}

    def commit(self) -> Result:
        self._read()
        for entry in self.entries:
            if isinstance(entry, Incoming):
                if entry.agent_id:
                    self._from_agent(entry)
                else:
                    self._from_visitor(entry)
            elif isinstance(entry, BotReply):
                self._bot_reply(entry)
            else:
                self.change(entry)
        self.write()
        return self.result

    # ---- reading -----------------------------------------------------------------------------

    def _read(self) -> None:
        keys: dict[str, None] = {}  # (a dict keeps the order)
        ids: set[int] = set()
        digests: list[bytes] = []
        with_files: list[Incoming] = []
        for entry in self.entries:
            if isinstance(entry, Incoming):
                if entry.files:
                    with_files.append(entry)
                if entry.agent_id:
                    ids.add(entry.conversation_id)
                else:
                    entry.open_key = key = open_key(entry.inbox_id, entry.sender)
                    keys[key] = None
                if entry.look_up:
                    digests.append(entry.dedup_key)
                if entry.previous_key is not None:
                    digests.append(entry.previous_key)
            else:
                ids.add(entry.conversation_id)
        if digests:
            self.known = by_dedup_keys(self.conn, list(dict.fromkeys(digests)))
        if keys:
            self.by_key = conversation_rows.by_open_keys(self.conn, list(keys))
            self.by_id = {c.id: c for c in self.by_key.values()}
        missing = [i for i in ids if i not in self.by_id]
        if missing:
            for conversation in conversation_rows.by_ids(self.conn, sorted(missing), lock=True).values():
                self.by_id[conversation.id] = conversation
        if with_files:
            self._check_files(with_files)
        late = sorted({entry.conversation_id for entry in self.entries if isinstance(entry, BotReply)})
        if late:
            self.open = open_questions(self.conn, late)

    def _check_files(self, entries: Sequence[Incoming]) -> None:
        """Files are sent by whoever uploaded them, and once. A message that names others is refused; a retry
        of one that was stored is told apart when its turn comes."""
        found = file_rows.to_send(self.conn, [number for entry in entries for number in entry.files])
        claimed: dict[int, bytes] = {}
        for entry in entries:
            if entry.dedup_key in self.known:
                continue
            inbox_id, sender = entry.inbox_id, entry.sender
            if entry.agent_id:
                held = self.by_id.get(entry.conversation_id)
                inbox_id, sender = held.inbox_id if held is not None else 0, f"a:{entry.agent_id}"
            mine = [found[number] for number in entry.files if number in found]
            if (len(mine) == len(set(entry.files)) == len(entry.files)
                    and all((file.inbox_id, file.sender, file.conversation_id) == (inbox_id, sender, None)
                            and claimed.get(file.attachment.id, entry.dedup_key) == entry.dedup_key
                            for file in mine)):
                claimed.update(dict.fromkeys(entry.files, entry.dedup_key))
                entry.attachments = tuple([file.attachment for file in mine])
            else:
                entry.outcome = "bad_file"

    def _conversation_of(self, entry: Incoming) -> Conversation:
        """The sender's open conversation, made now if there is none."""
        key = entry.open_key
        conversation = self.by_key.get(key)
        if conversation is not None and conversation.holder == "none":
            # resolved earlier in this very unit: free its open key before the next one takes it
            conversation_rows.update_state(self.conn, [(conversation, "")])
            conversation = None
            del self.by_key[key]
        if conversation is None:
            self._make_conversations()
            conversation = self.by_key[key]
        return conversation

    def _make_conversations(self) -> None:
        """Makes what is missing for all new messages of the unit at once."""
        wanted: dict[str, Incoming] = {}
        for entry in self.entries:
            if (isinstance(entry, Incoming) and not entry.agent_id and not entry.outcome
                    and entry.open_key not in self.by_key and self._is_new(entry)):
                wanted.setdefault(entry.open_key, entry)
        new: dict[tuple[int, str], int] = {}
        found = contact_rows.ensure(self.conn, [(e.inbox_id, e.sender, e.contact or {}, e.at)
                                                for e in wanted.values()], new)
        ids = next_ids(self.conn, "conversation", len(wanted))
        made: list[tuple[Conversation, str]] = []
        for conversation_id, (key, entry) in zip(ids, wanted.items(), strict=True):
            conversation = Conversation(
                conversation_id, entry.inbox_id, found[(entry.inbox_id, entry.sender)], entry.sender,
                "pending", "bot", 1, 0, 0, 0, entry.at, entry.at, lang=entry.lang)
            self.by_key[key] = self.by_id[conversation_id] = conversation
            made.append((conversation, key))
            if self.news is not None:
                if (entry.inbox_id, entry.sender) in new:
                    self.news.contact("contact.created", entry.inbox_id, conversation.contact_id, entry.at)
                self.news.conversation("conversation.created", conversation, entry.at)
        conversation_rows.insert_conversations(self.conn, made)

    def _is_new(self, entry: Incoming) -> bool:
        """True if it will be stored: not known yet, and its predecessor (if it has one) is."""
        if entry.dedup_key in self.known:
            return False
        return entry.previous_key is None or entry.previous_key in self.known

    # ---- one entry ---------------------------------------------------------------------------

    def _already(self, entry: Incoming) -> bool:
        """Settles a message that was stored before, or whose predecessor is still missing."""
        stored = self.known.get(entry.dedup_key)
        if stored is not None:
            entry.conversation = self.by_id.get(stored[0])
            entry.conversation_id, entry.seq, text, entry.stored_at = stored
            same = text == entry.text and (not entry.files or set(entry.files) == set(
                file_rows.of_message(self.conn, entry.conversation_id, entry.seq)))
            entry.outcome = "duplicate" if same else "conflict"
            return True
        if entry.outcome == "bad_file":
            return True
        if entry.previous_key is not None and entry.previous_key not in self.known:
            entry.outcome = "waiting"
            return True
        return False

    def _from_visitor(self, entry: Incoming) -> None:
        if self._already(entry):
            return
        conversation = self._conversation_of(entry)
        owed_nothing = conversation.answered_seq >= conversation.last_incoming_seq
        self._store_incoming(entry, conversation)
        if conversation.holder != "bot":
            return
        if entry.action == "handoff":
            self.say_system(conversation, "queued", entry.at)
            self.enter(conversation, WAITING, entry.at)
        elif entry.reply is not None and owed_nothing and (not conversation.flow or entry.reply.interrupts):
            self._say(conversation, entry, (entry.seq,))
            entry.reply_stored = True

    def _store_incoming(self, entry: Incoming, conversation: Conversation) -> None:
        seq = conversation.last_seq + 1
        self.row(Row(conversation, seq, "incoming", "contact", entry.text, entry.at,
                      sender_id=conversation.contact_id, client_msg_id=entry.client_msg_id, entry=entry,
                      attachments=entry.attachments, cards=entry.cards), entry.dedup_key)
        conversation.last_incoming_seq = seq
        if (still_open := self.open.get(conversation.id)) is not None:
            still_open.add(seq)
        if entry.lang:
            conversation.lang = entry.lang
        if conversation.holder != "bot":
            self._to_a_person(entry, conversation)
        self._stored(entry, conversation, seq)

    def _to_a_person(self, entry: Incoming, conversation: Conversation) -> None:
        """A visitor writes where a person answers: they wait from now on, and what was put aside wakes."""
        if conversation.status == "snoozed":
            self.enter(conversation, WAITING if conversation.holder == "queue" else HELD, entry.at,
                       rises=False)
        if conversation.waiting_since is None:
            self.waits(conversation, entry.at)

    def _stored(self, entry: Incoming, conversation: Conversation, seq: int) -> None:
        entry.outcome, entry.seq, entry.stored_at = "stored", seq, entry.at
        entry.conversation, entry.conversation_id = conversation, conversation.id
        if entry.files:
            file_rows.sent(self.conn, entry.files, conversation.id, seq, private=entry.note)
        # later entries of this unit may name it as their predecessor, or be its retry
        self.known[entry.dedup_key] = (conversation.id, seq, entry.text, entry.at)

    def _from_agent(self, entry: Incoming) -> None:
        conversation = self.by_id.get(entry.conversation_id)
        if conversation is None:
            entry.outcome = "not_found"
            return
        if self._already(entry):
            return
        direction: Direction
        if entry.note:
            direction = "note"
        elif conversation.holder == "none":
            entry.outcome = "resolved"
            return
        elif conversation.holder != "agent" or conversation.agent_id != entry.agent_id:
            entry.outcome = "not_holder"
            return
        else:
            direction = "outgoing"
        seq = conversation.last_seq + 1
        self.row(Row(conversation, seq, direction, "agent", entry.text, entry.at,
                      sender_id=entry.agent_id, agent_name=entry.agent_name,
                      client_msg_id=entry.client_msg_id, entry=entry,
                      mentions=mentioned(self.conn, entry.mentions) if entry.mentions and entry.note else (),
                      attachments=entry.attachments, cards=entry.cards),
                 entry.dedup_key)
        if direction == "outgoing":
            self.covered(conversation)
            if conversation.waiting_since is not None:
                self.waits(conversation, None)
                self.first_replies.setdefault(conversation.id, entry.at)
        self._stored(entry, conversation, seq)

    def _bot_reply(self, entry: BotReply) -> None:
        conversation = self.by_id.get(entry.conversation_id)
        answers: tuple[int, ...] = ()
        if (conversation is not None and conversation.holder == "bot"
                and conversation.holder_epoch == entry.epoch):
            # another instance, or a sweep, may have answered some of it meanwhile
            answers = tuple(seq for seq in entry.answers if seq in self.open[conversation.id])
        if conversation is None or not answers:
            entry.outcome = "stale"
            return
        if entry.interim:
            self.row(Row(conversation, conversation.last_seq + 1, "outgoing", "bot", entry.reply.text,
                          entry.at, reply=entry.reply, answer_id=entry.answer_id))
        else:
            self._say(conversation, entry, answers)
        entry.outcome = "stored"

    def _say(self, conversation: Conversation, entry: Incoming | BotReply, answers: tuple[int, ...]) -> None:
        """The bot speaks. Its caller has checked that it may."""
        reply = entry.reply
        assert reply is not None
        self.row(Row(conversation, conversation.last_seq + 1, "outgoing", "bot", reply.text, entry.at,
                      answers=answers, reply=reply,
                      answer_id=entry.answer_id if isinstance(entry, BotReply) else ""))
        if reply.flow is not None and reply.flow != conversation.flow:
            conversation.flow = reply.flow
            self.flow_changed[conversation.id] = conversation
        still_open = self.open.get(conversation.id)
        if still_open is not None:
            still_open.difference_update(answers)
        # it stays below what is open, so that whoever looks for unanswered questions finds them
        conversation.answered_seq = min(still_open) - 1 if still_open else conversation.last_incoming_seq
        if reply.action == "handoff":
            self.enter(conversation, WAITING, entry.at)
