"""Conversations: lists, counts, one of them, what people set on it. Who holds it: :mod:`.life`."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import AGENT, AGENT_ONLY
from zhike.domain.conversation import Holder, Status
from zhike.errors import ZhikeError
from zhike.rest.decode import FieldFault, Id, path_id
from zhike.rest.fields import AttributeEdits, Attributes, Priority, TagIds, edits_of
from zhike.rest.paging import Paged, page, position
from zhike.rest.table import Call, Route
from zhike.rest.views import ConversationView, Page, conversation_view
from zhike.rest.write import audited, by_agent
from zhike.store import conversation_edit, listing


class ConversationQuery(Paged, forbid_unknown_fields=True):
    """Every filter that is given must hold. ``q``: words in contact or messages. ``agent_id``: who
    holds it; ``mine``: I do. ``unassigned``: it waits, and no team is asked. ``mentioned``: a note names me,
    and I have not read it. ``snoozed``: as ``status=snoozed``. ``sort``: last changed first (updated), who
    has waited longest first (waiting), or urgent first and then who has waited longest (priority); a cursor
    belongs to one of them."""

    status: Status | None = None
    inbox_id: Id | None = None
    holder: Holder | None = None
    contact_id: Id | None = None
    agent_id: Id | None = None
    mine: bool = False
    q: Annotated[str, Meta(max_length=200)] = ""
    team_id: Id | None = None
    tag_id: Id | None = None
    priority: Priority | None = None
    unassigned: bool = False
    mentioned: bool = False
    snoozed: bool = False
    sort: listing.Sort = "updated"


class ConversationChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay. ``attributes`` replaces all of them, ``tag_ids`` is the whole set.
    ``edits`` changes single attributes, as of a contact."""

    priority: Priority | UnsetType = UNSET
    attributes: Attributes | UnsetType = UNSET
    edits: AttributeEdits | UnsetType = UNSET
    tag_ids: TagIds | UnsetType = UNSET


class ReadMark(Struct, forbid_unknown_fields=True):
    """Everything up to ``seq`` was read."""

    seq: Id


def me(call: Call) -> int:
    """The agent who asks; 0 for a key."""
    return call.principal.id if call.principal.kind == "agent" else 0


async def list_conversations(call: Call) -> Page[ConversationView]:
    """Conversations, last changed first unless ``sort`` says otherwise."""
    query: ConversationQuery = call.query
    if (query.mine or query.mentioned) and not me(call):
        field = "mine" if query.mine else "mentioned"
        raise FieldFault(field, f"`{field}` needs a person's session.", f"`{field}` 只对登录的客服有意义。")
    wanted = listing.Filter(
        "snoozed" if query.snoozed else query.status,
        query.holder,
        query.inbox_id,
        query.contact_id,
        me(call) if query.mine else query.agent_id,
        query.q.strip(),
        call.principal.scope,
        query.team_id,
        query.tag_id,
        query.priority,
        query.unassigned,
        me(call) if query.mentioned else 0,
    )
    return await page_of(call, wanted, query, query.sort)


async def page_of(
    call: Call, wanted: listing.Filter, paged: Paged, sort: listing.Sort = "updated"
) -> Page[ConversationView]:
    """One page of a list of conversations."""
    rows = await call.to.store.read(
        listing.conversation_page,
        wanted,
        position(paged.cursor, 3 if sort == "priority" else 2),
        paged.limit + 1,
        sort=sort,
        me=me(call),
    )
    return page(rows, paged.limit, conversation_view, lambda row: listing.position(row, sort))


async def count_conversations(call: Call) -> listing.Counts:
    """How many conversations there are of each kind that the caller may see."""
    return await call.to.store.read(listing.counts, me(call), call.principal.scope)


async def find(call: Call) -> listing.ConversationRow:
    """The conversation that the path names.

    Raises:
        ZhikeError: ``not_found``.
    """
    row = await call.to.store.read(listing.conversation, path_id(call.path["id"]), me(call))
    if row is None:
        raise ZhikeError("not_found")
    return row


async def get_conversation(call: Call) -> ConversationView:
    """One conversation."""
    return conversation_view(await find(call))


async def change_conversation(call: Call) -> ConversationView:
    """Sets priority, attributes or tags; agents' lists hear of it at once."""
    body: ConversationChange = call.body
    conversation_id = path_id(call.path["id"])
    values = {
        name: value for name in ("priority", "attributes") if (value := getattr(body, name)) is not UNSET
    }
    tag_ids = None if body.tag_ids is UNSET else body.tag_ids
    edits = edits_of(body)
    fields = sorted([*values, *(edits or ()), *(["tags"] if tag_ids is not None else [])])
    told = await audited(
        call,
        "conversation.updated",
        f"conversation:{conversation_id}",
        {"fields": fields},
        conversation_edit.edit,
        [conversation_id],
        values,
        tag_ids,
        now=call.now,
        by_id=by_agent(call),
        edits=edits,
    )
    await call.to.desk.tell_lists(told)
    return conversation_view(await find(call))


async def read_conversation(call: Call) -> None:
    """Notes up to where the agent has read; never moves back, nor beyond the last message."""
    body: ReadMark = call.body
    row = await find(call)
    seq = min(body.seq, row.conversation.last_seq)
    await call.to.desk.mark_read(row.conversation.id, seq, call.principal.id)


async def unread_conversation(call: Call) -> None:
    """The visitor's last message is new to me once more; all my pages show it."""
    row = await find(call)
    await call.to.desk.mark_unread(row.conversation.id, call.principal.id)


_PATH = "/api/v1/conversations/{id}"

ROUTES = [
    Route(
        "GET",
        "/api/v1/conversations",
        list_conversations,
        AGENT,
        ("List conversations", "会话列表"),
        answer=Page[ConversationView],
        query=ConversationQuery,
    ),
    Route(
        "GET",
        "/api/v1/conversations/counts",
        count_conversations,
        AGENT,
        ("Count conversations", "会话计数"),
        answer=listing.Counts,
    ),
    Route("GET", _PATH, get_conversation, AGENT, ("Get a conversation", "查看会话"), answer=ConversationView),
    Route(
        "PATCH",
        _PATH,
        change_conversation,
        AGENT,
        ("Change priority, attributes or tags", "修改优先级、属性或标签"),
        answer=ConversationView,
        body=ConversationChange,
        errors=("conflict",),
        example={"priority": 3, "attributes": {"order": "10682"}},
    ),
    Route(
        "POST",
        f"{_PATH}/read",
        read_conversation,
        AGENT_ONLY,
        ("Mark as read", "标为已读"),
        status=204,
        body=ReadMark,
        example={"seq": 4},
    ),
    Route(
        "POST",
        f"{_PATH}/unread",
        unread_conversation,
        AGENT_ONLY,
        ("Mark as unread", "标为未读"),
        status=204,
    ),
]
