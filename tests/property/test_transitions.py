"""The table of transitions: whole, and what the storing transaction does is what it says."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhike.domain.conversation import Conversation
from zhike.domain.message import Reply
from zhike.domain.transitions import ACTORS, RESOLVED, STATES, TABLE, Act, Step, step
from zhike.domain.unit import BotReply, Change, ChangeKind, Incoming
from zhike.domain.words import SYSTEM_TEXTS
from zhike.store import conversations, tables
from zhike.store.unit import Result, commit_unit
from zhike.testing.inline import InlineStore
from zhike.testing.linerig import seed

KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)
ACTS: tuple[Act, ...] = get_args(Act)


def test_every_act_is_decided_in_every_state() -> None:
    assert set(TABLE) == set(ACTS) == set(ACTORS)
    for act, state in product(ACTS, STATES):
        found = TABLE[act][state]
        if not isinstance(found, Step):
            continue
        assert found.to in STATES
        assert not found.says or set(SYSTEM_TEXTS[found.says]) == {"zh", "en"}
        # who may speak changes with the epoch, never without it
        assert found.rises or found.to[1] == state[1]
        # and the visitor hears of it
        assert bool(found.says) == found.rises


def test_what_is_over_is_only_reopened() -> None:
    for act in ACTS:
        assert isinstance(TABLE[act][RESOLVED], Step) == (act == "reopen")


ENTRY = st.one_of(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.sampled_from([None, 0, 5])),
    st.tuples(st.just("visitor"), st.just(0), st.just(None)),
    st.tuples(st.just("agent"), st.integers(1, 2), st.just(None)),
    st.tuples(st.just("bot"), st.integers(0, 2), st.just(None)),
)


class Walk:
    """One conversation after another of one visitor, and what must hold after each step."""

    def __init__(self, store: InlineStore) -> None:
        self.store = store
        self.number = 0
        self.at = 1000

    def commit(self, *entries: Any) -> Result:
        self.at += 1
        return self.store.run(commit_unit, entries, {})

    def now(self, conversation_id: int) -> Conversation:
        found = self.store.run(conversations.get_conversation, conversation_id)
        assert found is not None
        return found

    def said(self, text: str, **values: Any) -> Incoming:
        self.number += 1
        key = self.number.to_bytes(16, "big")
        sender = values.pop("sender", "v:1")
        return Incoming(1, sender, f"m{self.number}", key, text, self.at, lang="zh", **values)

    def change(self, before: Conversation, kind: ChangeKind, agent_id: int, team_id: int | None) -> None:
        if kind == "note" or kind == "recall" or kind == "say" or (kind == "take" and not agent_id):
            return  # they move nothing; nobody takes without being somebody
        change = Change(before.id, kind, self.at, agent_id=agent_id, agent_name=f"A{agent_id}",
                        team_id=team_id, until=self.at + 60_000 if kind == "snooze" else None)
        result = self.commit(change)
        after = self.now(before.id)
        act: Act = ("give" if agent_id else "pass") if kind == "assign" else kind
        own = before.holder == "agent" and before.agent_id == agent_id
        wanted = step(act, before.status, before.holder, own=own, by_agent=agent_id > 0)
        assert (after.status, after.holder) in STATES
        if change.outcome != "done" or not isinstance(wanted, Step):
            assert (after.status, after.holder) == (before.status, before.holder)
            assert after.holder_epoch == before.holder_epoch
            assert change.outcome != "done" or (own and team_id is not None)
            assert not isinstance(wanted, Step) or change.outcome == "conflict"
            return
        assert (after.status, after.holder) == wanted.to
        assert after.holder_epoch == before.holder_epoch + wanted.rises
        assert (after.agent_id is not None) == (after.holder == "agent")
        assert [row.sender_type for row in result.rows] == (["system"] if wanted.rises else [])
        assert after.holder not in ("agent", "queue") or wanted.to[0] == "snoozed" or not wanted.rises \
            or after.waiting_since is not None
        assert not after.flow or after.holder == "bot"


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ENTRY, min_size=1, max_size=25))
def test_the_store_does_what_the_table_says(entries: list[Any]) -> None:
    store = InlineStore()
    asyncio.run(store.open())
    store.run(seed)
    walk = Walk(store)
    first = walk.said("在吗")
    walk.commit(first)
    where = first.conversation_id
    for kind, number, extra in entries:
        before = walk.now(where)
        if kind == "visitor":
            entry = walk.said("?")
            walk.commit(entry)
            assert entry.outcome == "stored"
            assert (entry.conversation_id != where) == (before.holder == "none")
            where = entry.conversation_id
            after = walk.now(where)
            assert after.status != "snoozed"
            assert (after.waiting_since is not None) == (after.holder in ("queue", "agent"))
        elif kind == "agent":
            entry = walk.said("!", sender=f"a:{number}", agent_id=number, agent_name="A",
                              conversation_id=where)
            walk.commit(entry)
            holds = before.holder == "agent" and before.agent_id == number
            assert (entry.outcome == "stored") == holds
            assert not holds or walk.now(where).waiting_since is None
        elif kind == "bot":
            reply = BotReply(where, before.holder_epoch - number, tuple(range(1, before.last_seq + 1)),
                             Reply("b"), walk.at)
            owed = before.owes_answer
            walk.commit(reply)
            assert (reply.outcome == "stored") == (before.holder == "bot" and not number and owed)
        else:
            walk.change(before, kind, number, extra)
    keys = store.run(lambda c: [row.open_key for row in c.execute(tables.conversations.select())
                                if (row.status == "resolved") != (row.open_key is None)])
    assert not keys, "an open conversation without its key, or a resolved one with it"
