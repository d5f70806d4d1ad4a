"""A dialogue of ten turns or more to a third of its tokens, in process, without a model.

Every turn is cut into pieces (``pieces``), each piece is weighed (``weigh``), and the best are kept in
their order until the budget is used up, so that what remains reads like a telegram, one line per turn:
what the visitor said begins a line, what was said to them is indented. What is said twice is said once.
``Compressed.ledger`` holds the facts among what was kept, by kind (``facts``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property

from zhike.answer.compress.facts import Fact, facts
from zhike.answer.compress.pieces import Piece, warm
from zhike.answer.compress.weigh import weigh
from zhike.answer.tokens import count, measure

__all__ = ["MAX_CHARS", "Compressed", "Fact", "compress", "warm"]

MAX_CHARS = 40_000
"""Characters read, latest turns first: some 15 ms of work. What is older is dropped, and said to be."""
VISITOR = ("visitor", "user", "customer")


class Compressed:
    """``text``: for the model. ``turns``: (index into the dialogue, what of it was kept), oldest first.
    ``dropped``: indices of turns of which something that may matter was left out: whoever keeps the
    dialogue can be asked for them. ``tokens``: of ``text``, never above the budget."""

    def __init__(
        self,
        said: list[tuple[bool, str]],
        pieces: list[Piece],
        lines: list[tuple[int, str]],
        text: str,
        tokens: int,
        dropped: tuple[int, ...],
    ) -> None:
        self.turns = tuple(lines)
        self.text = text
        self.tokens = tokens
        self.dropped = dropped
        self._said = said
        self._pieces = pieces

    @cached_property
    def ledger(self) -> tuple[Fact, ...]:
        """The facts among what was kept, by kind; worked out when first asked for."""
        return facts(self._said, self._pieces)


def compress(turns: Sequence[tuple[str, str]], budget_tokens: int, family: str = "") -> Compressed:
    """Shortens ``turns``, (role, text) oldest first, to at most ``budget_tokens`` of a family of models.

    Args:
        turns: a role in ``VISITOR`` asks; every other one answers.
        family: see :func:`zhike.answer.tokens.count`.
    """
    first, size = len(turns), 0
    while first and size <= MAX_CHARS:
        first -= 1
        size += len(turns[first][1])
    if size > MAX_CHARS:
        first += 1
    said = [(role in VISITOR, text) for role, text in turns]
    pieces = weigh(said, first, lambda text: measure(text, family))
    kept = _choose(pieces, float(budget_tokens))
    while True:
        lines, missing = _lines(said, pieces, kept)
        text = "\n".join(("" if said[index][0] else "  ") + line for index, line in lines)
        tokens = count(text, family)
        if tokens <= budget_tokens or not kept:
            break
        # signs and breaks between pieces cost too, in some families: the least go again
        over = float(tokens - budget_tokens)
        for piece in sorted(kept, key=lambda piece: piece.score):
            kept.discard(piece)
            over -= piece.cost
            if over <= 0:
                break
    dropped = sorted({*range(first), *missing})
    return Compressed(said, [piece for piece in pieces if piece in kept], lines, text, tokens, tuple(dropped))


def _choose(pieces: list[Piece], budget: float) -> set[Piece]:
    kept: set[Piece] = set()
    for piece in sorted(pieces, key=lambda piece: -piece.score):
        if piece.cost <= budget:
            budget -= piece.cost
            kept.add(piece)
    return kept


def _lines(
    said: list[tuple[bool, str]], pieces: list[Piece], kept: set[Piece]
) -> tuple[list[tuple[int, str]], set[int]]:
    """What is left of each turn, and the turns that lost something worth keeping."""
    lines: list[tuple[int, str]] = []
    missing: set[int] = set()
    words: list[str] = []
    turn, last = -1, 0
    for piece in pieces:
        if piece.turn != turn:
            if words:
                lines.append((turn, "".join(words)))
            turn, last, words = piece.turn, 0, []
        if piece in kept:
            if words:
                gap = said[turn][1][last : piece.start]
                words.append(" " if gap else "")
            words.append(piece.text)
            last = piece.end
        elif piece.kind == "thing" and not piece.key.endswith("\0"):
            missing.add(turn)
    if words:
        lines.append((turn, "".join(words)))
    return lines, missing


Summariser = Callable[[str, int], Awaitable[str]]
"""``await summarise(text, max_tokens)``: a model's own words for a text."""


async def summarised(
    compressed: Compressed, summarise: Summariser, budget_tokens: int, family: str = ""
) -> str:
    """A model's summary on top of what was kept, within one budget; what was kept alone if there is no room
    for both or the summary says nothing."""
    room = budget_tokens - compressed.tokens - 1
    if room < MIN_SUMMARY_TOKENS:
        return compressed.text
    summary = (await summarise(compressed.text, room)).strip()
    if not summary or count(summary, family) > room:
        return compressed.text
    return f"{summary}\n{compressed.text}"


MIN_SUMMARY_TOKENS = 24
"""Less than a sentence is not worth a model call."""
