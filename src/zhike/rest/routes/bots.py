"""Bots."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import ADMIN, AGENT
from zhike.domain.knowledge import Bot
from zhike.errors import ZhikeError
from zhike.rest.decode import path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.table import Call, Route
from zhike.rest.views import BotView, Page, bot_view
from zhike.rest.write import audited
from zhike.store import bots as rows

Key = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
SettingName = Annotated[str, Meta(min_length=1, max_length=64)]
Settings = Annotated[dict[SettingName, Any], Meta(max_length=50)]


class BotQuery(Paged, forbid_unknown_fields=True):
    """Only the page."""


class NewBot(Struct, forbid_unknown_fields=True):
    """``settings``: fallback, handoff and holding {zh, en}, answer_threshold and suggest_threshold 0..1,
    fragment_wait_s seconds, models [keys in the order in which they are asked], forbidden [words no
    model may hear or say], out_of_scope [questions no article answers]."""

    key: Key
    name: Name
    settings: Settings = {}


class BotChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay; so do settings that are not named; null removes one."""

    name: Name | UnsetType = UNSET
    settings: Settings | UnsetType = UNSET


def merged(old: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Settings after a change; null removes."""
    return {name: value for name, value in {**old, **change}.items() if value is not None}


async def list_bots(call: Call) -> Page[BotView]:
    """Bots in the order of their ids."""
    query: BotQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(rows.list_bots, after_id=after[0] if after else 0, limit=query.limit + 1)
    return page(found, query.limit, bot_view, lambda bot: (bot.id,))


async def _find(call: Call) -> Bot:
    bot = await call.to.store.read(rows.get_bot, path_id(call.path["id"]))
    if bot is None:
        raise ZhikeError("not_found")
    return bot


async def get_bot(call: Call) -> BotView:
    """One bot."""
    return bot_view(await _find(call))


async def create_bot(call: Call) -> BotView:
    """Adds a bot."""
    body: NewBot = call.body
    bot = await audited(
        call,
        "bot.created",
        lambda made: f"bot:{made.id}",
        {"key": body.key},
        rows.create_bot,
        Bot(id=0, key=body.key, name=body.name, settings=merged({}, body.settings)),
        call.now,
    )
    await call.to.desk.knowledge_changed(bot.id)
    return bot_view(bot)


async def change_bot(call: Call) -> BotView:
    """Changes a bot's name or settings."""
    body: BotChange = call.body
    old = await _find(call)
    new = msgspec.structs.replace(
        old,
        name=old.name if body.name is UNSET else body.name,
        settings=old.settings if body.settings is UNSET else merged(old.settings, body.settings),
    )
    bot = await audited(call, "bot.updated", f"bot:{old.id}", None, rows.update_bot, new, call.now)
    await call.to.desk.knowledge_changed(bot.id)
    return bot_view(bot)


async def delete_bot(call: Call) -> None:
    """Removes a bot with its articles and rules; not while an inbox uses it."""
    old = await _find(call)
    await audited(call, "bot.deleted", f"bot:{old.id}", {"key": old.key}, rows.delete_bot, old.id)
    await call.to.desk.knowledge_changed(old.id)


ROUTES = [
    Route(
        "GET",
        "/api/v1/bots",
        list_bots,
        AGENT,
        ("List bots", "机器人列表"),
        answer=Page[BotView],
        query=BotQuery,
    ),
    Route(
        "POST",
        "/api/v1/bots",
        create_bot,
        ADMIN,
        ("Add a bot", "新建机器人"),
        answer=BotView,
        status=201,
        body=NewBot,
        errors=("conflict",),
        example={"key": "shop", "name": "小店助手", "settings": {"answer_threshold": 0.6}},
    ),
    Route("GET", "/api/v1/bots/{id}", get_bot, AGENT, ("Get a bot", "查看机器人"), answer=BotView),
    Route(
        "PATCH",
        "/api/v1/bots/{id}",
        change_bot,
        ADMIN,
        ("Change a bot", "修改机器人"),
        answer=BotView,
        body=BotChange,
        example={"settings": {"fragment_wait_s": 1.5}},
    ),
    Route(
        "DELETE",
        "/api/v1/bots/{id}",
        delete_bot,
        ADMIN,
        ("Remove a bot", "删除机器人"),
        status=204,
        errors=("conflict",),
    ),
]
