"""Reaching a visitor who left: what an inbox allows, which way a reply goes, what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

AWAY = "away"
"""The name under which such replies stand in the outbox; by mail or by SMS is decided when they are due."""
WAIT_S = 60
"""How long a reply waits for its reader before it goes another way: a reload, a lift, a tunnel."""

Way = Literal["live", "email", "sms", "channel", "none"]
WhyNot = Literal["", "off", "no_address", "stopped", "bounced", "not_set_up"]
"""Why nothing reaches a visitor who is not here. off: the inbox reaches nobody · no_address: they left
none · stopped: they want no more mail · bounced: their address does not work · not_set_up: the server has no
mail."""


class Away(NamedTuple):
    """An inbox that reaches visitors who left: replies of people wait so long and then look for a way."""

    wait_ms: int = WAIT_S * 1000


Leaving = str | Away
"""How messages leave an inbox: through the channel of that name, or by another way if nobody reads them."""


class Ways(NamedTuple):
    """The ``reach`` setting of an inbox. ``page``: where a visitor goes on talking, for links."""

    email: bool = False
    sms_url: str = ""
    wait_s: int = WAIT_S
    page: str = ""

    @property
    def any(self) -> bool:
        """Whether it reaches anybody at all."""
        return self.email or bool(self.sms_url)


def ways_of(settings: Mapping[str, Any]) -> Ways:
    """Of the settings of an inbox; a page is the first site it stands on, if none is named."""
    reach = settings.get("reach") or {}
    sites = [site for site in settings.get("origins") or () if site != "*"]
    return Ways(bool(reach.get("email")), str(reach.get("sms_url") or ""), int(reach.get("wait_s", WAIT_S)),
                str(reach.get("page") or (sites[0] if sites else "")))


class Route(NamedTuple):
    """Which way a reply would go now. ``to``: the address; ``why``: why there is no way."""

    way: Way
    to: str = ""
    why: WhyNot = ""


def route(ways: Ways, email: str, phone: str, stopped: str, *, mail_ready: bool, signed: bool) -> Route:
    """How somebody who is not here is reached.

    Args:
        stopped: why their address gets no more mail ("" = it does).
        mail_ready: the server can send mail.
        signed: the inbox has the secret that its SMS action is signed with.
    """
    why: WhyNot = "no_address"
    if not ways.any:
        return Route("none", why="off")
    if ways.email and email:
        if not mail_ready:
            why = "not_set_up"
        elif stopped:
            why = "bounced" if stopped == "bounced" else "stopped"
        else:
            return Route("email", email)
    if ways.sms_url and phone:
        if signed:
            return Route("sms", phone)
        why = "not_set_up"
    return Route("none", why=why)


class Reach(NamedTuple):
    """How what is said next in a conversation arrives. ``route.to`` as agents may see it; ``wait_s``: how
    long a reply waits for its reader first."""

    route: Route
    here: bool = False
    wait_s: int = 0


def hidden(address: str) -> str:
    """An address or number as agents see it: enough to tell it from others."""
    name, at, domain = address.partition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    digits = address.strip()
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) > 7 else "****"
