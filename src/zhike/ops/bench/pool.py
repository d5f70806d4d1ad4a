"""The bench's side of the client processes: start them, command all at once, gather their answers."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from zhike.ops.bench import BenchError, children
from zhike.ops.bench.hist import Histogram
from zhike.ops.bench.proc import raise_file_limit

Event = dict[str, Any]
OnProgress = Callable[[int, Event], None]

PORTS_PER_ADDRESS = 20_000
"""Sockets that one loopback source address opens to one server: Linux offers 28,232 ports."""


class Pool:
    """``count`` client processes. Use as a context manager; leaving it ends them."""

    def __init__(self, count: int, on_progress: OnProgress | None = None) -> None:
        raise_file_limit()
        self.on_progress = on_progress
        self._events: queue.Queue[tuple[int, Event]] = queue.Queue()
        self.processes = [children.spawn([sys.executable, "-m", "zhike.ops.bench.client"],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                          for _ in range(count)]
        for number, process in enumerate(self.processes):
            threading.Thread(target=self._reader, args=(number, process), daemon=True).start()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reader(self, number: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._events.put((number, json.loads(line)))
        self._events.put((number, {"event": "ended"}))

    def send(self, number: int, cmd: str, **fields: object) -> None:
        """One command to one process."""
        stdin = self.processes[number].stdin
        assert stdin is not None
        stdin.write(json.dumps({"cmd": cmd, **fields}).encode() + b"\n")
        stdin.flush()

    def gather(self, event: str, timeout_s: float, numbers: Sequence[int] | None = None,
               meanwhile: Callable[[], None] | None = None) -> list[Event]:
        """Wait for ``event`` from every process (or those in ``numbers``), in process order.

        ``meanwhile`` is called about every 0.1 s.

        Raises:
            BenchError: if a process ended or failed, or not all answered within ``timeout_s``.
        """
        wanted = set(range(len(self.processes)) if numbers is None else numbers)
        got: dict[int, Event] = {}
        until = monotonic() + timeout_s
        while wanted - got.keys():
            left = until - monotonic()
            if left <= 0 and not event:
                return []
            if left <= 0:
                raise BenchError(f"client processes {sorted(wanted - got.keys())} did not answer "
                                 f"{event!r} within {timeout_s:.0f} s")
            try:
                number, found = self._events.get(timeout=min(left, 0.1))
            except queue.Empty:
                found = {"event": ""}
                number = -1
            if meanwhile is not None:
                meanwhile()
            kind = found["event"]
            if not kind:
                continue
            if kind == event:
                got[number] = found
            elif kind == "progress":
                if self.on_progress is not None:
                    self.on_progress(number, found)
            elif kind == "failed":
                raise BenchError(f"client process {number} failed:\n{found['error']}")
            elif kind == "ended" and number in wanted:
                raise BenchError(f"client process {number} ended before it answered {event!r}")
        return [got[number] for number in sorted(got)]

    def ask_all(self, cmd: str, wait_s: float, **fields: object) -> list[Event]:
        """The same command to every process, and all answers."""
        for number in range(len(self.processes)):
            self.send(number, cmd, **fields)
        return self.gather(cmd, wait_s)

    def pump(self, seconds: float, meanwhile: Callable[[], None] | None = None) -> None:
        """Let the load run on for ``seconds``; fails as :meth:`gather` does."""
        self.gather("", seconds, meanwhile=meanwhile)

    def connect(self, sessions: int, *, port: int, host: str = "127.0.0.1", path: str = "/ws",
                origin: str = "", inbox: str = "", echo: bool = False, reconnect: bool = False,
                tag: str = "b", timeout_s: float = 120.0, shares: Sequence[int] | None = None) -> int:
        """Open ``sessions`` sessions, dealt out evenly or by ``shares``; returns how many joined.

        Raises:
            BenchError: if not a single one could join; the message names the causes.
        """
        count, first = len(self.processes), 0
        addresses = -(-sessions // PORTS_PER_ADDRESS)
        sources = [f"127.0.0.{1 + k}" for k in range(addresses)] if addresses > 1 else []
        for number in range(count):
            share = shares[number] if shares else sessions // count + (number < sessions % count)
            self.send(number, "connect", host=host, port=port, path=path, origin=origin, inbox=inbox,
                      echo=echo, tag=tag, first=first, count=share, sources=sources, reconnect=reconnect,
                      timeout_s=timeout_s)
            first += share
        found = self.gather("connect", timeout_s + 10)
        ready = sum(int(row["ready"]) for row in found)
        if not ready and sessions:
            causes = counted(found, "errors") + counted(found, "refused")
            raise BenchError(f"no session could join {host}:{port}: {dict(causes)} "
                             f"{[note for row in found for note in row['notes']]}")
        return ready

    def close(self) -> None:
        """End all processes, by force if they do not listen."""
        for process in self.processes:
            if process.stdin is not None:
                with contextlib.suppress(OSError):  # it may have ended already
                    process.stdin.close()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def counted(rows: Sequence[Mapping[str, Any]], name: str) -> Counter[str]:
    """The sum of the counters ``row[name]``."""
    out: Counter[str] = Counter()
    for row in rows:
        out.update(row[name])
    return out


class PhaseResult:
    """What all client processes measured in one phase."""

    def __init__(self, rows: Sequence[Event]) -> None:
        phases = [row["phase"] for row in rows]
        self.totals = [row["totals"] for row in rows]
        self.notes = [note for row in rows for note in row["notes"]]
        self.sent = [sum(p["sent"][kind] for p in phases) for kind in (0, 1)]
        self.answered = [sum(p["answered"][kind] for p in phases) for kind in (0, 1)]
        self.known = [sum(p["known"][kind] for p in phases) for kind in (0, 1)]
        self.right = [sum(p["right"][kind] for p in phases) for kind in (0, 1)]
        self.seconds = max(p["seconds"] for p in phases)
        self.exhausted = any(p["exhausted"] for p in phases)
        self.late_s = max(p["late_s"] for p in phases)
        self.hists = (Histogram(), Histogram())
        self.ack_hist = Histogram()
        self.known_hist = Histogram()
        for phase in phases:
            self.ack_hist.merge(Histogram.from_wire(phase["ack"]))
            self.known_hist.merge(Histogram.from_wire(phase["known_hist"]))
            for mine, theirs in zip(self.hists, phase["hists"], strict=True):
                mine.merge(Histogram.from_wire(theirs))

    def rate_per_s(self, kind: int | None = None) -> float:
        """Answered questions per second (of one kind)."""
        count = sum(self.answered) if kind is None else self.answered[kind]
        return count / self.seconds if self.seconds > 0 else 0.0

    def hist(self) -> Histogram:
        """Latencies of both kinds together."""
        out = Histogram()
        out.merge(self.hists[0])
        out.merge(self.hists[1])
        return out

    def total(self, name: str) -> int:
        """A life-long counter, over all processes."""
        return sum(row[name] for row in self.totals)
