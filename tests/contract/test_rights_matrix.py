"""Every route × every caller × own and others' rows, on a running desk.

What is expected stands in docs/reference/rights.md, the page that people read: each of its cells is tried.
Rows of another inbox or team carry a mark, and no answer to a limited caller may hold it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from sqlalchemy import Connection, insert, update

from zhike.access import tokens
from zhike.clock import now_ms
from zhike.config.sections import Api
from zhike.domain.agent import Role
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.rest.reach import NOUNS, noun_of
from zhike.rest.rights_doc import CALLERS, matrix
from zhike.rest.routes import all_routes
from zhike.rest.table import Route
from zhike.store import api_keys, contact_edit, inboxes, messages, scopes, tables
from zhike.store.conversations import insert_conversations
from zhike.store.dialect import insert_many
from zhike.testing.apirig import Client, Rig

PAGE = Path(__file__).parents[2] / "docs/reference/rights.md"
ROUTES = all_routes(sample_shop=True)
BY_NAME = {route.name: route for route in ROUTES}
MARK = "ΞOTHERΞ"
ELSEWHERE = {"logout": "ends the session of the callers to come",
             "metrics": "asks for a token of its own off this machine",
             "incoming_mail": "asks for a signature: whoever signs in is nobody there"}
"""Tried in tests/contract/test_public_routes.py, tests/integration/test_rest_borders.py and
tests/integration/test_mail_answers.py."""


def cells() -> dict[str, dict[str, bool]]:
    """The first table of the page."""
    found: dict[str, dict[str, bool]] = {}
    for line in PAGE.read_text().splitlines():
        parts = [part.strip() for part in line.strip("|").split("|")]
        if re.fullmatch(r"`(GET|POST|PUT|PATCH|DELETE) /.*`", parts[0]) and len(parts) == len(CALLERS) + 2:
            marks = (bool(part) for part in parts[1:-1])
            found[parts[0].strip("`")] = dict(zip(CALLERS, marks, strict=True))
    return found


CELLS = cells()


def test_the_page_has_every_route_and_says_what_is_declared() -> None:
    assert set(CELLS) == set(BY_NAME)
    for line in matrix(ROUTES):
        assert CELLS[f"{line.method} {line.path}"] == line.may


def test_what_nobody_may_have_by_accident() -> None:
    """Written by hand, apart from the declarations."""
    for name, may in CELLS.items():
        method, _, path = name.partition(" ")
        if not path.startswith("/api/v1/") or BY_NAME[name].right.who in ("public", "visitor"):
            continue
        assert not may["anybody"], name
        assert not may["visitor"], name
        own = path.startswith("/api/v1/me") or path == "/api/v1/logout"
        if method != "GET" and not own:
            assert not may["analyst"], name
            assert not may["analyst key"], name
        for below, above in (("agent", "supervisor"), ("supervisor", "admin"), ("admin", "owner"),
                             ("agent key", "admin key")):
            assert may[above] or not may[below], (name, below, above)
    for secret in ("POST /api/v1/api-keys", "POST /api/v1/agents", "GET /api/v1/audit",
                   "POST /api/v1/agents/{id}/reset-link", "PUT /api/v1/agents/{id}/inboxes"):
        assert [caller for caller in CALLERS if CELLS[secret][caller]] == ["owner", "admin"], secret


class Desk(NamedTuple):
    """``rows``: noun → id by whose they are."""

    rig: Rig
    callers: dict[str, Client]
    rows: dict[str, dict[str, int]]


def _place(conn: Connection, number: int, inbox_id: int, team_id: int | None, mark: str) -> int:
    now = now_ms()
    theirs = mark if inbox_id != 1 else ""  # contacts go by inbox: several teams may serve one
    contact, _ = contact_edit.create(conn, inbox_id, f"c:{number}", {
        "name": f"客户{number}{theirs}", "email": f"c{number}@{theirs or 'own'}.example"}, {}, now)
    insert_conversations(conn, [(Conversation(
        number, inbox_id, contact.id, f"c:{number}", "open", "queue", 1, 1, 1, 0, now, now,
        last_text=f"请问{mark}", waiting_since=now), f"{inbox_id}:c:{number}")])
    rows = tables.conversations
    conn.execute(update(rows).where(rows.c.id == number).values(team_id=team_id))
    insert_many(conn, "messages", (*messages.COLUMNS, "dedup_key"), [(
        number, 1, "incoming", "contact", f"请问{mark}", now, contact.id, f"m{number}", "", "", "", 1,
        tokens.digest(str(number)))])
    return contact.id


def _fill(conn: Connection) -> dict[str, dict[str, int]]:
    now = now_ms()
    other = inboxes.create_inbox(conn, Inbox(0, "bank", f"Bank{MARK}", "web"), now)
    for team_id, key in ((1, "ours"), (2, "theirs")):
        conn.execute(insert(tables.teams).values(id=team_id, key=key, name=key, settings="{}",
                                                 created_at=now, updated_at=now))
    places = (("own", 1, 1, ""), ("plain", 1, None, ""), ("team", 1, 2, MARK),
              ("inbox", other.id, None, MARK))
    contacts = {name: _place(conn, number, inbox_id, team_id, mark)
                for number, (name, inbox_id, team_id, mark) in enumerate(places, 9001)}
    rows = tables.conversations  # an own contact has been with the other team, too
    conn.execute(update(rows).where(rows.c.id == 9003).values(contact_id=contacts["own"]))
    return {"conversations/{id}": {"own": 9001, "plain": 9002, "team": 9003, "inbox": 9004},
            "contacts/{id}": {"own": contacts["own"], "inbox": contacts["inbox"]},
            "inboxes/{id}": {"own": 1, "inbox": other.id}}


def _join(conn: Connection, agent_id: int) -> None:
    conn.execute(insert(tables.team_members).values(team_id=1, agent_id=agent_id))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk() -> AsyncIterator[Desk]:
    """Everybody but owner and admin is kept to inbox 1; the agent is in team 1."""
    rig = await Rig(now_ms, api=Api(requests_per_minute=10_000_000)).start()
    rows = rig.store.run(_fill)
    await rig.registry.refresh()
    visitor, _ = await rig.visitor()
    callers = {"anybody": rig.http, "visitor": visitor}
    roles: tuple[Role, ...] = ("owner", "admin", "supervisor", "agent", "analyst")
    for role in roles:
        agent = rig.agent(role)
        rig.store.run(scopes.set_inboxes, agent.id, [1])
        rig.store.run(_join, agent.id)
        token, session = await rig.access.sessions.open(agent, "", "")
        callers[role] = rig.http.with_headers(cookie=f"zhike_session={token}", x_csrf_token=session.csrf)
    for kept in ("admin", "agent", "analyst"):
        secret = tokens.new_api_key()
        rig.store.run(api_keys.create, kept, kept, tokens.digest(secret), 0, rig.now(), [1])
        callers[f"{kept} key"] = rig.http.with_headers(authorization=f"Bearer {secret}")
    yield Desk(rig, callers, rows)
    await rig.stop()


def address(route: Route, number: int) -> str:
    path = route.path.replace("{id}", str(number)).replace("{seq}", "1")
    return re.sub(r"\{\w+(:\w+)?\}", "x", path)


async def ask(client: Client, route: Route, number: int = 4711) -> Any:
    # a body that is not JSON: who gets past the guard changes nothing
    return await client(route.method, address(route, number), raw=b"{" if route.body is not None else None)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [name for name in sorted(CELLS)
                                  if BY_NAME[name].operation not in ELSEWHERE])
async def test_every_cell(desk: Desk, name: str) -> None:
    route = BY_NAME[name]
    for caller, may in CELLS[name].items():
        answer = await ask(desk.callers[caller], route)
        refused = answer.status in (401, 403) and answer.code in ("unauthenticated", "forbidden")
        assert refused is not may, (caller, answer.body)
        assert answer.status < 500 or answer.status == 503, (caller, answer.body)


def sees(caller: str, whose: str) -> bool:
    """Written without the scope's own rule."""
    if whose in ("own", "plain") or caller in ("owner", "admin"):
        return True
    if whose == "inbox":
        return False
    return caller != "agent"  # a team's: supervisors, analysts and keys see every team


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [name for name in sorted(CELLS) if noun_of(BY_NAME[name].path)])
async def test_rows_of_others(desk: Desk, name: str) -> None:
    route = BY_NAME[name]
    rows = desk.rows[noun_of(route.path)]
    tried = 0
    for caller in (caller for caller, may in CELLS[name].items() if may):
        for whose, number in rows.items():
            if sees(caller, whose):
                if route.method == "GET":
                    answer = await ask(desk.callers[caller], route, number)
                    assert answer.status == 200, (caller, whose)
                    assert MARK not in answer.body.decode() or sees(caller, "team"), (caller, whose)
                continue
            answer = await ask(desk.callers[caller], route, number)
            assert answer.code == "not_found", (caller, whose, answer.body)
            assert MARK not in answer.body.decode()
            tried += 1
    limited = {"supervisor", "agent", "analyst", "admin key", "agent key", "analyst key"}
    assert tried or not limited & {caller for caller, may in CELLS[name].items() if may}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", [name for name, route in sorted(BY_NAME.items()) if route.method == "GET"
                                  and route.right.who != "public" and not noun_of(route.path)])
async def test_no_answer_holds_what_belongs_to_others(desk: Desk, name: str) -> None:
    """Every list, with the words of the foreign rows looked for where it can search."""
    route = BY_NAME[name]
    fields = getattr(route.query, "__struct_fields__", ())
    queries = [""] + [f"?q={word}" for word in ("请问", "客户", "Bank", "example") if "q" in fields]
    for caller in (caller for caller, may in CELLS[name].items() if may and caller not in ("owner", "admin")):
        for query in queries:
            answer = await desk.callers[caller](route.method, address(route, 9004) + query)
            shown = answer.body.decode()
            if sees(caller, "team"):
                assert f"客户9004{MARK}" not in shown, (caller, query)
                assert f"Bank{MARK}" not in shown, (caller, query)
                assert "c9004" not in shown, (caller, query)
            else:
                assert MARK not in shown, (caller, query, shown)


@pytest.mark.asyncio(loop_scope="module")
async def test_lists_do_hold_what_is_ones_own(desk: Desk) -> None:
    """The test before would also pass for lists that are always empty."""
    for caller, count in (("owner", 4), ("supervisor", 3), ("analyst", 3), ("agent", 2), ("agent key", 3)):
        shown = (await desk.callers[caller]("GET", "/api/v1/conversations")).json["items"]
        assert len([row for row in shown if row["id"] > 9000]) == count, caller
    found = (await desk.callers["owner"]("GET", "/api/v1/search?q=请问")).body.decode()
    assert found.count(MARK) >= 2, "the search would find what is hidden from others"
    assert len((await desk.callers["agent"]("GET", "/api/v1/inboxes")).json["items"]) == 1
    assert len((await desk.callers["owner"]("GET", "/api/v1/inboxes")).json["items"]) == 2
    assert (await desk.callers["agent"]("GET", "/api/v1/conversations?inbox_id=2")).code == "not_found"
    made = await desk.callers["agent key"]("POST", "/api/v1/contacts", {"inbox_id": 2, "external_id": "x"})
    assert made.code == "not_found"


def test_nouns_that_a_path_may_name_are_all_tried() -> None:
    assert set(NOUNS) == {"conversations/{id}", "contacts/{id}", "inboxes/{id}"}
    assert all(any(noun_of(route.path) == noun for route in ROUTES) for noun in NOUNS)
