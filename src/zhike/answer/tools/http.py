"""Sends a tool's request: to checked addresses only, no redirect followed, no more read than it allows."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from zhike.access.targets import Target, resolve
from zhike.answer.tools.request import HttpCall

CONNECT_S = 3.0
MAX_CLIENTS = 32
MAX_ADDRESSES = 3
NOTHING = frozenset({404, 410})
"""The shop's server says: there is no such thing."""


class TooLargeError(Exception):
    """The answer is larger than the tool allows."""


class AnswerError(Exception):
    """An answer that is none: a status beyond 2xx, a redirect, no JSON. Holds nothing of its body."""


class HttpTools:
    """One client per host: a connection checked for one name is never used for another.

    Args:
        allow_private: requests may go to addresses of private networks.
        ssl_context: for tests with their own certificate authority; default: the system's.
    """

    def __init__(self, *, allow_private: bool = False, ssl_context: Any = None) -> None:
        self._allow_private = allow_private
        self._ssl_context = ssl_context
        self._clients: dict[tuple[str, str, int], Any] = {}

    async def send(self, call: HttpCall, timeout_s: float, max_bytes: int) -> Any:
        """The answer's JSON (a text where it is plain text, {} where it is empty, None where there is
        no such thing). Cancelling closes the connection.

        Raises:
            BadTarget: the address is not allowed.
            TooLargeError, AnswerError: see there.
            OSError, httpx2.HTTPError: the server cannot be reached.
        """
        target = await resolve(call.url, allow_private=self._allow_private)
        client = await self._client(target)
        import httpx2

        url = httpx2.URL(target.url)
        headers = {"User-Agent": "zhike", "Accept": "application/json", "Accept-Encoding": "identity",
                   **call.headers, "Host": url.netloc.decode("ascii")}
        sni = {"sni_hostname": target.host} if target.scheme == "https" else {}
        timeout = httpx2.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
        problem: Exception = AnswerError("no address")
        for address in target.addresses[:MAX_ADDRESSES]:
            # the connection goes to the checked address; name and certificate are those of the host
            request = client.build_request(call.method, url.copy_with(host=address), content=call.body,
                                           headers=headers, extensions=sni, timeout=timeout)
            try:
                response = await client.send(request, stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                problem = error  # certainly not arrived: the next address may do
                continue
            try:
                return await _read(response, max_bytes)
            finally:
                await response.aclose()
        raise problem

    async def close(self) -> None:
        """Closes idle connections."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    async def _client(self, target: Target) -> Any:
        key = (target.scheme, target.host, target.port)
        client = self._clients.get(key)
        if client is None:
            if len(self._clients) >= MAX_CLIENTS:
                await self._clients.pop(next(iter(self._clients))).aclose()
            client = self._clients.setdefault(
                key, await asyncio.get_running_loop().run_in_executor(None, self._make_client))
        return client

    def _make_client(self) -> Any:
        """In a thread: importing the library and loading the certificates takes a while."""
        import ssl

        import httpx2

        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        return httpx2.AsyncClient(
            verify=self._ssl_context, trust_env=False, follow_redirects=False,
            limits=httpx2.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=20.0))


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
