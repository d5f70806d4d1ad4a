"""Teams: who waits for whom, and by which rule."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Strategy = Literal["round_robin", "least_busy"]
Availability = Literal["online", "busy", "away"]
"""What an agent says of themselves. Only who is ``online`` is given conversations."""
Presence = Literal["online", "away", "offline"]
"""What their pages say: somebody sits at one · pages are open, or were a moment ago · none."""

DAY_S = 86_400
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Seconds = Annotated[int, Meta(ge=0, le=DAY_S)]
DEFAULT_CAPACITY = 8
"""Conversations at a time: what people who chat for a living can follow without haste."""


class TeamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a team's queue is handed out.

    ``auto_assign``: False = its members take for themselves. ``strategy``: who of those with room is next:
    ``round_robin`` (served longest ago) or ``least_busy`` (fewest conversations). ``overflow_team_id``: where
    a conversation goes after ``overflow_after_s`` (0 = never), or at once if its language is none of
    ``languages`` (() = any). ``late_after_s``: who waits longer for a person, or for a person's reply,
    raises an alarm (0 = none). ``reassign_after_s``: an agent who has been gone for so long gives back what
    waits for their reply (0 = never). ``fair_limit``: conversations one agent gets in ``fair_window_s`` (0 =
    no limit). ``skills``: what an agent must have to be given one of this team.
    """

    auto_assign: bool = True
    strategy: Strategy = "round_robin"
    overflow_team_id: Annotated[int, Meta(ge=1, le=2**53 - 1)] | None = None
    overflow_after_s: Seconds = 0
    late_after_s: Seconds = 0
    reassign_after_s: Seconds = 120
    fair_limit: Annotated[int, Meta(ge=0, le=1000)] = 0
    fair_window_s: Annotated[int, Meta(ge=60, le=DAY_S)] = 3600
    languages: Annotated[tuple[Word, ...], Meta(max_length=20)] = ()
    skills: Annotated[tuple[Word, ...], Meta(max_length=50)] = ()


class Team(msgspec.Struct, omit_defaults=True):
    """A group of agents with one queue. ``member_ids`` in the order of ids."""

    id: int
    key: str
    name: str
    settings: TeamSettings = TeamSettings()
    member_ids: tuple[int, ...] = ()
    created_at: int = 0
    updated_at: int = 0


class AgentSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What routing knows of an agent. ``capacity``: conversations at a time (0 = gets none by itself).
    ``languages``: () = any."""

    capacity: Annotated[int, Meta(ge=0, le=200)] = DEFAULT_CAPACITY
    skills: Annotated[tuple[Word, ...], Meta(max_length=50)] = ()
    languages: Annotated[tuple[Word, ...], Meta(max_length=20)] = ()
