"""Flows: conversations with a fixed course. Every edit raises the bot's version."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Connection, select

from zhike.domain.flow import Flow
from zhike.errors import ZhikeError
from zhike.store import tables
from zhike.store.checks import Fault
from zhike.store.checktools import check_flow
from zhike.store.keyed import Keyed


def _tools_exist(conn: Connection, bot_id: int, flows: Sequence[Flow]) -> Iterator[Fault]:
    known = set(conn.execute(select(tables.tools.c.key).where(tables.tools.c.bot_id == bot_id)).scalars())
    for flow in flows:
        for index, step in enumerate(flow.body.steps):
            if step.call and step.call not in known:
                yield Fault(f"steps[{index}].call", f"没有工具 {step.call!r}",
                            f"there is no tool {step.call!r}")


_rows: Keyed[Flow] = Keyed("flow", tables.flows, Flow, check_flow, _tools_exist)

create_flow = _rows.create
update_flow = _rows.update
get_flow = _rows.get
get_flow_by_key = _rows.by_key
list_flows = _rows.page
all_for_bot = _rows.all_for_bot
put_flows = _rows.put


def tools_of(conn: Connection, bot_id: int) -> dict[str, set[str]]:
    """Flow key → keys of the tools it calls."""
    return {flow.key: {step.call for step in flow.body.steps if step.call}
            for flow in all_for_bot(conn, bot_id)}


def keys_of(conn: Connection, bot_id: int) -> set[str]:
    """The keys of a bot's flows."""
    return set(conn.execute(select(tables.flows.c.key).where(tables.flows.c.bot_id == bot_id)).scalars())


def delete_flow(conn: Connection, flow_id: int, now: int) -> bool:
    """Removes one flow; False if there is none. Conversations that are in it end it honestly.

    Raises:
        ZhikeError: ``conflict`` while a rule begins it.
    """
    old = get_flow(conn, flow_id)
    return old is not None and delete_flows(conn, old.bot_id, [flow_id], now) > 0


def delete_flows(conn: Connection, bot_id: int, ids: Collection[int], now: int) -> int:
    """Removes those flows of one bot; returns how many there were.

    Raises:
        ZhikeError: ``conflict`` while a rule begins one of them.
    """
    keys = conn.execute(select(tables.flows.c.key).where(tables.flows.c.bot_id == bot_id,
                                                         tables.flows.c.id.in_(ids))).scalars()
    actions = [f"flow:{key}" for key in keys]
    used = conn.execute(select(tables.rules.c.key).where(tables.rules.c.bot_id == bot_id,
                                                         tables.rules.c.action.in_(actions))).scalar()
    if used is not None:
        raise ZhikeError("conflict", f"rule {used!r}")
    return _rows.remove(conn, bot_id, list(ids), now)
