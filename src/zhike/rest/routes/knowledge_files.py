"""Knowledge as files: read one before it is imported, take everything out.

Reading stores nothing. Whoever imports looks at what was found and sends it on to
``POST /api/v1/articles/import`` in as many parts as it likes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from zhike.access.rights import ADMIN
from zhike.clock import to_datetime
from zhike.config import ConfigError
from zhike.domain.card import Card
from zhike.domain.knowledge import Article
from zhike.domain.message import Button
from zhike.rest.answer import Answer
from zhike.rest.decode import FieldFault, Id
from zhike.rest.routes.articles import check_bot
from zhike.rest.table import IMPORT_LIMIT_BYTES, Call, Route

FileName = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^/\\\x00-\x1f]*[^/\\.\x00-\x1f]$")]
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson; charset=utf-8"}


class ReadFile(Struct, forbid_unknown_fields=True):
    """``name`` tells the kind: csv, tsv, xlsx, ods, jsonl, yaml (tables), md, html, docx, pdf (documents).
    ``content``: the file in base64. ``lang``: of rows that do not say; "" looks at the text."""

    name: FileName
    content: bytes
    lang: Literal["", "zh", "en"] = ""


class FoundArticle(Struct, omit_defaults=True):
    """An article as ``/articles/import`` takes it."""

    key: str
    lang: str
    question: str
    answer: str
    variants: tuple[str, ...] = ()
    category: str = ""
    buttons: tuple[Button, ...] = ()
    enabled: bool = True
    cards: tuple[Card, ...] = ()
    inboxes: tuple[str, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None


class Skipped(Struct):
    """What was left out. ``place``: a page or heading, "" for rows of a table; ``line``: 0 = none."""

    place: str
    line: int
    why: str


class FileFound(Struct):
    """What a file holds. ``skipped`` names the first 200 of ``skipped_count``."""

    articles: list[FoundArticle]
    skipped: list[Skipped]
    skipped_count: int


class ExportQuery(Struct, forbid_unknown_fields=True):
    """Which bot's articles, and how."""

    bot_id: Id
    format: Literal["csv", "jsonl"] = "csv"


def _found(a: Article) -> FoundArticle:
    return FoundArticle(
        a.key,
        a.lang,
        a.question,
        a.answer,
        a.variants,
        a.category,
        a.buttons,
        a.enabled,
        a.cards,
        a.inboxes,
        None if a.valid_from is None else to_datetime(a.valid_from),
        None if a.valid_until is None else to_datetime(a.valid_until),
    )


async def read_knowledge_file(call: Call) -> FileFound:
    """What a table or document holds, row by row, and what would be left out. Nothing is stored."""
    body: ReadFile = call.body
    try:
        read = await call.to.knowledge_files.read(body.name, body.content, body.lang)
    except ConfigError as error:  # the path is a temporary one and means nothing to the reader
        zh, en = ("；".join(one.zh for one in error.problems), "; ".join(one.en for one in error.problems))
        raise FieldFault("content", f"{body.name}: {en}", f"{body.name}：{zh}") from error
    skipped = [Skipped(place, line, zh if call.lang == "zh" else en) for place, line, zh, en in read.skipped]
    return FileFound([_found(article) for article in read.articles], skipped, read.skipped_count)


async def export_articles(call: Call) -> Answer:
    """Every article of a bot as one file, which the import reads back to the same articles."""
    query: ExportQuery = call.query
    await check_bot(call, query.bot_id)
    data = await call.to.knowledge_files.export(query.bot_id, query.format)
    name = f"knowledge-{query.bot_id}.{query.format}".encode()
    return Answer(data, 200, _TYPES[query.format], [(b"content-disposition", b"attachment; filename=" + name),
                                                    (b"cache-control", b"no-store")])


ROUTES = [
    Route(
        "POST",
        "/api/v1/articles/read-file",
        read_knowledge_file,
        ADMIN,
        ("Read a file of knowledge before importing it", "导入前读取知识文件"),
        answer=FileFound,
        body=ReadFile,
        body_limit_bytes=IMPORT_LIMIT_BYTES,
        example={"name": "faq.csv", "content": "cXVlc3Rpb24sYW5zd2VyCkhpP+KAlCxIZWxsbw=="},
    ),
    Route(
        "GET",
        "/api/v1/articles/export",
        export_articles,
        ADMIN,
        ("Export articles", "导出知识"),
        query=ExportQuery,
        text="text/csv, application/x-ndjson",
    ),
]
