"""Articles: what the bot knows; and the hit test."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import ADMIN, AGENT
from zhike.clock import to_ms
from zhike.domain.card import Card
from zhike.domain.knowledge import Article
from zhike.domain.message import MAX_TEXT_CHARS, Button, Reply, Source, TraceStep
from zhike.errors import ZhikeError
from zhike.rest.decode import FieldFault, Id, path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.table import IMPORT_LIMIT_BYTES, Call, Route
from zhike.rest.views import ArticleView, Page, article_view
from zhike.rest.write import audited
from zhike.store import articles as rows
from zhike.store.bots import get_bot
from zhike.store.checks import MAX_BUTTONS, MAX_INBOXES, MAX_QUESTION_CHARS, MAX_VARIANTS

Lang = Literal["zh", "en"]
Key = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^\S(.*\S)?$")]
Question = Annotated[str, Meta(min_length=1, max_length=MAX_QUESTION_CHARS, pattern=r"\S")]
AnswerText = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARS, pattern=r"\S")]
Variants = Annotated[tuple[Question, ...], Meta(max_length=MAX_VARIANTS)]
Category = Annotated[str, Meta(max_length=200)]
Buttons = Annotated[tuple[Button, ...], Meta(max_length=MAX_BUTTONS)]
Cards = Annotated[tuple[Card, ...], Meta(max_length=MAX_BUTTONS)]
Inboxes = Annotated[tuple[str, ...], Meta(max_length=MAX_INBOXES)]
Moment = Annotated[datetime, Meta(tz=True)]
MAX_IMPORT_ARTICLES = 20_000


class ArticleQuery(Paged, forbid_unknown_fields=True):
    """``q``: a part of key, question, variants or answer."""

    bot_id: Id | None = None
    lang: Lang | None = None
    category: Annotated[str, Meta(max_length=200)] = ""
    enabled: bool | None = None
    q: Annotated[str, Meta(max_length=200)] = ""


class ArticleText(Struct, forbid_unknown_fields=True, kw_only=True):
    """An article without its bot. ``inboxes``: keys of the inboxes whose visitors may see it, none =
    all; outside of ``valid_from`` and ``valid_until`` it is as if it were not enabled."""

    key: Key
    lang: Lang
    question: Question
    answer: AnswerText
    variants: Variants = ()
    category: Category = ""
    buttons: Buttons = ()
    enabled: bool = True
    cards: Cards = ()
    inboxes: Inboxes = ()
    valid_from: Moment | None = None
    valid_until: Moment | None = None


class NewArticle(ArticleText, forbid_unknown_fields=True, kw_only=True):
    """(``bot_id``, ``key``, ``lang``) is unique."""

    bot_id: Id


class ArticleChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay; bot, key and language always do."""

    question: Question | UnsetType = UNSET
    answer: AnswerText | UnsetType = UNSET
    variants: Variants | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    buttons: Buttons | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    cards: Cards | UnsetType = UNSET
    inboxes: Inboxes | UnsetType = UNSET
    valid_from: Moment | UnsetType | None = UNSET
    valid_until: Moment | UnsetType | None = UNSET


class ArticleImport(Struct, forbid_unknown_fields=True):
    """New ones are added, known ones (by key and language) changed, others left alone."""

    bot_id: Id
    articles: Annotated[list[ArticleText], Meta(max_length=MAX_IMPORT_ARTICLES)]


class Imported(Struct):
    """What an import did."""

    added: int
    changed: int
    same: int


class TestQuestion(Struct, forbid_unknown_fields=True):
    """``lang``: what to assume where the text does not tell."""

    __test__ = False  # pytest: no test class

    bot_id: Id
    question: Annotated[str, Meta(min_length=1, max_length=4000, pattern=r"\S")]
    lang: Literal["", "zh", "en"] = ""


class TestAnswer(Struct):
    """What the bot would say, where it comes from, and what was tried."""

    __test__ = False

    text: str
    buttons: tuple[Button, ...]
    cards: tuple[Card, ...]
    source: Source | None
    action: str
    trace: tuple[TraceStep, ...]


def given(body: Struct) -> dict[str, Any]:
    """The fields of a change that were given."""
    return {name: getattr(body, name) for name in body.__struct_fields__ if getattr(body, name) is not UNSET}


def stored(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of an article as the store keeps them: times in milliseconds."""
    return {name: to_ms(value) if isinstance(value, datetime) else value for name, value in values.items()}


async def check_bot(call: Call, bot_id: int) -> None:
    """Raises ``invalid_field`` if there is no such bot."""
    if await call.to.store.read(get_bot, bot_id) is None:
        raise FieldFault("bot_id", f"`bot_id`: there is no bot {bot_id}.", f"`bot_id`：没有机器人 {bot_id}。")


async def list_articles(call: Call) -> Page[ArticleView]:
    """Articles in the order of their ids."""
    query: ArticleQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(
        rows.list_articles,
        bot_id=query.bot_id,
        lang=query.lang or "",
        category=query.category,
        enabled=query.enabled,
        text=query.q.strip(),
        after_id=after[0] if after else 0,
        limit=query.limit + 1,
    )
    return page(found, query.limit, article_view, lambda article: (article.id,))


async def get_article(call: Call) -> ArticleView:
    """One article."""
    return article_view(await _find(call))


async def _find(call: Call) -> Article:
    article = await call.to.store.read(rows.get_article, path_id(call.path["id"]))
    if article is None:
        raise ZhikeError("not_found")
    return article


async def create_article(call: Call) -> ArticleView:
    """Adds an article; the bot answers by it when this returns."""
    body: NewArticle = call.body
    await check_bot(call, body.bot_id)
    article = await audited(
        call,
        "article.created",
        lambda made: f"article:{made.id}",
        {"key": body.key},
        rows.create_article,
        Article(id=0, **stored(msgspec.structs.asdict(body))),
        call.now,
    )
    await call.to.desk.knowledge_changed(article.bot_id)
    return article_view(article)


async def change_article(call: Call) -> ArticleView:
    """Changes an article; the bot answers by it when this returns."""
    old = await _find(call)
    values = given(call.body)
    article = await audited(
        call,
        "article.updated",
        f"article:{old.id}",
        {"fields": sorted(values)},
        rows.update_article,
        msgspec.structs.replace(old, **stored(values)),
        call.now,
    )
    await call.to.desk.knowledge_changed(article.bot_id)
    return article_view(article)


async def delete_article(call: Call) -> None:
    """Removes an article."""
    old = await _find(call)
    await audited(
        call, "article.deleted", f"article:{old.id}", {"key": old.key}, rows.delete_article, old.id, call.now
    )
    await call.to.desk.knowledge_changed(old.bot_id)


async def import_articles(call: Call) -> Imported:
    """Stores many articles at once: all of them, or, if one is not valid, none."""
    body: ArticleImport = call.body
    await check_bot(call, body.bot_id)
    new = [Article(id=0, bot_id=body.bot_id, **stored(msgspec.structs.asdict(text)))
           for text in body.articles]
    counts = await audited(
        call,
        "article.imported",
        f"bot:{body.bot_id}",
        {"count": len(new)},
        rows.put_articles,
        body.bot_id,
        new,
        call.now,
    )
    await call.to.desk.knowledge_changed(body.bot_id)
    return Imported(counts.added, counts.changed, counts.same)


async def test_articles(call: Call) -> TestAnswer:
    """Hit test: what the bot would answer, and why. Nothing is stored."""
    body: TestQuestion = call.body
    await check_bot(call, body.bot_id)
    reply: Reply = await call.to.desk.try_answer(body.bot_id, body.question, body.lang)
    return TestAnswer(reply.text, reply.buttons, reply.cards, reply.source, reply.action, reply.trace)


test_articles.__test__ = False  # type: ignore[attr-defined]

_EXAMPLE = {
    "bot_id": 1,
    "key": "returns",
    "lang": "zh",
    "question": "怎么退货？",
    "answer": "签收后 7 天内可以退货。",
    "variants": ["我要退货", "退货流程"],
}

ROUTES = [
    Route(
        "GET",
        "/api/v1/articles",
        list_articles,
        AGENT,
        ("List articles", "知识列表"),
        answer=Page[ArticleView],
        query=ArticleQuery,
    ),
    Route(
        "POST",
        "/api/v1/articles",
        create_article,
        ADMIN,
        ("Add an article", "新建知识"),
        answer=ArticleView,
        status=201,
        body=NewArticle,
        errors=("conflict",),
        example=_EXAMPLE,
    ),
    Route(
        "POST",
        "/api/v1/articles/test",
        test_articles,
        AGENT,
        ("Test what the bot would answer", "命中测试"),
        answer=TestAnswer,
        body=TestQuestion,
        example={"bot_id": 1, "question": "怎么退货"},
    ),
    Route(
        "POST",
        "/api/v1/articles/import",
        import_articles,
        ADMIN,
        ("Import articles", "导入知识"),
        answer=Imported,
        body=ArticleImport,
        body_limit_bytes=IMPORT_LIMIT_BYTES,
        example={
            "bot_id": 1,
            "articles": [{name: value for name, value in _EXAMPLE.items() if name != "bot_id"}],
        },
    ),
    Route(
        "GET", "/api/v1/articles/{id}", get_article, AGENT, ("Get an article", "查看知识"), answer=ArticleView
    ),
    Route(
        "PATCH",
        "/api/v1/articles/{id}",
        change_article,
        ADMIN,
        ("Change an article", "修改知识"),
        answer=ArticleView,
        body=ArticleChange,
        example={"answer": "签收后 15 天内可以退货。"},
    ),
    Route(
        "DELETE",
        "/api/v1/articles/{id}",
        delete_article,
        ADMIN,
        ("Remove an article", "删除知识"),
        status=204,
    ),
]
