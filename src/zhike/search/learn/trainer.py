"""Who learned what, and when to learn again: one child at a time, none of it in anybody's way.

A bot is announced when it is loaded. The trainer's thread opens the model that is on disk if it was
trained on exactly this knowledge; else, once the knowledge has been quiet for a moment, it starts
the child and opens what that wrote. Until a model is handed over, and whenever there is none, the
bot answers by the index and its fixed curve.

Nobody is kept waiting by it: while the desk is busy no child is started, and one that runs is ended
and begun again when it is calm (it takes a core and some hundred MB for as long as it learns).

A child that fails or is killed is logged and tried again, later each time; one that hangs is
killed. A file that is damaged, or of another version, is as good as none.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from zhike.search.learn import artifact
from zhike.search.learn.artifact import Lesson
from zhike.search.learn.model import Model

log = logging.getLogger("zhike")

QUIET_S = 3.0
"""An editor who saves every few seconds does not train a model per save."""
CALM_S = 20.0
"""After a busy time it is looked again so much later."""
BUSY_SHARE = 0.25
"""Of a core that this process uses: above it the desk has better things to do than to share the machine."""
RETRY_S = (30.0, 120.0, 600.0, 3600.0)
"""Pauses after failures; the last one again and again."""
CHILD_S = 1800.0
"""Longer than the largest knowledge takes on a slow, busy core."""
LOOK_S = 0.25
"""How often a running child's trainer looks whether it should stop."""
_STDERR_CHARS = 2_000


Taught = Callable[[int, bytes, "Model | None"], object]
"""Takes (bot_id, digest of the lesson, model) in the trainer's thread. None: nothing to learn from."""
Teach = Callable[[Lesson, Path, Callable[[], bool]], None]
"""Makes the file of a lesson, or raises; asks now and then whether it was told to stop."""


class Busy:
    """Whether this process has used more than ``share`` of a core lately. At a start it has: nothing is
    known yet, and there is enough to do."""

    def __init__(self, share: float = BUSY_SHARE, window_s: float = 2.0,
                 clock_s: Callable[[], float] = time.monotonic,
                 cpu_s: Callable[[], float] = time.process_time) -> None:
        self._share = share
        self._window_s = window_s
        self._clock_s = clock_s
        self._cpu_s = cpu_s
        self._at_s, self._used_s = clock_s(), cpu_s()
        self._busy = True

    def __call__(self) -> bool:
        now_s = self._clock_s()
        if now_s - self._at_s >= self._window_s:
            used_s = self._cpu_s()
            self._busy = (used_s - self._used_s) / (now_s - self._at_s) > self._share
            self._at_s, self._used_s = now_s, used_s
        return self._busy


class _Pupil(NamedTuple):
    """A bot that waits for its model: from when on, after how many failures."""

    make: Callable[[], Lesson]
    due_s: float
    failures: int = 0
    looked: bool = False


class Trainer:
    """Args:
        folder: where models are kept, one file per bot.
        taught: gets each model that is ready.
        teach: the child, unless a test has another.
        busy: True while the desk needs the machine for itself (:class:`Busy`).
        clock_s: monotonic seconds.
    """

    def __init__(self, folder: Path, taught: Taught, *, teach: Teach | None = None,
                 busy: Callable[[], bool] = lambda: False,
                 clock_s: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._taught = taught
        self._teach = run_child if teach is None else teach
        self._busy = busy
        self._clock_s = clock_s
        self._waiting: dict[int, _Pupil] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def want(self, bot_id: int, lesson: Callable[[], Lesson]) -> None:
        """The bot now knows this. Returns at once; a newer lesson replaces one that waits.

        Args:
            lesson: says what; asked in the trainer's thread.
        """
        with self._changed:
            self._waiting[bot_id] = _Pupil(lesson, self._clock_s() + QUIET_S)
            self._changed.notify()

    def forget(self, bot_id: int) -> None:
        """The bot is gone, and its file."""
        with self._changed:
            self._waiting.pop(bot_id, None)
        self.file(bot_id).unlink(missing_ok=True)

    def file(self, bot_id: int) -> Path:
        """Where the bot's model is kept."""
        return self._folder / f"bot-{bot_id}.intents"

    def start(self) -> None:
        """Begins to work, in a thread of its own; to be called once the server is ready."""
        self._thread = threading.Thread(target=self._run, name="zhike-trainer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends a child that runs; returns within a second."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stopped:
            pause_s = self.step()
            with self._changed:
                if not self._stopped:
                    self._changed.wait(pause_s)

    def step(self) -> float | None:
        """Does what is due for one bot; how long nothing will be due after it (None: until asked)."""
        with self._changed:
            if not self._waiting:
                return None
            now_s = self._clock_s()
            bot_id = min(self._waiting, key=lambda key: (self._waiting[key].looked, self._waiting[key].due_s))
            pupil = self._waiting[bot_id]
            if pupil.looked and pupil.due_s > now_s:
                return pupil.due_s - now_s
        if pupil.looked and self._busy():
            self._replace(bot_id, pupil, pupil._replace(due_s=now_s + CALM_S))
            return 0.0
        lesson = pupil.make()
        if self._open(bot_id, pupil, lesson):
            return 0.0
        if not pupil.looked:  # nothing on disk: train, once it is quiet
            self._replace(bot_id, pupil, pupil._replace(looked=True))
            return 0.0
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._teach(lesson, self.file(bot_id), lambda: self._stopped or self._busy())
            if self._open(bot_id, pupil, lesson):
                return 0.0
            why = "the child left no usable model"
        except Exception as error:
            why = str(error)
        if self._stopped:
            return None
        if self._busy():  # it was ended for that: no failure
            self._replace(bot_id, pupil, pupil._replace(due_s=self._clock_s() + CALM_S))
            return 0.0
        pause_s = RETRY_S[min(pupil.failures, len(RETRY_S) - 1)]
        log.warning("the intent model of bot %d could not be trained (%s); again in %d s; until then the "
                    "fixed curve answers", bot_id, why, pause_s)
        later = pupil._replace(due_s=self._clock_s() + pause_s, failures=pupil.failures + 1)
        self._replace(bot_id, pupil, later)
        return 0.0

    def _replace(self, bot_id: int, old: _Pupil, new: _Pupil | None) -> None:
        """Unless a newer lesson came meanwhile."""
        with self._changed:
            if self._waiting.get(bot_id) is old:
                if new is None:
                    del self._waiting[bot_id]
                else:
                    self._waiting[bot_id] = new

    def _open(self, bot_id: int, pupil: _Pupil, lesson: Lesson) -> bool:
        """Hands the model on disk over, if it is this lesson's."""
        digest = lesson.digest()
        try:
            weights = artifact.read(self.file(bot_id), digest)
            model = None if weights is None else Model(weights)
        except FileNotFoundError:
            return False
        except (OSError, ValueError, ImportError) as error:
            log.info("the intent model of bot %d is made anew: %s", bot_id, error)
            return False
        self._taught(bot_id, digest, model)
        self._replace(bot_id, pupil, None)
        return True


def run_child(lesson: Lesson, path: Path, stopped: Callable[[], bool], nice: int = 19) -> None:
    """Trains in a child process; ends it when ``stopped`` says so, or after CHILD_S.

    Args:
        nice: how far it steps back behind everything else; whoever waits for it says 0.

    Raises:
        RuntimeError: it failed, was killed or hung; with the end of what it said.
    """
    import subprocess  # here: nobody needs them before a first child
    import tempfile

    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    began_s = time.monotonic()
    with tempfile.TemporaryFile() as file:  # not a pipe: a long lesson would have to be fed to it
        file.write(msgspec.msgpack.encode(lesson))
        file.seek(0)
        with subprocess.Popen([sys.executable, "-m", "zhike.search.learn.child", str(path), str(nice)],
                              stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env={**os.environ, **threads}) as child:
            while True:
                try:
                    _, said = child.communicate(timeout=LOOK_S)
                    break
                except subprocess.TimeoutExpired:
                    if stopped() or time.monotonic() - began_s > CHILD_S:
                        child.kill()
                        child.communicate()
                        raise RuntimeError("it was stopped" if stopped() else "it took too long") from None
        if child.returncode:
            words = said.decode("utf-8", "replace")[-_STDERR_CHARS:].strip()
            raise RuntimeError(f"exit code {child.returncode}: {words}")
