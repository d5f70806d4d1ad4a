"""The gateway's bounds."""

from __future__ import annotations

import msgspec

from zhike.gateway.writer import DEFAULT_LIMIT_BYTES


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The names are those of the settings where those exist.

    ``max_new``: connections whose first request is not complete yet. ``max_http``: connections in
    the hands of HTTP, apart from WebSockets so that a flood of one cannot starve the other.
    ``joins_at_once``: hellos that the store looks up at the same time; the others wait their turn.
    """

    max_connections: int = 20_000
    max_connections_per_address: int = 1_000
    max_http: int = 4_000
    max_http_per_address: int = 1_000
    max_new: int = 4_000
    messages_per_s: float = 5.0
    burst: int = 20
    hello_timeout_s: float = 10.0
    heartbeat_s: float = 10.0
    gone_after_s: float = 30.0
    out_buffer_bytes: int = DEFAULT_LIMIT_BYTES
    joins_at_once: int = 64
    trusted_proxies: tuple[str, ...] = ()
