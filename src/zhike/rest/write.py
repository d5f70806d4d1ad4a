"""Changes with their audit entry, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from zhike.rest.table import Call
from zhike.store import audit

P = ParamSpec("P")
T = TypeVar("T")
Detail = dict[str, Any]


def _both(
    conn: Connection,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    entry: Callable[[Any], tuple[int, str, str, str, Detail] | None],
) -> Any:
    result = fn(conn, *args, **kwargs)
    written = entry(result)
    if written is not None:
        audit.add(conn, *written)
    return result


def nothing(conn: Connection) -> None:
    """For :func:`audited`, where the change itself went through the line and is stored already."""


async def audited(
    call: Call,
    action: str,
    target: str | Callable[[T], str],
    detail: Detail | None,
    fn: Callable[Concatenate[Connection, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Runs ``fn`` in a transaction and writes who did it beside.

    Args:
        target: e.g. ``article:17``, or made from what ``fn`` returned.
        detail: what changed, without secrets and without customers' words.
    """

    def entry(result: Any) -> tuple[int, str, str, str, Detail]:
        name = target if isinstance(target, str) else target(result)
        return call.now, call.principal.actor, action, name, {"address": call.address, **(detail or {})}

    done: T = await call.to.store.write(_both, fn, args, kwargs, entry)
    call.to.desk.told_webhooks()
    return done


def by_agent(call: Call) -> int:
    """The agent who does it; 0: a program."""
    return call.principal.id if call.principal.kind == "agent" else 0
