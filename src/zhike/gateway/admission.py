"""Who is let in: how many connections in all and per address, how many messages per visitor.

WebSockets, HTTP and connections that have not said yet what they are each have a budget of their
own, so that a flood of one kind cannot starve the others. Each refusal is counted with its reason.
"""

from __future__ import annotations

from zhike.access.addresses import bucket_of, client_address, networks
from zhike.access.limits import Buckets
from zhike.gateway.counters import Counters
from zhike.gateway.limits import Limits

_AGENT_FACTOR = 4
"""Agents follow many conversations at a time; a signed-in person is trusted with more."""


class Budget:
    """Open connections of one kind, in all and per address (0 = no bound per address)."""

    __slots__ = ("_by_address", "limit", "name", "open", "per_address")

    def __init__(self, name: str, limit: int, per_address: int) -> None:
        self.name = name
        self.limit = limit
        self.per_address = per_address
        self.open = 0
        self._by_address: dict[str, int] = {}

    def take(self, bucket: str) -> str:
        """Counts one more; returns "" or the reason why not (then nothing is counted).

        Bucket "" counts in all, but for no address.
        """
        if self.open >= self.limit:
            return f"{self.name}_total"
        if bucket:
            mine = self._by_address.get(bucket, 0)
            if self.per_address and mine >= self.per_address:
                return f"{self.name}_address"
            self._by_address[bucket] = mine + 1
        self.open += 1
        return ""

    def free(self, bucket: str) -> None:
        """Takes one :meth:`take` back."""
        self.open -= 1
        if not bucket:
            return
        mine = self._by_address[bucket] - 1
        if mine:
            self._by_address[bucket] = mine
        else:
            del self._by_address[bucket]

    def addresses(self) -> int:
        """How many addresses are connected."""
        return len(self._by_address)


class Admission:
    """All budgets of one process."""

    def __init__(self, limits: Limits, counters: Counters) -> None:
        self._counters = counters
        self._trusted = networks(limits.trusted_proxies)
        self.sockets = Budget("sockets", limits.max_new, limits.max_connections_per_address)
        """Connections whose first request has not come yet."""
        self.websockets = Budget("connections", limits.max_connections, limits.max_connections_per_address)
        self.http = Budget("http", limits.max_http, limits.max_http_per_address)
        self._visitors = Buckets(limits.messages_per_s, limits.burst, 50_000)
        self._agents = Buckets(limits.messages_per_s * _AGENT_FACTOR, limits.burst * _AGENT_FACTOR)

    def address(self, peer: str, forwarded_for: str) -> str:
        """The client's address: the peer's, or what trusted proxies say of it."""
        if not self._trusted:
            return peer
        return client_address(peer, forwarded_for, self._trusted)

    def _is_proxy(self, address: str) -> bool:
        # a trusted peer is one whose word about the client counts (192.0.2.1: documentation only)
        return bool(self._trusted) and client_address(address, "192.0.2.1", self._trusted) == "192.0.2.1"

    def enter(self, budget: Budget, address: str) -> str | None:
        """Takes a place in ``budget``.

        Our own proxies, and Unix sockets (address ""), stand for many clients and are not bounded
        per address.

        Returns:
            What to give back to ``budget.free``, or None if there was no room (counted).
        """
        if not address or self._is_proxy(address):
            bucket = ""
        else:
            bucket = bucket_of(address) if ":" in address else address
        reason = budget.take(bucket)
        if reason:
            self._counters.refused[reason] += 1
            return None
        return bucket

    def message(self, sender: object, now_s: float, *, agent: bool = False) -> float:
        """One more frame of ``sender``, on whichever of its connections: 0.0 = let in, else the
        seconds to wait (counted)."""
        wait_s = (self._agents if agent else self._visitors).take(sender, now_s)
        if wait_s:
            self._counters.refused["rate_limited"] += 1
        return wait_s
