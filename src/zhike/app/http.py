"""The web side of one process: Litestar in uvicorn, behind the front door."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from zhike.app.core import Core
from zhike.app.hooks import LazyHooks
from zhike.app.knowledgefiles import KnowledgeFiles
from zhike.app.outreach import LazyOutreach
from zhike.app.panel import LazyPanel
from zhike.app.probe import Probe
from zhike.app.quality import LazyQuality
from zhike.clock import NowMs
from zhike.config import Settings
from zhike.domain.wire import encode
from zhike.gateway.gateway import Gateway
from zhike.gateway.protocol_doc import asyncapi
from zhike.gateway.uvicorn_host import HttpHost
from zhike.rest.app import RestApp, build


class WebHost(HttpHost):
    """uvicorn's part, and the long polls that must end before it can stop."""

    def __init__(self, app: RestApp, gateway: Gateway) -> None:
        super().__init__(cast(Any, app), gateway)
        self._rest = app

    async def stop(self, timeout_s: float) -> None:
        """See :meth:`HttpHost.stop`."""
        self._rest.end_polls()
        await super().stop(timeout_s)


def build_host(settings: Settings, gateway: Gateway, core: Core, now: NowMs) -> WebHost:
    """Everything that needs no running loop; called in the warm-up thread."""
    probe = Probe(gateway, core)
    core.health = probe.health
    app = build(settings=settings, store=core.store, access=core.access, desk=core.desk, hub=gateway.hub,
                probe=probe, quality=LazyQuality(core), files=KnowledgeFiles(core),
                outreach=LazyOutreach(core), panel=LazyPanel(core),
                hooks=LazyHooks(core),
                uploads=core.uploads,
                asyncapi=lambda: encode(asyncapi(gateway.path)), observe=probe.observe, now=now,
                public_url=core.public_url)
    return WebHost(app, gateway)


async def start(settings: Settings, gateway: Gateway, core: Core, now: NowMs) -> WebHost:
    """Builds the application in a thread and starts it here."""
    host: Any = await asyncio.get_running_loop().run_in_executor(
        None, build_host, settings, gateway, core, now)
    await host.start()
    return host  # type: ignore[no-any-return]
