"""HTTP against a real server for tests: one request per connection, and an agent who signs in."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from zhike.testing.wsclient import Reader

PASSWORD = "correct horse battery staple"
_names = itertools.count(1)


class Response:
    """An HTTP answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's code, "" for a success."""
        return str(self.json["error"]["code"]) if self.status >= 400 else ""


class Api:
    """Calls one server. ``headers`` go with every request."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = port
        self.headers: dict[str, str] = {}

    async def __call__(self, method: str, path: str, body: Any = None) -> Response:
        """One request on a connection of its own.

        Raises:
            OSError: nobody listens, or the connection ended before the answer was whole.
        """
        data = b"" if body is None else json.dumps(body).encode()
        return await self.raw(method, path, data, as_json=body is not None)

    async def raw(self, method: str, path: str, data: bytes, *, as_json: bool = False) -> Response:
        """The same with a body as it is."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            head = {"Host": f"{self.host}:{self.port}", "Connection": "close",
                    "Content-Length": str(len(data)), **self.headers}
            if as_json:
                head["Content-Type"] = "application/json"
            lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            raw = await reader.read()
        finally:
            writer.close()
        top, found, rest = raw.partition(b"\r\n\r\n")
        if not found:
            raise ConnectionError(f"{method} {path}: no answer")
        status, *header_lines = top.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in
                   (line.partition(":") for line in header_lines)}
        return Response(int(status.split(" ")[1]), headers, _body(headers, rest))

    async def good(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded body of a request that must succeed (None if empty)."""
        response = await self(method, path, body)
        assert response.status < 300, f"{method} {path}: {response.status} {response.body[:500]!r}"
        return response.json if response.body else None


def _body(headers: dict[str, str], rest: bytes) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        if len(rest) < int(headers.get("content-length", "0")):
            raise ConnectionError("the answer ended early")
        return rest
    parts: list[bytes] = []
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if not size:
            raise ConnectionError("the answer ended early")
        count = int(size, 16)
        if not count:
            return b"".join(parts)
        parts.append(rest[:count])
        rest = rest[count + 2:]


class Agent(Reader):
    """A signed-in agent's page: REST and a socket with the same cookie.

    ``rest`` is signed in (:func:`set_up`, :func:`sign_in`). ``port``: of the socket, if a proxy stands
    before it.
    """

    def __init__(self, rest: Api, *, port: int = 0, **options: Any) -> None:
        place = f"{rest.host}:{port or rest.port}"
        super().__init__(f"ws://{place}/ws", headers={"Cookie": rest.headers["Cookie"]},
                         origin=f"http://{place}", **options)
        self.hello_fields["role"] = "agent"
        self.rest = rest
        self.acked: dict[str, int] = {}
        """client_msg_id → seq."""
        self.outbox: dict[str, dict[str, Any]] = {}
        """Without an ack, in order."""
        self._watched: set[int] = set()
        self._said: dict[str, tuple[str, bool]] = {}

    def on_frame(self, kind: str, frame: dict[str, Any]) -> None:
        if kind == "welcome":  # after a lost connection: everything as it was
            for conversation in self._watched:
                self.watch(conversation, self.delivered.get(conversation, 0))
            for message in self.outbox.values():
                self.transmit(message)
        elif kind == "ack":
            client_msg_id, conversation, seq = frame["client_msg_id"], frame["conversation"], frame["seq"]
            if self.acked.setdefault(client_msg_id, seq) != seq:
                self.problems.append(f"{client_msg_id} is at {self.acked[client_msg_id]} and at {seq}")
            self.outbox.pop(client_msg_id, None)
            text, note = self._said[client_msg_id]
            self.own(conversation, seq, "note" if note else "outgoing", "agent", text, client_msg_id,
                     duplicate=frame.get("duplicate", False))
        else:
            super().on_frame(kind, frame)

    def watch(self, conversation: int, after: int | None = 0) -> None:
        """Follows a conversation from ``after`` (default: all of it)."""
        self._watched.add(conversation)
        self.transmit({"type": "watch", "conversation": conversation, "after": after})

    def say(self, conversation: int, text: str, *, note: bool = False) -> str:
        """Sends over the socket, and again after a lost connection until it is acknowledged."""
        client_msg_id = f"agent-{next(_names)}"
        self._said[client_msg_id] = (text, note)
        frame = {"type": "message", "conversation": conversation, "client_msg_id": client_msg_id,
                 "text": text, "note": note}
        self.outbox[client_msg_id] = frame
        if self.welcome:
            self.transmit(frame)
        return client_msg_id

    async def take(self, conversation: int) -> dict[str, Any]:
        """Takes the conversation over; returns its state."""
        state: dict[str, Any] = await self.rest.good("POST", f"/api/v1/conversations/{conversation}/take")
        return state

    async def give_back(self, conversation: int) -> None:
        """Returns it to the bot."""
        await self.rest.good("POST", f"/api/v1/conversations/{conversation}/return")


async def set_up(rest: Api, link: str, name: str = "Wang") -> Api:
    """Makes the first admin with the one-time link, and stays signed in."""
    answer = await rest("POST", "/api/v1/setup", {
        "token": link.partition("#token=")[2], "email": f"{name.lower()}@shop.example", "name": name,
        "password": PASSWORD})
    assert answer.status == 201, answer.body
    return _signed_in(rest, answer)


async def sign_in(rest: Api, name: str = "Wang") -> Api:
    """Signs an agent in who was set up before."""
    answer = await rest("POST", "/api/v1/login", {"email": f"{name.lower()}@shop.example",
                                                  "password": PASSWORD})
    assert answer.status == 200, answer.body
    return _signed_in(rest, answer)


def _signed_in(rest: Api, answer: Response) -> Api:
    rest.headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
    rest.headers["X-CSRF-Token"] = answer.json["csrf_token"]
    return rest
