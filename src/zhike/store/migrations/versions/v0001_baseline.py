"""The tables as they were when migrations began.

A copy, on purpose: ``store/tables.py`` goes on changing, what this revision makes does not.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import SchemaItem

from zhike.store.migrations.steps import create_tables

metadata = MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s",
})

Ms = BigInteger
Id = BigInteger().with_variant(Integer, "sqlite")


class LongText(Text):
    """Text of any length; MySQL's own TEXT ends at 64 KB."""


class Digest(LargeBinary):
    """A 128-bit key digest."""

    def __init__(self) -> None:
        super().__init__(16)


# Said here instead of with the dialects' own types: importing those costs 150 ms at every start,
# and only one database is used.
@compiles(LongText, "mysql", "mariadb")
def _long_text(_type: LongText, _compiler: Any, **_: Any) -> str:
    return "MEDIUMTEXT"


@compiles(Digest, "mysql", "mariadb")
def _digest(_type: Digest, _compiler: Any, **_: Any) -> str:
    return "BINARY(16)"


def _key(length: int) -> String:
    """A key. It compares byte for byte everywhere: our tables have binary collation."""
    return String(length)


def _table(name: str, *parts: SchemaItem, **options: Any) -> Table:
    return Table(name, metadata, *parts, mysql_engine="InnoDB", mysql_charset="utf8mb4",
                 mysql_collate="utf8mb4_bin", mariadb_engine="InnoDB", mariadb_charset="utf8mb4",
                 mariadb_collate="utf8mb4_bin", **options)


_table("meta", Column("name", _key(64), primary_key=True),
    Column("value", LongText, nullable=False))

_table("id_blocks", Column("name", _key(32), primary_key=True),
    Column("next_id", BigInteger, nullable=False))

_table("bots", Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", _key(64), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("settings", LongText, nullable=False), Column("knowledge_version", BigInteger, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))

_table("inboxes", Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", _key(64), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("channel", _key(32), nullable=False), Column("bot_id", Id, ForeignKey("bots.id")),
    Column("settings", LongText, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))

_table("articles", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False),
    Column("key", _key(128), nullable=False), Column("lang", _key(16), nullable=False),
    Column("category", String(200), nullable=False), Column("question", LongText, nullable=False),
    Column("answer", LongText, nullable=False), Column("variants", LongText, nullable=False),
    Column("buttons", LongText, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key", "lang"))

_table("rules", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False),
    Column("key", _key(128), nullable=False), Column("lang", _key(16), nullable=False),
    Column("kind", _key(16), nullable=False), Column("match", LongText, nullable=False),
    Column("reply", LongText, nullable=False), Column("buttons", LongText, nullable=False),
    Column("action", _key(32), nullable=False), Column("opener", Boolean, nullable=False),
    Column("position", Integer, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key"))

_table("contacts", Column("id", Id, primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), nullable=False),
    Column("sender", _key(160), nullable=False), Column("name", String(200), nullable=False),
    Column("email", String(320), nullable=False), Column("phone", String(64), nullable=False),
    Column("attributes", LongText, nullable=False), Column("created_at", Ms, nullable=False),
    Column("last_seen_at", Ms, nullable=False), UniqueConstraint("sender", "inbox_id"))

_table("agents", Column("id", Id, primary_key=True, autoincrement=False),
    Column("email", _key(320), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("role", _key(16), nullable=False), Column("password_hash", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False), Column("lang", _key(16), nullable=False),
    Column("created_at", Ms, nullable=False), Column("last_seen_at", Ms, nullable=False))

_table("conversations", Column("id", Id, primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), nullable=False),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False),
    Column("sender", _key(160), nullable=False),
    Column("open_key", _key(190), unique=True,
           comment="inbox and sender while not resolved: one open conversation each"),
    Column("status", _key(16), nullable=False), Column("holder", _key(16), nullable=False),
    Column("holder_epoch", BigInteger, nullable=False), Column("agent_id", Id, ForeignKey("agents.id")),
    Column("last_seq", BigInteger, nullable=False),
    Column("last_incoming_seq", BigInteger, nullable=False),
    Column("answered_seq", BigInteger, nullable=False),
    Column("read_by_contact_seq", BigInteger, nullable=False),
    Column("read_by_agent_seq", BigInteger, nullable=False),
    Column("lang", _key(16), nullable=False), Column("last_text", String(200), nullable=False),
    Column("waiting_since", Ms), Column("demo", Boolean, nullable=False, default=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    Index("ix_conversations_contact_id", "contact_id"),
    Index("ix_conversations_holder_inbox_id", "holder", "inbox_id"))

_table("messages",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True,
           autoincrement=False),
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("dedup_key", Digest,
           comment="digest of inbox, authenticated sender and client_msg_id"),
    Column("direction", _key(16), nullable=False), Column("sender_type", _key(16), nullable=False),
    Column("sender_id", Id, nullable=False), Column("client_msg_id", _key(64), nullable=False),
    Column("text", LongText, nullable=False), Column("answers", _key(2000), nullable=False),
    Column("payload", LongText, nullable=False), Column("trace", LongText, nullable=False),
    Column("epoch", BigInteger, nullable=False), Column("created_at", Ms, nullable=False),
    Index("uq_messages_dedup_key", "dedup_key", unique=True, sqlite_where=text("dedup_key IS NOT NULL")))

_table("api_keys", Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False), Column("secret_hash", Digest, nullable=False, unique=True),
    Column("role", _key(16), nullable=False), Column("created_at", Ms, nullable=False),
    Column("last_used_at", Ms), Column("revoked_at", Ms), Column("created_by", Id))

_table("sessions", Column("token_hash", Digest, primary_key=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("csrf", _key(64), nullable=False), Column("created_at", Ms, nullable=False),
    Column("expires_at", Ms, nullable=False), Column("address", String(64), nullable=False),
    Column("user_agent", String(300), nullable=False),
    Index("ix_sessions_agent_id", "agent_id"))

_table("audit", Column("id", Id, primary_key=True, autoincrement=False),
    Column("at", Ms, nullable=False), Column("actor", String(200), nullable=False),
    Column("action", _key(64), nullable=False), Column("target", String(200), nullable=False),
    Column("detail", LongText, nullable=False), Index("ix_audit_at", "at"))

_table("ratings", Column("conversation_id", Id, ForeignKey("conversations.id"),
                                primary_key=True, autoincrement=False),
    Column("score", Integer, nullable=False), Column("comment", LongText, nullable=False),
    Column("created_at", Ms, nullable=False))

_table("jobs", Column("id", Id, primary_key=True, autoincrement=False),
    Column("kind", _key(64), nullable=False), Column("key", _key(190), nullable=False, unique=True),
    Column("payload", LongText, nullable=False), Column("due_at", Ms, nullable=False),
    Column("state", _key(16), nullable=False, comment="due | running | done | failed"),
    Column("lease_until", Ms, nullable=False), Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False), Column("last_error", LongText, nullable=False),
    Column("created_at", Ms, nullable=False), Index("ix_jobs_state_due_at", "state", "due_at"))

_table("outbox", Column("id", Id, primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), nullable=False),
    Column("conversation_id", Id, nullable=False), Column("seq", BigInteger, nullable=False),
    Column("channel", _key(32), nullable=False), Column("payload", LongText, nullable=False),
    Column("state", _key(16), nullable=False, comment="due | sending | sent | unknown | failed"),
    Column("due_at", Ms, nullable=False), Column("lease_until", Ms, nullable=False),
    Column("attempts", Integer, nullable=False), Column("last_error", LongText, nullable=False),
    Column("created_at", Ms, nullable=False), UniqueConstraint("conversation_id", "seq", "channel"),
    Index("ix_outbox_state_due_at", "state", "due_at"))


revision = "0001"
down_revision = None


def upgrade() -> None:
    """Every table; those that exist already stay as they are."""
    create_tables(metadata)
