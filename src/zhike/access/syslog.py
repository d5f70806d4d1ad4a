"""The audit to a syslog server: one line of RFC 5424 for each entry, at least once, in order.

A task follows the table from the place it remembers in ``meta``, so nothing is lost while the server is away
or the desk is restarted. Several instances on one database follow together: an entry may then come twice; its
``id`` tells. UDP cannot say whether anything arrived: use TCP or the local socket where it matters.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection

from zhike.access.sessions import Database
from zhike.clock import to_datetime
from zhike.store import audit
from zhike.store.schema import get_meta, set_meta

log = logging.getLogger(__name__)

POSITION = "audit_syslog"
BATCH = 200
LOOK_S = 1.0
RETRY_S = 15.0
"""How soon after a failure it is tried again."""
TIMEOUT_S = 5.0
PRIORITY = 13 * 8 + 5
"""Facility 13 (log audit), severity 5 (notice): RFC 5424 section 6.2.1."""
MAX_UDP_BYTES = 2048
"""What RFC 5424 section 6.1 asks receivers to take; what is longer is cut, and whole in the export."""
_ENTERPRISE = "zhike@32473"
"""32473 is the number that RFC 5612 keeps for those who have none of their own."""


class Target(NamedTuple):
    """Where lines go: ``kind`` udp, tcp or unix."""

    kind: str
    host: str
    port: int


def parse(url: str) -> Target:
    """``udp://host:514``, ``tcp://host:601`` or ``unix:///dev/log``.

    Raises:
        ValueError: another scheme, or a part is missing.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
        return Target("unix", parts.path, 0)
    if parts.scheme not in ("udp", "tcp") or not parts.hostname or parts.path.strip("/"):
        raise ValueError("udp://host:514, tcp://host:601 or unix:///dev/log")
    return Target(parts.scheme, parts.hostname, parts.port or (514 if parts.scheme == "udp" else 601))


def _quoted(value: str) -> str:
    """A value of structured data (section 6.3.3)."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def line(entry: audit.Entry, host: str, pid: int) -> bytes:
    """One message of RFC 5424, without framing."""
    at = to_datetime(entry.at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = " ".join(f'{name}="{_quoted(value)}"' for name, value in (
        ("id", str(entry.id)), ("actor", entry.actor), ("target", entry.target), ("digest", entry.digest)))
    detail = msgspec.json.encode(entry.detail).decode()
    text = (f"<{PRIORITY}>1 {at} {host or '-'} zhike {pid} {entry.action[:32] or '-'} [{_ENTERPRISE} {data}] "
            f"\ufeff{entry.actor} {entry.action} {entry.target} {detail}")
    return text.replace("\n", " ").encode()


class Sender:
    """A connection, opened when it is needed. Blocks: for a thread."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._socket: socket.socket | None = None

    def send(self, lines: list[bytes]) -> None:
        """Hands all lines to the system.

        Raises:
            OSError: the server is away; nothing, a part or all may have arrived.
        """
        try:
            sock = self._socket or self._open()
            self._socket = sock
            if self.target.kind == "tcp":  # octet counting, RFC 6587 section 3.4.1
                sock.sendall(b"".join(b"%d %b" % (len(each), each) for each in lines))
            else:
                for each in lines:
                    sock.send(each[:MAX_UDP_BYTES] if self.target.kind == "udp" else each)
        except OSError:
            self.close()
            raise

    def _open(self) -> socket.socket:
        kind, host, port = self.target
        if kind == "tcp":
            return socket.create_connection((host, port), TIMEOUT_S)
        if kind == "unix":
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            address: object = host
        else:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.settimeout(TIMEOUT_S)
        try:
            sock.connect(address)  # type: ignore[arg-type]
        except OSError:
            sock.close()
            raise
        return sock

    def close(self) -> None:
        """Closes the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _begin(conn: Connection) -> None:
    """The first time: from here on."""
    if get_meta(conn, POSITION) is None:
        set_meta(conn, POSITION, str(audit.newest(conn)))


def _next(conn: Connection) -> list[audit.Entry]:
    """What comes after the place that is remembered."""
    known = get_meta(conn, POSITION)
    return audit.after(conn, int(known), BATCH) if known is not None else []


def _advance(conn: Connection, place: int) -> None:
    """Never back: another instance may be further."""
    known = get_meta(conn, POSITION)
    if known is None or int(known) < place:
        set_meta(conn, POSITION, str(place))


class Follower:
    """Sends every entry of the audit from now on.

    Args:
        store: the open store.
        url: see :func:`parse`.
    """

    def __init__(self, store: Database, url: str) -> None:
        self._store = store
        self._sender = Sender(parse(url))
        self._task: asyncio.Task[None] | None = None
        self._host = socket.gethostname()[:255]
        self._away = self._begun = False

    def start(self) -> None:
        """Begins to follow."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="audit-syslog")

    async def stop(self) -> None:
        """Sends what is left, once, and ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if not self._away:
            with contextlib.suppress(Exception):
                await self.step()
        self._sender.close()

    async def step(self) -> bool:
        """Sends what is new, up to one batch; True if there may be more.

        Raises:
            OSError: the server is away.
        """
        if not self._begun:
            await self._store.write(_begin)
            self._begun = True
        entries = await self._store.read(_next)
        if not entries:
            return False
        lines = [line(entry, self._host, os.getpid()) for entry in entries]
        await asyncio.get_running_loop().run_in_executor(None, self._sender.send, lines)
        await self._store.write(_advance, entries[-1].id)
        return len(entries) == BATCH

    async def _run(self) -> None:
        while True:
            try:
                more = await self.step()
                if self._away:
                    log.info("the syslog server is back")
                    self._away = False
                pause_s = 0.0 if more else LOOK_S
            except Exception as error:
                if not self._away:
                    log.warning("the audit cannot be sent to the syslog server; it is tried again",
                                extra={"cause": str(error)})
                    self._away = True
                pause_s = RETRY_S
            await asyncio.sleep(pause_s)
