"""Guesses at somebody else's order: few, whoever guesses.

Four digits are ten thousand possibilities. Wrong tries are counted per contact (a new page is a new
contact, so this alone stops nobody), per subject (whoever tries) and over all, in bounded memory. A try
counts when it begins and is taken back when it was right, so that a hundred at once are not all first.
"""

from __future__ import annotations

from collections import deque

CONTACT_TRIES = 3
CONTACT_WINDOW_S = 1_800.0
"""A visitor mistypes once or twice; then a person looks."""
SUBJECT_TRIES = 10
SUBJECT_WINDOW_S = 86_400.0
"""Ten guesses a day at an order: after a year the chance to have found its four digits is 30 %, and every
day of it stands in the metrics. Its owner, when signed in or proven before, is not held up."""
OVERALL_TRIES = 300
OVERALL_WINDOW_S = 600.0
"""Wrong tries of everybody together: who has many contacts and tries many orders gains little, and cannot
push the counts of others out of memory within half a day."""
MAX_KEYS = 20_000


class _Window:
    """At most ``most`` in ``window_s`` for each key; the keys that have been quiet longest are forgotten."""

    def __init__(self, most: int, window_s: float, size: int) -> None:
        self.most = most
        self.window_s = window_s
        self.size = size
        self._tries: dict[str, deque[float]] = {}

    def full(self, key: str, now_s: float) -> bool:
        tries = self._tries.get(key)
        while tries and tries[0] <= now_s - self.window_s:
            tries.popleft()
        return tries is not None and len(tries) >= self.most

    def count(self, key: str, now_s: float) -> None:
        tries = self._tries.pop(key, None)
        if tries is None:
            tries = deque(maxlen=self.most)
        tries.append(now_s)
        self._tries[key] = tries
        if len(self._tries) > self.size:
            del self._tries[next(iter(self._tries))]

    def take_back(self, key: str, at_s: float) -> None:
        tries = self._tries.get(key)
        if tries is not None and at_s in tries:
            tries.remove(at_s)
            if not tries:
                del self._tries[key]

    def __len__(self) -> int:
        return len(self._tries)


class ProofThrottle:
    """See the module. Times in seconds of any one clock."""

    def __init__(self, size: int = MAX_KEYS) -> None:
        self._contacts = _Window(CONTACT_TRIES, CONTACT_WINDOW_S, size)
        self._subjects = _Window(SUBJECT_TRIES, SUBJECT_WINDOW_S, size)
        self._overall = _Window(OVERALL_TRIES, OVERALL_WINDOW_S, 1)

    def begin(self, contact: str, subject: str, now_s: float) -> bool:
        """Counts a try; False if there have been too many (nothing is counted then)."""
        counts = ((self._contacts, contact), (self._subjects, subject), (self._overall, ""))
        if any(window.full(key, now_s) for window, key in counts):
            return False
        for window, key in counts:
            window.count(key, now_s)
        return True

    def take_back(self, contact: str, subject: str, at_s: float) -> None:
        """The try that began at ``at_s`` was right, or never came to an answer."""
        self._contacts.take_back(contact, at_s)
        self._subjects.take_back(subject, at_s)
        self._overall.take_back("", at_s)

    def spent(self, contact: str, now_s: float) -> bool:
        """True if this contact's next try would be refused."""
        return self._contacts.full(contact, now_s)

    def __len__(self) -> int:
        return len(self._contacts) + len(self._subjects)
