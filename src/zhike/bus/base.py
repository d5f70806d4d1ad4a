"""The port between those who store messages and those who hold connections.

One process may hold a visitor's connection while another stores the agent's reply. Whoever
committed publishes; every node hands what comes to its hub. A node never blocks: events of the
own process arrive at once and in order, others when the transport brings them. A lost event does
no harm beyond delay: a hub sees the gap in ``seq`` and reads from the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from zhike.domain.unit import Row
from zhike.domain.views import list_frame, row_frame

STAFF = 0
"""The inbox of events that concern every agent, whatever inboxes they see; with a ``sender``: one of them."""


def agent_key(agent_id: int) -> str:
    """The ``sender`` of events for one agent's pages."""
    return f"agent:{agent_id}"


RIGHTS = "rights"


def rights_event(agent_id: int, session_id: int | None) -> Event:
    """What an agent may see has changed (``session_id`` None), or their sessions ended (0: all of them):
    every node closes what it holds of theirs."""
    return Event(0, STAFF, f"{RIGHTS}:{agent_id}:{'' if session_id is None else session_id}")


def rights_of(event: Event) -> tuple[int, int | None] | None:
    """What :func:`rights_event` was given; None: the event is another."""
    if event.conversation_id or not event.sender.startswith(RIGHTS):
        return None
    agent_id, _, session_id = event.sender.partition(":")[2].partition(":")
    return int(agent_id), int(session_id) if session_id else None


class Stored(msgspec.Struct, frozen=True, gc=False):
    """What a sender is told about its own message. ``at``: ms since 1970 UTC."""

    client_msg_id: str
    conversation_id: int
    seq: int
    at: int
    duplicate: bool = False


class Event:
    """Something happened in a conversation.

    ``seq``: 0 = not numbered (typing, read, state). ``epoch``: the holder epoch it belongs to.
    ``frame``: encoded for the visitor, b"" = not for visitors. ``agent_frame``: for agents who
    watch the conversation. ``list_frame``: for agents' conversation lists of the inbox.
    ``source`` and ``ack`` exist only in the process that stored the message: who sent it, and
    what it is told instead of the event.
    """

    __slots__ = ("_agent_frame", "_frame", "_list_frame", "ack", "conversation_id", "epoch", "inbox_id",
                 "sender", "seq", "source")

    def __init__(self, conversation_id: int, inbox_id: int, sender: str, *, seq: int = 0, epoch: int = 0,
                 frame: bytes | None = b"", agent_frame: bytes | None = b"",
                 list_frame: bytes | None = b"", source: Any = None, ack: Stored | None = None) -> None:
        self.conversation_id = conversation_id
        self.inbox_id = inbox_id
        self.sender = sender
        self.seq = seq
        self.epoch = epoch
        self._frame = frame
        self._agent_frame = agent_frame
        self._list_frame = list_frame
        self.source = source
        self.ack = ack

    @property
    def frame(self) -> bytes:
        """For the visitor."""
        return self._frame or b""

    @property
    def agent_frame(self) -> bytes:
        """For agents who watch."""
        return self._agent_frame or b""

    @property
    def list_frame(self) -> bytes:
        """For agents' lists."""
        return self._list_frame or b""

    def detached(self) -> Event:
        """The event as another process sees it: encoded, without source and ack."""
        return Event(self.conversation_id, self.inbox_id, self.sender, seq=self.seq, epoch=self.epoch,
                     frame=self.frame, agent_frame=self.agent_frame, list_frame=self.list_frame)


class VisitorAsked(Event):
    """Somebody wants to know whether the visitor ``sender`` is here: who holds a connection of theirs
    publishes a :class:`VisitorPresence`."""

    __slots__ = ()

    def detached(self) -> Event:
        """It has nothing that only its own process knows."""
        return self


class VisitorPresence(Event):
    """The visitor ``sender`` is here, or has left; agents who watch the conversation are told."""

    __slots__ = ("here",)

    def __init__(self, conversation_id: int, inbox_id: int, sender: str, *, here: bool,
                 agent_frame: bytes) -> None:
        super().__init__(conversation_id, inbox_id, sender, agent_frame=agent_frame)
        self.here = here

    def detached(self) -> Event:
        """It has nothing that only its own process knows."""
        return self


class StoredEvent(Event):
    """A message was stored. Frames are encoded when the first reader wants them, and once: most
    messages have one reader, and nobody watches most bot conversations."""

    __slots__ = ("row",)

    def __init__(self, row: Row, source: Any, ack: Stored | None) -> None:
        conversation = row.conversation
        self.conversation_id = conversation.id
        self.inbox_id = conversation.inbox_id
        self.sender = conversation.sender
        self.seq = row.seq
        self.epoch = conversation.holder_epoch
        self.row = row
        self.source = source
        self.ack = ack
        self._frame = b"" if row.direction == "note" else None
        self._agent_frame = self._list_frame = None

    @property
    def frame(self) -> bytes:
        """For the visitor."""
        value = self._frame
        if value is None:
            value = self._frame = row_frame(self.row, for_agent=False)
        return value

    @property
    def agent_frame(self) -> bytes:
        """For agents who watch: with the trace."""
        value = self._agent_frame
        if value is None:
            value = self._agent_frame = row_frame(self.row, for_agent=True)
        return value

    @property
    def list_frame(self) -> bytes:
        """For agents' lists."""
        value = self._list_frame
        if value is None:
            value = self._list_frame = list_frame(
                self.row.conversation, mentions=self.row.mentions,
                incoming_seq=self.row.seq if self.row.direction == "incoming" else 0)
        return value


Handler = Callable[[Sequence[Event]], None]


class BusNode(Protocol):
    """One process's end of the bus."""

    def attach(self, handler: Handler) -> None:
        """``handler`` gets every event, own ones first and in order."""

    def publish(self, events: Sequence[Event]) -> None:
        """Hands events to every node; never blocks, never raises for a lost peer."""

    def close(self) -> None:
        """Leaves the bus."""
