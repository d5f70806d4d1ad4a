"""What is said while a model is slow, and the marks a model puts behind its sentences."""

from __future__ import annotations

import re

import msgspec

from zhike.answer.llm.context import Context
from zhike.answer.words import setting
from zhike.domain.message import Reply, Source, TraceStep
from zhike.search.text import Lang

HOLDING: dict[Lang, str] = {
    "zh": "请稍等，我查一下，马上回复您。",
    "en": "One moment, please. I'm looking into it.",
}
MEANWHILE: dict[Lang, str] = {
    "zh": "我还在查，先给您一条可能有用的：",
    "en": "I'm still looking. Meanwhile, this may help:",
}
SUGGEST_THRESHOLD = 0.35
"""From this confidence on the nearest article is more use at 3 s than a holding line: it is shown as
something that may help, not as the answer. Bots have their own (``suggest_threshold``)."""


def meanwhile(context: Context, lang: Lang) -> Reply:
    """The word at 3 s: the nearest article if it is near enough, else a holding line."""
    floor = context.settings.get("suggest_threshold", SUGGEST_THRESHOLD)
    best = context.best
    if best is not None and best.source is not None and best.source.score >= floor:
        return msgspec.structs.replace(best, text=f"{MEANWHILE[lang]}\n\n{best.text}", sure=False,
                                       cacheable=False, trace=_trace(best.source.key, best.source.score))
    snippet = max(context.snippets, key=lambda s: s.score, default=None)
    if best is None and snippet is not None and snippet.score >= floor:
        return Reply(text=f"{MEANWHILE[lang]}\n\n{snippet.text}", sure=False,
                     source=Source(kind="article", id=snippet.article_id, key=snippet.key,
                                   title=snippet.title, score=snippet.score),
                     trace=_trace(snippet.key, snippet.score))
    return Reply(text=setting(dict(context.settings), "holding", lang, HOLDING[lang]), sure=False,
                 source=Source(kind="holding"), trace=_trace("", 0.0))


def _trace(key: str, score: float) -> tuple[TraceStep, ...]:
    return (TraceStep(step="holding", outcome="hit", detail=key, score=score),)


_MARK = re.compile(r"[ \t]?[\[【]\s?(\d{1,2}(?:\s?[,，、]\s?\d{1,2})*)\s?[\]】]")
_BEGUN = re.compile(r"[ \t]?(?:[\[【][\d\s,，、]{0,12})?$")
MAX_SOURCES = 99


class Cites:
    """Takes source marks such as ``[1]`` or ``【2、3】`` out of a stream and remembers their numbers."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._held = ""

    def feed(self, piece: str) -> str:
        """The piece without marks; what may be the beginning of one is held back."""
        text = _MARK.sub(self._note, self._held + piece)
        begun = _BEGUN.search(text)
        cut = begun.start() if begun else len(text)
        self._held = text[cut:]
        return text[:cut]

    def end(self) -> str:
        """What was held back and was no mark."""
        text, self._held = self._held, ""
        return text

    def _note(self, found: re.Match[str]) -> str:
        for number in re.findall(r"\d+", found[1]):
            if int(number) not in self.numbers:
                self.numbers.append(int(number))
        return ""
