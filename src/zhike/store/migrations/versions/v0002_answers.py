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

from zhike.store.migrations.steps import add_column, create_index, create_table
from zhike.store.tables import Digest, Id, LongText, Ms

metadata = MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s",
})


def _key(length: int) -> String:
    return String(length)


def _table(name: str, *parts: Any) -> Table:
    return Table(name, metadata, *parts, mysql_engine="InnoDB", mysql_charset="utf8mb4",
                 mysql_collate="utf8mb4_bin", mariadb_engine="InnoDB", mariadb_charset="utf8mb4",
                 mariadb_collate="utf8mb4_bin")


_table("bots", Column("id", Id, primary_key=True, autoincrement=False))
_table("removals", Column("article_id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, nullable=False),
    Column("version", BigInteger, nullable=False,
           comment="the bot's knowledge_version that the removal made"),
    Index("ix_removals_bot_id_version", "bot_id", "version"))

_table("prompts", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("name", _key(64), nullable=False),
    Column("version", Integer, nullable=False), Column("body", LongText, nullable=False),
    Column("active", Boolean, nullable=False), Column("note", String(500), nullable=False),
    Column("created_by", String(200), nullable=False), Column("created_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "name", "version"))
_table("flows", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("key", _key(64), nullable=False),
    Column("body", LongText, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key"))
_table("tools", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("key", _key(64), nullable=False),
    Column("body", LongText, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key"))
_table("cases", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("lang", _key(16), nullable=False),
    Column("text", LongText, nullable=False), Column("body", LongText, nullable=False,
           comment="JSON: what the answer must be or hold"),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    Index("ix_cases_bot_id", "bot_id"))
_table("embeddings",
    Column("article_id", Id, primary_key=True, autoincrement=False),
    Column("model", _key(190), primary_key=True), Column("digest", Digest, nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="float32, little endian"))
_table("model_usage", Column("day", _key(10), primary_key=True, comment="UTC, 2026-01-31"),
    Column("bot_id", Id, primary_key=True, autoincrement=False), Column("model", _key(128), primary_key=True),
    Column("requests", BigInteger, nullable=False), Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False, comment="millionths of the currency"))
_table("proofs",
    Column("contact_id", Id, primary_key=True, autoincrement=False),
    Column("subject", _key(128), primary_key=True,
           comment="what was proven, such as an order number"),
    Column("expires_at", Ms, nullable=False))
_table("imports", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("kind", _key(32), nullable=False),
    Column("name", String(500), nullable=False), Column("state", _key(16), nullable=False),
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
    for table in metadata.sorted_tables:
        if table.name != "bots":
            create_table(table)
    for name, columns in ADDED.items():
        for column in columns:
            add_column(name, column)
    articles = Table("articles", MetaData(), Column("bot_id", Id), Column("version", BigInteger),
                     Column("id", Id))
    create_index(Index("ix_articles_bot_id_version_id", *articles.columns))

