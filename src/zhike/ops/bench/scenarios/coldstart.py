"""``coldstart``: how soon after exec the server is *live* and *ready*, from an empty folder and again.

*live*: a WebSocket was upgraded and the hello answered by any frame. *ready*: the first stored
answer to a question arrived. The yardstick is ``python -c "import asyncio, uvloop"``, run in
alternation with the starts, so that a busy machine slows both.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

from zhike.ops.bench import BenchError, frames
from zhike.ops.bench.run import Bench
from zhike.ops.bench.server import HOST, Server

_TIMEOUT_S = 60.0
_IMPORT_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s*([\w.]+)", re.MULTILINE)



def run(bench: Bench) -> None:
    """See the module."""
    args = bench.args
    if args.url:
        raise BenchError("coldstart starts its own server; --url makes no sense here")
    rows: dict[str, list[tuple[float, float]]] = {"first": [], "second": []}
    base: list[float] = []
    answers: set[str] = set()
    start_once(Server(bench.folder / "compiled"), args.question, args.inbox)  # as an installed one: compiled
    for number in range(args.runs):
        bench.progress(f"start {number + 1} of {args.runs} …", force=True)
        base.append(_import_ms())
        data = bench.folder / f"data{number}"
        for kind in ("first", "second"):
            live_ms, ready_ms, source = start_once(Server(data), args.question, args.inbox)
            rows[kind].append((live_ms, ready_ms))
            answers.add(source)
        base.append(_import_ms())
    base_ms = median(base)
    result = bench.result
    result.update({"runs": args.runs, "baseline_ms": base_ms, "answered_by": ",".join(sorted(answers))})
    for kind, prefix in (("first", ""), ("second", "second_")):
        live, ready = (median(row[k] for row in rows[kind]) for k in (0, 1))
        result.update({f"{prefix}live_ms": live, f"{prefix}ready_ms": ready,
                       f"{prefix}live_ratio": live / base_ms, f"{prefix}ready_ratio": ready / base_ms,
                       f"{prefix}live_max_ms": max(row[0] for row in rows[kind]),
                       f"{prefix}ready_max_ms": max(row[1] for row in rows[kind])})
    if args.explain:
        explain(bench)


def _import_ms() -> float:
    began = monotonic()
    subprocess.run([sys.executable, "-c", "import asyncio, uvloop"], check=True)
    return (monotonic() - began) * 1000


def start_once(server: Server, question: str, inbox: str, *python_args: str) -> tuple[float, float, str]:
    """Start, ask, stop: ``(live ms, ready ms, kind of the answer's source)``."""
    began = server.exec(*python_args)
    try:
        with _connect(server, began) as sock:
            sock.sendall(frames.upgrade_request(HOST, server.port, "/ws", f"http://{HOST}:{server.port}"))
            reader = _Reader(sock)
            reader.upgraded()
            sock.sendall(frames.hello_frame(inbox, "", 0, 0))
            reader.frame()
            live = monotonic()
            while reader.last.get("type") != "welcome":
                reader.frame()
            sock.sendall(frames.message_frame(b"cold", 1, json.dumps(question, ensure_ascii=False).encode()))
            while not (reader.last.get("type") == "message" and reader.last.get("answers")):
                reader.frame()
            ready = monotonic()
    except (OSError, BenchError) as exc:
        server.check_alive()
        raise BenchError(f"the server did not answer: {exc}\n{server.last_words()}") from exc
    finally:
        server.stop()
    source = reader.last.get("source") or {}
    return (live - began) * 1000, (ready - began) * 1000, str(source.get("kind", "none"))


def _connect(server: Server, began: float) -> socket.socket:
    """The first connection the server accepts, tried every half millisecond."""
    while monotonic() - began < _TIMEOUT_S:
        sock = socket.socket()
        sock.settimeout(_TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.connect((HOST, server.port))
            return sock
        except OSError:
            sock.close()
        server.check_alive()
        sleep(0.0005)
    raise BenchError(f"no connection within {_TIMEOUT_S:.0f} s")


class _Reader:
    """Frames from a blocking socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._data = b""
        self.last: dict[str, Any] = {}

    def _more(self) -> None:
        got = self._sock.recv(65536)
        if not got:
            raise BenchError("the connection was closed")
        self._data += got

    def upgraded(self) -> None:
        """Wait for the end of the HTTP answer."""
        while b"\r\n\r\n" not in self._data:
            self._more()
        head, self._data = self._data.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise BenchError(head.decode("latin-1"))

    def frame(self) -> None:
        """Read the next text frame into :attr:`last`."""
        while True:
            while len(self._data) < 2 or len(self._data) < self._size():
                self._more()
            size = self._size()
            first, body = self._data[0], self._data[self._head():size]
            self._data = self._data[size:]
            if first == 0x88:
                raise BenchError(f"closed by the server: {body!r}")
            if first == 0x81:
                self.last = json.loads(body)
                if self.last.get("type") == "error":
                    raise BenchError(f"refused: {self.last}")
                return

    def _head(self) -> int:
        return {126: 4, 127: 10}.get(self._data[1], 2)

    def _size(self) -> int:
        head = self._head()
        if len(self._data) < head:
            return head
        return head + (self._data[1] if head == 2 else int.from_bytes(self._data[2:head], "big"))


def explain(bench: Bench) -> None:
    """Import self times of one start by package, from ``-X importtime``."""
    server = Server(bench.folder / "explained")
    start_once(server, bench.args.question, bench.args.inbox, "-X", "importtime")
    times = import_times(server.log)
    total = sum(times.values())
    bench.result["import_ms"] = total
    bench.notes.append(f"importing takes {total:.0f} ms in all (measuring makes it slower):")
    for name, ms in sorted(times.items(), key=lambda item: -item[1])[:20]:
        bench.notes.append(f"  {ms:7.1f} ms  {name}")


def import_times(log: Path) -> dict[str, float]:
    """Milliseconds by top-level package; the standard library under one name, zhike by its packages."""
    out: dict[str, float] = defaultdict(float)
    for us, name in _IMPORT_LINE.findall(log.read_text(encoding="utf-8", errors="replace")):
        parts = name.split(".")
        if parts[0] == "zhike":
            group = ".".join(parts[:2])
        elif parts[0].lstrip("_") in sys.stdlib_module_names or parts[0] in sys.stdlib_module_names:
            group = "standard library"
        else:
            group = parts[0]
        out[group] += int(us) / 1000
    return dict(out)
