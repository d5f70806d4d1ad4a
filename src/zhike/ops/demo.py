"""Two weeks of past conversations for ``zhike demo``, and how to take them out again.

They carry the mark ``demo`` in their rows; the people in them (agents who cannot sign in, and
visitors) are remembered in ``meta``. What real visitors write beside them stays when they go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from zhike.clock import to_datetime, to_ms
from zhike.config import ConfigError, Problem
from zhike.domain.conversation import Conversation
from zhike.domain.message import Payload, Source, TraceStep, encode
from zhike.domain.unit import open_key
from zhike.sample.demo_data import DemoConversation, DemoMessage, make_history, material
from zhike.store import articles, rules, tables
from zhike.store.contacts import ensure
from zhike.store.conversations import LAST_TEXT_CHARS, insert_conversations, update_life
from zhike.store.dialect import insert_many, next_ids
from zhike.store.engine import Store
from zhike.store.inboxes import get_inbox_by_key
from zhike.store.messages import pack_answers
from zhike.store.schema import get_meta, set_meta

INBOX = "shop"
SEED = 1
MARK = "demo"
_MESSAGE = ("conversation_id", "seq", "dedup_key", "direction", "sender_type", "sender_id", "client_msg_id",
            "text", "answers", "payload", "trace", "epoch", "created_at")
_PART = 500
Sources = dict[tuple[str, str], Source]
READING_MS = 20_000
"""An agent reads what was said before they write: so long at most between taking and the first word."""


class People(msgspec.Struct):
    """Whom the demo brought: what ``meta`` remembers."""

    agents: list[int]
    contacts: list[int]


async def load(store: Store, now: int) -> int:
    """Puts the history into the sample shop, unless it is there; returns how many conversations.

    Raises:
        ConfigError: the database holds no sample shop to put it into.
    """
    return await store.write(load_history, now)


async def remove(store: Store) -> int:
    """Takes the demo conversations, their visitors and agents out; returns how many conversations."""
    return await store.write(remove_history)

def load_history(conn: Connection, now: int) -> int:
    """See :func:`load`; one transaction."""
    if get_meta(conn, MARK):
        return 0
    inbox = get_inbox_by_key(conn, INBOX)
    if inbox is None:
        raise ConfigError([Problem(
            "demo", "这个数据库里不是示例商店；演示请用另一个数据目录，例如 --data ./demo",
            "this database does not hold the sample shop; show the demo in another folder: --data ./demo")])
    history = make_history(SEED, to_datetime(now))
    agent_ids = _agents(conn, now)
    first = {_sender(told): told for told in reversed(history)}
    contact_ids = ensure(conn, [(inbox.id, sender, {"name": told.contact.name}, to_ms(told.started_at))
                                for sender, told in first.items()])
    sources = _sources(conn, inbox.bot_id or 0)
    rows: list[tuple[Conversation, str]] = []
    said: list[tuple[Any, ...]] = []
    ratings: list[dict[str, Any]] = []
    life: dict[int, dict[str, Any]] = {}
    for conversation_id, told in zip(next_ids(conn, "conversation", len(history)), history, strict=True):
        sender = _sender(told)
        conversation = _conversation(conversation_id, inbox.id, contact_ids[inbox.id, sender], sender, told,
                                     agent_ids.get(told.agent or ""))
        rows.append((conversation, "" if conversation.holder == "none" else open_key(inbox.id, sender)))
        said += _messages(conversation, told, agent_ids, sources)
        life[conversation_id] = _life(conversation, told)
        if told.rating is not None:
            ratings.append({"conversation_id": conversation_id, "score": told.rating,
                            "comment": told.comment or "", "created_at": conversation.updated_at})
    insert_conversations(conn, rows, demo=True)
    update_life(conn, life)
    insert_many(conn, "messages", _MESSAGE, said)
    if ratings:
        conn.execute(insert(tables.ratings), ratings)
    people = People(sorted(agent_ids.values()), sorted(contact_ids.values()))
    set_meta(conn, MARK, msgspec.json.encode(people).decode())
    return len(history)


def _sender(told: DemoConversation) -> str:
    return f"c:{told.contact.key}"


def _agents(conn: Connection, now: int) -> dict[str, int]:
    """Key → id of the demo's agents. They have no password and are switched off: nobody signs in
    as one of them, and the first real admin still gets the link."""
    people = material()[0]
    c = tables.agents.c
    rows = conn.execute(select(c.email, c.id).where(c.email.in_([agent.email for agent in people])))
    stored = {row.email: row.id for row in rows}
    missing = [agent for agent in people if agent.email not in stored]
    ids = next_ids(conn, "agents", len(missing)) if missing else range(0)
    for agent_id, agent in zip(ids, missing, strict=True):
        stored[agent.email] = agent_id
        conn.execute(insert(tables.agents).values(
            id=agent_id, email=agent.email, name=agent.name, role="agent", password_hash="", enabled=False,
            lang=agent.langs[0], created_at=now, last_seen_at=now))
    return {agent.key: stored[agent.email] for agent in people}


def _sources(conn: Connection, bot_id: int) -> Sources:
    """Where the bot's answers came from, by ("article", key + lang) and ("rule", key)."""
    found: Sources = {}
    for article in articles.all_for_bot(conn, bot_id):
        found["article", f"{article.key} {article.lang}"] = Source("article", article.id, article.key,
                                                                    article.question, 1.0)
    for rule in rules.all_for_bot(conn, bot_id):
        found["rule", rule.key] = Source("rule", rule.id, rule.key, rule.match[0], 1.0)
    return found


def _conversation(conversation_id: int, inbox_id: int, contact_id: int, sender: str, told: DemoConversation,
                  agent_id: int | None) -> Conversation:
    began = to_ms(told.started_at)
    incoming = [seq for seq, message in enumerate(told.messages, 1) if message.sender == "visitor"]
    last, last_incoming = len(told.messages), incoming[-1] if incoming else 0
    resolved = told.status == "resolved"
    ended = to_ms(told.resolved_at) if told.resolved_at else began + _ms(told.messages[-1])
    handed = told.handed_off_s is not None
    return Conversation(
        id=conversation_id, inbox_id=inbox_id, contact_id=contact_id, sender=sender,
        status="resolved" if resolved else "open" if handed else "pending",
        holder="none" if resolved else "agent" if agent_id else "queue" if handed else "bot",
        holder_epoch=1 + handed + (agent_id is not None) + resolved, last_seq=last,
        last_incoming_seq=last_incoming, answered_seq=last_incoming, created_at=began, updated_at=ended,
        agent_id=None if resolved else agent_id, lang=told.lang,
        last_text=told.messages[-1].text[:LAST_TEXT_CHARS], read_by_contact_seq=last,
        read_by_agent_seq=last if resolved else last_incoming - 1,
        waiting_since=began + round(told.handed_off_s * 1000)
        if not resolved and not agent_id and told.handed_off_s is not None else None)


def _life(conversation: Conversation, told: DemoConversation) -> dict[str, int | None]:
    """When somebody took it, wrote first, and when it was over: what reports are made of."""
    began = conversation.created_at
    first = next((began + _ms(message) for message in told.messages if message.sender == "agent"), None)
    handed = began + round(told.handed_off_s * 1000) if told.handed_off_s is not None else began
    return {"assigned_at": None if first is None else max(handed, first - READING_MS),
            "first_reply_at": first,
            "resolved_at": conversation.updated_at if conversation.holder == "none" else None}


def _ms(message: DemoMessage) -> int:
    return round(message.offset_s * 1000)


def _messages(conversation: Conversation, told: DemoConversation, agent_ids: dict[str, int],
              sources: Sources) -> Iterable[tuple[Any, ...]]:
    unanswered: list[int] = []
    agent_name = next((agent.name for agent in material()[0] if agent.key == told.agent), "")
    for seq, message in enumerate(told.messages, 1):
        payload = trace = ""
        if message.sender == "visitor":
            unanswered.append(seq)
        kind = "article" if message.article_key else "rule"
        key = f"{message.article_key} {told.lang}" if message.article_key else message.rule_key or ""
        if (source := sources.get((kind, key))) is not None:
            payload = encode(Payload(source=source)).decode()
            step = TraceStep("rules" if kind == "rule" else "knowledge", "hit", source.key, 1.0)
            trace = encode([step]).decode()
        agent_id = 0
        if message.sender == "agent":
            agent_id, payload = agent_ids[told.agent or ""], encode(Payload(name=agent_name)).decode()
        incoming = message.sender == "visitor"
        yield (conversation.id, seq, None, "incoming" if incoming else "outgoing",
               "contact" if incoming else message.sender,
               conversation.contact_id if incoming else agent_id, "", message.text,
               "" if incoming else pack_answers(unanswered), payload, trace, 1,
               conversation.created_at + _ms(message))
        if not incoming:
            unanswered = []


def remove_history(conn: Connection) -> int:
    """See :func:`remove`; one transaction. People who did something real meanwhile stay."""
    stored = get_meta(conn, MARK)
    if not stored:
        return 0
    people = msgspec.json.decode(stored, type=People)
    c = tables.conversations.c
    ids = list(conn.execute(select(c.id).where(c.demo.is_(True))).scalars())
    for start in range(0, len(ids), _PART):
        part = ids[start:start + _PART]
        for table in (tables.messages, tables.ratings, tables.reviews, tables.outbox,
                      tables.conversation_tags, tables.mentions, tables.assignments, tables.waits,
                      tables.summaries, tables.agent_reads):
            conn.execute(delete(table).where(table.c.conversation_id.in_(part)))
        conn.execute(delete(tables.conversations).where(c.id.in_(part)))
    busy = set(conn.execute(select(c.contact_id).where(c.contact_id.in_(people.contacts))).scalars())
    conn.execute(delete(tables.contacts).where(
        tables.contacts.c.id.in_([one for one in people.contacts if one not in busy])))
    held = set(conn.execute(select(c.agent_id).where(c.agent_id.in_(people.agents))).scalars())
    gone = list(conn.execute(select(tables.agents.c.id).where(
        tables.agents.c.id.in_([one for one in people.agents if one not in held]),
        tables.agents.c.password_hash == "")).scalars())
    for table in (tables.mentions, tables.team_members, tables.agent_inboxes, tables.agent_reads):
        conn.execute(delete(table).where(table.c.agent_id.in_(gone)))
    conn.execute(delete(tables.agents).where(tables.agents.c.id.in_(gone)))
    conn.execute(delete(tables.meta).where(tables.meta.c.name == MARK))
    return len(ids)
