"""A guard for what a person reads before it is sent: words in doubt are named instead of held back."""

from __future__ import annotations

from collections.abc import Sequence

from zhike.answer.guard import Guard, Withheld

MAX_DOUBTS = 10


class Marking(Guard):
    """Lets a sentence with an unfounded claim pass and remembers the claim in ``doubts``. Forbidden words
    stay out. The arguments are those of :class:`zhike.answer.guard.Guard`."""

    def __init__(self, sources: Sequence[str], forbidden: Sequence[str] = (), lang: str = "",
                 asked: Sequence[str] = ()) -> None:
        super().__init__(sources, forbidden, lang, asked)
        self.doubts: list[str] = []

    def problem(self, sentence: str) -> Withheld | None:
        """See the guard."""
        found = super().problem(sentence)
        if found is None or found.reason != "claim":
            return found
        if found.what not in self.doubts and len(self.doubts) < MAX_DOUBTS:
            self.doubts.append(found.what)
        return None
