"""Web Push: the browsers in which agents want to be told."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, MetaData

from zhike.store.migrations.columns import NAMING, Digest, Id, table
from zhike.store.migrations.steps import create_table

metadata = MetaData(naming_convention=NAMING)

# there already, named for the references
table(metadata, "agents", Column("id", Id, primary_key=True, autoincrement=False))
table(metadata, "notify_targets", Column("id", Id, primary_key=True, autoincrement=False))

SUBSCRIPTIONS = table(metadata, "push_subscriptions",
    Column("target_id", Id, ForeignKey("notify_targets.id"), primary_key=True, autoincrement=False),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("endpoint", Digest, nullable=False, unique=True, comment="of the address: one row for a browser"),
    Column("session", Digest, nullable=False, comment="the sign-in that it ends with"),
    Index("ix_push_subscriptions_agent_id", "agent_id"))

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """A new table; what is there already stays as it is."""
    create_table(SUBSCRIPTIONS)
