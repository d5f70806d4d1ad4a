"""What visitors fill in: how it was, and where to reach them while nobody is at work."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import Connection

from zhike.access.rights import VISITOR
from zhike.domain.message import MAX_TEXT_CHARS
from zhike.domain.wire import MAX_FRAME_BYTES, MAX_HELLO_BYTES, Ack, Rate, Rated, SendMessage, ShortId
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer
from zhike.rest.decode import FieldFault, printable
from zhike.rest.routes.messages import SEND_ERRORS, acked
from zhike.rest.routes.visitor import check_inbox_origin
from zhike.rest.source import HttpSource
from zhike.rest.table import Call, Route
from zhike.store import contacts, conversations, happenings

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]{2,}")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,30}[0-9]")


class RateBody(Rate, frozen=True, tag="rate", forbid_unknown_fields=True):
    """The ``rate`` of the WebSocket protocol."""


class OfflineForm(Struct, forbid_unknown_fields=True):
    """A message with where to reach its author. ``client_msg_id`` makes a retry harmless. Where the inbox's
    form has e-mail or telephone, one of them is needed; fields that it does not have are not kept."""

    client_msg_id: ShortId
    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARS)]
    name: Annotated[str, Meta(max_length=200)] = ""
    email: Annotated[str, Meta(max_length=320)] = ""
    phone: Annotated[str, Meta(max_length=64)] = ""


async def visitor_rate(call: Call) -> Rated:
    """Says how it was, after the desk has asked. The same again does no harm; another rating is refused."""
    body: RateBody = call.body
    check_inbox_origin(call)
    who = call.principal
    return await call.to.desk.rated(who.inbox_id, who.sender, body)


def _checked(form: OfflineForm, fields: list[str]) -> dict[str, str]:
    given = {name: printable(name, getattr(form, name).strip()) for name in fields}
    if given.get("email") and not _EMAIL.fullmatch(given["email"]):
        raise FieldFault("email", "This is no e-mail address.", "邮箱地址不正确。")
    if given.get("phone") and not _PHONE.fullmatch(given["phone"]):
        raise FieldFault("phone", "This is no telephone number.", "电话号码不正确。")
    ways = [name for name in ("email", "phone") if name in given]
    if ways and not any(given[name] for name in ways):
        raise FieldFault(ways[0], "Say where to reach you.", "请留下联系方式。")
    return {name: value for name, value in given.items() if value}


def _keep(conn: Connection, conversation_id: int, sender: str, given: dict[str, str], now: int) -> None:
    """Beside the contact. What the shop says of its own customer is not overwritten."""
    conversation = conversations.get_conversation(conn, conversation_id)
    contact = contacts.get_contact(conn, conversation.contact_id) if conversation is not None else None
    if contact is None:
        return
    known = {"name": contact.name, "email": contact.email, "phone": contact.phone}
    if not sender.startswith("v:"):
        given = {name: value for name, value in given.items() if not known[name]}
    contacts.update_known(conn, contact.id, given, now)
    if any(given.get(name) for name in known):
        happenings.contact(conn, "contact.updated", contact.inbox_id, contact.id, now)


async def visitor_offline_form(call: Call) -> Answer:
    """Leaves a message with where to reach its author; it waits for a person."""
    body: OfflineForm = call.body
    check_inbox_origin(call)
    who = call.principal
    inbox = call.to.desk.inbox(who.inbox_id)
    setting = (inbox.settings.get("offline_form") if inbox is not None else None) or {}
    if not setting.get("enabled"):
        raise ZhikeError("not_found", "This inbox has no form.")
    given = _checked(body, list(setting.get("fields") or ()))
    wait_s = call.to.visitor_messages.take((who.inbox_id, who.sender), call.now / 1000)
    if wait_s:
        raise ZhikeError("rate_limited", retry_after_s=round(wait_s + 0.05, 1))
    source = HttpSource(who.inbox_id, who.sender, call.lang, contact=given)
    stored = await source.send(
        call.to.desk, SendMessage(body.client_msg_id, body.text.strip(), action="handoff")
    )
    await call.to.store.write(_keep, stored.conversation_id, who.sender, given, call.now)
    return acked(stored)


ROUTES = [
    Route(
        "POST",
        "/api/v1/visitor/rating",
        visitor_rate,
        VISITOR,
        ("Rate a conversation", "为会话打分"),
        answer=Rated,
        body=RateBody,
        body_limit_bytes=MAX_HELLO_BYTES,
        cors=True,
        errors=("origin_not_allowed", "inbox_not_found", "not_found", "conflict"),
        example={"conversation": 17, "score": 5},
    ),
    Route(
        "POST",
        "/api/v1/visitor/offline-form",
        visitor_offline_form,
        VISITOR,
        ("Leave a message", "留言"),
        answer=Ack,
        status=201,
        other=(200,),
        body=OfflineForm,
        body_limit_bytes=MAX_FRAME_BYTES,
        cors=True,
        errors=(*SEND_ERRORS, "origin_not_allowed", "inbox_not_found", "not_found"),
        example={"client_msg_id": "f1", "text": "请明天联系我。", "phone": "13800138000"},
    ),
]
