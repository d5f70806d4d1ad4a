"""How a process that serves uses its interpreter: who gets its lock, and when the collector runs.

``serve`` and the benches that stand for it settle the same way.
"""

from __future__ import annotations

import gc
import sys

SWITCH_INTERVAL_S = 0.0005
"""How long a thread waits before it asks another for the interpreter lock. Python's 5 ms would let
the writer thread wait that long after each statement while the event loop is busy."""


def begin() -> None:
    """At the start of the process: threads take turns quickly, and nothing is collected while loading
    (a tenth of the start) until :func:`settle_memory`."""
    gc.disable()
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def settle_memory() -> None:
    """What was imported and loaded stays: the collector need not walk it again and again.

    The thresholds are those of a process that makes thousands of small objects per batch; with
    Python's own (700), collections would take a tenth of the time.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()
