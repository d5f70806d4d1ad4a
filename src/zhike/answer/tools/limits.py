"""The bounds of all tools of a process; they come from its settings, not from the database."""

from __future__ import annotations

from pathlib import Path

import msgspec


class ToolLimits(msgspec.Struct, frozen=True):
    """``python``: import strings that may be called, so that an edit in the console alone never runs code.
    ``concurrency``: calls at a time; ``threads``: of them in functions that are not ``async``.
    ``waiting``: calls that may wait for their turn. ``allow_private``: see :mod:`zhike.access.targets`.
    ``secrets``: the folder of ``file:`` secrets, None = there are none."""

    python: tuple[str, ...] = ()
    concurrency: int = 32
    threads: int = 8
    waiting: int = 200
    allow_private: bool = False
    secrets: Path | None = None
