"""Models and files of knowledge over HTTP."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest_asyncio

from zhike.clock import now_ms
from zhike.testing.apirig import Rig


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms).start()
    yield made
    await made.stop()


async def test_models_are_listed_and_tested_by_admins_alone(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    listed = (await admin("GET", "/api/v1/models")).json["items"]
    assert [(one["key"], one["state"], one["outcomes"]) for one in listed] == [("echo", "ok", {"ok": 1})]
    tried = await admin("POST", "/api/v1/models/echo/test")
    assert (tried.status, tried.json["text"], tried.json["completion_tokens"]) == (200, "ready", 2)
    assert (await admin("POST", "/api/v1/models/other/test")).code == "not_found"
    agent = await rig.signed_in("agent")
    assert (await agent("GET", "/api/v1/models")).code == "forbidden"
    assert (await agent("POST", "/api/v1/models/echo/test")).code == "forbidden"
    program = await rig.with_key("admin")
    assert (await program("GET", "/api/v1/models")).status == 200
    assert (await program("POST", "/api/v1/models/echo/test")).code == "forbidden"  # it costs money


async def test_a_file_is_read_then_imported_and_comes_out_again(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    content = base64.b64encode("怎么退货\n\n发票".encode()).decode()
    found = (await admin("POST", "/api/v1/articles/read-file", {"name": "问答.csv", "content": content})).json
    assert [article["question"] for article in found["articles"]] == ["怎么退货", "发票"]
    assert found["skipped"] == [{"place": "", "line": 2, "why": "empty"}]
    assert found["skipped_count"] == 1
    imported = await admin("POST", "/api/v1/articles/import", {"bot_id": 1, "articles": found["articles"]})
    assert imported.json == {"added": 2, "changed": 0, "same": 0}
    out = await admin("GET", "/api/v1/articles/export?bot_id=1&format=jsonl")
    assert out.body == b"jsonl of 1"
    assert out.headers["content-disposition"] == "attachment; filename=knowledge-1.jsonl"
    assert (await admin("GET", "/api/v1/articles/export?bot_id=9")).json["error"]["field"] == "bot_id"


async def test_a_file_that_cannot_be_read_is_the_senders_fault(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    wrong = await admin("POST", "/api/v1/articles/read-file", {"name": "photo.png", "content": ""})
    assert (wrong.status, wrong.json["error"]["field"]) == (422, "content")
    assert "photo.png: the name does not tell the format" in wrong.json["error"]["message"]
    for name in ("../../etc/passwd", "a/b.csv", "", ".", "..", "a\\b.csv", "line\nend.csv"):
        refused = await admin("POST", "/api/v1/articles/read-file", {"name": name, "content": ""})
        assert (refused.status, refused.json["error"]["field"]) == (422, "name"), name
    broken = await admin("POST", "/api/v1/articles/read-file", {"name": "a.csv", "content": "no base64!"})
    assert broken.json["error"]["field"] == "content"
    agent = await rig.signed_in("agent")
    assert (await agent("GET", "/api/v1/articles/export?bot_id=1")).code == "forbidden"
