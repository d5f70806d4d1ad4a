"""RFC 6455 from outside, by raw sockets: the rules that Autobahn's groups 1-7 and 10 look at.

The case numbers are those of the Autobahn suite, so that a failure there can be found here.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import threading
from collections.abc import Iterator

import pytest
import uvloop

from zhike.gateway.echo import start_echo

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
Got = tuple[int, bytes]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """An echo server on a loop in another thread."""
    ports: list[int] = []
    up = threading.Event()
    stop: list[asyncio.Event] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        front, number = await start_echo(0)
        ports.append(number)
        stop.append(asyncio.Event())
        loops.append(asyncio.get_running_loop())
        up.set()
        await stop[0].wait()
        front.close()

    thread = threading.Thread(target=lambda: uvloop.run(main()), daemon=True)
    thread.start()
    assert up.wait(20)
    yield ports[0]
    loops[0].call_soon_threadsafe(stop[0].set)
    thread.join(10)


class Client:
    """A WebSocket client that can do everything wrong."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall((f"GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n"
                           f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}"
                           "\r\n\r\n").encode())
        self._data = b""
        head = self._until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0,
              chop: int = 0) -> None:
        """Sends one frame, in pieces of ``chop`` bytes if given."""
        self.raw(frame(opcode, payload, fin=fin, rsv=rsv), chop)

    def raw(self, data: bytes, chop: int = 0) -> None:
        """Sends bytes; a server that has had enough may have closed already."""
        try:
            for start in range(0, len(data), chop or len(data) or 1):
                self.sock.sendall(data[start:start + (chop or len(data))])
        except (BrokenPipeError, ConnectionResetError):
            pass

    def read(self) -> Got:
        """The next frame: opcode, payload. The server never fragments, masks or sets reserved bits."""
        first, second = self._take(2)
        assert first & 0xF0 == 0x80
        assert not second & 0x80
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(self._take(2), "big")
            assert size > 125
        elif size == 127:
            size = int.from_bytes(self._take(8), "big")
            assert size > 65535
        return first & 0x0F, self._take(size)

    def rest(self) -> list[Got]:
        """All frames until the server ends the stream; nothing may follow a close frame."""
        got: list[Got] = []
        while True:
            try:
                got.append(self.read())
            except EOFError:
                break
        assert all(opcode != CLOSE for opcode, _ in got[:-1])
        return got

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            more = self.sock.recv(1 << 16)
            if not more:
                assert not self._data, "the stream ends inside a frame"
                raise EOFError
            self._data += more
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._data:
            self._data += self.sock.recv(1 << 16)
        head, _, self._data = self._data.partition(mark)
        return head


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """One masked frame."""
    mask = os.urandom(4)
    size = len(payload)
    head = bytes(((0x80 if fin else 0) | rsv << 4 | opcode,))
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 65536:
        head += b"\xfe" + size.to_bytes(2, "big")
    else:
        head += b"\xff" + size.to_bytes(8, "big")
    repeated = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
    return head + mask + masked


def code(got: Got) -> int:
    """The code of a close frame."""
    assert got[0] == CLOSE
    return int.from_bytes(got[1][:2], "big")


def closes_well(client: Client) -> None:
    """The connection is still good: it answers a close with the same."""
    client.frame(CLOSE, (1000).to_bytes(2, "big"))
    assert client.rest() == [(CLOSE, (1000).to_bytes(2, "big"))]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65535, 65536, 300_000])
def test_1_messages_of_every_size_come_back(port: int, opcode: int, size: int) -> None:
    payload = b"*" * size if opcode == TEXT else os.urandom(size)
    with Client(port) as client:
        client.frame(opcode, payload)
        assert client.read() == (opcode, payload)
        closes_well(client)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_1_x_8_a_frame_in_chops_of_997(port: int, opcode: int) -> None:
    payload = b"\xe7\x9f\xa5" * 21845
    with Client(port) as client:
        client.frame(opcode, payload, chop=997)
        assert client.read() == (opcode, payload)
        closes_well(client)


@pytest.mark.parametrize("payload", [b"", b"Hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125])
@pytest.mark.parametrize("chop", [0, 1])
def test_2_a_ping_gets_its_payload_back(port: int, payload: bytes, chop: int) -> None:
    with Client(port) as client:
        client.frame(PING, payload, chop=chop)
        assert client.read() == (PONG, payload)
        closes_well(client)


def test_2_5_a_ping_too_long_fails(port: int) -> None:
    with Client(port) as client:
        client.frame(PING, b"\xfe" * 126)
        assert [code(got) for got in client.rest()] == [1002]


def test_2_7_to_9_a_pong_nobody_asked_for_is_ignored(port: int) -> None:
    with Client(port) as client:
        client.frame(PONG)
        client.frame(PONG, b"unsolicited")
        client.frame(PING, b"p")
        assert client.read() == (PONG, b"p")
        closes_well(client)


@pytest.mark.parametrize("chop", [0, 1])
def test_2_10_and_11_ten_pings_at_once(port: int, chop: int) -> None:
    payloads = [b"payload-%d" % number for number in range(10)]
    with Client(port) as client:
        client.raw(b"".join(frame(PING, payload) for payload in payloads), chop)
        assert [client.read() for _ in payloads] == [(PONG, payload) for payload in payloads]
        closes_well(client)


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_3_reserved_bits_fail(port: int, rsv: int, opcode: int) -> None:
    with Client(port) as client:
        client.frame(opcode, b"" if opcode == CLOSE else b"x", rsv=rsv)
        assert [code(got) for got in client.rest()] == [1002]


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("chop", [0, 1, 7])
def test_3_2_to_4_what_came_before_the_bad_frame_is_answered(port: int, rsv: int, chop: int) -> None:
    with Client(port) as client:
        client.raw(frame(TEXT, b"Hello") + frame(TEXT, b"Hello", rsv=rsv) + frame(PING), chop)
        first, last = client.rest()
        assert first == (TEXT, b"Hello")
        assert code(last) == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("chop", [0, 1])
def test_4_reserved_opcodes_fail_after_the_echo(port: int, opcode: int, chop: int) -> None:
    with Client(port) as client:
        client.raw(frame(TEXT, b"Hello") + frame(opcode, b"x") + frame(PING), chop)
        first, last = client.rest()
        assert first == (TEXT, b"Hello")
        assert code(last) == 1002


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_5_1_and_2_control_frames_are_not_fragmented(port: int, opcode: int) -> None:
    with Client(port) as client:
        client.frame(opcode, b"\x03\xe8", fin=False)
        client.frame(CONT, b"x")
        assert [code(got) for got in client.rest()] == [1002]


@pytest.mark.parametrize("chop", [0, 1, 5])
def test_5_3_to_5_a_text_in_two_fragments(port: int, chop: int) -> None:
    with Client(port) as client:
        client.raw(frame(TEXT, b"fragment1", fin=False) + frame(CONT, b"fragment2"), chop)
        assert client.read() == (TEXT, b"fragment1fragment2")
        closes_well(client)


@pytest.mark.parametrize("chop", [0, 1])
def test_5_6_to_8_a_ping_between_fragments_is_answered_first(port: int, chop: int) -> None:
    with Client(port) as client:
        client.raw(frame(TEXT, b"fragment1", fin=False) + frame(PING, b"ping") + frame(CONT, b"fragment2"),
                   chop)
        assert [client.read(), client.read()] == [(PONG, b"ping"), (TEXT, b"fragment1fragment2")]
        closes_well(client)


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("chop", [0, 1])
def test_5_9_to_14_a_continuation_of_nothing_fails(port: int, fin: bool, chop: int) -> None:
    with Client(port) as client:
        client.raw(frame(CONT, b"non-continuation payload", fin=fin) + frame(TEXT, b"Hello"), chop)
        assert [code(got) for got in client.rest()] == [1002]


@pytest.mark.parametrize("fin", [True, False])
def test_5_15_a_whole_message_then_a_continuation_of_nothing(port: int, fin: bool) -> None:
    with Client(port) as client:
        client.raw(frame(TEXT, b"fragment1", fin=False) + frame(CONT, b"fragment2")
                   + frame(CONT, b"fragment3", fin=fin) + frame(TEXT, b"fragment4"))
        first, last = client.rest()
        assert first == (TEXT, b"fragment1fragment2")
        assert code(last) == 1002


def test_5_18_a_new_message_inside_another_fails(port: int) -> None:
    with Client(port) as client:
        client.raw(frame(TEXT, b"fragment1", fin=False) + frame(TEXT, b"fragment2"))
        assert [code(got) for got in client.rest()] == [1002]


@pytest.mark.parametrize("chop", [0, 1])
def test_5_19_and_20_many_fragments_with_pings(port: int, chop: int) -> None:
    with Client(port) as client:
        client.raw(frame(TEXT, b"f1", fin=False) + frame(CONT, b"f2", fin=False) + frame(PING, b"p1")
                   + frame(CONT, b"f3", fin=False) + frame(CONT, b"f4", fin=False) + frame(PING, b"p2")
                   + frame(CONT, b"f5"), chop)
        assert [client.read() for _ in range(3)] == [(PONG, b"p1"), (PONG, b"p2"), (TEXT, b"f1f2f3f4f5")]
        closes_well(client)


GOOD = "Hello-µ@ßöäüàá-UTF-8!! κόσμε 知客 \U0010ffff \U00010000 ￿ ퟿ 😀 �".encode()
BAD = [b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf8\x88\x80\x80\x80",
       b"\xff", b"\xfe", b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\x81", b"\xe0\x80\xaf", b"\xe0\x9f\xbf",
       b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf", "κόσμε".encode() + b"\xed\xa0\x80edited", b"\xc2x",
       b"\xe4\xbdx"]
CUT = [b"\xce", b"\xe1\xbd", b"\xf0\x90\x80", b"abc\xe4\xbd"]


@pytest.mark.parametrize("chop", [0, 1])
def test_6_2_good_text_whole_and_cut_anywhere(port: int, chop: int) -> None:
    with Client(port) as client:
        client.frame(TEXT, GOOD, chop=chop)
        assert client.read() == (TEXT, GOOD)
        pieces = [GOOD[start:start + 1] for start in range(len(GOOD))]
        client.raw(b"".join(frame(TEXT if number == 0 else CONT, piece, fin=number == len(pieces) - 1)
                            for number, piece in enumerate(pieces)), chop)
        assert client.read() == (TEXT, GOOD)
        closes_well(client)


@pytest.mark.parametrize("bad", BAD + CUT)
@pytest.mark.parametrize("chop", [0, 1])
def test_6_3_bad_text_fails(port: int, bad: bytes, chop: int) -> None:
    with Client(port) as client:
        client.frame(TEXT, bad, chop=chop)
        assert [code(got) for got in client.rest()] == [1007]


@pytest.mark.parametrize("bad", BAD)
def test_6_4_1_bad_text_fails_with_the_fragment_it_is_in(port: int, bad: bytes) -> None:
    with Client(port) as client:
        client.frame(TEXT, GOOD, fin=False)
        client.frame(CONT, bad, fin=False)
        assert [code(got) for got in client.rest()] == [1007]  # the message never ends


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("fragmented", [False, True])
def test_6_4_3_bad_text_fails_in_the_middle_of_a_frame(port: int, bad: bytes, fragmented: bool) -> None:
    whole = frame(CONT if fragmented else TEXT, GOOD + bad + GOOD)
    with Client(port) as client:
        if fragmented:
            client.frame(TEXT, GOOD, fin=False)
        client.raw(whole[:len(whole) - len(GOOD)], chop=3)  # the frame never ends
        assert [code(got) for got in client.rest()] == [1007]


def test_6_a_character_cut_between_fragments_is_whole(port: int) -> None:
    text = "知😀".encode()
    with Client(port) as client:
        for cut in range(1, len(text)):
            client.frame(TEXT, text[:cut], fin=False)
            client.frame(CONT, text[cut:], chop=1)
            assert client.read() == (TEXT, text)
        closes_well(client)


def test_6_an_unfinished_character_at_the_end_fails(port: int) -> None:
    with Client(port) as client:
        client.frame(TEXT, b"abc\xe4", fin=False)
        client.frame(CONT, b"\xbd")
        assert [code(got) for got in client.rest()] == [1007]


def test_binary_may_hold_anything(port: int) -> None:
    payload = b"".join(BAD)
    with Client(port) as client:
        client.raw(frame(BINARY, payload[:9], fin=False) + frame(CONT, payload[9:]), chop=1)
        assert client.read() == (BINARY, payload)
        closes_well(client)


@pytest.mark.parametrize("after", [[], [(CLOSE, b"\x03\xe8")], [(PING, b"p")], [(TEXT, b"Hello")],
                                   [(CONT, b"fragment2")]])
def test_7_1_nothing_is_answered_after_a_close(port: int, after: list[Got]) -> None:
    with Client(port) as client:
        if after and after[0][0] == CONT:
            client.frame(TEXT, b"fragment1", fin=False)
        client.raw(frame(CLOSE, b"\x03\xe8") + b"".join(frame(*each) for each in after))
        assert client.rest() == [(CLOSE, b"\x03\xe8")]


def test_7_1_6_a_large_message_then_a_close(port: int) -> None:
    with Client(port) as client:
        client.raw(frame(TEXT, b"x" * 262_144) + frame(TEXT, b"Hello") + frame(CLOSE, b"\x03\xe8")
                   + frame(PING))
        assert client.rest() == [(TEXT, b"x" * 262_144), (TEXT, b"Hello"), (CLOSE, b"\x03\xe8")]


def test_7_3_1_a_close_without_a_code(port: int) -> None:
    with Client(port) as client:
        client.frame(CLOSE)
        assert client.rest() == [(CLOSE, b"")]


def test_7_3_2_half_a_code(port: int) -> None:
    with Client(port) as client:
        client.frame(CLOSE, b"\x03")
        assert [code(got) for got in client.rest()] == [1002]


@pytest.mark.parametrize("reason", [b"", b"Hello World!", b"*" * 123])
def test_7_3_3_to_5_a_close_with_a_reason(port: int, reason: bytes) -> None:
    with Client(port) as client:
        client.frame(CLOSE, b"\x03\xe8" + reason)
        assert [code(got) for got in client.rest()] == [1000]


def test_7_3_6_a_reason_too_long(port: int) -> None:
    with Client(port) as client:
        client.frame(CLOSE, b"\x03\xe8" + b"*" * 124)
        assert [code(got) for got in client.rest()] == [1002]


def test_7_5_1_a_reason_that_is_not_utf8(port: int) -> None:
    with Client(port) as client:
        client.frame(CLOSE, b"\x03\xe8\xce\xba\xed\xa0\x80")
        assert [code(got) for got in client.rest()] == [1007]


@pytest.mark.parametrize("number", [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999])
def test_7_7_codes_that_may_be_sent(port: int, number: int) -> None:
    with Client(port) as client:
        client.frame(CLOSE, number.to_bytes(2, "big"))
        assert [code(got) for got in client.rest()] == [number]


@pytest.mark.parametrize("number", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_7_9_and_13_codes_that_may_not(port: int, number: int) -> None:
    with Client(port) as client:
        client.frame(CLOSE, number.to_bytes(2, "big"))
        assert [code(got) for got in client.rest()] == [1002]


@pytest.mark.parametrize("bad", [b"\x81\x05Hello", b"\x89\x00"])
def test_frames_without_a_mask_fail(port: int, bad: bytes) -> None:
    with Client(port) as client:
        client.raw(bad)
        assert [code(got) for got in client.rest()] == [1002]


@pytest.mark.parametrize("bad", [b"\x82\xfe\x00\x7d", b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff",
                                 b"\x82\xff\x80" + b"\x00" * 7])
def test_lengths_must_be_written_in_the_shortest_way(port: int, bad: bytes) -> None:
    with Client(port) as client:
        client.raw(bad + b"mask")
        assert [code(got) for got in client.rest()] == [1002]


@pytest.mark.parametrize("chop", [0, 1])
def test_10_1_1_a_message_in_fragments_of_1300(port: int, chop: int) -> None:
    payload = b"*" * 65536
    pieces = [payload[start:start + 1300] for start in range(0, len(payload), 1300)]
    data = b"".join(frame(TEXT if number == 0 else CONT, piece, fin=number == len(pieces) - 1)
                    for number, piece in enumerate(pieces))
    with Client(port) as client:
        client.raw(data, chop * 997)
        assert client.read() == (TEXT, payload)
        closes_well(client)


def test_a_large_message_byte_by_byte_in_empty_fragments(port: int) -> None:
    with Client(port) as client:
        client.raw(frame(TEXT, fin=False) + frame(CONT, fin=False) * 5000 + frame(CONT, b"end"))
        assert client.read() == (TEXT, b"end")
        closes_well(client)
