"""Articles as a table that the import reads back to the same articles."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from sqlalchemy import Connection

from zhike.domain.card import Card
from zhike.domain.knowledge import Article
from zhike.store.articles import list_articles

PAGE = 500
COLUMNS = ("key", "lang", "question", "variants", "answer", "category", "enabled", "inboxes", "valid_from",
           "valid_until", "image", "link", "source")


def rows_of(conn: Connection, bot_id: int) -> Iterator[dict[str, str]]:
    """Every article of a bot, in the order of ids, page by page."""
    after = 0
    while page := list_articles(conn, bot_id=bot_id, after_id=after, limit=PAGE):
        yield from map(_row, page)
        after = page[-1].id


def _row(article: Article) -> dict[str, str]:
    return {
        "key": article.key, "lang": article.lang, "question": article.question,
        "variants": "\n".join(article.variants), "answer": article.answer, "category": article.category,
        "enabled": "1" if article.enabled else "0", "inboxes": "\n".join(article.inboxes),
        "valid_from": _time(article.valid_from), "valid_until": _time(article.valid_until),
        "image": _cards(article.cards, "image"), "link": _cards(article.cards, "link"),
        "source": article.source,
    }


def _time(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at / 1000, UTC).isoformat()


def _cards(cards: Iterable[Card], kind: str) -> str:
    return "\n".join(f"{card.title} {card.url}".strip() for card in cards if card.kind == kind)


def as_csv(rows: Iterable[dict[str, str]]) -> Iterator[str]:
    """CSV with a head line; a mark at its start tells Excel that it is UTF-8."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS)
    buffer.write("\ufeff")
    writer.writeheader()
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def as_jsonl(rows: Iterable[dict[str, str]]) -> Iterator[str]:
    """One object a line; what is empty is left out."""
    for row in rows:
        kept: dict[str, object] = {name: value for name, value in row.items() if value}
        for name in ("variants", "inboxes"):
            if name in kept:
                kept[name] = row[name].split("\n")
        yield json.dumps(kept, ensure_ascii=False) + "\n"
