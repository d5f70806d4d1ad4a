"""What the handlers work with: the ports, the settings, the limits. One per application."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from zhike.access import addresses
from zhike.access.bundle import Access
from zhike.access.limits import Buckets
from zhike.access.sso import CALLBACK, SingleSignOn
from zhike.clock import NowMs
from zhike.config import Settings
from zhike.errors import ZhikeError
from zhike.files.uploads import Uploads
from zhike.rest.files import Files
from zhike.rest.ports import Desk, Hooks, Hub, KnowledgeFiles, Observe, Outreach, Panel, Probe, Quality, Store
from zhike.rest.source import Bell

if TYPE_CHECKING:
    from zhike.rest.table import Route

ADDRESS_FACTOR = 5
"""An address may send this many times what one key or session may: an office shares one."""
UPLOADS = 32
UPLOADS_EACH = 8
"""Files that come in at a time, in all and per address: they take minutes over a phone's network, and must
not hold the places of calls that take milliseconds."""
POLL_SHARE = 4
"""An address may hold this part of all long polls."""


class Room:
    """A bound on requests at the same time, in all and (0 = none) per household of addresses."""

    __slots__ = ("_mine", "limit", "per_household", "used")

    def __init__(self, limit: int, per_household: int = 0) -> None:
        self.limit = limit
        self.per_household = per_household
        self.used = 0
        self._mine: dict[str, int] = {}

    def enter(self, household: str = "") -> None:
        """Takes a place.

        Raises:
            ZhikeError: ``overloaded``.
        """
        if self.used >= self.limit:
            raise ZhikeError("overloaded", retry_after_s=1.0)
        if self.per_household:
            mine = self._mine.get(household, 0)
            if mine >= self.per_household:
                raise ZhikeError("overloaded", retry_after_s=1.0)
            self._mine[household] = mine + 1
        self.used += 1

    def leave(self, household: str = "") -> None:
        """Gives it back."""
        self.used -= 1
        if self.per_household:
            mine = self._mine[household] - 1
            if mine:
                self._mine[household] = mine
            else:
                del self._mine[household]


class Context:
    """See the module."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        access: Access,
        desk: Desk,
        hub: Hub,
        probe: Probe,
        quality: Quality,
        files: KnowledgeFiles,
        outreach: Outreach,
        panel: Panel,
        hooks: Hooks,
        uploads: Uploads,
        asyncapi: Callable[[], bytes],
        observe: Observe,
        now: NowMs,
        public_url: str = "",
    ) -> None:
        self.settings = settings
        self.store = store
        self.access = access
        self.desk = desk
        self.hub = hub
        self.probe = probe
        self.quality = quality
        self.knowledge_files = files
        self.outreach = outreach
        self.panel = panel
        self.hooks = hooks
        self.uploads = uploads
        self.asyncapi = cache(asyncapi)  # 5 ms each time, and anybody may ask
        self.observe = observe
        self.now = now
        self.public_url = public_url or settings.public_url()
        self.sso = SingleSignOn(settings.oidc, access.secret, f"{self.public_url.rstrip('/')}{CALLBACK}", now)
        self.proxies = addresses.networks(settings.server.trusted_proxies)
        per_s = settings.api.requests_per_minute / 60
        burst = max(10, settings.api.requests_per_minute // 6)
        self.callers = Buckets(per_s, burst)
        self.callers_by_address = Buckets(per_s * ADDRESS_FACTOR, burst * ADDRESS_FACTOR)
        self.visitor_messages = Buckets(settings.gateway.messages_per_s, settings.gateway.burst)
        polls = settings.api.long_polls
        self.rooms = {
            "call": Room(settings.api.concurrency),
            "upload": Room(UPLOADS, UPLOADS_EACH),
            # behind a proxy connections are not bounded per address; waiting costs its owner nothing
            "poll": Room(polls, max(1, polls // POLL_SHARE)),
        }
        self.waiting: set[Bell] = set()
        """The long polls that wait now."""
        self.draining = False
        self.files = Files()
        self.routes: list[Route] = []
        """The table, for the documents made from it."""
        self.openapi = b""

    def end_polls(self) -> None:
        """Answers every waiting long poll now, and later ones at once: the process is about to stop."""
        self.draining = True
        for bell in self.waiting:
            bell.ring()
