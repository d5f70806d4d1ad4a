"""A whole desk and a browser: subscribed over REST, told by real HTTPS, read with the browser's own key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from zhike.access.outbound import Outbound
from zhike.app.core import Core
from zhike.app.process import Process
from zhike.clock import now_ms
from zhike.desk.notify.notifier import LOOK
from zhike.domain.unit import Change
from zhike.gateway.limits import Limits
from zhike.store import notify, push
from zhike.testing.instance import quiet_settings, running
from zhike.testing.push import Browser, PushService, unb64
from zhike.testing.restclient import PASSWORD, Api, set_up, sign_in
from zhike.testing.wsclient import Visitor

ME = "/api/v1/me/push"
PAST_MS = 40_000


class Scene:
    """A desk whose owner has one browser at the push service, under ``/phone``."""

    def __init__(self, core: Core, api: Api, other: Api, url: str, service: PushService) -> None:
        self.core, self.api, self.other, self.url, self.service = core, api, other, url, service

    async def subscribe(self, path: str = "/phone") -> dict[str, Any]:
        made = await self.api("POST", ME, self.service.subscribe(path))
        assert made.status == 201, made.body
        return dict(made.json)

    async def visitor_waits(self) -> int:
        """One who wrote, and has been waiting for a person since; returns the conversation's id."""
        async with Visitor(self.url) as visitor:
            await visitor.stored(visitor.say("我的电话是 13800138000，订单丢了"))
        change = await self.core.line.change(Change(1, "queue", now_ms() - PAST_MS))
        assert change.outcome == "done"
        return 1

    async def look(self) -> None:
        assert self.core.outreach is not None
        await self.core.outreach.notifier.runner.schedule(LOOK, LOOK, now_ms())

    async def at_once(self, number: int) -> None:
        """Tries again now what would be tried after its pause."""
        assert self.core.outreach is not None
        await self.core.outreach.notifier.runner.schedule(notify.SEND, notify.key_of(number), now_ms())

    async def until(self, number: int, condition: Any) -> None:
        """Waits for what is stored of a browser."""
        for _ in range(1000):
            if condition(await self.core.store.read(notify.get, number)):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(await self.core.store.read(notify.get, number))


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    service = await PushService().start()
    settings = quiet_settings(tmp_path, channels__allow_private="true",
                              server__public_url="https://desk.example")
    async with running(Process, settings, Limits()) as desk:
        core = desk.process.core
        assert core is not None
        assert core.outreach is not None
        core.outreach.push._out = Outbound(allow_private=True, ssl_context=service.trust)
        api = await set_up(desk.api(), desk.link)
        yield Scene(core, api, await sign_in(desk.api()), desk.url, service)
        await core.outreach.push._out.close()
    service.stop()


async def test_a_browser_is_told_of_who_waits_and_reads_it_with_its_own_key(scene: Scene) -> None:
    key = await scene.api.good("GET", f"{ME}/key")
    scene.service.known_key = key["public_key"]
    assert len(unb64(key["public_key"])) == 65
    assert await scene.api.good("GET", f"{ME}/key") == key, "for good: browsers hold on to it"
    made = await scene.subscribe()
    assert (made["service"], made["current"]) == (f"localhost:{scene.service.port}", True)
    told = await scene.api.good("POST", f"{ME}/{made['id']}/test")
    assert told["took_ms"] > 0
    test = await scene.service.got.get()
    assert (test.path, test.shown["tag"]) == ("/phone", "zhike-test")
    assert test.claims["sub"] == "https://desk.example"
    assert 0 < test.claims["exp"] - now_ms() / 1000 <= 24 * 3600
    number = await scene.visitor_waits()
    await scene.look()
    async with asyncio.timeout(20):
        pushed = await scene.service.got.get()
    assert (pushed.shown["tag"], pushed.shown["url"]) == (
        f"zhike-{number}", f"/console/conversations/{number}")
    assert pushed.headers["topic"] == f"c{number}"
    assert "13800138000" not in str(pushed.shown), "their words stay at home"
    await scene.until(made["id"], lambda kept: kept.last_sent_at)
    rows = (await scene.api.good("GET", ME))["items"]
    assert [(row["id"], row["current"], row["last_sent_at"] is not None) for row in rows] == [
        (made["id"], True, True)]
    assert [row["current"] for row in (await scene.other.good("GET", ME))["items"]] == [False]
    private = await scene.core.store.read(push.key)
    assert private
    for path in (f"{ME}/key", ME, "/api/v1/audit", "/api/v1/notify-targets", "/metrics"):
        assert private not in (await scene.api("GET", path)).body.decode(), path
    assert (await scene.api.good("GET", "/api/v1/notify-targets"))["items"] == []
    assert (await scene.api("GET", f"/api/v1/notify-targets/{made['id']}")).status == 404


async def test_what_is_given_to_somebody_and_notes_that_call_them_reach_their_browser(scene: Scene) -> None:
    """Assigned by a colleague, called by a colleague: through the line, as in the console."""
    await scene.subscribe()
    me = (await scene.api.good("GET", "/api/v1/me"))["agent"]["id"]
    await scene.api.good("POST", "/api/v1/agents", {"email": "ann@shop.example", "name": "Ann",
                                                    "role": "supervisor", "password": PASSWORD})
    ann = await sign_in(scene.other, "Ann")
    number = await scene.visitor_waits()
    path = f"/api/v1/conversations/{number}"
    await ann.good("POST", f"{path}/assign", {"agent_id": me})
    async with asyncio.timeout(20):
        given = await scene.service.got.get()
    assert (given.shown["title"], given.shown["tag"]) == ("有会话分配给您", f"zhike-{number}")
    await ann.good("POST", f"{path}/messages", {"client_msg_id": "n1", "text": "@Wang 请看物流", "note": True,
                                                "mentions": [me]})
    async with asyncio.timeout(20):
        called = await scene.service.got.get()
    assert (called.shown["title"], called.headers["topic"]) == ("有人提到您", f"c{number}")
    assert called.shown["body"].startswith("Ann 在备注里提到您")
    assert "物流" not in str(called.shown)


async def test_a_failure_is_tried_again_and_a_browser_that_is_gone_goes(scene: Scene) -> None:
    made = await scene.subscribe()
    scene.service.answers["/phone"] = ["503 Service Unavailable"]
    await scene.visitor_waits()
    await scene.look()
    await scene.until(made["id"], lambda kept: kept.failures == 1)
    shown = (await scene.api.good("GET", ME))["items"][0]
    assert "503" in shown["last_error"]
    await scene.at_once(made["id"])
    async with asyncio.timeout(20):
        assert (await scene.service.got.get()).shown["tag"] == "zhike-1"
    await scene.until(made["id"], lambda kept: kept.failures == 0)
    scene.service.answers["/phone"] = ["410 Gone"]
    refused = await scene.api("POST", f"{ME}/{made['id']}/test")
    assert (refused.status, refused.code) == (502, "push_failed")
    assert (await scene.api.good("GET", ME))["items"] == []


async def test_it_ends_with_the_sign_in(scene: Scene) -> None:
    made = await scene.subscribe()
    known = await scene.api("POST", ME, {"endpoint": f"{scene.service.origin}/phone", "lang": "en",
                                         "keys": scene.service.browsers["/phone"].keys})
    assert (known.status, known.json["id"]) == (200, made["id"])
    assert (await scene.api("POST", "/api/v1/logout")).status == 204
    await scene.visitor_waits()
    await scene.look()
    assert (await scene.other.good("GET", ME))["items"] == []
    assert (await scene.other("POST", f"{ME}/{made['id']}/test")).status == 404
    assert scene.service.tries == 0


@pytest.mark.parametrize(("endpoint", "field"), [
    ("http://localhost:1/x", "endpoint"), ("https://169.254.169.254/x", "endpoint"),
    ("not a url", "endpoint"), ("https://203.0.113.9/x", "keys")])
async def test_what_cannot_be_told_is_refused(scene: Scene, endpoint: str, field: str) -> None:
    keys = {"p256dh": "AAAA", "auth": "AAAA"} if field == "keys" else Browser().keys
    refused = await scene.api("POST", ME, {"endpoint": endpoint, "keys": keys})
    assert (refused.status, refused.json["error"]["field"]) == (422, field), refused.body


async def test_the_worker_reaches_as_far_as_the_console_and_is_always_fresh(scene: Scene) -> None:
    script = await scene.api("GET", "/console/sw.js")
    assert script.status == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "no-cache"
    assert b"import " not in script.body, "one file: a worker of the old kind imports nothing"
    assert (await scene.api("GET", "/console/manifest.webmanifest")).headers["content-type"] == (
        "application/manifest+json")
