"""The server under test: a real ``zhike serve`` of its own, on a free port and a temporary folder."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep

from zhike.ops.bench import BenchError, children
from zhike.ops.bench.proc import raise_file_limit

HOST = "127.0.0.1"
PROGRAM = (sys.executable, "-m", "zhike")
"""The program under test: the zhike of this very interpreter."""
_SAMPLE_LINE = re.compile(r"^(\w+)(?:\{[^}]*\})? ([-+0-9.eEinfNa]+)$", re.MULTILINE)


def free_port() -> int:
    """A port that nobody listens on at this moment, below the ports that clients get.

    A client that polls a closed port in its own range connects to itself once in 28,000 tries.
    """
    for _ in range(200):
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise BenchError("no free port between 20000 and 32000")


def limits_off(sessions: int) -> dict[str, str]:
    """Environment of a server whose admission limits do not disturb a load of ``sessions``.

    The bench's visitors all come from this machine and may ask faster than people do; everything
    else stays as it is by default.
    """
    return {"ZHIKE_GATEWAY__MAX_CONNECTIONS": str(sessions + 2_000),
            "ZHIKE_GATEWAY__MAX_CONNECTIONS_PER_ADDRESS": "0",
            "ZHIKE_GATEWAY__MESSAGES_PER_S": "10000",
            "ZHIKE_GATEWAY__BURST": "100000",
            "ZHIKE_LOG__LEVEL": "warning"}


class Server:
    """``zhike serve`` on ``data``. Use as a context manager; leaving it stops the process.

    Args:
        data: the data folder.
        env: settings as ``ZHIKE_SECTION__KEY``; every other ZHIKE_ variable of ours is kept out. (So is
            PYTHONDONTWRITEBYTECODE: with it a checkout would be compiled anew at every start, which no
            installed zhike is.)
        port: 0 picks a free one, which is kept over restarts.
        database_url: empty for SQLite in the data folder.
    """

    def __init__(self, data: Path, env: Mapping[str, str] | None = None, port: int = 0,
                 database_url: str = "") -> None:
        self.data = data
        self.port = port or free_port()
        self.log = data.with_name(data.name + ".log")
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith("ZHIKE_") and name != "PYTHONDONTWRITEBYTECODE"}
        self.env.update(env or {})
        if database_url:
            self.env["ZHIKE_DATABASE__URL"] = database_url
        self.process: subprocess.Popen[bytes] | None = None
        self.slow_stops = 0
        """How often SIGTERM did not end it in time."""

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the running process."""
        if self.process is None:
            raise BenchError("the server under test is not running")
        return self.process.pid

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / "zhike.db"

    def run(self, *args: str, timeout_s: float = 300.0) -> str:
        """Run another zhike command on the same data folder and wait for it.

        Raises:
            BenchError: it failed; the message has its last words.
        """
        done = subprocess.run([*PROGRAM, *args], env={**self.env, "ZHIKE_SERVER__DATA": str(self.data)},
                              cwd=self.data.parent, capture_output=True, text=True, timeout=timeout_s,
                              check=False)
        if done.returncode:
            raise BenchError(f"zhike {' '.join(args)} ended with {done.returncode}:\n"
                             f"{(done.stdout + done.stderr)[-2000:]}")
        return done.stdout

    def exec(self, *python_args: str) -> float:
        """Start the process and return the monotonic time just before; does not wait for anything."""
        raise_file_limit()
        self.data.parent.mkdir(parents=True, exist_ok=True)
        command = [PROGRAM[0], *python_args, *PROGRAM[1:], "serve", "--data", str(self.data),
                   "--port", str(self.port)]
        with self.log.open("ab") as log:
            began = monotonic()
            self.process = children.spawn(command, env=self.env, cwd=self.data.parent, stdout=log,
                                          stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        return began

    def start(self, timeout_s: float = 60.0) -> None:
        """Start the process and wait until it says it is ready."""
        self.exec()
        until = monotonic() + timeout_s
        while monotonic() < until:
            self.check_alive()
            if self.is_ready():
                return
            sleep(0.02)
        raise BenchError(f"the server was not ready within {timeout_s:.0f} s:\n{self.last_words()}")

    def is_ready(self) -> bool:
        """What ``/health/ready`` says."""
        try:
            return http_get(HOST, self.port, "/health/ready", 5.0)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def check_alive(self) -> None:
        """Raise a BenchError with its last words if the process has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise BenchError(f"the server ended with {self.process.returncode}:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of its output."""
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
        except OSError:
            return ""

    def kill(self) -> None:
        """``kill -9``, children included, and wait until it is gone."""
        if self.process is not None:
            children.kill(self.process)
            self.process = None

    def stop(self, timeout_s: float = 20.0) -> int | None:
        """SIGTERM, then, if it does not end in time, SIGKILL. Returns the exit code (None: not running)."""
        process = self.process
        if process is None:
            return None
        process.terminate()
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.slow_stops += 1
            self.kill()
            return -signal.SIGKILL
        self.process = None
        return code


class Echo:
    """A process that echoes frames: the bare baseline, or (``own``) the server's own session code."""

    def __init__(self, own: bool) -> None:
        raise_file_limit()
        if own:
            self.port = free_port()
            self.process = children.spawn(
                [sys.executable, "-c", "import sys; from zhike.gateway.echo import serve_echo; "
                                       "serve_echo(int(sys.argv[1]))", str(self.port)],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
            self._wait()
        else:
            self.process = children.spawn([sys.executable, "-m", "zhike.ops.bench.baseline"],
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self.process.stdout is not None
            self.port = int(json.loads(self.process.stdout.readline())["port"])

    def __enter__(self) -> Echo:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait(self, timeout_s: float = 20.0) -> None:
        until = monotonic() + timeout_s
        while monotonic() < until:
            if self.process.poll() is not None:
                raise BenchError(f"the echo server ended with {self.process.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.port)) == 0:
                    return
            sleep(0.02)
        raise BenchError(f"the echo server did not listen within {timeout_s:.0f} s")


def http_get(host: str, port: int, path: str, timeout_s: float = 5.0) -> tuple[int, bytes]:
    """Status and body of a GET on a fresh connection."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(16 << 20)
    finally:
        connection.close()


def metric(host: str, port: int, name: str) -> float | None:
    """The sum of all samples called ``name`` of ``/metrics``; None if there is none."""
    status, body = http_get(host, port, "/metrics")
    if status != 200:
        raise BenchError(f"GET /metrics answered {status}")
    found = [float(value) for sample, value in _SAMPLE_LINE.findall(body.decode()) if sample == name]
    return sum(found) if found else None
