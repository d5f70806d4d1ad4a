"""Who holds a conversation, and whether it is awake: take, assign, return, snooze, reopen, resolve.

What each of them does in which state is one table: :mod:`zhike.domain.transitions`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import AGENT, AGENT_ONLY
from zhike.clock import to_ms
from zhike.domain.agent import Scope
from zhike.domain.conversation import Conversation
from zhike.errors import ErrorBody, ZhikeError
from zhike.rest.decode import FieldFault, Id, path_id
from zhike.rest.fields import Note, Priority, TagIds, WrapUp
from zhike.rest.ports import Change
from zhike.rest.routes.conversations import find, me
from zhike.rest.table import Call, Route
from zhike.rest.views import ConversationView, conversation_view
from zhike.rest.write import audited, by_agent, nothing
from zhike.store import agents, conversation_edit, conversations, listing, scopes, teams

MAX_SNOOZE_MS = 366 * 86_400_000
"""A year: what sleeps longer is forgotten."""
MAX_BULK = 100
HANDOVER_PAGE = 100
SHOWN_WRAP_UPS = 10
AT_ONCE = 20
Moment = Annotated[datetime, Meta(tz=True)]


class Assignment(Struct, forbid_unknown_fields=True):
    """``agent_id``: who holds it from now on (the bot falls silent); null: nobody, it waits for a person.
    ``team_id``: the team it goes to, null: none; without ``agent_id`` it waits there. What is not given stays
    as it is. ``note``: a private note for whoever takes it."""

    agent_id: Id | UnsetType | None = UNSET
    team_id: Id | UnsetType | None = UNSET
    note: Note = ""


class Snooze(Struct, forbid_unknown_fields=True):
    """``until``: when it comes back by itself; a message of the visitor brings it back at once."""

    until: Moment


class Resolution(Struct, forbid_unknown_fields=True):
    """``wrap_up``: what it was about, for reports."""

    wrap_up: WrapUp = ""


class Handover(Struct, forbid_unknown_fields=True):
    """To one colleague, or to a team's queue: one of the two."""

    agent_id: Id | None = None
    team_id: Id | None = None


class Moved(Struct):
    """How many conversations were handed over."""

    moved: int


BulkAction = Literal["take", "assign", "resolve", "snooze", "tag", "priority"]


class Bulk(Struct, forbid_unknown_fields=True):
    """``action`` on up to 100 conversations, with the fields of that action: assign: ``agent_id``,
    ``team_id``, ``note`` · snooze: ``until`` · resolve: ``wrap_up`` · priority: ``priority`` · tag:
    ``tag_ids``, which are added to those that are there."""

    ids: Annotated[list[Id], Meta(min_length=1, max_length=MAX_BULK)]
    action: BulkAction
    agent_id: Id | UnsetType | None = UNSET
    team_id: Id | UnsetType | None = UNSET
    note: Note = ""
    until: Moment | None = None
    wrap_up: WrapUp = ""
    priority: Priority | None = None
    tag_ids: TagIds = []


class Failed(Struct):
    """Why one of them was left as it is."""

    id: int
    error: ErrorBody


class BulkDone(Struct):
    """Each id stands in one of the two."""

    done: list[int]
    failed: list[Failed]


async def _change(call: Call, kind: Change, **values: Any) -> ConversationView:
    await _do(call, path_id(call.path["id"]), kind, **values)
    return conversation_view(await find(call))


async def _do(call: Call, conversation_id: int, kind: Change, **values: Any) -> Conversation:
    """The caller does it in their own name, unless ``values`` name another."""
    who = {"agent_id": me(call), "agent_name": call.principal.name, **values}
    return await call.to.desk.change(kind, conversation_id, **who)


async def _each(call: Call, ids: list[int], kind: Change, **values: Any) -> list[Any]:
    """What became of each, in order: a conversation, or why not. A few at a time, so that visitors' messages,
    which are stored in the same units, never wait for a hundred of them."""
    outcomes: list[Any] = []
    for start in range(0, len(ids), AT_ONCE):
        part = (_do(call, number, kind, **values) for number in ids[start : start + AT_ONCE])
        outcomes += await asyncio.gather(*part, return_exceptions=True)
    return outcomes


async def take_conversation(call: Call) -> ConversationView:
    """Takes the conversation over from the bot, the queue or a colleague; the bot falls silent at once."""
    return await _change(call, "take")


async def return_conversation(call: Call) -> ConversationView:
    """Gives the conversation back to the bot."""
    return await _change(call, "return")


async def resolve_conversation(call: Call) -> ConversationView:
    """Ends the conversation; the next message of the contact begins a new one. The body may be left out.
    Where the inbox has a list of wrap-ups, ``wrap_up`` is one of them."""
    body: Resolution | None = call.body
    wrap_up = body.wrap_up.strip() if body else ""
    if wrap_up:
        number = path_id(call.path["id"])
        if unlisted := await _unlisted(call, [number], wrap_up):
            raise unlisted[number]
    return await _change(call, "resolve", wrap_up=wrap_up)


async def _unlisted(call: Call, ids: list[int], wrap_up: str) -> dict[int, ZhikeError]:
    """Those of ``ids`` whose inbox has a list of wrap-ups without this one, and what to say of it. A report
    that counts by wrap-up would have as many rows as there are spellings."""
    found: dict[int, ZhikeError] = {}
    for number, inbox_id in (await call.to.store.read(conversations.inboxes_of, ids)).items():
        inbox = call.to.desk.inbox(inbox_id)
        listed = (inbox.settings.get("wrap_ups") or []) if inbox is not None else []
        if listed and wrap_up not in listed:
            some = ", ".join(listed[:SHOWN_WRAP_UPS]) + (" …" if len(listed) > SHOWN_WRAP_UPS else "")
            found[number] = FieldFault(
                "wrap_up",
                f"{wrap_up!r} is no wrap-up of this inbox; it has {some}",
                f"这个收件箱没有小结“{wrap_up}”，可选：{some}",
            )
    return found


async def queue_conversation(call: Call) -> ConversationView:
    """Puts the conversation into the waiting queue for a person."""
    return await _change(call, "queue")


async def snooze_conversation(call: Call) -> ConversationView:
    """Puts a conversation aside that a person holds or is asked for. Whoever holds it still does; the
    visitor is not told."""
    body: Snooze = call.body
    return await _change(call, "snooze", until=_until(call, body.until))


async def reopen_conversation(call: Call) -> ConversationView:
    """Brings a snoozed conversation back now, or opens a resolved one again: the caller holds it then (a
    program: it waits for a person). Refused while another conversation of this visitor is open."""
    return await _change(call, "reopen")


async def assign_conversation(call: Call) -> ConversationView:
    """Gives the conversation to a colleague, to a team, or back to the queue; the visitor is told."""
    body: Assignment = call.body
    values = await _assignment(call, body.agent_id, body.team_id, body.note)
    number = path_id(call.path["id"])
    if number not in await _in_reach(call, values["agent_id"], [number]):
        raise _out_of_reach(values["agent_name"])
    view = await _change(call, "assign", **values)
    detail = {"agent_id": view.agent_id, "team_id": view.team_id}
    await audited(call, "conversation.assigned", f"conversation:{number}", detail, nothing)
    return view


async def _in_reach(call: Call, agent_id: int, ids: list[int]) -> set[int]:
    """Those of ``ids`` that stand in an inbox which this agent may see (0: nobody is meant). A team is no
    limit: what somebody holds is theirs."""
    agent = await call.to.store.read(agents.get, agent_id) if agent_id else None
    if agent is None:
        return set(ids)
    inbox_ids = (await call.to.store.read(scopes.scope, agent)).inbox_ids
    if inbox_ids is None:
        return set(ids)
    return await call.to.store.read(scopes.visible, Scope(inbox_ids=inbox_ids), ids)


def _out_of_reach(name: str) -> FieldFault:
    return FieldFault("agent_id", f"{name} may not see this inbox.", f"{name} 不能查看这个收件箱。")


def _until(call: Call, until: datetime | None) -> int:
    """When a snooze ends, in ms.

    Raises:
        ZhikeError: ``invalid_field``.
    """
    if until is None:
        raise FieldFault("until", "`until` is missing.", "缺少 `until`。")
    at = to_ms(until)
    if not call.now < at <= call.now + MAX_SNOOZE_MS:
        raise FieldFault(
            "until", "`until` must be in the future, within a year.", "`until` 要在一年以内的将来。"
        )
    return at


async def _assignment(
    call: Call, agent_id: int | UnsetType | None, team_id: int | UnsetType | None, note: str = ""
) -> dict[str, Any]:
    """What an assignment changes.

    Raises:
        ZhikeError: ``invalid_field``.
    """
    if agent_id is UNSET and team_id is UNSET:
        raise FieldFault("agent_id", "Name an agent or a team.", "请指定客服或小组。")
    name = ""
    if isinstance(agent_id, int):
        agent = await call.to.store.read(agents.get, agent_id)
        if agent is None or not agent.enabled or agent.role == "analyst":
            raise FieldFault(
                "agent_id", f"There is no agent {agent_id} who answers.", f"没有能接待的客服 {agent_id}。"
            )
        name = agent.name
    if isinstance(team_id, int) and await call.to.store.read(teams.get, team_id) is None:
        raise FieldFault("team_id", f"There is no team {team_id}.", f"没有小组 {team_id}。")
    return {
        "agent_id": agent_id if isinstance(agent_id, int) else 0,
        "agent_name": name,
        "team_id": None if team_id is UNSET else team_id or 0,
        "by_id": me(call),
        "by_name": call.principal.name if me(call) else "",
        "note": note.strip(),
    }


async def bulk_conversations(call: Call) -> BulkDone:
    """Does one thing to many conversations, each as if it had been asked for alone."""
    body: Bulk = call.body
    ids = list(dict.fromkeys(body.ids))
    if call.principal.scope.limited:
        seen = await call.to.store.read(scopes.visible, call.principal.scope, ids)
    else:
        seen = set(ids)
    values: dict[str, Any] = {}
    if body.action == "take" and not me(call):
        raise ZhikeError("forbidden", "This needs a person's session, not an API key.")
    if body.action in ("tag", "priority"):
        return await _bulk_edit(call, body, ids, seen)
    if body.action == "assign":
        values = await _assignment(call, body.agent_id, body.team_id, body.note)
    elif body.action == "snooze":
        values = {"until": _until(call, body.until)}
    elif body.action == "resolve":
        values = {"wrap_up": body.wrap_up.strip()}
    kind: Any = body.action
    wanted = [number for number in ids if number in seen]
    refused: dict[int, ZhikeError] = {}
    if body.action == "resolve" and values["wrap_up"]:
        refused = await _unlisted(call, wanted, values["wrap_up"])
        wanted = [number for number in wanted if number not in refused]
    if body.action == "assign":
        reached = await _in_reach(call, values["agent_id"], wanted)
        refused = {number: _out_of_reach(values["agent_name"]) for number in wanted if number not in reached}
        wanted = [number for number in wanted if number in reached]
    outcomes = await _each(call, wanted, kind, **values)
    changed = sum(not isinstance(outcome, BaseException) for outcome in outcomes)
    detail = {"ids": wanted, "action": body.action}
    await audited(call, "conversations.updated", f"conversations:{changed}", detail, nothing)
    by_id: dict[int, Any] = {**refused, **dict(zip(wanted, outcomes, strict=True))}
    return _bulk_done(call, ids, {number: by_id.get(number, ZhikeError("not_found")) for number in ids})


async def _bulk_edit(call: Call, body: Bulk, ids: list[int], seen: set[int]) -> BulkDone:
    if body.action == "priority" and body.priority is None:
        raise FieldFault("priority", "`priority` is missing.", "缺少 `priority`。")
    if body.action == "tag" and not body.tag_ids:
        raise FieldFault("tag_ids", "`tag_ids` is missing.", "缺少 `tag_ids`。")
    told: dict[int, Any] = {}
    if wanted := sorted(seen):
        try:
            told = await audited(
                call,
                "conversations.updated",
                f"conversations:{len(wanted)}",
                {"ids": wanted, "fields": [body.action]},
                conversation_edit.edit,
                wanted,
                {"priority": body.priority} if body.action == "priority" else {},
                body.tag_ids if body.action == "tag" else None,
                whole=False,
                now=call.now,
                by_id=by_agent(call),
            )
        except ZhikeError as error:
            if error.code != "not_found":
                raise
    await call.to.desk.tell_lists(told)
    return _bulk_done(
        call, ids, {number: None if number in told else ZhikeError("not_found") for number in ids}
    )


def _bulk_done(call: Call, ids: list[int], outcomes: dict[int, Any]) -> BulkDone:
    done: list[int] = []
    failed: list[Failed] = []
    for number in ids:
        outcome = outcomes[number]
        if isinstance(outcome, ZhikeError):
            failed.append(Failed(number, outcome.body(call.lang)))
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            done.append(number)
    return BulkDone(done, failed)


async def hand_over(call: Call) -> Moved:
    """Gives everything I hold to a colleague or to a team's queue; what was snoozed wakes there. What stands
    in an inbox that the colleague may not see stays."""
    body: Handover = call.body
    if (body.agent_id is None) == (body.team_id is None):
        raise FieldFault(
            "agent_id", "Name an agent or a team, one of the two.", "请指定客服或小组，二者选一。"
        )
    if body.agent_id == call.principal.id:
        raise FieldFault("agent_id", "That is you.", "这是您自己。")
    values = await _assignment(
        call,
        UNSET if body.agent_id is None else body.agent_id,
        UNSET if body.team_id is None else body.team_id,
    )
    moved, after = 0, 0
    while page := await call.to.store.read(listing.held_by, call.principal.id, after, HANDOVER_PAGE):
        wanted = await _in_reach(call, values["agent_id"], page)
        outcomes = await _each(call, sorted(wanted), "assign", from_id=call.principal.id, **values)
        for outcome in outcomes:
            if isinstance(outcome, ZhikeError) and outcome.code in ("conversation_resolved", "not_found"):
                continue  # it ended at this moment
            if isinstance(outcome, BaseException):
                raise outcome
            moved += (outcome.agent_id or 0) == values["agent_id"]  # else somebody took it at this moment
        after = page[-1]
    to = {"agent_id": body.agent_id, "team_id": body.team_id}
    await audited(call, "conversations.handed_over", f"conversations:{moved}", to, nothing)
    return Moved(moved)


_PATH = "/api/v1/conversations/{id}"
_GONE = ("not_found", "conversation_resolved")


def _step(verb: str, handler: Any, right: Any, summary: tuple[str, str], **more: Any) -> Route:
    errors = (*_GONE, *more.pop("errors", ()))
    return Route(
        "POST", f"{_PATH}/{verb}", handler, right, summary, answer=ConversationView, errors=errors, **more
    )


ROUTES = [
    _step("take", take_conversation, AGENT_ONLY, ("Take over", "接手会话")),
    _step(
        "assign",
        assign_conversation,
        AGENT,
        ("Assign to an agent or a team", "分配给客服或小组"),
        body=Assignment,
        example={"agent_id": 2, "note": "老客户，请优先处理"},
    ),
    _step("return", return_conversation, AGENT, ("Return to the bot", "交还机器人")),
    _step("handoff", queue_conversation, AGENT, ("Ask for a person", "转人工")),
    _step(
        "snooze",
        snooze_conversation,
        AGENT,
        ("Snooze", "稍后处理"),
        body=Snooze,
        errors=("wrong_state",),
        example={"until": "2030-01-01T09:00:00+08:00"},
    ),
    _step("reopen", reopen_conversation, AGENT, ("Reopen", "重新打开"), errors=("conflict",)),
    _step(
        "resolve",
        resolve_conversation,
        AGENT,
        ("Resolve", "结束会话"),
        body=Resolution,
        body_optional=True,
        example={"wrap_up": "物流"},
    ),
    Route(
        "POST",
        "/api/v1/conversations/bulk",
        bulk_conversations,
        AGENT,
        ("Change many conversations", "批量操作会话"),
        answer=BulkDone,
        body=Bulk,
        example={"ids": [1, 2], "action": "resolve", "wrap_up": "物流"},
    ),
    Route(
        "POST",
        "/api/v1/me/handover",
        hand_over,
        AGENT_ONLY,
        ("Hand over all my conversations", "交接我的全部会话"),
        answer=Moved,
        body=Handover,
        example={"agent_id": 2},
    ),
]
