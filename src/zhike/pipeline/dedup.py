"""Stage 3, dedup.

Way: decode → **dedup** → understand.
Outcomes: an entry of the unit of work, with hints for the look-up | answered from memory as a
duplicate | refused, because this sender is blocked.
Promise: unique per (inbox, authenticated sender, client_msg_id). The unique key of the store
decides, in the transaction; what stands here only saves look-ups.
State: a Bloom filter of the ids this process has seen, and the last stored ids with their seq.
Pitfall: a Bloom filter that says "never seen" knows nothing of what came before a restart or
through another instance: it may spare a look-up, never decide.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b

import msgspec
from rbloom import Bloom

from zhike.bus.base import Event, Stored
from zhike.domain.unit import Incoming
from zhike.domain.wire import SendMessage
from zhike.errors import ZhikeError
from zhike.pipeline.batch import Batch, Item
from zhike.pipeline.ports import Source

BLOOM_ITEMS = 1_000_000
BLOOM_FALSE = 0.001
"""1.8 MB per filter; a false "maybe" costs one look-up."""
RECENT = 10_000
"""Stored ids kept with their seq (twice this many at most): retries come within seconds."""


class Known(msgspec.Struct, frozen=True, gc=False):
    """Where a message was stored. ``at``: ms since 1970 UTC."""

    client_msg_id: str
    conversation_id: int
    seq: int
    at: int
    text: str


def key_of(source: Source, client_msg_id: str) -> bytes:
    """The 128-bit dedup key. Agents' ids are their own over all inboxes."""
    inbox = 0 if source.agent_id else source.inbox_id
    return blake2b(f"{inbox}\0{source.sender}\0{client_msg_id}".encode(), digest_size=16).digest()


class Dedup:
    """The hints, and the stage over them. ``blocked``: (inbox_id, sender) of those whose messages are
    refused; read at every batch, kept by the desk."""

    def __init__(self, blocked: Collection[tuple[int, str]] = ()) -> None:
        self._blocked = blocked
        self._bloom = Bloom(BLOOM_ITEMS, BLOOM_FALSE)
        self._older: Bloom | None = None
        self._bloom_count = 0
        self._recent: dict[bytes, Known] = {}
        self._before: dict[bytes, Known] = {}

    def __call__(self, batch: Batch) -> None:
        """Runs the stage."""
        blocked = self._blocked
        kept: list[Item] = []
        for item in batch.part:
            frame = item.frame
            assert frame is not None
            source = item.source
            if blocked and not source.agent_id and (source.inbox_id, source.sender) in blocked:
                batch.count("dedup", "blocked")
                source.on_refused(frame.client_msg_id, ZhikeError("blocked"))
                continue
            key = key_of(source, frame.client_msg_id)
            recent = self._known(key)
            if recent is not None and recent.text == frame.text and not frame.files:
                batch.count("dedup", "duplicate_recent")
                source.on_stored(duplicate_event(source, recent))
                continue
            item.previous_key = self._previous(source, frame)
            item.entry = Incoming(
                source.inbox_id, source.sender, frame.client_msg_id, key, frame.text, batch.now_ms,
                lang=source.lang, action=frame.action, previous_key=item.previous_key,
                agent_id=source.agent_id, agent_name=source.agent_name, note=frame.note,
                conversation_id=frame.conversation or source.conversation_id, contact=source.contact,
                look_up=self._maybe_seen(key), mentions=frame.mentions, files=frame.files,
                cards=frame.cards, mailed=getattr(source, "mailed", None))
            kept.append(item)
        batch.part = kept

    def _previous(self, source: Source, frame: SendMessage) -> bytes | None:
        """The key of the client's message n-1, unless it is known to be stored."""
        if frame.n is None or frame.n == 1:
            return None
        previous = f"{frame.client_msg_id[:-len(str(frame.n))]}{frame.n - 1}"
        if source.last_client_msg_id == previous:
            return None
        key = key_of(source, previous)
        return None if self._known(key) is not None else key

    def _maybe_seen(self, key: bytes) -> bool:
        seen = key in self._bloom or (self._older is not None and key in self._older)
        if not seen:
            self._bloom.add(key)
            self._bloom_count += 1
            if self._bloom_count >= BLOOM_ITEMS:
                self._older, self._bloom, self._bloom_count = (
                    self._bloom, Bloom(BLOOM_ITEMS, BLOOM_FALSE), 0)
        return seen

    def _known(self, key: bytes) -> Known | None:
        return self._recent.get(key) or self._before.get(key)

    def stored(self, entry: Incoming) -> None:
        """Remembers what the store decided; the older half is forgotten in one step."""
        if len(self._recent) >= RECENT:
            self._before, self._recent = self._recent, {}
        self._recent[entry.dedup_key] = Known(entry.client_msg_id, entry.conversation_id, entry.seq,
                                              entry.stored_at, entry.text)


def duplicate_event(source: Source, known: Known) -> Event:
    """Tells a source where its message has been since the first time."""
    ack = Stored(known.client_msg_id, known.conversation_id, known.seq, known.at, duplicate=True)
    return Event(known.conversation_id, source.inbox_id, source.sender, seq=known.seq, source=source, ack=ack)
