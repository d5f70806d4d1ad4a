"""Playing recorded dialogues as visitors: speak, wait for the answer or the time-out, speak again."""

from __future__ import annotations

import json
from time import monotonic
from typing import TYPE_CHECKING

from zhike.ops.bench.frames import CLOSE_NORMAL, Source
from zhike.ops.bench.hist import Histogram
from zhike.ops.bench.load import NEW, Entry
from zhike.ops.bench.session import READY, Session

if TYPE_CHECKING:
    from zhike.ops.bench.client import Client


class Replay:
    """Every dialogue is one new visitor; ``at_once`` of them speak at a time."""

    def __init__(self, client: Client, dialogues: list[list[str]], at_once: int, timeout_s: float,
                 tag: str) -> None:
        self._client = client
        self._dialogues = dialogues
        self._at_once = at_once
        self._timeout_s = timeout_s
        self._tag = tag
        self._next = 0
        self._left: dict[int, list[str]] = {}
        """Session index → texts still to say, last first."""
        self._said = {"dialogues": 0, "turns": 0, "answered": 0, "late": 0, "timeouts": 0, "known": 0,
                      "connections_lost": 0}
        self._hist = Histogram()

    def start(self) -> None:
        """Begin with the first ones."""
        for _ in range(self._at_once):
            self._begin_next()
        self._end_if_done()

    def _begin_next(self) -> None:
        if self._next == len(self._dialogues):
            return
        index, self._next = self._next, self._next + 1
        session = Session(self._client, index, f"{self._tag}-{index}", "")
        self._client.sessions.append(session)
        self._left[index] = list(reversed(self._dialogues[index]))
        session.connect()

    def on_ready(self, session: Session) -> None:
        """The visitor has joined."""
        data = self._speak(session)
        if data:
            session.write(data)

    def on_answer(self, session: Session, entry: Entry, now_s: float, source: Source | None) -> bytes:
        """The visitor's question was answered."""
        self._said["answered"] += 1
        self._hist.record(int((now_s - entry[0]) * 1e6))
        if source is not None and source.kind != "fallback":
            self._said["known"] += 1
        if session.n in session.waiting:  # it was an earlier one, given up before
            self._said["late"] += 1
            return b""
        return self._speak(session)

    def on_lost(self, session: Session) -> None:
        """The connection is gone before the dialogue was over; the rest is not said."""
        if self._left.pop(session.index, None) is not None:
            self._said["connections_lost"] += 1
            self._begin_next()
            self._end_if_done()

    def _speak(self, session: Session) -> bytes:
        texts = self._left.get(session.index)
        if texts is None:
            return b""
        if not texts:
            self._finish(session)
            return b""
        text = texts.pop()
        self._said["turns"] += 1
        n = session.n + 1
        data = session.ask((NEW, "", json.dumps(text, ensure_ascii=False).encode()), monotonic())
        self._client.later(self._timeout_s, lambda: self._timed_out(session, n))
        return data

    def _timed_out(self, session: Session, n: int) -> None:
        if n in session.waiting and n == session.n and session.index in self._left:
            self._said["timeouts"] += 1
            data = self._speak(session)
            if data:
                session.write(data)

    def _finish(self, session: Session) -> None:
        del self._left[session.index]
        self._said["dialogues"] += 1
        # Not inside the read loop of this very session: close it in the next turn of the poll loop.
        self._client.later(0.0, lambda: self._goodbye(session))

    def _goodbye(self, session: Session) -> None:
        if session.state == READY:
            session.write(CLOSE_NORMAL)
            session.drop("done")
        self._begin_next()
        self._end_if_done()

    def _end_if_done(self) -> None:
        if not self._left and self._next == len(self._dialogues) and self._client.replay is self:
            self._client.replay = None
            self._client.emit("replay", **self._said, hist=self._hist.to_wire(),
                              totals=self._client.totals.to_wire())
