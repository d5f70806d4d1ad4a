"""Reads the mailbox into which visitors answer, over IMAP.

The folder is opened read-only and mails are peeked at: nothing is marked, moved or deleted, whoever else
reads there. How far it was read stands in the database (the UID of the last mail, and the folder's
UIDVALIDITY), so a restart goes on where it was. A folder that was made anew is read from yesterday on; a mail
that was taken before is known by its Message-ID. At the very first look only what comes from now on is taken.

One instance looks at a time, by a lease. A look takes a bounded number of mails, each up to a bounded size.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from zhike.channels.mail.intake import Intake, Later
from zhike.clock import NowMs
from zhike.store import leases, reach
from zhike.store.engine import Store
from zhike.store.reach import Place

if TYPE_CHECKING:
    from zhike.config.mail import Mail

TIMEOUT_S = 20.0
"""Per wait for the server."""
ROUND = 20
"""Mails of one look; the next one follows at once while there are more."""
MAX_MAIL_BYTES = 25 << 20
"""A larger one is read up to here, and says that something is missing."""
LEASE = "mail.imap"
LEASE_MS = 120_000

log = logging.getLogger("zhike.mail")


class Got(NamedTuple):
    """``mails``: (uid, bytes, whether that is all of it). ``uid``: read up to here when they are done."""

    uid_validity: int
    uid: int
    mails: list[tuple[int, bytes, bool]]
    more: bool


class Mailbox:
    """One folder on a server; everything in it blocks, so it runs in a thread."""

    def __init__(self, settings: Mail, *, ssl_context: Any = None, timeout_s: float = TIMEOUT_S) -> None:
        self._own = settings
        self._ssl_context = ssl_context
        self._timeout_s = timeout_s

    def check(self) -> int:
        """Signs in and opens the folder; returns how many mails are in it.

        Raises:
            OSError, imaplib.IMAP4.error: it cannot.
        """
        client, count = self._open()
        _leave(client)
        return count

    def read(self, place: Place, since: dt.date) -> Got:
        """What came after ``place``, at most :data:`ROUND`.

        Raises:
            OSError, imaplib.IMAP4.error: the server or the folder is away.
        """
        client, _ = self._open()
        try:
            validity = _number(client.response("UIDVALIDITY")[1])
            if not place.uid_validity:
                return Got(validity, self._last(client), [], False)
            if place.uid_validity != validity:
                found = _uids(client.uid("SEARCH", f"SINCE {since.strftime('%d-%b-%Y')}"))
            else:
                newer = _uids(client.uid("SEARCH", f"UID {place.uid + 1}:*"))
                found = [uid for uid in newer if uid > place.uid]  # (the last one always answers)
            now = found[:ROUND]
            mails = [(uid, *self._fetch(client, uid)) for uid in now]
            more = len(found) > len(now)
            upto = now[-1] if now else (place.uid if place.uid_validity == validity else self._last(client))
            return Got(validity, upto, mails, more)
        finally:
            _leave(client)

    def _open(self) -> tuple[Any, int]:
        import imaplib
        import ssl

        own = self._own
        if own.imap_security != "none" and self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        if own.imap_security == "tls":
            client: Any = imaplib.IMAP4_SSL(own.imap_host, own.imap_port, ssl_context=self._ssl_context,
                                            timeout=self._timeout_s)
        else:
            client = imaplib.IMAP4(own.imap_host, own.imap_port, timeout=self._timeout_s)
        try:
            if own.imap_security == "starttls":
                client.starttls(self._ssl_context)
            client.login(own.imap_user, own.imap_password)
            if "ID" in client.capabilities:  # 163 and 126 close the door on who does not say who they are
                imaplib.Commands.setdefault("ID", ("AUTH",))
                client._simple_command("ID", '("name" "zhike" "vendor" "zhike")')
            state, said = client.select(_quoted(own.imap_folder), readonly=True)
            if state != "OK":
                raise imaplib.IMAP4.error(f"folder {own.imap_folder}: {said[0]!r}"[:300])
            return client, int(said[0] or 0)
        except BaseException:
            _leave(client)
            raise

    def _last(self, client: Any) -> int:
        """The newest UID there is."""
        nxt = _number(client.response("UIDNEXT")[1])
        if nxt:
            return nxt - 1
        found = _uids(client.uid("SEARCH", "ALL"))
        return found[-1] if found else 0

    def _fetch(self, client: Any, uid: int) -> tuple[bytes, bool]:
        _, answer = client.uid("FETCH", str(uid), f"(RFC822.SIZE BODY.PEEK[]<0.{MAX_MAIL_BYTES}>)")
        for part in answer or ():
            if isinstance(part, tuple) and len(part) == 2:
                found = re.search(rb"RFC822\.SIZE (\d+)", part[0])
                return bytes(part[1]), found is None or int(found[1]) <= MAX_MAIL_BYTES
        return b"", True  # it is gone


def _number(values: Any) -> int:
    return int(values[0]) if values and values[0] else 0


def _uids(answer: Any) -> list[int]:
    _, found = answer
    return sorted(int(uid) for uid in (found[0] or b"").split())


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _leave(client: Any) -> None:
    try:
        client.logout()
    except Exception:
        client.shutdown()


class Reader:
    """Looks into the mailbox again and again. Create it on the event loop.

    Args:
        node: the name of this process.
    """

    def __init__(self, settings: Mail, store: Store, intake: Intake, now_ms: NowMs, node: str, *,
                 mailbox: Mailbox | None = None) -> None:
        self._own = settings
        self._store = store
        self._intake = intake
        self._now_ms = now_ms
        self._node = node
        self.mailbox = mailbox or Mailbox(settings)
        self.name = reach.box_name(settings.imap_user, settings.imap_host, settings.imap_folder)
        self.problem = ""
        """What was wrong at the last look of this process, "" = nothing."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="zhike-imap")
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="imap")

    def poke(self) -> None:
        """Looks now."""
        self._wake.set()

    async def stop(self) -> None:
        """Ends; another instance may look at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await _quietly(self._store.write(leases.give_back, LEASE, self._node))
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def check(self) -> int:
        """How many mails are in the folder.

        Raises:
            OSError, imaplib.IMAP4.error: it cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.mailbox.check)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            more = False
            try:
                more = await self.look()
            except Exception as error:
                self.problem = f"{type(error).__name__}: {error}"[:300]
                log.warning("the mailbox was not read; trying again", extra={"why": self.problem})
                await _quietly(self._store.write(reach.looked, self.name, self._now_ms(), self.problem))
            if not more:
                try:
                    async with asyncio.timeout(self._own.look_every_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def look(self) -> bool:
        """One look; True if there is more."""
        now = self._now_ms()
        if not await self._store.write(leases.take, LEASE, self._node, now, LEASE_MS):
            return False
        place = await self._store.read(reach.place, self.name)
        looked_at = dt.datetime.fromtimestamp((place.looked_at or now) / 1000, dt.UTC)
        since = looked_at.date() - dt.timedelta(days=1)
        got = await asyncio.get_running_loop().run_in_executor(self._thread, self.mailbox.read, place, since)
        for uid, raw, whole in got.mails:
            if raw:
                try:
                    await self._intake.take(raw, whole=whole)
                except Later:
                    raise
                except Exception:  # one mail must not keep all others out
                    self._intake.counts["broken"] += 1
                    log.exception("a mail could not be read", extra={"uid": uid})
            await self._store.write(reach.moved, self.name, got.uid_validity, uid)
        if not got.mails:
            await self._store.write(reach.moved, self.name, got.uid_validity, got.uid)
        await self._store.write(reach.looked, self.name, self._now_ms())
        self.problem = ""
        return got.more


async def _quietly(work: Awaitable[Any]) -> None:
    try:
        await work
    except Exception:
        log.warning("the state of the mailbox was not stored", exc_info=True)


