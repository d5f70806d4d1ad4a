"""Stage 5, route.

Way: understand → **route** → queue.
Outcomes: a sure answer goes into the same unit as its question | the message goes alone.
Promise: who holds the conversation is decided in the storing transaction, not here: an answer
that is attached is stored only if the bot holds the conversation there and then.
State: which bot serves which inbox (kept by the desk).
Pitfall: asking a cached holder here and trusting it lets the bot talk over a person.
"""

from __future__ import annotations

from collections.abc import Mapping

from zhike.pipeline.batch import Batch
from zhike.pipeline.ports import Answerer


class Route:
    """Asks the engine for what can be answered at once."""

    def __init__(self, answerer: Answerer, bots: Mapping[int, int]) -> None:
        self._answerer = answerer
        self._bots = bots

    def __call__(self, batch: Batch) -> None:
        """Runs the stage."""
        for item in batch.items:
            question = item.question
            if question is None:
                continue
            entry = item.entry
            assert entry is not None
            bot_id = self._bots.get(entry.inbox_id, 0)
            if not bot_id or entry.action:
                continue
            item.bot_id = bot_id
            item.sure = self._answerer.quick(bot_id, question)
            if item.sure is not None and item.sure.sure:
                entry.reply = item.sure
