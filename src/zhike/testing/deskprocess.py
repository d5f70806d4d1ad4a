"""The real program as a child process: started, read, killed, started again on the same port and folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

READY = re.compile(r"zhike is ready: (\S+)")
LINK = re.compile(r"\S+/console/setup#token=\S+")


class DeskProcess:
    """``zhike serve`` (with the sample shop) or ``zhike demo``; a context manager that ends it.

    What it prints is read as it comes, so waiting for a line needs no polling.

    Args:
        folder: where its data and nothing else goes.
        command: ``serve`` or ``demo``.
        port: 0 takes a free one, which is kept over restarts.
        env: settings as ``ZHIKE_SECTION__KEY``; other ZHIKE_ variables of ours are kept out.
    """

    def __init__(self, folder: Path, command: str = "serve", *, port: int = 0,
                 env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.command = command
        self.port = port
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}
        self.env |= {"ZHIKE_SAMPLE__SHOP": "true", **(env or {})}
        self.said = ""
        """Everything it printed, restarts included."""
        self._news = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if error is None:
            self.stop()
        else:
            self.kill()

    @property
    def url(self) -> str:
        """Where the shop stands."""
        return f"http://localhost:{self.port}"

    @property
    def link(self) -> str:
        """The one-time link that it printed last; waits for it."""
        return self.read(LINK)[-1]

    def start(self) -> None:
        """Starts it and returns when it says that it is ready.

        Raises:
            TimeoutError: it did not within a minute.
            ChildProcessError: it ended; the message has its last words.
        """
        before = len(READY.findall(self.said))
        self.exec()
        self.port = int(self.read(READY, before + 1)[-1].rpartition(":")[2])

    def exec(self) -> None:
        """Starts it and waits for nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "zhike", self.command, "--port", str(self.port), "--data",
             str(self.folder / "data")],
            env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, encoding="utf-8", start_new_session=True)
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def read(self, what: re.Pattern[str], count: int = 1, timeout_s: float = 60.0) -> list[str]:
        """All matches of ``what`` in what it printed, as soon as there are ``count``.

        Raises:
            TimeoutError, ChildProcessError: as in :meth:`start`.
        """
        until = monotonic() + timeout_s
        with self._news:
            while len(found := what.findall(self.said)) < count:
                if self._reader is None or not self._reader.is_alive():
                    raise ChildProcessError(f"the desk ended:\n{self.said[-3000:]}")
                if not self._news.wait(max(0.0, until - monotonic())) and monotonic() >= until:
                    raise TimeoutError(f"{what.pattern} was not printed within {timeout_s:.0f} s:\n"
                                       f"{self.said[-3000:]}")
        return found

    def kill(self) -> None:
        """``kill -9``, and waits until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit code. One that does not end within 20 s is killed (-9)."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(number)
        try:
            code = process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if self._reader is not None:
            self._reader.join()
        if process.stdout is not None:
            process.stdout.close()
        return code

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._news:
                self.said += line
                self._news.notify_all()
        with self._news:
            self._news.notify_all()
