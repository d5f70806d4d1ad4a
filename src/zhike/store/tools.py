"""Tools: what a bot may do in the shop's own systems. Every edit raises the bot's version."""

from __future__ import annotations

from sqlalchemy import Connection

from zhike.domain.tool import Tool
from zhike.store import tables
from zhike.store.checktools import check_tool
from zhike.store.flows import tools_of
from zhike.store.keyed import Keyed


def _caller(conn: Connection, bot_id: int, keys: set[str]) -> str:
    """The flow that calls some of them."""
    for flow, used in tools_of(conn, bot_id).items():
        if both := used & keys:
            return f"flow {flow!r} calls {', '.join(sorted(both))}"
    return ""


rows: Keyed[Tool] = Keyed("tool", tables.tools, Tool, check_tool, needed=_caller)
"""A tool that a flow calls cannot be removed."""

create_tool = rows.create
update_tool = rows.update
get_tool = rows.get
get_tool_by_key = rows.by_key
list_tools = rows.page
all_for_bot = rows.all_for_bot
put_tools = rows.put
delete_tool = rows.remove_one
delete_tools = rows.remove
