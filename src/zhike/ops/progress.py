"""A progress bar for long work at a terminal; silent everywhere else."""

from __future__ import annotations

import shutil
import sys
import time
import unicodedata
from types import TracebackType
from typing import TextIO

REDRAW_S = 0.1
"""Ten pictures a second look smooth and cost nothing."""


def width(text: str) -> int:
    """Columns a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Progress:
    """``label ███████░░░░  61 %  12 s``, redrawn in place.

    Args:
        label: what is going on.
        total: how much there is to do, in any unit; 0 = unknown (a count is shown instead).
        stream: where to draw; nothing is drawn if it is no terminal.
    """

    def __init__(self, label: str, total: float = 0, stream: TextIO | None = None) -> None:
        self.label = label
        self.total = total
        self.stream = stream if stream is not None else sys.stderr
        self.shown = self.stream.isatty()
        self.done = 0.0
        self._began = time.monotonic()
        self._drawn = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def to(self, done: float, note: str = "") -> None:
        """So much is done now."""
        self.done = done
        now = time.monotonic()
        if self.shown and now - self._drawn >= REDRAW_S:
            self._drawn = now
            self._draw(now, note)

    def add(self, count: float = 1, note: str = "") -> None:
        """So much more is done."""
        self.to(self.done + count, note)

    def _draw(self, now: float, note: str) -> None:
        took = now - self._began
        if self.total:
            part = min(1.0, self.done / self.total)
            left = f"{took / part - took:.0f} s" if part > 0.02 else ""
            tail = f" {part:4.0%}  {left}"
        else:
            part, tail = 0.0, f" {self.done:,.0f}  {took:.0f} s"
        tail += f"  {note}" if note else ""
        room = shutil.get_terminal_size().columns - width(self.label) - width(tail) - 2
        bar = ""
        if self.total and room >= 10:
            size = min(room, 40)
            full = int(size * part)
            bar = " " + "█" * full + "░" * (size - full)
        self.stream.write(f"\r\x1b[2K{self.label}{bar}{tail}")
        self.stream.flush()

    def close(self) -> None:
        """Takes the bar away, so that what is printed next stands on a clean line."""
        if self.shown and self._drawn:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
