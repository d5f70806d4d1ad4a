"""What a conversation is about: a model's words, kept in the database, and facts that need no model.

A model is asked when a person is about to need it (somebody is asked for, takes over, is handed the
conversation) and when somebody asks; what was made stands until it is made again. At once for one
conversation only, and a bounded number in all: what does not fit is made when somebody opens it and asks.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence

from zhike.answer.assist import prompts
from zhike.answer.assist.assistant import HISTORY, Assistant, History, lang_of
from zhike.answer.assist.templates import NOTHING_ASKED, SUMMARY
from zhike.answer.compress import compress
from zhike.answer.guard import Guard
from zhike.answer.llm.context import Parts
from zhike.answer.mask import Mask
from zhike.answer.ports import Said
from zhike.clock import NowMs, to_datetime
from zhike.domain.assist import Assist, AssistDone, AssistSource, SummaryFact, SummaryView
from zhike.domain.conversation import Conversation
from zhike.errors import ZhikeError
from zhike.search.text import understand
from zhike.store import summaries as rows
from zhike.store.engine import Store

MIN_TURNS = 4
"""What is shorter is read faster than a summary of it."""
AT_ONCE = 2
MAX_WAITING = 50
"""Automatic ones: models have answers to give, too."""
LEDGER_TOKENS = 600
MAX_FACTS = 16
MAX_SUMMARY_CHARS = 2_000
_KINDS = frozenset(("phone", "email", "link", "id", "date", "time", "amount", "address", "name", "choice",
                    "promise"))
MAX_QUESTIONS = 3
_question = re.compile(r"[^。！？!?；;\n]*(?:[?？]|吗|呢|什么|怎么|多久|多少|哪)"
                       r"[^。！？!?；;\n]*[。！？!?；;]?").findall
_exact = re.compile(r"[A-Za-z0-9@._+#-]{4,}").findall
"""Of a number, a telephone or an address in the net: itself, without the words around it."""
ASIDE_CHARS = 1_000
"""From so much text on it is done in a thread (see ``answer/llm/masking.py``)."""

log = logging.getLogger("zhike.models")


class Help:
    """Proposals and summaries of one app instance; the desk's ``Helper``.

    Args:
        assistant: None where there are no models at all.
        told: hears of every summary that was made, to tell those who watch.
    """

    def __init__(self, store: Store, assistant: Assistant | None, history: History, now_ms: NowMs,
                 told: Callable[[Conversation, rows.Summary], None] = lambda *_: None) -> None:
        self._store = store
        self._assistant = assistant
        self._history = history
        self._now_ms = now_ms
        self._told = told
        self._making: dict[int, asyncio.Task[rows.Summary | None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._own: set[asyncio.Task[None]] = set()
        self.left_out = 0
        """Automatic ones that did not fit."""

    def serves(self, inbox_id: int) -> bool:
        """True if there is a model to ask for this inbox."""
        return self._assistant is not None and self._assistant.serves(inbox_id)

    async def propose(self, about: Conversation, frame: Assist,
                      say: Callable[[int, str], None]) -> AssistDone:
        """See :meth:`Assistant.propose`."""
        if self._assistant is None:
            raise ZhikeError("no_model")
        if "\0" in frame.text:
            raise ZhikeError("invalid_text", field="text")
        found = await self._assistant.propose(about, frame.want, frame.text, say)
        return AssistDone(frame.assist_id, about.id, found.text,
                          tuple(AssistSource(*source) for source in found.sources), found.check,
                          found.left_out)

    # ---- summaries -----------------------------------------------------------------------------

    async def summary(self, about: Conversation) -> SummaryView:
        """What is known, without asking a model."""
        kept = await self._store.read(rows.find, about.id)
        said = await self._history(about.id, about.last_seq + 1, HISTORY)
        behind = await self._store.read(rows.said_since, about.id, kept.seq) if kept is not None else 0
        return SummaryView(
            self.serves(about.inbox_id), kept.text if kept is not None else "",
            kept.seq if kept is not None else 0, behind,
            to_datetime(kept.created_at) if kept is not None else None, await facts(said))

    async def summarise(self, about: Conversation, lang: str) -> SummaryView:
        """Asks a model, where there is one and something new was said.

        Raises:
            ZhikeError: as :meth:`Assistant.propose`.
        """
        if self.serves(about.inbox_id):
            await self._made(about, lang)
        return await self.summary(about)

    async def _made(self, about: Conversation, lang: str) -> rows.Summary | None:
        """Two who ask for the same get the same one; whoever leaves does not end it for the other."""
        task = self._making.get(about.id)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._make(about, lang), name="summary")
            self._making[about.id] = task
            task.add_done_callback(lambda done: self._over(about.id, done))
        return await asyncio.shield(task)

    def _over(self, number: int, task: asyncio.Task[rows.Summary | None]) -> None:
        self._making.pop(number, None)
        if not task.cancelled():
            task.exception()  # seen, also when nobody waits any more

    async def _make(self, about: Conversation, lang: str) -> rows.Summary | None:
        assert self._assistant is not None
        said = await self._history(about.id, about.last_seq + 1, HISTORY)
        if not said:
            return None
        kept = await self._store.read(rows.find, about.id)
        if kept is not None and kept.seq >= said[-1].seq:
            return kept
        wanted = lang_of(lang or about.lang)

        def guard(sources: Sequence[str], forbidden: Sequence[str], spoken: str,
                  asked: Sequence[str]) -> Guard:
            # what the visitor has said is a source here: it is told, and not promised
            return Guard([*sources, *(one.text for one in said)], (), spoken, asked)

        parts = Parts(prompts.summary, Mask, guard, compress)
        question = understand(NOTHING_ASKED[wanted], wanted)
        reply = await self._assistant.ask(about, SUMMARY, wanted, question, said, parts, lambda *_: None)
        model = reply.source.key if reply.source is not None else ""
        made = rows.Summary(about.id, said[-1].seq, reply.text.strip()[:MAX_SUMMARY_CHARS], model,
                            self._now_ms())
        stored = await self._store.write(rows.keep, made)
        self._told(about, stored)
        return stored

    # ---- when a person is about to need it -------------------------------------------------------

    def handed(self, conversations: Sequence[Conversation]) -> None:
        """These wait for a person now, or somebody else holds them."""
        for conversation in conversations:
            if not self.serves(conversation.inbox_id) or conversation.last_seq < MIN_TURNS:
                continue
            if len(self._own) >= MAX_WAITING:
                self.left_out += 1
                continue
            task = asyncio.get_running_loop().create_task(self._quietly(conversation), name="summary")
            self._own.add(task)
            task.add_done_callback(self._own.discard)

    async def _quietly(self, conversation: Conversation) -> None:
        async with self._places:
            try:
                await self._made(conversation, conversation.lang)
            except ZhikeError as error:
                log.info("no summary was made", extra={"conversation": conversation.id, "why": error.code})
            except Exception:
                log.warning("no summary was made", exc_info=True)

    async def stop(self) -> None:
        """Nobody waits for what is still being made."""
        tasks = [*self._own, *self._making.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def facts(said: Sequence[Said]) -> tuple[SummaryFact, ...]:
    """The ledger of what was said: the newest, oldest first."""
    chars = sum(len(one.text) for one in said)
    if chars < ASIDE_CHARS:
        return _facts(said)
    return await asyncio.to_thread(_facts, said)


def _facts(said: Sequence[Said]) -> tuple[SummaryFact, ...]:
    """What people said: what the bot says stands in its articles."""
    ledger = compress([(one.role, one.text) for one in said], LEDGER_TOKENS).ledger
    found: dict[tuple[str, str], SummaryFact] = {}
    for fact in ledger:
        kind, text = fact.kind, fact.text
        if kind not in _KINDS or said[fact.turn].role == "bot" or (kind == "name" and not text.isascii()):
            continue  # (what the ledger takes for a Chinese name is any longer word)
        if kind == "name" and _only_begins(text, said[fact.turn].text):
            continue
        if kind in ("phone", "email", "id"):
            text = max(_exact(text), key=len, default=text)
        found.setdefault((kind, text), SummaryFact(kind, text, said[fact.turn].seq))
    facts_ = list(found.values())[-(MAX_FACTS - MAX_QUESTIONS):]
    return tuple(sorted([*facts_, *_questions(said)], key=lambda fact: fact.seq))


def _only_begins(word: str, text: str) -> bool:
    """A single word whose capital says no more than that a sentence begins: "Usually M, please"."""
    return " " not in word and re.search(rf"[^.!?\s]\s+{re.escape(word)}\b", text) is None


def _questions(said: Sequence[Said]) -> list[SummaryFact]:
    """What the visitor has asked since a person last spoke; what nobody has answered at all is open."""
    found: list[SummaryFact] = []
    answered = False
    for one in reversed(said):
        if one.role == "agent":
            break
        if one.role == "bot":
            answered = True
        else:
            found += [SummaryFact("asked" if answered else "open", text.strip()[:120], one.seq)
                      for text in _question(one.text) if text.strip()]
    return found[:MAX_QUESTIONS]
