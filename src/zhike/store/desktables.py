"""The tables of the human desk: teams, tags, canned responses, mentions, files, presence, routing."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, UniqueConstraint

from zhike.store.tabletypes import Id, LongText, Ms, key, table

teams = table("teams", Column("id", Id, primary_key=True, autoincrement=False),
    Column("key", key(64), nullable=False, unique=True), Column("name", String(200), nullable=False),
    Column("settings", LongText, nullable=False, comment="JSON: how conversations are handed out"),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False))

team_members = table("team_members",
    Column("team_id", Id, ForeignKey("teams.id"), primary_key=True, autoincrement=False),
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Index("ix_team_members_agent_id", "agent_id"))

tags = table("tags", Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", key(64), nullable=False, unique=True), Column("colour", key(16), nullable=False),
    Column("created_at", Ms, nullable=False))

conversation_tags = table("conversation_tags",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("tag_id", Id, ForeignKey("tags.id"), primary_key=True, autoincrement=False),
    Index("ix_conversation_tags_tag_id", "tag_id"))

canned = table("canned", Column("id", Id, primary_key=True, autoincrement=False),
    Column("shortcut", key(64), nullable=False), Column("folder", String(100), nullable=False),
    Column("lang", key(16), nullable=False), Column("text", LongText, nullable=False),
    Column("owner_id", Id, nullable=False, comment="the agent whose own it is; 0 = everybody's"),
    Column("team_id", Id, nullable=False, comment="only for this team; 0 = all"),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Ms, nullable=False), Column("updated_at", Ms, nullable=False),
    UniqueConstraint("owner_id", "shortcut", "lang"))

canned_files = table("canned_files", Column("id", Id, primary_key=True, autoincrement=False),
    Column("canned_id", Id, ForeignKey("canned.id"), comment="null: taken away; its bytes go next"),
    Column("token", key(32), nullable=False, unique=True, comment="its name in the folder"),
    Column("name", String(200), nullable=False), Column("type", key(100), nullable=False),
    Column("kind", key(16), nullable=False), Column("size_bytes", BigInteger, nullable=False),
    Column("width", Integer, nullable=False), Column("height", Integer, nullable=False),
    Column("created_at", Ms, nullable=False), Index("ix_canned_files_canned_id", "canned_id"))

mentions = table("mentions",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("by_id", Id, nullable=False), Column("created_at", Ms, nullable=False), Column("read_at", Ms),
    Index("ix_mentions_agent_id_read_at", "agent_id", "read_at"))

files = table("files", Column("id", Id, primary_key=True, autoincrement=False),
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

# Who is here: one row for an agent and a process, kept alive by the process while pages are open.
presence = table("presence",
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("node", key(32), primary_key=True, comment="the process that holds the connections"),
    Column("sockets", Integer, nullable=False), Column("active", Integer, nullable=False,
           comment="how many of the open pages somebody sits at"),
    Column("seen_at", Ms, nullable=False), Column("lease_until", Ms, nullable=False))

leases = table("leases", Column("name", key(64), primary_key=True), Column("owner", key(32), nullable=False),
    Column("lease_until", Ms, nullable=False))

assignments = table("assignments",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("agent_id", Id, nullable=False), Column("team_id", Id), Column("at", Ms, nullable=False),
    Index("ix_assignments_at", "at"), Index("ix_assignments_agent_id_at", "agent_id", "at"))

# Beside the conversation, so that the way of a message does not carry it: only those that waited for a
# person have a row.
waits = table("waits",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("team_since", Ms, comment="when it came to the team in whose queue it waits"),
    Column("alarmed_at", Ms), Column("out_of_office_at", Ms))

# What a supervisor thought of how a conversation was led.
reviews = table("reviews",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("reviewer_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False, comment="whose work was looked at"),
    Column("scores", LongText, nullable=False, comment="JSON: criterion → 1 … 5"),
    Column("comment", LongText, nullable=False), Column("created_at", Ms, nullable=False),
    Column("updated_at", Ms, nullable=False),
    Index("ix_reviews_agent_id_created_at", "agent_id", "created_at"))

# What a model has made of a conversation. Beside it, so that the way of a message does not carry it.
summaries = table("summaries",
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("seq", Id, nullable=False, comment="the last message it knows of"),
    Column("text", LongText, nullable=False), Column("model", key(128), nullable=False),
    Column("created_at", Ms, nullable=False))

# Which pages a contact looked at last: a bounded list in one row.
visits = table("visits",
    Column("contact_id", Id, ForeignKey("contacts.id"), primary_key=True, autoincrement=False),
    Column("body", LongText, nullable=False, comment="JSON: the last pages, the browser"),
    Column("updated_at", Ms, nullable=False), Index("ix_visits_updated_at", "updated_at"))

# How far each agent has read, where they have looked.
agent_reads = table("agent_reads",
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("conversation_id", Id, ForeignKey("conversations.id"), primary_key=True, autoincrement=False),
    Column("seq", Id, nullable=False), Column("updated_at", Ms, nullable=False),
    Index("ix_agent_reads_conversation_id", "conversation_id"))
