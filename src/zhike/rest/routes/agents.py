"""Agents: who works at the desk. They are disabled, never deleted: history names them."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access import passwords, rights
from zhike.access.rights import ADMIN_ONLY, AGENT
from zhike.domain.agent import Agent, Role
from zhike.domain.team import Word
from zhike.errors import ZhikeError
from zhike.ids import new_token
from zhike.rest.decode import Id, path_id, printable
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.account import Email, Lang, Password, PersonName
from zhike.rest.table import Call, Route
from zhike.rest.views import AgentView, Page, agent_view
from zhike.rest.write import audited
from zhike.store import agents as rows
from zhike.store import people, scopes


class AgentQuery(Paged, forbid_unknown_fields=True):
    """Only the page."""


class NewAgent(Struct, forbid_unknown_fields=True):
    """Without a ``password`` one is made and shown once."""

    email: Email
    name: PersonName
    role: Role = "agent"
    password: Password | None = None
    lang: Lang = ""


class AgentChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay. A new password or role, or ``enabled: false``, ends the
    agent's sessions. ``capacity``: conversations at a time that routing gives (0 = none by itself);
    ``languages``: an empty list = any."""

    name: PersonName | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    lang: Lang | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    capacity: Annotated[int, Meta(ge=0, le=200)] | UnsetType = UNSET
    skills: Annotated[tuple[Word, ...], Meta(max_length=50)] | UnsetType = UNSET
    languages: Annotated[tuple[Word, ...], Meta(max_length=20)] | UnsetType = UNSET


class AgentInboxes(Struct, forbid_unknown_fields=True):
    """``inbox_ids``: the agent sees conversations and contacts of these inboxes only; empty: of all. Owners
    and admins see all anyway."""

    inbox_ids: Annotated[list[Id], Meta(max_length=1000)]


class CreatedAgent(Struct):
    """``password``: shown this once, "" if it was sent in."""

    agent: AgentView
    password: str


def _role(call: Call) -> Role:
    role = call.principal.role
    assert role is not None
    return role


async def list_agents(call: Call) -> Page[AgentView]:
    """Agents in the order of their ids."""
    query: AgentQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(people.page, after[0] if after else 0, query.limit + 1, call.now)
    return page(found, query.limit, lambda one: agent_view(one.agent, one), lambda one: (one.agent.id,))


async def _find(call: Call) -> Agent:
    agent = await call.to.store.read(rows.get, path_id(call.path["id"]))
    if agent is None:
        raise ZhikeError("not_found")
    return agent


async def _shown(call: Call, agent: Agent) -> AgentView:
    found = await call.to.store.read(people.get, agent.id, call.now)
    return agent_view(agent, found)


async def get_agent(call: Call) -> AgentView:
    """One agent."""
    return await _shown(call, await _find(call))


async def create_agent(call: Call) -> CreatedAgent:
    """Adds an agent. Only an owner makes owners."""
    body: NewAgent = call.body
    rights.check_grant(_role(call), None, body.role)
    name, email = printable("name", body.name), printable("email", body.email)
    password = body.password or new_token(12)
    passwords.check_strength(password, email=email)
    stored = await call.to.access.passwords.hash(password)
    agent = await audited(
        call,
        "agent.created",
        lambda made: f"agent:{made.id}",
        {"role": body.role},
        rows.create,
        email,
        name,
        body.role,
        stored,
        body.lang,
        call.now,
    )
    return CreatedAgent(await _shown(call, agent), "" if body.password else password)


async def change_agent(call: Call) -> AgentView:
    """Changes an agent. Only an owner changes owners; the last owner stays one."""
    body: AgentChange = call.body
    old = await _find(call)
    rights.check_grant(_role(call), old.role, None if body.role is UNSET else body.role)
    values: dict[str, Any] = {
        name: value
        for name in ("name", "role", "enabled", "lang", *rows.SETTINGS)
        if (value := getattr(body, name)) is not UNSET
    }
    if "name" in values:
        values["name"] = printable("name", values["name"])
    for name in ("skills", "languages"):
        if name in values:
            values[name] = tuple(printable(name, word) for word in values[name])
    if body.password is not UNSET:
        passwords.check_strength(body.password, email=old.email)
        values["password_hash"] = await call.to.access.passwords.hash(body.password)
    ends = bool({"role", "password_hash"} & values.keys()) or values.get("enabled") is False
    agent = await audited(
        call,
        "agent.updated",
        f"agent:{old.id}",
        {"fields": sorted(values), **{k: values[k] for k in ("role", "enabled") if k in values}},
        rows.change,
        old.id,
        values,
        end_sessions=ends,
    )
    if ends:
        call.to.access.sessions.ended(old.id)
    else:
        call.to.access.sessions.forget(old.id)
    call.to.desk.people_changed()
    return await _shown(call, agent)


async def get_agent_inboxes(call: Call) -> AgentInboxes:
    """The inboxes that an agent is kept to."""
    agent = await _find(call)
    return AgentInboxes(await call.to.store.read(scopes.inboxes_of, agent.id))


async def set_agent_inboxes(call: Call) -> AgentInboxes:
    """Keeps an agent to some inboxes; takes effect at once, on open pages too."""
    body: AgentInboxes = call.body
    agent = await _find(call)
    rights.check_grant(_role(call), agent.role, None)
    kept = await audited(call, "agent.inboxes_changed", f"agent:{agent.id}", {"inbox_ids": body.inbox_ids},
                         scopes.set_inboxes, agent.id, body.inbox_ids)
    call.to.access.sessions.rescoped(agent.id)
    return AgentInboxes(kept)


ROUTES = [
    Route(
        "GET",
        "/api/v1/agents",
        list_agents,
        AGENT,
        ("List agents", "客服列表"),
        answer=Page[AgentView],
        query=AgentQuery,
    ),
    Route(
        "POST",
        "/api/v1/agents",
        create_agent,
        ADMIN_ONLY,
        ("Add an agent", "新建客服"),
        answer=CreatedAgent,
        status=201,
        body=NewAgent,
        errors=("conflict",),
        example={"email": "wang.lei@shop.example", "name": "王磊", "role": "agent"},
    ),
    Route("GET", "/api/v1/agents/{id}", get_agent, AGENT, ("Get an agent", "查看客服"), answer=AgentView),
    Route(
        "PATCH",
        "/api/v1/agents/{id}",
        change_agent,
        ADMIN_ONLY,
        ("Change an agent", "修改客服"),
        answer=AgentView,
        body=AgentChange,
        errors=("conflict",),
        example={"enabled": False},
    ),
    Route("GET", "/api/v1/agents/{id}/inboxes", get_agent_inboxes, AGENT,
          ("Inboxes of an agent", "客服可见的收件箱"), answer=AgentInboxes),
    Route("PUT", "/api/v1/agents/{id}/inboxes", set_agent_inboxes, ADMIN_ONLY,
          ("Keep an agent to some inboxes", "限定客服可见的收件箱"), answer=AgentInboxes, body=AgentInboxes,
          example={"inbox_ids": [1]}),
]
