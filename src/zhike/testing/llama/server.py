"""Starts the real server beside a test: the product's own child process, with /slots open.

    with LlamaServer(model_file("slow")) as server:
        Client(Fixed(server.url, server.key), "local")
        server.busy()          # slots at work, as the server itself says
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from zhike.answer.llm.local_child import KEY

READY_S = 60.0


class LlamaServer:
    """See the module. ``url``: its base_url.

    Args:
        context: tokens of each slot. batch: tokens of a prompt read in one go.
    """

    def __init__(self, model: Path, *, slots: int = 2, context: int = 2_048, batch: int = 64,
                 threads: int = 1) -> None:
        self.key = secrets.token_hex(8)
        self.url = ""
        self._command = [sys.executable, "-m", "zhike.answer.llm.local_child", str(model), "--watch",
                         "--slots", str(slots), "--context", str(context), "--batch", str(batch),
                         "--threads", str(threads), "--nice", "0"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, env={**os.environ, KEY: self.key},
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError(f"the server ended with {self._process.wait()}")
        self.url = json.loads(line)["zhike_url"].rstrip("/") + "/v1"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def get(self, path: str) -> Any:
        """JSON of one of its own pages, such as ``/slots``."""
        request = urllib.request.Request(self.url.removesuffix("/v1") + path,
                                         headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def busy(self) -> int:
        """Slots at work."""
        return sum(bool(slot["is_processing"]) for slot in self.get("/slots"))

    def idle_after_s(self, most_s: float = 30.0) -> float:
        """Waits until no slot is at work; how long that took (s). Blocks: call it in a thread.

        Raises:
            TimeoutError: some still are.
        """
        began = time.monotonic()
        while self.busy():
            if time.monotonic() - began > most_s:
                raise TimeoutError(f"{self.busy()} slots still at work after {most_s:g} s")
            time.sleep(0.005)
        return time.monotonic() - began
