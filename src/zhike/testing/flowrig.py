"""A bot with its rules, knowledge, tools and flows in memory, and visitors who talk to it.

    rig = FlowRig.of_bot(store, "shop")
    ann = rig.visitor(contact=5)
    ann.say("我的订单到哪了")        # begins the flow where a rule says so, goes on with it afterwards
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from zhike.answer.engine import Engine
from zhike.answer.flows import EngineKnows, Flows
from zhike.answer.tools import Toolbox, ToolLimits
from zhike.clock import now_ms
from zhike.domain.flow import Flow, start_rules
from zhike.domain.knowledge import Article, Bot, Rule
from zhike.domain.message import Reply
from zhike.domain.tool import Caller, Tool
from zhike.search.text import Lang, understand
from zhike.store import articles, bots, flows, rules, tools
from zhike.testing.inline import InlineStore

BOT = 1


class FlowRig:
    """One bot. ``now`` (ms) is moved by the test."""

    def __init__(self, flow_rows: Iterable[Flow] = (), tool_rows: Iterable[Tool] = (),
                 rule_rows: Iterable[Rule] = (), article_rows: Iterable[Article] = (),
                 python: tuple[str, ...] = ()) -> None:
        self.now = now_ms()
        self.store = InlineStore()
        asyncio.run(self.store.open())
        self.engine = Engine()
        self.toolbox = Toolbox(self.store, ToolLimits(python), now=lambda: self.now)
        self.flows = Flows(self.toolbox, EngineKnows(self.engine, None), now=lambda: self.now)
        self._articles, self._rules = list(article_rows), list(rule_rows)
        self.toolbox.use(BOT, tool_rows)
        self.use(flow_rows)

    @classmethod
    def of_bot(cls, store: InlineStore, key: str, python: tuple[str, ...] = ()) -> FlowRig:
        """The bot ``key`` as it stands in ``store``."""
        bot = store.run(bots.get_bot_by_key, key)
        assert bot is not None
        made = (store.run(flows.all_for_bot, bot.id), store.run(tools.all_for_bot, bot.id),
                store.run(rules.all_for_bot, bot.id), store.run(articles.all_for_bot, bot.id))
        for rows in made:
            for row in rows:
                row.bot_id = BOT
        return cls(*made, python=python)

    def use(self, flow_rows: Iterable[Flow]) -> None:
        """Other flows from now on, as after an edit."""
        kept = list(flow_rows)
        starts = [rule for flow in kept for rule in start_rules(flow)]
        self.engine.load_bot(Bot(BOT, "shop", "bot"), self._articles, [*self._rules, *starts])
        self.flows.use(BOT, kept)

    def visitor(self, contact: int = 5, lang: Lang = "zh", customer: str = "") -> Visitor:
        """Somebody to talk to the bot: anonymous, or a customer the shop has signed."""
        return Visitor(self, contact, lang, customer)


class Visitor:
    """One conversation. ``flow``: its state as it would be stored; ``last``: the last reply."""

    def __init__(self, rig: FlowRig, contact: int, lang: Lang, customer: str) -> None:
        self.rig = rig
        self.lang = lang
        sender = f"c:{customer}" if customer else f"v:{contact}"
        self.caller = Caller(contact, sender, lang, conversation_id=contact)
        self.flow = ""
        self.last: Reply | None = None

    def say(self, text: str) -> Reply:
        """One message, and the reply to it: the flow's, or that of a rule or article."""
        return asyncio.run(self._say(text))

    async def _say(self, text: str) -> Reply:
        rig, question = self.rig, understand(text, self.lang)
        reply: Reply | None = None
        if self.flow:
            reply = await rig.flows.step(BOT, self.flow, question, self.caller, self.lang)
            if reply is None:
                self.flow = ""
        if reply is None:
            reply = rig.engine.quick(BOT, question) or rig.engine.search(BOT, [question])[0] \
                or rig.engine.fallback(BOT, question, ())
            if reply.action.startswith("flow:"):
                key: Any = reply.action.removeprefix("flow:")
                reply = await rig.flows.begin(BOT, key, question, self.caller, self.lang)
        if reply.flow is not None:
            self.flow = reply.flow
        self.last = reply
        return reply
