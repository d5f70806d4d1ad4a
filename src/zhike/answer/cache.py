"""Answers already given, by fingerprint: a repeated question costs one look-up."""

from __future__ import annotations

from collections import OrderedDict

from zhike.domain.message import Reply

MAX_ENTRIES = 8_192
"""With their JSON about 1.5 KB each: 12 MB at most, for all bots together."""

Key = tuple[int, int, str, bytes]
"""(bot id, generation of its knowledge, language and audience, fingerprint)."""


class AnswerCache:
    """Least recently used goes first. For one thread (the event loop).

    The generation in the key changes whenever a bot is loaded, so an edit empties the bot's part
    at once: what was cached before can no longer be asked for, and ages out.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        self._max = max_entries
        self._held: OrderedDict[Key, Reply] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Key) -> Reply | None:
        """The cached reply, now the most recently used."""
        reply = self._held.get(key)
        if reply is not None:
            self._held.move_to_end(key)
        return reply

    def put(self, key: Key, reply: Reply) -> None:
        """Keep ``reply``; only for cacheable replies (the caller checks)."""
        self._held[key] = reply
        self._held.move_to_end(key)
        if len(self._held) > self._max:
            self._held.popitem(last=False)
