"""The bounds of all tools of a process; they come from its settings, not from the database."""

from __future__ import annotations

from pathlib import Path

import msgspec

from zhike.config import Settings


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

    @classmethod
    def of(cls, settings: Settings) -> ToolLimits:
        """From the process settings. The sample shop's own functions are on with the sample shop."""
        from zhike.sample.lookup import FUNCTIONS

        tools = settings.tools
        sample = FUNCTIONS if settings.sample.shop else ()
        return cls(python=(*tools.python, *sample), concurrency=tools.concurrency, threads=tools.threads,
                   allow_private=tools.allow_private,
                   secrets=Path(tools.secrets) if tools.secrets else Path(settings.server.data) / "secrets")
