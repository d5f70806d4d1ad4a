"""The browsers in which agents want to be told, the pages visitors looked at, files of canned responses."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, String

from zhike.store.migrations.columns import NAMING, Digest, Id, LongText, Ms, key, table
from zhike.store.migrations.steps import create_table

metadata = MetaData(naming_convention=NAMING)

# there already, named for the references
for _name in ("agents", "canned", "contacts", "notify_targets"):
    table(metadata, _name, Column("id", Id, primary_key=True, autoincrement=False))

NEW = [
    table(metadata, "push_subscriptions",
        Column("target_id", Id, ForeignKey("notify_targets.id"), primary_key=True, autoincrement=False),
        Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
        Column("endpoint", Digest, nullable=False, unique=True,
               comment="of the address: one row for a browser"),
        Column("session", Digest, nullable=False, comment="the sign-in that it ends with"),
        Index("ix_push_subscriptions_agent_id", "agent_id")),
    table(metadata, "visits",
        Column("contact_id", Id, ForeignKey("contacts.id"), primary_key=True, autoincrement=False),
        Column("body", LongText, nullable=False, comment="JSON: the last pages, the browser"),
        Column("updated_at", Ms, nullable=False), Index("ix_visits_updated_at", "updated_at")),
    table(metadata, "canned_files", Column("id", Id, primary_key=True, autoincrement=False),
        Column("canned_id", Id, ForeignKey("canned.id"), comment="null: taken away; its bytes go next"),
        Column("token", key(32), nullable=False, unique=True, comment="its name in the folder"),
        Column("name", String(200), nullable=False), Column("type", key(100), nullable=False),
        Column("kind", key(16), nullable=False), Column("size_bytes", BigInteger, nullable=False),
        Column("width", Integer, nullable=False), Column("height", Integer, nullable=False),
        Column("created_at", Ms, nullable=False), Index("ix_canned_files_canned_id", "canned_id")),
]

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """New tables; what is there already stays as it is."""
    for one in NEW:
        create_table(one)
