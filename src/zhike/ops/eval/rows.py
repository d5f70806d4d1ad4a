"""Reads what is measured with: JSON lines, gzipped or not, every bad row named by its line."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from zhike.config import ConfigError, Problem

MAX_PROBLEMS = 10
"""Bad rows named before giving up: enough to see the pattern."""
LANGS = ("", "zh", "en")


class Text(NamedTuple):
    """A text with what it asks for; ``label`` None: nothing of what is known (out of scope)."""

    line: int
    text: str
    label: str | None
    lang: str


class Pair(NamedTuple):
    """A question with its answer, which may be empty."""

    line: int
    question: str
    answer: str
    lang: str


class Two(NamedTuple):
    """Two texts, and whether they ask the same."""

    line: int
    a: str
    b: str
    same: bool


def read_twos(path: Path, splits: Sequence[str] = ()) -> list[Two]:
    """Rows ``{"a": str, "b": str, "y": 0 or 1}``; other fields are not looked at.

    Args:
        path, splits: as :func:`read_texts`.

    Raises:
        ConfigError: as :func:`read_texts`.
    """
    found: list[Two] = []
    problems: list[Problem] = []
    for line, row in _rows(path, problems):
        if splits and row.get("split") not in splits:
            continue
        same = row.get("y", row.get("label"))
        if same not in (0, 1, "0", "1"):
            problems.append(_problem(path, line, "y 应是 0 或 1", "y must be 0 or 1"))
            continue
        a, b = _text(path, line, row, "a", problems), _text(path, line, row, "b", problems)
        if a and b and not problems:
            found.append(Two(line, a, b, int(same) == 1))
    if not found and not problems:
        of = f" (split: {', '.join(splits)})" if splits else ""
        problems.append(Problem(str(path), f"没有可用的行{of}", f"holds no rows to use{of}"))
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return found


def read_texts(path: Path, splits: Sequence[str] = ()) -> list[Text]:
    """Rows ``{"text": str, "label": str or null}``; other fields but ``lang`` are not looked at.

    Args:
        path: ``.jsonl``, packed with gzip or not.
        splits: only rows whose ``split`` is one of these; () = all.

    Raises:
        ConfigError: the file cannot be read, a row is not valid (with its line), or there is none.
    """
    found: list[Text] = []
    problems: list[Problem] = []
    for line, row in _rows(path, problems):
        if splits and row.get("split") not in splits:
            continue
        label = row.get("label")
        if "label" not in row or not (label is None or (isinstance(label, str) and label.strip())):
            problems.append(_problem(path, line, "label 应是非空文字，或 null（范围之外）",
                                     "label must be a text that is not empty, or null (out of scope)"))
            continue
        text = _text(path, line, row, "text", problems)
        if text and not problems:
            found.append(Text(line, text, label.strip() if label is not None else None, row.get("lang", "")))
    if not found and not problems:
        of = f" (split: {', '.join(splits)})" if splits else ""
        problems.append(Problem(str(path), f"没有可用的行{of}", f"holds no rows to use{of}"))
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return found


def read_pairs(path: Path) -> tuple[list[Pair], int]:
    """Rows ``{"question": str, "answer": str or absent}``.

    Returns:
        The rows, of equal questions only the first, and how many that left out.

    Raises:
        ConfigError: as :func:`read_texts`.
    """
    found: dict[str, Pair] = {}
    repeated = 0
    problems: list[Problem] = []
    for line, row in _rows(path, problems):
        question = _text(path, line, row, "question", problems)
        answer = row.get("answer")
        if answer is not None and not isinstance(answer, str):
            problems.append(_problem(path, line, "answer 应是文字", "answer must be a text"))
        if question in found:
            repeated += 1
        elif not problems:
            found[question] = Pair(line, question, answer or "", row.get("lang", ""))
    if not found and not problems:
        problems.append(Problem(str(path), "没有可用的行", "holds no rows to use"))
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return list(found.values()), repeated


class Dialogue(NamedTuple):
    """(role, text) oldest first, and the values whose survival is counted."""

    line: int
    turns: tuple[tuple[str, str], ...]
    values: tuple[str, ...]


class Marked(NamedTuple):
    """A text and what is personal in it: (start, end, kind)."""

    line: int
    text: str
    spans: tuple[tuple[int, int, str], ...]


def read_dialogues(path: Path, splits: Sequence[str] = ()) -> list[Dialogue]:
    """Rows ``{"turns": [[role, text], …], "slots": [[name, value], …]}``.

    Raises:
        ConfigError: as :func:`read_texts`.
    """
    found: list[Dialogue] = []
    problems: list[Problem] = []
    for line, row in _rows(path, problems):
        if splits and row.get("split") not in splits:
            continue
        turns, slots = row.get("turns"), row.get("slots", [])
        if not _pairs(turns) or not turns:
            problems.append(_problem(path, line, "turns 应是 [[角色, 文字], …]",
                                     "turns must be [[role, text], …]"))
        elif not _pairs(slots):
            problems.append(_problem(path, line, "slots 应是 [[名称, 值], …]",
                                     "slots must be [[name, value], …]"))
        elif not problems:
            found.append(Dialogue(line, tuple((role, text) for role, text in turns),
                                  tuple(value for _, value in slots)))
    return _or_refuse(path, found, problems)


def _pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
        for pair in value)


def read_marked(path: Path, kinds: Sequence[str]) -> list[Marked]:
    """Rows ``{"text": str, "spans": [[start, end, kind], …]}``, positions in characters.

    Raises:
        ConfigError: as :func:`read_texts`; a kind is none of ``kinds``; a span is not within its text.
    """
    found: list[Marked] = []
    problems: list[Problem] = []
    for line, row in _rows(path, problems):
        text, spans = row.get("text"), row.get("spans")
        if not isinstance(text, str) or not isinstance(spans, list):
            problems.append(_problem(path, line, "每行应是 {text, spans}", "must be {text, spans}"))
            continue
        if not all(_is_span(span, len(text), kinds) for span in spans):
            problems.append(_problem(
                path, line, f"spans 应是 [[起, 止, 种类], …]，种类是 {' '.join(kinds)} 之一",
                f"spans must be [[start, end, kind], …] with a kind of {', '.join(kinds)}"))
        elif not problems:
            found.append(Marked(line, text, tuple((start, end, kind) for start, end, kind in spans)))
    return _or_refuse(path, found, problems)


def _is_span(span: Any, length: int, kinds: Sequence[str]) -> bool:
    return (isinstance(span, list) and len(span) == 3 and isinstance(span[0], int)
            and isinstance(span[1], int) and 0 <= span[0] < span[1] <= length and span[2] in kinds)


_Row = TypeVar("_Row")


def _or_refuse(path: Path, found: list[_Row], problems: list[Problem]) -> list[_Row]:
    if not found and not problems:
        problems.append(Problem(str(path), "没有可用的行", "holds no rows to use"))
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return found


def _rows(path: Path, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every row that is an object with a proper ``lang``; ends early once there are many problems."""
    for line, raw in _lines(path):
        if len(problems) >= MAX_PROBLEMS:
            return
        if not raw.strip():
            continue
        try:
            row = json.loads(raw.decode("utf-8-sig" if line == 1 else "utf-8"))
        except (ValueError, RecursionError) as error:  # bad UTF-8 is a ValueError too
            problems.append(_problem(path, line, f"不是有效的 JSON：{error}", f"is no valid JSON: {error}"))
            continue
        if not isinstance(row, dict):
            problems.append(_problem(path, line, "每行应是一个 JSON 对象", "must be one JSON object"))
        elif row.get("lang", "") not in LANGS:
            problems.append(_problem(path, line, "lang 应是 zh 或 en", "lang must be zh or en"))
        else:
            yield line, row


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if packed else raw
            yield from enumerate(stream, 1)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError([Problem(str(path), f"读不了：{why}", f"cannot be read: {why}")]) from None


def _text(path: Path, line: int, row: dict[str, Any], name: str, problems: list[Problem]) -> str:
    """The text in field ``name``; "" with a problem noted if there is none."""
    value = row.get(name)
    if isinstance(value, str) and value.strip():
        return value.strip()
    problems.append(_problem(path, line, f"缺少 {name}，或它不是文字", f"{name} is missing or holds no text"))
    return ""


def _problem(path: Path, line: int, zh: str, en: str) -> Problem:
    return Problem(f"{path}:{line}", zh, en)

