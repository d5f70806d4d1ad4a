"""What leaves through a channel: one row per message, written in the transaction of its cause.

A row goes ``due → sending → sent``, or ends as ``failed`` (it certainly did not arrive), ``unknown`` (it
may have arrived, and nobody can say) or ``skipped`` (nothing had to be sent: it was read meanwhile, or
there is no way). Of one conversation and channel only the
earliest unfinished row can be claimed: a later message never overtakes an earlier one, and never
goes out beside it. As in :mod:`zhike.store.jobs`, who claims holds a lease, and every mark names
the claim.

Rows of webhooks stand here too (:mod:`zhike.store.happenings`): their channel is ``webhook.<id>``, ``seq`` is
the number of the event, and all of one webhook are claimed together, whatever their inbox.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, exists, func, select, update

from zhike.domain.hook import PREFIX, Happening
from zhike.domain.reach import AWAY
from zhike.store.tables import outbox

UNFINISHED = ("due", "sending")
ENDED = ("sent", "unknown", "failed", "skipped")
MAX_TOGETHER = 20
"""Rows of a conversation that go in one piece, where the channel puts them together."""
MAX_ERROR_CHARS = 1000


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """The ``payload`` column: what has become of the row so far.

    ``maybe``: an attempt ended without an answer; the other side may have the message.
    ``receipt``: the other side's own id of it. ``via``, ``to``: which way it went, where a channel has
    several, and to whom, as agents may see it. Of webhooks: ``event``: what happened; ``since`` (ms): since
    when it is tried (0: since it was written); ``ended_at`` (ms): when it arrived.
    """

    maybe: bool = False
    receipt: str = ""
    via: str = ""
    to: str = ""
    event: Happening | None = None
    since: int = 0
    ended_at: int = 0


class OutboxRow(NamedTuple):
    """A row as claimed. ``attempts``: this one included; ``created_at``: when its cause was stored.
    ``more``: (id, seq) of later rows that go with it, and share what becomes of it."""

    id: int
    inbox_id: int
    conversation_id: int
    seq: int
    channel: str
    attempts: int
    lease_until: int
    created_at: int
    note: Note
    more: tuple[tuple[int, int], ...] = ()

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt, and for no other message."""
        return f"{self.conversation_id}-{self.seq}"


_COLUMNS = (outbox.c.id, outbox.c.inbox_id, outbox.c.conversation_id, outbox.c.seq, outbox.c.channel,
            outbox.c.attempts, outbox.c.lease_until, outbox.c.created_at, outbox.c.payload.label("note"))
_decode = msgspec.json.Decoder(Note).decode
_encode = msgspec.json.Encoder().encode
_WEBHOOKS = outbox.c.channel.like(f"{PREFIX}%")


def noted(event: Happening) -> str:
    """The ``payload`` of a new row of a webhook."""
    return _encode(Note(event=event)).decode()


def read_note(payload: str) -> Note:
    """The ``payload`` column."""
    return _decode(payload) if payload else Note()


def _lane(inbox_id: int, channel: str) -> tuple[ColumnElement[bool], ...]:
    """Whose rows are claimed together; inbox 0: all of this channel."""
    mine = outbox.c.channel == channel
    return (outbox.c.inbox_id == inbox_id, mine) if inbox_id else (mine,)


def _first_of_conversation() -> ColumnElement[bool]:
    earlier = outbox.alias("earlier")
    return ~exists().where(
        earlier.c.conversation_id == outbox.c.conversation_id, earlier.c.channel == outbox.c.channel,
        earlier.c.seq < outbox.c.seq, earlier.c.state.in_(UNFINISHED))


def claim(conn: Connection, inbox_id: int, channel: str, now: int, lease_ms: int, limit: int, *,
          resend: bool, together: bool = False) -> tuple[list[OutboxRow], list[OutboxRow]]:
    """Takes up to ``limit`` rows of an inbox to send, each the earliest open one of its conversation.

    Args:
        inbox_id: 0: of all inboxes (a webhook).
        resend: the channel takes an idempotency key. Then a row whose sender died is sent again
            with the same key; otherwise it becomes ``unknown`` and is never sent again.
        together: what else waits in the conversation goes with its first row, due or not.

    Returns:
        (claimed, rows that became ``unknown``).
    """
    claimed: list[OutboxRow] = []
    unknown: list[OutboxRow] = []
    ours = select(*_COLUMNS).where(*_lane(inbox_id, channel))
    died = (ours.where(outbox.c.state == "sending", outbox.c.lease_until <= now)
            .order_by(outbox.c.lease_until))
    due = (ours.where(outbox.c.state == "due", outbox.c.due_at <= now, _first_of_conversation())
           .order_by(outbox.c.due_at, outbox.c.id))
    for row in conn.execute(died.limit(limit).with_for_update(skip_locked=True)).all():
        held = _read(row)
        note = msgspec.structs.replace(held.note, maybe=True)
        if resend:
            _take(conn, held, "sending", now + lease_ms, note, claimed)
        elif _end(conn, held, "unknown", "the process died while sending", note):
            unknown.append(held._replace(note=note))
    if len(claimed) < limit:
        stmt = due.limit(limit - len(claimed)).with_for_update(skip_locked=True)
        for row in conn.execute(stmt).all():
            held = _read(row)
            _take(conn, held, "due", now + lease_ms, held.note, claimed)
    if together:
        claimed = [_with_later(conn, row, now + lease_ms) if not row.note.maybe else row
                   for row in claimed]
    return claimed, unknown


def _read(row: Any) -> OutboxRow:
    return OutboxRow(**{**row._mapping, "note": read_note(row.note)})


def _take(conn: Connection, row: OutboxRow, state: str, lease_until: int, note: Note,
          claimed: list[OutboxRow]) -> None:
    changed = conn.execute(
        update(outbox).where(outbox.c.id == row.id, outbox.c.state == state,
                             outbox.c.attempts == row.attempts, outbox.c.lease_until == row.lease_until)
        .values(state="sending", lease_until=lease_until, attempts=row.attempts + 1,
                payload=_encode(note).decode()))
    if changed.rowcount:
        claimed.append(row._replace(attempts=row.attempts + 1, lease_until=lease_until, note=note))


def _with_later(conn: Connection, row: OutboxRow, lease_until: int) -> OutboxRow:
    later = conn.execute(select(outbox.c.id, outbox.c.seq).where(
        outbox.c.conversation_id == row.conversation_id, outbox.c.channel == row.channel,
        outbox.c.seq > row.seq, outbox.c.state == "due")
        .order_by(outbox.c.seq).limit(MAX_TOGETHER - 1).with_for_update()).all()
    if not later:
        return row
    conn.execute(update(outbox).where(outbox.c.id.in_([each.id for each in later]),
                                      outbox.c.state == "due")
                 .values(state="sending", lease_until=lease_until, attempts=outbox.c.attempts + 1))
    return row._replace(more=tuple((each.id, each.seq) for each in later))


def _mark(conn: Connection, row: OutboxRow, **values: object) -> bool:
    held = conn.execute(
        update(outbox).where(outbox.c.id == row.id, outbox.c.state == "sending",
                             outbox.c.attempts == row.attempts, outbox.c.lease_until == row.lease_until)
        .values(**values)).rowcount
    if held and row.more:
        conn.execute(update(outbox).where(
            outbox.c.id.in_([number for number, _ in row.more]), outbox.c.state == "sending",
            outbox.c.lease_until == row.lease_until).values(**values))
    return bool(held)


def _end(conn: Connection, row: OutboxRow, state: str, error: str, note: Note) -> bool:
    return _mark(conn, row, state=state, last_error=error[:MAX_ERROR_CHARS], payload=_encode(note).decode())


def sent(conn: Connection, row: OutboxRow, receipt: str = "", now: int = 0, *, via: str = "",
         to: str = "") -> bool:
    """It arrived. False (here and below): the lease ended meanwhile, and the row is somebody else's."""
    at = now if row.note.event is not None else 0
    return _end(conn, row, "sent", "", Note(receipt=receipt[:200], via=via, to=to[:200], event=row.note.event,
                                            ended_at=at))


def skipped(conn: Connection, row: OutboxRow, why: str) -> bool:
    """Nothing had to be sent, or there was no way to; it never left."""
    return _end(conn, row, "skipped", why, row.note)


def failed(conn: Connection, row: OutboxRow, error: str) -> bool:
    """It did not arrive and never will. If an earlier attempt may have arrived: ``unknown``."""
    return _end(conn, row, "unknown" if row.note.maybe else "failed", error, row.note)


def unknown(conn: Connection, row: OutboxRow, error: str) -> bool:
    """It may have arrived; it is not sent again."""
    return _end(conn, row, "unknown", error, msgspec.structs.replace(row.note, maybe=True))


def retry(conn: Connection, row: OutboxRow, error: str, retry_at: int, *, maybe: bool) -> bool:
    """It is tried again at ``retry_at``; ``maybe``: this attempt may have arrived all the same."""
    note = msgspec.structs.replace(row.note, maybe=row.note.maybe or maybe)
    return _mark(conn, row, state="due", due_at=retry_at, last_error=error[:MAX_ERROR_CHARS],
                 payload=_encode(note).decode())


def release(conn: Connection, row: OutboxRow, due_at: int) -> bool:
    """Gives a row back that was claimed and not yet sent (the instance is shutting down)."""
    return _mark(conn, row, state="due", due_at=due_at, attempts=outbox.c.attempts - 1)


def withdraw(conn: Connection, conversation_id: int, seq: int) -> bool:
    """Keeps a message from leaving through its channels. False: it may have left already."""
    mine = (outbox.c.conversation_id == conversation_id, outbox.c.seq == seq, ~_WEBHOOKS)
    conn.execute(update(outbox).where(*mine, outbox.c.state == "due", outbox.c.attempts == 0)
                 .values(state="skipped", last_error="recalled"))
    left = select(outbox.c.id).where(*mine, outbox.c.state != "skipped").limit(1)
    return conn.execute(left).first() is None


def next_due(conn: Connection, inbox_id: int, channel: str) -> int | None:
    """When the next row of the inbox can be claimed (ms), or None."""
    ours = _lane(inbox_id, channel)
    due = conn.execute(select(func.min(outbox.c.due_at)).where(
        outbox.c.state == "due", *ours, _first_of_conversation())).scalar()
    lease = conn.execute(select(func.min(outbox.c.lease_until)).where(
        outbox.c.state == "sending", *ours)).scalar()
    return min((int(at) for at in (due, lease) if at is not None), default=None)


def waiting(conn: Connection) -> list[tuple[int, str]]:
    """(inbox_id, channel) of all rows that are not finished; of webhooks (0, channel)."""
    stmt = select(outbox.c.inbox_id, outbox.c.channel).where(outbox.c.state.in_(UNFINISHED)).distinct()
    return list(dict.fromkeys((0 if row.channel.startswith(PREFIX) else row.inbox_id, row.channel)
                              for row in conn.execute(stmt)))


def prune(conn: Connection, sent_before: int) -> int:
    """Forgets rows that were sent, or had not to be, and whose cause is older than this (ms). Others are
    kept."""
    return int(conn.execute(delete(outbox).where(
        outbox.c.state.in_(("sent", "skipped")), outbox.c.created_at < sent_before,
        ~_WEBHOOKS)).rowcount)


def lost_since(conn: Connection, since: int) -> int:
    """How many messages written since then (ms) did not arrive, or may not have. (Replies to visitors who
    left are not counted: an address that does not exist is no trouble of the desk. Of
    webhooks their own page tells.)"""
    return int(conn.execute(select(func.count()).select_from(outbox).where(
        outbox.c.channel != AWAY, ~_WEBHOOKS,
        outbox.c.state.in_(("failed", "unknown")), outbox.c.created_at >= since)).scalar_one())


class Delivery(NamedTuple):
    """What has become of one message. ``why``: what the other side, or the desk, says."""

    seq: int
    channel: str
    state: str
    due_at: int
    why: str
    note: Note


def deliveries(conn: Connection, conversation_id: int, limit: int) -> list[Delivery]:
    """The newest of a conversation, in the order of their messages."""
    rows = conn.execute(
        select(outbox.c.seq, outbox.c.channel, outbox.c.state, outbox.c.due_at, outbox.c.last_error,
               outbox.c.payload).where(outbox.c.conversation_id == conversation_id, ~_WEBHOOKS)
        .order_by(outbox.c.seq.desc()).limit(limit)).all()
    return [Delivery(row.seq, row.channel, row.state, row.due_at, row.last_error,
                     _decode(row.payload) if row.payload else Note()) for row in reversed(rows)]


def came_back(conn: Connection, conversation_id: int, seq: int, channel: str, error: str) -> list[int]:
    """The other side took the message ``seq`` and says now that it cannot deliver it, and what went with it.
    Returns the seqs whose state has changed: none the second time."""
    ours = (outbox.c.conversation_id == conversation_id, outbox.c.channel == channel)
    first = conn.execute(select(outbox.c.payload).where(*ours, outbox.c.seq == seq)).scalar()
    receipt = _decode(first).receipt if first else ""
    gone = [(row.id, row.seq) for row in conn.execute(
        select(outbox.c.id, outbox.c.seq, outbox.c.payload).where(
            *ours, outbox.c.seq >= seq, outbox.c.state.in_(("sent", "unknown")))
        .order_by(outbox.c.seq).limit(MAX_TOGETHER).with_for_update())
        if row.seq == seq or (receipt and row.payload and _decode(row.payload).receipt == receipt)]
    if gone:
        conn.execute(update(outbox).where(outbox.c.id.in_([number for number, _ in gone]))
                     .values(state="failed", last_error=error[:MAX_ERROR_CHARS]))
    return [seq for _, seq in gone]


def counts(conn: Connection) -> dict[tuple[str, str], int]:
    """How many rows there are, by channel and state."""
    stmt = select(outbox.c.channel, outbox.c.state, func.count()).group_by(outbox.c.channel, outbox.c.state)
    return {(channel, state): int(number) for channel, state, number in conn.execute(stmt)}
