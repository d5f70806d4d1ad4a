"""Brings replies to visitors who left: by mail, else by SMS, or not at all because they are back.

A row of the outbox waits as long as the inbox says. Then, in this order: read meanwhile → nothing to do; a
page of theirs is open → looked at again later; an address → mail with everything that waits; a number → the
inbox's SMS action; nothing → ``skipped``, as the agent was told beforehand.

SMTP knows no idempotency key. A mail is tried again only when it certainly did not leave; a connection that
breaks after the text, or a process that dies, leaves it ``unknown``: shown, and never sent again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from zhike.access.mailer import Mailer, MailError, MailUnclear
from zhike.access.mailtokens import MailTokens
from zhike.access.outbound import Outbound
from zhike.channels.mail import sms
from zhike.channels.mail.letter import From, Letter, compose
from zhike.channels.mail.words import WORDS, lang_of, one_line
from zhike.clock import NowMs
from zhike.domain.attachment import Attachment
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.domain.message import Message
from zhike.domain.reach import Ways, hidden, route, ways_of
from zhike.domain.views import payload_of
from zhike.jobs.outbox import Failed, Outcome, Retry, Sent, Skipped, Unknown, Wait
from zhike.store import reach
from zhike.store.engine import Store
from zhike.store.notify import MAIL_ADDRESS
from zhike.store.outbox import OutboxRow
from zhike.store.reach import ToSend

TIMEOUT_S = 90.0
"""One whole attempt: the mail server is given 20 s for each of its answers."""
LOOK_AGAIN_S = 15.0
"""An open page is looked at again after the inbox's wait, and not more often than this."""
GIVE_UP_MS = 24 * 3_600_000
"""A page that has been open for a day, unread, will be found by its visitor."""
MAX_SMS_CHARS = 60

Somewhere = Callable[[int, str, int], Awaitable[bool]]
"""Whether a visitor (inbox, sender, conversation) is connected to any process."""


class Files(Protocol):
    """Bytes of files, and links to them (:class:`zhike.app.mailfiles.MailFiles`)."""

    def read(self, file: Attachment) -> bytes | None:
        """In a thread."""

    async def load(self, files: list[Attachment]) -> None:
        """Looks up where these lie."""

    def link(self, file: Attachment) -> str:
        """A whole URL that works for some days."""


class AwayChannel:
    """See the module; a :class:`zhike.jobs.outbox.Deliver`.

    Args:
        inbox: an inbox as it is in memory, by id.
        base_url: our own address.
        reply_to: where answers are read; ``plus``: see :class:`zhike.channels.mail.letter.From`.
    """

    resend = False
    together = True
    timeout_s = TIMEOUT_S

    def __init__(self, store: Store, inbox: Callable[[int], Inbox | None], here: Somewhere, mailer: Mailer,
                 tokens: MailTokens, files: Callable[[], Files], out: Outbound, now_ms: NowMs,
                 base_url: Callable[[], str], *, reply_to: str = "", plus: bool = False) -> None:
        self._store = store
        self._inbox = inbox
        self._here = here
        self._mailer = mailer
        self._tokens = tokens
        self._files = files
        self._out = out
        self._now_ms = now_ms
        self._base_url = base_url
        self._reply_to = reply_to or mailer.address
        self._plus = plus
        self.problem = ""
        """Why the last mail could not be given to the mail server, "" = it could."""

    async def deliver(self, row: OutboxRow, message: Message, conversation: Conversation) -> Outcome:
        """See :class:`zhike.jobs.outbox.Deliver`."""
        inbox = self._inbox(row.inbox_id)
        if inbox is None:
            return Skipped("off")
        ways = ways_of(inbox.settings)
        seqs = [row.seq, *(seq for _, seq in row.more)]
        found = await self._store.read(reach.to_send, row.conversation_id, seqs)
        if found is None:
            return Skipped("no_address")
        read_seq = found.who.conversation.read_by_contact_seq
        new = [m for m in found.new if m.seq > read_seq and not payload_of(m).recalled]
        if not new:
            return Skipped("read")
        if await self._here(row.inbox_id, conversation.sender, conversation.id):
            late = self._now_ms() - row.created_at >= GIVE_UP_MS
            return Skipped("here") if late else Wait(max(float(ways.wait_s), LOOK_AGAIN_S))
        secret = str(inbox.settings.get("callback_secret") or "")
        contact = found.who.contact
        email = contact.email if MAIL_ADDRESS.fullmatch(contact.email) else ""
        way = route(ways, email, contact.phone, found.who.stopped, mail_ready=self._mailer.ready,
                    signed=bool(secret))
        if way.way == "email":
            return await self._mail(inbox, ways, way.to, found._replace(new=new))
        if way.way == "sms":
            return await self._sms(inbox, ways, way.to, secret, new, row, found.who.conversation.lang)
        return Skipped(way.why)

    async def close(self) -> None:
        """Closes idle connections."""
        await self._out.close()

    # ---- mail --------------------------------------------------------------------------------

    async def _mail(self, inbox: Inbox, ways: Ways, to: str, found: ToSend) -> Outcome:
        files = self._files()
        await files.load([file for m in found.new for file in payload_of(m).attachments])
        sender = From(inbox.name, self._mailer.address, self._reply_to, self._plus, self._base_url(),
                      ways.page)
        letter = await asyncio.to_thread(self._compose, sender, to, inbox, found, files)
        try:
            await self._mailer.send(letter.message, [to])
        except MailError as error:
            if error.for_good:
                return Failed(str(error))
            self.problem = str(error)
            return Retry(str(error))
        except MailUnclear as error:
            self.problem = str(error)
            return Unknown(str(error))
        self.problem = ""
        return Sent(letter.id, "email", hidden(to))

    def _compose(self, sender: From, to: str, inbox: Inbox, found: ToSend, files: Files) -> Letter:
        return compose(sender, to, found.who.conversation.lang, found.new, found.past, self._tokens,
                       self._now_ms(), read=files.read, link=files.link, clean=_cleaner(inbox))

    # ---- SMS ---------------------------------------------------------------------------------

    async def _sms(self, inbox: Inbox, ways: Ways, to: str, secret: str, new: list[Message], row: OutboxRow,
                   lang: str) -> Outcome:
        tongue = lang_of(lang)
        clean = await asyncio.to_thread(_cleaner, inbox)
        said = one_line(clean(" ".join(m.text for m in new)), MAX_SMS_CHARS)
        text = WORDS[tongue]["sms" if ways.page else "sms_bare"].format(
            shop=one_line(inbox.name, 20), text=said, page=ways.page)
        body = sms.Sms("visitor.missed", inbox.key, row.conversation_id, tongue, to, text, ways.page)
        outcome = await sms.send(self._out, ways.sms_url, secret, f"{row.idempotency_key}-sms", body,
                                 self._now_ms())
        return outcome._replace(via="sms", to=hidden(to)) if isinstance(outcome, Sent) else outcome


def _cleaner(inbox: Inbox) -> Callable[[str], str]:
    if not inbox.settings.get("mask_pii"):
        return lambda text: text
    from zhike.answer.mask import redact  # its patterns take a while to build

    return redact
