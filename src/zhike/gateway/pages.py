"""The open pages of agents on this node: how many each has, and at how many of them somebody sits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zhike.gateway.session import Session

Told = Callable[[int, int, int], None]
"""(agent_id, sockets, active)"""


class AgentPages:
    """A page counts as active until it says that nobody has touched it for a while."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._open: dict[int, dict[Session, bool]] = {}

    def came(self, session: Session) -> None:
        """A page joined."""
        self._open.setdefault(session.agent_id, {})[session] = True
        self._tell(session.agent_id)

    def went(self, session: Session) -> None:
        """It is gone."""
        mine = self._open.get(session.agent_id)
        if mine is not None and mine.pop(session, None) is not None:
            self._tell(session.agent_id)
            if not mine:
                del self._open[session.agent_id]

    def active(self, session: Session, *, on: bool) -> None:
        """Somebody sits at it, or nobody does."""
        mine = self._open.get(session.agent_id)
        if mine is not None and session in mine and mine[session] != on:
            mine[session] = on
            self._tell(session.agent_id)

    def _tell(self, agent_id: int) -> None:
        mine = self._open[agent_id]
        self._told(agent_id, len(mine), sum(mine.values()))
