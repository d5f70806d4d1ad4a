"""Frames and the handshake, without I/O."""

from __future__ import annotations

import pytest

from zhike.errors import CATALOGUE, ZhikeError
from zhike.gateway import closecodes, frames, handshake
from zhike.testing.wsrig import UPGRADE, masked


@pytest.mark.parametrize(("size", "head"), [(0, b"\x81\x00"), (125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e"),
                                            (1023, b"\x81\x7e\x03\xff"), (1024, b"\x81\x7e\x04\x00"),
                                            (65535, b"\x81\x7e\xff\xff"),
                                            (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00")])
def test_lengths_are_written_in_the_shortest_way(size: int, head: bytes) -> None:
    payload = b"x" * size
    assert frames.encode_text(payload) == frames.encode(frames.TEXT, payload) == head + payload


def test_a_close_reason_is_cut_between_characters() -> None:
    frame = frames.encode_close(4001, "x" + "忙" * 100)
    assert frame[1] == 2 + 1 + 40 * 3
    assert frame[4:].decode() == "x" + "忙" * 40
    assert frames.encode_close(closecodes.NO_CODE, "x") == b"\x88\x00"


def test_a_message_is_bounded_over_all_its_fragments() -> None:
    message = frames.Fragments(frames.BINARY, 10)
    assert message.add(b"12345", False) is None
    with pytest.raises(frames.FrameError) as caught:
        message.add(b"123456", True)
    assert caught.value.code == 1009
    assert frames.Fragments(frames.BINARY, 10).add(b"1234567890", True) == b"1234567890"


def test_endless_empty_fragments_take_no_memory() -> None:
    message = frames.Fragments(frames.TEXT, 10)
    for _ in range(1000):
        message.add(b"", False)
    assert message._parts == []


@pytest.mark.parametrize("position", range(1, 12))
def test_an_arriving_frame_is_checked_wherever_it_is_cut(position: int) -> None:
    bad = masked(0x81, b"abc\xff")
    arriving = frames.Arriving(None, 100)

    def feed() -> None:
        for start in range(0, len(bad), position):
            arriving.feed(bad[start:start + position])

    with pytest.raises(frames.FrameError) as caught:
        feed()
    assert caught.value.code == 1007


def test_an_arriving_frame_too_large_is_refused_by_its_length() -> None:
    for size in (101, 70_000):
        with pytest.raises(frames.FrameError) as caught:
            frames.Arriving(None, 100).feed(masked(0x82, b"x" * size)[:10])
        assert caught.value.code == 1009
    message = frames.Fragments(frames.BINARY, 100)
    message.add(b"x" * 60, False)
    with pytest.raises(frames.FrameError):
        frames.Arriving(message, 100).feed(masked(0x80, b"x" * 41)[:2])
    frames.Arriving(message, 100).feed(masked(0x89, b"x" * 41)[:6])  # a ping in between is no part of it


def test_close_codes_tell_whether_to_come_back() -> None:
    for code, spec in closecodes.BY_CODE.items():
        assert 4000 <= code <= 4999
        assert closecodes.may_reconnect(code) == (code < 4500) == (spec.retry != "never"), spec.code
    assert closecodes.may_reconnect(1001)
    assert closecodes.may_reconnect(1006)
    assert not closecodes.may_reconnect(1007)
    assert {closecodes.of_error(code) for code in CATALOGUE} <= set(closecodes.BY_CODE)
    assert closecodes.of_error("conflict") == 4506
    assert closecodes.of_error("store_unavailable") == 4008


def head(*, drop: str = "", first: bytes = b"GET /ws?x=1 HTTP/1.1", **change: str) -> bytes:
    """An upgrade request with one thing changed."""
    headers = dict(line.split(": ", 1) for line in UPGRADE.decode().strip().split("\r\n")[1:])
    headers.update({name.replace("_", "-"): value for name, value in change.items()})
    return b"\r\n".join([first, *(f"{k}: {v}".encode() for k, v in headers.items() if k != drop)])


def test_the_accept_key_of_the_rfc() -> None:
    request = handshake.parse(head())
    assert request.path == "/ws"
    assert request.headers["origin"] == "https://shop.example"
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n" in handshake.accept(request)


@pytest.mark.parametrize(("data", "status"), [
    (head(drop="Host"), 400), (head(drop="Upgrade"), 426), (head(Connection="close"), 426),
    (head(drop="Sec-WebSocket-Key"), 400), (head(Sec_WebSocket_Key="c2hvcnQ="), 400),
    (head(Sec_WebSocket_Key="not base64!"), 400), (head(Sec_WebSocket_Key="钥匙"), 400),
    (head(Sec_WebSocket_Version="8"), 426), (head(Content_Length="5"), 400),
    (head(Transfer_Encoding="chunked"), 400), (head(first=b"POST /ws HTTP/1.1"), 400),
    (head(first=b"GET /ws HTTP/1.0"), 400), (head(first=b"GET /ws"), 400), (head(first=b"\x16\x03\x01"), 400),
    (head() + b"\r\nbad header", 400), (head() + b"\r\nbad name: x", 400), (head() + b"\r\n: x", 400),
    (head() + b"\r\nx: a\nb", 400), (head() + b"\r\nx: y" * 200, 400)])
def test_what_is_not_a_handshake_is_refused(data: bytes, status: int) -> None:
    with pytest.raises(handshake.Refused) as caught:
        handshake.accept(handshake.parse(data))
    assert caught.value.status == status
    answer = handshake.refusal(status, caught.value.error)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b'"code":"bad_request"' in answer


def test_repeated_headers_join() -> None:
    request = handshake.parse(head() + b"\r\nX-Forwarded-For: a\r\nx-forwarded-for: b\r\n"
                              b"Cookie: a=1\r\nCookie: b=2")
    assert request.headers["x-forwarded-for"] == "a, b"
    assert request.headers["cookie"] == "a=1; b=2"


def test_a_refusal_tells_when_to_come_back_in_the_clients_language() -> None:
    request = handshake.parse(head(Accept_Language="zh-CN,zh;q=0.9"))
    answer = handshake.refusal(503, ZhikeError("starting", retry_after_s=2.4), request.lang).decode()
    assert "\r\nRetry-After: 2\r\n" in answer
    assert "正在启动" in answer
    body = answer.partition("\r\n\r\n")[2]
    assert f"Content-Length: {len(body.encode())}\r\n" in answer
