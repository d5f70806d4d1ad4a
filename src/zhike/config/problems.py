"""What is wrong with a configuration, said in the reader's language and with its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from zhike.errors import ErrorBody, Lang, ZhikeError


class Problem(msgspec.Struct, frozen=True):
    """One thing to correct: ``where`` is ``file:line``, a variable or a flag ("" = nowhere)."""

    where: str
    zh: str
    en: str

    def text(self, lang: Lang) -> str:
        """The line a person reads."""
        said = self.zh if lang == "zh" else self.en
        return f"{self.where}: {said}" if self.where else said


class ConfigError(ZhikeError):
    """``config_error`` with every problem found, not only the first.

    Args:
        problems: at least one.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("config_error", "; ".join(problem.text("en") for problem in problems))

    def body(self, lang: Lang = "en") -> ErrorBody:
        """The wire object; the problems in the reader's language stand in ``message``."""
        spec = self.spec
        lines = [problem.text(lang) for problem in self.problems]
        return ErrorBody(code=spec.code, message="\n".join([spec.zh if lang == "zh" else spec.en, *lines]),
                         retry=spec.retry, help=spec.help_zh if lang == "zh" else spec.help_en,
                         details={"problems": lines})


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word a person most likely meant, or ""."""
    import difflib  # 4 ms, and only needed when something is wrong

    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def unknown(where: str, what_zh: str, what_en: str, word: str, known: Sequence[str]) -> Problem:
    """The problem "there is no such …", naming the nearest one or, failing that, all of them."""
    near = nearest(word, known)
    if near:
        return Problem(where, f"没有{what_zh} {word!r}，是不是想写 {near!r}？",
                       f"there is no {what_en} {word!r}; did you mean {near!r}?")
    every = ", ".join(known)
    return Problem(where, f"没有{what_zh} {word!r}；可用的有：{every}",
                   f"there is no {what_en} {word!r}; there are: {every}")
