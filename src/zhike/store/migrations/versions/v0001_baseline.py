"""The tables as they were when migrations began.

A copy, on purpose: ``store/tables.py`` goes on changing, what this revision makes does not.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    UniqueConstraint,
    text,
)

from zhike.store.migrations.columns import NAMING, Digest, Id, LongText, Ms, key, table
from zhike.store.migrations.steps import create_tables

metadata = MetaData(naming_convention=NAMING)

table(metadata, "meta", Column("name", key(64), primary_key=True),
    Column("value", LongText, nullable=False))

table(metadata, "id_blocks", Column("name", key(32), primary_key=True),
    Column("next_id", BigInteger, nullable=False))

table(metadata, "bots", Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", key(64), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("settings", LongText, nullable=False), Column("knowledge_version", BigInteger, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))

table(metadata, "inboxes", Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", key(64), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("channel", key(32), nullable=False), Column("bot_id", Id, ForeignKey("bots.id")),
    Column("settings", LongText, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))

table(metadata, "articles", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False),
    Column("key", key(128), nullable=False), Column("lang", key(16), nullable=False),
    Column("category", String(200), nullable=False), Column("question", LongText, nullable=False),
    Column("answer", LongText, nullable=False), Column("variants", LongText, nullable=False),
    Column("buttons", LongText, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key", "lang"))

table(metadata, "rules", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False),
    Column("key", key(128), nullable=False), Column("lang", key(16), nullable=False),
    Column("kind", key(16), nullable=False), Column("match", LongText, nullable=False),
    Column("reply", LongText, nullable=False), Column("buttons", LongText, nullable=False),
    Column("action", key(32), nullable=False), Column("opener", Boolean, nullable=False),
    Column("position", Integer, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key"))

table(metadata, "contacts", Column("id", Id, primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), nullable=False),
    Column("sender", key(160), nullable=False), Column("name", String(200), nullable=False),
    Column("email", String(320), nullable=False), Column("phone", String(64), nullable=False),
    Column("attributes", LongText, nullable=False), Column("created_at", Ms, nullable=False),
    Column("last_seen_at", Ms, nullable=False), UniqueConstraint("sender", "inbox_id"))

table(metadata, "agents", Column("id", Id, primary_key=True, autoincrement=False),
    Column("email", key(320), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("role", key(16), nullable=False), Column("password_hash", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False), Column("lang", key(16), nullable=False),
    Column("created_at", Ms, nullable=False), Column("last_seen_at", Ms, nullable=False))

table(metadata, "conversations", Column("id", Id, primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), nullable=False),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False),
    Column("sender", key(160), nullable=False),
    Column("open_key", key(190), unique=True,
           comment="inbox and sender while not resolved: one open conversation each"),
    Column("status", key(16), nullable=False), Column("holder", key(16), nullable=False),
    Column("holder_epoch", BigInteger, nullable=False), Column("agent_id", Id, ForeignKey("agents.id")),
    Column("last_seq", BigInteger, nullable=False),
    Column("last_incoming_seq", BigInteger, nullable=False),
    Column("answered_seq", BigInteger, nullable=False),
    Column("read_by_contact_seq", BigInteger, nullable=False),
    Column("read_by_agent_seq", BigInteger, nullable=False),
    Column("lang", key(16), nullable=False), Column("last_text", String(200), nullable=False),
    Column("waiting_since", Ms), Column("demo", Boolean, nullable=False, default=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    Index("ix_conversations_contact_id", "contact_id"),
    Index("ix_conversations_holder_inbox_id", "holder", "inbox_id"))

table(metadata, "messages",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True,
           autoincrement=False),
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("dedup_key", Digest,
           comment="digest of inbox, authenticated sender and client_msg_id"),
    Column("direction", key(16), nullable=False), Column("sender_type", key(16), nullable=False),
    Column("sender_id", Id, nullable=False), Column("client_msg_id", key(64), nullable=False),
    Column("text", LongText, nullable=False), Column("answers", key(2000), nullable=False),
    Column("payload", LongText, nullable=False), Column("trace", LongText, nullable=False),
    Column("epoch", BigInteger, nullable=False), Column("created_at", Ms, nullable=False),
    Index("uq_messages_dedup_key", "dedup_key", unique=True, sqlite_where=text("dedup_key IS NOT NULL")))

table(metadata, "api_keys", Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False), Column("secret_hash", Digest, nullable=False, unique=True),
    Column("role", key(16), nullable=False), Column("created_at", Ms, nullable=False),
    Column("last_used_at", Ms), Column("revoked_at", Ms), Column("created_by", Id))

table(metadata, "sessions", Column("token_hash", Digest, primary_key=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("csrf", key(64), nullable=False), Column("created_at", Ms, nullable=False),
    Column("expires_at", Ms, nullable=False), Column("address", String(64), nullable=False),
    Column("user_agent", String(300), nullable=False),
    Index("ix_sessions_agent_id", "agent_id"))

table(metadata, "audit", Column("id", Id, primary_key=True, autoincrement=False),
    Column("at", Ms, nullable=False), Column("actor", String(200), nullable=False),
    Column("action", key(64), nullable=False), Column("target", String(200), nullable=False),
    Column("detail", LongText, nullable=False), Index("ix_audit_at", "at"))

table(metadata, "ratings", Column("conversation_id", Id, ForeignKey("conversations.id"),
                                primary_key=True, autoincrement=False),
    Column("score", Integer, nullable=False), Column("comment", LongText, nullable=False),
    Column("created_at", Ms, nullable=False))

table(metadata, "jobs", Column("id", Id, primary_key=True, autoincrement=False),
    Column("kind", key(64), nullable=False), Column("key", key(190), nullable=False, unique=True),
    Column("payload", LongText, nullable=False), Column("due_at", Ms, nullable=False),
    Column("state", key(16), nullable=False, comment="due | running | done | failed"),
    Column("lease_until", Ms, nullable=False), Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False), Column("last_error", LongText, nullable=False),
    Column("created_at", Ms, nullable=False), Index("ix_jobs_state_due_at", "state", "due_at"))

table(metadata, "outbox", Column("id", Id, primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), nullable=False),
    Column("conversation_id", Id, nullable=False), Column("seq", BigInteger, nullable=False),
    Column("channel", key(32), nullable=False), Column("payload", LongText, nullable=False),
    Column("state", key(16), nullable=False, comment="due | sending | sent | unknown | failed"),
    Column("due_at", Ms, nullable=False), Column("lease_until", Ms, nullable=False),
    Column("attempts", Integer, nullable=False), Column("last_error", LongText, nullable=False),
    Column("created_at", Ms, nullable=False), UniqueConstraint("conversation_id", "seq", "channel"),
    Index("ix_outbox_state_due_at", "state", "due_at"))


revision = "0001"
down_revision = None


def upgrade() -> None:
    """Every table; those that exist already stay as they are."""
    create_tables(metadata)
