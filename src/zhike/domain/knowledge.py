"""What an owner writes for the bot: articles with variants, rules, bots, inboxes."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from zhike.domain.card import Card
from zhike.domain.message import Button

RuleKind = Literal["exact", "keyword", "pattern", "menu"]


class Article(msgspec.Struct, omit_defaults=True):
    """One piece of knowledge: a question as a title, other ways of asking it, one answer.

    ``inboxes``: keys of the inboxes whose visitors may see it, () = all. ``valid_from``, ``valid_until``:
    ms since 1970 UTC, None = no limit; outside of them it is as if disabled. ``source`` and ``position``:
    the file or address it was imported from, and its place there.
    """

    id: int
    bot_id: int
    key: str
    lang: str
    question: str
    answer: str
    variants: tuple[str, ...] = ()
    category: str = ""
    buttons: tuple[Button, ...] = ()
    enabled: bool = True
    created_at: int = 0
    updated_at: int = 0
    inboxes: tuple[str, ...] = ()
    valid_from: int | None = None
    valid_until: int | None = None
    cards: tuple[Card, ...] = ()
    source: str = ""
    position: int = 0


class Rule(msgspec.Struct, omit_defaults=True):
    """A fixed reply. ``match``: exact texts | keywords ("a b": both) | RE2 patterns | menu texts.

    Lower ``position`` wins. ``lang`` "" applies to both languages. ``opener``: greeting-like.
    """

    id: int
    bot_id: int
    key: str
    kind: RuleKind
    match: tuple[str, ...]
    reply: str
    lang: str = ""
    buttons: tuple[Button, ...] = ()
    action: str = ""
    opener: bool = False
    position: int = 100
    enabled: bool = True
    created_at: int = 0
    updated_at: int = 0


class Bot(msgspec.Struct, omit_defaults=True):
    """A bot and its settings; ``knowledge_version`` rises with every edit of article, rule or template.

    settings keys: ``fallback`` {zh,en} · ``handoff`` {zh,en} · ``answer_threshold`` 0..1 ·
    ``fragment_wait_s`` seconds · ``template`` name of the prompt template (none: the built-in one) ·
    ``forbidden`` [str] (words no model may hear or say) · ``out_of_scope`` [text]: questions that no
    article answers, which the learned model is told to reject · ``synonyms`` [[word, word …] …], the
    first of a group stands for all · ``tools`` [key]: what a model may call.
    """

    id: int
    key: str
    name: str
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    knowledge_version: int = 1
    created_at: int = 0
    updated_at: int = 0


class Inbox(msgspec.Struct, omit_defaults=True):
    """One configured entry. ``key`` is public (it stands in the widget snippet).

    settings keys: ``origins`` [str] ("*" = any) · ``greeting`` {zh,en} · ``suggestions`` {zh:[],en:[]}
    · ``identity_secret`` (HMAC key for known customers) · ``offline`` {zh,en} ·
    ``mask_pii`` (callbacks carry placeholders for personal data) · ``team_id`` (whose queue) ·
    ``hours`` (see :mod:`zhike.desk.hours`) · ``out_of_office`` {zh,en} · ``offline_form`` {enabled, fields} ·
    ``csat`` {enabled, question {zh,en}} · ``auto_resolve_after_s`` · ``wrap_ups`` [text] ·
    ``reach`` {email, sms_url, wait_s, page} (see :mod:`zhike.domain.reach`).
    """

    id: int
    key: str
    name: str
    channel: str
    bot_id: int | None = None
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    created_at: int = 0
    updated_at: int = 0


class Contact(msgspec.Struct, omit_defaults=True):
    """Who asks. ``sender`` is the authenticated sender key, unique per inbox:
    ``v:<visitor id>`` anonymous, ``c:<customer id>`` identified by the shop.

    ``blocked_at`` (ms): what they send is refused since then. ``merged_into``: the contact that this one
    turned out to be; conversations of this sender are that contact's."""

    id: int
    inbox_id: int
    sender: str
    name: str = ""
    email: str = ""
    phone: str = ""
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)
    created_at: int = 0
    last_seen_at: int = 0
    blocked_at: int | None = None
    merged_into: int | None = None
