"""One run of the bench: its settings, its temporary folder, its progress line and its figures."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import NamedTuple
from urllib.parse import urlsplit

from zhike.ops.bench import BenchError
from zhike.ops.bench.corpus import Corpus
from zhike.ops.bench.hist import Histogram
from zhike.ops.bench.proc import machine
from zhike.ops.bench.server import HOST, Server, limits_off

INBOX = "shop"
"""Inbox and bot of the sample shop, which a server puts into an empty database."""


class Point(NamedTuple):
    """One sample of the time plots; rates are since the sample before."""

    at_s: float
    answered_per_s: float
    inflight: int
    cpu_ratio: float
    rss_bytes: int


class Bench:
    """What a scenario works with. ``result`` becomes the flat JSON object, in this order."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.result: dict[str, object] = {"scenario": args.scenario}
        self.hists: dict[str, Histogram] = {}
        self.series: dict[str, list[Point]] = {}
        self.notes: list[str] = []
        self.failed: list[str] = []
        """What makes the run a failure (lost, doubled, reordered …): the exit code is then 1."""
        self.folder = Path(tempfile.mkdtemp(prefix="zhike-bench-"))
        self._line_at = 0.0
        self._width = 0
        self._tty = sys.stderr.isatty()

    def close(self) -> None:
        """Remove the temporary folder (unless ``--keep``)."""
        if self.args.keep:
            self.say(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def finish(self, seconds: float) -> None:
        """Add what every result carries."""
        facts = machine()
        memory = facts["memory_bytes"]
        gib = memory / 2**30 if isinstance(memory, int) else 0.0
        self.result.update({
            "seconds": round(seconds, 3),
            "machine": f"{facts['cpu']}, {facts['cores']} cores, {gib:.1f} GiB, {facts['kernel']}, "
                       f"Python {facts['python']}, SQLite {facts['sqlite']}",
            "command": shlex.join(["zhike", "bench", *self.args.command_line])})
        for name, value in facts.items():
            self.result[f"machine_{name}"] = value

    # ---- words on stderr ---------------------------------------------------------------------

    def say(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        print(text, file=sys.stderr, flush=True)

    def progress(self, text: str, force: bool = False) -> None:
        """The passing line: overwritten on a terminal, every 5 s elsewhere."""
        now = monotonic()
        if self._tty:
            text = text[:shutil.get_terminal_size().columns - 1]
            print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
            self._width = len(text)
        elif force or now - self._line_at >= 5.0:
            self._line_at = now
            print(text, file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._tty and self._width:
            print("\r" + " " * self._width + "\r", end="", file=sys.stderr)
            self._width = 0


class Target(NamedTuple):
    """Where the load goes. ``server`` is None for a running one (``--url``)."""

    host: str
    port: int
    path: str
    origin: str
    inbox: str
    server: Server | None
    pid: int
    """Process whose CPU and memory are measured; 0 for one that is out of sight."""


def target_of_url(url: str, inbox: str, pid: int = 0) -> Target:
    """The target of ``--url http://host:port`` (or ws://…/ws).

    Raises:
        BenchError: not such a URL, or TLS, which would measure TLS.
    """
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "ws") or not parts.hostname:
        raise BenchError(f"--url {url}: http://host:port is needed (TLS is not measured here)")
    port = parts.port or 80
    path = parts.path if parts.scheme == "ws" and parts.path not in ("", "/") else "/ws"
    return Target(parts.hostname, port, path, f"http://{parts.hostname}:{port}", inbox, None, pid)


@contextmanager
def target(bench: Bench, *, corpus: Corpus | None, start: bool = True) -> Iterator[Target]:
    """The server under test, with the corpus as its knowledge: an own one, or that of ``--url``."""
    args = bench.args
    if args.url:
        yield target_of_url(args.url, args.inbox, args.pid)
        return
    with Server(bench.folder / "data", limits_off(args.sessions), database_url=args.database) as server:
        if corpus is not None:
            bench.progress("loading the knowledge base …", force=True)
            load_knowledge(bench, server, corpus)
        if start:
            bench.progress("starting the server …", force=True)
            server.start()
        yield Target(HOST, server.port, "/ws", f"http://{HOST}:{server.port}", args.inbox, server,
                     server.pid if start else 0)
        server.stop()
        if server.slow_stops:
            bench.failed.append("the server did not stop within 20 s of SIGTERM")


def load_knowledge(bench: Bench, server: Server, corpus: Corpus) -> None:
    """Put the articles into an empty data folder: first start (sample shop), stop, ``zhike kb import``."""
    path = bench.folder / "kb.jsonl"
    corpus.write_kb(path)
    server.start()
    server.stop()
    server.run("kb", "import", str(path), "--bot", INBOX)
    bench.result["articles"] = len(corpus.articles)
