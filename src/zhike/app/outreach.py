"""Reaching people who are not here: the notifier, mail, and the look at the desk's own health.

Made after the process is ready; a test asked for before that is told ``starting``.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from zhike.access import webpush
from zhike.access.mailer import Mailer, MailError, MailUnclear
from zhike.access.outbound import Outbound
from zhike.access.targets import BadTarget
from zhike.app.mailing import Mailing
from zhike.desk.notify.notifier import Notifier
from zhike.desk.notify.push import PushWay
from zhike.desk.notify.ways import Ways, mail_of
from zhike.domain.notice import Notice, Target
from zhike.domain.reach import Reach
from zhike.errors import Lang, ZhikeError
from zhike.rest.ports import Health
from zhike.store import outbox, push

if TYPE_CHECKING:
    from zhike.app.core import Core

WATCH_S = 60.0
"""How often the desk's own health is looked at; what is wrong at two looks in a row is told."""
NO_TROUBLE = frozenset({"ok", "no bot yet", "draining", "starting"})
PROGRESS = ("building", "computing for")
"""Work that takes a while is no trouble."""
MIN_FREE_BYTES = 500 << 20
"""An SQLite database that cannot grow stops the desk."""
LOST_MS = 3_600_000

log = logging.getLogger("zhike.notify")
Look = Callable[[], Awaitable[Health]]


class Outreach:
    """See the module. Create it on the event loop."""

    def __init__(self, core: Core) -> None:
        self._core = core
        settings = core.settings
        self.mailer = Mailer(settings.mail)
        out = Outbound(allow_private=settings.channels.allow_private)
        self._push_key = ""
        self.push = PushWay(out, self.push_key, core.now, self._subject(), _page, _veil,
                            allow_private=settings.channels.allow_private)
        self._ways = Ways(out, self.mailer, core.now, self._link, self.push)
        self.notifier = Notifier(core.store, self._ways, core.now, lambda: core.registry.inboxes,
                                 core.registry.agent_name)
        self.mailing = Mailing(core, self.mailer)
        self.watch: Watch | None = None

    def _link(self, conversation_id: int) -> str:
        base = self._core.public_url or self._core.settings.public_url()
        return f"{base}/console/conversations/{conversation_id}"

    def _subject(self) -> str:
        """Where a push service reaches whoever runs this desk (RFC 8292 section 2.1)."""
        if self.mailer.address:
            return f"mailto:{self.mailer.address}"
        base = self._core.public_url or self._core.settings.public_url()
        return base if base.startswith("https://") else f"mailto:desk@{urlsplit(base).hostname}"

    async def push_key(self) -> str:
        """The private key that signs what is pushed; made when it is wanted first, and kept for good."""
        if not self._push_key:
            store = self._core.store
            self._push_key = await store.read(push.key)
            if not self._push_key:
                fresh = await asyncio.get_running_loop().run_in_executor(None, webpush.new_key)
                self._push_key = await store.write(push.keep_key, fresh)
        return self._push_key

    async def push_public_key(self) -> str:
        """See :class:`zhike.rest.ports.Outreach`."""
        key = await self.push_key()
        return await asyncio.get_running_loop().run_in_executor(None, webpush.public_key, key)

    async def check_push(self, endpoint: str, p256dh: str, auth: str) -> None:
        """See :class:`zhike.rest.ports.Outreach`."""
        try:
            await asyncio.get_running_loop().run_in_executor(None, webpush.browser_keys, p256dh, auth)
        except webpush.BadKeys as error:
            raise ZhikeError("invalid_field", str(error), field="keys") from error
        try:
            await self.push.checked(endpoint)
        except BadTarget as error:
            raise ZhikeError("invalid_field", str(error), field="endpoint") from error
        except OSError:
            log.info("the address of a push service cannot be looked up now; it is tried when there is news")

    async def start(self, look: Look | None) -> None:
        """Begins to tell. ``look``: the health of the process (None: it is not watched)."""
        await self.notifier.start()
        self.mailing.start()
        if look is not None:
            self.watch = Watch(self._core, self.notifier, look)
            self.watch.start()

    async def test_mail(self, to: str, lang: Lang) -> float:
        """See :class:`zhike.rest.ports.Outreach`."""
        now = self._core.now()
        message = mail_of(self.mailer, [to], [Notice("test", "test", now, since=now)], lang, now, self._link)
        began_s = asyncio.get_running_loop().time()
        try:
            await self.mailer.send(message, [to])
        except (MailError, MailUnclear) as error:
            raise ZhikeError("mail_failed", str(error)) from error
        return (asyncio.get_running_loop().time() - began_s) * 1000

    async def stop(self) -> None:
        """What is under way ends."""
        if self.watch is not None:
            await self.watch.stop()
        await self.notifier.stop()
        await self.mailing.stop()
        await self._ways.close()
        self.mailer.close()


class Watch:
    """Tells operators of trouble: what ``/health/ready`` says, messages that did not arrive, a full disk.

    ``troubles``: part → since how many looks it is wrong.
    """

    def __init__(self, core: Core, notifier: Notifier, look: Look, *, every_s: float = WATCH_S) -> None:
        self._core = core
        self._notifier = notifier
        self._look = look
        self._every_s = every_s
        self.troubles: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="watch")

    async def stop(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.once()
            except Exception:
                log.warning("the look at the desk's health failed; it runs again", exc_info=True)

    async def once(self) -> None:
        """One look."""
        wrong = {part: said for part, said in (await self.checks()).items() if _is_trouble(said)}
        for part, said in wrong.items():
            self.troubles[part] = self.troubles.get(part, 0) + 1
            if self.troubles[part] == 2:
                await self._notifier.trouble(part, said)
        for part in [one for one in self.troubles if one not in wrong]:
            if self.troubles.pop(part) >= 2:
                await self._notifier.trouble(part, "", over=True)

    async def checks(self) -> dict[str, str]:
        """Part → "ok", or what is wrong."""
        checks = dict((await self._look()).checks)
        free = await asyncio.get_running_loop().run_in_executor(None, _free_bytes,
                                                                self._core.settings.server.data)
        checks["disk"] = "ok" if free >= MIN_FREE_BYTES else f"{free >> 20} MiB free in the data folder"
        if checks.get("store") == "ok":
            lost = await self._core.store.read(outbox.lost_since, self._core.now() - LOST_MS)
            checks["outbox"] = f"{lost} messages of the last hour did not arrive" if lost else "ok"
        return checks


def _is_trouble(said: str) -> bool:
    return said not in NO_TROUBLE and not any(word in said for word in PROGRESS)


def _free_bytes(folder: str) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return MIN_FREE_BYTES  # the store's own check says what is wrong with the folder


def _page(conversation_id: int) -> str:
    """Of the console, for a browser that is at our own address already."""
    return f"/console/conversations/{conversation_id or ''}".rstrip("/")


def _veil(text: str) -> str:
    from zhike.answer.mask.veil import veil  # its word lists: imported when there is something to hide

    return veil(text)


class LazyOutreach:
    """See :class:`zhike.rest.ports.Outreach`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def _made(self) -> Outreach:
        if self._core.outreach is None:
            raise ZhikeError("starting", retry_after_s=1.0)
        return self._core.outreach

    async def test_target(self, target: Target) -> float:
        """See the port."""
        return await self._made().notifier.test(target)

    async def push_public_key(self) -> str:
        """See the port."""
        return await self._made().push_public_key()

    async def check_push(self, endpoint: str, p256dh: str, auth: str) -> None:
        """See the port."""
        await self._made().check_push(endpoint, p256dh, auth)

    async def test_mail(self, to: str, lang: Lang) -> float:
        """See the port."""
        return await self._made().test_mail(to, lang)

    async def reach(self, conversation_id: int) -> Reach:
        """See the port."""
        return await self._made().mailing.reach(conversation_id)

    async def take_mail(self, raw: bytes) -> str:
        """See the port."""
        return await self._made().mailing.take_mail(raw)

    async def check_mailbox(self) -> int:
        """See the port."""
        return await self._made().mailing.check_mailbox()
