"""${message}"""

from __future__ import annotations

import sqlalchemy as sa

from zhike.store.migrations import steps

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Runs again without harm."""
