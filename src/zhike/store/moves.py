"""Changes of holder and status, in order with the messages: what the table of transitions says, done.

:mod:`zhike.domain.transitions` holds the rules; here stand their conditions and effects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from zhike.domain.conversation import Conversation
from zhike.domain.hook import Webhook
from zhike.domain.message import RECALL_MS
from zhike.domain.reach import Leaving
from zhike.domain.transitions import Act, Step, step
from zhike.domain.unit import Change, Row, open_key
from zhike.store import conversations as conversation_rows
from zhike.store import files as file_rows
from zhike.store import jobs, outbox, waits
from zhike.store import messages as message_rows
from zhike.store.effects import Effects

WAKE = "conversation.wake"
"""The kind of the timer that ends a snooze; its key is ``wake:<conversation id>``."""


class Moves(Effects):
    """The part of the unit that changes who holds a conversation."""

    def __init__(self, conn: Connection, channels: Mapping[int, Leaving],
                 hooks: Sequence[Webhook] = ()) -> None:
        super().__init__(conn, channels, hooks)
        self.by_key: dict[str, Conversation] = {}
        self.by_id: dict[int, Conversation] = {}

    def change(self, entry: Change) -> None:
        """Does one change, or says why not."""
        if self.news is not None:
            self.news.by_id = max(0, entry.by_id if entry.kind in ("assign", "note") else entry.agent_id)
        self._change(entry)
        if self.news is not None:
            self.news.by_id = 0

    def _change(self, entry: Change) -> None:
        conversation = self.by_id.get(entry.conversation_id)
        entry.conversation = conversation
        if conversation is None:
            entry.outcome = "not_found"
            return
        if entry.kind == "note":
            self._note(entry, conversation)
            entry.outcome = "done"
            return
        if entry.kind == "recall":
            self._recall(entry, conversation)
            return
        if entry.kind == "say":
            self._tell(entry, conversation)
            return
        act = _act(entry)
        own = conversation.holder == "agent" and conversation.agent_id == entry.agent_id
        found = step(act, conversation.status, conversation.holder, own=own, by_agent=entry.agent_id > 0)
        if not isinstance(found, Step):
            entry.outcome = found
            if own and act == "give" and self._holds(entry, conversation):
                self._keep(entry, conversation)
        elif not self._holds(entry, conversation):
            entry.outcome = "unchanged"
        elif act == "reopen" and found.rises and not self._free(entry, conversation):
            entry.outcome = "conflict"
        else:
            entry.outcome = "done"
            self._go(entry, act, found, conversation)

    def _tell(self, entry: Change, conversation: Conversation) -> None:
        if conversation.holder == "none":
            entry.outcome = "resolved"
        elif not self._holds(entry, conversation) or (
                entry.once and not waits.first_out_of_office(self.conn, conversation.id, entry.at)):
            entry.outcome = "unchanged"
        else:
            entry.outcome = "done"
            self.row(Row(conversation, conversation.last_seq + 1, "outgoing", "system", entry.text, entry.at))

    def _holds(self, entry: Change, conversation: Conversation) -> bool:
        """Whether the conditions of a change hold at this moment."""
        if entry.from_id and entry.from_id != conversation.agent_id:
            return False
        if entry.epoch and (conversation.holder_epoch != entry.epoch or conversation.status == "snoozed"):
            return False
        if entry.idle_before is not None and (
                conversation.updated_at >= entry.idle_before or conversation.status == "snoozed"
                or conversation.waiting_since is not None or conversation.owes_answer):
            return False
        if entry.kind == "wake" and entry.until is not None:
            until = conversation_rows.snoozed_until(self.conn, conversation.id)
            return until is not None and until <= entry.until
        return True

    def _free(self, entry: Change, conversation: Conversation) -> bool:
        """Whether the visitor has no other open conversation; if so, this one is theirs again."""
        key = open_key(conversation.inbox_id, conversation.sender)
        other = self.by_key.get(key) or conversation_rows.by_open_keys(self.conn, [key]).get(key)
        if other is not None and other.id in self.by_id:
            other = self.by_id[other.id]  # as it is after what stands before in this unit
        if other is not None and other.holder != "none":
            entry.other_id = other.id
            return False
        if other is not None and other is not conversation:
            # resolved earlier in this very unit: free its open key before this one takes it
            conversation_rows.update_state(self.conn, [(other, "")])
        self.by_key[key] = conversation
        return True

    def _go(self, entry: Change, act: Act, found: Step, conversation: Conversation) -> None:
        at = entry.at
        if found.says:
            by_id = entry.by_id if entry.kind == "assign" else entry.agent_id
            self.say_system(conversation, found.says, at, by_id, name=entry.agent_name)
        if found.covers:
            self.covered(conversation)
        agent_id = entry.agent_id if found.to[1] == "agent" else None
        self.enter(conversation, found.to, at, rises=found.rises, agent_id=agent_id)
        self._tell_of(entry, act, found, conversation)
        if act == "snooze":
            until = entry.until or at
            self.lived(conversation, snoozed_until=until)
            jobs.schedule(self.conn, WAKE, f"wake:{conversation.id}", until, at)
        elif act == "resolve" and entry.wrap_up:
            self.lived(conversation, wrap_up=entry.wrap_up)
        elif act == "reopen" and found.rises:
            self.lived(conversation, resolved_at=None)
        if entry.team_id is not None:
            self.lived(conversation, team_id=entry.team_id or None)
        self._note(entry, conversation)

    def _tell_of(self, entry: Change, act: Act, found: Step, conversation: Conversation) -> None:
        """What webhooks hear of it beyond the change of state."""
        if self.news is None:
            return
        if act == "snooze" and (put := self.news.last("conversation.snoozed", conversation.id)):
            put.until = entry.until or entry.at
        elif act == "resolve" and (over := self.news.last("conversation.resolved", conversation.id)):
            over.wrap_up = entry.wrap_up
        elif act == "pass" and entry.team_id is not None and not found.rises:
            self.news.conversation("conversation.assigned", conversation, entry.at)

    def _keep(self, entry: Change, conversation: Conversation) -> None:
        """Assigned to the one who holds it already: only the team, and what is noted, are new."""
        if entry.team_id is not None:
            self.lived(conversation, team_id=entry.team_id or None)
            self.result.changed.append(conversation)
            entry.outcome = "done"
            if self.news is not None:
                self.news.conversation("conversation.assigned", conversation, entry.at)
        if entry.note:
            self._note(entry, conversation)
            entry.outcome = "done"

    def _recall(self, entry: Change, conversation: Conversation) -> None:
        """Takes a message back: its text is gone from here on, for everybody."""
        found = message_rows.own_message(self.conn, conversation.id, entry.seq, entry.agent_id)
        if found is None:
            entry.outcome = "not_found"
        elif found.recalled:
            entry.outcome = "unchanged"
        elif entry.at - found.at > RECALL_MS or not outbox.withdraw(self.conn, conversation.id, entry.seq):
            entry.outcome = "too_late"
        else:
            entry.outcome = "done"
            message_rows.recall(self.conn, conversation.id, entry.seq, found.name)
            file_rows.taken_back(self.conn, conversation.id, entry.seq)
            if conversation.last_text == found.text[:conversation_rows.LAST_TEXT_CHARS]:
                conversation.last_text = ""
                self.touched[conversation.id] = conversation
            self.result.recalled.append((conversation, entry.seq))
            if self.news is not None:
                self.news.conversation("message.recalled", conversation, entry.at, seq=entry.seq)

    def _note(self, entry: Change, conversation: Conversation) -> None:
        if entry.note:
            self.row(Row(conversation, conversation.last_seq + 1, "note",
                         "agent" if entry.by_id else "system", entry.note, entry.at,
                         sender_id=entry.by_id, agent_name=entry.by_name))


def _act(entry: Change) -> Act:
    if entry.kind == "assign":
        return "give" if entry.agent_id else "pass"
    assert entry.kind != "note", "it changes nobody's turn"
    assert entry.kind != "recall", "nor does this"
    assert entry.kind != "say", "it is no act"
    return entry.kind
