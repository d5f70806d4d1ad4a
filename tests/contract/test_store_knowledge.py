"""Bots, inboxes, articles and rules keep the same promises on every database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, insert

from zhike.domain.knowledge import Article, Bot, Inbox, Rule
from zhike.domain.message import Button
from zhike.errors import ZhikeError
from zhike.store import articles, bots, inboxes, rules, tables
from zhike.store.checks import FieldError
from zhike.store.engine import open_store

Db = Callable[..., Any]
"""``db(fn, *args)`` runs ``fn(conn, *args)`` in one transaction."""

ARTICLE = Article(id=0, bot_id=0, key="size", lang="zh", question="尺码怎么选？",
                  answer="看身高体重。\n表在商品页。",
                  variants=("多大码", "我 170cm 穿什么码"), category="尺码",
                  buttons=(Button("转人工", "人工"), Button("看表", url="https://shop.example/size")))
RULE = Rule(id=0, bot_id=0, key="hello", kind="exact", match=("你好", "在吗"), reply="您好 😀", lang="zh",
            opener=True, position=5)


@pytest.fixture
def db(database_url: str, tmp_path: Path) -> Iterator[Db]:
    """An open store on each database, emptied at the end."""
    store = open_store(database_url, tmp_path)

    def empty(conn: Connection) -> None:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name != "meta":
                conn.execute(table.delete())

    with asyncio.Runner() as runner:
        runner.run(store.open())
        try:
            yield lambda fn, *args, **kwargs: runner.run(store.write(fn, *args, **kwargs))
        finally:
            runner.run(store.write(empty))
            runner.run(store.close())


@pytest.fixture
def bot(db: Db) -> Bot:
    made = db(bots.create_bot, Bot(0, "shop", "小知", {"fallback": {"zh": "不清楚"}}), 1000)
    assert isinstance(made, Bot)
    return made


def version(db: Db, bot: Bot) -> int:
    return int(db(bots.get_bot, bot.id).knowledge_version)


def test_a_bot_comes_back_as_it_was_stored(db: Db, bot: Bot) -> None:
    assert db(bots.get_bot, bot.id) == bot
    assert db(bots.get_bot_by_key, "shop") == bot
    assert db(bots.get_bot_by_key, "SHOP") is None  # keys compare byte for byte everywhere
    assert db(bots.list_bots) == [bot]
    assert (bot.created_at, bot.knowledge_version) == (1000, 1)


def test_a_key_is_taken_once(db: Db, bot: Bot) -> None:
    with pytest.raises(ZhikeError) as error:
        db(bots.create_bot, Bot(0, "shop", "twin"), 1)
    assert error.value.code == "conflict"
    assert db(bots.create_bot, Bot(0, "Shop", "other case, other bot"), 1).id != bot.id


def test_an_edit_of_a_bot_raises_its_version(db: Db, bot: Bot) -> None:
    changed = msgspec.structs.replace(bot, settings={"answer_threshold": 0.9})
    assert db(bots.update_bot, changed, 2000) == db(bots.get_bot, bot.id)
    assert version(db, bot) == 2
    assert db(bots.update_bot, changed, 3000).updated_at == 2000  # nothing new: left alone
    assert version(db, bot) == 2
    assert db(bots.knowledge_versions) == {bot.id: 2}
    with pytest.raises(ZhikeError, match="not_found"):
        db(bots.update_bot, msgspec.structs.replace(bot, id=999), 1)


def test_an_article_comes_back_as_it_was_stored(db: Db, bot: Bot) -> None:
    made = db(articles.create_article, msgspec.structs.replace(ARTICLE, bot_id=bot.id), 2000)
    assert db(articles.get_article, made.id) == made
    assert made.created_at == made.updated_at == 2000
    assert msgspec.structs.replace(made, id=0, bot_id=0, created_at=0, updated_at=0) == ARTICLE
    assert version(db, bot) == 2


def test_every_edit_of_an_article_raises_the_version(db: Db, bot: Bot) -> None:
    made = db(articles.create_article, msgspec.structs.replace(ARTICLE, bot_id=bot.id), 2000)
    edited = db(articles.update_article, msgspec.structs.replace(made, answer="新的"), 3000)
    assert db(articles.get_article, made.id) == edited
    assert (edited.answer, edited.created_at, edited.updated_at) == ("新的", 2000, 3000)
    assert version(db, bot) == 3
    db(articles.update_article, edited, 4000)
    assert version(db, bot) == 3
    assert db(articles.delete_article, made.id, 5000) is True
    assert db(articles.delete_article, made.id, 5000) is False
    assert version(db, bot) == 4


def test_a_failed_edit_leaves_version_and_article(db: Db, bot: Bot) -> None:
    made = db(articles.create_article, msgspec.structs.replace(ARTICLE, bot_id=bot.id), 2000)

    def edit_and_fail(conn: Connection) -> None:
        articles.update_article(conn, msgspec.structs.replace(made, answer="half"), 3000)
        raise RuntimeError("power")

    with pytest.raises(RuntimeError):
        db(edit_and_fail)
    assert db(articles.get_article, made.id) == made
    assert version(db, bot) == 2


def test_the_same_key_in_two_languages(db: Db, bot: Bot) -> None:
    db(articles.create_article, msgspec.structs.replace(ARTICLE, bot_id=bot.id), 1)
    db(articles.create_article, msgspec.structs.replace(ARTICLE, bot_id=bot.id, lang="en"), 1)
    with pytest.raises(ZhikeError, match="conflict"):
        db(articles.create_article, msgspec.structs.replace(ARTICLE, bot_id=bot.id), 1)
    with pytest.raises(ZhikeError, match="not_found"):
        db(articles.create_article, msgspec.structs.replace(ARTICLE, bot_id=bot.id + 99), 1)
    assert db(articles.count_articles, bot.id) == 2


@pytest.mark.parametrize(("change", "field"), [
    ({"question": "  "}, "question"), ({"answer": ""}, "answer"), ({"lang": "fr"}, "lang"),
    ({"key": " x"}, "key"), ({"key": "x "}, "key"), ({"key": "k" * 129}, "key"),
    ({"answer": "a\x00b"}, "answer"), ({"answer": "a\ud800b"}, "answer"),
    ({"answer": "长" * 4001}, "answer"), ({"variants": ("ok", "")}, "variants[1]"),
    ({"category": "c" * 201}, "category"),
    ({"buttons": (Button("x", url="javascript:alert(1)"),)}, "buttons[0].url"),
    ({"buttons": (Button("x", url="//evil.example"),)}, "buttons[0].url"),
    ({"buttons": (Button("x", url="/\\evil.example"),)}, "buttons[0].url"),
])
def test_what_no_database_should_keep_is_refused(db: Db, bot: Bot, change: dict[str, Any],
                                                 field: str) -> None:
    with pytest.raises(FieldError) as error:
        db(articles.create_article, msgspec.structs.replace(ARTICLE, bot_id=bot.id, **change), 1)
    assert error.value.field == field
    assert error.value.body("zh").message != error.value.body("en").message
    assert db(articles.count_articles, bot.id) == 0


def test_pages_and_filters(db: Db, bot: Bot) -> None:
    wanted = [msgspec.structs.replace(ARTICLE, bot_id=bot.id, key=f"k{n}", lang="zh" if n % 2 else "en",
                                      category="A" if n < 6 else "B", enabled=n != 3,
                                      question=f"Question 100%_{n}") for n in range(12)]
    assert db(articles.put_articles, bot.id, wanted, 1) == (12, 0, 0)
    seen: list[str] = []
    after = 0
    while page := db(articles.list_articles, bot_id=bot.id, after_id=after, limit=5):
        seen += [article.key for article in page]
        after = page[-1].id
    assert seen == [f"k{n}" for n in range(12)]

    def keys(**filters: Any) -> list[str]:
        return [article.key for article in db(articles.list_articles, bot_id=bot.id, **filters)]

    assert keys(lang="en", category="B") == ["k6", "k8", "k10"]
    assert keys(enabled=False) == ["k3"]
    assert keys(text="question 100%_1") == ["k1", "k10", "k11"]  # % and _ are letters, case is not
    assert keys(text="100%x") == []
    assert db(articles.list_articles, bot_id=bot.id + 1) == []


def test_many_at_once_adds_changes_and_leaves(db: Db, bot: Bot) -> None:
    many = [msgspec.structs.replace(ARTICLE, key=f"k{n}") for n in range(1203)]
    assert db(articles.put_articles, bot.id, many, 1000) == (1203, 0, 0)
    assert version(db, bot) == 2
    before = db(articles.all_for_bot, bot.id)
    assert db(articles.put_articles, bot.id, many, 2000) == (0, 0, 1203)
    assert version(db, bot) == 2
    assert db(articles.all_for_bot, bot.id) == before
    many[7] = msgspec.structs.replace(many[7], answer="anders")
    assert db(articles.put_articles, bot.id, [*many, msgspec.structs.replace(ARTICLE, key="new")],
              3000) == (1, 1, 1202)
    assert version(db, bot) == 3
    after = db(articles.all_for_bot, bot.id)
    assert after[7].id == before[7].id
    assert (after[7].answer, after[7].created_at, after[7].updated_at) == ("anders", 1000, 3000)
    assert [a.id for a in after[:-1]] == [a.id for a in before]
    assert db(articles.delete_articles, bot.id, [a.id for a in after[:700]], 4000) == 700
    assert db(articles.count_articles, bot.id) == 504
    assert version(db, bot) == 4


def test_one_bad_article_of_many_stores_none(db: Db, bot: Bot) -> None:
    with pytest.raises(FieldError):
        db(articles.put_articles, bot.id, [ARTICLE, msgspec.structs.replace(ARTICLE, key="b", answer="")], 1)
    assert db(articles.count_articles, bot.id) == 0
    assert version(db, bot) == 1


def test_rules_come_in_the_order_they_are_tried(db: Db, bot: Bot) -> None:
    made = db(rules.create_rule, msgspec.structs.replace(RULE, bot_id=bot.id), 1)
    assert db(rules.get_rule, made.id) == made
    first = db(rules.create_rule, msgspec.structs.replace(
        RULE, bot_id=bot.id, key="human", kind="pattern", match=(r"(?i)^human$",), reply="",
        action="handoff", position=-1, lang=""), 1)
    assert db(rules.all_for_bot, bot.id) == [first, made]
    assert db(rules.list_rules, bot_id=bot.id, kind="pattern") == [first]
    assert db(rules.list_rules, bot_id=bot.id, text="在吗") == [made]
    assert version(db, bot) == 3
    edited = db(rules.update_rule, msgspec.structs.replace(made, enabled=False), 9)
    assert db(rules.get_rule, made.id) == edited
    assert (edited.enabled, edited.updated_at, version(db, bot)) == (False, 9, 4)
    assert db(rules.delete_rule, first.id, 10)
    assert not db(rules.delete_rule, first.id, 10)
    assert version(db, bot) == 5
    with pytest.raises(ZhikeError, match="conflict"):
        db(rules.create_rule, msgspec.structs.replace(RULE, bot_id=bot.id), 1)


def test_many_rules(db: Db, bot: Bot) -> None:
    many = [msgspec.structs.replace(RULE, key=f"r{n}", position=n) for n in range(30)]
    assert db(rules.put_rules, bot.id, many, 1) == (30, 0, 0)
    many[0] = msgspec.structs.replace(many[0], match=("另一个",))
    assert db(rules.put_rules, bot.id, many, 2) == (0, 1, 29)
    assert version(db, bot) == 3
    assert db(rules.all_for_bot, bot.id)[0].match == ("另一个",)


@pytest.mark.parametrize(("change", "field"), [
    ({"match": ()}, "match"), ({"match": ("(a",), "kind": "pattern"}, "match[0]"),
    ({"match": (r"(a)\1",), "kind": "pattern"}, "match[0]"), ({"kind": "magic"}, "kind"),
    ({"reply": ""}, "reply"), ({"action": "explode"}, "action"), ({"position": 10**7}, "position"),
])
def test_rules_that_cannot_work_are_refused(db: Db, bot: Bot, change: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldError) as error:
        db(rules.create_rule, msgspec.structs.replace(RULE, bot_id=bot.id, **change), 1)
    assert error.value.field == field


def test_inboxes(db: Db, bot: Bot) -> None:
    made = db(inboxes.create_inbox, Inbox(0, "web", "网店", "web", bot.id, {
        "origins": ["*"], "greeting": {"zh": "您好"}, "suggestions": {"zh": ["发货"], "en": []}}), 7)
    assert db(inboxes.get_inbox, made.id) == db(inboxes.get_inbox_by_key, "web") == made
    assert db(inboxes.list_inboxes) == [made]
    edited = db(inboxes.update_inbox, msgspec.structs.replace(made, name="新店", bot_id=None), 8)
    assert db(inboxes.get_inbox, made.id) == edited
    assert (edited.bot_id, edited.updated_at) == (None, 8)
    with pytest.raises(ZhikeError, match="conflict"):
        db(inboxes.create_inbox, made, 9)
    with pytest.raises(ZhikeError, match="bot 99"):
        db(inboxes.update_inbox, msgspec.structs.replace(made, bot_id=99), 9)


@pytest.mark.parametrize(("settings", "field"), [
    ({"orgins": ["*"]}, "settings.orgins"), ({"origins": "*"}, "settings.origins"),
    ({"origins": ["shop.example"]}, "settings.origins[0]"), ({"greeting": "hi"}, "settings.greeting"),
    ({"suggestions": {"zh": "x"}}, "settings.suggestions"), ({"identity_secret": "short"},
                                                             "settings.identity_secret"),
    ({"callback_secret": 16 * 7}, "settings.callback_secret"), ({"callback_url": 1}, "settings.callback_url"),
    ({"callback_url": "shop.example/x"}, "settings.callback_url"),
    ({"callback_url": "ftp://shop.example/"}, "settings.callback_url"),
    ({"callback_url": "javascript:alert(1)"}, "settings.callback_url"),
    ({"callback_url": "https://u:p@shop.example/"}, "settings.callback_url"),
    ({"callback_url": "https://shop.example:99999/"}, "settings.callback_url"),
    ({"callback_url": "https://shop.example/\r\nx: y"}, "settings.callback_url"),
    ({"callback_url": "https://shop.example/#x"}, "settings.callback_url"),
    ({"callback_url": "https://店.example/"}, "settings.callback_url"),
    ({"callback_url": "https://shop.example/" + "x" * 2000}, "settings.callback_url"),
    ({"mask_pii": "yes"}, "settings.mask_pii"),
])
def test_inbox_settings_are_checked(db: Db, settings: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldError) as error:
        db(inboxes.create_inbox, Inbox(0, "web", "x", "web", None, settings), 1)
    assert error.value.field == field


@pytest.mark.parametrize(("words", "field"), [
    ("最便宜", "settings.forbidden"), ([1], "settings.forbidden"), ([" "], "settings.forbidden[0]"),
    (["ok", "！！"], "settings.forbidden[1]"), (["x" * 201], "settings.forbidden[0]"),
    (["x"] * 1001, "settings.forbidden"),
])
def test_forbidden_words_are_checked(db: Db, words: Any, field: str) -> None:
    with pytest.raises(FieldError) as error:
        db(bots.create_bot, Bot(0, "b", "b", {"forbidden": words}), 1)
    assert error.value.field == field
    assert db(bots.create_bot, Bot(0, "b", "b", {"forbidden": ["最便宜", "cheapest"]}), 1).settings


def test_settings_of_an_api_inbox(db: Db) -> None:
    settings = {"callback_url": "https://shop.example:8443/hook?a=b%20c", "callback_secret": "x" * 16}
    made = db(inboxes.create_inbox, Inbox(0, "erp", "x", "api", None, settings), 1)
    assert made.settings == settings
    local = {**settings, "callback_url": "http://127.0.0.1:9000"}
    assert db(inboxes.update_inbox, msgspec.structs.replace(made, settings=local), 2).settings == local


def test_every_edit_of_an_inbox_moves_the_newest_time(db: Db) -> None:
    first = db(inboxes.create_inbox, Inbox(0, "a", "x", "web"), 1000)
    second = db(inboxes.create_inbox, Inbox(0, "b", "x", "web"), 1000)
    third = db(inboxes.update_inbox, msgspec.structs.replace(first, name="y"), 1000)
    behind = db(inboxes.update_inbox, msgspec.structs.replace(second, name="z"), 500)
    assert [one.updated_at for one in (first, second, third, behind)] == [1000, 1001, 1002, 1003]
    stored = db(inboxes.get_inbox, second.id)
    assert stored is not None
    assert (stored.updated_at, stored.created_at) == (1003, 1000)


def test_nothing_is_deleted_on_the_side(db: Db, bot: Bot) -> None:
    inbox = db(inboxes.create_inbox, Inbox(0, "web", "x", "web", bot.id), 1)
    db(articles.create_article, msgspec.structs.replace(ARTICLE, bot_id=bot.id), 1)
    with pytest.raises(ZhikeError, match="conflict"):
        db(bots.delete_bot, bot.id)

    def add_contact(conn: Connection) -> None:
        conn.execute(insert(tables.contacts).values(
            id=1, inbox_id=inbox.id, sender="v:1", name="", email="", phone="", attributes="{}",
            created_at=1, last_seen_at=1))

    db(add_contact)
    with pytest.raises(ZhikeError, match="conflict"):
        db(inboxes.delete_inbox, inbox.id)
    db(lambda conn: conn.execute(tables.contacts.delete()))
    assert db(inboxes.delete_inbox, inbox.id) is True
    assert db(inboxes.delete_inbox, inbox.id) is False
    assert db(bots.delete_bot, bot.id) is True
    assert db(articles.count_articles, bot.id) == 0
    assert db(bots.delete_bot, bot.id) is False
