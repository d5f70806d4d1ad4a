"""The tables of reaching people and programs that are not here: whom the desk tells of what, mail that goes
out and comes in."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String

from zhike.store.tabletypes import Digest, Id, LongText, Ms, key, table

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

# A browser in which an agent wants to be told: its address and keys stand in the body of its target.
push_subscriptions = table("push_subscriptions",
    Column("target_id", Id, ForeignKey("notify_targets.id"), primary_key=True, autoincrement=False),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("endpoint", Digest, nullable=False, unique=True, comment="of the address: one row for a browser"),
    Column("session", Digest, nullable=False, comment="the sign-in that it ends with"),
    Index("ix_push_subscriptions_agent_id", "agent_id"))

# Addresses that get no more mail of an inbox: they said so, or mail to them came back.
mail_stops = table("mail_stops",
    Column("inbox_id", Id, ForeignKey("inboxes.id"), primary_key=True, autoincrement=False),
    Column("address", key(320), primary_key=True, comment="in lower case"),
    Column("reason", key(16), nullable=False, comment="asked | bounced"),
    Column("created_at", Ms, nullable=False))

# How far a mailbox was read; a folder that is made anew has another uid_validity.
mailboxes = table("mailboxes", Column("name", key(190), primary_key=True, comment="user@host/folder"),
    Column("uid_validity", BigInteger, nullable=False), Column("uid", BigInteger, nullable=False),
    Column("looked_at", Ms), Column("failed_at", Ms), Column("last_error", String(500), nullable=False))

# Programs of the owner's that are told of events; what they are told stands in the outbox.
webhooks = table("webhooks", Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", key(64), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("body", LongText, nullable=False, comment="JSON: address, secrets, events, inboxes, teams"),
    Column("failing_since", Ms, comment="nothing has arrived since then"),
    Column("paused_at", Ms, comment="the desk gave up by itself"),
    Column("last_error", String(500), nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))
