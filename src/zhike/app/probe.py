"""What operators see: health and metrics of one process."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, text

from zhike import __version__
from zhike.app.core import Core
from zhike.gateway.gateway import Gateway
from zhike.rest.ports import Health


def _one(conn: Connection) -> int:
    return int(conn.execute(text("SELECT 1")).scalar_one())


class Probe:
    """See :class:`zhike.rest.ports.Probe`."""

    def __init__(self, gateway: Gateway, core: Core) -> None:
        self._gateway = gateway
        self._core = core
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.request_s_total = 0.0

    def observe(self, route: str, method: str, status: int, took_s: float) -> None:
        """Told of every answered HTTP request."""
        self.requests[(route, method, status)] += 1
        self.request_s_total += took_s
        self._core.meters.http_s.observe(took_s)

    async def health(self) -> Health:
        """Whether the process can store and answer now."""
        core = self._core
        checks: dict[str, str] = {}
        try:
            await core.store.read(_one)
            checks["store"] = "ok"
        except Exception as error:
            checks["store"] = f"{type(error).__name__}"
        checks["pipeline"] = "ok" if core.line.running else "stopped"
        checks["bots"] = "ok" if core.registry.bot_rows else "no bot yet"
        checks["knowledge"] = core.registry.knowledge.health()
        if core.embedder is not None:
            checks["embeddings"] = core.embedder.health()
        if core.outreach is not None:
            checks |= core.outreach.mailing.health()
        checks["drain"] = "draining" if self._gateway.draining else "ok"
        models = getattr(core, "models", None)
        if models is not None:
            checks |= models.states()  # told, not required: without a model the desk answers what it knows
        ready = checks["store"] == "ok" and core.line.running and not self._gateway.draining
        return Health(ready, checks)

    def metrics(self) -> bytes:
        """The Prometheus text format."""
        from zhike.ops.metrics import render

        return render(self._gateway, self._core, self, __version__)
