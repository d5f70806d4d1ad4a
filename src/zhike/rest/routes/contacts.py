"""Contacts: who asks."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.access.rights import AGENT
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer, encoded
from zhike.rest.decode import FieldFault, Id, path_id, printable
from zhike.rest.fields import AttributeEdits, Attributes, edits_of
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.conversations import page_of
from zhike.rest.table import Call, Route
from zhike.rest.views import ContactView, ConversationView, Page, contact_view
from zhike.rest.write import audited, by_agent
from zhike.store import contact_edit, contact_merge, listing, scopes
from zhike.store.contacts import get_contact

Name = Annotated[str, Meta(max_length=200)]
EmailText = Annotated[str, Meta(max_length=320)]
Phone = Annotated[str, Meta(max_length=64)]


class ContactQuery(Paged, forbid_unknown_fields=True):
    """``q``: a part of name, email, phone or external id."""

    inbox_id: Id | None = None
    q: Annotated[str, Meta(max_length=200)] = ""


class NewContact(Struct, forbid_unknown_fields=True):
    """``external_id``: the shop's own id of this customer; unique in the inbox."""

    inbox_id: Id
    external_id: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Name = ""
    email: EmailText = ""
    phone: Phone = ""
    attributes: Attributes = {}


class ContactChange(Struct, forbid_unknown_fields=True):
    """Fields that are not given stay. ``attributes`` replaces all of them, ``edits`` changes single ones: if
    one of them is not what it ``was`` any more, nothing is changed, and ``details.attributes`` of the
    ``conflict`` says what stands there. ``remark`` is what people note about a contact."""

    name: Name | UnsetType = UNSET
    email: EmailText | UnsetType = UNSET
    phone: Phone | UnsetType = UNSET
    attributes: Attributes | UnsetType = UNSET
    edits: AttributeEdits | UnsetType = UNSET


async def list_contacts(call: Call) -> Page[ContactView]:
    """Contacts, newest first."""
    query: ContactQuery = call.query
    before = position(query.cursor, 1)
    rows = await call.to.store.read(
        listing.contact_page, query.inbox_id, query.q.strip(), before[0] if before else None, query.limit + 1,
        call.principal.scope,
    )
    return page(rows, query.limit, contact_view, lambda contact: (contact.id,))


async def read_contact(call: Call) -> ContactView:
    """One contact."""
    contact = await call.to.store.read(get_contact, path_id(call.path["id"]))
    if contact is None:
        raise ZhikeError("not_found")
    return contact_view(contact)


async def create_contact(call: Call) -> Answer:
    """Makes a known customer's contact; 200 and unchanged if the external id is known."""
    body: NewContact = call.body
    if printable("external_id", body.external_id) != body.external_id:
        raise FieldFault(
            "external_id",
            "`external_id` holds blanks or control characters.",
            "`external_id` 含有空白或控制字符。",
        )
    fields = {"name": body.name, "email": body.email, "phone": body.phone}
    contact, made = await audited(
        call,
        "contact.created",
        lambda both: f"contact:{both[0].id}",
        None,
        contact_edit.create,
        body.inbox_id,
        f"c:{body.external_id}",
        fields,
        dict(body.attributes),
        call.now,
        by_agent(call),
    )
    return encoded(contact_view(contact), 201 if made else 200)


async def change_contact(call: Call) -> ContactView:
    """Changes a contact."""
    body: ContactChange = call.body
    values: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(body).items()
        if value is not UNSET and name != "edits"
    }
    edits = edits_of(body)
    contact_id = path_id(call.path["id"])
    return contact_view(
        await audited(
            call,
            "contact.updated",
            f"contact:{contact_id}",
            {"fields": sorted([*values, *(edits or ())])},
            contact_edit.change,
            contact_id,
            values,
            call.now,
            by_agent(call),
            edits,
        )
    )


class Merge(Struct, forbid_unknown_fields=True):
    """``into``: the contact that is left."""

    into: Id


async def merge_contact(call: Call) -> ContactView:
    """Two contacts are one person: all conversations move to ``into``, which is left. Both ways in stay open;
    cannot be undone."""
    body: Merge = call.body
    contact_id = path_id(call.path["id"])
    scope = call.principal.scope
    if scope.limited and not await call.to.store.read(scopes.sees_contact, scope, body.into):
        raise ZhikeError("not_found", field="into")
    before = await call.to.store.read(get_contact, contact_id)
    left, awake = await audited(
        call,
        "contact.merged",
        f"contact:{contact_id}",
        {"into": body.into},
        contact_merge.merge,
        contact_id,
        body.into,
        call.now,
        by_agent(call),
    )
    await call.to.desk.inboxes_changed()
    name = before.name if before is not None and before.name else str(contact_id)
    await call.to.desk.note_all(awake, "merged", name)
    return contact_view(left)


async def block_contact(call: Call) -> ContactView:
    """Refuses what this contact sends from now on, wherever they write from; counted, and they are told."""
    return await _block(call, "contact.blocked", call.now)


async def unblock_contact(call: Call) -> ContactView:
    """Takes what this contact sends again."""
    return await _block(call, "contact.unblocked", None)


async def _block(call: Call, action: str, at: int | None) -> ContactView:
    contact_id = path_id(call.path["id"])
    contact = await audited(call, action, f"contact:{contact_id}", None, contact_merge.block, contact_id, at)
    await call.to.desk.inboxes_changed()
    return contact_view(contact)


class HistoryQuery(Paged, forbid_unknown_fields=True):
    """Only the page."""


async def list_contact_conversations(call: Call) -> Page[ConversationView]:
    """All conversations of a contact, last changed first."""
    wanted = listing.Filter(contact_id=path_id(call.path["id"]), scope=call.principal.scope)
    return await page_of(call, wanted, call.query)


ROUTES = [
    Route(
        "GET",
        "/api/v1/contacts/{id}/conversations",
        list_contact_conversations,
        AGENT,
        ("List a contact's conversations", "客户的全部会话"),
        answer=Page[ConversationView],
        query=HistoryQuery,
    ),
    Route(
        "POST",
        "/api/v1/contacts/{id}/merge",
        merge_contact,
        AGENT,
        ("Merge into another contact", "合并客户"),
        answer=ContactView,
        body=Merge,
        errors=("conflict",),
        example={"into": 2},
    ),
    Route(
        "POST",
        "/api/v1/contacts/{id}/block",
        block_contact,
        AGENT,
        ("Block a contact", "屏蔽客户"),
        answer=ContactView,
    ),
    Route(
        "POST",
        "/api/v1/contacts/{id}/unblock",
        unblock_contact,
        AGENT,
        ("Unblock a contact", "解除屏蔽"),
        answer=ContactView,
    ),
    Route(
        "GET",
        "/api/v1/contacts",
        list_contacts,
        AGENT,
        ("List contacts", "客户列表"),
        answer=Page[ContactView],
        query=ContactQuery,
    ),
    Route(
        "POST",
        "/api/v1/contacts",
        create_contact,
        AGENT,
        ("Create a contact", "新建客户"),
        answer=ContactView,
        status=201,
        other=(200,),
        body=NewContact,
        example={"inbox_id": 1, "external_id": "customer-42", "name": "李娜", "attributes": {"level": "VIP"}},
    ),
    Route(
        "GET", "/api/v1/contacts/{id}", read_contact, AGENT, ("Get a contact", "查看客户"), answer=ContactView
    ),
    Route(
        "PATCH",
        "/api/v1/contacts/{id}",
        change_contact,
        AGENT,
        ("Change a contact", "修改客户"),
        answer=ContactView,
        body=ContactChange,
        errors=("conflict",),
        example={"phone": "+86 138 0000 0000", "edits": {"level": {"was": "VIP", "now": "SVIP"}}},
    ),
]
