"""The answer engine: one ladder, the first answer that is good enough wins.

rules → cached answer → knowledge → (fallback). ``quick`` climbs the first two rungs on the event
loop in microseconds; ``search`` the third, a whole batch at a time, in the search thread. Later
rungs (flows, models, tools) answer through jobs and meet the same port. Every reply says in its
trace what was tried.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import msgspec

from zhike.answer.cache import AnswerCache, Key
from zhike.answer.confidence import DEFAULT_THRESHOLD
from zhike.answer.knowledge import Answered, Knowledge, Outcome
from zhike.answer.ports import Said, Snippet
from zhike.answer.rules import RuleSet
from zhike.answer.words import DID_YOU_MEAN, FALLBACK, HANDOFF, HUMAN_BUTTON, setting
from zhike.clock import NowMs, now_ms
from zhike.domain.knowledge import Article, Bot, Rule
from zhike.domain.message import Button, Reply, Source, TraceStep
from zhike.search.learn.artifact import Lesson
from zhike.search.learn.model import Model
from zhike.search.shelf import Shelf, synonyms_of
from zhike.search.snapshot import Snapshot
from zhike.search.text import Lang, Question, normalise

_LANGS: tuple[Lang, ...] = ("zh", "en")
_MAX_MISSES = 1_024
"""Outcomes kept between ``search`` and ``fallback``, per bot: more than ever wait at once."""
_TRIED = (TraceStep(step="rules", outcome="miss"), TraceStep(step="cache", outcome="miss"))


class _Loaded:
    """One bot, ready to answer. Everything but ``misses`` is immutable; a new load replaces it."""

    def __init__(self, bot: Bot, articles: Sequence[Article] | Shelf | None, rules: RuleSet,
                 generation: int, inbox_key: Callable[[int], str], now: NowMs) -> None:
        self.bot = bot
        self.generation = generation
        self.rules = rules
        self.knowledge = Knowledge(() if articles is None else articles, answer_threshold(bot.settings),
                                   generation, out_of_scope(bot.settings), synonyms=synonyms_of(bot.settings),
                                   inbox_key=inbox_key, now=now)
        self.unread = articles is None
        self.slow = isinstance(articles, Snapshot)
        self.handoff = {(lang, normalise(HUMAN_BUTTON[lang].text)): _handoff(bot, lang) for lang in _LANGS}
        self.misses: OrderedDict[tuple[str, bytes, int], Outcome] = OrderedDict()
        self.lock = threading.Lock()  # search thread fills misses, the loop takes them out

    def note_miss(self, question: Question, outcome: Outcome) -> None:
        with self.lock:
            self.misses[question.lang, question.fingerprint, question.inbox_id] = outcome
            if len(self.misses) > _MAX_MISSES:
                self.misses.popitem(last=False)

    def take_miss(self, question: Question) -> Outcome | None:
        with self.lock:
            return self.misses.pop((question.lang, question.fingerprint, question.inbox_id), None)

    def cache_key(self, question: Question) -> Key:
        """An answer is for those who may see the same articles: by inbox, and by what is valid now."""
        audience = self.knowledge.audience(question.inbox_id)
        return self.bot.id, self.generation, f"{question.lang}:{audience}" if audience else question.lang, \
            question.fingerprint


class Learner(Protocol):
    """Who trains models, as far as the engine tells it what is to be learned."""

    def want(self, bot_id: int, lesson: Callable[[], Lesson]) -> None:
        """Returns at once; the model comes back through :meth:`Engine.teach`."""

    def forget(self, bot_id: int) -> None:
        """The bot is gone."""


class Engine:
    """The answers of all bots. See the module for the ladder; a bot not loaded answers nothing.

    ``learner``: gets what each loaded bot knows; None: every bot keeps to the fixed curve.

    Args:
        inbox_key: inbox id → key, for articles that only some inboxes show.
        now: ms since 1970 UTC, for articles that begin or end to be valid.
    """

    learner: Learner | None = None

    def __init__(self, *, cache: AnswerCache | None = None, inbox_key: Callable[[int], str] = lambda _: "",
                 now: NowMs = now_ms) -> None:
        self._read: Callable[[int], Coroutine[Any, Any, None]] = _cannot_read
        self._used: Callable[[int], None] = _cannot_note
        self._inbox_key = inbox_key
        self._now = now
        self._bots: dict[int, _Loaded] = {}
        self._cache = AnswerCache() if cache is None else cache
        self._generations = itertools.count(1)

    def load_bot(self, bot: Bot, articles: Sequence[Article] | Shelf | None, rules: Sequence[Rule]) -> None:
        """Compile and index ``bot``, then swap it in whole. Call it in a thread: 0.1 ms an article.

        ``articles``: None = its rules alone; :meth:`open` waits until its knowledge is there. What the
        bot had cached is not used again. Rules that cannot work are left out and logged
        (:func:`zhike.answer.rulecheck.check_rule` says why, before they are saved).
        """
        self._place(_Loaded(bot, articles, RuleSet(rules), next(self._generations), self._inbox_key,
                            self._now))

    def put_knowledge(self, bot_id: int, shelf: Shelf | None, version: int) -> bool:
        """Brings the knowledge of a bot that is loaded without it, or takes it away (None) to make
        room. Nothing was edited, so what is cached stays. On the event loop.

        False, and nothing done, if the bot was loaded anew meanwhile: ``version`` is not its
        ``knowledge_version`` any more.
        """
        loaded = self._bots.get(bot_id)
        if loaded is None or loaded.bot.knowledge_version != version:
            return False
        self._place(_Loaded(loaded.bot, shelf, loaded.rules, loaded.generation, self._inbox_key, self._now))
        return True

    def _place(self, loaded: _Loaded) -> None:
        """Swaps it in, with the model of what it replaces if the articles are the same."""
        bot_id, before = loaded.bot.id, self._bots.get(loaded.bot.id)
        kept = before is not None and loaded.knowledge.take_over(before.knowledge)
        self._bots[bot_id] = loaded
        if self.learner is not None and not kept and not loaded.unread and loaded.knowledge.teachable:
            self.learner.want(bot_id, loaded.knowledge.lesson)

    def teach(self, bot_id: int, digest: bytes, model: Model | None) -> bool:
        """Has the bot judge by ``model``; False if it knows something else by now. Any thread.

        Args:
            digest: of the lesson it was trained on.
            model: None if there was too little to learn from.
        """
        loaded = self._bots.get(bot_id)
        if loaded is None or loaded.knowledge.digest != digest:
            return False
        loaded.knowledge.learn(model)
        loaded.generation = loaded.knowledge.generation = next(self._generations)  # empties its cache
        return True

    def knowledge(self, bot_id: int) -> Knowledge | None:
        """What a loaded bot knows, for measuring."""
        loaded = self._bots.get(bot_id)
        return loaded.knowledge if loaded is not None else None

    def knowledge_of(self, bot_id: int) -> Shelf | None:
        """Where the bot's articles lie, None while they are not loaded."""
        loaded = self._bots.get(bot_id)
        return None if loaded is None or loaded.unread else loaded.knowledge.shelf

    def in_memory(self, bot_id: int) -> bool:
        """True if the bot is searched within a millisecond (see the pipeline's port)."""
        self._used(bot_id)
        loaded = self._bots.get(bot_id)
        return loaded is None or not (loaded.unread or loaded.slow)

    async def open(self, bot_id: int) -> None:
        """Ends when the bot's knowledge can be searched."""
        loaded = self._bots.get(bot_id)
        if loaded is not None and loaded.unread:
            await self._read(bot_id)

    def load_with(self, read: Callable[[int], Coroutine[Any, Any, None]],
                  used: Callable[[int], None]) -> None:
        """``read`` brings a bot's knowledge when it is asked for; ``used`` hears which bots are asked."""
        self._read = read
        self._used = used

    def drop_bot(self, bot_id: int) -> None:
        """Forget a bot that was deleted."""
        self._bots.pop(bot_id, None)
        if self.learner is not None:
            self.learner.forget(bot_id)

    def quick(self, bot_id: int, question: Question) -> Reply | None:
        """Rules, then the cached answer. Microseconds, never blocks; for the event loop."""
        loaded = self._bots.get(bot_id)
        if loaded is None:
            return None
        reply = loaded.rules.match(question)
        if reply is None:
            reply = self._cache.get(loaded.cache_key(question))
            if reply is None:
                return loaded.handoff.get((question.lang, question.norm))
        return reply

    def search(self, bot_id: int, questions: Sequence[Question]) -> list[Reply | None]:
        """Knowledge, for a batch; None where it is not sure enough. For the search thread."""
        loaded = self._bots.get(bot_id)
        if loaded is None:
            return [None] * len(questions)
        replies: list[Reply | None] = []
        for question in questions:
            outcome = loaded.knowledge.answer(question)
            if outcome.reply is None:
                loaded.note_miss(question, outcome)
            replies.append(outcome.reply)
        return replies

    def remember(self, bot_id: int, question: Question, reply: Reply) -> None:
        """Cache ``reply`` for the next visitor who asks the same; on the event loop.

        Only answers that depend on the text alone, and only while the knowledge that gave them is
        the present one (an edit may have come between search and now).
        """
        loaded = self._bots.get(bot_id)
        if loaded is None or not reply.cacheable or not isinstance(reply, Answered) \
                or reply.generation != loaded.generation:
            return
        score = reply.source.score if reply.source else 0.0
        step = TraceStep(step="cache", outcome="hit", detail=reply.source.key if reply.source else "",
                         score=score)
        kept = msgspec.structs.replace(reply, trace=(_TRIED[0], step))
        self._cache.put(loaded.cache_key(question), kept)

    def settings_of(self, bot_id: int) -> dict[str, Any]:
        """The bot's settings; {} if it is not loaded."""
        loaded = self._bots.get(bot_id)
        return loaded.bot.settings if loaded is not None else {}

    def name_of(self, bot_id: int) -> str:
        """The bot's name, ""  if it is not loaded."""
        loaded = self._bots.get(bot_id)
        return loaded.bot.name if loaded is not None else ""

    def follow(self, bot_id: int, question: Question, history: Sequence[Said]) -> Outcome | None:
        """A question that leans on earlier ones, searched with their topic. For the search thread."""
        loaded = self._bots.get(bot_id)
        return loaded.knowledge.follow(question, history) if loaded is not None else None

    def snippets(self, bot_id: int, question: Question, limit: int) -> Sequence[Snippet]:
        """The articles nearest to ``question``, best first, however uncertain. For the search thread."""
        loaded = self._bots.get(bot_id)
        return loaded.knowledge.snippets(question, limit) if loaded is not None else ()

    def fallback(self, bot_id: int, question: Question, tried: tuple[TraceStep, ...], *,
                 suggest: bool = True) -> Reply:
        """The honest end of the ladder: not known; near misses to choose from; a person.

        ``tried``: steps of other rungs (models, tools); the engine's own, known more exactly here,
        replace steps of the same name. ``suggest``: False where a model had the near misses already.
        """
        loaded = self._bots.get(bot_id)
        outcome = None
        settings: dict[str, Any] = {}
        if loaded is not None:
            settings = loaded.bot.settings
            outcome = loaded.take_miss(question)
            if outcome is None and not loaded.slow:  # this is the event loop: it waits for no disk
                outcome = loaded.knowledge.answer(question)
        lang = question.lang
        text = setting(settings, "fallback", lang, FALLBACK[lang])
        near = outcome.near if outcome is not None and suggest else ()
        buttons = [Button(label=article.question, text=article.question) for article in near]
        if buttons:
            text += "\n" + DID_YOU_MEAN[lang]
        steps = (*_TRIED, *(outcome.steps if outcome is not None else ()))
        own = {step.step for step in steps}
        steps += tuple([step for step in tried if step.step not in own])
        done = TraceStep(step="fallback", outcome="hit", detail=", ".join([a.key for a in near]))
        return Reply(text=text, buttons=(*buttons, HUMAN_BUTTON[lang]), source=Source(kind="fallback"),
                     trace=(*steps, done), sure=False)


async def _cannot_read(_bot_id: int) -> None:
    """Nobody brings knowledge later (tests, evaluation): there is none."""


def _cannot_note(_bot_id: int) -> None:
    """Nobody asks which bots are used."""


def answer_threshold(settings: dict[str, Any]) -> float:
    """``answer_threshold`` of a bot's settings, 0..1; the default where it is absent or no number."""
    value = settings.get("answer_threshold")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return DEFAULT_THRESHOLD
    return min(max(float(value), 0.0), 1.0)


def out_of_scope(settings: dict[str, Any]) -> list[str]:
    """``out_of_scope`` of a bot's settings: questions that none of its articles answers."""
    value = settings.get("out_of_scope")
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _handoff(bot: Bot, lang: Lang) -> Reply:
    """What the button of the fallback gets when no rule answers it."""
    reply = Reply(text=setting(bot.settings, "handoff", lang, HANDOFF[lang]), source=Source(kind="rule"),
                  trace=(TraceStep(step="rules", outcome="hit", detail="built in: a person"),),
                  action="handoff", interrupts=True)
    _ = reply.payload_json, reply.trace_json
    return reply
