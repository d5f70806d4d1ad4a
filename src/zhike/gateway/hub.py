"""Who follows what on this node: events from the bus go from here to connections and long polls."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Callable, Sequence
from typing import Final

from zhike.bus.base import Event
from zhike.gateway.ports import ListSubscriber, Subscriber
from zhike.gateway.writer import Writer

log = logging.getLogger(__name__)

_Key = tuple[int, str]
_SHARDS: Final = 16_384


class Hub:
    """Subscriptions of one process.

    A visitor with one connection (nearly all of them) costs one dict entry, no list.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._visitors: dict[_Key, Subscriber | list[Subscriber]] = {}
        self._watchers: dict[int, list[Subscriber]] = {}
        self._lists: dict[int, list[ListSubscriber]] = {}
        self.on_visitor: Callable[[_Key, Subscriber, bool], None] | None = None
        """Hears when a visitor's first connection comes to this process, and when the last one goes."""
        self.heard_count = 0
        """Numbered events so far."""
        self._heard = array("q", bytes(8 * _SHARDS))
        """The count at the last event of a visitor; a few visitors share each place."""

    def heard_since(self, key: _Key, count: int) -> bool:
        """True if something of this visitor (or, rarely, of another one) was heard after ``heard_count`` was
        ``count``: who looked up their conversation meanwhile and was not subscribed yet missed it."""
        return self._heard[hash(key) % _SHARDS] > count

    def subscribe_visitor(self, inbox_id: int, sender: str, sub: Subscriber) -> None:
        """``sub`` gets every event of this visitor's conversations."""
        self.subscribe_key((inbox_id, sender), sub)

    def subscribe_key(self, key: _Key, sub: Subscriber) -> None:
        """As :meth:`subscribe_visitor`, for callers that keep the key anyway."""
        present = self._visitors.get(key)
        if present is None:
            self._visitors[key] = sub
            if self.on_visitor is not None:
                self.on_visitor(key, sub, True)
        elif isinstance(present, list):
            present.append(sub)
        else:
            self._visitors[key] = [present, sub]

    def unsubscribe_visitor(self, inbox_id: int, sender: str, sub: Subscriber) -> None:
        """Undoes :meth:`subscribe_visitor`; harmless if it is not subscribed."""
        key = (inbox_id, sender)
        present = self._visitors.get(key)
        if present is sub:
            del self._visitors[key]
            if self.on_visitor is not None:
                self.on_visitor(key, sub, False)
        elif isinstance(present, list) and sub in present:
            # a new list: the old one may be in the middle of a delivery
            rest = [other for other in present if other is not sub]
            self._visitors[key] = rest if len(rest) > 1 else rest[0]

    def has_visitor(self, key: _Key) -> bool:
        """Whether a connection or long poll of this visitor is open here."""
        return key in self._visitors

    def watch(self, conversation_id: int, sub: Subscriber) -> None:
        """``sub`` (an agent) gets every event of this conversation."""
        self._watchers.setdefault(conversation_id, []).append(sub)

    def unwatch(self, conversation_id: int, sub: Subscriber) -> None:
        """Undoes :meth:`watch`."""
        rest = [other for other in self._watchers.get(conversation_id, ()) if other is not sub]
        if rest:
            self._watchers[conversation_id] = rest
        else:
            self._watchers.pop(conversation_id, None)

    def list_on(self, inbox_id: int, sub: ListSubscriber) -> None:
        """``sub`` (an agent) gets the list changes of this inbox."""
        self._lists.setdefault(inbox_id, []).append(sub)

    def list_off(self, inbox_id: int, sub: ListSubscriber) -> None:
        """Undoes :meth:`list_on`."""
        rest = [other for other in self._lists.get(inbox_id, ()) if other is not sub]
        if rest:
            self._lists[inbox_id] = rest
        else:
            self._lists.pop(inbox_id, None)

    def sizes(self) -> dict[str, int]:
        """How many visitors, watched conversations and listed inboxes there are."""
        return {"visitors": len(self._visitors), "watched": len(self._watchers), "listed": len(self._lists)}

    def handle(self, events: Sequence[Event]) -> None:
        """The bus's handler: each event in order; what one batch causes leaves in one write per
        connection. The source of a message is told first, and instead of the event."""
        writer = self._writer
        writer.held = True
        try:
            for event in events:
                try:
                    self._one(event)
                except Exception:
                    log.exception("a subscriber failed; the others go on")
        finally:
            writer.release()

    def _one(self, event: Event) -> None:
        source = event.source
        if source is not None:
            source.on_stored(event)
        if event.seq or event.frame:  # frames are encoded when asked for: ask last
            key = (event.inbox_id, event.sender)
            if event.seq:
                self.heard_count += 1
                self._heard[hash(key) % _SHARDS] = self.heard_count
            subs = self._visitors.get(key)
            if isinstance(subs, list):
                for sub in subs:
                    if sub is not source:
                        sub.deliver(event)
            elif subs is not None and subs is not source:
                subs.deliver(event)
        if self._watchers and (event.seq or event.agent_frame):
            for sub in self._watchers.get(event.conversation_id, ()):
                if sub is not source:
                    sub.deliver(event)
        if self._lists and (listers := self._lists.get(event.inbox_id)) and event.list_frame:
            for lister in listers:
                lister.deliver_list(event)
