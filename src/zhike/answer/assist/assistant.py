"""``Assistant``: what a model proposes to somebody who writes to a visitor.

The same machinery as the bot's answers (models in order, the second one beside a slow first, masks, guard,
spending limits, cancelling), with other words, no tools, and nobody to be told a word meanwhile.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from zhike.answer.assist import prompts
from zhike.answer.assist.marking import Marking
from zhike.answer.assist.templates import NOTHING_ASKED, PREFIX, TEMPLATES
from zhike.answer.compress import compress
from zhike.answer.engine import Engine
from zhike.answer.guard import Guard
from zhike.answer.llm.answers import ModelAnswers
from zhike.answer.llm.context import Context, Parts
from zhike.answer.llm.models import Models
from zhike.answer.llm.race import Limits
from zhike.answer.mask import Mask
from zhike.answer.modelrung import SNIPPETS, Find
from zhike.answer.ports import Asked, Said, Snippet
from zhike.answer.promptset import Prompts
from zhike.clock import NowMs, to_datetime
from zhike.domain.assist import Wish
from zhike.domain.conversation import Conversation
from zhike.domain.message import Reply, TraceStep
from zhike.domain.prompt import Template
from zhike.errors import CATALOGUE, ZhikeError
from zhike.search.text import Lang, Question, understand

HISTORY = 200
"""Messages read of a conversation; what is older is seldom what an answer turns on."""
CONTEXT_TURNS = 6
"""Of the chat, for a rewriting: enough to hear its tone and language."""
LIMITS = Limits(first_s=5.0, total_s=45.0)
"""A person waits who can stop it at any time, and who may have a model on a small machine. At 5 s without a
word the next model is asked, too."""

History = Callable[[int, int, int], Awaitable[Sequence[Said]]]
"""(conversation id, below which seq, at most) → what was said, oldest first."""


class Proposal(msgspec.Struct, frozen=True):
    """``sources``: (article id, title). ``check``, ``left_out``: see :class:`zhike.domain.assist.AssistDone`.
    ``model``: its key."""

    text: str
    sources: tuple[tuple[int, str], ...] = ()
    check: tuple[str, ...] = ()
    left_out: int = 0
    model: str = ""


class _Draft:
    """The outlet of a proposal. There is no word meanwhile: somebody sees that it is being written."""

    def __init__(self, say: Callable[[int, str], None]) -> None:
        self._say = say
        self._size = 0

    @property
    def said(self) -> bool:
        return self._size > 0

    def delta(self, text: str) -> None:
        self._say(self._size, text)
        self._size += len(text)

    def withdraw(self) -> None:
        self._size = 0
        self._say(0, "")

    def interim(self, reply: Reply) -> None:
        return


class Assistant:
    """See the module.

    Args:
        bots: inbox id → bot id.
        shop: inbox id → the shop's name as visitors know it.
    """

    def __init__(self, models: Models, engine: Engine, own: Prompts, find: Find, history: History,
                 now_ms: NowMs, shop: Callable[[int], str], bots: Mapping[int, int],
                 limits: Limits = LIMITS) -> None:
        self._models = models
        self._engine = engine
        self._own = own
        self._find = find
        self._history = history
        self._now_ms = now_ms
        self._shop = shop
        self._bots = bots
        self._limits = limits

    def serves(self, inbox_id: int) -> bool:
        """True if there is a model to ask for this inbox."""
        keys = self._engine.settings_of(self._bots.get(inbox_id, 0)).get("models")
        return bool(self._models.chosen(keys if isinstance(keys, list) else ()))

    async def propose(self, about: Conversation, want: Wish, text: str,
                      say: Callable[[int, str], None]) -> Proposal:
        """A proposal; ``say(offset, text)`` hears it as it comes, 0 begins anew.

        Raises:
            ZhikeError: no_model, empty_message, no_proposal, or a ``model_…`` row of the catalogue.
        """
        if not self.serves(about.inbox_id):
            raise ZhikeError("no_model")
        typed = text.strip()
        said = await self._history(about.id, about.last_seq + 1, HISTORY)
        if want == "reply":
            return await self._reply(about, said, typed, say)
        if not typed:
            raise ZhikeError("empty_message", field="text")
        lang = understand(typed, about.lang).lang if want != "translate" else lang_of(about.lang)
        question = msgspec.structs.replace(understand(typed, lang), lang=lang)
        guards: list[Marking] = []

        def guard(sources: Sequence[str], forbidden: Sequence[str], _: str, asked: Sequence[str]) -> Marking:
            # what was typed is the agent's own word, and so is a source
            made = Marking([*sources, typed], forbidden, lang, asked)
            guards.append(made)
            return made

        parts = Parts(prompts.rewriting, Mask, guard, compress)
        reply = await self.ask(about, f"{PREFIX}{want}", lang, question, said[-CONTEXT_TURNS:], parts, say)
        doubts = tuple(guards[-1].doubts) if guards else ()
        return Proposal(reply.text.strip(), (), doubts, _withheld(guards), _model_of(reply))

    async def _reply(self, about: Conversation, said: Sequence[Said], typed: str,
                     say: Callable[[int, str], None]) -> Proposal:
        """What the visitor has said since somebody answered is the question; the rest is history."""
        cut = len(said)
        while cut and said[cut - 1].role == "visitor":
            cut -= 1
        if cut == len(said):  # everything was answered: the last question once more
            cut = max((at for at, one in enumerate(said) if one.role == "visitor"), default=len(said))
            asked, before = said[cut:cut + 1], said
        else:
            asked, before = said[cut:], said[:cut]
        words = "\n".join(one.text for one in asked) or NOTHING_ASKED[lang_of(about.lang)]
        question = understand(words, lang_of(about.lang), about.inbox_id)
        lang = question.lang
        guards: list[Guard] = []
        masks: list[Mask] = []

        def mask() -> Mask:
            masks.append(Mask())
            return masks[-1]

        def guard(sources: Sequence[str], forbidden: Sequence[str], lang: str, heard: Sequence[str]) -> Guard:
            made = Guard([*sources, typed], forbidden, lang, heard)
            guards.append(made)
            return made

        compose = prompts.reply(lambda: masks[-1].mask(typed) if masks and typed else typed)
        parts = Parts(compose, mask, guard, compress)
        snippets = await self._find(self._bots.get(about.inbox_id, 0), question, SNIPPETS)
        reply = await self.ask(about, f"{PREFIX}reply", lang, question, before, parts, say, snippets=snippets)
        cited = reply.source.cites if reply.source is not None else ()
        titles = {snippet.title: snippet.article_id for snippet in snippets}
        return Proposal(reply.text.strip(), tuple((titles.get(title, 0), title) for title in cited), (),
                        _withheld(guards), _model_of(reply))

    async def ask(self, about: Conversation, name: str, lang: Lang, question: Question,
                  history: Sequence[Said], parts: Parts, say: Callable[[int, str], None], *,
                  snippets: Sequence[Snippet] = ()) -> Reply:
        """One question to the models by the template ``name``.

        Raises:
            ZhikeError: see :meth:`propose`.
        """
        bot_id = self._bots.get(about.inbox_id, 0)
        settings = self._engine.settings_of(bot_id)
        forbidden = settings.get("forbidden")
        tried: list[TraceStep] = []
        context = Context(
            template=self.template(bot_id, name, lang), history=history, settings=settings,
            snippets=snippets, forbidden=forbidden if isinstance(forbidden, list) else (),
            shop=self._shop(about.inbox_id), bot=self._engine.name_of(bot_id),
            now=to_datetime(self._now_ms()), tried=tried)
        asked = Asked(about.id, about.holder_epoch, bot_id, about.inbox_id, about.contact_id, about.sender,
                      question, (), asyncio.get_running_loop().time())
        answers = ModelAnswers(self._models, parts, self._limits)
        reply = await answers.answer(asked, context, _Draft(say))
        if reply is None or not reply.text.strip():
            raise _why(tried)
        return reply

    def template(self, bot_id: int, name: str, lang: Lang) -> Template:
        """The bot's own template of this name, or the built-in one."""
        return self._own.named(bot_id, name, lang) or TEMPLATES[name][lang]


def lang_of(lang: str) -> Lang:
    """The language, of those we write, that is nearest to this one."""
    return "en" if lang.startswith("en") else "zh"


def _withheld(guards: Sequence[Guard]) -> int:
    return len(guards[-1].withheld) if guards else 0


def _model_of(reply: Reply) -> str:
    return reply.source.key if reply.source is not None else ""


def _why(tried: Sequence[TraceStep]) -> ZhikeError:
    """The last thing that went wrong, as an error of the catalogue; its words say which model."""
    for step in reversed(tried):
        found = re.search(r"\bmodel_[a-z_]+", step.detail)
        if found is not None and found[0] in CATALOGUE:
            return ZhikeError(found[0], f"({step.detail.replace(f'{found[0]}: ', '')})", retry_after_s=5.0)
        if "stopped at" in step.detail:
            return ZhikeError("model_timeout", f"({step.detail})", retry_after_s=5.0)
    return ZhikeError("no_proposal")
