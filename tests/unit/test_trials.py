"""A tool and a flow tried while they are written: what was sent is seen, no secret is, and nothing counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from zhike.answer.flows.trial import try_flow
from zhike.answer.tools import Toolbox, ToolLimits
from zhike.answer.tools.trial import HIDDEN, try_tool
from zhike.clock import now_ms
from zhike.domain.flow import Flow, FlowBody, Step
from zhike.domain.message import Reply
from zhike.domain.tool import Caller, HttpAction, Proof, Texts, Tool, ToolBody
from zhike.domain.trial import FlowTried, ToolTried
from zhike.search.text import Question
from zhike.testing.inline import InlineStore

BOT = 1
SECRET = "sk-very-secret-0123456789"
WHO = Caller(0, "trial:1", "en")
SCHEMA = {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"},
                                                                 "pin": {"type": "string"}}}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKE_TOOL_SHOP", SECRET)


class Shop:
    """A server on loopback: answers what it was sent, or ``status``."""

    def __init__(self, status: str = "200 OK", answer: Any = None) -> None:
        self.status = status
        self.answer = answer
        self.asked: list[str] = []
        self.port = 0

    async def __aenter__(self) -> Shop:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.asked.append(head)
        raw = json.dumps(self.answer if self.answer is not None else {"left": 3, "heard": [head]}).encode()
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: {len(raw)}\r\nConnection: close\r\n\r\n"
                     .encode() + raw)
        await writer.drain()
        writer.close()


def stock(port: int, **changes: Any) -> Tool:
    action = HttpAction(f"http://127.0.0.1:{port}/stock/{{sku}}", secret_header="Authorization",
                        secret_prefix="Bearer ", secret="env:ZHIKE_TOOL_SHOP")
    body: dict[str, Any] = {"kind": "http", "description": "x", "parameters": SCHEMA, "http": action,
                            "result": Texts("还有 {/left} 件", "{/left} left"),
                            "missing": Texts("没有", "none"), **changes}
    return Tool(0, BOT, "stock", ToolBody(**body))


def tried(shop: Shop, arguments: dict[str, Any] | None = None, **changes: Any) -> tuple[ToolTried, Toolbox]:
    async def work() -> tuple[ToolTried, Toolbox]:
        store = InlineStore()
        await store.open()
        box = Toolbox(store, ToolLimits(allow_private=True))
        async with shop:
            found = await try_tool(box, stock(shop.port, **changes), arguments or {"sku": "A 1"}, WHO)
        await box.close()
        return found, box

    return asyncio.run(work())


def test_what_was_sent_and_what_came_back_are_seen_and_the_secret_is_not() -> None:
    shop = Shop()
    found, box = tried(shop)
    assert (found.ok, found.text, found.data["left"], found.error) == (True, "3 left", 3, "")
    assert f"Bearer {SECRET}" in shop.asked[0]  # it was sent
    assert found.request is not None
    assert found.request.method == "GET"
    assert found.request.url.endswith("/stock/A%201")
    assert found.request.headers["Authorization"] == f"Bearer {HIDDEN}"
    assert SECRET not in str(found)  # though the server repeated the whole request
    assert HIDDEN in found.data["heard"][0]
    assert found.took_ms > 0
    assert not box.counts


def test_why_it_failed_is_said_in_the_programs_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = tried(Shop("500 Oops"))
    assert (found.ok, found.error) == (False, "failed")
    assert "500" in found.problem
    monkeypatch.delenv("ZHIKE_TOOL_SHOP")
    found, _ = tried(Shop())
    assert (found.error, found.request) == ("bad_target", None)
    assert "ZHIKE_TOOL_SHOP" in found.problem


def test_arguments_that_do_not_fit_are_named_and_nothing_is_sent() -> None:
    shop = Shop()
    found, _ = tried(shop, {"sku": 5, "colour": "red"})
    assert found.error == "bad_arguments"
    assert set(found.missing) >= {"sku"}
    assert shop.asked == []


def test_wrong_tries_are_held_against_nobody() -> None:
    async def work() -> None:
        store = InlineStore()
        await store.open()
        box = Toolbox(store, ToolLimits(allow_private=True))
        async with Shop("404 Not Found") as shop:
            tool = stock(shop.port, proof=Proof("sku", ("pin",)))
            for _ in range(20):  # twice what a stranger may
                found = await try_tool(box, tool, {"sku": "A1", "pin": "0"}, WHO)
                assert found.error == "not_found"
            asked = await try_tool(box, tool, {"sku": "A1"}, WHO)
            assert (asked.error, asked.missing) == ("needs_proof", ("pin",))
            box.use(BOT, [tool])
            real = await box.call(BOT, "stock", {"sku": "A1", "pin": "0"}, Caller(5, "v:5"))
            assert real.error == "not_found"  # and not throttled
        await box.close()

    asyncio.run(work())


# ---- flows --------------------------------------------------------------------------------------


class Silent:
    """Rules and knowledge that know nothing."""

    def quick(self, bot_id: int, question: Question) -> Reply | None:
        return None

    async def search(self, bot_id: int, question: Question) -> Reply | None:
        return None


FLOW = Flow(0, BOT, "stock", FlowBody("Stock", (
    Step(ask="sku", prompt=Texts("哪一款？", "Which one?"), pattern="[A-Z][0-9]"),
    Step(call="stock", arguments={"sku": "{sku}"}, save="found"),
    Step(say=Texts("{found.text}", "{found.text}")),
    Step(ask="more", kind="yes_no", prompt=Texts("还要吗？", "More?")),
    Step(handoff=Texts("请同事来。", "A colleague comes.")))))


def talk(says: list[str], enabled: bool = True) -> Iterator[FlowTried]:
    async def work() -> list[FlowTried]:
        store = InlineStore()
        await store.open()
        box = Toolbox(store, ToolLimits(allow_private=True))
        heard: list[FlowTried] = []
        async with Shop() as shop:
            tools = {"stock": stock(shop.port)} if enabled else {}
            state = ""
            for text in says:
                heard.append(await try_flow(box, Silent(), tools, FLOW, text, state, WHO, now_ms))
                state = heard[-1].state
        assert not box.counts
        await box.close()
        return heard

    return iter(asyncio.run(work()))


def test_a_flow_is_walked_through_and_its_calls_are_seen() -> None:
    first, second, third = talk(["how many", "B7", "yes"])
    assert (first.text, first.step, first.waits_for, first.slots) == ("Which one?", 0, "sku", {})
    assert (second.text, second.step, second.slots) == ("3 left\nMore?", 3, {"sku": "B7"})
    assert [(one.tool, one.ok) for one in second.calls] == [("stock", True)]
    assert SECRET not in str(second)
    assert (third.action, third.state, third.step) == ("handoff", "", None)
    assert third.text == "A colleague comes."


def test_a_tool_that_is_not_there_is_seen_not_to_be() -> None:
    _, second = talk(["how many", "B7"], enabled=False)
    assert [(one.tool, one.error) for one in second.calls] == [("stock", "unknown_tool")]


def test_a_state_of_another_writing_begins_nothing_strange() -> None:
    async def work() -> None:
        store = InlineStore()
        await store.open()
        box = Toolbox(store, ToolLimits())
        for state in ("{", '{"f":"other","v":"x"}', '{"f":"stock","v":"00000000","a":99,"t":9999999999999}'):
            found = await try_flow(box, Silent(), {}, FLOW, "hello", state, WHO, now_ms)
            assert found.state == ""
        await box.close()

    asyncio.run(work())
