"""The tables of messages, knowledge and people. Those of the human desk: :mod:`zhike.store.desktables`;
of sign-in and rights: :mod:`zhike.store.accesstables`; of reaching people who are not here:
:mod:`zhike.store.reachtables`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)

from zhike.store.accesstables import agent_identities, agent_inboxes, reset_links, second_factors
from zhike.store.desktables import (
    agent_reads,
    assignments,
    canned,
    canned_files,
    conversation_tags,
    files,
    leases,
    mentions,
    presence,
    reviews,
    summaries,
    tags,
    team_members,
    teams,
    visits,
    waits,
)
from zhike.store.reachtables import (
    mail_stops,
    mailboxes,
    notices,
    notify_targets,
    push_subscriptions,
    webhooks,
)
from zhike.store.tabletypes import Digest, Id, LongText, Ms, key, metadata, table

__all__ = [
    "agent_identities",
    "agent_inboxes",
    "agent_reads",
    "agents",
    "api_keys",
    "articles",
    "assignments",
    "audit",
    "bots",
    "canned",
    "canned_files",
    "cases",
    "contacts",
    "conversation_tags",
    "conversations",
    "embeddings",
    "files",
    "flows",
    "id_blocks",
    "imports",
    "inboxes",
    "jobs",
    "leases",
    "mail_stops",
    "mailboxes",
    "mentions",
    "messages",
    "meta",
    "metadata",
    "model_usage",
    "notices",
    "notify_targets",
    "outbox",
    "presence",
    "prompts",
    "proofs",
    "push_subscriptions",
    "ratings",
    "removals",
    "reset_links",
    "reviews",
    "rules",
    "second_factors",
    "sessions",
    "summaries",
    "tags",
    "team_members",
    "teams",
    "tools",
    "visits",
    "waits",
    "webhooks",
]

meta = table("meta", Column("name", key(64), primary_key=True),
             Column("value", LongText, nullable=False))

id_blocks = table("id_blocks", Column("name", key(32), primary_key=True),
                  Column("next_id", BigInteger, nullable=False))

bots = table("bots", Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", key(64), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("settings", LongText, nullable=False), Column("knowledge_version", BigInteger, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))

inboxes = table("inboxes", Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", key(64), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("channel", key(32), nullable=False), Column("bot_id", Id, ForeignKey("bots.id")),
    Column("settings", LongText, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))

articles = table("articles", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False),
    Column("key", key(128), nullable=False), Column("lang", key(16), nullable=False),
    Column("category", String(200), nullable=False), Column("question", LongText, nullable=False),
    Column("answer", LongText, nullable=False), Column("variants", LongText, nullable=False),
    Column("buttons", LongText, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    Column("inboxes", String(2000), nullable=False, server_default=text("''"),
           comment="JSON list of inbox keys that may see it; empty = all"),
    Column("valid_from", Ms), Column("valid_until", Ms),
    Column("cards", LongText, comment="JSON: images and links beside the text"),
    Column("source", String(500), nullable=False, server_default=text("''"),
           comment="the file or address it was imported from"),
    Column("position", Integer, nullable=False, server_default=text("0"),
           comment="its place in the source"),
    Column("version", BigInteger, nullable=False, server_default=text("0"),
           comment="the bot's knowledge_version that its last change made"),
    UniqueConstraint("bot_id", "key", "lang"),
    Index("ix_articles_bot_id_version_id", "bot_id", "version", "id"))

removals = table("removals", Column("article_id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, nullable=False),
    Column("version", BigInteger, nullable=False,
           comment="the bot's knowledge_version that the removal made"),
    Index("ix_removals_bot_id_version", "bot_id", "version"))

rules = table("rules", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False),
    Column("key", key(128), nullable=False), Column("lang", key(16), nullable=False),
    Column("kind", key(16), nullable=False), Column("match", LongText, nullable=False),
    Column("reply", LongText, nullable=False), Column("buttons", LongText, nullable=False),
    Column("action", key(32), nullable=False), Column("opener", Boolean, nullable=False),
    Column("position", Integer, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key"))

prompts = table("prompts", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("name", key(64), nullable=False),
    Column("version", Integer, nullable=False), Column("body", LongText, nullable=False),
    Column("active", Boolean, nullable=False), Column("note", String(500), nullable=False),
    Column("created_by", String(200), nullable=False), Column("created_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "name", "version"))

flows = table("flows", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("key", key(64), nullable=False),
    Column("body", LongText, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key"))

tools = table("tools", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("key", key(64), nullable=False),
    Column("body", LongText, nullable=False), Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("bot_id", "key"))

cases = table("cases", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("lang", key(16), nullable=False),
    Column("text", LongText, nullable=False), Column("body", LongText, nullable=False,
           comment="JSON: what the answer must be or hold"),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    Index("ix_cases_bot_id", "bot_id"))

embeddings = table("embeddings",
    Column("article_id", Id, primary_key=True, autoincrement=False),
    Column("model", key(190), primary_key=True), Column("digest", Digest, nullable=False),
    Column("vector", LargeBinary, nullable=False, comment="float32, little endian"))

model_usage = table("model_usage", Column("day", key(10), primary_key=True, comment="UTC, 2026-01-31"),
    Column("bot_id", Id, primary_key=True, autoincrement=False), Column("model", key(128), primary_key=True),
    Column("requests", BigInteger, nullable=False), Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("cost_micros", BigInteger, nullable=False, comment="millionths of the currency"))

proofs = table("proofs",
    Column("contact_id", Id, primary_key=True, autoincrement=False),
    Column("subject", key(128), primary_key=True, comment="what was proven, such as an order number"),
    Column("expires_at", Ms, nullable=False))

imports = table("imports", Column("id", Id, primary_key=True, autoincrement=False),
    Column("bot_id", Id, ForeignKey("bots.id"), nullable=False), Column("kind", key(32), nullable=False),
    Column("name", String(500), nullable=False), Column("state", key(16), nullable=False),
    Column("done", BigInteger, nullable=False), Column("total", BigInteger, nullable=False),
    Column("report", LongText, nullable=False), Column("created_by", String(200), nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))

contacts = table("contacts", Column("id", Id, primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), nullable=False),
    Column("sender", key(160), nullable=False), Column("name", String(200), nullable=False),
    Column("email", String(320), nullable=False), Column("phone", String(64), nullable=False),
    Column("attributes", LongText, nullable=False), Column("created_at", Ms, nullable=False),
    Column("last_seen_at", Ms, nullable=False), Column("blocked_at", Ms), Column("merged_into", Id),
    UniqueConstraint("sender", "inbox_id"),
    # (on SQLite only the few that are blocked or merged stand in them; to say so for others would import
    # their dialects at every start)
    Index("ix_contacts_blocked_at", "blocked_at", sqlite_where=text("blocked_at IS NOT NULL")),
    Index("ix_contacts_merged_into", "merged_into", sqlite_where=text("merged_into IS NOT NULL")))

agents = table("agents", Column("id", Id, primary_key=True, autoincrement=False),
    Column("email", key(320), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("role", key(16), nullable=False), Column("password_hash", String(255), nullable=False),
    Column("enabled", Boolean, nullable=False), Column("lang", key(16), nullable=False),
    Column("created_at", Ms, nullable=False), Column("last_seen_at", Ms, nullable=False),
    Column("availability", key(16), nullable=False, server_default=text("'online'"),
           comment="what they say: online | busy | away"),
    Column("settings", LongText, comment="JSON: capacity, skills, languages"),
    Column("last_served_at", Ms, nullable=False, server_default=text("0"),
           comment="who was served moves to the end of the line"))

conversations = table("conversations", Column("id", Id, primary_key=True, autoincrement=False),
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
    Column("flow", String(2000), nullable=False, server_default=text("''"),
           comment="JSON: the active flow with its step and slots; empty = none"),
    Column("team_id", Id), Column("priority", Integer, nullable=False, server_default=text("0"),
           comment="0 none … 4 urgent"),
    Column("snoozed_until", Ms), Column("first_reply_at", Ms), Column("assigned_at", Ms),
    Column("resolved_at", Ms),
    Column("wrap_up", String(100), nullable=False, server_default=text("''"),
           comment="what it was about, said on resolve"),
    Column("attributes", LongText, comment="JSON: what a shop adds of its own"),
    Index("ix_conversations_contact_id", "contact_id"),
    Index("ix_conversations_created_at", "created_at"),
    Index("ix_conversations_resolved_at", "resolved_at"),
    Index("ix_conversations_holder_inbox_id", "holder", "inbox_id"))

# An ordinary table on SQLite too: new rows go to its end, and a batch of many conversations writes a
# few pages there instead of one page for each conversation. Answers have no dedup key and take no
# place in that index. (docs/decisions/0008-what-a-question-costs.md)
messages = table("messages",
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

api_keys = table("api_keys", Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False), Column("secret_hash", Digest, nullable=False, unique=True),
    Column("role", key(16), nullable=False), Column("created_at", Ms, nullable=False),
    Column("last_used_at", Ms), Column("revoked_at", Ms), Column("created_by", Id),
    Column("inbox_ids", String(2000), nullable=False, server_default=text("''"),
           comment="JSON list of the inboxes it may see; empty = all"))

sessions = table("sessions", Column("token_hash", Digest, primary_key=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("csrf", key(64), nullable=False), Column("created_at", Ms, nullable=False),
    Column("expires_at", Ms, nullable=False), Column("address", String(64), nullable=False),
    Column("user_agent", String(300), nullable=False),
    Index("ix_sessions_agent_id", "agent_id"))

audit = table("audit", Column("id", Id, primary_key=True, autoincrement=False),
    Column("at", Ms, nullable=False), Column("actor", String(200), nullable=False),
    Column("action", key(64), nullable=False), Column("target", String(200), nullable=False),
    Column("detail", LongText, nullable=False),
    Column("digest", key(64), nullable=False, server_default=text("''"),
           comment="SHA-256 over the digest before and this row; empty: written before there were any"),
    Index("ix_audit_at", "at"))

ratings = table("ratings", Column("conversation_id", Id, ForeignKey("conversations.id"),
                                primary_key=True, autoincrement=False),
    Column("score", Integer, nullable=False), Column("comment", LongText, nullable=False),
    Column("created_at", Ms, nullable=False))

jobs = table("jobs", Column("id", Id, primary_key=True, autoincrement=False),
    Column("kind", key(64), nullable=False), Column("key", key(190), nullable=False, unique=True),
    Column("payload", LongText, nullable=False), Column("due_at", Ms, nullable=False),
    Column("state", key(16), nullable=False, comment="due | running | done | failed"),
    Column("lease_until", Ms, nullable=False), Column("attempts", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False), Column("last_error", LongText, nullable=False),
    Column("created_at", Ms, nullable=False), Index("ix_jobs_state_due_at", "state", "due_at"))

outbox = table("outbox", Column("id", Id, primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), nullable=False),
    Column("conversation_id", Id, nullable=False), Column("seq", BigInteger, nullable=False),
    Column("channel", key(32), nullable=False), Column("payload", LongText, nullable=False),
    Column("state", key(16), nullable=False, comment="due | sending | sent | unknown | failed"),
    Column("due_at", Ms, nullable=False), Column("lease_until", Ms, nullable=False),
    Column("attempts", Integer, nullable=False), Column("last_error", LongText, nullable=False),
    Column("created_at", Ms, nullable=False), UniqueConstraint("conversation_id", "seq", "channel"),
    Index("ix_outbox_state_due_at", "state", "due_at"),
    Index("ix_outbox_channel_state_id", "channel", "state", "id"))
