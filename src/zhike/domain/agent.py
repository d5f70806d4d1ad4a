"""People who work at the desk: their roles, and which rows they may see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from zhike.domain.team import DEFAULT_CAPACITY, Availability

Role = Literal["owner", "admin", "supervisor", "agent", "analyst"]
RANK: dict[str, int] = {"analyst": 0, "agent": 1, "supervisor": 2, "admin": 3, "owner": 4}
"""Each role includes those below it. An analyst stands below all: reads lists and reports, and neither speaks
nor changes anything but their own account."""


class Agent(msgspec.Struct, omit_defaults=True):
    """One person. ``password_hash`` is an argon2id string and never leaves the server.

    ``availability`` is what they say; ``capacity``, ``skills``, ``languages``: see
    :class:`zhike.domain.team.AgentSettings`.
    """

    id: int
    email: str
    name: str
    role: Role
    password_hash: str = ""
    enabled: bool = True
    created_at: int = 0
    last_seen_at: int = 0
    lang: str = ""
    availability: Availability = "online"
    capacity: int = DEFAULT_CAPACITY
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

    def at_least(self, role: Role) -> bool:
        """True if this agent's role includes ``role``."""
        return RANK[self.role] >= RANK[role]


class Scope(msgspec.Struct, frozen=True):
    """Which rows somebody may see; None = no limit.

    ``inbox_ids``: conversations and contacts of these inboxes only. ``team_ids``: of the conversations that
    wait with a team, those of these teams only; one without a team is everybody's, one that ``agent_id``
    holds is theirs wherever it stands.
    """

    inbox_ids: frozenset[int] | None = None
    team_ids: frozenset[int] | None = None
    agent_id: int = 0

    @property
    def limited(self) -> bool:
        """False for those who see everything."""
        return self.inbox_ids is not None or self.team_ids is not None

    def sees_inbox(self, inbox_id: int) -> bool:
        """True if rows of this inbox are not out of reach."""
        return self.inbox_ids is None or inbox_id in self.inbox_ids

    def sees(self, inbox_id: int, team_id: int | None, holder_id: int | None) -> bool:
        """True for a conversation of ``inbox_id`` that stands with ``team_id`` and ``holder_id`` holds."""
        if self.inbox_ids is not None and inbox_id not in self.inbox_ids:
            return False
        return (self.team_ids is None or not team_id or team_id in self.team_ids
                or bool(self.agent_id and holder_id == self.agent_id))


EVERYTHING = Scope()


def scope_of(role: Role, agent_id: int, inbox_ids: Iterable[int], team_ids: Iterable[int]) -> Scope:
    """What an agent sees. No inbox named = all of them. Who runs the desk sees everything; who supervises or
    reads reports sees every team of their inboxes."""
    if RANK[role] >= RANK["admin"]:
        return EVERYTHING
    inboxes = frozenset(inbox_ids) or None
    return Scope(inboxes, frozenset(team_ids) if role == "agent" else None, agent_id)


class Place(NamedTuple):
    """Where a conversation stands: its team, who holds it, and who was asked by name."""

    team_id: int | None
    holder_id: int | None
    mentioned: frozenset[int]

    def seen_by(self, scope: Scope, inbox_id: int) -> bool:
        """As ``zhike.store.scopes.seen``."""
        return scope.sees(inbox_id, self.team_id, self.holder_id) or (
            scope.agent_id in self.mentioned and scope.sees_inbox(inbox_id))


class Seat(msgspec.Struct, frozen=True):
    """What the connection of a signed-in person may do: ``scope`` what it sees, ``speaks`` whether it may
    say or change anything, ``clear`` whether personal data is shown as it is, ``session_id`` which sign-in
    it belongs to."""

    scope: Scope = EVERYTHING
    speaks: bool = True
    clear: bool = True
    session_id: int = 0


ANY_SEAT = Seat()
