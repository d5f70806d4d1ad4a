"""Every operation of the API document, fuzzed over real HTTP: no 500, true schemas, documented statuses.

Credentials of every kind go along, so that the handlers themselves are reached; who may do what is
the matrix of ``tests/contract/test_public_routes.py``.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from zhike.clock import now_ms
from zhike.config import Settings
from zhike.config.sections import Api, Gateway
from zhike.rest.openapi import build_document
from zhike.rest.routes import all_routes
from zhike.testing.apirig import Rig

document = build_document(all_routes(sample_shop=True), "")
security: dict[str, list[str]] = {}
for methods in document["paths"].values():
    for operation in methods.values():  # credentials are ours to add, not the fuzzer's to break
        security[operation["operationId"]] = [kind for entry in operation.pop("security") for kind in entry]
del document["components"]["securitySchemes"]
schema = schemathesis.openapi.from_dict(document)
LEFT_OUT = "logout|change_agent|change_me"
"""They end the session that the others use; their bodies are fuzzed with a key, which is refused."""


class _Announced(uvicorn.Server):
    """Says when and where it listens."""

    on_started: Callable[[int], None]

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.on_started(self.servers[0].sockets[0].getsockname()[1])


class Server:
    """The rig under uvicorn in a thread."""

    def __init__(self) -> None:
        self.url = ""
        self.headers: dict[str, dict[str, str]] = {}
        self._up = threading.Event()
        self._server: _Announced | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self) -> None:
        plenty = Settings(api=Api(requests_per_minute=10_000_000), gateway=Gateway(messages_per_s=10_000.0))
        rig = await Rig(now_ms, plenty).start()
        owner, key, (visitor, _) = (
            await rig.signed_in("owner"),
            await rig.with_key("admin"),
            await rig.visitor(),
        )
        await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m1", "text": "怎么退货"})
        names = ("authorization", "cookie", "x-csrf-token")
        for kind, client in (("session", owner), ("apiKey", key), ("visitor", visitor)):
            self.headers[kind] = {name: client.headers[name] for name in names if name in client.headers}
        self._server = _Announced(uvicorn.Config(rig.app, port=0, lifespan="off", log_level="error"))
        self._server.on_started = self._started
        await self._server.serve()
        await rig.stop()

    def _started(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._up.set()

    def start(self) -> Server:
        """Returns when it answers."""
        self._thread.start()
        assert self._up.wait(30)
        return self

    def stop(self) -> None:
        """Ends it."""
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(30)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server().start()
    yield running
    running.stop()


@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_no_input_breaks_it(case: Any, server: Server) -> None:
    name = case.operation.definition.raw["operationId"]
    kinds = security[name]
    kind = "apiKey" if "apiKey" in kinds else kinds[0] if kinds else ""
    if name in LEFT_OUT.split("|"):
        kind = "apiKey"
    query = case.query or {}
    if "wait_s" in query:
        query["wait_s"] = 0
    # not held: that whatever fits the schema is accepted (ids must exist, cursors must be ours …)
    case.call_and_validate(
        base_url=server.url,
        headers=server.headers.get(kind, {}),
        excluded_checks=[ignored_auth, positive_data_acceptance],
    )
