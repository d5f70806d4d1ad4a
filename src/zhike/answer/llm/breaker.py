"""A circuit breaker: a server that fails again and again is left alone for a while.

closed ──FAILURES in a row──► open ──rest──► half open (one probe) ──success──► closed
                               ▲                        └──failure── rests twice as long
                               └────────────────────────┘

While it rests, questions go to the next model at once instead of waiting for a dead one.
"""

from __future__ import annotations

from typing import Literal

FAILURES = 3
"""In a row. Two happen by chance when a server restarts; five would cost five visitors their time."""
FIRST_REST_S = 5.0
LONGEST_REST_S = 60.0
"""A server that comes back is noticed within a minute."""

Pass = Literal["no", "yes", "probe"]
"""Whether a request may go; a probe is the only one while the breaker is half open."""


class Breaker:
    """Times are loop seconds. Ask for a pass before a request; hand it back with what became of it."""

    def __init__(self, failures: int = FAILURES, rest_s: float = FIRST_REST_S) -> None:
        self._limit = failures
        self._first_rest_s = rest_s
        self._rest_s = rest_s
        self._failures = 0
        self._open_until_s: float | None = None
        self._probing = False
        self.opened = 0
        """How often it opened."""

    def ask(self, now_s: float) -> Pass:
        """May a request go?"""
        if self._open_until_s is None:
            return "yes"
        if now_s < self._open_until_s or self._probing:
            return "no"
        self._probing = True
        return "probe"

    def state(self, now_s: float) -> str:
        """closed | open | half_open."""
        if self._open_until_s is None:
            return "closed"
        return "open" if now_s < self._open_until_s else "half_open"

    def good(self) -> None:
        """The server answered; it does not matter whose request it was."""
        self._failures = 0
        self._open_until_s = None
        self._probing = False
        self._rest_s = self._first_rest_s

    def bad(self, given: Pass, now_s: float) -> None:
        """The server failed."""
        if given == "probe":
            self._probing = False
            self._rest_s = min(self._rest_s * 2, LONGEST_REST_S)
        else:
            self._failures += 1
            if self._failures < self._limit or self._open_until_s is not None:
                return  # not enough yet, or a request from before it opened
        self._open_until_s = now_s + self._rest_s
        self.opened += 1

    def let_go(self, given: Pass) -> None:
        """The request ended for reasons of ours (cancelled, queue full): it says nothing of the server."""
        if given == "probe":
            self._probing = False
