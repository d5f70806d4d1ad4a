"""The way to an address that :mod:`zhike.access.targets` has checked: callbacks, tools, a crawl.

The connection goes to the checked address while name and certificate are those of the host; no
redirect is followed and no proxy of the environment is asked. There is one client per host, so that a
connection checked for one name is never used for another.

The library is imported when the first client is made, in a thread: 0.1 s nobody should wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from zhike.access.targets import Target, resolve

MAX_ADDRESSES = 3
"""Of one host tried, one after the other, while none of them accepts the connection."""
MAX_CLIENTS = 64
"""Hosts whose connections are kept; the one unused for longest makes room."""
CONNECTIONS, KEPT, KEPT_S = 16, 8, 20.0
"""Connections per host at most, idle ones of them, and for how long."""


class _Client:
    """The client of one host, and how many requests it has in hand."""

    def __init__(self, http: Any) -> None:
        self.http = http
        self.in_hand = 0
        self.dropped = False

    async def drop(self) -> None:
        """Closes it, at once or with its last request: nobody's answer is cut short."""
        self.dropped = True
        if not self.in_hand:
            await self.http.aclose()


class Outbound:
    """See the module; to be used on one event loop.

    Args:
        allow_private: requests may go to addresses of private networks.
        ssl_context: for tests with their own certificate authority; default: the system's.
    """

    def __init__(self, *, allow_private: bool = False, ssl_context: Any = None) -> None:
        self._allow_private = allow_private
        self._ssl_context = ssl_context
        self._clients: dict[tuple[str, str, int], _Client] = {}

    async def resolve(self, url: str) -> Target:
        """Looks a URL up and checks it.

        Raises:
            BadTarget: nothing of ours may go there.
            OSError: the name cannot be looked up now.
        """
        return await resolve(url, allow_private=self._allow_private)

    @asynccontextmanager
    async def request(self, method: str, target: Target, *, headers: Mapping[str, str],
                      body: bytes | None = None, timeout_s: float, connect_s: float) -> AsyncIterator[Any]:
        """Sends a request; gives its response, unread, and closes that in the end, also when cancelled.

        Args:
            timeout_s: per wait for the server, ``connect_s`` for its accepting of a connection.

        Raises:
            httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout: it certainly did not arrive
                (:func:`not_arrived`).
            httpx2.HTTPError, httpx2.InvalidURL: it cannot be sent, or may have arrived.
        """
        client = await self._client(target)
        client.in_hand += 1
        try:
            response = await self._send(client.http, method, target, headers, body, timeout_s, connect_s)
            try:
                yield response
            finally:
                await response.aclose()
        finally:
            client.in_hand -= 1
            if client.dropped:
                await client.drop()

    async def close(self) -> None:
        """Closes idle connections; those of requests in hand go with them."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.drop()

    async def _send(self, http: Any, method: str, target: Target, headers: Mapping[str, str],
                    body: bytes | None, timeout_s: float, connect_s: float) -> Any:
        import httpx2

        url = httpx2.URL(target.url)
        named = {**headers, "Host": url.netloc.decode("ascii")}
        sni = {"sni_hostname": target.host} if target.scheme == "https" else {}
        timeout = httpx2.Timeout(timeout_s, connect=min(connect_s, timeout_s))
        problem: Exception = httpx2.ConnectError("no address")
        for address in target.addresses[:MAX_ADDRESSES]:
            request = http.build_request(method, url.copy_with(host=address), content=body, headers=named,
                                         extensions=sni, timeout=timeout)
            try:
                return await http.send(request, stream=True)
            except Exception as error:
                if not not_arrived(error):
                    raise
                problem = error  # the next address may do
        raise problem

    async def _client(self, target: Target) -> _Client:
        key = (target.scheme, target.host, target.port)
        client = self._clients.pop(key, None)
        if client is None:
            http = await asyncio.get_running_loop().run_in_executor(None, self._make)
            client = self._clients.pop(key, None) or _Client(http)  # another request may have been faster
        self._clients[key] = client  # the newest last
        if len(self._clients) > MAX_CLIENTS:
            await self._clients.pop(next(iter(self._clients))).drop()
        return client

    def _make(self) -> Any:
        """In a thread: importing the library and loading the certificates takes a while."""
        import ssl
        from http.cookiejar import CookieJar, DefaultCookiePolicy

        import httpx2

        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        # a cookie from one visitor's call must not go with another's: none is kept
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        return httpx2.AsyncClient(
            verify=self._ssl_context, trust_env=False, follow_redirects=False, cookies=no_cookies,
            limits=httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=KEPT,
                                 keepalive_expiry=KEPT_S))


def not_arrived(error: BaseException) -> bool:
    """True if a request certainly did not reach its server."""
    import httpx2

    return isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)


def said(error: BaseException) -> str:
    """What an error of the way says, for a report."""
    return f"{type(error).__name__}: {error}".rstrip(": ")
