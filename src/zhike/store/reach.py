"""What is needed to reach a visitor who left, and what is known of the ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Connection, delete, select, update

from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Contact
from zhike.domain.message import Message
from zhike.store import contacts, conversations, messages
from zhike.store.dialect import upsert
from zhike.store.tables import mail_stops, mailboxes

TURNS_BEFORE = 12
"""Messages before a reply that are read, so that the last turns can be quoted."""

Reason = Literal["asked", "bounced"]


class Reachable(NamedTuple):
    """Who is to be reached. ``stopped``: why their address gets no more mail, "" = it does."""

    conversation: Conversation
    contact: Contact
    stopped: str


def reachable(conn: Connection, conversation_id: int) -> Reachable | None:
    """Who a conversation's visitor is now."""
    conversation = conversations.get_conversation(conn, conversation_id)
    contact = contacts.get_contact(conn, conversation.contact_id) if conversation is not None else None
    if contact is not None and contact.merged_into:
        contact = contacts.get_contact(conn, contact.merged_into) or contact
    if conversation is None or contact is None:
        return None
    return Reachable(conversation, contact, stopped(conn, conversation.inbox_id, contact.email))


class ToSend(NamedTuple):
    """``new``: the messages that are due; ``past``: the last turns before them."""

    who: Reachable
    new: list[Message]
    past: list[Message]


def to_send(conn: Connection, conversation_id: int, seqs: Sequence[int]) -> ToSend | None:
    """All that a mail is made of."""
    who = reachable(conn, conversation_id)
    if who is None:
        return None
    first, last = min(seqs), max(seqs)
    wanted = set(seqs)
    found = messages.after(conn, conversation_id, first - 1, last - first + 1)
    return ToSend(who, [m for m in found if m.seq in wanted],
                  messages.before(conn, conversation_id, first, TURNS_BEFORE))


# ---- addresses that get no more mail ---------------------------------------------------------------

def stopped(conn: Connection, inbox_id: int, address: str) -> str:
    """Why an address gets no more mail of an inbox, "" = it does."""
    if not address:
        return ""
    found = conn.execute(select(mail_stops.c.reason).where(
        mail_stops.c.inbox_id == inbox_id, mail_stops.c.address == address.lower())).scalar()
    return found or ""


def stop(conn: Connection, inbox_id: int, address: str, reason: Reason, now: int) -> bool:
    """No more mail to this address; True if that is new. Who asked for it keeps having asked."""
    before = stopped(conn, inbox_id, address)
    if before in ("asked", reason) or not address:
        return False
    upsert(conn, mail_stops, [{"inbox_id": inbox_id, "address": address.lower(), "reason": reason,
                               "created_at": now}], ["inbox_id", "address"], ["reason", "created_at"])
    return True


def resume(conn: Connection, inbox_id: int, address: str) -> bool:
    """It may get mail again; True if it got none."""
    return conn.execute(delete(mail_stops).where(
        mail_stops.c.inbox_id == inbox_id, mail_stops.c.address == address.lower())).rowcount > 0


# ---- how far a mailbox was read ---------------------------------------------------------------------

class Place(NamedTuple):
    """``uid_validity`` 0: never read. ``looked_at``, ``failed_at``: ms, None = never."""

    uid_validity: int = 0
    uid: int = 0
    looked_at: int | None = None
    failed_at: int | None = None
    last_error: str = ""


def box_name(user: str, host: str, folder: str) -> str:
    """What a mailbox is known by."""
    return f"{user}@{host}/{folder}"[:190]


def place(conn: Connection, name: str) -> Place:
    """How far a mailbox was read."""
    row = conn.execute(select(mailboxes).where(mailboxes.c.name == name)).mappings().first()
    return Place(**{field: row[field] for field in Place._fields}) if row is not None else Place()


def moved(conn: Connection, name: str, uid_validity: int, uid: int) -> None:
    """Everything up to ``uid`` is done."""
    upsert(conn, mailboxes, [{"name": name, "uid_validity": uid_validity, "uid": uid, "last_error": ""}],
           ["name"], ["uid_validity", "uid"])


def looked(conn: Connection, name: str, now: int, error: str = "") -> None:
    """A look has ended, well or with what is wrong."""
    upsert(conn, mailboxes, [{"name": name, "uid_validity": 0, "uid": 0, "last_error": ""}], ["name"], [])
    values = {"failed_at": now, "last_error": error[:500]} if error else {"looked_at": now, "last_error": ""}
    conn.execute(update(mailboxes).where(mailboxes.c.name == name).values(**values))
