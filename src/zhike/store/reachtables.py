"""The tables of reaching people who are not here: whom the desk tells of what."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String

from zhike.store.tabletypes import Id, LongText, Ms, key, table

notify_targets = table("notify_targets", Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False), Column("kind", key(16), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("body", LongText, nullable=False, comment="JSON: address, secret, what it wants to hear of"),
    Column("failures", Integer, nullable=False, comment="attempts in a row that failed"),
    Column("next_at", Ms, nullable=False, comment="nothing is sent before: pace and pauses after failures"),
    Column("last_sent_at", Ms), Column("last_error", String(500), nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))

# One row for each thing that a target is told, known by its key: it stays used up after it was told.
notices = table("notices",
    Column("target_id", Id, ForeignKey("notify_targets.id"), primary_key=True, autoincrement=False),
    Column("key", key(160), primary_key=True), Column("body", LongText, nullable=False),
    Column("state", key(16), nullable=False, comment="due | sent | expired"),
    Column("created_at", Ms, nullable=False), Index("ix_notices_target_id_state", "target_id", "state"),
    Index("ix_notices_created_at", "created_at"))
