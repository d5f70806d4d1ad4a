"""Events for webhooks: one outbox row for each subscription that wants one, written with its cause.

Without a subscription nothing of this is done. The number of an event is handed out in the storing
transaction and is the same for all who hear of it. A row's ``conversation_id`` is what keeps its order; an
event of a contact stands there with the contact's id below zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select

from zhike.domain.conversation import Conversation
from zhike.domain.hook import Happening, HookEvent, State, Webhook, wants
from zhike.domain.unit import Row
from zhike.store import outbox, webhooks
from zhike.store.dialect import insert_many, next_ids, select_in
from zhike.store.tables import conversations

COLUMNS = ("id", "inbox_id", "conversation_id", "seq", "channel", "payload", "state", "due_at",
           "lease_until", "attempts", "last_error", "created_at")
_MESSAGE: dict[str, HookEvent] = {"note": "note.created"}


class _Noted(msgspec.Struct):
    inbox_id: int
    conversation_id: int
    at: int
    what: Happening


def state_of(conversation: Conversation) -> State:
    """How it is at this moment of the unit."""
    return State(conversation.status, conversation.holder, conversation.agent_id or 0)


class News:
    """What happens in one transaction, for those who are told of it.

    Args:
        hooks: the subscriptions, as they are in memory.
    """

    def __init__(self, hooks: Sequence[Webhook]) -> None:
        self._hooks = hooks
        self._wanted = frozenset(event for hook in hooks for event in hook.body.events)
        self._noted: list[_Noted] = []
        self.by_id = 0
        """The agent who acts now."""

    def conversation(self, event: HookEvent, conversation: Conversation, at: int, *, was: State | None = None,
                     seq: int = 0) -> Happening | None:
        """Something happened to a conversation; None: nobody asked."""
        if event not in self._wanted:
            return None
        what = Happening(event, conversation.contact_id, seq, state_of(conversation), was, self.by_id)
        self._noted.append(_Noted(conversation.inbox_id, conversation.id, at, what))
        return what

    def message(self, row: Row) -> None:
        """A message was stored."""
        event = _MESSAGE.get(row.direction, "message.created")
        what = self.conversation(event, row.conversation, row.at, seq=row.seq)
        if what is not None:
            what.by_id = row.sender_id if row.sender_type == "agent" else what.by_id

    def moved(self, conversation: Conversation, was: State, at: int) -> None:
        """A conversation went from one state to another."""
        for event in moves(was, state_of(conversation)):
            self.conversation(event, conversation, at, was=was)

    def last(self, event: HookEvent, conversation_id: int) -> Happening | None:
        """The event noted last, if it is this one."""
        if self._noted and self._noted[-1].conversation_id == conversation_id:
            what = self._noted[-1].what
            return what if what.event == event else None
        return None

    def contact(self, event: HookEvent, inbox_id: int, contact_id: int, at: int, *, merged_id: int = 0,
                by_id: int = 0) -> None:
        """Something happened to a contact."""
        if event in self._wanted:
            self._noted.append(_Noted(inbox_id, -contact_id, at,
                                      Happening(event, contact_id, merged_id=merged_id, by_id=by_id)))

    def write(self, conn: Connection) -> None:
        """Writes the rows. Numbers of events are taken before those of outbox rows, everywhere."""
        if not self._noted:
            return
        teams = self._teams(conn)
        ids = next_ids(conn, "event", len(self._noted))
        rows = []
        for number, one in zip(ids, self._noted, strict=True):
            team_id = teams.get(one.conversation_id, 0) if one.conversation_id > 0 else None
            text = ""
            for hook in self._hooks:
                if wants(hook, one.what.event, one.inbox_id, team_id):
                    text = text or outbox.noted(one.what)
                    rows.append((one.inbox_id, one.conversation_id, number, hook.channel, text, "due", one.at,
                                 0, 0, "", one.at))
        if rows:
            row_ids = next_ids(conn, "outbox", len(rows))
            insert_many(conn, "outbox", COLUMNS,
                        [(row_id, *row) for row_id, row in zip(row_ids, rows, strict=True)])

    def _teams(self, conn: Connection) -> dict[int, int]:
        """The teams of these conversations, where somebody asks for teams."""
        if not any(hook.body.team_ids for hook in self._hooks):
            return {}
        ids = sorted({one.conversation_id for one in self._noted if one.conversation_id > 0})
        found = select_in(conn, "conversations", ("id", "team_id"), "id", ids) if ids else []
        return {number: team_id or 0 for number, team_id in found}


def moves(was: State, now: State) -> list[HookEvent]:
    """What to call the way from one state to another."""
    found: list[HookEvent] = []
    if now.status == "resolved":
        return ["conversation.resolved"]
    if was.status == "resolved":
        found.append("conversation.reopened")
    elif was.status == "snoozed" and now.status != "snoozed":
        found.append("conversation.woken")
    if was.holder == "bot" and now.holder != "bot":
        found.append("conversation.handed_off")
    elif now.holder == "bot" and was.holder != "bot":
        found.append("conversation.returned")
    if now.holder == "agent" and now.agent_id != was.agent_id:
        found.append("conversation.assigned")
    elif was.holder == "agent" and now.holder == "queue":
        found.append("conversation.unassigned")
    if now.status == "snoozed":
        found.append("conversation.snoozed")
    return found


# ---- what happens outside of the unit of work -------------------------------------------------------


def contact(conn: Connection, event: HookEvent, inbox_id: int, contact_id: int, at: int, *,
            merged_id: int = 0, by_id: int = 0) -> None:
    """Something happened to a contact, in this transaction."""
    if hooks := webhooks.active(conn):
        news = News(hooks)
        news.contact(event, inbox_id, contact_id, at, merged_id=merged_id, by_id=by_id)
        news.write(conn)


def conversation(conn: Connection, event: HookEvent, ids: Sequence[int], at: int, *, by_id: int = 0) -> None:
    """Something happened to conversations, in this transaction, that moved none of them."""
    if not (hooks := webhooks.active(conn)):
        return
    news = News(hooks)
    news.by_id = by_id
    c = conversations.c
    for row in conn.execute(select(c.id, c.inbox_id, c.contact_id, c.status, c.holder, c.agent_id)
                            .where(c.id.in_(ids)).order_by(c.id)):
        news.conversation(event, Conversation(
            row.id, row.inbox_id, row.contact_id, "", row.status, row.holder, 0, 0, 0, 0, 0, 0,
            agent_id=row.agent_id), at)
    news.write(conn)
