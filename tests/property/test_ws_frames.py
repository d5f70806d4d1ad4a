"""Frames: however a stream is fragmented and cut, the messages are the same; garbage never harms."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from zhike.gateway.connection import Connection
from zhike.gateway.echo import EchoEndpoint
from zhike.gateway.handshake import Request
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import UPGRADE, FakeTransport, masked

MAX_BYTES = 2000
Seen = list[tuple[str, bytes]]


class Endpoint(EchoEndpoint):
    """Notes messages instead of echoing them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop, MAX_BYTES)
        self.seen: Seen = []

    def open(self, conn: Connection, request: Request) -> Endpoint:
        return self

    def on_text(self, payload: bytes) -> None:
        payload.decode()
        self.seen.append(("text", payload))

    def on_binary(self, payload: bytes) -> None:
        self.seen.append(("binary", payload))

    def on_deadline(self) -> None: ...

    def on_closed(self, code: int) -> None:
        self.seen.append(("closed", str(code).encode()))


def run(data: bytes, cuts: Sequence[int]) -> tuple[Seen, bytes]:
    """What a connection makes of ``data`` cut at ``cuts``: what it saw, what it wrote."""
    async def main(loop: VirtualLoop) -> tuple[Seen, bytes]:
        endpoint = Endpoint(loop)
        endpoint.start()
        conn = endpoint.connection()
        transport = FakeTransport(loop)
        transport.protocol = conn
        conn.connection_made(transport)
        conn.data_received(UPGRADE + b"\r\n")
        transport.read = b""
        edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
        for start, end in itertools.pairwise(edges):
            conn.data_received(data[start:end])
        seen, wrote = endpoint.seen.copy(), transport.read
        await asyncio.sleep(6)
        assert not conn.closing or transport.aborted
        return seen, wrote

    return run_virtual(main)


message = st.one_of(st.tuples(st.just("text"), st.text(max_size=200).map(str.encode)),
                    st.tuples(st.just("binary"), st.binary(max_size=400)))
cuts = st.lists(st.integers(0, 100_000), max_size=12)
control = st.one_of(st.none(), st.binary(max_size=125))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(message, cuts, control), max_size=5), cuts)
def test_messages_survive_any_fragmentation_and_any_cut(
        plan: list[tuple[tuple[str, bytes], list[int], bytes | None]], edges: list[int]) -> None:
    data, pongs = b"", []
    for (kind, payload), fragments, ping in plan:
        ends = [*sorted({cut % (len(payload) + 1) for cut in fragments}), len(payload)]
        start = 0
        for number, end in enumerate(ends):
            opcode = 0 if number else 1 if kind == "text" else 2
            data += masked((0x80 if number == len(ends) - 1 else 0) | opcode, payload[start:end])
            start = end
            if ping is not None:
                data += masked(0x89, ping)
                pongs.append(bytes((0x8A, len(ping))) + ping)
    seen, wrote = run(data, edges)
    assert seen == [each for each, _, _ in plan]
    assert wrote == b"".join(pongs)

garbage = st.one_of(
    st.binary(max_size=40),
    st.tuples(st.integers(0, 255), st.binary(max_size=60)).map(lambda each: masked(*each)),
    st.tuples(st.sampled_from([0x81, 0x01, 0x80, 0x00, 0x82, 0x88, 0x89, 0xC1]),
              st.one_of(st.text().map(str.encode), st.binary(max_size=130), st.just(b"x" * 1500)),
              ).map(lambda each: masked(*each)))


@settings(max_examples=200, deadline=None)
@given(st.lists(garbage, max_size=8).map(b"".join), cuts)
def test_any_bytes_end_well_and_the_same_however_they_are_cut(data: bytes, edges: list[int]) -> None:
    seen, wrote = run(data, edges)
    whole, wrote_whole = run(data, [])
    assert [each for each in seen if each[0] != "closed"] == [each for each in whole if each[0] != "closed"]
    ends = {each for each in {*seen, *whole} if each[0] == "closed"}
    # a frame with two faults may be told either of them, whichever is seen first
    assert len(ends) <= 1 or ends <= {("closed", b"1002"), ("closed", b"1007"), ("closed", b"1009")}
    assert len(seen) == len(whole), "closed or not"
    assert wrote.partition(b"\x88")[0] == wrote_whole.partition(b"\x88")[0]
    closed = [int(each[1]) for each in seen if each[0] == "closed"]
    assert len(closed) <= 1
    assert all(code in (1000, 1001, 1002, 1003, 1005, 1007, 1009) or 1008 <= code <= 1014 or code >= 3000
               for code in closed)
