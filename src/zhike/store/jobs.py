"""Durable timers: what is to be done later, and who is doing it.

A job is known by its **key**: one key, one row, one effect. Its states::

    due ──claim──► running ──finish──► done        (kept until pruned: the key stays used up)
     ▲               │  └────give up──► failed
     └──retry, again─┘

Whoever claims a job holds a **lease**. If the process dies, the lease ends and the job is claimed
again; what the dead one may still try to write is refused, because every mark names the claim
(``id``, ``attempts``, ``lease_until``). While a job runs, ``due_at`` holds the time for which it
was scheduled *again* meanwhile (0 = not): it then becomes due once more instead of done, and
never runs twice at once. When done or failed, ``due_at`` is the time it ended.

Times are wall-clock ms of the instances; a lease must be longer than a handler may take plus the
difference of the clocks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from sqlalchemy import Connection, and_, case, delete, func, or_, select, update

from zhike.store.dialect import next_ids, upsert
from zhike.store.tables import jobs

Again = Literal["reschedule", "leave"]
"""What to do when the key exists. reschedule: the new time and payload count, whatever became of
the old ones. leave: the first one stands, even if it is done already."""
MAX_ERROR_CHARS = 1000
LEASE_ENDED = "the lease of the last attempt ended: was the process killed?"


class Job(NamedTuple):
    """A job as claimed. ``due_at``: when it should have run (ms); ``attempts``: this one included."""

    id: int
    kind: str
    key: str
    payload: str
    due_at: int
    attempts: int
    max_attempts: int
    lease_until: int


_SELECT = select(jobs.c.id, jobs.c.kind, jobs.c.key, jobs.c.payload, jobs.c.due_at, jobs.c.attempts,
                 jobs.c.max_attempts, jobs.c.lease_until)


def schedule(conn: Connection, kind: str, key: str, due_at: int, now: int, *, payload: str = "",
             max_attempts: int = 5, again: Again = "reschedule") -> bool:
    """Has the job ``key`` done at ``due_at``, in the transaction of whatever is the reason for it.

    Args:
        kind: names the handler.
        key: unique over all kinds, at most 190 characters; also the handler's idempotency key.
        due_at: ms since 1970 UTC; the past means as soon as possible.
        payload: JSON text for the handler.
        max_attempts: after so many runs without success the job is ``failed``.
        again: see :data:`Again`.

    Returns:
        True if something was scheduled; False if ``again="leave"`` left what was there.
    """
    due_at = max(1, due_at)
    there = conn.execute(select(jobs.c.id).where(jobs.c.key == key)).scalar()
    if there is None:
        job_id = next_ids(conn, "job", 1)[0]
        upsert(conn, jobs, [{
            "id": job_id, "kind": kind, "key": key, "payload": payload, "due_at": due_at, "state": "due",
            "lease_until": 0, "attempts": 0, "max_attempts": max_attempts, "last_error": "",
            "created_at": now}], ["key"], [])
        if conn.execute(select(jobs.c.id).where(jobs.c.key == key)).scalar() == job_id:
            return True  # else another instance was first
    if again == "leave":
        return False
    running = jobs.c.state == "running"
    conn.execute(update(jobs).where(jobs.c.key == key).ordered_values(
        (jobs.c.kind, kind), (jobs.c.payload, payload), (jobs.c.max_attempts, max_attempts),
        (jobs.c.attempts, case((running, jobs.c.attempts), else_=0)),
        (jobs.c.state, case((running, "running"), else_="due")), (jobs.c.due_at, due_at)))
    return True


def cancel(conn: Connection, key: str) -> bool:
    """Takes a job back that has not begun; also a second run asked for while the first one runs."""
    gone = conn.execute(delete(jobs).where(jobs.c.key == key, jobs.c.state == "due")).rowcount
    again = conn.execute(update(jobs).where(jobs.c.key == key, jobs.c.state == "running", jobs.c.due_at > 0)
                         .values(due_at=0)).rowcount
    return bool(gone or again)


def claim(conn: Connection, now: int, leases_ms: Mapping[str, int], limit: int) -> tuple[
        list[Job], list[Job]]:
    """Takes up to ``limit`` jobs that should run, and gives up those that were tried too often.

    Where the database can (``SKIP LOCKED``), rows that another instance is claiming are passed
    over; everywhere the conditional update decides who has it.

    Args:
        leases_ms: kind → length of its lease; other kinds are left for instances that know them.

    Returns:
        (claimed, given up: their lease ended at the last attempt, e.g. they kill the process).
    """
    kinds = jobs.c.kind.in_(list(leases_ms))
    claimed: list[Job] = []
    given_up: list[Job] = []
    ready = (_SELECT.where(jobs.c.state == "due", jobs.c.due_at <= now, kinds).order_by(jobs.c.due_at),
             _SELECT.where(jobs.c.state == "running", jobs.c.lease_until <= now, kinds)
             .order_by(jobs.c.lease_until))
    for state, stmt in zip(("due", "running"), ready, strict=True):
        wanted = limit - len(claimed)
        if wanted <= 0:
            break
        for row in conn.execute(stmt.limit(wanted).with_for_update(skip_locked=True)).all():
            job = Job(*row)
            if state == "running" and job.attempts >= job.max_attempts:
                if _mark(conn, job, state="failed", last_error=LEASE_ENDED, due_at=now):
                    given_up.append(job)
                continue
            lease_until = now + leases_ms[job.kind]
            # a job that is claimed again keeps the time it was meanwhile scheduled for
            values = {"due_at": 0} if state == "due" else {}
            done = conn.execute(
                update(jobs).where(jobs.c.id == job.id, jobs.c.state == state,
                                   jobs.c.attempts == job.attempts, jobs.c.lease_until == job.lease_until)
                .values(state="running", lease_until=lease_until, attempts=job.attempts + 1, **values))
            if done.rowcount:
                claimed.append(job._replace(attempts=job.attempts + 1, lease_until=lease_until))
    return claimed, given_up


def _mark(conn: Connection, job: Job, **values: object) -> bool:
    """Changes a job that is still held by this very claim.

    MySQL computes the new values one after the other and uses those it has set already, so what
    others are computed from (``due_at``) comes last in every call.
    """
    return bool(conn.execute(
        update(jobs).where(jobs.c.id == job.id, jobs.c.state == "running", jobs.c.attempts == job.attempts,
                           jobs.c.lease_until == job.lease_until)
        .ordered_values(*((jobs.c[name], value) for name, value in values.items()))).rowcount)


def finish(conn: Connection, job: Job, now: int, *, again_at: int = 0) -> bool:
    """The job is done; with ``again_at`` it is due again then, unless it was scheduled meanwhile.

    Call it in the transaction that holds the effect, and roll back if it returns False: the lease
    ended and somebody else has the job.
    """
    asked = jobs.c.due_at > 0
    return _mark(conn, job, last_error="", attempts=case((asked, 0), else_=0 if again_at else job.attempts),
                 state=case((asked, "due"), else_="due" if again_at else "done"),
                 due_at=case((asked, jobs.c.due_at), else_=again_at or now))


def retry(conn: Connection, job: Job, error: str, retry_at: int, now: int, *, again_at: int = 0) -> bool:
    """The attempt failed: due again at ``retry_at``, or ``failed`` after the last attempt.

    ``again_at``: a recurring job is never given up; after its last attempt it waits for its next
    regular time. A job that was scheduled again meanwhile takes that time and starts afresh.
    """
    asked = jobs.c.due_at > 0
    last = job.attempts >= job.max_attempts
    fresh = last and again_at
    return _mark(conn, job, last_error=error[:MAX_ERROR_CHARS],
                 attempts=case((asked, 0), else_=0 if fresh else job.attempts),
                 state=case((asked, "due"), else_="failed" if last and not fresh else "due"),
                 due_at=case((asked, jobs.c.due_at), else_=(again_at or now) if last else retry_at))


def release(conn: Connection, job: Job, due_at: int) -> bool:
    """Gives a job back as if it had not been claimed (the instance is shutting down)."""
    return _mark(conn, job, state="due", attempts=job.attempts - 1,
                 due_at=case((jobs.c.due_at > 0, jobs.c.due_at), else_=due_at))


def next_due(conn: Connection, kinds: Collection[str]) -> int | None:
    """When the next of these kinds can be claimed (ms), or None."""
    kind = jobs.c.kind.in_(list(kinds))
    due = conn.execute(select(func.min(jobs.c.due_at)).where(jobs.c.state == "due", kind)).scalar()
    lease = conn.execute(select(func.min(jobs.c.lease_until)).where(jobs.c.state == "running", kind)).scalar()
    return min((int(at) for at in (due, lease) if at is not None), default=None)


def prune(conn: Connection, done_before: int, failed_before: int) -> int:
    """Forgets jobs that ended before these times (ms); their keys may be used again."""
    return int(conn.execute(delete(jobs).where(or_(
        and_(jobs.c.state == "done", jobs.c.due_at < done_before),
        and_(jobs.c.state == "failed", jobs.c.due_at < failed_before)))).rowcount)


def counts(conn: Connection) -> dict[tuple[str, str], int]:
    """How many jobs there are, by kind and state."""
    stmt = select(jobs.c.kind, jobs.c.state, func.count()).group_by(jobs.c.kind, jobs.c.state)
    return {(kind, state): int(number) for kind, state, number in conn.execute(stmt)}
