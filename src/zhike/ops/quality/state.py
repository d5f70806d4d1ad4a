"""All that a bot's answers depend on, as it is stored or as a wish would make it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from zhike.clock import now_ms
from zhike.domain.case import Case
from zhike.domain.knowledge import Article, Bot, Rule
from zhike.domain.prompt import Template
from zhike.errors import ZhikeError
from zhike.ops.configfile import Document
from zhike.ops.configplan import apply, settled
from zhike.store import articles, bots, cases, prompts, rules, tables
from zhike.store.engine import Store


class BotState(NamedTuple):
    """``templates``: the active ones. ``shop``: the name of the bot's first inbox."""

    bot: Bot
    articles: list[Article]
    rules: list[Rule]
    templates: list[Template]
    cases: list[Case]
    shop: str

    def with_template(self, template: Template) -> BotState:
        """The same, with ``template`` the active version of its name."""
        others = [one for one in self.templates if one.name != template.name]
        return self._replace(templates=[*others, template])


def read_state(conn: Connection, bot_id: int) -> BotState:
    """What is stored.

    Raises:
        ZhikeError: ``not_found``.
    """
    bot = bots.get_bot(conn, bot_id)
    if bot is None:
        raise ZhikeError("not_found", f"bot {bot_id}")
    shop = conn.execute(select(tables.inboxes.c.name).where(tables.inboxes.c.bot_id == bot_id)
                        .order_by(tables.inboxes.c.id).limit(1)).scalar()
    return BotState(bot, articles.all_for_bot(conn, bot_id), rules.all_for_bot(conn, bot_id),
                    [stored.template for stored in prompts.active_for_bot(conn, bot_id)],
                    cases.all_for_bot(conn, bot_id), shop or bot.name)


class _Undone(Exception):
    """Carries what was read out of a transaction that must not stay."""

    def __init__(self, states: dict[str, BotState]) -> None:
        super().__init__("undone on purpose")
        self.states = states


async def wished(store: Store, document: Document, *, prune: bool = False,
                 bot: str = "") -> dict[str, BotState]:
    """The bots that ``document`` mentions as applying it would make them, by key; nothing is stored.

    It is applied for real, by the code that applies it for real, in a transaction that is then
    rolled back: what the gate measures is what would be.

    Raises:
        ConfigError, ZhikeError: as :func:`zhike.ops.configplan.apply`.
    """
    def try_it(conn: Connection) -> None:
        wanted = settled(conn, document, bot)
        apply(conn, wanted, now_ms(), prune=prune)
        mentioned = set(wanted.bot_keys())
        raise _Undone({one.key: read_state(conn, one.id) for one in bots.list_bots(conn, limit=1_000_000)
                       if one.key in mentioned})

    try:
        await store.write(try_it)
    except _Undone as undone:
        return undone.states
    raise AssertionError("unreachable")
