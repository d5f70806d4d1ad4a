"""The only contact with picows (2.3.1, pinned): its frame parser, used without its sockets.

picows' ``WSProtocol`` is given a stand-in instead of a transport, so it parses and nothing else;
reading, writing, the handshake, heartbeats and closing are ours. What we rely on is held by
``tests/unit/test_gateway_picows_contract.py``. Known of picows 2.3.1 and dealt with here:

- ``import picows`` pulls proxy and TLS helpers (50 ms); only the compiled module is imported.
- A frame that is followed by a broken one in the same read is delivered *after* picows wrote its
  close frame. The stand-in notes that close frame, and we send ours once the read is done.
- Reserved bits, fragments, UTF-8, close codes 0, 1006 and above 4999 pass it: see frames.py.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from types import ModuleType
from typing import Any, Final

from zhike.gateway import closecodes

log = logging.getLogger(__name__)


def _load_parser() -> ModuleType:
    """``picows.picows`` without the rest of its package (a package stub stands in meanwhile)."""
    if "picows" in sys.modules:
        return importlib.import_module("picows.picows")
    spec = importlib.util.find_spec("picows")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("picows is not installed")
    stub = ModuleType("picows")
    stub.__path__ = list(spec.submodule_search_locations)
    sys.modules["picows"] = stub
    try:
        return importlib.import_module("picows.picows")
    finally:
        # a later "import picows" (a test client) gets the real package around the same module
        if sys.modules.get("picows") is stub:
            del sys.modules["picows"]


_picows: Any = _load_parser()
TEXT: Final = _picows.WSMsgType.TEXT
Listener: Final = _picows.WSListener

_READ_BUFFER_BYTES: Final = 2048
"""The smallest that picows takes; it grows with the frames a peer sends and never shrinks."""
_UPGRADE: Final = (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
"""What the parser needs to see before frames; the real handshake is in handshake.py."""


class _NoSocket:
    """picows sets TCP options on the socket; uvloop has done so."""

    def fileno(self) -> int:
        return -1

    def setsockopt(self, *_: object) -> None: ...

    def getsockopt(self, *_: object) -> int:
        return 0


class _Quiet:
    """picows' logger; a logging.Logger would be copied for each connection."""

    def isEnabledFor(self, _level: int) -> bool:
        return False

    def debug(self, *_: object) -> None: ...

    info = warning = error = debug

    def exception(self, message: str, *args: object) -> None:
        log.exception(message, *args)


_NO_SOCKET: Final = _NoSocket()
_QUIET: Final = _Quiet()


class StandIn:
    """What picows takes for its transport. All it ever writes once it is open is a close frame."""

    __slots__ = ("failure",)

    def __init__(self) -> None:
        self.failure: tuple[int, str] | None = None

    def get_extra_info(self, name: str, default: object = None) -> object:
        return _NO_SOCKET if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return 1  # never 0: picows would write to the file descriptor itself

    def write(self, data: bytes) -> None:
        if data[:1] == b"\x88" and self.failure is None:
            code = int.from_bytes(data[2:4], "big")
            # picows' own words quote Python values; the code says enough
            self.failure = (code, "" if code == closecodes.INTERNAL else "frame breaks the protocol")

    def close(self) -> None: ...

    abort = close


def make_parser(listener: object, max_frame_bytes: int) -> tuple[Any, StandIn]:
    """A picows server-side parser past its handshake."""
    stand_in = StandIn()
    parser = _picows.WSProtocol(
        None, None, False, lambda _request: listener, _QUIET, True, None, False, 20, 20,
        _picows.WSAutoPingStrategy.PING_WHEN_IDLE, False, max_frame_bytes, None, _READ_BUFFER_BYTES)
    # its constructor asks whether aiofastnet's transports are in use, by importing them (20 ms)
    block = "aiofastnet" not in sys.modules
    if block:
        sys.modules["aiofastnet"] = None  # type: ignore[assignment]
    try:
        parser.connection_made(stand_in)
    finally:
        if block:
            del sys.modules["aiofastnet"]
    parser.get_buffer(-1)[:len(_UPGRADE)] = _UPGRADE
    parser.buffer_updated(len(_UPGRADE))
    parser.transport.request.headers = None
    parser.transport.response.headers = None
    return parser, stand_in
