"""The yardstick: a bare picows echo server, and nothing else, in a process of its own.

``python -m zhike.ops.bench.baseline`` listens on a free loopback port and prints ``{"port": …}``.
Every ratio of the bench is against this server, driven by the same clients with the same payload,
number of sessions and depth, in the same run.
"""

from __future__ import annotations

import asyncio
import json
import sys

import picows
import uvloop


class _Echo(picows.WSListener):
    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT or frame.msg_type == picows.WSMsgType.BINARY:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())
        elif frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


async def _serve() -> None:
    server = await picows.ws_create_server(lambda _: _Echo(), "127.0.0.1", 0, websocket_handshake_timeout=10,
                                           backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    # The bench holds our stdin; when it ends, however it ends, we end.
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


def main() -> int:
    """Entry point of the process."""
    uvloop.run(_serve())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
