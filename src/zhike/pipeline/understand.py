"""Stage 4, understand.

Way: dedup → **understand** → route.
Outcomes: the text normalised, its language, its fingerprint; agents' messages pass through.
Promise: O(1) per message: one translate pass, one digest.
State: none (the tables of characters live in :mod:`zhike.search.text`).
Pitfall: a fingerprint of the raw text would miss "退貨？" for "退货".
"""

from __future__ import annotations

from zhike.pipeline.batch import Batch
from zhike.search.text import understand as read


def understand(batch: Batch) -> None:
    """Runs the stage."""
    for item in batch.part:
        entry = item.entry
        assert entry is not None
        if entry.agent_id or not entry.text:
            continue
        item.question = read(entry.text, entry.lang)
        entry.lang = item.question.lang
