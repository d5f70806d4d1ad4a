"""Sections become articles: small enough to be read in a chat, each under its headings.

A section that asks and answers ("问：… 答：…", "Q: … A: …") becomes one article for each pair. A
long section is cut between paragraphs, then between sentences; its parts keep the headings and
say which part they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b

from zhike.domain.knowledge import Article
from zhike.ops.kbdocs.sections import Document, Section
from zhike.search.text import detect_lang, normalise
from zhike.store.checks import MAX_QUESTION_CHARS, check_article

TARGET_CHARS = 600
"""What one article holds at most if it can be helped: a bubble of a phone's screen and a half."""
MAX_CHARS = 1_200
"""A single paragraph is not cut below this."""
MIN_CHARS = 8
"""Less than this is a caption, not an answer."""

_PAIR = re.compile(
    r"^\s*(?:[-*\d.、)）(（]*\s*)(?:问题?|q(?:uestion)?)\s*\d*\s*[:：.、]\s*(.+?)\s*\n"
    r"\s*(?:[-*]\s*)?(?:答案?|回答|a(?:nswer)?)\s*\d*\s*[:：.、]\s*", re.IGNORECASE | re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[。！？；!?])|(?<=[.;] )")


def articles_of(document: Document, source: str, lang: str = "") -> list[Article]:
    """The articles of a document; what is too short or not storable is noted in ``document.left``.

    Args:
        source: file name or address; stands in every article and in its key.
        lang: of texts, "" looks at each.
    """
    made: list[Article] = []
    seen: dict[str, int] = {}
    prefix = blake2b(source.encode("utf-8", "replace"), digest_size=6).hexdigest()
    title = " ".join(document.title.split())[:200]
    for section in document.sections:
        for question, answer in _pieces(section, title):
            if len(answer) < MIN_CHARS:
                if answer:
                    document.skip(section.place or question, f"太短：{answer}", f"too short: {answer}")
                continue
            question = _short(question)
            number = seen[question] = seen.get(question, 0) + 1
            name = blake2b(f"{question}\0{number}".encode("utf-8", "replace"), digest_size=8).hexdigest()
            if number > 1:
                question = _short(f"{question} ({number})")
            own = lang or detect_lang(normalise(question + " " + answer))
            article = Article(0, 0, f"doc-{prefix}-{name}", own, question, answer, category=title,
                              source=source[:500], position=len(made))
            fault = next(iter(check_article(article)), None)
            if fault is None:
                made.append(article)
            else:
                document.skip(section.place or question, fault.text("zh"), fault.text("en"))
    return made


def _short(question: str) -> str:
    return question if len(question) <= MAX_QUESTION_CHARS else question[:MAX_QUESTION_CHARS - 1] + "…"


def _pieces(section: Section, title: str) -> Iterator[tuple[str, str]]:
    """(question, answer) for each article of a section."""
    headings = [said for said in section.headings if said != title] or [title]
    heading = " · ".join(headings[-3:])
    pairs = list(_PAIR.finditer(section.text))
    if pairs:
        if before := section.text[:pairs[0].start()].strip():
            yield from ((heading, part) for part in cut(before))
        for pair, after in zip(pairs, [*pairs[1:], None], strict=True):
            answer = section.text[pair.end():after.start() if after else None].strip()
            yield pair[1], answer
        return
    for part in cut(section.text):
        yield heading, part


def cut(text: str) -> list[str]:
    """A text in parts of at most about ``TARGET_CHARS``, cut between paragraphs, else between sentences."""
    parts: list[str] = []
    now = ""
    for paragraph in text.split("\n"):
        for piece in _bounded(paragraph):
            if now and len(now) + len(piece) > TARGET_CHARS:
                parts.append(now)
                now = piece
            else:
                now = f"{now}\n{piece}" if now else piece
    return [part for part in (*parts, now) if part.strip()]


def _bounded(paragraph: str) -> Iterator[str]:
    if len(paragraph) <= MAX_CHARS:
        yield paragraph
        return
    now = ""
    for sentence in _SENTENCE.split(paragraph):
        while len(sentence) > MAX_CHARS:  # no full stop for a page: cut where it must be
            yield now + sentence[:MAX_CHARS - len(now)]
            sentence, now = sentence[MAX_CHARS - len(now):], ""
        if len(now) + len(sentence) > TARGET_CHARS and now:
            yield now
            now = ""
        now += sentence
    if now:
        yield now
