"""Joins what brings replies to visitors who left, and tells agents beforehand how a reply will arrive."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from zhike.access.mailer import Mailer
from zhike.access.mailtokens import MailTokens
from zhike.access.outbound import Outbound
from zhike.channels.mail.deliver import AwayChannel
from zhike.channels.mail.imap import Reader
from zhike.channels.mail.intake import Intake, Later
from zhike.domain.attachment import Attachment
from zhike.domain.reach import AWAY, Reach, Route, hidden, route, ways_of
from zhike.errors import ZhikeError
from zhike.files.uploads import Uploads
from zhike.store import files as file_rows
from zhike.store import reach
from zhike.store.engine import Store
from zhike.store.notify import MAIL_ADDRESS
from zhike.store.outbox import OutboxRow

if TYPE_CHECKING:
    from zhike.app.core import Core

LINK_H = 7 * 24
"""How long a link to a file in a mail works."""
MAX_TASKS = 100

log = logging.getLogger("zhike.mail")


class MailFiles:
    """See :class:`zhike.channels.mail.deliver.Files`; one per mail."""

    def __init__(self, store: Store, uploads: Uploads, base_url: str, now_s: int) -> None:
        self._store = store
        self._uploads = uploads
        self._base_url = base_url
        self._now_s = now_s
        self._tokens: dict[int, str] = {}

    async def load(self, files: list[Attachment]) -> None:
        """See the port."""
        for file in files:
            found = await self._store.read(file_rows.get, file.id)
            if found is not None and found.conversation_id is not None:
                self._tokens[file.id] = found.token

    def read(self, file: Attachment) -> bytes | None:
        """See the port."""
        token = self._tokens.get(file.id)
        try:
            return self._uploads.folder.path(token).read_bytes() if token else None
        except OSError:
            log.warning("a file of a mail is gone", extra={"file_id": file.id})
            return None

    def link(self, file: Attachment) -> str:
        """See the port."""
        path = self._uploads.links.make(file.id, file.name, self._now_s, steps=LINK_H).path
        return f"{self._base_url}{path}"


class Mailing:
    """See the module. Create it on the event loop."""

    def __init__(self, core: Core, mailer: Mailer) -> None:
        self._core = core
        self._mailer = mailer
        own = core.settings.mail
        self.tokens = MailTokens(core.access.secret)
        self.channel = AwayChannel(
            core.store, core.desk.inbox, self._anywhere, mailer, self.tokens, self._files,
            Outbound(allow_private=core.settings.channels.allow_private), core.now, self._base_url,
            reply_to=own.reply_to, plus=own.plus)
        self._tasks: set[asyncio.Task[None]] = set()
        self.intake = Intake(core.store, core.desk, lambda: core.uploads, self.tokens, core.now,
                             self.spawn_note, mailer.address, lambda: core.registry.by_key.get(own.inbox))
        self.reader = (Reader(own, core.store, self.intake, core.now, core.node)
                       if own.imap_host else None)

    def start(self) -> None:
        """Begins to look for answers."""
        if self.reader is not None:
            self.reader.start()

    def health(self) -> dict[str, str]:
        """Part → "ok" or what is wrong; told, not required: the desk works without mail."""
        found = {}
        if self._mailer.ready:
            found["mail"] = self.channel.problem or "ok"
        if self.reader is not None:
            found["mailbox"] = self.reader.problem or self.intake.problem() or "ok"
        return found

    async def check_mailbox(self) -> int:
        """See :class:`zhike.rest.ports.Outreach`."""
        import imaplib

        if self.reader is None:
            raise ZhikeError("no_mail", "(mail.imap_host)")
        try:
            return await self.reader.check()
        except (OSError, imaplib.IMAP4.error) as error:
            raise ZhikeError("mail_failed", f"{type(error).__name__}: {error}"[:300]) from error

    async def stop(self) -> None:
        """What is under way ends."""
        if self.reader is not None:
            await self.reader.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.channel.close()

    def _base_url(self) -> str:
        return self._core.public_url or self._core.settings.public_url()

    def _files(self) -> MailFiles:
        return MailFiles(self._core.store, self._core.uploads, self._base_url(), self._core.now() // 1000)

    async def _anywhere(self, inbox_id: int, sender: str, conversation_id: int) -> bool:
        attendance = self._core.attendance
        return attendance is not None and await attendance.anywhere(inbox_id, sender, conversation_id)

    # ---- beforehand --------------------------------------------------------------------------

    async def reach(self, conversation_id: int) -> Reach:
        """See :class:`zhike.rest.ports.Outreach`."""
        who = await self._core.store.read(reach.reachable, conversation_id)
        inbox = self._core.desk.inbox(who.conversation.inbox_id) if who is not None else None
        if who is None or inbox is None:
            raise ZhikeError("not_found", f"conversation {conversation_id}")
        if inbox.channel != "web":
            return Reach(Route("channel"))  # (a channel with a window will say here until when)
        c, contact, ways = who.conversation, who.contact, ways_of(inbox.settings)
        here = await self._anywhere(c.inbox_id, c.sender, c.id)
        email = contact.email if MAIL_ADDRESS.fullmatch(contact.email) else ""
        found = route(ways, email, contact.phone, who.stopped, mail_ready=self._mailer.ready,
                      signed=bool(inbox.settings.get("callback_secret")))
        found = found._replace(to=hidden(found.to) if found.to else "")
        return Reach(Route("live") if here else found, here, ways.wait_s)

    # ---- coming in ---------------------------------------------------------------------------

    async def take_mail(self, raw: bytes) -> str:
        """See :class:`zhike.rest.ports.Outreach`."""
        try:
            return await self.intake.take(raw)
        except Later as error:
            raise ZhikeError("overloaded", str(error), retry_after_s=5.0) from error

    # ---- afterwards --------------------------------------------------------------------------

    def lost(self, row: OutboxRow, state: str, why: str) -> None:
        """A reply did not arrive, or nobody knows: the agents are told in the conversation."""
        if row.channel == AWAY:
            self.spawn_note(row.conversation_id, "mail_unknown" if state == "unknown" else "mail_failed", why)

    def spawn_note(self, conversation_id: int, what: str, why: str = "") -> None:
        """A private note of the desk itself."""
        if len(self._tasks) >= MAX_TASKS:
            log.warning("too many notes at once; one was left out", extra={"conversation": conversation_id})
            return
        note = self._note(conversation_id, what, why)
        task = asyncio.get_running_loop().create_task(note, name="mail-note")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _note(self, conversation_id: int, what: str, why: str) -> None:
        try:
            await self._core.desk.note_all([conversation_id], what, why[:300])
        except Exception:
            log.warning("a note about mail was not stored", exc_info=True)
