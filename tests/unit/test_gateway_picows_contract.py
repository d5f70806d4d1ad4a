"""What gateway/adapter.py relies on in picows 2.3.1. If one of these fails after an upgrade of
picows, read the adapter again before changing the test."""

from __future__ import annotations

import asyncio
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from zhike.gateway import adapter
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.wsrig import masked

picows: Any = adapter._picows


class Listener(picows.WSListener):  # type: ignore[misc]
    """Notes what the parser says, in order."""

    __slots__ = ("frames",)

    def __init__(self) -> None:
        self.frames: list[tuple[int, int, int, bytes]] = []

    def on_ws_connected(self, _transport: object) -> None: ...

    def on_ws_frame(self, _transport: object, frame: Any) -> None:
        self.frames.append((int(frame.msg_type), frame.fin, frame.tail_size, frame.get_payload_as_bytes()))


def parser() -> tuple[Any, Any, Listener]:
    """A parser as the adapter makes it, with a listener of our own."""
    listener = Listener()
    made, stand_in = adapter.make_parser(listener, 65536)
    return made, stand_in, listener


def feed(made: Any, data: bytes) -> None:
    """As ``Connection.data_received`` feeds it."""
    made.get_buffer(-1)[:len(data)] = data
    made.buffer_updated(len(data))


def on_loop(check: Callable[[], None]) -> None:
    """The parser wants a running loop."""
    async def main(_loop: VirtualLoop) -> None:
        check()
        await asyncio.sleep(0.1)  # picows schedules a disconnect 10 ms after an error

    run_virtual(main)


def test_the_version_is_the_one_that_was_read() -> None:
    assert importlib.metadata.version("picows") == "2.3.1"


def test_frames_are_delivered_in_order_with_the_bytes_behind_them() -> None:
    def check() -> None:
        made, stand_in, listener = parser()
        feed(made, masked(0x81, b"one") + masked(0x02, b"two") + masked(0x81, b"three")[:4])
        assert listener.frames == [(1, 1, 13, b"one"), (2, 0, 4, b"two")]
        feed(made, masked(0x81, b"three")[4:])
        assert listener.frames[2] == (1, 1, 0, b"three")
        assert stand_in.failure is None

    on_loop(check)


@pytest.mark.parametrize("bad", [b"\x83\x80mask", b"\x81\x01x", b"\x89\xfe\x00\x7emask", b"\x09\x80mask"])
def test_a_broken_frame_makes_a_close_frame_that_the_stand_in_notes(bad: bytes) -> None:
    def check() -> None:
        made, stand_in, listener = parser()
        feed(made, masked(0x81, b"before") + bad)
        assert stand_in.failure is not None
        assert stand_in.failure[0] == 1002
        assert [frame[3] for frame in listener.frames] == [b"before"], "what came before is delivered"

    on_loop(check)


def test_a_frame_too_large_is_refused_by_its_header() -> None:
    def check() -> None:
        made, stand_in, listener = parser()
        feed(made, b"\x81\xff" + (65537).to_bytes(8, "big"))
        assert stand_in.failure is not None
        assert stand_in.failure[0] == 1009
        assert listener.frames == []

    on_loop(check)


def test_an_exception_in_a_handler_is_noted_as_1011(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Listener):
        def on_ws_frame(self, _transport: object, frame: Any) -> None:
            raise ValueError("a bug of ours")

    def check() -> None:
        made, stand_in = adapter.make_parser(Broken(), 65536)
        feed(made, masked(0x81, b"x"))
        assert stand_in.failure == (1011, "")

    on_loop(check)
    assert "a bug of ours" in caplog.text


def test_pings_come_to_us_and_are_not_answered_by_picows() -> None:
    def check() -> None:
        made, stand_in, listener = parser()
        feed(made, masked(0x89, b"p"))
        assert listener.frames == [(9, 1, 0, b"p")]
        assert stand_in.failure is None

    on_loop(check)


def test_the_read_buffer_doubles_and_takes_the_largest_frame() -> None:
    def check() -> None:
        made, _, listener = parser()
        data = masked(0x81, b"x" * 65536)
        while data:
            view = made.get_buffer(-1)
            assert 0 < len(view) <= 1 << 18
            piece, data = data[:len(view)], data[len(view):]
            feed(made, piece)
        assert len(listener.frames[0][3]) == 65536

    on_loop(check)


def test_only_the_compiled_module_is_imported() -> None:
    code = ("import sys, zhike.gateway.adapter as a;"
            "bad = [m for m in ('picows', 'picows.api', 'picows.proxy', 'aiofastnet', 'python_socks')"
            "       if m in sys.modules];"
            "assert not bad, bad;"
            "import picows; assert picows.WSListener is a._picows.WSListener; assert picows.ws_connect")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_making_a_parser_imports_nothing_and_hides_nothing() -> None:
    code = ("import asyncio, sys, zhike.gateway.adapter as a\n"
            "class L(a._picows.WSListener):\n"
            "    def on_ws_connected(self, t): pass\n"
            "async def main():\n"
            "    a.make_parser(L(), 65536)\n"
            "asyncio.run(main())\n"
            "assert 'aiofastnet' not in sys.modules\n"
            "import aiofastnet\n")
    subprocess.run([sys.executable, "-c", code], check=True)
