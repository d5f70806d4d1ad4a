"""Personal data as it is, for people whose role sees it masked: one piece at a time, each time recorded."""

from __future__ import annotations

from msgspec import Struct

from zhike.access.rights import AGENT_ONLY
from zhike.domain.knowledge import Contact
from zhike.errors import ZhikeError
from zhike.rest.decode import FieldFault, Id, path_id
from zhike.rest.routes.conversations import find
from zhike.rest.table import Call, Route
from zhike.rest.views import ContactView, contact_view
from zhike.store import audit, contacts, messages


class Reveal(Struct, forbid_unknown_fields=True):
    """One message by its ``seq``, or the ``contact``."""

    seq: Id | None = None
    contact: bool = False


class Revealed(Struct):
    """The message's text, or the contact."""

    text: str | None
    contact: ContactView | None


async def _note(call: Call, target: str, **what: int) -> None:
    """Recorded before it is shown: what could not be recorded is not shown."""
    await call.to.store.write(audit.add, call.now, call.principal.actor, "privacy.revealed", target,
                              {"address": call.address, **what})


async def _contact(call: Call, contact_id: int) -> Contact:
    contact = await call.to.store.read(contacts.get_contact, contact_id)
    if contact is None:
        raise ZhikeError("not_found")
    return contact


async def reveal_in_conversation(call: Call) -> Revealed:
    """Shows one message or the contact of a conversation as it is. The record holds who, when and which."""
    body: Reveal = call.body
    if (body.seq is None) is not body.contact:
        raise FieldFault("seq", "Give either `seq` or `contact`.", "`seq` 和 `contact` 要给且只给一个。")
    row = (await find(call)).conversation
    if body.seq is None:
        contact = await _contact(call, row.contact_id)
        await _note(call, f"conversation:{row.id}", contact=contact.id)
        return Revealed(None, contact_view(contact))
    found = await call.to.store.read(messages.after, row.id, body.seq - 1, 1)
    if not found or found[0].seq != body.seq:
        raise ZhikeError("not_found", field="seq")
    await _note(call, f"conversation:{row.id}", seq=body.seq)
    return Revealed(found[0].text, None)


async def reveal_contact(call: Call) -> ContactView:
    """Shows a contact as it is. The record holds who, when and which."""
    contact = await _contact(call, path_id(call.path["id"]))
    await _note(call, f"contact:{contact.id}")
    return contact_view(contact)


ROUTES = [
    Route("POST", "/api/v1/conversations/{id}/reveal", reveal_in_conversation, AGENT_ONLY,
          ("Reveal masked data", "查看被打码的内容"), answer=Revealed, body=Reveal, reveals=True,
          example={"seq": 4}),
    Route("POST", "/api/v1/contacts/{id}/reveal", reveal_contact, AGENT_ONLY,
          ("Reveal a masked contact", "查看被打码的客户资料"), answer=ContactView, reveals=True),
]
