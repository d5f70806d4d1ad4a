"""Sends a tool's request: to checked addresses only, no redirect followed, no more read than it allows."""

from __future__ import annotations

from typing import Any

import msgspec

from zhike.access.outbound import Outbound
from zhike.answer.tools.request import HttpCall

CONNECT_S = 3.0
NOTHING = frozenset({404, 410})
"""The shop's server says: there is no such thing."""


class TooLargeError(Exception):
    """The answer is larger than the tool allows."""


class AnswerError(Exception):
    """An answer that is none: a status beyond 2xx, a redirect, no JSON. Holds nothing of its body."""


class HttpTools:
    """Sends the requests of all tools.

    Args:
        allow_private: requests may go to addresses of private networks.
        ssl_context: for tests with their own certificate authority; default: the system's.
    """

    def __init__(self, *, allow_private: bool = False, ssl_context: Any = None) -> None:
        self._out = Outbound(allow_private=allow_private, ssl_context=ssl_context)

    async def send(self, call: HttpCall, timeout_s: float, max_bytes: int) -> Any:
        """The answer's JSON (a text where it is plain text, {} where it is empty, None where there is
        no such thing). Cancelling closes the connection.

        Raises:
            BadTarget: the address is not allowed.
            TooLargeError, AnswerError: see there.
            OSError, httpx2.HTTPError: the server cannot be reached.
        """
        target = await self._out.resolve(call.url)
        headers = {"User-Agent": "zhike", "Accept": "application/json", "Accept-Encoding": "identity",
                   **call.headers}
        async with self._out.request(call.method, target, headers=headers, body=call.body,
                                     timeout_s=timeout_s, connect_s=CONNECT_S) as response:
            return await _read(response, max_bytes)

    async def close(self) -> None:
        """Closes idle connections."""
        await self._out.close()


async def _read(response: Any, max_bytes: int) -> Any:
    status = response.status_code
    if status in NOTHING:
        return None
    if not 200 <= status < 300:
        raise AnswerError(f"status {status}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise AnswerError("compressed, though nobody asked for it")  # a few bytes could unpack to gigabytes
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise TooLargeError
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        if response.headers.get("content-type", "").startswith("text/plain"):
            return body.decode("utf-8", "replace")
        raise AnswerError("no JSON") from error
