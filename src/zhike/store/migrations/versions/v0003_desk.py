"""What the human desk needs: teams, tags, canned responses, mentions; more of conversations and people;
sign-in and rights: inboxes of an agent, second factors, reset links, single sign-on, the audit's chain;
reaching people and programs that are not here: whom the desk tells of what, mail out and in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from zhike.store.migrations.columns import NAMING, Digest, Id, LongText, Ms, key, table
from zhike.store.migrations.steps import add_column, create_index, create_table

metadata = MetaData(naming_convention=NAMING)

# there already, named for the references
table(metadata, "agents", Column("id", Id, primary_key=True, autoincrement=False))
table(metadata, "conversations", Column("id", Id, primary_key=True, autoincrement=False))
table(metadata, "inboxes", Column("id", Id, primary_key=True, autoincrement=False))
KNOWN = ("agents", "contacts", "conversations", "inboxes")
BLOCKED = Index("ix_contacts_blocked_at", "blocked_at", sqlite_where=text("blocked_at IS NOT NULL"))
MERGED = Index("ix_contacts_merged_into", "merged_into", sqlite_where=text("merged_into IS NOT NULL"))
table(metadata, "contacts", Column("id", Id, primary_key=True, autoincrement=False), Column("blocked_at", Ms),
      Column("merged_into", Id), BLOCKED, MERGED)

table(metadata, "teams", Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", key(64), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("settings", LongText, nullable=False, comment="JSON: how conversations are handed out"),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))
table(metadata, "team_members",
    Column("team_id", Id, ForeignKey("teams.id"), primary_key=True, autoincrement=False),
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Index("ix_team_members_agent_id", "agent_id"))
table(metadata, "tags", Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", key(64), nullable=False, unique=True), Column("colour", key(16), nullable=False),
    Column("created_at", Ms, nullable=False))
table(metadata, "conversation_tags",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("tag_id", Id, ForeignKey("tags.id"), primary_key=True, autoincrement=False),
    Index("ix_conversation_tags_tag_id", "tag_id"))
table(metadata, "canned", Column("id", Id, primary_key=True, autoincrement=False),
    Column("shortcut", key(64), nullable=False), Column("folder", String(100), nullable=False),
    Column("lang", key(16), nullable=False), Column("text", LongText, nullable=False),
    Column("owner_id", Id, nullable=False, comment="the agent whose own it is; 0 = everybody's"),
    Column("team_id", Id, nullable=False, comment="only for this team; 0 = all"),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("owner_id", "shortcut", "lang"))
table(metadata, "mentions",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("by_id", Id, nullable=False), Column("created_at", Ms, nullable=False), Column("read_at", Ms),
    Index("ix_mentions_agent_id_read_at", "agent_id", "read_at"))
table(metadata, "files", Column("id", Id, primary_key=True, autoincrement=False),
    Column("token", key(32), nullable=False, unique=True, comment="its name in the folder"),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), nullable=False),
    Column("sender", key(160), nullable=False, comment="who uploaded it; nobody else can send it"),
    Column("conversation_id", Id, comment="null: uploaded, and not sent yet"), Column("seq", Id),
    Column("private", Boolean, nullable=False, comment="sent in a note"),
    Column("name", String(200), nullable=False), Column("type", key(100), nullable=False),
    Column("kind", key(16), nullable=False), Column("size_bytes", BigInteger, nullable=False),
    Column("width", Integer, nullable=False), Column("height", Integer, nullable=False),
    Column("created_at", Ms, nullable=False),
    Index("ix_files_conversation_id_created_at", "conversation_id", "created_at"),
    Index("ix_files_inbox_id_sender", "inbox_id", "sender"))
table(metadata, "presence",
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("node", key(32), primary_key=True, comment="the process that holds the connections"),
    Column("sockets", Integer, nullable=False), Column("active", Integer, nullable=False,
           comment="how many of the open pages somebody sits at"),
    Column("seen_at", Ms, nullable=False), Column("lease_until", Ms, nullable=False))
table(metadata, "leases", Column("name", key(64), primary_key=True), Column("owner", key(32), nullable=False),
    Column("lease_until", Ms, nullable=False))
table(metadata, "assignments",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("agent_id", Id, nullable=False), Column("team_id", Id), Column("at", Ms, nullable=False),
    Index("ix_assignments_at", "at"), Index("ix_assignments_agent_id_at", "agent_id", "at"))
table(metadata, "waits",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("team_since", Ms, comment="when it came to the team in whose queue it waits"),
    Column("alarmed_at", Ms), Column("out_of_office_at", Ms))

table(metadata, "agent_inboxes",
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), primary_key=True, autoincrement=False),
    Index("ix_agent_inboxes_inbox_id", "inbox_id"))
table(metadata, "second_factors",
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("secret", String(64), nullable=False, comment="base32; codes are made from it"),
    Column("confirmed_at", Ms, comment="null: shown, and no code was entered yet"),
    Column("last_step", Ms, nullable=False, comment="of the newest code that was used: none counts twice"),
    Column("recovery", LongText, nullable=False, comment="JSON: digests of the codes that are left"))
table(metadata, "reset_links",
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("digest", Digest, nullable=False, unique=True), Column("expires_at", Ms, nullable=False))
table(metadata, "agent_identities",
    Column("issuer", key(190), primary_key=True), Column("subject", key(255), primary_key=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False), Column("created_at", Ms, nullable=False),
    Index("ix_agent_identities_agent_id", "agent_id"))
table(metadata, "notify_targets", Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False), Column("kind", key(16), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("body", LongText, nullable=False, comment="JSON: address, secret, what it wants to hear of"),
    Column("failures", Integer, nullable=False, comment="attempts in a row that failed"),
    Column("next_at", Ms, nullable=False, comment="nothing is sent before: pace and pauses after failures"),
    Column("last_sent_at", Ms), Column("last_error", String(500), nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))
table(metadata, "notices",
    Column("target_id", Id, ForeignKey("notify_targets.id"), primary_key=True, autoincrement=False),
    Column("key", key(160), primary_key=True), Column("body", LongText, nullable=False),
    Column("state", key(16), nullable=False, comment="due | sent | expired"),
    Column("created_at", Ms, nullable=False), Index("ix_notices_target_id_state", "target_id", "state"),
    Index("ix_notices_created_at", "created_at"))
table(metadata, "mail_stops",
    Column("inbox_id", Id, ForeignKey("inboxes.id"), primary_key=True, autoincrement=False),
    Column("address", key(320), primary_key=True, comment="in lower case"),
    Column("reason", key(16), nullable=False, comment="asked | bounced"),
    Column("created_at", Ms, nullable=False))
table(metadata, "mailboxes", Column("name", key(190), primary_key=True, comment="user@host/folder"),
    Column("uid_validity", BigInteger, nullable=False), Column("uid", BigInteger, nullable=False),
    Column("looked_at", Ms), Column("failed_at", Ms), Column("last_error", String(500), nullable=False))
table(metadata, "webhooks", Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", key(64), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("body", LongText, nullable=False, comment="JSON: address, secrets, events, inboxes, teams"),
    Column("failing_since", Ms, comment="nothing has arrived since then"),
    Column("paused_at", Ms, comment="the desk gave up by itself"),
    Column("last_error", String(500), nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))

table(metadata, "reviews",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("reviewer_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False, comment="whose work was looked at"),
    Column("scores", LongText, nullable=False, comment="JSON: criterion → 1 … 5"),
    Column("comment", LongText, nullable=False), Column("created_at", Ms, nullable=False),
    Column("updated_at", Ms, nullable=False),
    Index("ix_reviews_agent_id_created_at", "agent_id", "created_at"))

table(metadata, "summaries",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("seq", Id, nullable=False, comment="the last message it knows of"),
    Column("text", LongText, nullable=False), Column("model", key(128), nullable=False),
    Column("created_at", Ms, nullable=False))
table(metadata, "agent_reads",
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("seq", Id, nullable=False), Column("updated_at", Ms, nullable=False),
    Index("ix_agent_reads_conversation_id", "conversation_id"))

ADDED: dict[str, tuple[Column[Any], ...]] = {
    "contacts": (Column("blocked_at", Ms), Column("merged_into", Id)),
    "api_keys": (
        Column("inbox_ids", String(2000), nullable=False, server_default=text("''"),
               comment="JSON list of the inboxes it may see; empty = all"),),
    "audit": (
        Column("digest", key(64), nullable=False, server_default=text("''"),
               comment="SHA-256 over the digest before and this row; empty: written before there were any"),),
    "agents": (
        Column("availability", key(16), nullable=False, server_default=text("'online'"),
               comment="what they say: online | busy | away"),
        Column("settings", LongText, comment="JSON: capacity, skills, languages"),
        Column("last_served_at", Ms, nullable=False, server_default=text("0"),
               comment="who was served moves to the end of the line")),
    "conversations": (
        Column("team_id", Id),
        Column("priority", Integer, nullable=False, server_default=text("0"), comment="0 none … 4 urgent"),
        Column("snoozed_until", Ms), Column("first_reply_at", Ms), Column("assigned_at", Ms),
        Column("resolved_at", Ms),
        Column("wrap_up", String(100), nullable=False, server_default=text("''"),
               comment="what it was about, said on resolve"),
        Column("attributes", LongText, comment="JSON: what a shop adds of its own")),
}

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """New tables, new columns; what is there already stays as it is."""
    for made in metadata.sorted_tables:
        if made.name not in KNOWN:
            create_table(made)
    for name, columns in ADDED.items():
        for column in columns:
            add_column(name, column)
    create_index(BLOCKED)
    create_index(MERGED)
    c = Table("conversations", MetaData(), Column("created_at", Ms), Column("resolved_at", Ms)).c
    create_index(Index("ix_conversations_created_at", c.created_at))
    create_index(Index("ix_conversations_resolved_at", c.resolved_at))
    c = Table("outbox", MetaData(), Column("channel", key(32)), Column("state", key(16)), Column("id", Id)).c
    create_index(Index("ix_outbox_channel_state_id", c.channel, c.state, c.id))
