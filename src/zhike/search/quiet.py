"""Loading a lot without the garbage collector's pauses.

An index in memory is millions of small objects that stay. Python's collector walks all of them in one
go now and then, holding the interpreter lock: 0.9 s with 500 small bots (``zhike bench search``), during
which nobody is answered. So it is off while an index is made, and what was made is then put aside
(``gc.freeze``): the collector never walks it, and dropping it later frees it all the same, for an index
has no reference cycles.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

WORK_S = 0.002
PAUSE_S = 0.0001
YOUNG = 2_000
"""Objects that take a collection 3 ms at most."""

_lock = threading.Lock()
_inside = 0
_was_on = False


@contextmanager
def quiet_collector() -> Iterator[None]:
    """See the module. May be entered by several threads at once; does nothing where collecting is off."""
    global _inside, _was_on
    with _lock:
        if _inside == 0:
            _was_on = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _was_on:
                gc.freeze()
                gc.enable()


def read_ahead(package: str) -> None:
    """Reads a package's shared objects into the system's memory before they are loaded, in a thread. Loading
    holds the interpreter lock, and on a cold disk waits for each page: 0.4 s for tantivy, 4 ms after this."""
    found = find_spec(package)
    buffer = bytearray(1 << 20)
    for folder in (found and found.submodule_search_locations) or ():
        for place in (Path(folder), Path(f"{folder}.libs")):
            for file in place.rglob("*.so*"):
                with suppress(OSError), file.open("rb", buffering=0) as opened:
                    while opened.readinto(buffer):
                        pass


def tidy() -> None:
    """Collects what is young, if there is some of it. Reading a database leaves ten objects a page that refer
    to each other; together, at the collector's own time (``zhike.interpreter``), they take 30 ms."""
    if gc.isenabled() and gc.get_count()[0] > YOUNG:
        gc.collect(0)


class Breath:
    """For a thread that works long beside the event loop, calling a library that lets go of the interpreter
    lock for a moment each time.

    Whoever waits for the lock asks for it after a whole interval without a change (``zhike.interpreter``).
    Each such moment begins the interval anew, and is too short for another thread to wake up in: the loop
    waited for 60 ms while 250 articles were indexed. A real pause lets it in.
    """

    def __init__(self) -> None:
        self._due_s = monotonic() + WORK_S

    def take(self) -> None:
        """Pauses if it is time; not after a time without work, or one long call."""
        now_s = monotonic()
        if now_s < self._due_s:
            return
        if now_s < self._due_s + WORK_S:
            sleep(PAUSE_S)
            now_s = monotonic()
        self._due_s = now_s + WORK_S
