"""A client of a real server over a real socket: what the widget and the console do, for tests.

    async with Visitor(f"ws://127.0.0.1:{port}/ws") as visitor:   # hello, welcome
        question = visitor.say("退货")
        await visitor.answered(question)
        assert visitor.problems == []

It counts its messages, keeps what is not acknowledged, comes back after a lost connection, resumes
and sends again. Every frame is compared with what was seen before: a gap, a double, a change or a
step backwards is noted in ``problems``. Waiting is for events, with a time-out.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

WAIT_S = 30.0
"""Longest wait for anything that must come: generous, because machines are busy."""
FIRST_FINAL = 4500
"""From this close code on a client does not come back by itself."""

_names = itertools.count(1)


class Seen(NamedTuple):
    """What stands at one seq, as far as the client knows. ``kind`` tells how it learned of it: ack,
    duplicate (an ack that says so), live, resume or history."""

    kind: str
    direction: str
    sender: str
    text: str
    client_msg_id: str
    answers: tuple[int, ...]


class Client:
    """Connects, says hello, collects. See the module.

    Args:
        url: of the WebSocket.
        hello: fields of hello beside token and resume point.
        origin: the page, "" = no browser page.
        headers: of the upgrade request.
        stay: come back by itself after a lost connection.
        seed: of the waits between attempts.
        options: for ``websockets.connect``.
    """

    def __init__(self, url: str, *, hello: Mapping[str, Any] | None = None, origin: str = "",
                 headers: Mapping[str, str] | None = None, stay: bool = False, seed: int = 0,
                 options: Mapping[str, Any] | None = None) -> None:
        self.url = url
        self.hello_fields = dict(hello or {})
        self.origin = origin
        self.headers = dict(headers or {})
        self.stay = stay
        self.options = dict(options or {})
        self.ws: ClientConnection | None = None
        self.welcome: dict[str, Any] = {}
        """Of this connection; {} while there is none."""
        self.welcomes_count = 0
        self.token = ""
        self.frames: list[dict[str, Any]] = []
        """All that came, in order, over all connections."""
        self.errors: list[dict[str, Any]] = []
        """The ``error`` frames."""
        self.closes: list[int] = []
        """Close codes, 1006 = lost without a close frame."""
        self.reconnect_after_ms: list[int] = []
        self.problems: list[str] = []
        self.gone = False
        """True once it does not come back."""
        self._rng = random.Random(seed)
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    # ---- life --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self.start()
        await self.until(lambda: bool(self.welcome) or self.gone, "welcome")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self.leave()

    def start(self) -> None:
        """Begins to connect; :meth:`until` tells how it went."""
        self._task = asyncio.get_running_loop().create_task(self._live(), name="ws client")

    async def leave(self) -> None:
        """Closes as a browser's page does."""
        self.stay = False
        if self.ws is not None:
            await self.ws.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _live(self) -> None:
        tries = 0
        while True:
            try:
                async with connect(self.url, origin=self.origin or None,  # type: ignore[arg-type]
                                   additional_headers=self.headers, compression=None, ping_interval=None,
                                   close_timeout=5, open_timeout=WAIT_S, proxy=None, max_size=None,
                                   **self.options) as ws:
                    await self._connected(ws)
                    async for raw in ws:
                        tries = 0
                        self._take(raw)
                        self._wake()
            except ConnectionClosed:
                pass  # told below, by its code
            except (OSError, InvalidHandshake, InvalidMessage, EOFError) as error:
                # nobody listens, or the server ended in the middle of the handshake
                if not self.stay:
                    self.problems.append(f"no connection: {error!r}")
            code = self._lost()
            if not self.stay or code >= FIRST_FINAL:
                self.gone = True
                self._wake()
                return
            self._wake()
            tries += 1
            await asyncio.sleep(min(0.5, 0.02 * 2 ** min(tries, 6)) * self._rng.uniform(0.5, 1.0))

    async def _connected(self, ws: ClientConnection) -> None:
        self.ws = ws
        try:
            await ws.send(json.dumps(self._hello()))
        except ConnectionClosed:
            return  # turned away at the door; what was said there is still to be read

    def _lost(self) -> int:
        ws, self.ws = self.ws, None
        self.welcome = {}
        if ws is None:
            return 0
        code = ws.close_code or 1006
        self.closes.append(code)
        return code

    def _hello(self) -> dict[str, Any]:
        frame: dict[str, Any] = {"type": "hello", "v": 1, **self.hello_fields}
        if self.token:
            frame["token"] = self.token
        return frame

    # ---- what comes --------------------------------------------------------------------------

    def _take(self, raw: str | bytes) -> None:
        frame: dict[str, Any] = json.loads(raw)
        self.frames.append(frame)
        kind = frame["type"]
        if kind == "welcome":
            self.welcome = frame
            self.welcomes_count += 1
            self.token = frame.get("token", "") or self.token
        elif kind == "error":
            self.errors.append(frame)
        elif kind == "going_away":
            self.reconnect_after_ms.append(frame["reconnect_after_ms"])
        self.on_frame(kind, frame)

    def on_frame(self, kind: str, frame: dict[str, Any]) -> None:
        """For subclasses."""

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All frames of one type."""
        return [frame for frame in self.frames if frame["type"] == kind]

    def transmit(self, frame: Mapping[str, Any] | str | bytes) -> None:
        """Sends one frame (bytes: as binary), or drops it while there is no connection."""
        if self.ws is None:
            return
        data = frame if isinstance(frame, str | bytes) else json.dumps(frame, ensure_ascii=False)
        self._spawn(self.ws, data)

    def _spawn(self, ws: ClientConnection, data: str | bytes) -> None:
        # websockets' send awaits only where the socket is full; the order of calls is kept by its lock
        async def send() -> None:
            try:
                await ws.send(data)
            except (ConnectionClosed, OSError):
                return  # the reader tells

        task = asyncio.get_running_loop().create_task(send())
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    @property
    def _sends(self) -> set[asyncio.Task[None]]:
        found: set[asyncio.Task[None]] = self.__dict__.setdefault("_sending", set())
        return found

    # ---- waiting -----------------------------------------------------------------------------

    async def until(self, condition: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
        """Returns once ``condition()`` holds; it is asked after every frame.

        Raises:
            AssertionError: it did not come; the message shows where the client stands.
        """
        if condition():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((condition, future))
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            raise AssertionError(f"{what} did not come within {timeout_s:.0f} s; {self.state()}") from None
        finally:
            self._waiters = [one for one in self._waiters if one[1] is not future]

    def state(self) -> str:
        """For error messages."""
        return (f"closes {self.closes}, errors {[e['error']['code'] for e in self.errors]}, "
                f"problems {self.problems}, last frames {self.frames[-3:]}")

    def _wake(self) -> None:
        for condition, future in self._waiters:
            if not future.done() and condition():
                future.set_result(None)

    async def heard(self) -> None:
        """Returns once all that the server has sent so far is here: before saying "it did not come"."""
        name = f"heard-{next(_names)}"
        self.transmit({"type": "ping", "id": name})
        await self.until(lambda: any(frame.get("id") == name for frame in self.of("pong")), "pong")

    async def closed(self) -> int:
        """Waits for the end of the connection; returns the close code."""
        count = len(self.closes)
        if self.ws is not None:
            await self.until(lambda: len(self.closes) > count, "the end of the connection")
        return self.closes[-1]

    async def error(self, number: int = 1) -> dict[str, Any]:
        """The body of the ``number``-th error, once it is here."""
        await self.until(lambda: len(self.errors) >= number, f"error {number}")
        body: dict[str, Any] = self.errors[number - 1]["error"]
        return body


class Reader(Client):
    """A client that follows conversations and checks what it is told."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self.seen: dict[int, dict[int, Seen]] = {}
        """conversation → seq → what stands there."""
        self.delivered: dict[int, int] = {}
        """conversation → everything up to here is known."""
        self.states: dict[int, dict[str, Any]] = {}
        """conversation → its last known state."""
        self.notes_hidden = False
        """Set where private notes take seqs that a visitor never sees."""

    def on_frame(self, kind: str, frame: dict[str, Any]) -> None:
        if kind == "message":
            self._message(frame, "live")
        elif kind == "messages":
            for item in frame["items"]:
                self._message(item, frame.get("reason", "resume"))
        elif kind == "conversation":
            self.states[frame["conversation"]["id"]] = frame["conversation"]

    def _message(self, item: Mapping[str, Any], kind: str) -> None:
        conversation, seq = item["conversation"], item["seq"]
        at = self.seen.setdefault(conversation, {})
        known = at.get(seq)
        fresh = Seen(kind, item["direction"], item["sender"], item["text"], item.get("client_msg_id", ""),
                     tuple(item.get("answers", ())))
        if known is None:
            before = self.delivered.get(conversation, 0)
            if kind != "history" and seq != self._next(conversation) and not self.notes_hidden:
                self.problems.append(f"{conversation}: {kind} {seq} came after {before}")
            at[seq] = fresh
        else:
            # an ack may overtake a page; an ack of a duplicate also the event of the first copy, which
            # another connection sent, perhaps through another instance
            expected = known.kind == "duplicate" or (known.kind == "ack" and kind == "resume")
            if kind != "history" and not expected:
                self.problems.append(f"{conversation}: {seq} came as {known.kind} and again as {kind}")
            if (known.text, known.direction) != (fresh.text, fresh.direction):
                self.problems.append(f"{conversation}: {seq} was {known.text!r} and is {fresh.text!r}")
            at[seq] = fresh._replace(kind=known.kind)
        self._advance(conversation)

    def own(self, conversation: int, seq: int, direction: str, sender: str, text: str,
            client_msg_id: str, *, duplicate: bool = False) -> None:
        """A message of this client's was acknowledged: that is how it learns of its place."""
        at = self.seen.setdefault(conversation, {})
        known = at.get(seq)
        if known is None:
            at[seq] = Seen("duplicate" if duplicate else "ack", direction, sender, text, client_msg_id, ())
            self._advance(conversation)
        elif known.client_msg_id != client_msg_id:
            self.problems.append(f"{client_msg_id} is acknowledged at {seq}, where {known} stands")

    def _next(self, conversation: int) -> int:
        return self.delivered.get(conversation, 0) + 1

    def _advance(self, conversation: int) -> None:
        at = self.seen[conversation]
        upto = self.delivered.get(conversation, 0)
        if self.notes_hidden:
            self.delivered[conversation] = max(at)
            return
        while upto + 1 in at:
            upto += 1
        self.delivered[conversation] = upto

    def texts(self, conversation: int = 0) -> list[str]:
        """The texts of a conversation (default: the only one) in seq order."""
        return [row.text for row in self.rows(conversation).values()]

    def rows(self, conversation: int = 0) -> dict[int, Seen]:
        """seq → message, in seq order."""
        if not conversation:
            assert len(self.seen) <= 1, f"several conversations: {list(self.seen)}"
            conversation = next(iter(self.seen), 0)
        return dict(sorted(self.seen.get(conversation, {}).items()))

    async def got(self, text: str, conversation: int = 0) -> int:
        """Waits for a message that holds ``text``; returns its seq."""
        def found() -> list[int]:
            return [seq for number, at in self.seen.items() if conversation in (0, number)
                    for seq, row in at.items() if text in row.text]

        await self.until(lambda: bool(found()), f"{text!r}")
        return found()[0]


class Visitor(Reader):
    """A visitor's page: counts, keeps, resends.

    Args:
        inbox: its key.
        stream: of the message ids ``<stream>.<n>``; a second tab has another.
        token: of an earlier visit, or of the first tab.
    """

    def __init__(self, url: str, *, inbox: str = "shop", stream: str = "", token: str = "",
                 lang: str = "zh", **options: Any) -> None:
        super().__init__(url, **options)
        self.hello_fields |= {"inbox": inbox, "lang": lang}
        self.stream = stream or f"t{next(_names)}"
        self.token = token
        self.conversation = 0
        self.n = 0
        self.outbox: dict[str, dict[str, Any]] = {}
        """Sent or to be sent, without an ack, in order."""
        self.sent: dict[str, dict[str, Any]] = {}
        self.acked: dict[str, tuple[int, int]] = {}
        """client_msg_id → (conversation, seq)."""
        self.duplicates: list[str] = []
        self.refused: dict[str, str] = {}
        """client_msg_id → code of the last refusal."""
        self.paused = False
        """While True nothing is sent again by itself."""

    def _hello(self) -> dict[str, Any]:
        frame = super()._hello()
        if self.token:
            frame["after"] = self.delivered.get(self.conversation, 0)
            if self.conversation:
                frame["conversation"] = self.conversation
        return frame

    def say(self, text: str, **fields: Any) -> str:
        """Puts a message into the outbox, counted, and sends it if there is a connection."""
        self.n += 1
        client_msg_id = f"{self.stream}.{self.n}"
        frame = {"type": "message", "client_msg_id": client_msg_id, "n": self.n, "text": text, **fields}
        self.outbox[client_msg_id] = self.sent[client_msg_id] = frame
        if self.welcome:
            self.transmit(frame)
        return client_msg_id

    def resend(self) -> None:
        """Everything without an ack again, in order."""
        for frame in self.outbox.values():
            self.transmit(frame)

    def on_frame(self, kind: str, frame: dict[str, Any]) -> None:
        if kind == "welcome":
            state = frame.get("conversation")
            if state:
                self.conversation = state["id"]
                self.states[state["id"]] = state
            if not self.paused:
                self.resend()
        elif kind == "ack":
            self._ack(frame)
        elif kind == "error":
            self._refused(frame)
        else:
            super().on_frame(kind, frame)
            if kind == "message":
                self.conversation = frame["conversation"]

    def _ack(self, frame: dict[str, Any]) -> None:
        client_msg_id, conversation, seq = frame["client_msg_id"], frame["conversation"], frame["seq"]
        self.conversation = conversation
        if frame.get("duplicate"):
            self.duplicates.append(client_msg_id)
        before = self.acked.setdefault(client_msg_id, (conversation, seq))
        if before != (conversation, seq):
            self.problems.append(f"{client_msg_id} is at {before} and at {(conversation, seq)}")
        frame_sent = self.sent.get(client_msg_id)
        if frame_sent is None:
            self.problems.append(f"an ack for {client_msg_id!r}, which was never sent")
            return
        self.outbox.pop(client_msg_id, None)
        self.own(conversation, seq, "incoming", "contact", frame_sent["text"], client_msg_id,
                 duplicate=frame.get("duplicate", False))

    def _refused(self, frame: dict[str, Any]) -> None:
        client_msg_id = frame.get("client_msg_id", "")
        if not client_msg_id:
            return
        error = frame["error"]
        self.refused[client_msg_id] = error["code"]
        if error["retry"] == "never":
            self.outbox.pop(client_msg_id, None)
        elif not self.paused and self.stay:
            asyncio.get_running_loop().call_later(error.get("retry_after_s") or 0.05, self.resend)

    async def stored(self, *ids: str) -> None:
        """Waits for the acks of these messages (default: of all)."""
        await self.until(lambda: not self.outbox if not ids else all(i in self.acked for i in ids), "acks")

    def answer_of(self, client_msg_id: str) -> Seen | None:
        """The answer that names this message, if it is here."""
        place = self.acked.get(client_msg_id)
        if place is None:
            return None
        return next((row for row in self.seen[place[0]].values() if place[1] in row.answers), None)

    async def answered(self, *ids: str) -> list[Seen]:
        """Waits for the answers to these messages (default: to all that were sent)."""
        wanted = ids or tuple(self.sent)
        await self.until(lambda: all(self.answer_of(i) for i in wanted), "answers")
        return [found for i in wanted if (found := self.answer_of(i)) is not None]

    def check_order(self) -> None:
        """What was counted 1, 2, 3 stands in that order, without a gap in the conversation.

        Raises:
            AssertionError: with what is wrong.
        """
        assert not self.problems, self.problems
        places = [self.acked[f"{self.stream}.{n}"] for n in range(1, self.n + 1)
                  if f"{self.stream}.{n}" in self.acked]
        assert places == sorted(places), f"{self.stream} stands in another order: {places}"
        for conversation, at in self.seen.items():
            assert sorted(at) == list(range(1, len(at) + 1)), f"{conversation} has gaps: {sorted(at)}"
