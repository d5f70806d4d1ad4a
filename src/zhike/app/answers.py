"""Tools, flows, templates and models of one app instance, joined to the ladder that jobs climb.

Part of ``app``. Only :class:`Answers` itself and the ladder are there when the line starts; what the
rungs need is imported in a thread after the first messages can be answered, and a job that comes
earlier waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from zhike.answer.engine import Engine
from zhike.answer.knowledge import Outcome
from zhike.answer.ladder import Ladder
from zhike.answer.ports import Said, Snippet
from zhike.clock import NowMs
from zhike.config import Settings
from zhike.desk.registry import Registry
from zhike.domain.knowledge import Bot
from zhike.domain.message import Message
from zhike.domain.views import payload_of
from zhike.search.fuse import fuse
from zhike.search.text import Question
from zhike.store import messages as message_rows
from zhike.store.engine import Store

if TYPE_CHECKING:
    from zhike.answer.assist.summary import Help
    from zhike.answer.flows import Flows
    from zhike.answer.llm.part import ModelPart
    from zhike.answer.promptset import Prompts
    from zhike.answer.tools import Toolbox
    from zhike.domain.conversation import Conversation
    from zhike.search.embed import Embedder
    from zhike.store.summaries import Summary

_ROLES = {"contact": "visitor", "bot": "bot", "agent": "agent"}


class Answers:
    """See the module. ``ladder`` is the pipeline's worker."""

    def __init__(self, settings: Settings, store: Store, engine: Engine, registry: Registry,
                 executor: Executor, now_ms: NowMs) -> None:
        self._settings = settings
        self._store = store
        self._engine = engine
        self._registry = registry
        self._executor = executor
        self._now_ms = now_ms
        expected = bool(settings.models or settings.local_model.path)
        self.ladder = Ladder(engine, self.history, self._follow, models_expected=expected)
        self.toolbox: Toolbox | None = None
        self.flows: Flows | None = None
        self.prompts: Prompts | None = None
        self.models: ModelPart | None = None
        self.embedder: Embedder | None = None

    async def start(self) -> None:
        """Imports and makes the rungs, reads what belongs to each bot, opens the ladder."""
        await asyncio.get_running_loop().run_in_executor(None, self._make)
        self._registry.followers.append(self._load)
        await self._registry.tell_followers()
        assert self.models is not None
        assert self.prompts is not None
        assert self.toolbox is not None
        from zhike.answer.modelrung import AskModel

        self.models.start()
        rung = AskModel(self.models.answers, self._engine, self.prompts, self.toolbox, self._find,
                        self._now_ms, self._shop)
        self.ladder.open(self.flows, rung)

    def _make(self) -> None:
        """In a thread: these imports take longer than a first answer."""
        from zhike.answer import tokens
        from zhike.answer.compress.pieces import warm
        from zhike.answer.flows import EngineKnows, Flows
        from zhike.answer.llm.part import model_part
        from zhike.answer.modelrung import model_parts
        from zhike.answer.promptset import Prompts
        from zhike.answer.tools import Toolbox
        from zhike.answer.tools.limits import ToolLimits

        if self._settings.models or self._settings.local_model.path:
            warm()
        self.toolbox = Toolbox(self._store, ToolLimits.of(self._settings), now=self._now_ms)
        self.flows = Flows(self.toolbox, EngineKnows(self._engine, self._executor), self._store,
                           now=self._now_ms)
        self.prompts = Prompts()
        self.models = model_part(self._settings, self._store, self._now_ms, model_parts(), tokens.count)

    async def _load(self, bot: Bot) -> None:
        from zhike.store import prompts

        assert self.toolbox is not None
        assert self.flows is not None
        assert self.prompts is not None
        await self.toolbox.load_bot(bot.id)
        await self.flows.load_bot(bot.id)
        rows = await self._store.read(prompts.active_for_bot, bot.id)
        self.prompts.load(bot, [row.template for row in rows])

    def help(self, told: Callable[[Conversation, Summary], None]) -> Help:
        """A model's help for the people at the desk. ``told``: hears of summaries. Call it after
        :meth:`start`."""
        from zhike.answer.assist.assistant import Assistant
        from zhike.answer.assist.summary import Help

        assert self.models is not None
        assert self.prompts is not None
        assistant = Assistant(self.models.models, self._engine, self.prompts, self._find, self.history,
                              self._now_ms, self._shop, self._registry.bots)
        return Help(self._store, assistant, self.history, self._now_ms, told)

    async def stop(self) -> None:
        """After the last job."""
        if self.models is not None:
            await self.models.stop()
        if self.toolbox is not None:
            await self.toolbox.close()

    # ---- what the rungs ask ------------------------------------------------------------------

    async def history(self, conversation_id: int, below: int, most: int) -> Sequence[Said]:
        """What was said before, oldest first."""
        return await self._store.read(_said, conversation_id, below, most)

    async def _follow(self, bot_id: int, question: Question, history: Sequence[Said]) -> Outcome | None:
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self._engine.follow, bot_id, question, history)

    async def _find(self, bot_id: int, question: Question, limit: int) -> Sequence[Snippet]:
        """What a model may rest on: by words, and by meaning where there are embeddings."""
        asked = asyncio.get_running_loop().run_in_executor(
            self._executor, self._engine.snippets, bot_id, question, limit)
        if self.embedder is None:
            return await asked
        by_words, by_meaning = await asyncio.gather(asked, self.embedder.near(bot_id, question.text))
        if not by_meaning:
            return by_words
        known = {snippet.article_id: snippet for snippet in by_words}
        ranking = fuse([(snippet.article_id, snippet.score) for snippet in by_words], by_meaning)
        found = [known.get(number) or self._snippet(bot_id, number) for number, _ in ranking[:limit]]
        return [snippet for snippet in found if snippet is not None]

    def _snippet(self, bot_id: int, article_id: int) -> Snippet | None:
        """An article that only its meaning found: the words say nothing for it, so its score is 0."""
        shelf = self._engine.knowledge_of(bot_id)
        article = shelf.by_id(article_id) if shelf is not None else None
        if article is None:
            return None
        return Snippet(article.key, article.question, article.answer, 0.0, article.id)

    def _shop(self, inbox_id: int) -> str:
        inbox = self._registry.inboxes.get(inbox_id)
        return inbox.name if inbox is not None else ""


def _said(conn: Connection, conversation_id: int, below: int, most: int) -> list[Said]:
    return [said for message in message_rows.before(conn, conversation_id, below, most)
            if (said := _heard(message)) is not None]


def _heard(message: Message) -> Said | None:
    role = _ROLES.get(message.sender_type)
    if role is None or message.direction == "note" or not message.text:  # (recalled: nobody said it)
        return None
    source = payload_of(message).source
    topic = source.key if source is not None and source.kind == "article" else ""
    return Said(role, message.text, message.seq, message.at, topic)  # type: ignore[arg-type]
