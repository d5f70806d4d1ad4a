"""Webhooks over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from sqlalchemy import Connection, update

from zhike.clock import now_ms
from zhike.domain.hook import EVENTS
from zhike.store import tables, webhooks
from zhike.testing.apirig import Client, Rig

PATH = "/api/v1/webhooks"


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = await Rig(now_ms).start()
    yield rig
    await rig.stop()


async def made(admin: Client, **fields: object) -> tuple[dict[str, Any], str]:
    answer = await admin("POST", PATH, {"name": "ERP", "url": "https://erp.example/zhike",
                                        "events": ["message.created"], **fields})
    assert answer.status == 201, answer.body
    return dict(answer.json["webhook"]), str(answer.json["secret"])


async def test_a_webhook_comes_and_goes_and_its_secret_is_shown_once(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    hook, secret = await made(admin, events=["rating.created", "message.created", "rating.created"])
    assert secret.startswith("whsec_")
    assert (hook["events"], hook["mask"], hook["state"], hook["version"]) == (
        ["message.created", "rating.created"], True, "active", 1)
    assert [one.id for one in rig.registry.hooks] == [hook["id"]], "told from now on"
    path = f"{PATH}/{hook['id']}"
    changed = await admin("PATCH", path, {"mask": False, "inbox_ids": [1]})
    assert (changed.json["mask"], changed.json["inbox_ids"], changed.json["name"]) == (False, [1], "ERP")
    rotated = await admin("POST", f"{path}/secret", {"overlap_s": 3600})
    assert rotated.status == 201
    stored = rig.store.run(webhooks.get, hook["id"])
    assert stored is not None
    assert stored.body.secrets(now_ms()) == (rotated.json["secret"], secret)
    assert stored.body.secrets(now_ms() + 3_600_001) == (rotated.json["secret"],)
    assert rotated.json["webhook"]["old_secret_until"] is not None
    at_once = await admin("POST", f"{path}/secret", {"overlap_s": 0})
    assert at_once.json["webhook"]["old_secret_until"] is None
    rows = await admin("GET", PATH)
    assert [one["id"] for one in rows.json["items"]] == [hook["id"]]
    log = await admin("GET", "/api/v1/audit")
    assert (await admin("DELETE", path)).status == 204
    assert (rig.hooks.removed, rig.registry.hooks) == ([hook["id"]], [])
    assert (await admin("GET", path)).status == 404
    for answer in (changed, rows, log):
        for word in (secret, rotated.json["secret"], at_once.json["secret"]):
            assert word.encode() not in answer.body


async def test_what_is_wrong_is_named(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    for fields, field in (({"url": "http:/x"}, "url"), ({"events": []}, "events"), ({"key": "a b"}, "key"),
                          ({"events": ["message.gone"]}, "events"), ({"team_ids": [99]}, "team_ids"),
                          ({"version": 2}, "version"), ({"inbox_ids": [99]}, "inbox_ids"),
                          ({"urls": "x"}, "urls")):
        refused = await admin("POST", PATH, {"name": "x", "url": "https://x.example/",
                                             "events": ["message.created"], **fields})
        assert refused.status == 422, (fields, refused.body)
        assert str(refused.json["error"]["field"]).strip("`").partition("[")[0] == field
    await made(admin, key="erp")
    taken = await admin("POST", PATH, {"name": "x", "url": "https://x.example/", "events": [*EVENTS],
                                       "key": "erp"})
    assert (taken.status, taken.code) == (409, "conflict")


def _fail(conn: Connection) -> None:
    conn.execute(update(tables.outbox).values(
        state="failed", last_error="the receiver answered 503", attempts=9))


async def test_deliveries_are_listed_and_sent_again(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    hook, _ = await made(admin, events=["contact.created", "contact.updated"])
    path = f"{PATH}/{hook['id']}"
    contact = await admin("POST", "/api/v1/contacts", {"inbox_id": 1, "external_id": "1001"})
    await admin("PATCH", f"/api/v1/contacts/{contact.json['id']}", {"name": "王"})
    listed = (await admin("GET", f"{path}/deliveries")).json["items"]
    assert [(one["event"], one["state"], one["contact_id"], one["conversation_id"]) for one in listed] == [
        ("contact.updated", "waiting", contact.json["id"], None),
        ("contact.created", "waiting", contact.json["id"], None)]
    first = await admin("GET", f"{path}/deliveries?limit=1")
    rest = await admin("GET", f"{path}/deliveries?limit=1&cursor={first.json['next']}")
    assert [rest.json["items"][0]["event"], rest.json["next"]] == ["contact.created", None]
    assert (await admin("GET", f"{path}/deliveries?state=sent")).json["items"] == []
    rig.store.run(_fail)
    failed = (await admin("GET", f"{path}/deliveries?state=failed")).json["items"]
    assert (failed[0]["error"], failed[0]["attempts"]) == ("the receiver answered 503", 9)
    assert (await admin("GET", path)).json["failed_count"] == 2
    one = await admin("POST", f"{path}/redeliver", {"ids": [failed[0]["id"]]})
    assert (one.status, one.json) == (200, {"count": 1})
    assert (await admin("POST", f"{path}/redeliver")).json == {"count": 1}, "the one that was left"
    off = await admin("PATCH", path, {"enabled": False})
    assert (off.json["state"], off.json["failed_count"], off.json["waiting_count"]) == ("off", 2, 0)
    assert (await admin("POST", f"{path}/redeliver")).code == "conflict"


async def test_a_test_shows_request_and_answer(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    hook, _ = await made(admin)
    good = await admin("POST", f"{PATH}/{hook['id']}/test", {"event": "rating.created"})
    assert (good.json["ok"], good.json["status"], good.json["took_ms"]) == (True, 204, 12.3)
    assert good.json["headers"]["X-Zhike-Event"] == "rating.created"
    other, _ = await made(admin, url="https://refuses.example/")
    bad = await admin("POST", f"{PATH}/{other['id']}/test")
    assert (bad.status, bad.json["ok"], bad.json["status"]) == (200, False, 500)


async def test_people_of_admin_rank_set_them_up(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    hook, _ = await made(admin)
    for caller in (await rig.signed_in("supervisor"), await rig.signed_in("analyst"), await rig.with_key()):
        assert (await caller("GET", PATH)).status == 403
    key = await rig.with_key("admin")
    assert (await key("GET", f"{PATH}/{hook['id']}/deliveries")).status == 200
    assert (await key("PATCH", f"{PATH}/{hook['id']}", {"name": "x"})).status == 403
