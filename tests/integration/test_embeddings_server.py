"""Embeddings from a real OpenAI-compatible server (llama.cpp), as an operator would set them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from zhike.domain.knowledge import Article, Bot
from zhike.search.embed import Embedder
from zhike.search.embedclient import EmbeddingClient, EmbeddingError
from zhike.store import articles as rows
from zhike.store import bots
from zhike.store.engine import open_store

for needed in ("numpy", "gguf", "xllamacpp"):
    if not os.environ.get("CI"):
        pytest.importorskip(needed)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from zhike.testing.llama.make import model_file

    process = subprocess.Popen(
        [sys.executable, "-m", "zhike.testing.llama.embed_child", str(model_file("tiny")), "secret"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    line = process.stdout.readline()
    assert line, f"the server ended with {process.wait()}"
    yield json.loads(line)["url"].rstrip("/") + "/v1"
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


async def test_articles_and_questions_against_a_real_server(server: str, tmp_path: Path) -> None:
    store = open_store("", tmp_path)
    await store.open()
    bot = await store.write(bots.create_bot, Bot(0, "b", "b"), 1)
    texts = [f"第{n}条：{['退货', '换货', '运费', '发票', '尺码'][n % 5]}怎么办" for n in range(20)]
    made = [Article(0, 0, f"k{n}", "zh", text, "字" * (2_500 if n == 7 else 20))
            for n, text in enumerate(texts)]
    await store.write(rows.put_articles, bot.id, made, 1)

    async def embedder() -> Embedder:
        known = await store.read(bots.list_bots)
        return Embedder(store, EmbeddingClient(server, "tiny", "secret"), lambda: known, batch=8)

    one = await embedder()
    await one._follow()
    assert one.health() == "ok"
    assert len(one.tables[bot.id]) == 20, "one text is longer than the server reads; it has a vector, too"
    here = await store.read(rows.all_for_bot, bot.id)
    found = await one.near(bot.id, f"{here[3].question}\n{here[3].answer}", 10.0)
    assert found[0][0] == here[3].id
    assert found[0][1] == pytest.approx(1.0, abs=0.01)
    counted = one.counts["embedded"]
    await one.stop()
    again = await embedder()
    await again._follow()
    assert again.counts["embedded"] == 0, "a restart computes nothing again"
    assert len(again.tables[bot.id]) == 20
    await store.write(rows.update_article, msgspec.structs.replace(here[0], question="全新的问题"), 2)
    await again.stop()
    last = await embedder()
    await last._follow()
    assert (counted, last.counts["embedded"]) == (20, 1)
    await last.stop()
    await store.close()


async def test_a_wrong_key_is_refused_and_said(server: str) -> None:
    client = EmbeddingClient(server, "tiny", "wrong")
    with pytest.raises(EmbeddingError) as caught:
        await client.embed(["x"], 10.0)
    assert (caught.value.kind, caught.value.status) == ("refused", 401)
    await client.close()
