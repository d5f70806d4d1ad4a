"""People who work at the desk."""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["owner", "admin", "agent"]
RANK: dict[str, int] = {"agent": 1, "admin": 2, "owner": 3}


class Agent(msgspec.Struct, omit_defaults=True):
    """One person. ``password_hash`` is an argon2id string and never leaves the server."""

    id: int
    email: str
    name: str
    role: Role
    password_hash: str = ""
    enabled: bool = True
    created_at: int = 0
    last_seen_at: int = 0
    lang: str = ""

    def at_least(self, role: Role) -> bool:
        """True if this agent's role includes ``role``."""
        return RANK[self.role] >= RANK[role]
