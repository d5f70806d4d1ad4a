"""Bad input over a real socket: each kind gets its own error, in the one shape, and harms nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from zhike.errors import CATALOGUE
from zhike.ops.bench.server import HOST, Server, limits_off
from zhike.testing.restclient import Api
from zhike.testing.wsclient import Client, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    running = Server(tmp_path_factory.mktemp("desk") / "data",
                     {**limits_off(200), "ZHIKE_PIPELINE__FRAGMENT_WAIT": "50ms"})
    try:
        await asyncio.to_thread(running.start)
        yield running
        assert await asyncio.to_thread(running.stop) == 0
    finally:
        running.kill()
    assert "Traceback" not in running.last_words(), running.last_words()


@pytest_asyncio.fixture(loop_scope="module")
async def bystander(server: Server) -> AsyncIterator[Visitor]:
    """Somebody else, who notices nothing."""
    async with Visitor(url(server)) as visitor:
        await visitor.answered(visitor.say("退货"))
        yield visitor
        await visitor.answered(visitor.say("包邮吗"))
        assert visitor.closes == []
        assert visitor.errors == []
        visitor.check_order()


def url(server: Server) -> str:
    return f"ws://{HOST}:{server.port}/ws"


def check_shape(frame: dict[str, Any], code: str) -> None:
    """The one shape of an error, with the catalogue's words."""
    error = frame["error"]
    assert error["code"] == code, error
    spec = CATALOGUE[code]
    assert error["retry"] == spec.retry
    assert error["message"].startswith((spec.zh, spec.en))
    assert error["help"] in (spec.help_zh, spec.help_en)
    assert set(error) <= {"code", "message", "retry", "help", "retry_after_s", "field", "details"}


def message(text: str, client_msg_id: str = "bad", **fields: Any) -> str:
    return json.dumps({"type": "message", "client_msg_id": client_msg_id, "text": text, **fields})


SURVIVED = {
    "U+0000": (message("退\0货"), "invalid_text", "bad"),
    "U+0000 in the id": (message("退货", "ba\0d"), "invalid_field", "ba\0d"),
    "a lone surrogate by escape": (r'{"type":"message","client_msg_id":"bad","text":"\ud800 x"}',
                                   "invalid_text", "bad"),
    "a lone low surrogate": (r'{"type":"message","client_msg_id":"bad","text":"\udc00"}',
                             "invalid_text", "bad"),
    "a lone surrogate in the id": (r'{"type":"message","client_msg_id":"\ud800","text":"x"}',
                                   "protocol_error", ""),
    "half of a pair, swapped": (r'{"type":"message","client_msg_id":"bad","text":"\udc00\ud800"}',
                                "invalid_text", "bad"),
    "4,001 characters": (message("字" * 4001), "too_long", "bad"),
    "4,001 characters beyond the basic plane": (message("😀" * 4001), "too_long", "bad"),
    "nothing": (message(""), "empty_message", "bad"),
    "white space": (message(" \n\t　"), "empty_message", "bad"),
    "no text": ('{"type":"message","client_msg_id":"bad"}', "empty_message", "bad"),
    "no id": ('{"type":"message","text":"退货"}', "protocol_error", ""),
    "an empty id": (message("退货", ""), "protocol_error", ""),
    "an id of 65 characters": (message("退货", "x" * 65), "protocol_error", ""),
    "an id that is a number": ('{"type":"message","client_msg_id":7,"text":"退货"}', "protocol_error", ""),
    "n without matching id": (message("退货", "stream.3", n=2), "invalid_field", "stream.3"),
    "n of 0": (message("退货", "stream.0", n=0), "invalid_field", "stream.0"),
    "n below 0": (message("退货", "stream.-1", n=-1), "invalid_field", "stream.-1"),
    "n beyond 2**53": (message("退货", f"stream.{2**53 + 1}", n=2**53 + 1), "invalid_field",
                       f"stream.{2**53 + 1}"),
    "n beyond 64 bits": (message("退货", f"stream.{2**70}", n=2**70), "invalid_field", f"stream.{2**70}"),
    "n that is a text": (message("退货", "stream.1", n="1"), "protocol_error", "stream.1"),
    "an unknown action": (message("退货", action="explode"), "protocol_error", "bad"),
    "an unknown type": ('{"type":"drop_table"}', "protocol_error", ""),
    "no type": ('{"text":"退货"}', "protocol_error", ""),
    "a server's type": ('{"type":"welcome"}', "protocol_error", ""),
    "no JSON": ("hello", "protocol_error", ""),
    "an empty frame": ("", "protocol_error", ""),
    "half a JSON": ('{"type":"message","text":"', "protocol_error", ""),
    "a list": ("[]", "protocol_error", ""),
    "a number": ("42", "protocol_error", ""),
    "null": ("null", "protocol_error", ""),
    "NaN": ('{"type":"read","seq":NaN}', "protocol_error", ""),
    "deep JSON": ('{"type":"message","client_msg_id":"bad","x":' + "[" * 30_000 + "]" * 30_000 + "}",
                  "protocol_error", ""),
    "deep JSON objects": ('{"type":"message","client_msg_id":"bad","x":' + '{"a":' * 9_000 + "1"
                          + "}" * 9_001, "protocol_error", ""),
    "hello twice": ('{"type":"hello","inbox":"shop"}', "protocol_error", ""),
    "a visitor who watches": ('{"type":"watch","conversation":1}', "forbidden", ""),
    "another's conversation": ('{"type":"resume","after":0,"conversation":1}', "not_found", ""),
    "another's history": ('{"type":"history","conversation":1}', "not_found", ""),
    "history of nothing": ('{"type":"history","limit":0}', "protocol_error", ""),
    "too much history": ('{"type":"history","limit":201}', "protocol_error", ""),
    "resume from a text": ('{"type":"resume","after":"1"}', "protocol_error", ""),
}


@pytest.mark.parametrize("kind", SURVIVED)
async def test_what_a_joined_connection_survives(server: Server, bystander: Visitor, kind: str) -> None:
    frame, code, client_msg_id = SURVIVED[kind]
    async with Visitor(url(server)) as visitor:
        visitor.transmit(frame)
        await visitor.error()
        check_shape(visitor.errors[0], code)
        assert visitor.errors[0].get("client_msg_id", "") == client_msg_id
        await visitor.answered(visitor.say("退货"))  # it goes on as if nothing had been
        await visitor.heard()
        assert len(visitor.errors) == 1
        assert len(visitor.rows()) == 2, "something of the bad frame was stored"
        visitor.check_order()


async def test_numbers_that_mean_nothing_are_harmless(server: Server, bystander: Visitor) -> None:
    """They are well-formed, and there is nothing to do: no error, no harm."""
    async with Visitor(url(server)) as visitor:
        await visitor.answered(visitor.say("退货"))
        for frame in ({"type": "read", "seq": -1}, {"type": "read", "seq": 2**62}, {"type": "typing"}):
            visitor.transmit(frame)
        for count, (frame, seqs) in enumerate((
                ({"type": "resume", "after": 2**62}, []), ({"type": "history", "before": -5}, []),
                ({"type": "history", "before": 2**62}, [1, 2]),
                ({"type": "resume", "after": -7}, [1, 2])), 1):
            visitor.transmit(frame)
            await visitor.until(lambda count=count: len(visitor.of("messages")) == count, "a page")  # type: ignore[misc]
            assert [item["seq"] for item in visitor.of("messages")[-1]["items"]] == seqs
        await visitor.answered(visitor.say("包邮吗"))
        assert visitor.errors == []
        assert len(visitor.rows()) == 4


HELLOS = {
    "a message before hello": (message("退货"), "protocol_error", 4506),
    "an unknown type": ('{"type":"drop_table"}', "protocol_error", 4506),
    "no JSON": ("hello", "protocol_error", 4506),
    "deep JSON": ('{"type":"hello","inbox":"shop","page":' + "[" * 3_000 + "]" * 3_000 + "}",
                  "protocol_error", 4506),
    "another version": ('{"type":"hello","v":99,"inbox":"shop"}', "unsupported_version", 4507),
    "no inbox": ('{"type":"hello"}', "inbox_not_found", 4505),
    "another inbox": ('{"type":"hello","inbox":"no\\u0000where"}', "inbox_not_found", 4505),
    "a lone surrogate": (r'{"type":"hello","inbox":"\ud800"}', "protocol_error", 4506),
    "a made-up token": ('{"type":"hello","inbox":"shop","token":"v1.abc.def"}', "bad_identity", 4502),
    "a token that is no ASCII": ('{"type":"hello","inbox":"shop","token":"令牌"}', "bad_identity", 4502),
    "a customer without a signature": (
        '{"type":"hello","inbox":"shop","customer":{"id":"1","expires":9999999999,"sig":""}}',
        "bad_identity", 4502),
    "an agent without a cookie": ('{"type":"hello","role":"agent"}', "origin_not_allowed", 4504),
    "more than 8 KiB": ('{"type":"hello","inbox":"shop","lang":"' + "x" * 8192 + '"}', None, 1009),
}


class Silent(Client):
    """Says nothing by itself."""

    def _hello(self) -> dict[str, Any]:
        return {}

    async def _connected(self, ws: Any) -> None:
        self.ws = ws
        self._wake()


@pytest.mark.parametrize("kind", HELLOS)
async def test_what_a_connection_without_a_hello_does_not_survive(
        server: Server, bystander: Visitor, kind: str) -> None:
    frame, code, close_code = HELLOS[kind]
    client = Silent(url(server))
    client.start()
    await client.until(lambda: client.ws is not None, "a connection")
    client.transmit(frame)
    await client.until(lambda: client.gone, "the end")
    assert client.closes == [close_code]
    if code is not None:
        assert len(client.errors) == 1
        check_shape(client.errors[0], code)


RAW = {
    "broken UTF-8": (b"\x81\x84", b"\xff\xfe\xfd\xfc", 1007),
    "a cut character": (b"\x81\x83", "退".encode()[:2] + b"x", 1007),
    "a surrogate in UTF-8": (b"\x81\x83", b"\xed\xa0\x80", 1007),
    "binary": (b"\x82\x84", b"\0\1\2\3", 1003),
    "a reserved bit": (b"\xc1\x82", b"{}", 1002),
    "an unknown opcode": (b"\x83\x82", b"{}", 1002),
    "a continuation of nothing": (b"\x80\x82", b"{}", 1002),
    "a ping of 126 bytes": (b"\x89\xfe\x00\x7e", b"x" * 126, 1002),
    "a close frame of one byte": (b"\x88\x81", b"x", 1002),
    "a message of 64 KiB and one byte": (b"\x81\xff" + (65537).to_bytes(8, "big"), b"x" * 65537, 1009),
    "a giant that is only announced": (b"\x81\xff" + (2**40).to_bytes(8, "big"), b"", 1009),
}


@pytest.mark.parametrize("kind", RAW)
async def test_frames_that_break_the_websocket_protocol(
        server: Server, bystander: Visitor, kind: str) -> None:
    head, payload, close_code = RAW[kind]
    async with Visitor(url(server)) as visitor:
        assert visitor.ws is not None
        mask = b"\x11\x22\x33\x44"
        visitor.ws.transport.write(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))
        assert await visitor.closed() == close_code
        # its conversation is not harmed: the page comes back
        async with Visitor(url(server), token=visitor.token) as again:
            await again.answered(again.say("退货"))


async def test_an_unmasked_frame_is_refused(server: Server, bystander: Visitor) -> None:
    async with Visitor(url(server)) as visitor:
        assert visitor.ws is not None
        visitor.ws.transport.write(b"\x81\x02{}")
        assert await visitor.closed() == 1002


async def test_a_flood_of_nonsense_ends_that_connection_only(server: Server, bystander: Visitor) -> None:
    async with Visitor(url(server)) as visitor:
        for _ in range(300):
            visitor.transmit("nonsense")
        await visitor.answered(visitor.say("退货"))  # the pipeline refuses them one by one, at its own pace
        assert {error["error"]["code"] for error in visitor.errors} == {"protocol_error"}
        assert len(visitor.errors) == 300


async def test_the_same_over_http(server: Server, bystander: Visitor) -> None:
    api = Api(server.port)
    welcome = await api.good("POST", "/api/v1/visitor/hello", {"inbox": "shop"})
    api.headers["Authorization"] = f"Bearer {welcome['token']}"
    path = "/api/v1/visitor/messages"
    for body, code, status in (
            ({"client_msg_id": "a", "text": "退\0货"}, "invalid_text", 422),
            ({"client_msg_id": "a", "text": "字" * 4001}, "too_long", 413),
            ({"client_msg_id": "a", "text": ""}, "empty_message", 422),
            ({"client_msg_id": "a.2", "n": 3, "text": "退货"}, "invalid_field", 422),
            ({"client_msg_id": "a", "text": "\ud800"}, "bad_request", 400),
            ({"text": "退货"}, "invalid_field", 422)):
        answer = await api("POST", path, body)
        assert (answer.status, answer.code) == (status, code), answer.body
        check_shape(answer.json, code)
    sent = await api("POST", path, {"client_msg_id": "a", "text": "退货"})
    assert sent.status == 201, sent.body
