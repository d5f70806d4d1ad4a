"""Takes a mail in: finds its conversation by the token, and sends what its author wrote the normal way.

The token decides, not the sender: an address in ``From`` proves nothing, and many people answer from another
one than they gave. Such a message is stored and marked with the address it claims. A mail without a token
begins a conversation only where ``mail.inbox`` names an inbox, as a contact of its own: it never gets into
somebody else's.

What no person wrote is counted and left alone; the desk never answers a mail by itself, so there is no loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal, Protocol

from zhike.access.limits import Buckets
from zhike.access.mailtokens import MailTokens
from zhike.bus.base import Event, Stored
from zhike.channels.mail.parse import Attached, Parsed, parse
from zhike.clock import NowMs
from zhike.domain.attachment import Attachment
from zhike.domain.knowledge import Inbox
from zhike.domain.message import MAX_TEXT_CHARS, Mailed
from zhike.domain.reach import AWAY
from zhike.domain.wire import SendMessage
from zhike.errors import ZhikeError
from zhike.store import outbox, reach
from zhike.store.engine import Store

Outcome = Literal["stored", "duplicate", "auto", "bounce", "delayed", "own", "stopped", "unknown", "empty",
                  "too_many", "blocked", "refused"]
STORE_TIMEOUT_S = 15.0
PER_HOUR, AT_ONCE = 60, 30
"""Mails of one conversation: a person writes less, a broken program more."""
MAX_FLOODING = 1_000
"""Senders remembered who write too often; more of them count as so many."""
MAX_SENDER_CHARS = 150

log = logging.getLogger("zhike.mail")
Note = Callable[[int, str, str], None]
"""Has the agents told in a conversation: (conversation, what, why)."""


class Later(Exception):
    """Not now: the same mail is brought again."""


class Desk(Protocol):
    """Where messages go (:class:`zhike.desk.service.Desk`)."""

    def put(self, source: Any, payload: SendMessage, arrived_s: float) -> ZhikeError | None: ...


class Uploads(Protocol):
    """Takes files in (:class:`zhike.files.uploads.Uploads`)."""

    def take(self, parts: AsyncIterator[bytes], name: str, inbox_id: int,
             sender: str) -> Awaitable[Attachment]: ...


class MailSource:
    """One message that came by mail. See ``pipeline/ports.py``: Source."""

    agent_id = 0
    agent_name = ""
    conversation_id = 0

    def __init__(self, inbox_id: int, sender: str, lang: str, mailed: Mailed,
                 contact: dict[str, str] | None) -> None:
        self.inbox_id = inbox_id
        self.sender = sender
        self.lang = lang
        self.mailed = mailed
        self.contact = contact
        self.last_client_msg_id = ""
        self.stored: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()

    def on_control(self, frame: Any) -> None:
        """Never: only messages are sent."""

    def on_stored(self, event: Event) -> None:
        """See Source."""
        if event.ack is not None and not self.stored.done():
            self.stored.set_result(event.ack)

    def on_refused(self, client_msg_id: str, error: ZhikeError) -> None:
        """See Source."""
        if not self.stored.done():
            self.stored.set_exception(error)


class Intake:
    """See the module.

    Args:
        own_address: what the desk writes from: its own mails are no answers.
        way_in: the inbox in which a mail without a token begins a conversation; None: it does not.
    """

    def __init__(self, store: Store, desk: Desk, uploads: Callable[[], Uploads], tokens: MailTokens,
                 now_ms: NowMs, note: Note, own_address: str, way_in: Callable[[], Inbox | None]) -> None:
        self._store = store
        self._desk = desk
        self._uploads = uploads
        self._tokens = tokens
        self._now_ms = now_ms
        self._note = note
        self._own_address = own_address
        self._way_in = way_in
        self._often = Buckets(PER_HOUR / 3600, AT_ONCE)
        self._flooding: dict[tuple[int, str], int] = {}
        """Who wrote more than is taken, and when last."""
        self.counts: Counter[str] = Counter()
        """Mails by what became of them."""

    async def take(self, raw: bytes, *, whole: bool = True) -> Outcome:
        """Takes one mail. Doing it twice does no harm.

        Raises:
            Later: the desk cannot store it now.
        """
        mail = await asyncio.to_thread(parse, raw, self._own_address, whole=whole)
        outcome = await self._take(mail)
        self.counts[outcome] += 1
        return outcome

    async def _take(self, mail: Parsed) -> Outcome:
        if mail.kind in ("auto", "own", "delayed"):
            return mail.kind
        named = self._tokens.find(*mail.places)
        who = await self._store.read(reach.reachable, named.conversation_id) if named is not None else None
        if mail.kind == "bounce":
            if named is None or who is None:
                return "unknown"
            return await self._came_back(named.conversation_id, named.seq, who, mail)
        if who is None:
            return await self._begin(mail)
        c, contact = who.conversation, who.contact
        if mail.asks_to_stop:
            if await self._store.write(reach.stop, c.inbox_id, contact.email, "asked", self._now_ms()):
                self._note(c.id, "mail_stopped", "")
            return "stopped"
        claimed = "" if mail.sender == contact.email.lower() else mail.sender
        return await self._say(mail, c.inbox_id, c.sender, c.lang, claimed, None)

    async def _begin(self, mail: Parsed) -> Outcome:
        """A mail that answers none of ours."""
        inbox = self._way_in()
        if inbox is None or not mail.sender:
            return "unknown"
        lang = "zh" if any("\u4e00" <= char <= "\u9fff" for char in mail.subject + mail.text) else "en"
        contact = {"email": mail.sender, "name": mail.name}
        if mail.subject and mail.subject not in mail.text:
            mail = mail._replace(text=f"{mail.subject}\n\n{mail.text}".strip())
        return await self._say(mail, inbox.id, f"m:{mail.sender[:MAX_SENDER_CHARS]}", lang, "", contact)

    async def _say(self, mail: Parsed, inbox_id: int, sender: str, lang: str, claimed: str,
                   contact: dict[str, str] | None) -> Outcome:
        files = list(mail.files)
        text = mail.text
        if len(text) > MAX_TEXT_CHARS:  # nothing of it is lost: the whole goes along as a file
            files.insert(0, Attached("mail.txt", text.encode()))
            text = f"{text[:MAX_TEXT_CHARS - 100].rstrip()}…"
        if not text and not files:
            return "empty"
        if self._often.take((inbox_id, sender), self._now_ms() / 1000):
            return self._flooded((inbox_id, sender))
        taken, refused = await self._upload(files, inbox_id, sender)
        left_out = mail.left_out + refused
        if left_out:
            words = (f"[{left_out} files were not taken]" if lang[:2] == "en"
                     else f"[{left_out} 个附件没有收下]")
            text = f"{text}\n{words}".strip()[:MAX_TEXT_CHARS]
        mailed = Mailed(mail.id[:250], mail.subject, claimed[:320])
        source = MailSource(inbox_id, sender, lang, mailed, contact)
        frame = SendMessage(mail.client_msg_id, text, action="handoff", files=tuple(taken))
        return await self._put(source, frame)

    def _flooded(self, who: tuple[int, str]) -> Outcome:
        if who not in self._flooding:
            log.warning("mails of one sender come too fast; what is beyond stays in the mailbox",
                        extra={"inbox_id": who[0], "sender": who[1]})
        if who in self._flooding or len(self._flooding) < MAX_FLOODING:
            self._flooding[who] = self._now_ms()
        return "too_many"

    def problem(self) -> str:
        """What operators should know; "" if all is well."""
        since = self._now_ms() - 3_600_000
        self._flooding = {who: at for who, at in self._flooding.items() if at > since}
        if not self._flooding:
            return ""
        return (f"senders who wrote more than {PER_HOUR} mails within an hour: {len(self._flooding)}; "
                "what was beyond is not taken and stays in the mailbox")

    async def _put(self, source: MailSource, frame: SendMessage) -> Outcome:
        refusal = self._desk.put(source, frame, asyncio.get_running_loop().time())
        if refusal is not None:
            raise Later(str(refusal))
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                stored = await source.stored
        except TimeoutError as error:
            raise Later("it was not stored in time") from error
        except ZhikeError as error:
            if error.code == "id_conflict":  # the same mail, read another way: the first one stands
                return "duplicate"
            if error.code == "blocked":
                return "blocked"
            if error.spec.retry != "never":
                raise Later(str(error)) from error
            log.warning("a mail was refused", extra={"why": error.code})
            return "refused"
        return "duplicate" if stored.duplicate else "stored"

    async def _upload(self, files: list[Attached], inbox_id: int, sender: str) -> tuple[list[int], int]:
        taken: list[int] = []
        refused = 0
        for file in files:
            try:
                taken.append((await self._uploads().take(_whole(file.data), file.name, inbox_id, sender)).id)
            except ZhikeError as error:
                if error.code == "storage_full":
                    raise Later(str(error)) from error
                refused += 1
        return taken, refused

    async def _came_back(self, conversation_id: int, seq: int, who: reach.Reachable, mail: Parsed) -> Outcome:
        """A mail of ours was not delivered: said once, and the address is not used again."""
        why = mail.why or mail.subject
        changed = await self._store.write(outbox.came_back, conversation_id, seq, AWAY, f"bounced: {why}")
        if changed:
            await self._store.write(reach.stop, who.conversation.inbox_id, who.contact.email, "bounced",
                                    self._now_ms())
            self._note(conversation_id, "mail_bounced", why)
        return "bounce"


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
