"""The web side of one process: Litestar in uvicorn, behind the front door."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from zhike.app.core import Core
from zhike.app.probe import Probe
from zhike.clock import NowMs
from zhike.config import Settings
from zhike.domain.wire import encode
from zhike.gateway.gateway import Gateway
from zhike.gateway.protocol_doc import asyncapi
from zhike.gateway.uvicorn_host import HttpHost
from zhike.rest.app import build


def build_host(settings: Settings, gateway: Gateway, core: Core, now: NowMs) -> HttpHost:
    """Everything that needs no running loop; called in the warm-up thread."""
    probe = Probe(gateway, core)
    app = build(settings=settings, store=core.store, access=core.access, desk=core.desk, hub=gateway.hub,
                probe=probe, asyncapi=lambda: encode(asyncapi(gateway.path)), observe=probe.observe, now=now)
    return HttpHost(cast(Any, app), gateway)


async def start(settings: Settings, gateway: Gateway, core: Core, now: NowMs) -> HttpHost:
    """Builds the application in a thread and starts it here."""
    host: Any = await asyncio.get_running_loop().run_in_executor(
        None, build_host, settings, gateway, core, now)
    await host.start()
    return host  # type: ignore[no-any-return]
