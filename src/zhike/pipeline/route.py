"""Stage 5, route.

Way: understand → **route** → queue.
Outcomes: a sure answer (rule, cache, knowledge) goes into the same unit as its question | the
message goes alone, and its turn begins when it is stored.
Promise: who holds the conversation is decided in the storing transaction, not here: an answer
that is attached is stored only if the bot holds the conversation there and then. Searching never
blocks the event loop for longer than :data:`INLINE_S`, and a large index on disk is not searched here.
State: which bot serves which inbox (kept by the desk); what a search has cost lately.
Pitfall: asking a cached holder here and trusting it lets the bot talk over a person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from time import perf_counter

from zhike.answer.words import received, shown
from zhike.domain.message import Reply
from zhike.domain.unit import Incoming
from zhike.pipeline.batch import Item
from zhike.pipeline.ports import Answerer
from zhike.search.text import Question
from zhike.search.text import understand as read

INLINE_S = 0.002
"""Searches of a batch that take no longer than this together run here and now: a hop to the search
thread and back would cost as much as three of them."""
FIRST_GUESS_S = 0.0001


class Route:
    """Asks the engine for what can be answered at once."""

    def __init__(self, answerer: Answerer, bots: Mapping[int, int], executor: Executor, most: int) -> None:
        self._answerer = answerer
        self._bots = bots
        self._executor = executor
        self._most = most
        self._each_s = FIRST_GUESS_S

    def quick(self, items: Sequence[Item]) -> list[Item]:
        """Rules and cache; returns the items that have to be searched for.

        What is not searched in memory is left to its turn: nobody else's commit waits for a disk.
        """
        unknown: list[Item] = []
        for item in items:
            question = item.question
            entry = item.entry
            assert entry is not None
            if entry.cards:
                if not entry.agent_id:
                    self._shown(item, entry)
                continue
            if question is None:
                if entry.files and not entry.agent_id and not entry.action:
                    self._files_only(item, entry)
                continue
            bot_id = self._bots.get(entry.inbox_id, 0)
            if not bot_id or entry.action:
                continue
            item.bot_id = bot_id
            item.sure = self._answerer.quick(bot_id, question)
            if item.sure is None:
                if self._answerer.in_memory(bot_id):
                    unknown.append(item)
            elif item.sure.sure:
                entry.reply = item.sure
        return unknown

    def _files_only(self, item: Item, entry: Incoming) -> None:
        """Files without a word: the bot says that it cannot read them, and offers a person."""
        bot_id = self._bots.get(entry.inbox_id, 0)
        if bot_id:
            item.question = read("", entry.lang, entry.inbox_id)
            item.bot_id = bot_id
            item.sure = entry.reply = received(item.question.lang)

    def _shown(self, item: Item, entry: Incoming) -> None:
        """A product or an order without a question: the bot says that it has seen it, and asks for one."""
        bot_id = self._bots.get(entry.inbox_id, 0)
        if bot_id and item.question is not None:
            item.bot_id = bot_id
            item.sure = entry.reply = shown(item.question.lang, entry.cards[0].title)

    async def search(self, items: Sequence[Item]) -> None:
        """Knowledge, for what rules and cache do not know: pieces of ``most`` at a time."""
        loop = asyncio.get_running_loop()
        for start in range(0, len(items), self._most):
            part = items[start:start + self._most]
            if len(part) * self._each_s <= INLINE_S:
                took_s, found = self._search(part)
            else:
                took_s, found = await loop.run_in_executor(self._executor, self._search, part)
            self._each_s += 0.2 * (took_s / len(part) - self._each_s)
            for item, reply in zip(part, found, strict=True):
                self._take(item, reply)

    def _search(self, items: Sequence[Item]) -> tuple[float, list[Reply | None]]:
        began_s = perf_counter()
        by_bot: dict[int, list[Question]] = {}
        for item in items:
            assert item.question is not None
            by_bot.setdefault(item.bot_id, []).append(item.question)
        found = {bot_id: iter(self._answerer.search(bot_id, questions))
                 for bot_id, questions in by_bot.items()}
        replies = [next(found[item.bot_id]) for item in items]
        return perf_counter() - began_s, replies

    def _take(self, item: Item, reply: Reply | None) -> None:
        item.searched = True
        item.sure = reply
        if reply is None:
            return
        assert item.question is not None
        assert item.entry is not None
        if reply.cacheable:
            self._answerer.remember(item.bot_id, item.question, reply)
        if reply.sure:
            item.entry.reply = reply
