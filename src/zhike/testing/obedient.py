"""An obedient model on a real socket: what it answers depends on its system prompt.

For tests of prompts and of the gate. It lists five ways out unless it is told to keep to three, asks
back only if it is told to, cites [1] if it is told to cite and has a source, and says yes as a judge
unless the answer promises something. ``down`` makes it refuse, ``asked`` holds what it was sent.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

WAYS = ("重启机器", "检查水管", "清洗滤网", "联系售后", "更换电机")


def obey(messages: list[dict[str, str]]) -> str:
    """The answer to ``messages``."""
    system, last = messages[0]["content"], messages[-1]["content"]
    if "质检员" in system:
        return "否" if "保证" in last else "是"
    count = 3 if "三个方案" in system or "最多列三点" in system else 5
    lines = [f"{number}. {way}" for number, way in enumerate(WAYS[:count], 1)]
    if "引用" in system and "<article id=\"1\"" in last:
        lines[0] += " [1]"
    if "保证" in system:
        lines.append("我们保证修好。")
    if "问句" in system:
        lines.append("您的机器是哪一年买的？")
    return "\n".join(lines)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        words = [message["content"] for message in body["messages"]]
        if self.server.down or "坏题" in words[-1]:
            self.send_error(500, "out of order")
            return
        text = obey(body["messages"])
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for piece in (text[:4], text[4:]):
            self._event({"choices": [{"delta": {"content": piece}}]})
        self._event({"choices": [], "usage": {"prompt_tokens": sum(map(len, words)),
                                              "completion_tokens": len(text)}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, value: Any) -> None:
        self.wfile.write(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Not on the test's screen."""


class _Server(ThreadingHTTPServer):
    down = False
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []


class ObedientModel:
    """Use it as a context; ``url`` is its address, ``/v1`` included."""

    def __init__(self) -> None:
        self._server = _Server()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The bodies of the requests so far."""
        return self._server.asked

    def break_down(self) -> None:
        """Answers 500 from now on."""
        self._server.down = True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
