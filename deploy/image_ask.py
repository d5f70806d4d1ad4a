"""Asks the desk in the proof's container one question as a visitor, by long polling.

    python image_ask.py CLIENT_MSG_ID

Prints one JSON object: the question's ``seq`` and the beginning of the answer.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from typing import Any

URL = "http://127.0.0.1:8080"
QUESTION = "支持七天无理由退货吗？"


def call(method: str, path: str, body: object = None, token: str = "") -> Any:
    """One request; the decoded answer."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, method=method, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def wait_until_ready(timeout_s: float = 20) -> None:
    """Returns when the desk can store and answer."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with urllib.request.urlopen(URL + "/health/ready", timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def main() -> None:
    """Asks and prints."""
    wait_until_ready()
    hello = {"type": "hello", "v": 1, "inbox": "shop", "lang": "zh"}
    token = call("POST", "/api/v1/visitor/hello", hello)["token"]
    message = {"type": "message", "client_msg_id": sys.argv[1], "text": QUESTION}
    seq = call("POST", "/api/v1/visitor/messages", message, token)["seq"]
    for _ in range(4):
        page = call("GET", f"/api/v1/visitor/messages?after={seq}&wait_s=5", token=token)
        if page["items"]:
            print(json.dumps({"seq": seq, "answer": page["items"][0]["text"][:60]}, ensure_ascii=False))
            return
    sys.exit("no answer came")


if __name__ == "__main__":
    main()
