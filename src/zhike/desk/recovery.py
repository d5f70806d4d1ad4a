"""Finds questions that nobody answered, and puts them back on their way.

After ``kill -9`` a stored question may have no answer: the process died between two commits, or
with the answer still in a job. At start, and every few seconds for what another instance left
behind, every bot-held conversation with an open question gets its turn again. Storing decides:
if somebody answered meanwhile, the late answer is stale.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from sqlalchemy import Connection

from zhike.clock import NowMs
from zhike.domain.conversation import Conversation
from zhike.domain.message import Message
from zhike.store import conversations as conversation_rows
from zhike.store import messages as message_rows
from zhike.store.engine import Store

PAGE = 200
SWEEP_S = 10.0
LEFT_BEHIND_MS = 20_000
"""A question older than this is nobody's turn any more: answers come within 15 s."""

log = logging.getLogger("zhike.desk")


class Owe(Protocol):
    """The line's way to begin a turn for a stored question."""

    def __call__(self, conversation: Conversation, message: Message, bot_id: int) -> None: ...


class Recovery:
    """See the module."""

    def __init__(self, store: Store, bots: Mapping[int, int], owe: Owe, now_ms: NowMs) -> None:
        self._store = store
        self._bots = bots
        self._owe = owe
        self._now_ms = now_ms
        self.recovered_count = 0

    async def sweep(self, older_than: int | None = None) -> int:
        """One pass; ``older_than``: only what was last touched before (ms). Returns how many."""
        found = 0
        after_id = 0
        while page := await self._store.read(_owing, after_id, PAGE):
            for conversation, questions in page:
                after_id = conversation.id
                bot_id = self._bots.get(conversation.inbox_id, 0)
                if not bot_id or (older_than is not None and conversation.updated_at >= older_than):
                    continue
                for question in questions:
                    self._owe(conversation, question, bot_id)
                    found += 1
        self.recovered_count += found
        if found:
            log.info("questions without an answer were found again", extra={"count": found})
        return found

    async def run(self) -> None:
        """Sweeps for what other instances left behind, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.sweep(self._now_ms() - LEFT_BEHIND_MS)
            except Exception:
                log.warning("the recovery sweep failed; it runs again", exc_info=True)


def _owing(conn: Connection, after_id: int, limit: int) -> list[tuple[Conversation, list[Message]]]:
    owing = conversation_rows.owing_answers(conn, after_id, limit)
    still_open = message_rows.open_questions(conn, [c.id for c in owing])
    return [(c, [m for m in message_rows.incoming_between(conn, c.id, c.answered_seq, c.last_incoming_seq)
                 if m.seq in still_open[c.id]]) for c in owing]
