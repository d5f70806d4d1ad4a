"""Embeddings: incremental, surviving restarts and bad servers, and never in the way of an answer."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import httpx2
import msgspec
import pytest

from zhike.domain.knowledge import Article, Bot
from zhike.search.embed import LAST_PAUSE_S, Embedder
from zhike.search.embedclient import EmbeddingClient, EmbeddingError
from zhike.search.fuse import fuse
from zhike.search.vectors import VectorTable, to_bytes
from zhike.store import articles as rows
from zhike.store import bots, embeddings
from zhike.testing.inline import InlineStore
from zhike.testing.loop import VirtualLoop, run_virtual

pytest.importorskip("numpy")

ARTICLES = [Article(0, 0, f"k{n}", "zh", f"问题{n}", f"答案{n}") for n in range(10)]


def vector(text: str, size: int = 8) -> list[float]:
    """The same text, the same direction."""
    raw = blake2b(text.encode(), digest_size=size).digest()
    length = sum((b - 127.5) ** 2 for b in raw) ** 0.5
    return [(b - 127.5) / length for b in raw]


class Scripted:
    """A client that remembers what it was asked and fails as told."""

    model = "m"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fail: EmbeddingError | None = None
        self.size = 8
        self.gate: asyncio.Event | None = None

    async def embed(self, texts: Sequence[str], timeout_s: float) -> list[list[float]]:
        if self.gate is not None:
            try:
                async with asyncio.timeout(timeout_s):
                    await self.gate.wait()
            except TimeoutError:
                raise EmbeddingError("timeout", "late") from None
        if self.fail is not None:
            raise self.fail
        self.asked += [text for text in texts if text != "尺寸 size"]
        return [vector(text, self.size) for text in texts]

    async def close(self) -> None:
        return


class Rig:
    """One bot with ten articles and its embedder; no endpoint."""

    def __init__(self, store: InlineStore | None = None, **options: Any) -> None:
        self.store = store or InlineStore()
        self.client = Scripted()
        if store is None:
            asyncio.get_running_loop()
        self.bot = Bot(0, "b", "b")
        self.options = options

    async def open(self) -> Embedder:
        await self.store.open()
        known = self.store.run(bots.list_bots)
        self.bot = known[0] if known else self.store.run(bots.create_bot, Bot(0, "b", "b"), 1)
        if not known:
            self.store.run(rows.put_articles, self.bot.id, ARTICLES, 1)
        return self.embedder()

    def embedder(self) -> Embedder:
        return Embedder(self.store, self.client, lambda: self.store.run(bots.list_bots), **self.options)


async def test_only_what_changed_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(batch=4)
    one = await rig.open()
    await one._follow()
    assert len(rig.client.asked) == 10
    assert one.health() == "ok"
    here = rig.store.run(rows.all_for_bot, rig.bot.id)
    rig.client.asked.clear()
    rig.store.run(rows.update_article, msgspec.structs.replace(here[2], answer="新"), 2)
    rig.store.run(rows.update_article, msgspec.structs.replace(here[3], category="c"), 2)
    rig.store.run(rows.delete_articles, rig.bot.id, [here[4].id], 2)
    rig.store.run(rows.update_article, msgspec.structs.replace(here[5], enabled=False), 2)
    assert one.behind == 1
    await one._follow()
    assert rig.client.asked == ["问题2\n新"], "the category is no part of the text"
    assert len(one.tables[rig.bot.id]) == 8
    again = rig.embedder()  # a restart
    rig.client.asked.clear()
    await again._follow()
    assert rig.client.asked == []
    assert len(again.tables[rig.bot.id]) == 8
    rig.store.run(rows.update_article, here[5], 3)
    await again._follow()
    assert rig.client.asked == [], "it was computed before it was disabled"
    assert len(again.tables[rig.bot.id]) == 9


async def test_near_finds_by_direction_and_remembers_the_question() -> None:
    rig = Rig()
    one = await rig.open()
    await one._follow()
    here = rig.store.run(rows.all_for_bot, rig.bot.id)
    rig.client.asked.clear()
    found = await one.near(rig.bot.id, "问题7\n答案7", 5.0)
    assert found[0][0] == here[7].id
    assert found[0][1] == pytest.approx(1.0, abs=1e-6)
    assert [cosine for _, cosine in found] == sorted((c for _, c in found), reverse=True)
    assert await one.near(rig.bot.id, "问题7\n答案7", 5.0) == found
    assert len(rig.client.asked) == 1
    assert await one.near(999, "x") == []


def test_a_late_endpoint_costs_its_deadline_and_then_nothing() -> None:
    async def main(loop: VirtualLoop) -> None:
        rig = Rig()
        one = await rig.open()
        one.size = 8
        one.tables[rig.bot.id] = VectorTable(8)
        one.tables[rig.bot.id].put([(1, to_bytes(vector("a")))])
        rig.client.gate = asyncio.Event()
        for _ in range(3):
            began_s = loop.time()
            assert await one.near(rig.bot.id, "q", 0.3) == []
            assert loop.time() - began_s == pytest.approx(0.3)
        began_s = loop.time()
        assert await one.near(rig.bot.id, "q", 0.3) == []
        assert loop.time() == began_s, "three in a row: it is left alone for a while"
        assert one.counts["query_late"] == 3
        assert one.counts["query_skipped"] == 1

    run_virtual(main)


def test_a_dead_endpoint_is_asked_less_and_less_and_catches_up() -> None:
    async def main(loop: VirtualLoop) -> None:
        rig = Rig()
        one = await rig.open()
        tries: list[float] = []
        real = rig.client.embed

        async def watched(texts: Sequence[str], timeout_s: float) -> list[list[float]]:
            tries.append(loop.time())
            return await real(texts, timeout_s)

        rig.client.embed = watched  # type: ignore[method-assign]
        rig.client.fail = EmbeddingError("away", "connection refused")
        task = loop.create_task(one._run())
        await asyncio.sleep(2_000)
        gaps = [round(b - a) for a, b in itertools.pairwise(tries)]
        assert gaps[:4] == [1, 2, 4, 8]
        assert max(gaps) == LAST_PAUSE_S
        assert "connection refused" in one.health()
        assert one.counts["failed_away"] == len(tries)
        rig.client.fail = None
        await asyncio.sleep(LAST_PAUSE_S + 5)
        assert one.health() == "ok"
        assert len(one.tables[rig.bot.id]) == 10
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(main)


async def test_a_failure_in_the_middle_keeps_what_is_done() -> None:
    rig = Rig(batch=4)
    one = await rig.open()
    real, calls = rig.client.embed, 0

    async def breaks(texts: Sequence[str], timeout_s: float) -> list[list[float]]:
        nonlocal calls
        calls += 1
        if calls == 3:  # the probe, a batch, and then
            raise EmbeddingError("away", "cut")
        return await real(texts, timeout_s)

    rig.client.embed = breaks  # type: ignore[method-assign]
    with pytest.raises(EmbeddingError):
        await one._follow()
    assert len(rig.client.asked) == 4
    await one._follow()
    assert len(rig.client.asked) == 10, "the first four are not asked again"


async def test_another_size_computes_anew_and_a_changing_one_is_refused() -> None:
    rig = Rig()
    await (await rig.open())._follow()
    rig.client.size = 12
    rig.client.asked.clear()
    one = rig.embedder()
    await one._follow()
    assert len(rig.client.asked) == 10
    assert rig.store.run(embeddings.vector_bytes, "m") == 48
    rig.client.size = 8
    here = rig.store.run(rows.all_for_bot, rig.bot.id)
    rig.store.run(rows.update_article, msgspec.structs.replace(here[0], answer="x"), 5)
    with pytest.raises(EmbeddingError, match="garbage"):
        await one._follow()
    assert rig.store.run(embeddings.vector_bytes, "m") == 48


async def test_what_does_not_fit_is_said_and_searched_by_words() -> None:
    rig = Rig(memory_bytes=100)
    one = await rig.open()
    await one._follow()
    assert "b: too large" in one.health()
    assert await one.near(rig.bot.id, "问题1") == []


async def test_two_instances_share_what_one_computed() -> None:
    rig = Rig()
    one, two = await rig.open(), rig.embedder()
    await one._follow()
    await two._follow()
    here = rig.store.run(rows.all_for_bot, rig.bot.id)
    rig.store.run(rows.update_article, msgspec.structs.replace(here[1], answer="新"), 2)
    rig.store.run(rows.delete_articles, rig.bot.id, [here[2].id], 2)
    await one._follow()
    rig.client.asked.clear()
    await two._follow()
    assert rig.client.asked == []
    found = await two.near(rig.bot.id, "问题1\n新", 5.0)
    assert found[0][0] == here[1].id
    assert here[2].id not in [article_id for article_id, _ in found]


# ---- the wire ------------------------------------------------------------------------------------

Handler = Callable[[httpx2.Request], httpx2.Response]


def answer(vectors: list[list[float]], **row: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"data": [{"embedding": v, "index": n, **row}
                                               for n, v in enumerate(vectors)]})


async def ask(handler: Handler, texts: Sequence[str] = ("a", "b")) -> list[list[float]]:
    client = EmbeddingClient("http://embed.test/v1/", "bge", "key", transport=httpx2.MockTransport(handler))
    try:
        return await client.embed(texts, 5.0)
    finally:
        await client.close()


async def test_a_good_answer_is_in_order_and_of_length_one() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == "http://embed.test/v1/embeddings"
        assert request.headers["authorization"] == "Bearer key"
        body = json.loads(request.content)
        assert (body["model"], body["input"]) == ("bge", ["a", "b"])
        return httpx2.Response(200, json={"data": [{"embedding": [0, 2], "index": 1},
                                                   {"embedding": [3, 4], "index": 0}]})

    first, second = await ask(handler)
    assert first == pytest.approx([0.6, 0.8])
    assert second == [0, 1]


@pytest.mark.parametrize(("response", "kind"), [
    (httpx2.Response(500, text="oops"), "away"), (httpx2.Response(503), "away"),
    (httpx2.Response(429), "away"), (httpx2.Response(401, text="key"), "refused"),
    (httpx2.Response(302, headers={"location": "http://elsewhere.test/"}), "away"),
    (httpx2.Response(200, text="<html>"), "garbage"), (httpx2.Response(200, json={"data": []}), "garbage"),
    (answer([[1.0, 0.0]]), "garbage"), (answer([[1.0], [1.0, 2.0]]), "garbage"),
    (answer([[1.0, 0.0], [0.0, 0.0]]), "garbage"), (answer([[1.0], [1.0]], index=0), "garbage"),
    (httpx2.Response(200, content=b'{"data":[{"embedding":[1e999]},{"embedding":[1]}]}'), "garbage"),
    (httpx2.Response(200, content=b'{"data":[{"embedding":"AAAA"}]}'), "garbage"),
])
async def test_anything_else_is_one_clear_error(response: httpx2.Response, kind: str) -> None:
    with pytest.raises(EmbeddingError) as caught:
        await ask(lambda _: response)
    assert caught.value.kind == kind


async def test_a_lost_connection_is_away() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused", request=request)

    with pytest.raises(EmbeddingError) as caught:
        await ask(handler)
    assert caught.value.kind == "away"


async def test_one_text_that_is_too_long_does_not_keep_the_others_waiting() -> None:
    rig = Rig(batch=8)
    one = await rig.open()
    rig.store.run(rows.put_articles, rig.bot.id, [Article(0, 0, "long", "zh", "长文", "字" * 3000)], 2)
    real = rig.client.embed

    async def short_only(texts: Sequence[str], timeout_s: float) -> list[list[float]]:
        if any(len(text) > 500 or "问题3" in text for text in texts):
            raise EmbeddingError("away", "input is too large", 500)
        return await real(texts, timeout_s)

    rig.client.embed = short_only  # type: ignore[method-assign]
    await one._follow()
    assert len(one.tables[rig.bot.id]) == 10, "one is refused at any length, the long one is not"
    assert one.counts["refused_texts"] == 1


# ---- fusion and the matrix ----------------------------------------------------------------------

def test_fusion_of_two_rankings() -> None:
    assert fuse([(1, 0.9), (2, 0.5)], []) == [(1, 1.0), (2, pytest.approx(11 / 12))]
    assert fuse([], [(3, 0.8)]) == [(3, 1.0)]
    both = fuse([(1, 0.9), (2, 0.5)], [(2, 0.8), (3, 0.7)])
    assert [article_id for article_id, _ in both] == [2, 1, 3]
    assert fuse([(1, 0.9)], [(1, 0.8)]) == [(1, 1.0)]
    assert fuse([], []) == []
    assert [n for n, _ in fuse([(1, 0.9), (2, 0.5)], [(2, 0.8), (1, 0.7)], vector_weight=0.5)] == [1, 2]


def test_the_matrix_follows_puts_and_removals() -> None:
    table = VectorTable(8)
    want = {n: vector(str(n)) for n in range(200)}
    assert table.put([(n, to_bytes(v)) for n, v in want.items()]) == 0
    assert table.put([(1000, b"1234")]) == 1
    table.remove([0, 77, 199, 5000])
    for gone in (0, 77, 199):
        del want[gone]
    table.put([(3, to_bytes(vector("three")))])
    want[3] = vector("three")
    assert len(table) == len(want)
    for n, v in want.items():
        assert table.near(v, 1)[0][0] == n
    assert len(table.near(want[3], 500)) == len(want)
    assert table.near([1.0], 3) == []
