"""Reads articles from CSV, Excel, JSON lines and YAML, row by row, and says of each bad row what is wrong.

Columns: ``question`` and ``answer``, and if wanted ``key lang variants category enabled inboxes
valid_from valid_until image link source``; the Chinese names people use in their tables work too.
Several variants (inboxes, images, links) in one cell stand on lines of their own or between ``|``; a
title may stand before an address: ``Size chart https://…``. Without a key one is made from the
question, so that importing the same table again changes articles instead of doubling them.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from zhike.config import ConfigError, Problem
from zhike.config.problems import nearest
from zhike.domain.card import Card
from zhike.domain.knowledge import Article
from zhike.store.checks import check_article

COLUMNS: dict[str, tuple[str, ...]] = {
    "key": ("key", "id", "编号", "标识"),
    "lang": ("lang", "language", "语言"),
    "question": ("question", "q", "title", "问题", "标准问", "标题"),
    "variants": ("variants", "similar", "相似问", "相似问法", "问法", "变体"),
    "answer": ("answer", "a", "reply", "答案", "回答", "回复"),
    "category": ("category", "分类", "类别", "类目"),
    "enabled": ("enabled", "启用"),
    "inboxes": ("inboxes", "inbox", "收件箱", "可见收件箱"),
    "valid_from": ("valid_from", "生效", "生效时间", "开始时间"),
    "valid_until": ("valid_until", "失效", "失效时间", "结束时间"),
    "image": ("image", "图片"),
    "link": ("link", "链接"),
    "source": ("source", "来源"),
}
NAMES = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
FORMATS = ("csv", "jsonl", "xlsx", "yaml")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_DATE = re.compile(r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
"""A day as people write it: 2026-11-11, 2026/11/1, 2026年11月1日."""
_NO = frozenset({"0", "false", "no", "off", "否", "停用"})
MAX_LINE_CHARS = 1_000_000


class Good(NamedTuple):
    """A row that can be stored; ``at``: bytes of the file read so far."""

    line: int
    article: Article
    at: int


class Bad(NamedTuple):
    """A row that cannot, and why."""

    line: int
    zh: str
    en: str
    where: str = ""
    """Where it stands, if that is no line: a page, an address, a heading."""


Row = Good | Bad


def read_rows(path: Path, format: str = "", lang: str = "") -> Iterator[Row]:
    """The rows of a file (``.gz`` too), streamed.

    Args:
        format: csv | jsonl | yaml; "" takes it from the name.
        lang: language of rows that do not say; "" looks whether the question holds Chinese.

    Raises:
        ConfigError: the file as a whole cannot be read.
    """
    kind = format or format_of(path)
    with _open(path) as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream: BinaryIO = gzip.open(raw) if packed else raw  # type: ignore[assignment]  # noqa: SIM115
        reader = {"csv": _csv, "jsonl": _jsonl, "xlsx": _xlsx, "yaml": _yaml}[kind]
        seen: dict[tuple[str, str], int] = {}
        try:
            for line, fields in reader(path, stream):
                yield _row(line, fields, lang, seen, raw.tell) if isinstance(fields, dict) \
                    else Bad(line, *fields)
        except (OSError, EOFError) as error:
            raise ConfigError([Problem(str(path), f"读不了：{error}", f"cannot be read: {error}")]) from error


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise ConfigError([Problem(str(path), f"读不了：{error.strerror}",
                                   f"cannot be read: {error.strerror}")]) from error


def format_of(path: Path) -> str:
    """The format that a file's name tells.

    Raises:
        ConfigError: the name tells none.
    """
    name = path.name.lower().removesuffix(".gz")
    for ending, format in ((".csv", "csv"), (".tsv", "csv"), (".txt", "csv"), (".jsonl", "jsonl"),
                           (".ndjson", "jsonl"), (".xlsx", "xlsx"), (".xls", "xlsx"), (".ods", "xlsx"),
                           (".yaml", "yaml"), (".yml", "yaml")):
        if name.endswith(ending):
            return format
    every = " ".join(FORMATS)
    raise ConfigError([Problem(str(path), f"看不出格式，请加 --format（{every}）",
                               f"the name does not tell the format; add --format ({every})")])


Fields = tuple[int, dict[str, Any] | tuple[str, str]]


def _decoder(stream: BinaryIO) -> str:
    """UTF-8, or GB18030: what a Chinese Excel writes as "CSV"."""
    import codecs

    check = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := stream.read(1 << 20):
            check.decode(chunk)
        check.decode(b"", final=True)
    except UnicodeDecodeError:
        return "gb18030"
    finally:
        stream.seek(0)
    return "utf-8-sig"


def _csv(path: Path, stream: BinaryIO) -> Iterator[Fields]:
    text = io.TextIOWrapper(stream, encoding=_decoder(stream), errors="replace", newline="")
    head = text.readline(MAX_LINE_CHARS)
    text.seek(0)
    delimiter = max(",\t;", key=head.count)
    csv.field_size_limit(MAX_LINE_CHARS)
    rows = csv.reader(text, delimiter=delimiter)
    names = [NAMES.get(name.strip().lower(), name.strip()) for name in next(rows, [])]
    _check_columns(path, names)
    while True:
        first = rows.line_num + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield first, (f"CSV 格式不对：{error}", f"is no valid CSV: {error}")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(names):
            yield first, (f"有 {len(cells)} 列，表头只有 {len(names)} 列",
                          f"has {len(cells)} cells, the head line has {len(names)}")
            continue
        yield first, dict(zip(names, cells, strict=False))


def _xlsx(path: Path, stream: BinaryIO) -> Iterator[Fields]:
    """The first sheet of a workbook; numbers and dates as people see them."""
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(stream.read()))
        rows = book.get_sheet_by_index(0).to_python() if book.sheet_names else []
    except Exception as error:  # whatever the library says of a broken file
        raise ConfigError([Problem(str(path), f"不是有效的表格文件：{error}",
                                   f"is no valid workbook: {error}")]) from error
    names = [NAMES.get(str(cell).strip().lower(), str(cell).strip()) for cell in (rows[0] if rows else [])]
    _check_columns(path, names)
    for line, cells in enumerate(rows[1:], 2):
        said = {name: _cell(cell) for name, cell in zip(names, cells, strict=False) if name}
        if any(said.values()):
            yield line, said


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _check_columns(path: Path, names: list[str]) -> None:
    problems = []
    for needed in ("question", "answer"):
        if needed not in names:
            zh = {"question": "问题", "answer": "答案"}[needed]
            problems.append(Problem(f"{path}:1", f"表头缺少「{zh}」（{needed}）这一列",
                                    f"the head line lacks the column {needed}"))
    for name in names:
        if name and name not in COLUMNS:
            near = nearest(name, NAMES) or ", ".join(COLUMNS)
            problems.append(Problem(f"{path}:1", f"不认识的列 {name!r}；是不是想写 {near}？",
                                    f"unknown column {name!r}; did you mean {near}?"))
    if problems:
        raise ConfigError(problems)


def _jsonl(path: Path, stream: BinaryIO) -> Iterator[Fields]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, (f"不是有效的 JSON：{error}", f"is no valid JSON: {error}")
            continue
        if not isinstance(value, dict):
            yield number, ("每行应是一个 JSON 对象", "each line must be one JSON object")
            continue
        yield number, {_name(name): child for name, child in value.items()}


def _yaml(path: Path, stream: BinaryIO) -> Iterator[Fields]:
    import yaml

    from zhike.ops.yamlfile import Reader

    problems: list[Problem] = []
    reader = Reader(str(path), problems)
    try:
        root = reader.parse(stream.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(str(path), "不是 UTF-8", "is not UTF-8")]) from error
    if root is None:
        raise ConfigError(problems)
    if isinstance(root, yaml.MappingNode):
        root = next((value for name, value in root.value if name.value == "articles"), root)
    if not isinstance(root, yaml.SequenceNode):
        raise ConfigError([Problem(str(path), "需要一个列表，或 articles: 之下的列表",
                                   "needs a list, or one under `articles:`")])
    for node in root.value:
        line = node.start_mark.line + 1
        problems.clear()
        value = reader.value(node, ())
        if problems or not isinstance(value, dict):
            first = problems[0] if problems else Problem("", "需要「名字: 值」", "needs `name: value` pairs")
            yield line, (first.zh, first.en)
            continue
        yield line, {_name(name): child for name, child in value.items() if name != "bot"}


def _name(name: str) -> str:
    return NAMES.get(name.strip().lower(), name)


def _row(line: int, fields: dict[str, Any], lang: str, seen: dict[tuple[str, str], int],
         at: Callable[[], int]) -> Row:
    for name, value in fields.items():
        if name not in COLUMNS and name != "buttons":
            return Bad(line, f"不认识的字段 {name!r}", f"unknown field {name!r}")
        if not isinstance(value, list if name == "buttons" else str | list | bool | int):
            return Bad(line, f"{name} 的值不对", f"{name} holds no text")
    texts = {name: _text(fields.get(name))
             for name in ("key", "lang", "question", "answer", "category", "source")}
    question = " ".join(texts["question"].split())
    language = texts["lang"].lower()[:2] or lang or ("zh" if _HAN.search(question) else "en")
    key = texts["key"] or "q-" + blake2b(question.casefold().encode("utf-8", "replace"),
                                         digest_size=10).hexdigest()
    variants = _variants(fields.get("variants"), question)
    try:
        times = [_time(name, fields.get(name)) for name in ("valid_from", "valid_until")]
    except ValueError as error:
        return Bad(line, f"{error} 应是日期，例如 2026-11-11 或 2026-11-11T20:00+08:00",
                   f"{error} must be a date, such as 2026-11-11 or 2026-11-11T20:00+08:00")
    article = Article(0, 0, key, language, question, texts["answer"], variants, texts["category"],
                      enabled=str(fields.get("enabled", "")).strip().lower() not in _NO,
                      inboxes=_variants(fields.get("inboxes"), ""), valid_from=times[0],
                      valid_until=times[1], source=texts["source"],
                      cards=(*_cards("image", fields.get("image")), *_cards("link", fields.get("link"))))
    if "\ufffd" in question + article.answer + "".join(variants):
        return Bad(line, "有读不出的字符，请另存为 UTF-8",
                   "holds characters that cannot be read; save the file as UTF-8")
    for fault in check_article(article):
        return Bad(line, fault.text("zh"), fault.text("en"))
    if (first := seen.setdefault((key, language), line)) != line:
        return Bad(line, f"与第 {first} 行重复", f"repeats line {first}")
    return Good(line, article, at())


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, list) else str(value).replace("\r\n", "\n").strip()


def _time(name: str, value: Any) -> int | None:
    """Milliseconds of a date; one without a zone is UTC.

    Raises:
        ValueError: it is none; the text is the column's name.
    """
    text = _text(value)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(_DATE.sub(
            lambda part: f"{part[1]}-{int(part[2]):02}-{int(part[3]):02}", text))
    except ValueError:
        raise ValueError(name) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _cards(kind: Literal["image", "link"], value: Any) -> tuple[Card, ...]:
    cards = []
    for part in _variants(value, ""):
        title, _, url = part.rpartition(" ")
        cards.append(Card(kind, url, title.strip()))
    return tuple(cards)


def _variants(value: Any, question: str) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else re.split(r"[|\n]", _text(value))
    found = [" ".join(str(part).split()) for part in parts]
    return tuple(dict.fromkeys(part for part in found if part and part != question))
