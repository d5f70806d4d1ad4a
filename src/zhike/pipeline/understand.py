"""Stage 4, understand.

Way: dedup → **understand** → route.
Outcomes: the text normalised, its language, its fingerprint; agents' messages pass through.
Promise: O(1) per message: one look-up for a text that came before, else one translate pass and
one digest.
State: texts read lately (the tables of characters live in :mod:`zhike.search.text`).
Pitfall: a fingerprint of the raw text would miss "退貨？" for "退货".
"""

from __future__ import annotations

from zhike.pipeline.batch import Batch
from zhike.search.text import Question
from zhike.search.text import understand as read

REMEMBERED = 8_192
REMEMBERED_CHARS = 100
"""Short texts are the ones that repeat; 8,192 of them take some 4 MB."""


class Understand:
    """The stage, with the texts it has read lately."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str, int], Question] = {}

    def __call__(self, batch: Batch) -> None:
        """Runs the stage."""
        known = self._read
        for item in batch.part:
            entry = item.entry
            assert entry is not None
            if entry.agent_id or not entry.text:
                continue
            key = (entry.text, entry.lang, entry.inbox_id)
            question = known.get(key)
            if question is None:
                question = read(entry.text, entry.lang, entry.inbox_id)
                if len(entry.text) <= REMEMBERED_CHARS:
                    if len(known) >= REMEMBERED:
                        known.clear()  # what is asked all the time is back within a second
                    known[key] = question
            item.question = question
            entry.lang = question.lang
