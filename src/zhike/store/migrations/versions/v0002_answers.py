"""What the answer engine needs: richer articles, flows, tools, prompts, usage, embeddings."""

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
    UniqueConstraint,
    text,
)

from zhike.store.migrations.columns import NAMING, Digest, Id, LongText, Ms, key, table
from zhike.store.migrations.steps import add_column, create_index, create_table

metadata = MetaData(naming_convention=NAMING)

table(metadata, "bots", Column("id", Id, primary_key=True, autoincrement=False))
table(metadata, "removals", Column("article_id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, nullable=False),
    Column("version", BigInteger, nullable=False,
           comment="the bot's knowledge_version that the removal made"),
    Index("ix_removals_bot_id_version", "bot_id", "version"))

table(metadata, "prompts", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("name", key(64), nullable=False),
    Column("version", Integer, nullable=False), Column("body", LongText, nullable=False),
    Column("active", Boolean, nullable=False), Column("note", String(500), nullable=False),
    Column("created_by", String(200), nullable=False), Column("created_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "name", "version"))
table(metadata, "flows", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("key", key(64), nullable=False),
    Column("body", LongText, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key"))
table(metadata, "tools", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("key", key(64), nullable=False),
    Column("body", LongText, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key"))
table(metadata, "cases", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("lang", key(16), nullable=False),
    Column("text", LongText, nullable=False), Column("body", LongText, nullable=False,
           comment="JSON: what the answer must be or hold"),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    Index("ix_cases_bot_id", "bot_id"))
table(metadata, "embeddings",
    Column("article_id", Id, primary_key=True, autoincrement=False),
    Column("model", key(190), primary_key=True), Column("digest", Digest, nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="float32, little endian"))
table(metadata, "model_usage", Column("day", key(10), primary_key=True, comment="UTC, 2026-01-31"),
    Column("bot_id", Id, primary_key=True, autoincrement=False), Column("model", key(128), primary_key=True),
    Column("requests", BigInteger, nullable=False), Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False, comment="millionths of the currency"))
table(metadata, "proofs",
    Column("contact_id", Id, primary_key=True, autoincrement=False),
    Column("subject", key(128), primary_key=True,
           comment="what was proven, such as an order number"),
    Column("expires_at", Ms, nullable=False))
table(metadata, "imports", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("kind", key(32), nullable=False),
    Column("name", String(500), nullable=False), Column("state", key(16), nullable=False),
    Column("done", BigInteger, nullable=False), Column("total", BigInteger, nullable=False),
    Column("report", LongText, nullable=False), Column("created_by", String(200), nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))


ADDED: dict[str, tuple[Column[Any], ...]] = {
    "articles": (Column("inboxes", String(2000), nullable=False, server_default=text("''"),
                        comment="JSON list of inbox keys that may see it; empty = all"),
                 Column("valid_from", Ms), Column("valid_until", Ms),
                 Column("cards", LongText, comment="JSON: images and links beside the text"),
                 Column("source", String(500), nullable=False, server_default=text("''"),
                        comment="the file or address it was imported from"),
                 Column("position", Integer, nullable=False, server_default=text("0"),
                        comment="its place in the source"),
                 Column("version", BigInteger, nullable=False, server_default=text("0"),
                        comment="the bot's knowledge_version that its last change made")),
    "conversations": (Column("flow", String(2000), nullable=False, server_default=text("''"),
                             comment="JSON: the active flow with its step and slots; empty = none"),),
}

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """New tables, new columns; what is there already stays as it is."""
    for made in metadata.sorted_tables:
        if made.name != "bots":
            create_table(made)
    for name, columns in ADDED.items():
        for column in columns:
            add_column(name, column)
    articles = Table("articles", MetaData(), Column("bot_id", Id), Column("version", BigInteger),
                     Column("id", Id))
    create_index(Index("ix_articles_bot_id_version_id", *articles.columns))

