"""A visitor comes back after a conversation was resolved: a real desk, real sockets, real long polls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from zhike.app.process import Process, limits_of
from zhike.testing.instance import Instance, quiet_settings, running
from zhike.testing.restclient import Api, set_up
from zhike.testing.wsclient import Client, Visitor

ANSWER = "我来帮您看一下"
MAX_SEQ = 2**53 - 1


class Desk(NamedTuple):
    """A running desk, its owner, and a visitor who left before a person answered and resolved."""

    instance: Instance[Process]
    owner: Api
    token: str
    first: int
    """The conversation, resolved."""
    seen: list[tuple[int, str]]
    """(seq, text) of all that is visible of it."""
    left_at: int
    """The last seq that the visitor saw."""


async def resolve(owner: Api, conversation: int) -> None:
    """A person answers, with a note beside, and resolves."""
    path = f"/api/v1/conversations/{conversation}"
    await owner.good("POST", f"{path}/take")
    for number, (text, note) in enumerate((("不要外传", True), (ANSWER, False))):
        await owner.good("POST", f"{path}/messages",
                         {"client_msg_id": f"{conversation}-{number}", "text": text, "note": note})
    await owner.good("POST", f"{path}/resolve")


async def visible(owner: Api, conversation: int) -> list[tuple[int, str]]:
    """What a visitor may see of a conversation, as an agent reads it."""
    page = await owner.good("GET", f"/api/v1/conversations/{conversation}/messages?limit=200")
    return [(item["seq"], item["text"]) for item in page["items"] if item["direction"] != "note"]


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    settings = quiet_settings(tmp_path)
    async with running(Process, settings, limits_of(settings)) as instance:
        owner = await set_up(instance.api(), instance.link)
        async with Visitor(instance.url) as visitor:
            await visitor.answered(visitor.say("退货"), visitor.say("包邮吗"))
        left_at = visitor.delivered[visitor.conversation]
        await resolve(owner, visitor.conversation)
        yield Desk(instance, owner, visitor.token, visitor.conversation,
                   await visible(owner, visitor.conversation), left_at)


def reloaded(desk: Desk, **hello: Any) -> Client:
    """The visitor's page after a reload: it knows its token, and no message."""
    return Client(desk.instance.url, hello={"inbox": "shop", "lang": "zh", "token": desk.token, **hello})


def items(client: Client, conversation: int, reason: str) -> list[tuple[int, str]]:
    """(seq, text) of all pages of a kind."""
    return [(item["seq"], item["text"]) for frame in client.of("messages")
            if (frame["conversation"], frame.get("reason", "resume")) == (conversation, reason)
            for item in frame["items"]]


async def page(client: Client, number: int, **frame: Any) -> dict[str, Any]:
    """Asks for a page; returns the ``number``-th that came."""
    client.transmit(frame)
    await client.until(lambda: len(client.of("messages")) >= number, f"page {number}")
    return client.of("messages")[number - 1]


async def test_over_websocket(desk: Desk) -> None:
    assert ANSWER in [text for seq, text in desk.seen if seq > desk.left_at]
    async with reloaded(desk) as client:
        state = client.welcome["conversation"]
        assert (state["id"], state["status"], state["last_seq"]) == (desk.first, "resolved", desk.seen[-1][0])
        newest = await page(client, 1, type="history", limit=2)
        assert (newest["conversation"], newest["more"]) == (desk.first, True)
        await page(client, 2, type="history", before=newest["items"][0]["seq"])
        assert sorted(items(client, desk.first, "history")) == desk.seen

        client.transmit({"type": "message", "client_msg_id": "new.1", "n": 1, "text": "可以开发票吗"})
        await client.until(lambda: bool(client.of("message")), "an answer")
        (ack,), (answer, *_) = client.of("ack"), client.of("message")
        assert ack["conversation"] > desk.first
        assert ack["seq"] == 1
        assert (answer["conversation"], answer["seq"], answer["answers"]) == (ack["conversation"], 2, [1])
        # the past stays within reach, beside the new conversation
        older = await page(client, 3, type="history", conversation=desk.first, limit=200)
        assert [(item["seq"], item["text"]) for item in older["items"]] == desk.seen
        now = await page(client, 4, type="history")
        assert [item["seq"] for item in now["items"]] == [1, 2]
        assert not client.errors


async def test_what_was_missed_comes_before_the_next_conversation(desk: Desk) -> None:
    async with reloaded(desk) as other_page:
        other_page.transmit({"type": "message", "client_msg_id": "o.1", "text": "可以开发票吗"})
        await other_page.until(lambda: bool(other_page.of("message")), "an answer")
        second = other_page.of("ack")[0]["conversation"]
    # the first page was away all the time, and remembers the first conversation
    async with reloaded(desk, conversation=desk.first, after=desk.left_at) as client:
        assert client.welcome["conversation"]["id"] == second
        await client.until(lambda: len(items(client, second, "resume")) == 2, "the second conversation")
        missed = [(seq, text) for seq, text in desk.seen if seq > desk.left_at]
        assert items(client, desk.first, "resume") == missed
        assert items(client, second, "resume") == await visible(desk.owner, second)
        assert [frame["conversation"] for frame in client.of("messages")] == [desk.first, second]


async def test_over_long_polls(desk: Desk) -> None:
    api = desk.instance.api()
    welcome = await api.good("POST", "/api/v1/visitor/hello", {"inbox": "shop", "token": desk.token})
    assert (welcome["conversation"]["id"], welcome["conversation"]["status"]) == (desk.first, "resolved")
    api.headers["Authorization"] = f"Bearer {welcome['token']}"

    async def poll(query: str) -> dict[str, Any]:
        found: dict[str, Any] = await api.good("GET", f"/api/v1/visitor/messages?{query}")
        return found

    def shown(found: dict[str, Any]) -> list[tuple[int, str]]:
        return [(item["seq"], item["text"]) for item in found["items"]]

    # as the widget does after a reload: everything, from the first on
    found = await poll("after=0&wait_s=25")
    assert (found["conversation"], shown(found), found["state"]["status"]) == (
        desk.first, desk.seen, "resolved")
    newest = await poll(f"before={MAX_SEQ}&limit=2")
    assert (shown(newest), newest["more"], newest["reason"]) == (desk.seen[-2:], True, "history")
    rest = await poll(f"before={newest['items'][0]['seq']}&limit=200")
    assert (shown(rest), rest.get("more", False)) == (desk.seen[:-2], False)

    ack = await api.good("POST", "/api/v1/visitor/messages",
                         {"client_msg_id": "p.1", "text": "可以开发票吗", "conversation": desk.first})
    assert ack["conversation"] > desk.first
    assert ack["seq"] == 1
    # a page that was away first gets what it missed, then the new conversation from its first message
    missed = await poll(f"conversation={desk.first}&after={desk.left_at}&wait_s=25")
    assert (missed["conversation"], shown(missed)) == (
        desk.first, [(seq, text) for seq, text in desk.seen if seq > desk.left_at])
    found = await poll(f"conversation={desk.first}&after={missed['items'][-1]['seq']}&wait_s=25")
    assert (found["conversation"], found["items"][0]["seq"]) == (ack["conversation"], 1)
    while len(found["items"]) < 2:
        found = await poll(f"conversation={ack['conversation']}&after=0&wait_s=25")
    assert found["items"][1]["answers"] == [1]
    older = await poll(f"before={MAX_SEQ}&conversation={desk.first}&limit=200")
    assert (older["conversation"], shown(older)) == (desk.first, desk.seen)


async def test_nobody_else_reads_it(desk: Desk) -> None:
    async with Visitor(desk.instance.url, hello={"conversation": desk.first, "after": 0}) as stranger:
        for frame in ({"type": "history"}, {"type": "resume", "after": 0}, {"type": "read", "seq": 1},
                      {"type": "typing"}):
            stranger.transmit({**frame, "conversation": desk.first})
        await stranger.until(lambda: len(stranger.errors) == 4, "refusals")
        assert {frame["error"]["code"] for frame in stranger.errors} == {"not_found"}
        stranger.say("可以开发票吗", conversation=desk.first)
        await stranger.answered()
        assert stranger.conversation > desk.first
        assert set(stranger.seen) == {stranger.conversation}
        token = stranger.token
    async with reloaded(desk, token=token, conversation=desk.first, after=0) as again:
        await again.until(lambda: bool(again.of("messages")), "its own conversation")
        assert {frame["conversation"] for frame in again.of("messages")} == {stranger.conversation}
    api = desk.instance.api()
    api.headers["Authorization"] = f"Bearer {token}"
    refused = await api("GET", f"/api/v1/visitor/messages?before=9&conversation={desk.first}")
    assert refused.code == "not_found"
    own = await api.good("GET", f"/api/v1/visitor/messages?after=0&conversation={desk.first}")
    assert own["conversation"] == stranger.conversation


@pytest.mark.parametrize("number", [-5, 2**53, 2**64, 10**40])
async def test_numbers_out_of_range_harm_nobody(desk: Desk, number: int) -> None:
    async with reloaded(desk, conversation=number, after=number) as client:
        for frame in ({"type": "history", "before": number}, {"type": "history", "conversation": number},
                      {"type": "resume", "after": number}, {"type": "read", "seq": number},
                      {"type": "resume", "after": number, "conversation": desk.first}):
            client.transmit(frame)
            client.transmit({"type": "ping", "id": str(frame)})
            await client.until(lambda wanted=str(frame): any(  # type: ignore[misc]
                pong.get("id") == wanted for pong in client.of("pong")), "pong")
        assert {frame["error"]["code"] for frame in client.errors} <= {"not_found", "overloaded"}
        message = {"type": "message", "client_msg_id": "z.1", "text": "退货"}
        client.transmit({**message, "conversation": number})
        if not 0 < number <= 2**53:  # no conversation can have it: said at once, and nothing is stored
            await client.until(lambda: bool(client.errors)
                               and client.errors[-1].get("client_msg_id") == "z.1", "a refusal")
            assert (client.errors[-1]["error"]["code"], client.errors[-1]["error"]["field"]) == (
                "invalid_field", "conversation")
            assert not client.of("ack")
            client.transmit(message)
        await client.until(lambda: bool(client.of("ack")), "ack")
        assert client.of("ack")[0]["seq"] == 1
    api = desk.instance.api()
    api.headers["Authorization"] = f"Bearer {desk.token}"
    for query in (f"after={number}", f"before={number}", f"before=5&conversation={number}",
                  "before=3&after=1", "before=3&wait_s=1"):
        assert (await api("GET", f"/api/v1/visitor/messages?{query}")).code == "invalid_field"
