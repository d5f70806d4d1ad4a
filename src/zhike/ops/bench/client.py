"""A client process of the bench: thousands of sessions in one poll loop, told what to do by JSON lines.

``python -m zhike.ops.bench.client`` reads commands from stdin and writes events to stdout, one JSON
object per line. Commands: ``connect load run stop replay ledger readback cut close quit``; every one
but ``stop`` ends with an event of the same name; ``progress`` events come in between.
All times are CLOCK_MONOTONIC seconds, which all processes of a machine share.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import sys
import traceback
from collections.abc import Callable
from time import monotonic
from typing import Any

from zhike.ops.bench import frames, readback
from zhike.ops.bench.load import NEW as NEW_KIND
from zhike.ops.bench.load import REPEATED, Entry, Feed, Phase, Question, Totals
from zhike.ops.bench.poller import IN, OUT, make_poller
from zhike.ops.bench.replayer import Replay
from zhike.ops.bench.session import BROKEN, CLOSED, READY, Session

_PROGRESS_S = 0.5
_PARALLEL_CONNECTS = 64
"""Connections being opened at once: below any listen backlog."""


class Client:
    """The process. Sessions call back into it; it owns the poll loop, timers and the phase."""

    def __init__(self) -> None:
        self.host, self.port, self.inbox, self.request, self.echo = "127.0.0.1", 0, "", b"", False
        self.reconnect = False
        self.totals = Totals()
        self.sessions: list[Session] = []
        self._poller = make_poller()
        self._by_fd: dict[int, Session] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_ids = 0
        self._feed = Feed([], [], 0, False)
        self._phase: Phase | None = None
        self._drain_s = 0.0
        self._turn = 0
        self._to_connect: list[Session] = []
        self._connecting = 0
        self._joining: dict[str, Any] | None = None
        self._reading: dict[str, Any] | None = None
        self._rng = random.Random(0)
        self._notes: list[str] = []
        self.replay: Replay | None = None
        self._stdin = b""
        self._running = True

    # ---- loop --------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve commands until ``quit`` or until stdin closes."""
        os.set_blocking(0, False)
        self._poller.register(0, IN)
        self.later(_PROGRESS_S, self._progress)
        by_fd, poller = self._by_fd, self._poller
        while self._running:
            timeout = self._tick(monotonic())
            for fd, mask in poller.poll(timeout):
                if fd == 0:
                    self._commands()
                    continue
                session = by_fd.get(fd)
                if session is not None:
                    session.on_event(mask)

    def _tick(self, now: float) -> float:
        """Run what is due; return the seconds until the next thing is."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            heapq.heappop(timers)[2]()
        until = timers[0][0] if timers else now + 1.0
        phase = self._phase
        if phase is not None and not phase.closed and now >= phase.start_s:
            self._arrivals(phase, now)
            if phase.next_s < phase.stop_s:
                until = min(until, phase.next_s)
        return max(0.0, until - now)

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Run ``call`` after ``delay_s``."""
        self._timer_ids += 1
        heapq.heappush(self._timers, (monotonic() + delay_s, self._timer_ids, call))

    def emit(self, event: str, **fields: object) -> None:
        """Write one event."""
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Keep the first few oddities for the report."""
        if len(self._notes) < 5:
            self._notes.append(text[:300])

    def _progress(self) -> None:
        self.later(_PROGRESS_S, self._progress)
        if self._phase is not None:
            totals = self.totals
            self.emit("progress", at_s=monotonic(), asked=totals.asked, answered=totals.answered,
                      acked=totals.acked, inflight=totals.inflight)

    def _commands(self) -> None:
        try:
            data = os.read(0, 1 << 20)
        except BlockingIOError:
            return
        if not data:
            self._running = False
            return
        self._stdin += data
        *lines, self._stdin = self._stdin.split(b"\n")
        for line in lines:
            command = json.loads(line)
            handler = getattr(self, "do_" + command.pop("cmd"))
            handler(**command)

    # ---- sockets -----------------------------------------------------------------------------

    def watch(self, session: Session) -> None:
        """Start polling the session's socket."""
        self._by_fd[session.fd] = session
        self._poller.register(session.fd, IN | OUT)

    def mask(self, session: Session, mask: int) -> None:
        """Change what the socket is polled for."""
        if session.mask != mask:
            session.mask = mask
            self._poller.modify(session.fd, mask)

    def unwatch(self, session: Session) -> None:
        """Stop polling; harmless if the socket was never polled."""
        if self._by_fd.pop(session.fd, None) is not None:
            self._poller.unregister(session.fd)

    def on_ready(self, session: Session) -> None:
        """The session has joined (again)."""
        self._connected()
        if session.n:
            session.resend()
        elif self.replay is not None:
            self.replay.on_ready(session)

    def on_closed(self, session: Session, before: int, why: str) -> None:
        """The session's socket is gone."""
        if before < READY:
            self.totals.connect_errors[why] += 1
            self._connected()
        else:
            self.totals.closes[why] += 1
        if self.replay is not None and why != "done":
            self.replay.on_lost(session)
        elif self.reconnect and self._running:
            self.totals.reconnects += 1
            self.later(0.05 + 0.15 * self._rng.random(), lambda: self._again(session))

    @staticmethod
    def _again(session: Session) -> None:
        if session.state == CLOSED:
            session.connect()

    def _connected(self) -> None:
        self._connecting = max(0, self._connecting - 1)
        self._open_more()

    def _open_more(self) -> None:
        while self._to_connect and self._connecting < _PARALLEL_CONNECTS:
            self._connecting += 1
            self._to_connect.pop().connect()
        if self._joining is not None and not self._to_connect and not self._connecting:
            self._joining = None
            self._report_connect()

    def _report_connect(self) -> None:
        self.emit("connect", ready=sum(s.state == READY for s in self.sessions),
                  broken=sum(s.state == BROKEN for s in self.sessions),
                  errors=self.totals.connect_errors, refused=self.totals.refused, notes=self._notes)

    # ---- load --------------------------------------------------------------------------------

    def on_ack(self, due_s: float, now_s: float) -> None:
        """A question was acknowledged."""
        if self._phase is not None:
            self._phase.on_ack(due_s, now_s)

    def on_answer(self, session: Session, entry: Entry, now_s: float, source: frames.Source | None) -> bytes:
        """A question was answered; in a closed loop the next one follows at once."""
        if self.replay is not None:
            return self.replay.on_answer(session, entry, now_s, source)
        phase = self._phase
        if phase is None:
            return b""
        phase.on_answer(entry, now_s, source)
        if phase.closed and now_s < phase.stop_s and len(session.waiting) < phase.depth:
            return self._next(session, phase, now_s, now_s)
        return b""

    def _next(self, session: Session, phase: Phase, due_s: float, now_s: float) -> bytes:
        question = self._feed.take(phase.mix)
        if question is None:
            if not phase.exhausted:
                phase.exhausted, phase.stop_s = True, now_s
            return b""
        phase.on_sent(due_s, question[0], now_s)
        return session.ask(question, due_s)

    def _arrivals(self, phase: Phase, now: float) -> None:
        for _ in range(256):  # then look at the sockets again
            due = phase.next_s
            if due > now or due >= phase.stop_s:
                return
            phase.step()
            session = self.sessions[self._turn]
            self._turn = (self._turn + 1) % len(self.sessions)
            data = self._next(session, phase, due, now)
            if data:
                session.write(data)

    def _begin(self) -> None:
        phase = self._phase
        assert phase is not None
        if not phase.closed:
            return
        for session in self.sessions:
            data = b"".join(self._next(session, phase, now, now)
                            for now in (monotonic(),) * (phase.depth - len(session.waiting)))
            if data:
                session.write(data)

    def _finish(self) -> None:
        """End the phase when all is answered or the time to drain is over."""
        phase = self._phase
        if phase is None:
            return
        now = monotonic()
        if now < phase.stop_s or (self.totals.inflight and now < phase.stop_s + self._drain_s):
            self.later(0.02, self._finish)
            return
        self._phase = None
        self.emit("run", phase=phase.to_wire(), totals=self.totals.to_wire(), notes=self._notes,
                  new_left=self._feed.new_left())

    # ---- commands ----------------------------------------------------------------------------

    def do_connect(self, host: str, port: int, path: str, origin: str, inbox: str, echo: bool, tag: str,
                   first: int, count: int, sources: list[str], reconnect: bool, timeout_s: float) -> None:
        """Open ``count`` sessions; their number in the whole bench starts at ``first``."""
        self.host, self.port, self.inbox, self.echo, self.reconnect = host, port, inbox, echo, reconnect
        self.request = frames.upgrade_request(host, port, path, origin)
        added = [Session(self, i, f"{tag}-{i}", sources[k % len(sources)] if sources else "")
                 for k, i in enumerate(range(first, first + count))]
        self.sessions += added
        self._to_connect = list(reversed(added))
        token: dict[str, Any] = {"until": timeout_s}
        self._joining = token

        def give_up() -> None:
            if self._joining is token:
                self._joining, self._to_connect = None, []
                self._report_connect()

        self.later(timeout_s, give_up)
        self._open_more()

    def do_load(self, path: str, part: int, parts: int, seed: int, again: bool) -> None:
        """Read questions (JSON lines ``[kind, key, text]``); new ones are dealt out between ``parts``.

        ``again``: begin anew with the new ones when they have run out."""
        repeated: list[Question] = []
        new: list[Question] = []
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file):
                kind, key, text = json.loads(line)
                question = (kind, key, json.dumps(text, ensure_ascii=False).encode())
                if kind == REPEATED:
                    repeated.append(question)
                elif kind == NEW_KIND and number % parts == part:
                    new.append(question)
        self._feed = Feed(repeated, new, seed + part, again)
        self._rng = random.Random(seed * 7919 + part)
        self.emit("load", repeated=len(repeated), new=len(new))

    def do_run(self, start_s: float, warm_s: float, seconds: float, mix: Any, depth: int,
               rate_per_s: float, drain_s: float, seed: int) -> None:
        """Ask from ``start_s`` on: closed loop of ``depth``, or open loop of ``rate_per_s`` here."""
        self._phase = Phase(start_s=start_s, warm_s=warm_s, seconds=seconds, mix=mix, depth=depth,
                            rate_per_s=rate_per_s, seed=seed)
        self._drain_s = drain_s
        if rate_per_s > 0:
            self._phase.step()
        self._rng.shuffle(self.sessions)
        now = monotonic()
        self.later(start_s - now, self._begin)
        self.later(start_s - now + 0.02, self._finish)

    def do_stop(self) -> None:
        """End the phase now; its ``run`` event follows when all is answered."""
        if self._phase is not None:
            self._phase.stop_s = min(self._phase.stop_s, monotonic())

    def do_replay(self, path: str, part: int, parts: int, at_once: int, timeout_s: float, host: str,
                  port: int, ws_path: str, origin: str, inbox: str, tag: str) -> None:
        """Play every ``parts``-th dialogue of ``path`` (JSON lines, one list of texts each)."""
        self.host, self.port, self.inbox = host, port, inbox
        self.request = frames.upgrade_request(host, port, ws_path, origin)
        with open(path, encoding="utf-8") as file:
            dialogues = [json.loads(line) for number, line in enumerate(file) if number % parts == part]
        self.replay = Replay(self, dialogues, at_once, timeout_s, f"{tag}p{part}")
        self.replay.start()

    def do_ledger(self, path: str) -> None:
        """Write one line per session: what was acknowledged with which seq, what is unanswered."""
        with open(path, "w", encoding="utf-8") as file:
            for s in self.sessions:
                file.write(json.dumps({
                    "stream": s.stream.decode(), "conversation": s.conversation, "seqs": s.seqs.tolist(),
                    "sums": s.sums.tolist(),
                    "last_seq": s.delivery.known_up_to(), "unanswered": list(s.waiting)}) + "\n")
        self.emit("ledger", totals=self.totals.to_wire())

    def do_readback(self, limit: int, timeout_s: float) -> None:
        """Let sessions come back with ``after: 0`` and compare every page with what was acknowledged."""
        chosen = [s for s in self.sessions if s.token and s.conversation][:limit]
        self.reconnect = False
        result: dict[str, Any] = {"sessions": 0, "messages": 0, "left": len(chosen),
                                  **dict.fromkeys(readback.NAMES, 0)}
        self._reading = result
        for session in chosen:
            session.readback = []
            if session.sock is not None:
                session.drop("readback")
            self._to_connect.append(session)
        self.later(timeout_s, lambda: self._end_readback(result))
        self._open_more()
        if not chosen:
            self._end_readback(result)

    def on_readback(self, session: Session) -> None:
        """All pages of one session have come."""
        items, session.readback = session.readback or [], None
        result = self._reading
        self._connected()
        if result is None:
            return
        for name, number in readback.compare(
                session.stream.decode(), session.seqs, session.sums, items).items():
            result[name] += number
        result["sessions"] += 1
        result["messages"] += len(items)
        result["left"] -= 1
        if not result["left"]:
            self._end_readback(result)

    def _end_readback(self, result: dict[str, Any]) -> None:
        if self._reading is result:
            self._reading = None
            self.emit("readback", **result)

    def do_cut(self, share: float) -> None:
        """Break a random share of the connections with RST; they come back if reconnecting is on."""
        ready = [s for s in self.sessions if s.state == READY]
        chosen = self._rng.sample(ready, int(len(ready) * share))
        for session in chosen:
            session.drop("cut", abort=True)
        self.emit("cut", count=len(chosen))

    def do_close(self, count: int, how: str) -> None:
        """End ``count`` sessions by ``fin``, ``rst`` or ``bye`` (a WebSocket close frame, then FIN)."""
        self.reconnect = False
        done = 0
        for session in reversed(self.sessions):
            if done == count:
                break
            if session.state == READY:
                if how == "bye":
                    session.write(frames.CLOSE_NORMAL)
                session.drop(how, abort=how == "rst")
                done += 1
        self.emit("close", count=done)

    def do_quit(self) -> None:
        """End the process."""
        self._running = False
        self.emit("quit", totals=self.totals.to_wire(), notes=self._notes)


def main() -> int:
    """Entry point of the process."""
    client = Client()
    try:
        client.run()
    except Exception:
        client.emit("failed", error=traceback.format_exc())
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
