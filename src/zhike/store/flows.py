"""Flows: conversations with a fixed course. Every edit raises the bot's version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from zhike.domain.flow import Flow
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


def _beginner(conn: Connection, bot_id: int, keys: set[str]) -> str:
    """The rule that begins one of them."""
    actions = [f"flow:{key}" for key in keys]
    rule = conn.execute(select(tables.rules.c.key).where(tables.rules.c.bot_id == bot_id,
                                                         tables.rules.c.action.in_(actions))).scalar()
    return "" if rule is None else f"rule {rule!r}"


rows: Keyed[Flow] = Keyed("flow", tables.flows, Flow, check_flow, _tools_exist, needed=_beginner)
"""A flow that a rule begins cannot be removed; conversations that are in one that is end it honestly."""

create_flow = rows.create
update_flow = rows.update
get_flow = rows.get
get_flow_by_key = rows.by_key
list_flows = rows.page
all_for_bot = rows.all_for_bot
put_flows = rows.put
delete_flow = rows.remove_one
delete_flows = rows.remove


def tools_of(conn: Connection, bot_id: int) -> dict[str, set[str]]:
    """Flow key → keys of the tools it calls."""
    return {flow.key: {step.call for step in flow.body.steps if step.call}
            for flow in all_for_bot(conn, bot_id)}


def keys_of(conn: Connection, bot_id: int) -> set[str]:
    """The keys of a bot's flows."""
    return set(conn.execute(select(tables.flows.c.key).where(tables.flows.c.bot_id == bot_id)).scalars())
