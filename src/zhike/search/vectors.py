"""One bot's vectors as a matrix: the nearest articles by cosine."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

_SPARE_ROWS = 64


class VectorTable:
    """Rows of length-1 float32 vectors with the ids of their articles. Changed and searched from
    several threads.

    Args:
        size: numbers per vector.
    """

    def __init__(self, size: int) -> None:
        import numpy

        self._np = numpy
        self.size = size
        self._rows: Any = numpy.zeros((_SPARE_ROWS, size), numpy.float32)
        self._ids: list[int] = []
        self._place: dict[int, int] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def bytes_used(self) -> int:
        """What the matrix takes."""
        return int(self._rows.nbytes)

    def put(self, vectors: Iterable[tuple[int, bytes]]) -> int:
        """Adds or replaces (article id, float32 LE); vectors of another size are left out and counted."""
        left_out = 0
        with self._lock:
            for article_id, raw in vectors:
                if len(raw) != 4 * self.size:
                    left_out += 1
                    continue
                place = self._place.get(article_id)
                if place is None:
                    place = self._place[article_id] = len(self._ids)
                    self._ids.append(article_id)
                    if place == len(self._rows):
                        spare = max(_SPARE_ROWS, place // 4)
                        grown = self._np.zeros((place + spare, self.size), self._np.float32)
                        grown[:place] = self._rows
                        self._rows = grown  # a search that runs keeps the old one
                self._rows[place] = self._np.frombuffer(raw, "<f4")
        return left_out

    def remove(self, ids: Iterable[int]) -> None:
        """Forgets articles."""
        with self._lock:
            for article_id in ids:
                place = self._place.pop(article_id, None)
                if place is None:
                    continue
                last = len(self._ids) - 1
                if place != last:  # the last row takes its place
                    moved = self._ids[last]
                    self._rows[place] = self._rows[last]
                    self._ids[place] = moved
                    self._place[moved] = place
                self._ids.pop()

    def near(self, vector: Sequence[float], limit: int = 10) -> list[tuple[int, float]]:
        """(article id, cosine) of the nearest, best first. 1 ms for 10,000 × 768; call it in a thread."""
        np = self._np
        with self._lock:
            count = len(self._ids)
            rows, ids = self._rows[:count], self._ids
            if not count or len(vector) != self.size:
                return []
            cosines = rows @ np.asarray(vector, np.float32)
            best = np.argpartition(-cosines, min(limit, count - 1))[:limit]
            found = [(ids[place], float(cosines[place])) for place in best.tolist()]
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def to_bytes(vector: Sequence[float]) -> bytes:
    """float32, little endian."""
    import struct

    return struct.pack(f"<{len(vector)}f", *vector)
