"""A bench that is told to end takes its server, its clients and its folder with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

from zhike.ops.bench.proc import tree

COMMAND = (sys.executable, "-m", "zhike", "bench", "ask", "--sessions", "4", "--rate", "20",
           "--seconds", "120", "--articles", "60", "--workers", "2")
WAIT_S = 60.0


@contextmanager
def bench(folder: Path, *, nohup: bool = False) -> Iterator[subprocess.Popen[str]]:
    """A bench in a session of its own, its folders in ``folder``; ``nohup``: as that command starts it,
    and if not so, also where these tests were."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    process = subprocess.Popen(COMMAND, env={**os.environ, "TMPDIR": str(folder)}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    signal.signal(signal.SIGHUP, before)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=WAIT_S)


def running(pids: list[int]) -> list[str]:
    """What of these still runs; the dead whom nobody has buried yet do not."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
    return found


def until_said(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if words in line:
            return
    raise AssertionError("".join(seen))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("number", "words"), [
    (signal.SIGTERM, " s · "), (signal.SIGHUP, " s · "), (signal.SIGTERM, "loading the knowledge")])
def test_nothing_is_left(tmp_path: Path, number: signal.Signals, words: str) -> None:
    with bench(tmp_path) as process:
        until_said(process, words)
        pids = tree(process.pid)
        process.send_signal(number)
        process.communicate(timeout=WAIT_S)
        assert process.returncode == 128 + number
        assert running(pids) == []
        assert list(tmp_path.glob("zhike-bench-*")) == []
        if words == " s · ":
            assert len(pids) >= 4  # itself, its server, two clients


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_under_nohup_it_goes_on(tmp_path: Path) -> None:
    with bench(tmp_path, nohup=True) as process:
        until_said(process, "loading the knowledge")
        process.send_signal(signal.SIGHUP)
        until_said(process, " s · ")
        assert process.poll() is None
        pids = tree(process.pid)
    until_s = monotonic() + WAIT_S
    while running(pids) and monotonic() < until_s:
        sleep(0.02)  # processes that are no children of ours have no event
    assert running(pids) == []
