"""The client's network address, as far as it can be believed.

``X-Forwarded-For`` is written by anyone; it counts only hop by hop from the right, as long as each
hop is one of ``trusted_proxies``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def networks(entries: Iterable[str]) -> tuple[Network, ...]:
    """Parses ``trusted_proxies``.

    Raises:
        ValueError: naming the entry that is neither an address nor a network.
    """
    return tuple(ipaddress.ip_network(entry.strip(), strict=False) for entry in entries)


def _parse(text: str) -> Address | None:
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The address to count and log for.

    Args:
        peer: the socket's other end ("" = a Unix socket).
        forwarded_for: all ``X-Forwarded-For`` headers, joined with commas.
        trusted: our own reverse proxies.
    """
    here = _parse(peer)
    if here is None:
        return peer
    hops = [hop for hop in forwarded_for.split(",") if hop.strip()] if forwarded_for else []
    while hops and any(here in network for network in trusted):
        before = _parse(hops.pop())
        if before is None:
            break
        here = before
    return str(here)


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """True if ``peer`` is one of our own reverse proxies."""
    here = _parse(peer)
    return here is not None and any(here in network for network in trusted)


def bucket_of(address: str) -> str:
    """What one caller is for limits: an IPv4 address, or an IPv6 /64 (one household holds all of it)."""
    parsed = _parse(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


def is_loopback(address: str) -> bool:
    """True for this machine itself; a Unix socket ("") counts as such."""
    parsed = _parse(address)
    return parsed.is_loopback if parsed is not None else address == ""
