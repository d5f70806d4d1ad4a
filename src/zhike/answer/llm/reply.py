"""A streamed chat completion, put together (sans I/O): text pieces, tool calls, usage, its end.

OpenAI API reference, "Chat completion chunk", read 2026-11; vLLM, Ollama, Xinference and llama.cpp
send the same shape. Some let the model think aloud in ``content`` between ``<think>`` marks; that
is never shown.
"""

from __future__ import annotations

from typing import Any

import msgspec

from zhike.answer.llm.faults import ModelError

MAX_ANSWER_CHARS = 16_000
"""More than any answer a visitor reads: a model that does not end is stopped."""
MAX_THOUGHT_CHARS = 64_000
MAX_CALLS = 8
MAX_ARGUMENT_CHARS = 16_000


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Chunk).decode


class ToolCall(msgspec.Struct):
    """A call the model asks for; ``arguments``: JSON text, as it wrote it."""

    id: str = ""
    name: str = ""
    arguments: str = ""


class Completion:
    """What has come so far. ``finish``: stop | length | tool_calls | … ("" = not ended yet).

    ``prompt_tokens`` and ``completion_tokens`` are the server's own numbers, or None.
    """

    def __init__(self) -> None:
        self.chars = 0
        self.pieces = 0
        self.beats = 0
        """Signs of work: pieces of text, thought or tool calls. Pings are none."""
        self.calls: list[ToolCall] = []
        self.finish = ""
        self.done = False
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.first_s: float | None = None
        """Seconds from the request to the first visible piece."""
        self.late = False
        """Set by who waits: the first word should have come by now. A server that is then left without
        one is to blame."""
        self._thoughts = _Thoughts()

    def take(self, data: bytes) -> str:
        """The visible text of one event's data ("" = none).

        Raises:
            ModelError: garbled, an error the server reports in mid-stream, or more than is sane.
        """
        if data.strip() == b"[DONE]":
            self.done = True
            return self._thoughts.end()
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise ModelError("model_garbled", f"{error}: {data[:60].decode('utf-8', 'replace')}") from error
        if chunk.error is not None:
            raise ModelError("model_unavailable", f"in mid-stream: {said(chunk.error)}", again=True)
        if chunk.usage is not None:
            self._count(chunk.usage)
        text = ""
        for choice in (chunk.choices or ())[:1]:
            if choice.delta is not None:
                for call in choice.delta.tool_calls or ():
                    self.beats += 1
                    self._call(call)
                if choice.delta.content:
                    self.pieces += 1
                    self.beats += 1
                    text = self._thoughts.feed(choice.delta.content)
            if choice.finish_reason:
                self.finish = choice.finish_reason
                text += self._thoughts.end()
        self.chars += len(text)
        if self.chars > MAX_ANSWER_CHARS:
            raise ModelError("model_garbled", f"an answer of more than {MAX_ANSWER_CHARS} characters")
        return text

    @property
    def ended(self) -> bool:
        """True if the server said that this is the end; a stream that just stops was cut."""
        return self.done or bool(self.finish)

    def _count(self, usage: _Usage) -> None:
        if usage.prompt_tokens is not None and usage.prompt_tokens >= 0:
            self.prompt_tokens = usage.prompt_tokens
        if usage.completion_tokens is not None and usage.completion_tokens >= 0:
            self.completion_tokens = usage.completion_tokens

    def _call(self, part: _Call) -> None:
        """Calls come in pieces, told apart by their index; the first piece has id and name."""
        name = part.function.name if part.function else None
        index = part.index
        if index is None:  # Ollama and others: a whole call at a time
            index = len(self.calls) if name or not self.calls else len(self.calls) - 1
        if not 0 <= index < MAX_CALLS:
            raise ModelError("model_garbled", f"more than {MAX_CALLS} tool calls")
        while len(self.calls) <= index:
            self.calls.append(ToolCall())
        call = self.calls[index]
        call.id = part.id or call.id
        call.name = name or call.name
        arguments = part.function.arguments if part.function else None
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        call.arguments += arguments or ""
        if len(call.arguments) > MAX_ARGUMENT_CHARS:
            raise ModelError("model_garbled", f"tool arguments of more than {MAX_ARGUMENT_CHARS} characters")


def said(error: Any) -> str:
    """The words of an error object, whatever its shape."""
    if isinstance(error, dict):
        inner = error.get("error", error)
        if isinstance(inner, dict):
            inner = inner.get("message") or inner.get("detail") or inner
        return str(inner)
    return str(error)


_OPEN, _CLOSE = "<think>", "</think>"


class _Thoughts:
    """Takes a leading ``<think>…</think>`` out of the pieces, wherever they are cut."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"
        self._thought = 0

    def feed(self, piece: str) -> str:
        if self._state == "open":
            return piece
        self._held += piece
        if self._state == "start":
            text = self._held.lstrip()
            if not text or (len(text) < len(_OPEN) and _OPEN.startswith(text)):
                return ""
            if not text.startswith(_OPEN):
                return self._release(text)
            self._state, self._held = "thinking", text.removeprefix(_OPEN)
        before, closed, after = self._held.partition(_CLOSE)
        if closed:
            self._state = "after"
            self._held = after
        if self._state == "thinking":
            self._thought += max(0, len(self._held) - len(_CLOSE))
            self._held = before[-len(_CLOSE):]
            if self._thought > MAX_THOUGHT_CHARS:
                raise ModelError("model_garbled", f"thought for more than {MAX_THOUGHT_CHARS} characters")
            return ""
        text = self._held.lstrip()
        return self._release(text) if text else ""

    def _release(self, text: str) -> str:
        self._state, self._held = "open", ""
        return text

    def end(self) -> str:
        """What was held back and turned out to be text."""
        text = self._held.lstrip() if self._state == "start" else ""
        self._held = ""
        return text
