"""Where a callback or a tool may go: the server must not be talked into calling what only it can reach.

``https`` to a public address, or ``http``/``https`` to this very machine (the owner's program beside
the desk). Addresses of private networks only where the operator allows them, and then by ``http``
too. The name is looked up here and the connection goes to the address that was checked, so a name
that changes its address between the check and the call gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
MAX_URL_CHARS = 2000


class BadTarget(ValueError):
    """Nothing of ours may go there; the text says why."""


class Target(NamedTuple):
    """A checked URL. ``host``: as written; ``addresses``: what it stands for, checked."""

    url: str
    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]


def check_url(url: str, *, allow_private: bool = False) -> tuple[str, str, int]:
    """(scheme, host, port) of a URL whose form is allowed; looks nothing up.

    Raises:
        BadTarget: no URL, another scheme, with credentials, or http to a name that is not this machine
            (with ``allow_private`` its addresses decide: :func:`resolve`).
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadTarget(f"not a URL: {error}") from None
    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
        raise BadTarget("not a URL of printable ASCII characters")
    if parts.scheme not in ("http", "https") or not host:
        raise BadTarget("must start with https://")
    if parts.username is not None or parts.password is not None:
        raise BadTarget("a URL must not hold a password")
    if parts.scheme == "http" and not allow_private and not _names_this_machine(host):
        raise BadTarget("http is for this machine only; use https")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _names_this_machine(host: str) -> bool:
    address = _literal(host)
    return host == "localhost" if address is None else address.is_loopback


def _plain(address: Address) -> Address:
    """An IPv4 address that is written as IPv6, as what it is."""
    return getattr(address, "ipv4_mapped", None) or address


def is_this_machine(address: str) -> bool:
    """True for an address that leads back here, however it is written."""
    return _plain(ip_address(address)).is_loopback


def forbidden(address: Address, *, allow_private: bool) -> bool:
    """True for an address nothing may go to. Loopback is allowed (see the module)."""
    address = _plain(address)
    if address.is_loopback:
        return False
    if address.is_multicast or address.is_unspecified or address.is_reserved or address.is_link_local:
        return True  # link-local: where clouds keep their metadata
    return not address.is_global and not allow_private


async def resolve(url: str, *, allow_private: bool) -> Target:
    """Looks the name up and checks every address it stands for.

    Raises:
        BadTarget: the URL or one of its addresses is not allowed.
        OSError: the name cannot be looked up now.
    """
    scheme, host, port = check_url(url, allow_private=allow_private)
    literal = _literal(host)
    if literal is not None:
        found = [literal]
    else:
        infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = list(dict.fromkeys(ip_address(str(info[4][0]).partition("%")[0]) for info in infos))
    for address in found:
        if forbidden(address, allow_private=allow_private):
            raise BadTarget(f"{host} is {address}, which the desk may not reach")
        if address.is_loopback and not _names_this_machine(host):
            # a public name that points here is how a stranger would reach our own ports
            raise BadTarget(f"{host} is {address}: call this machine by its own name")
        if scheme == "http" and address.is_global:  # (signed, but for everybody to read on its way)
            raise BadTarget(f"{host} is {address}: use https where the way leaves your own network")
    return Target(url, scheme, host, port, tuple(map(str, found)))
