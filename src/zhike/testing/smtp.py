"""A small SMTP server for tests: real sockets, and faults on purpose."""

from __future__ import annotations

import asyncio
import base64
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import NamedTuple


class Letter(NamedTuple):
    """A mail as it came: envelope, parsed message, and who had signed in."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    user: str
    encrypted: bool


class SmtpServer:
    """Keeps what it was given.

    Attributes:
        users: name → password; empty: nobody needs to sign in.
        refuse_rcpt, refuse_data: an answer such as ``550 no such user``; "" accepts. ``refuse_data`` comes
            after the text.
        drop_after_data: the connection breaks when the text is there, before the answer.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, starttls: bool = False) -> None:
        self._tls = tls
        self._starttls = starttls
        self.users: dict[str, str] = {}
        self.refuse_rcpt = ""
        self.refuse_data = ""
        self.drop_after_data = False
        self.letters: list[Letter] = []
        self.came = asyncio.Event()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> SmtpServer:
        """Listens on a free port of this machine."""
        context = None if self._starttls else self._tls
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def stop(self) -> None:
        """Closes."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Talk(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()


class _Talk:
    def __init__(self, server: SmtpServer, reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.encrypted = writer.get_extra_info("ssl_object") is not None
        self.user = ""
        self.sender = ""
        self.recipients: list[str] = []

    async def say(self, text: str) -> None:
        self.writer.write(f"{text}\r\n".encode())
        await self.writer.drain()

    async def run(self) -> None:
        await self.say("220 test")
        while line := (await self.reader.readline()).decode("latin-1").strip():
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    await self._greet()
                case "STARTTLS":
                    await self.say("220 go")
                    await self.writer.start_tls(self.server._tls)  # type: ignore[arg-type]
                    self.encrypted = True
                case "AUTH":
                    await self._sign_in(rest)
                case "MAIL":
                    needs = self.server.users and not self.user
                    self.sender, self.recipients = _path(rest), []
                    await self.say("530 sign in first" if needs else "250 ok")
                case "RCPT":
                    if not self.server.refuse_rcpt:
                        self.recipients.append(_path(rest))
                    await self.say(self.server.refuse_rcpt or "250 ok")
                case "DATA":
                    if not await self._take():
                        return
                case "QUIT":
                    await self.say("221 bye")
                    return
                case _:
                    await self.say("250 ok")

    async def _greet(self) -> None:
        offers = ["250-test", "250-AUTH PLAIN"]
        if self.server._starttls and not self.encrypted:
            offers.append("250-STARTTLS")
        await self.say("\r\n".join([*offers, "250 8BITMIME"]))

    async def _sign_in(self, rest: str) -> None:
        _, name, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
        if self.server.users.get(name) != password:
            await self.say("535 wrong password")
            return
        self.user = name
        await self.say("235 ok")

    async def _take(self) -> bool:
        await self.say("354 go on")
        data = (await self.reader.readuntil(b"\r\n.\r\n"))[:-5].replace(b"\r\n..", b"\r\n.")
        if self.server.drop_after_data:
            return False
        if self.server.refuse_data:
            await self.say(self.server.refuse_data)
            return True
        message = message_from_bytes(data, policy=policy.default)
        self.server.letters.append(Letter(self.sender, tuple(self.recipients), message, self.user,
                                          self.encrypted))
        self.server.came.set()
        await self.say("250 taken")
        return True


def _path(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]
