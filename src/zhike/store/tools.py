"""Tools: what a bot may do in the shop's own systems. Every edit raises the bot's version."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from zhike.domain.tool import Tool
from zhike.errors import ZhikeError
from zhike.store import tables
from zhike.store.checktools import check_tool
from zhike.store.flows import tools_of
from zhike.store.keyed import Keyed

_rows: Keyed[Tool] = Keyed("tool", tables.tools, Tool, check_tool)

create_tool = _rows.create
update_tool = _rows.update
get_tool = _rows.get
get_tool_by_key = _rows.by_key
list_tools = _rows.page
all_for_bot = _rows.all_for_bot
put_tools = _rows.put


def delete_tool(conn: Connection, tool_id: int, now: int) -> bool:
    """Removes one tool; False if there is none.

    Raises:
        ZhikeError: ``conflict`` while a flow calls it.
    """
    old = get_tool(conn, tool_id)
    return old is not None and delete_tools(conn, old.bot_id, [tool_id], now) > 0


def delete_tools(conn: Connection, bot_id: int, ids: Sequence[int], now: int) -> int:
    """Removes those tools of one bot; returns how many there were.

    Raises:
        ZhikeError: ``conflict`` while a flow calls one of them.
    """
    gone = set(conn.execute(select(tables.tools.c.key).where(tables.tools.c.bot_id == bot_id,
                                                             tables.tools.c.id.in_(ids))).scalars())
    for key, used in tools_of(conn, bot_id).items():
        if both := used & gone:
            raise ZhikeError("conflict", f"flow {key!r} calls {', '.join(sorted(both))}")
    return _rows.remove(conn, bot_id, ids, now)
