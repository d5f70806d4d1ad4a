"""Files: upload one, ask for a link to one, read one by its link.

A file is uploaded first and sent with a message then (``files`` of the message). Whoever may read the message
may ask for a link; the link alone reads the file, for an hour or two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

from zhike.access.rights import AGENT, VISITOR, public
from zhike.domain.attachment import Attachment
from zhike.errors import ZhikeError
from zhike.files.kinds import INLINE
from zhike.files.links import STEP_S
from zhike.rest.answer import Answer
from zhike.rest.decode import MAX_ID, path_id
from zhike.rest.download import answer
from zhike.rest.privacy import sees_clear
from zhike.rest.routes.conversations import find
from zhike.rest.routes.visitor import check_inbox_origin
from zhike.rest.table import Call, Route
from zhike.rest.upload import Upload
from zhike.store import contacts, files

UPLOAD_ERRORS = ("unsupported_type", "request_timeout", "file_too_large", "file_refused", "too_many_files",
                 "storage_full", "bad_request")


class UploadQuery(Struct, forbid_unknown_fields=True):
    """``name``: what the file is called; its ending is made to fit what the file really is."""

    name: Annotated[str, Meta(min_length=1, max_length=300)]


class FileLink(Struct):
    """``url``: relative to the desk's own address."""

    url: str
    expires_at: datetime


class LinkQuery(Struct, forbid_unknown_fields=True):
    """As the link has them."""

    expires: Annotated[int, Meta(ge=0, le=MAX_ID)]
    sig: Annotated[str, Meta(min_length=1, max_length=64)]


async def _take(call: Call, inbox_id: int, sender: str) -> Attachment:
    body: Upload = call.body
    body.check()
    return await call.to.uploads.take(aiter(body), call.query.name, inbox_id, sender)


async def upload_file(call: Call) -> Attachment:
    """Stores a file (the body, as it is) that can then be sent once into an open conversation of this inbox:
    by the agent who uploads it, or with a key on behalf of the conversation's contact."""
    row = await find(call)
    who = call.principal
    sender = f"a:{who.id}" if who.kind == "agent" else row.conversation.sender
    return await _take(call, row.conversation.inbox_id, sender)


async def visitor_upload(call: Call) -> Attachment:
    """Stores a file (the body, as it is) that the visitor can then send with a message, once."""
    check_inbox_origin(call)
    who = call.principal
    if await call.to.store.read(contacts.is_blocked, who.inbox_id, who.sender):
        raise ZhikeError("blocked")
    # a file weighs more than a message, but nobody sends more of them
    wait_s = call.to.visitor_messages.take((who.inbox_id, who.sender), call.now / 1000)
    if wait_s:
        raise ZhikeError("rate_limited", retry_after_s=round(wait_s + 0.05, 1))
    return await _take(call, who.inbox_id, who.sender)


def link_to(call: Call, file: Attachment | None) -> FileLink:
    """A link to a file that the caller may read.

    Raises:
        ZhikeError: ``not_found`` if there is none.
    """
    if file is None:
        raise ZhikeError("not_found")
    link = call.to.uploads.link(file)
    return FileLink(link.path, datetime.fromtimestamp(link.expires_s, UTC))


async def file_link(call: Call) -> FileLink:
    """A link to a file of a conversation that the caller may see. It reads the file until it expires. Roles
    that see personal data only in part (`privacy.clear_for`) get none: a picture cannot be hidden in part."""
    who = call.principal
    sender = f"a:{who.id}" if who.kind == "agent" else ""
    found = await call.to.store.read(files.for_staff, path_id(call.path["id"]), who.scope, sender)
    if found is not None and not sees_clear(who.role, call.to.settings.privacy.clear_for):
        raise ZhikeError("forbidden", "A file cannot be shown with its personal data hidden.")
    return link_to(call, found.attachment if found is not None else None)


async def visitor_file_link(call: Call) -> FileLink:
    """A link to a file of one of the visitor's own conversations. It reads the file until it expires."""
    check_inbox_origin(call)
    who = call.principal
    found = await call.to.store.read(files.for_visitor, path_id(call.path["id"]), who.inbox_id, who.sender)
    return link_to(call, found.attachment if found is not None else None)


async def read_file(call: Call) -> Answer:
    """The file of a link: pictures, sound and video in place, everything else to be saved. Takes ranges."""
    query: LinkQuery = call.query
    file_id = path_id(call.path["id"])
    shown, path = await call.to.uploads.linked(file_id, query.expires, query.sig)
    charset = "; charset=utf-8" if shown.type.startswith("text/") else ""
    return await answer(path, shown.name, shown.type + charset, inline=shown.type in INLINE,
                        request=call.headers, etag=f'"{file_id}"',
                        cache=f"private, max-age={STEP_S}, immutable")


ROUTES = [
    Route(
        "POST",
        "/api/v1/conversations/{id}/files",
        upload_file,
        AGENT,
        ("Upload a file to send", "上传要发送的文件"),
        answer=Attachment,
        status=201,
        query=UploadQuery,
        upload=True,
        budget="upload",
        errors=UPLOAD_ERRORS,
    ),
    Route(
        "GET",
        "/api/v1/files/{id}/link",
        file_link,
        AGENT,
        ("Get a link to a file", "获取文件链接"),
        answer=FileLink,
    ),
    Route(
        "POST",
        "/api/v1/visitor/files",
        visitor_upload,
        VISITOR,
        ("Upload a file as a visitor", "访客上传文件"),
        answer=Attachment,
        status=201,
        query=UploadQuery,
        upload=True,
        budget="upload",
        cors=True,
        errors=(*UPLOAD_ERRORS, "blocked", "origin_not_allowed", "inbox_not_found"),
    ),
    Route(
        "GET",
        "/api/v1/visitor/files/{id}/link",
        visitor_file_link,
        VISITOR,
        ("Get a link to a file as a visitor", "访客获取文件链接"),
        answer=FileLink,
        cors=True,
        errors=("origin_not_allowed", "inbox_not_found", "not_found"),
    ),
    Route(
        "GET",
        "/files/{id}/{name}",
        read_file,
        public("Pictures and players cannot send a header: the link is signed, names one file and expires; "
               "it is given only to those who may read the message."),
        ("Read a file by its link", "凭链接读取文件"),
        query=LinkQuery,
        text="application/octet-stream",
        budget="none",
        other=(206, 304, 416),
        errors=("file_link_expired", "not_found"),
    ),
]
