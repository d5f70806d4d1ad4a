"""The tables of sign-in and rights: who sees which inboxes, second factors, reset links, single sign-on."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String

from zhike.store.tabletypes import Digest, Id, LongText, Ms, key, table

agent_inboxes = table("agent_inboxes",
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("inbox_id", Id, ForeignKey("inboxes.id"), primary_key=True, autoincrement=False),
    Index("ix_agent_inboxes_inbox_id", "inbox_id"))

second_factors = table("second_factors",
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("secret", String(64), nullable=False, comment="base32; codes are made from it"),
    Column("confirmed_at", Ms, comment="null: shown, and no code was entered yet"),
    Column("last_step", Ms, nullable=False, comment="of the newest code that was used: none counts twice"),
    Column("recovery", LongText, nullable=False, comment="JSON: digests of the codes that are left"))

reset_links = table("reset_links",
    Column("agent_id", Id, ForeignKey("agents.id"), primary_key=True, autoincrement=False),
    Column("digest", Digest, nullable=False, unique=True), Column("expires_at", Ms, nullable=False))

agent_identities = table("agent_identities",
    Column("issuer", key(190), primary_key=True), Column("subject", key(255), primary_key=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False), Column("created_at", Ms, nullable=False),
    Index("ix_agent_identities_agent_id", "agent_id"))
