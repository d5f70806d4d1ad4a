"""Visitors over HTTP: hello, send, long poll, origins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from zhike.access.visitors import claim_signature
from zhike.clock import now_ms
from zhike.testing.apirig import SECRET, SHOP, Rig, asked
from zhike.testing.loop import VirtualLoop, run_virtual


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms).start()
    yield made
    await made.stop()


async def test_a_short_lived_client_sends_and_long_polls_for_the_answer(rig: Rig) -> None:
    visitor, conversation_id = await asked(rig)
    page = (await visitor("GET", "/api/v1/visitor/messages?after=0&wait_s=25")).json
    while len(page["items"]) < 2:
        page = (await visitor("GET", "/api/v1/visitor/messages?after=0&wait_s=25")).json
    assert [item["seq"] for item in page["items"]] == [1, 2]
    assert page["items"][1]["answers"] == [1]
    assert page["conversation"] == conversation_id
    assert page["state"]["holder"] == "bot"
    again = await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m1", "text": "怎么退货"})
    assert (again.status, again.json["seq"], again.json["duplicate"]) == (200, 1, True)
    other = await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m1", "text": "什么时候发货"})
    assert other.code == "id_conflict"


async def test_a_waiting_poll_hears_the_agent(rig: Rig) -> None:
    visitor, conversation_id = await asked(rig)
    agent = await rig.signed_in()
    await agent("POST", f"/api/v1/conversations/{conversation_id}/take")
    page = (await visitor("GET", "/api/v1/visitor/messages")).json
    waiting = asyncio.create_task(
        visitor("GET", f"/api/v1/visitor/messages?after={page['last_seq']}&wait_s=25")
    )
    await rig.hub.polled.wait()
    await agent(
        "POST",
        f"/api/v1/conversations/{conversation_id}/messages",
        {"client_msg_id": "note", "text": "between us", "note": True},
    )
    await agent(
        "POST", f"/api/v1/conversations/{conversation_id}/messages", {"client_msg_id": "a1", "text": "您好"}
    )
    heard = (await waiting).json
    assert [item["text"] for item in heard["items"]] == ["您好"]
    assert heard["state"]["agent_name"] == "Agent"
    assert rig.hub.listeners_count == 0
    everything = (await visitor("GET", "/api/v1/visitor/messages")).json
    assert "between us" not in str(everything)


def test_a_poll_ends_after_its_time_with_an_empty_page() -> None:
    async def main(loop: VirtualLoop) -> None:
        rig = await Rig(loop.now_ms).start()
        visitor, _ = await rig.visitor()
        started_s = loop.time()
        page = (await visitor("GET", "/api/v1/visitor/messages?wait_s=25")).json
        assert (page["conversation"], page["items"]) == (0, [])
        assert loop.time() - started_s == pytest.approx(25)
        await rig.stop()

    run_virtual(main)


def test_a_client_that_leaves_frees_its_place() -> None:
    async def main(loop: VirtualLoop) -> None:
        rig = await Rig(loop.now_ms).start()
        visitor, _ = await rig.visitor()
        gone = asyncio.Event()
        loop.call_later(3.0, gone.set)
        started_s = loop.time()
        await visitor("GET", "/api/v1/visitor/messages?wait_s=25", gone=gone)
        assert loop.time() - started_s == pytest.approx(3)
        assert rig.app.context.rooms["poll"].used == 0
        await rig.stop()

    run_virtual(main)


async def test_waiting_polls_end_when_the_process_stops(rig: Rig) -> None:
    visitor, _ = await rig.visitor()
    waiting = asyncio.create_task(visitor("GET", "/api/v1/visitor/messages?wait_s=25"))
    await rig.hub.polled.wait()
    rig.app.end_polls()
    assert (await waiting).json["items"] == []
    assert (await visitor("GET", "/api/v1/visitor/messages?wait_s=25")).json["items"] == []
    assert rig.app.context.waiting == set()


async def test_a_new_conversation_is_read_from_its_first_message(rig: Rig) -> None:
    visitor, first = await asked(rig)
    agent = await rig.signed_in()
    await agent("POST", f"/api/v1/conversations/{first}/resolve")
    await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m2", "text": "怎么退货"})
    page = (await visitor("GET", f"/api/v1/visitor/messages?conversation={first}&after=3")).json
    assert page["conversation"] != first
    assert page["items"][0]["seq"] == 1


async def test_visitors_and_origins(rig: Rig) -> None:
    hello = {"inbox": "shop"}
    evil = await rig.http("POST", "/api/v1/visitor/hello", hello, headers={"origin": "https://evil.example"})
    assert evil.code == "origin_not_allowed"
    own = await rig.http("POST", "/api/v1/visitor/hello", hello, headers={"origin": "http://desk.example"})
    assert own.status == 200
    assert own.headers["access-control-allow-origin"] == "http://desk.example"
    assert (await rig.http("POST", "/api/v1/visitor/hello", {"inbox": "nope"})).code == "inbox_not_found"
    visitor, _ = await rig.visitor()
    stolen = await visitor("GET", "/api/v1/visitor/messages", headers={"origin": "https://evil.example"})
    assert stolen.code == "origin_not_allowed"
    preflight = await rig.http("OPTIONS", "/api/v1/visitor/messages", headers={"origin": SHOP})
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == SHOP
    assert "access-control-allow-credentials" not in preflight.headers
    other = await rig.http("GET", "/api/v1/me", headers={"origin": SHOP})
    assert "access-control-allow-origin" not in other.headers


async def test_a_visitor_sees_only_their_own(rig: Rig) -> None:
    _, conversation_id = await asked(rig)
    other, _ = await rig.visitor()
    assert (await other("GET", "/api/v1/visitor/messages")).json["items"] == []
    assert (
        await other("POST", "/api/v1/visitor/read", {"seq": 1, "conversation": conversation_id})
    ).code == "not_found"
    assert (await other("GET", f"/api/v1/conversations/{conversation_id}/messages")).code == "unauthenticated"
    # the hint names another's conversation: the message begins the sender's own
    ack = await other(
        "POST",
        "/api/v1/visitor/messages",
        {"client_msg_id": "x", "text": "怎么退货", "conversation": conversation_id},
    )
    assert ack.json["conversation"] != conversation_id


async def test_a_known_customer(rig: Rig) -> None:
    expires = rig.now() // 1000 + 3600
    claim = {
        "id": "42",
        "expires": expires,
        "sig": claim_signature(SECRET, "shop", "42", expires),
        "name": "李娜",
    }
    hello = await rig.http("POST", "/api/v1/visitor/hello", {"inbox": "shop", "customer": claim})
    assert hello.status == 200
    bad = await rig.http(
        "POST", "/api/v1/visitor/hello", {"inbox": "shop", "customer": {**claim, "id": "43"}}
    )
    assert bad.code == "bad_identity"


async def test_read_marks(rig: Rig) -> None:
    visitor, conversation_id = await asked(rig)
    assert (await visitor("POST", "/api/v1/visitor/read", {"seq": 99})).status == 204
    await rig.reads.flush()
    agent = await rig.signed_in()
    assert (await agent("POST", f"/api/v1/conversations/{conversation_id}/read", {"seq": 1})).status == 204
    await rig.reads.flush()
    seen = (await agent("GET", f"/api/v1/conversations/{conversation_id}")).json
    assert seen["read_by_contact_seq"] >= 1
    assert seen["read_by_agent_seq"] == 1
