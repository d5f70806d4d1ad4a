"""Models without a server, for tests in virtual time: a script says what comes, and when.

    model = scripted("qwen", [(0.5, "您好。"), (0.1, "七天内可退。")])     # pauses in seconds
    model = scripted("dead", [(1.0, ModelError("model_unavailable", "refused"))])
    model = scripted("mute", [(60.0, "")])                                 # never speaks in time
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from zhike.answer.llm.context import Ask, Compressed, Parts, Turns
from zhike.answer.llm.models import Model
from zhike.answer.llm.reply import Completion, ToolCall
from zhike.answer.llm.usage import UsageBook
from zhike.answer.ports import Snippet
from zhike.clock import now_ms
from zhike.domain.message import Reply
from zhike.domain.prompt import Template

Event = tuple[float, str | Exception | ToolCall]
"""(seconds after the one before, what comes). The stream ends well after the last one."""


class ScriptedClient:
    """A :class:`zhike.answer.llm.client.Client` that plays one script after the other (the last one
    again and again)."""

    def __init__(self, *scripts: Sequence[Event]) -> None:
        self._scripts = list(scripts)
        self.bodies: list[dict[str, Any]] = []
        self.ended: list[tuple[str, float]] = []
        """How each request ended (done | failed | left) and when, loop time."""

    async def stream(self, body: dict[str, Any], done: Completion) -> AsyncGenerator[str, None]:
        """See :meth:`zhike.answer.llm.client.Client.stream`."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        self.bodies.append(body)
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        how = "left"
        try:
            for pause_s, event in script:
                await asyncio.sleep(pause_s)
                if isinstance(event, Exception):
                    how = "failed"
                    raise event
                done.beats += 1
                if isinstance(event, ToolCall):
                    done.calls.append(event)
                elif event:
                    done.pieces += 1
                    if done.first_s is None:
                        done.first_s = loop.time() - began_s
                    yield event
            done.finish = "tool_calls" if done.calls else "stop"
            done.prompt_tokens, done.completion_tokens = 100, done.beats
            how = "done"
        finally:
            self.ended.append((how, loop.time()))

    async def warm(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""


def scripted(key: str, *scripts: Sequence[Event], book: UsageBook | None = None, **options: Any) -> Model:
    """A model that plays scripts; ``model.client.bodies`` has what it was asked."""
    return Model(key, ScriptedClient(*scripts), book or UsageBook(None, now_ms), **options)


class HeardOutlet:
    """An :class:`zhike.answer.ports.Outlet` that writes down what is said, with the loop's time."""

    def __init__(self) -> None:
        self.log: list[tuple[float, str, str]] = []

    @property
    def said(self) -> bool:
        """See the port."""
        return bool(self.log)

    @property
    def draft(self) -> str:
        """What the visitor sees as a draft now."""
        text = ""
        for _, kind, piece in self.log:
            text = text + piece if kind == "delta" else "" if kind == "withdraw" else text
        return text

    def delta(self, text: str) -> None:
        """See the port."""
        self._note("delta", text)

    def withdraw(self) -> None:
        """See the port."""
        self._note("withdraw", "")

    def interim(self, reply: Reply) -> None:
        """See the port."""
        self._note("interim", reply.text)

    def _note(self, kind: str, text: str) -> None:
        self.log.append((asyncio.get_running_loop().time(), kind, text))


# ---- the other parts, as plain as can be ---------------------------------------------------------

class PlainMask:
    """Replaces the given secrets by ``<<n>>``."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = secrets

    def mask(self, text: str) -> str:
        """Secrets out."""
        for number, secret in enumerate(self._secrets):
            text = text.replace(secret, f"<<{number}>>")
        return text

    def unmask(self, text: str) -> str:
        """And in again."""
        for number, secret in enumerate(self._secrets):
            text = text.replace(f"<<{number}>>", secret)
        return text

    def stream(self) -> PlainUnmasker:
        """For pieces."""
        return PlainUnmasker(self)


class PlainUnmasker:
    """Holds a piece back while it may end in a placeholder that is cut."""

    def __init__(self, mask: PlainMask) -> None:
        self._mask = mask
        self._held = ""

    def feed(self, piece: str) -> str:
        """What is certain."""
        text = self._held + piece
        cut = text.rfind("<")
        cut = cut - 1 if cut > 0 and text[cut - 1] == "<" else cut
        if cut < 0 or ">>" in text[cut:]:
            self._held = ""
            return self._mask.unmask(text)
        self._held = text[cut:]
        return self._mask.unmask(text[:cut])

    def end(self) -> str:
        """The rest."""
        text, self._held = self._held, ""
        return text


class PlainWithheld:
    """One sentence that was held back."""

    def __init__(self, reason: str, what: str) -> None:
        self.reason = reason
        self.what = what


class PlainGuard:
    """Sentences end at 。 ! ? or a line end; one with a forbidden word, or with a number that stands
    in no source, is withheld."""

    def __init__(self, sources: Sequence[str], forbidden: Sequence[str], lang: str,
                 asked: Sequence[str]) -> None:
        self._sources = "\n".join(sources)
        self._forbidden = forbidden
        self._held = ""
        self.withheld: list[PlainWithheld] = []

    def feed(self, piece: str) -> list[str]:
        """Whole sentences that may go out."""
        out: list[str] = []
        for char in piece:
            self._held += char
            if char in "。!?\n":
                out += self._judge()
        return out

    def end(self) -> list[str]:
        """The last one, though it has no end."""
        return self._judge()

    def _judge(self) -> list[str]:
        sentence, self._held = self._held, ""
        for word in self._forbidden:
            if word in sentence:
                self.withheld.append(PlainWithheld("forbidden", word))
                return []
        for number in "".join(char if char.isdigit() else " " for char in sentence).split():
            if number not in self._sources:
                self.withheld.append(PlainWithheld("claim", number))
                return []
        return [sentence] if sentence else []


class PlainPrompt:
    """System prompt, history, question."""

    def __init__(self, template: Template, ask: Ask) -> None:
        self.sources: Sequence[Snippet] = ask.snippets
        self.messages: list[dict[str, Any]] = [{"role": "system", "content": template.system_prompt}]
        self.messages += [{"role": "user" if role == "visitor" else "assistant", "content": text}
                          for role, text in ask.history]
        facts = "\n".join([*(snippet.text for snippet in ask.snippets), ask.facts])
        self.messages.append({"role": "user", "content": f"{facts}\n{ask.question}".strip()})


class PlainCompressed:
    """How many turns there were, and the last few characters."""

    def __init__(self, turns: Turns, budget: int, family: str) -> None:
        words = "".join(text for _, text in turns)
        self.text = f"({len(turns)} earlier turns) {words[-max(1, budget // 2):]}"


def _compress(turns: Turns, budget: int, family: str) -> Compressed:
    return PlainCompressed(turns, budget, family)


def plain_parts(*secrets: str) -> Parts:
    """All of them, joined."""
    return Parts(compose=PlainPrompt, mask=lambda: PlainMask(*secrets), guard=PlainGuard, compress=_compress,
                 aside=inline)


async def inline(work: Callable[[], Any]) -> Any:
    """Instead of a thread, which virtual time does not wait for."""
    return work()
