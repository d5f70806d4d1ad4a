"""One model's try at one question: prompt, stream, checked sentences, tools, and again.

    mask → compose → model ──pieces──► unmask → take source marks out → guard → voice
              ▲                 └──tool calls──► call, mask, append ─┐
              └───────────────────────(at most MAX_ROUNDS)───────────┘

Nothing personal reaches the model, nothing unchecked the visitor.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from zhike.answer.llm.calls import Malformed, TurnTools
from zhike.answer.llm.context import Ask, Context, Guard, Mask, Parts, Prompt, Turns
from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.masking import Masking
from zhike.answer.llm.models import Model
from zhike.answer.llm.race import NoAnswer, Voice
from zhike.answer.llm.reply import Completion
from zhike.answer.llm.words import Cites
from zhike.answer.ports import Asked
from zhike.domain.message import MAX_TEXT_CHARS, Reply, Source, TraceStep

MAX_ROUNDS = 3
"""Rounds in which tools may be called; then the model must answer with what it has."""
LONG_TURNS = 10
"""From so many messages on a history is compressed to a third, even if all of it would fit: less to
read is a faster first word."""
HISTORY_SHARE = 0.5
"""Of what the model can read, for history; the rest is for sources and the question."""
RECENT_TURNS = 4
"""Kept word for word, if they are not too long: they say what "it" and "that one" are."""
MIN_HISTORY_TOKENS = 300
"""Below this there is nothing worth compressing."""


class Turn(NamedTuple):
    """What all tries at one question share."""

    asked: Asked
    context: Context
    parts: Parts
    masking: Masking
    tools: TurnTools


class Try:
    """See the module. One per model and question."""

    def __init__(self, model: Model, turn: Turn, voice: Voice) -> None:
        self._model = model
        self._turn = turn
        self._voice = voice
        self._cites = Cites()
        self._read = self._written = 0
        self._first_s: float | None = None
        self._withheld: list[str] = []
        self._rounds = 0
        self._mistakes = 0
        self._finish = ""

    async def run(self) -> Reply:
        """The reply.

        Raises:
            ModelError: the model failed. NoAnswer: it has nothing to say that may be said.
        """
        try:
            prompt = await self._prompt(self._model.context_tokens)
            await self._talk(prompt)
        except ModelError as error:
            if error.code != "model_context_full" or self._voice.text:
                raise
            prompt = await self._prompt(self._model.context_tokens // 2)  # it has less than we were told
            await self._talk(prompt)
        return self._reply(prompt)

    # ---- the prompt ----------------------------------------------------------------------------

    async def _prompt(self, context_tokens: int) -> Prompt:
        """Beside the event loop if there is much to read, and never many at once."""
        await self._model.pace.turn()
        context = self._turn.context
        chars = sum(len(said.text) for said in context.history)
        return await self._turn.masking.run(chars, lambda mask: self._compose(context_tokens, mask))

    def _compose(self, context_tokens: int, mask: Mask) -> Prompt:
        asked, context, parts, _, _ = self._turn
        count = self._counter()
        turns, facts = self._history(context_tokens, count)
        return parts.compose(context.template, Ask(
            question=mask.mask(asked.question.text), count=count, lang=asked.question.lang,
            shop=context.shop, bot=context.bot, now=context.now, snippets=context.snippets,
            history=[(role, mask.mask(text)) for role, text in turns], facts=mask.mask(facts),
            context_tokens=context_tokens, variables=context.variables))

    def _counter(self) -> Callable[[str], int]:
        model = self._model
        return lambda text: model.count(text, model.family)

    def _history(self, context_tokens: int, count: Callable[[str], int]) -> tuple[Turns, str]:
        """The last turns as they were said, and what mattered in those that do not fit."""
        context = self._turn.context
        turns = [(said.role, said.text) for said in context.history]
        sizes = [count(text) for _, text in turns]
        budget = int(max(0, context_tokens - context.template.max_tokens) * HISTORY_SHARE)
        if len(turns) >= LONG_TURNS:
            budget = min(budget, max(sum(sizes) // 3, MIN_HISTORY_TOKENS))
        if sum(sizes) <= budget:
            return turns, ""
        recent, spent = 0, 0
        while recent < RECENT_TURNS and spent + sizes[-1 - recent] <= budget // 2:
            spent += sizes[-1 - recent]
            recent += 1
        cut = len(turns) - recent
        return turns[cut:], self._turn.parts.compress(turns[:cut], budget - spent, self._model.family).text

    # ---- the conversation with the model ---------------------------------------------------------

    async def _talk(self, prompt: Prompt) -> None:
        template, tools = self._turn.context.template, self._turn.tools
        messages = list(prompt.messages)
        while True:
            body: dict[str, Any] = {"messages": messages, "temperature": template.temperature,
                                    "max_tokens": template.max_tokens}
            if tools.specs and self._rounds < MAX_ROUNDS:
                body["tools"] = tools.specs
            done = await self._listen(body)
            if not done.calls:
                return
            if self._rounds >= MAX_ROUNDS:
                if self._voice.text:
                    return
                raise NoAnswer(f"it still wanted to call tools after {MAX_ROUNDS} rounds")
            self._rounds += 1
            messages = [*messages, *await self._calls(done)]

    async def _listen(self, body: dict[str, Any]) -> Completion:
        """One request; its sentences go out as soon as they are checked."""
        done = Completion()
        self._voice.watch(done)
        guard, unmasker = self._guard(), self._turn.masking.mask.stream()
        try:
            async with contextlib.aclosing(self._model.ask(self._turn.asked.bot_id, body, done)) as pieces:
                async for piece in pieces:
                    self._say(guard.feed(self._cites.feed(unmasker.feed(piece))))
        finally:
            self._read += done.prompt_tokens or 0
            self._written += done.completion_tokens or done.beats
            if self._first_s is None:
                self._first_s = done.first_s
        self._finish = done.finish
        rest = guard.feed(self._cites.feed(unmasker.end()) + self._cites.end())
        self._say(rest)
        if done.finish != "length" or not self._voice.text:
            self._say(guard.end())  # else: a sentence cut in its middle is left out
        self._withheld += [f"{withheld.reason} {withheld.what}" for withheld in guard.withheld]
        return done

    def _guard(self) -> Guard:
        """A new one for each request: what tools said meanwhile is a source, too. What the visitor said
        is none: their own number may be said back to them, the price they wish for may not."""
        asked, context, parts, _, tools = self._turn
        sources = [f"{snippet.title}\n{snippet.text}" for snippet in context.snippets]
        sources += [said.text for said in context.history if said.role != "visitor"]
        sources += [context.template.system_prompt, *context.variables.values(), *tools.results]
        said = [said.text for said in context.history if said.role == "visitor"]
        return parts.guard(sources, context.forbidden, asked.question.lang, [*said, asked.question.text])

    def _say(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            room = MAX_TEXT_CHARS - len(self._voice.text)
            if sentence and len(sentence) <= room:
                self._voice.say(sentence)

    async def _calls(self, done: Completion) -> list[dict[str, Any]]:
        """The messages that tell the model what came of its calls. One mistake may be mended."""
        calls = [{"id": call.id or f"call_{number}", "type": "function",
                  "function": {"name": call.name, "arguments": call.arguments or "{}"}}
                 for number, call in enumerate(done.calls)]
        messages: list[dict[str, Any]] = [{"role": "assistant", "content": "", "tool_calls": calls}]
        wrong = ""
        for sent, call in zip(calls, done.calls, strict=True):
            try:
                result = await self._turn.tools.call(call)
            except Malformed as error:
                result = wrong = str(error)
                sent["function"] = {"name": call.name, "arguments": "{}"}  # servers parse what we send back
            messages.append({"role": "tool", "tool_call_id": sent["id"], "content": result})
        if wrong:
            self._mistakes += 1
            if self._mistakes > 1:
                raise NoAnswer(f"two wrong tool calls; the last: {wrong}")
        return messages

    # ---- the reply -----------------------------------------------------------------------------

    def _reply(self, prompt: Prompt) -> Reply:
        text = self._voice.text.strip()
        if not text:
            raise NoAnswer("; ".join(["nothing that may be said", *dict.fromkeys(self._withheld)])
                           if self._withheld else "it said nothing")
        used = [prompt.sources[number - 1] for number in self._cites.numbers
                if 0 < number <= len(prompt.sources)]
        tools = self._turn.tools.names
        first = used[0] if used else None
        source = Source(kind="model", id=first.article_id if first else 0, key=self._model.key,
                        title=first.title if first else "",
                        cites=tuple(dict.fromkeys([snippet.title for snippet in used])))
        return Reply(text=text, ai=True, source=source, sure=False,
                     trace=(TraceStep(step="model", outcome="hit", detail=self._detail(tools)),))

    def _detail(self, tools: Sequence[str]) -> str:
        parts = [f"{self._model.key}: first word after {round((self._first_s or 0) * 1000)} ms",
                 f"{self._read}+{self._written} tokens"]
        if tools:
            parts.append(f"tools {', '.join(dict.fromkeys(tools))}")
        if self._withheld:
            parts.append(f"withheld {len(self._withheld)}: {'; '.join(dict.fromkeys(self._withheld))}")
        if self._finish == "length":
            parts.append("ended at max_tokens")
        return ", ".join(parts)
