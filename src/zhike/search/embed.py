"""Embeddings of articles and questions: stored, incremental, and never in the way.

A task in the background follows every bot by what changed, asks the endpoint for the texts it has no
vector of, stores them, and keeps a matrix per bot. A question's own embedding is asked for with a short
deadline. If the endpoint is away, everything works without: it is counted, shown in ``/health/ready``,
and tried again with growing pauses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, Protocol

from zhike.domain.knowledge import Article, Bot
from zhike.errors import ZhikeError
from zhike.search.embedclient import MAX_TEXT_CHARS, EmbeddingError
from zhike.search.vectors import VectorTable, to_bytes
from zhike.store import embeddings as rows
from zhike.store.articles import changed_articles
from zhike.store.changes import Changes
from zhike.store.embeddings import Place, Vector
from zhike.store.engine import Store

log = logging.getLogger("zhike")

PAGE_ARTICLES = 64
LOOK_S = 1.0
"""How often changes are looked for; an edit's vector follows within some seconds."""
FIRST_PAUSE_S = 1.0
LAST_PAUSE_S = 300.0
"""Pauses after failures double from the first to the last."""
KEPT_QUESTIONS = 2_000
"""Embeddings of questions kept: repeated ones cost nothing. About 12 MB at 768 numbers."""
MAX_WAITING = 64
"""Questions that wait for the endpoint at once; further ones go by words alone."""
REST_S = 5.0
"""After a question's embedding failed or came late three times in a row, questions do not ask for so long:
a dead endpoint costs no visitor 0.3 s each time."""
TOO_LONG = frozenset({400, 413, 422, 500})
"""What servers say to a text that is longer than they read (llama.cpp: 500)."""
CUT_CHARS = (MAX_TEXT_CHARS, 800, 250)
_PROBE = "尺寸 size"


class Client(Protocol):
    """See :class:`zhike.search.embedclient.EmbeddingClient`."""

    model: str

    async def embed(self, texts: Sequence[str], timeout_s: float) -> list[list[float]]:
        """One vector of length 1 per text. Raises EmbeddingError."""

    async def close(self) -> None:
        """Closes the connections."""


class Embedder:
    """All bots' vectors by one model.

    Args:
        bots: the bots there are now.
        query_timeout_s: the default deadline of :meth:`near`.
        memory_bytes: bound of all matrices together.
    """

    def __init__(self, store: Store, client: Client, bots: Callable[[], Iterable[Bot]], *, batch: int = 16,
                 timeout_s: float = 60.0, query_timeout_s: float = 0.3,
                 memory_bytes: int = 512 << 20) -> None:
        self._store = store
        self._client = client
        self._bots = bots
        self._batch = batch
        self._timeout_s = timeout_s
        self.query_timeout_s = query_timeout_s
        self._memory_bytes = memory_bytes
        self.size = 0
        self.tables: dict[int, VectorTable] = {}
        self.too_large: set[int] = set()
        self.counts: Counter[str] = Counter()
        self.failing: str = ""
        self._failed_count = 0
        self._seen: dict[int, int] = {}
        self._questions: OrderedDict[str, list[float]] = OrderedDict()
        self._waiting_count = 0
        self._late_in_a_row = 0
        self._rests_until_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self._look = asyncio.Event()

    def start(self) -> None:
        """Begins to follow; returns at once."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="embeddings")

    def poke(self) -> None:
        """Something was edited: look now."""
        self._look.set()

    async def stop(self) -> None:
        """Ends; what is not computed yet is computed after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._client.close()

    def health(self) -> str:
        """``ok``, or what is missing; the desk works without."""
        parts = [f"failing: {self.failing}"] if self.failing else []
        parts += [f"{bot.key}: too large for embeddings.memory" for bot in self._bots()
                  if bot.id in self.too_large]
        if not self.failing and (behind := self.behind):
            parts.append(f"computing for {behind} bots")
        return "; ".join(parts) or "ok"

    @property
    def behind(self) -> int:
        """Bots whose newest edits have no vectors yet."""
        return sum(self._seen.get(bot.id, -1) < bot.knowledge_version and bot.id not in self.too_large
                   for bot in self._bots())

    # ---- questions -----------------------------------------------------------------------------

    async def near(self, bot_id: int, text: str, deadline_s: float | None = None,
                   limit: int = 10) -> list[tuple[int, float]]:
        """(article id, cosine) of the nearest articles, best first; [] when it is late, away or unknown.

        Never raises and never takes longer than ``deadline_s`` (default: the setting); for jobs, not for
        the stages of the line.
        """
        table = self.tables.get(bot_id)
        if table is None or not len(table):
            return []
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + (self.query_timeout_s if deadline_s is None else deadline_s)
        vector = self._questions.get(text)
        if vector is None:
            vector = await self._embed_question(text, ends_s)
            if vector is None:
                return []
        try:
            async with asyncio.timeout_at(ends_s):
                return await loop.run_in_executor(None, table.near, vector, limit)
        except TimeoutError:
            self.counts["query_late"] += 1
            return []

    async def _embed_question(self, text: str, ends_s: float) -> list[float] | None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until_s or self._waiting_count >= MAX_WAITING:
            self.counts["query_skipped"] += 1
            return None
        self._waiting_count += 1
        try:
            vector = (await self._client.embed([text], max(ends_s - loop.time(), 0.001)))[0]
        except Exception as error:  # whatever it is, the question goes on by words
            late = isinstance(error, EmbeddingError) and error.kind == "timeout"
            self.counts["query_late" if late else "query_failed"] += 1
            self._late_in_a_row += 1
            if self._late_in_a_row >= 3:
                self._rests_until_s = loop.time() + REST_S
            return None
        finally:
            self._waiting_count -= 1
        self._late_in_a_row = 0
        if len(vector) != self.size:
            self.counts["query_failed"] += 1
            return None
        self.counts["query_ok"] += 1
        self._questions[text] = vector
        if len(self._questions) > KEPT_QUESTIONS:
            self._questions.popitem(last=False)
        return vector

    # ---- articles ------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            pause_s = LOOK_S
            try:
                await self._follow()
            except EmbeddingError as error:
                pause_s = self._pause(error.kind, str(error))
            except ZhikeError as error:  # the database is away; it says so itself
                pause_s = self._pause("store", error.code)
            except Exception as error:
                log.exception("embeddings failed; they are tried again")
                pause_s = self._pause("internal", type(error).__name__)
            else:
                if self.failing:
                    log.info("embeddings work again")
                self.failing, self._failed_count = "", 0
            self._look.clear()
            if self.failing:
                await asyncio.sleep(pause_s)  # an edit does not make a dead endpoint answer
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._look.wait()

    def _pause(self, kind: str, detail: str) -> float:
        self.counts[f"failed_{kind}"] += 1
        if not self.failing:
            log.warning("embeddings cannot be had; everything works without them", extra={"cause": detail})
        self.failing = detail
        self._failed_count += 1
        return float(min(FIRST_PAUSE_S * 2.0 ** min(self._failed_count - 1, 20), LAST_PAUSE_S))

    async def _follow(self) -> None:
        bots = list(self._bots())
        for gone in set(self._seen) - {bot.id for bot in bots}:
            self._seen.pop(gone)
            self.tables.pop(gone, None)
            self.too_large.discard(gone)
        for bot in bots:
            if self._seen.get(bot.id, -1) >= bot.knowledge_version or bot.id in self.too_large:
                continue
            if not self.size:
                await self._learn_size(bots)
            if bot.id not in self.tables and not await self._load(bot):
                continue
            await self._catch_up(bot)

    async def _learn_size(self, bots: Sequence[Bot]) -> None:
        """How many numbers the model gives. Another number than the stored vectors have means another
        model under the same name: asked twice, then they are dropped."""
        size = len((await self._client.embed([_PROBE], self._timeout_s))[0])
        stored = await self._store.read(rows.vector_bytes, self._client.model) // 4
        if stored and stored != size:
            if len((await self._client.embed([_PROBE], self._timeout_s))[0]) != size:
                raise EmbeddingError("garbage", "vectors of changing sizes")
            log.warning("the embeddings' model gives vectors of another size; all are computed anew",
                        extra={"model": self._client.model, "stored_size": stored, "size": size})
            await self._store.write(rows.forget_model, self._client.model, [bot.id for bot in bots])
        self.size = size

    async def _load(self, bot: Bot) -> bool:
        """Brings what is stored; False if it does not fit."""
        loop = asyncio.get_running_loop()
        # the place first: what another instance adds while this is read is then read again, not missed
        place = await self._store.read(rows.embedded_upto, bot.id, self._client.model)
        table = VectorTable(self.size)
        after = 0
        while page := await self._store.read(rows.read_vectors, bot.id, self._client.model, after):
            await loop.run_in_executor(None, table.put, page)
            after = page[-1][0]
            if not self._fits(bot, table):
                return False
        self.tables[bot.id] = table
        self._seen[bot.id] = place.version - (1 if place.article_id else 0)
        return True

    def _fits(self, bot: Bot, table: VectorTable) -> bool:
        others = sum(one.bytes_used for bot_id, one in self.tables.items() if bot_id != bot.id)
        if others + table.bytes_used <= self._memory_bytes:
            return True
        self.too_large.add(bot.id)
        self.tables.pop(bot.id, None)
        log.warning("a bot's vectors do not fit into embeddings.memory; it is searched by words alone",
                    extra={"bot": bot.key, "vectors_count": len(table)})
        return False

    async def _catch_up(self, bot: Bot) -> None:
        """Vectors for what changed since the place that was reached; the place moves with them."""
        place = await self._store.read(rows.embedded_upto, bot.id, self._client.model)
        table = self.tables[bot.id]
        if self._seen[bot.id] < bot.knowledge_version:
            await self._read_others(bot, table, self._seen[bot.id], place)
        while (page := await self._store.read(
                _changed, bot.id, place.version, place.article_id, False)) is not None:
            changes, articles = page
            whole = len(changes.ids) < PAGE_ARTICLES
            done = Place(changes.version) if whole else Place(*changes.ids[-1])
            table.remove([article.id for article in articles if not article.enabled])
            await self._embed(bot, table, [a for a in articles if a.enabled], place, done)
            if not self._fits(bot, table):
                return
            place = done
            if whole:
                break
        self._seen[bot.id] = max(bot.knowledge_version, place.version)

    async def _read_others(self, bot: Bot, table: VectorTable, since: int, upto: Place) -> None:
        """Takes out what was removed, and reads what another instance has computed meanwhile."""
        after = 0
        while (page := await self._store.read(
                _changed, bot.id, since, after, True)) is not None:
            changes, _ = page
            ids = [article_id for version, article_id in changes.ids if version <= upto.version]
            table.remove([*changes.removed, *ids])
            table.put(await self._store.read(rows.vectors_of, self._client.model, ids))
            if len(ids) < PAGE_ARTICLES:
                return
            since, after = changes.ids[-1]

    async def _embed(self, bot: Bot, table: VectorTable, articles: list[Article], place: Place,
                     done: Place) -> None:
        """Asks for the texts that have no vector yet; stores them batch by batch, the place at the end."""
        model = self._client.model
        texts = {article.id: text_of(article) for article in articles}
        digests = {article_id: digest_of(text) for article_id, text in texts.items()}
        known = await self._store.read(rows.digests, model, list(texts))
        wanted = [article_id for article_id in texts if known.get(article_id) != digests[article_id]]
        same = [article_id for article_id in texts if known.get(article_id) == digests[article_id]]
        if same:
            table.put(await self._store.read(rows.vectors_of, model, same))
        for start in range(0, len(wanted), self._batch):
            part = wanted[start:start + self._batch]
            vectors = await self._ask([texts[n] for n in part])
            made = [Vector(n, digests[n], to_bytes(vector))
                    for n, vector in zip(part, vectors, strict=True) if vector]
            await self._store.write(rows.put_vectors, bot.id, model, made, place)
            table.put([(one.article_id, one.vector) for one in made])
            self.counts["embedded"] += len(made)
        if done != place:
            await self._store.write(rows.put_vectors, bot.id, model, [], done)

    async def _ask(self, texts: list[str]) -> list[list[float] | None]:
        """One vector per text. A batch that is refused is asked text by text, and what is too long for
        the model by its beginning: one article must not keep the others without vectors. None: refused
        at any length, although the server answers others."""
        vectors: list[list[float] | None]
        try:
            vectors = [*await self._client.embed(texts, self._timeout_s)]
        except EmbeddingError as error:
            if error.status not in TOO_LONG:
                raise
            vectors = [await self._ask_one(text) for text in texts]
            if not any(vectors):
                await self._client.embed([_PROBE], self._timeout_s)  # else it is the server, not the text
        sizes = {len(vector) for vector in vectors if vector}
        if sizes - {self.size}:
            raise EmbeddingError("garbage", f"vectors of {sizes} numbers, not {self.size}")
        return vectors

    async def _ask_one(self, text: str) -> list[float] | None:
        for chars in CUT_CHARS:
            try:
                return (await self._client.embed([text[:chars]], self._timeout_s))[0]
            except EmbeddingError as error:
                if error.status not in TOO_LONG:
                    raise
        self.counts["refused_texts"] += 1
        return None


def _changed(conn: Any, bot_id: int, version: int, after_id: int,
             removed: bool) -> tuple[Changes, list[Article]] | None:
    return changed_articles(conn, bot_id, version, after_id, PAGE_ARTICLES, removed=removed)


def text_of(article: Article) -> str:
    """What is embedded of an article: how it is asked, then what it says, as far as a model reads."""
    return "\n".join((article.question, *article.variants, article.answer))[:MAX_TEXT_CHARS]


def digest_of(text: str) -> bytes:
    """16 bytes."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def fields_of(settings: Any) -> dict[str, Any]:
    """The keyword arguments of :class:`Embedder` from ``[embeddings]``."""
    return {"batch": settings.batch, "timeout_s": settings.timeout_s,
            "query_timeout_s": settings.query_timeout_s, "memory_bytes": settings.memory_bytes}
