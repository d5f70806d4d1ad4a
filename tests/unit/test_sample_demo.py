"""The demo's past conversations: deterministic, in the past, in rhythm, and true to the knowledge."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import yaml

from zhike.sample import CONFIG_FILES
from zhike.sample.demo_data import CLOSE_HOUR, OPEN_HOUR, DemoConversation, make_history, material
from zhike.sample.orders import SHOP_TZ

NOON = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
NIGHT = datetime(2026, 11, 20, 19, 10, tzinfo=UTC)  # 03:10 in the shop


@pytest.fixture(scope="module")
def history() -> list[DemoConversation]:
    return make_history(7, NOON)


def test_same_seed_same_history_other_seed_another(history: list[DemoConversation]) -> None:
    assert make_history(7, NOON) == history
    assert make_history(8, NOON) != history


def test_size_languages_and_variety(history: list[DemoConversation]) -> None:
    assert 230 <= len(history) <= 270
    assert 0.25 < sum(c.lang == "en" for c in history) / len(history) < 0.5
    assert len({c.script for c in history}) >= 55
    assert len({c.key for c in history}) == len(history)
    assert len(material()[2]) >= 60
    assert len({s.key for s in material()[2]}) == len(material()[2])


@pytest.mark.parametrize("now", [NOON, NIGHT], ids=["noon", "night"])
def test_order_in_time_and_nothing_from_the_future(now: datetime) -> None:
    conversations = make_history(3, now)
    assert all(a.started_at <= b.started_at for a, b in pairwise(conversations))
    for c in conversations:
        assert now - timedelta(days=14) <= c.started_at
        assert c.messages[0].offset_s == 0
        assert c.messages[0].sender == "visitor"
        assert all(a.offset_s < b.offset_s for a, b in pairwise(c.messages)), c.key
        assert c.started_at + timedelta(seconds=c.messages[-1].offset_s) <= now
        assert (c.resolved_at is None) == (c.status == "open")
        assert c.resolved_at is None or c.resolved_at <= now


@pytest.mark.parametrize("now", [NOON, NIGHT], ids=["noon", "night"])
def test_people_answer_only_in_their_hours_after_a_handoff(now: datetime) -> None:
    langs = {a.key: a.langs for a in material()[0]}
    with_agent = 0
    for c in make_history(5, now):
        spoken = [m for m in c.messages if m.sender == "agent"]
        assert (c.agent is not None) == bool(spoken)
        if c.agent is None:
            continue
        with_agent += 1
        assert c.lang in langs[c.agent]
        assert c.handed_off_s is not None
        assert spoken[0].offset_s > c.handed_off_s
        after = [m for m in c.messages if m.offset_s > c.handed_off_s + 1]
        assert all(m.sender != "bot" for m in after), f"{c.key}: bot and person speak at once"
        for message in spoken:
            hour = (c.started_at + timedelta(seconds=message.offset_s)).astimezone(SHOP_TZ).hour
            assert OPEN_HOUR <= hour < CLOSE_HOUR, c.key
    assert with_agent > 40


@pytest.mark.parametrize("now", [NOON, NIGHT], ids=["noon", "night"])
def test_somebody_is_waiting_and_the_rest_is_resolved(now: datetime) -> None:
    conversations = make_history(11, now)
    waiting = [c for c in conversations if c.waiting]
    assert 3 <= len(waiting) <= 20
    assert all(c.status == "open" for c in waiting)
    assert sum(c.status == "open" for c in conversations) <= 25


def test_nobody_has_two_conversations_at_once() -> None:
    until: dict[str, datetime] = {}
    repeated = 0
    for c in make_history(2, NOON):
        before = until.get(c.contact.key)
        if before is not None:
            repeated += 1
            assert before < c.started_at, c.contact
        until[c.contact.key] = c.resolved_at or NOON
    assert repeated > 50


def test_the_day_has_two_peaks() -> None:
    hours = Counter(
        c.started_at.astimezone(SHOP_TZ).hour for seed in range(4) for c in make_history(seed, NOON, days=28)
    )
    morning, evening = hours[10] + hours[11], hours[20] + hours[21]
    assert min(morning, evening) > 1.3 * max(hours[14] + hours[15], hours[17] + hours[18])
    assert min(morning, evening) > 8 * (hours[2] + hours[3])


def test_ratings_are_honest(history: list[DemoConversation]) -> None:
    rated = [c for c in history if c.rating is not None]
    assert 0.25 < len(rated) / len(history) < 0.5
    assert set(Counter(c.rating for c in rated)) <= {1, 2, 3, 4, 5}
    assert min(c.rating or 0 for c in rated) <= 2
    assert all(c.status == "resolved" for c in rated)
    assert any(c.comment for c in rated)
    assert all(c.rating is not None for c in history if c.comment)


def test_what_the_bot_says_is_what_the_knowledge_says(history: list[DemoConversation]) -> None:
    rows = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in CONFIG_FILES]
    answers = {(a["key"], a["lang"]): a["answer"].strip() for r in rows for a in r.get("articles", ())}
    replies = {r["key"]: r["reply"].strip() for row in rows for r in row.get("rules", ())}
    for c in history:
        for m in c.messages:
            assert "{" not in m.text
            if m.sender != "bot":
                assert m.article_key is None
                assert m.rule_key is None
            elif m.article_key:
                assert m.text == answers[m.article_key, c.lang]
            elif m.rule_key:
                assert m.text == replies[m.rule_key]
        if c.handed_off_s is None and c.status == "resolved":
            assert c.messages[-1].sender == "bot", f"{c.script}: the bot left a question unanswered"


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        make_history(1, NOON.replace(tzinfo=None))
    with pytest.raises(ValueError, match="at least 1"):
        make_history(1, NOON, days=0)
