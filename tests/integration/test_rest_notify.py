"""Notify targets over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from zhike.clock import now_ms
from zhike.config.mail import Mail
from zhike.testing.apirig import Client, Rig

PATH = "/api/v1/notify-targets"
ROBOT = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123-secret-key-9abc"


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = await Rig(now_ms).start()
    yield rig
    await rig.stop()


async def made(admin: Client, **fields: object) -> dict[str, Any]:
    answer = await admin("POST", PATH, {"name": "售后群", "kind": "wecom", "address": ROBOT, **fields})
    assert answer.status == 201, answer.body
    return dict(answer.json)


async def test_a_target_comes_and_goes_and_its_secrets_are_never_shown(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    target = await made(admin, kind="dingtalk", secret="SEC-of-the-robot")
    assert target["address"] == "https://qyapi.weixin.qq.com/…9abc"
    assert (target["has_secret"], target["after_s"], target["wants"]) == (
        True, 30, ["visitor_waiting", "visitor_late", "reply_late"])
    path = f"{PATH}/{target['id']}"
    changed = await admin("PATCH", path, {"wants": ["trouble"], "after_s": 90})
    assert (changed.json["wants"], changed.json["after_s"], changed.json["has_secret"]) == (
        ["trouble"], 90, True)
    rows = await admin("GET", PATH)
    assert [one["id"] for one in rows.json["items"]] == [target["id"]]
    told = await admin("POST", f"{path}/test")
    assert (told.status, told.json) == (200, {"took_ms": 12.3})
    kept = rig.outreach.told[0].body
    assert (kept.address, kept.secret) == (ROBOT, "SEC-of-the-robot"), "a change keeps what it does not name"
    assert (await admin("DELETE", path)).status == 204
    assert (await admin("GET", path)).status == 404
    log = await admin("GET", "/api/v1/audit")
    assert [one["action"] for one in log.json["items"]][:3] == [
        "notify_target.deleted", "notify_target.updated", "notify_target.created"]
    for answer in (changed, rows, log):
        assert b"secret-key" not in answer.body
        assert b"SEC-of" not in answer.body


async def test_what_is_wrong_is_named(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    for fields, field in (({"address": "http:/x"}, "address"), ({"wants": []}, "wants"),
                          ({"kind": "webhook"}, "secret"), ({"kind": "sms"}, "kind"),
                          ({"after_s": 4000}, "after_s"), ({"addres": "x"}, "addres"),
                          ({"address": "https://x\u0007"}, "address")):
        refused = await admin("POST", PATH, {"name": "x", "kind": "wecom", "address": ROBOT, **fields})
        assert refused.status == 422, fields
        assert str(refused.json["error"]["field"]).strip("`") == field
    no_mail = await admin("POST", PATH, {"name": "x", "kind": "email", "address": "a@b.example"})
    assert (no_mail.status, no_mail.code) == (409, "no_mail")
    target = await made(admin, address="https://refuses.example/x")
    failed = await admin("POST", f"{PATH}/{target['id']}/test")
    assert (failed.status, failed.code) == (502, "notify_failed")
    assert "93000: invalid webhook url" in failed.json["error"]["message"]


async def test_mail_addresses_where_mail_is_set_up() -> None:
    rig = await Rig(now_ms, mail=Mail(host="mail.example", sender="desk@shop.example")).start()
    admin = await rig.signed_in("admin")
    target = await made(admin, kind="email", address="a@shop.example, b@shop.example")
    assert target["address"] == "a@shop.example, b@shop.example"
    await rig.stop()


async def test_mail_is_shown_and_tested(rig: Rig) -> None:
    off = await rig.signed_in("admin")
    assert (await off("GET", "/api/v1/mail")).json["ready"] is False
    assert (await off("POST", "/api/v1/mail/test", {"to": "li@x.example"})).code == "no_mail"
    own = Mail(host="mail.example", sender="desk@shop.example", user="u", password="hunter2-hunter2")
    other = await Rig(now_ms, mail=own).start()
    admin = await other.signed_in("admin")
    seen = await admin("GET", "/api/v1/mail")
    assert seen.json == {"ready": True, "host": "mail.example", "port": 587, "security": "starttls",
                         "sender": "desk@shop.example", "mailbox": None}
    told = await admin("POST", "/api/v1/mail/test", {"to": "li@x.example"})
    assert (told.status, told.json) == (200, {"took_ms": 45.7})
    failed = await admin("POST", "/api/v1/mail/test", {"to": "nobody@x.example"})
    assert (failed.status, failed.code) == (502, "mail_failed")
    assert "550 no such user" in failed.json["error"]["message"]
    for wrong in ("no address", "a@b.example\nBcc: c@d.example"):
        refused = await admin("POST", "/api/v1/mail/test", {"to": wrong})
        assert (refused.status, refused.json["error"]["field"]) == (422, "to")
    assert (await (await other.signed_in("supervisor"))("GET", "/api/v1/mail")).status == 403
    log = await admin("GET", "/api/v1/audit")
    assert log.json["items"][0]["action"] == "mail.tested"
    assert b"hunter2" not in seen.body + log.body
    await other.stop()


async def test_only_admins_see_or_change_them(rig: Rig) -> None:
    admin = await rig.signed_in("admin")
    target = await made(admin)
    for caller in (await rig.signed_in("supervisor"), await rig.signed_in("analyst"), await rig.with_key()):
        assert (await caller("GET", PATH)).status == 403
        assert (await caller("POST", f"{PATH}/{target['id']}/test")).status == 403
    key = await rig.with_key("admin")
    assert (await key("GET", PATH)).status == 200
    assert (await key("POST", f"{PATH}/{target['id']}/test")).status == 403, "a person presses that button"
