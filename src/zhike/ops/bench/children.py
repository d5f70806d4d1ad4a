"""The processes that a bench has started: however it ends, they end with it.

SIGTERM and SIGHUP end a bench as Ctrl-C does: by an exception, so that every ``with`` is left in
order. What no ``with`` holds yet (a signal may come between a process's start and that) is ended here.
Processes that read a pipe of ours would notice by themselves; a server in a session of its own would not.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

GRACE_S = 20.0
"""For all of them together to end by SIGTERM, before SIGKILL."""

_started: set[subprocess.Popen[bytes]] = set()
_held = 0
_waiting = 0
"""A signal that came while it was held off (0: none)."""


def spawn(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """``subprocess.Popen``, noted down before any signal is acted on."""
    for process in [one for one in _started if one.poll() is not None]:
        _started.discard(process)
    with _hold():
        process = subprocess.Popen(command, **options)
        _started.add(process)
    return process


@contextlib.contextmanager
def ended_with_us() -> Iterator[None]:
    """While this is open, SIGTERM and SIGHUP raise SystemExit; at its end no process of ours is left."""
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                before[number] = signal.signal(number, _on_signal)
    try:
        yield
    finally:
        with _hold():
            end_all()
        for number, handler in before.items():
            signal.signal(number, handler)


def end_all(grace_s: float = GRACE_S) -> None:
    """Ends what still runs: SIGTERM, and after ``grace_s`` SIGKILL, children included."""
    running = [one for one in _started if one.poll() is None]
    _started.clear()
    for process in running:
        process.terminate()
    until = monotonic() + grace_s
    for process in running:
        try:
            process.wait(max(0.0, until - monotonic()))
        except subprocess.TimeoutExpired:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """``kill -9`` (with its children where it has a session of its own), and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        if os.getsid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _on_signal(number: int, _: object) -> None:
    global _waiting
    for other in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)  # once is enough: what follows takes GRACE_S at most
    if _held:
        _waiting = number
    else:
        raise SystemExit(128 + number)


@contextlib.contextmanager
def _hold() -> Iterator[None]:
    """Signals that come meanwhile count at its end."""
    global _held, _waiting
    _held += 1
    try:
        yield
    finally:
        _held -= 1
        if not _held and _waiting:
            number, _waiting = _waiting, 0
            raise SystemExit(128 + number)
