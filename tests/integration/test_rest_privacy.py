"""Personal data by role: no answer holds it for those below the setting, and what is revealed is recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from zhike.answer.mask.veil import DOTS
from zhike.clock import now_ms
from zhike.config.access import Privacy
from zhike.rest.privacy import NOBODYS
from zhike.rest.routes import all_routes
from zhike.testing.apirig import Client, Rig, asked

PHONE, MAIL = "13800138000", "li.na@shop.example"


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms, privacy=Privacy(clear_for="supervisor")).start()
    yield made
    await made.stop()


async def talk(rig: Rig) -> tuple[Client, int, int]:
    """A conversation with personal data in its words and its contact: a clear reader, and both numbers."""
    visitor, number = await asked(rig, f"我的手机 {PHONE}")
    await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "m2", "text": f"邮箱 {MAIL}"})
    clear = await rig.signed_in("supervisor")
    contact = (await clear("GET", f"/api/v1/conversations/{number}")).json["contact_id"]
    changed = await clear("PATCH", f"/api/v1/contacts/{contact}", {
        "phone": PHONE, "email": MAIL, "attributes": {"备用": PHONE, "level": "VIP"}})
    assert changed.json["phone"] == PHONE, "a supervisor sees all"
    return clear, number, contact


@pytest.mark.parametrize("who", ["agent", "analyst", "agent key"])
async def test_no_answer_below_the_setting_holds_it(rig: Rig, who: str) -> None:
    clear, number, contact = await talk(rig)
    role, _, key = who.partition(" ")
    reader = await (rig.with_key(role) if key else rig.signed_in(role))  # type: ignore[arg-type]
    paths = ["/api/v1/conversations", f"/api/v1/conversations/{number}", "/api/v1/contacts",
             f"/api/v1/conversations/{number}/messages", f"/api/v1/contacts/{contact}",
             f"/api/v1/conversations/{number}/messages?after=0"]
    for path in paths:
        seen = (await clear("GET", path)).body.decode()
        assert PHONE in seen or MAIL in seen, path
        shown = await reader("GET", path)
        assert shown.status == 200, path
        assert PHONE not in shown.body.decode(), path
        assert MAIL not in shown.body.decode(), path
        assert DOTS in shown.body.decode(), path


async def test_an_agent_reveals_one_thing_and_it_is_recorded(rig: Rig) -> None:
    _, number, contact = await talk(rig)
    agent = await rig.signed_in("agent")
    path = f"/api/v1/conversations/{number}/reveal"
    assert (await agent("POST", path, {"seq": 1})).json == {"text": f"我的手机 {PHONE}", "contact": None}
    shown = (await agent("POST", path, {"contact": True})).json["contact"]
    assert (shown["phone"], shown["email"]) == (PHONE, MAIL)
    assert (await agent("POST", f"/api/v1/contacts/{contact}/reveal")).json["phone"] == PHONE
    for wrong in ({}, {"seq": 1, "contact": True}):
        assert (await agent("POST", path, wrong)).code == "invalid_field"
    assert (await agent("POST", path, {"seq": 99})).code == "not_found"
    analyst = await rig.signed_in("analyst")
    assert (await analyst("POST", path, {"seq": 1})).code == "forbidden"
    admin = await rig.signed_in("admin")
    entries = (await admin("GET", "/api/v1/audit?action=privacy.revealed")).json["items"]
    assert [(entry["target"], entry["detail"].get("seq"), entry["detail"].get("contact"))
            for entry in reversed(entries)] == [
        (f"conversation:{number}", 1, None), (f"conversation:{number}", None, contact),
        (f"contact:{contact}", None, None)]
    assert PHONE not in str(entries)


async def test_what_is_hidden_is_not_stored_over_what_it_stands_for(rig: Rig) -> None:
    clear, number, contact = await talk(rig)
    agent = await rig.signed_in("agent")
    mine = (await agent("GET", f"/api/v1/contacts/{contact}")).json
    refused = await agent("PATCH", f"/api/v1/contacts/{contact}", {"phone": mine["phone"]})
    assert refused.code == "invalid_field"
    refused = await agent("PATCH", f"/api/v1/contacts/{contact}", {"attributes": mine["attributes"]})
    assert refused.code == "invalid_field"
    renamed = await agent("PATCH", f"/api/v1/contacts/{contact}", {"name": "李娜"})
    assert renamed.status == 200
    assert PHONE not in renamed.body.decode(), "the answer to a change, too"
    assert (await clear("GET", f"/api/v1/contacts/{contact}")).json["phone"] == PHONE
    await agent("POST", f"/api/v1/conversations/{number}/take")
    quoted = await agent("POST", f"/api/v1/conversations/{number}/messages",
                         {"client_msg_id": "a1", "text": f"您的手机是 138{DOTS}8000 吗？"})
    assert quoted.status == 201, "a reply may quote it"


async def test_a_refused_edit_does_not_tell_what_is_hidden(rig: Rig) -> None:
    clear, _, contact = await talk(rig)
    agent = await rig.signed_in("agent")
    path = f"/api/v1/contacts/{contact}"
    refused = await agent("PATCH", path, {"edits": {"备用": {"was": None, "now": "无"}}})
    assert refused.code == "conflict"
    assert DOTS in refused.json["error"]["details"]["attributes"]["备用"]
    assert PHONE not in refused.body.decode()
    hidden = refused.json["error"]["details"]["attributes"]["备用"]
    blind = await agent("PATCH", path, {"edits": {"备用": {"was": hidden, "now": "无"}}})
    assert blind.code == "invalid_field"
    told = await clear("PATCH", path, {"edits": {"备用": {"was": None, "now": "无"}}})
    assert told.json["error"]["details"] == {"attributes": {"备用": PHONE}}


async def test_by_default_agents_see_all_and_analysts_do_not() -> None:
    rig = await Rig(now_ms).start()
    _, number, _ = await talk(rig)
    path = f"/api/v1/conversations/{number}/messages"
    assert PHONE in (await (await rig.signed_in("agent"))("GET", path)).body.decode()
    assert PHONE not in (await (await rig.signed_in("analyst"))("GET", path)).body.decode()
    await rig.stop()


def test_nouns_that_are_never_veiled_exist() -> None:
    """A name that is left over would open a later route by accident."""
    nouns = {route.path.split("/")[3] for route in all_routes(sample_shop=True)
             if route.path.startswith("/api/v1/")}
    assert nouns >= NOBODYS
    assert {"conversations", "contacts"} <= nouns - NOBODYS
