"""The index of one large bot on disk: opened, written, followed (decision 0010).

A folder per bot holds one tantivy index per *make* (schema, terms and program version). The state
it shows is written inside it, in the same commit as the articles, so a killed process leaves either
the old state or the new one. One process writes at a time: it holds ``lock``; others read, and take
over when the lock comes free.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import shutil
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from zhike import __version__
from zhike.domain.knowledge import Article
from zhike.search.bag import encode, encode_article, encode_text, read, token
from zhike.search.codes import letters
from zhike.search.quiet import Breath, tidy
from zhike.search.snapshot import Snapshot
from zhike.search.synonyms import Synonyms

log = logging.getLogger("zhike")

FORMAT = 3
"""Raised when the fields below, or what is put into them, change."""
HEAP_BYTES = 64 << 20
"""What the writer may gather before it begins a new segment; taken as it is needed and given back
with each commit, so an edit takes little of it."""
_MARK = "\x01state"


class State(msgspec.Struct, array_like=True, frozen=True):
    """What the index shows: every change up to the place (``version``, ``upto_id``) is in it (see
    :mod:`zhike.store.changes`; ``upto_id`` 0 = all of that version). ``whole``: it may be searched;
    False while it is being built."""

    version: int = -1
    upto_id: int = 0
    whole: bool = False

    @property
    def shows(self) -> int:
        """The knowledge version that can be relied on."""
        return self.version - 1 if self.upto_id else self.version


EMPTY = State()


_state = msgspec.msgpack.Decoder(State).decode


@cache
def make() -> str:
    """Names what an index is made of; another make cannot be searched and is built anew."""
    digest = blake2b(f"{FORMAT} {__version__}".encode(), digest_size=6)
    for name in ("terms.py", "text.py", "synonyms.py", "codes.py", "prose.py", "bag.py", "disk.py"):
        with contextlib.suppress(OSError):  # no sources beside the program: its version says it
            digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()


@cache
def _schema() -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("number", stored=True)
    for name in ("length", "terms", "again"):
        builder.add_unsigned_field(name, fast=True)
    for name in ("id", "twin", "mark", "asked", "other", "exact", "word", "code", "letters", "text", "head",
                 "twice"):
        builder.add_text_field(name, tokenizer_name="words", index_option="basic")
    for name in ("bag", "prose", "article", "state"):
        builder.add_bytes_field(name, stored=True)
    return builder.build()


class DiskIndex:
    """One bot's index. All methods but the snapshot's block: call them in one thread at a time.

    Args:
        folder: of this bot, e.g. ``data/index/7``; made when it is missing.
        synonyms: the shop's own groups of words. An index made with others cannot be used.
    """

    def __init__(self, folder: Path, synonyms: Sequence[Sequence[str]] = ()) -> None:
        self.folder = folder
        self._index: Any = None
        self._writer: Any = None
        self.respell(synonyms)
        self._lock: Any = None

    def respell(self, synonyms: Sequence[Sequence[str]]) -> None:
        """From now on this is the index made with ``synonyms``: to be opened, or made. What was opened before
        can be searched until it is let go; the lock stays."""
        self.groups = synonyms
        self.synonyms = Synonyms(synonyms)
        name = make()
        if synonyms:
            name += "-" + blake2b(msgspec.json.encode(synonyms), digest_size=6).hexdigest()
        self.path = self.folder / name
        self.damaged = ""
        self.let_go()

    # ---- opening -------------------------------------------------------------------------------

    def open(self) -> State | None:
        """Opens what is there; None if there is nothing usable (missing, damaged, another make)."""
        import tantivy

        if not (self.path / "meta.json").exists():
            return None
        try:
            self._use(tantivy.Index(_schema(), str(self.path)))
            return self.state()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic is no Exception
            self.note_damage(error)
            return None

    def _use(self, index: Any) -> None:
        import tantivy

        words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        index.register_tokenizer("words", words)
        index.config_reader("manual")
        self._index = index
        self.damaged = ""

    def note_damage(self, error: BaseException) -> None:
        """Remembers that the files cannot be used; the next :meth:`reset` makes new ones."""
        if not self.damaged:
            self.damaged = f"{type(error).__name__}: {error}"[:300]
            log.warning("a search index is damaged; it is made anew",
                        extra={"folder": str(self.path), "cause": self.damaged})

    def state(self) -> State:
        """The state on disk, whoever wrote it; :data:`EMPTY` before the first commit."""
        self._index.reload()
        searcher = self._index.searcher()
        import tantivy

        found = searcher.search(tantivy.Query.term_query(_schema(), "mark", _MARK, "basic"), 1, count=False)
        if not found.hits:
            return EMPTY
        return _state(searcher.doc(found.hits[0][1]).get_first("state"))

    def snapshot(self) -> Snapshot:
        """The present state, to be searched."""
        state = self.state()
        searcher = self._index.searcher()
        return Snapshot(searcher, _schema(), state.shows, max(searcher.num_docs - 1, 0), self.path.name,
                        self.synonyms, self.note_damage)

    def disk_bytes(self) -> int:
        """What the files take."""
        with contextlib.suppress(OSError):
            return sum(file.stat().st_size for file in self.path.iterdir())
        return 0

    # ---- writing -------------------------------------------------------------------------------

    def may_write(self) -> bool:
        """True if this process is the one that writes; takes the lock when it is free."""
        if self._lock is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("a")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                return False
            self._lock = lock
        return True

    def reset(self) -> None:
        """An empty index, where nothing usable is; indexes of other makes go. Needs the lock."""
        import tantivy

        self.let_go()
        for old in self.folder.iterdir():
            if old.is_dir():
                shutil.rmtree(old, ignore_errors=True)
        self.path.mkdir(parents=True)
        self._use(tantivy.Index(_schema(), str(self.path)))

    def put(self, articles: Iterable[Article], removed: Iterable[int]) -> None:
        """Changes without a commit: :meth:`commit` makes them count. Disabled articles are not searched.

        Args:
            articles: added or changed.
            removed: ids of articles that are gone.
        """
        writer = self._open_writer()
        breath = Breath()
        for number in removed:
            breath.take()
            writer.delete_documents_by_term("id", str(number))
        for article in articles:
            breath.take()
            writer.delete_documents_by_term("id", str(article.id))
            if article.enabled:
                writer.add_document(_document(article, self.synonyms))
        tidy()

    def commit(self, state: State) -> None:
        """What was put counts from now on, and the index shows ``state``."""
        import tantivy

        writer = self._open_writer()
        writer.delete_documents_by_term("mark", _MARK)
        mark = tantivy.Document()
        mark.add_text("mark", _MARK)
        mark.add_bytes("state", msgspec.msgpack.encode(state))
        writer.add_document(mark)
        writer.commit()

    def _open_writer(self) -> Any:
        """The writer; kept open, so that segments of small edits are merged behind them."""
        if self._writer is None:
            self._writer = self._index.writer(HEAP_BYTES, 1)
        return self._writer

    def let_go(self) -> None:
        """Drops what is not committed, and the files; the lock stays."""
        self._writer = None
        self._index = None

    def close(self) -> None:
        """Lets go of files and lock."""
        self.let_go()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _document(article: Article, synonyms: Synonyms) -> Any:
    import tantivy

    bag, exact, words, others, text, head = read(article, synonyms)
    document = tantivy.Document()
    document.add_unsigned("number", article.id)
    document.add_text("id", str(article.id))
    if article.key:
        document.add_text("twin", token(article.key, article.lang))
    begins = {letters(code) for code in bag.named}
    for field, values in (("asked", frozenset().union(*bag.rows)), ("other", others), ("exact", exact),
                          ("word", words), ("code", bag.named), ("letters", begins),
                          ("text", bag.answer.union(text.sums)), ("head", head), ("twice", text.again)):
        if values:
            document.add_text(field, " ".join(values))
    document.add_bytes("bag", encode(bag))
    if text.sums:
        document.add_bytes("prose", encode_text(text))
        document.add_unsigned("length", round(text.length))
        document.add_unsigned("terms", len(text.sums))
        document.add_unsigned("again", len(text.again))
    document.add_bytes("article", encode_article(article))
    return document


def remove_folder(folder: Path) -> None:
    """Deletes the index of a bot that is gone or small again; another process that reads it goes on
    reading what it has open."""
    shutil.rmtree(folder, ignore_errors=True)


