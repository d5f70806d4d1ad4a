"""Files over HTTP: uploaded as they are, sent with a message, read by a link of one's own."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from zhike.clock import now_ms
from zhike.config.sections import Files
from zhike.domain.knowledge import Inbox
from zhike.rest.openapi import build_document
from zhike.rest.routes import all_routes
from zhike.store import inboxes, scopes
from zhike.testing.apirig import SHOP, Client, Response, Rig, asked

RAW = {"content-type": "application/octet-stream"}


def png(extra: bytes = b"") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", extra) + chunk(b"IEND", b"")


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(now_ms, files=Files(max_bytes=300_000)).start()
    yield made
    await made.stop()


async def upload(client: Client, path: str, data: bytes, name: str = "a.png", **headers: str) -> Response:
    return await client("POST", f"{path}?name={name}", raw=data, headers={**RAW, **headers})


async def by_visitor(client: Client, data: bytes, name: str = "a.png") -> Response:
    return await upload(client, "/api/v1/visitor/files", data, name)


async def send(client: Client, number: int, message_id: str, **body: Any) -> Response:
    return await client("POST", f"/api/v1/conversations/{number}/messages",
                        {"client_msg_id": message_id, **body})


def stored(rig: Rig) -> list[Path]:
    return [path for path in rig.uploads.folder.root.glob("*/*") if path.is_file()]


async def test_a_picture_goes_from_the_visitor_to_the_agent_and_back(rig: Rig) -> None:
    visitor, number = await asked(rig)
    agent = await rig.signed_in()
    await agent("POST", f"/api/v1/conversations/{number}/take")
    given = await by_visitor(visitor, png(), "%E5%9D%8F%E4%BA%86.jpeg")
    assert given.status == 201
    assert given.json == {"id": 1, "name": "坏了.png", "type": "image/png", "kind": "image",
                          "size_bytes": len(png()), "width": 3, "height": 2}
    sent = await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "p", "files": [1]})
    assert sent.status == 201
    shown = (await agent("GET", f"/api/v1/conversations/{number}/messages")).json["items"][-1]
    assert (shown["text"], shown["attachments"]) == ("", [given.json])
    assert (await agent("GET", f"/api/v1/conversations/{number}")).json["last_text"] == "📎 坏了.png"
    link = (await agent("GET", "/api/v1/files/1/link")).json
    picture = await rig.http("GET", link["url"])
    assert (picture.status, picture.body) == (200, png())
    headers = picture.headers
    assert headers["content-type"] == "image/png"
    assert headers["content-disposition"] == "inline; filename*=UTF-8''%E5%9D%8F%E4%BA%86.png"
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["cache-control"].startswith("private")

    reply = await upload(agent, f"/api/v1/conversations/{number}/files", "发票\n".encode(), "invoice.exe")
    assert (reply.json["name"], reply.json["kind"]) == ("invoice.txt", "document")
    assert (await send(agent, number, "r", text="您的发票", files=[2])).status == 201
    back = (await visitor("GET", "/api/v1/visitor/messages?after=0")).json["items"][-1]
    assert (back["text"], back["attachments"][0]["id"]) == ("您的发票", 2)
    own = (await visitor("GET", "/api/v1/visitor/files/2/link")).json
    saved = await rig.http("GET", own["url"])
    assert saved.body == "发票\n".encode()
    assert saved.headers["content-disposition"].startswith("attachment;")


async def test_the_bot_says_that_it_cannot_see(rig: Rig) -> None:
    visitor, _ = await rig.visitor()
    await by_visitor(visitor, png())
    await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "p", "files": [1]})
    said = (await visitor("GET", "/api/v1/visitor/messages?after=0&wait_s=5")).json["items"]
    if len(said) == 1:
        said += (await visitor("GET", "/api/v1/visitor/messages?after=1&wait_s=5")).json["items"]
    assert [m["sender"] for m in said] == ["contact", "bot"]
    assert said[1]["answers"] == [1]
    assert said[1]["buttons"]


@pytest.mark.parametrize(("data", "code"), [
    (b"", "file_refused"), (b"<!doctype html>", "file_refused"), (b"MZ\x90\0\0", "file_refused"),
    (png(b"x" * 300_000), "file_too_large")])
async def test_what_is_not_taken_leaves_nothing_behind(rig: Rig, data: bytes, code: str) -> None:
    visitor, _ = await rig.visitor()
    refused = await by_visitor(visitor, data)
    assert refused.code == code
    assert "help" in refused.json["error"]
    assert stored(rig) == []
    assert (await visitor("GET", "/api/v1/visitor/files/1/link")).code == "not_found"


async def test_the_body_says_what_it_is_and_how_long(rig: Rig) -> None:
    visitor, _ = await rig.visitor()
    path = "/api/v1/visitor/files"
    assert (await upload(visitor, path, png(), **{"content-type": "multipart/form-data"})
            ).code == "unsupported_type"
    assert (await upload(visitor, path, b"", **{"content-length": "300001"})).code == "file_too_large"
    assert (await visitor("POST", path, raw=png(), headers=RAW)).code == "invalid_field"
    assert (await upload(rig.http, path, png())).code == "unauthenticated"
    elsewhere = visitor.with_headers(origin="https://evil.example")
    assert (await by_visitor(elsewhere, png())).code == "origin_not_allowed"
    at_shop = visitor.with_headers(origin=SHOP)
    fine = await by_visitor(at_shop, png())
    assert (fine.status, fine.headers["access-control-allow-origin"]) == (201, SHOP)


async def test_nobody_reads_or_sends_what_is_not_theirs(rig: Rig) -> None:
    visitor, number = await asked(rig)
    other, _ = await rig.visitor()
    agent = await rig.signed_in()
    await agent("POST", f"/api/v1/conversations/{number}/take")
    await by_visitor(visitor, png())
    link = "/api/v1/visitor/files/1/link"
    assert (await visitor("GET", link)).status == 200
    assert (await other("GET", link)).code == "not_found"
    assert (await agent("GET", "/api/v1/files/1/link")).code == "not_found"  # not sent yet
    stolen = await other("POST", "/api/v1/visitor/messages", {"client_msg_id": "s", "files": [1]})
    assert stolen.code == "bad_file"
    assert (await send(agent, number, "s", files=[1])).code == "bad_file"
    await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "p", "files": [1]})
    assert (await other("GET", link)).code == "not_found"
    noted = await upload(agent, f"/api/v1/conversations/{number}/files", png())
    await send(agent, number, "n", note=True, files=[noted.json["id"]])
    assert (await visitor("GET", f"/api/v1/visitor/files/{noted.json['id']}/link")).code == "not_found"
    assert "attachments" in (await agent("GET", f"/api/v1/conversations/{number}/messages")).json["items"][-1]
    assert (await visitor("GET", "/api/v1/files/1/link")).code == "unauthenticated"


async def test_another_inbox_s_files_do_not_exist(rig: Rig) -> None:
    visitor, _ = await asked(rig)
    await by_visitor(visitor, png())
    await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "p", "files": [1]})
    bank = rig.store.run(inboxes.create_inbox, Inbox(0, "bank", "Bank", "web"), now_ms())
    kept = rig.agent("supervisor", "bank@desk.example")
    rig.store.run(scopes.set_inboxes, kept.id, [bank.id])
    token, session = await rig.access.sessions.open(kept, "", "")
    banker = rig.http.with_headers(cookie=f"zhike_session={token}", x_csrf_token=session.csrf)
    assert (await banker("GET", "/api/v1/files/1/link")).code == "not_found"
    analyst = await rig.signed_in("analyst")  # sees personal data hidden; a picture cannot be
    assert (await analyst("GET", "/api/v1/files/1/link")).code == "forbidden"
    assert (await (await rig.signed_in("agent"))("GET", "/api/v1/files/1/link")).status == 200


async def test_a_link_is_good_for_one_file_and_a_time(rig: Rig) -> None:
    visitor, _ = await asked(rig)
    await by_visitor(visitor, png())
    url = (await visitor("GET", "/api/v1/visitor/files/1/link")).json["url"]
    assert (await rig.http("GET", url.replace("/files/1/", "/files/2/"))).code == "file_link_expired"
    assert (await rig.http("GET", url[:-1] + ("0" if url[-1] != "0" else "1"))).code == "file_link_expired"
    assert (await rig.http("GET", url.partition("?")[0])).code == "invalid_field"
    part = await rig.http("GET", url, headers={"range": "bytes=1-3"})
    assert (part.status, part.body) == (206, b"PNG")
    assert part.headers["content-range"] == f"bytes 1-3/{len(png())}"
    past = await rig.http("GET", url, headers={"range": "bytes=9999-"})
    assert (past.status, past.body) == (416, b"")
    head = await rig.http("HEAD", url)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(png())))
    known = await rig.http("GET", url, headers={"if-none-match": '"1"'})
    assert (known.status, known.body) == (304, b"")
    stored(rig)[0].unlink()
    assert (await rig.http("GET", url)).code == "not_found"


async def test_a_key_uploads_for_the_contact(rig: Rig) -> None:
    _, number = await asked(rig)
    key = await rig.with_key()
    given = await upload(key, f"/api/v1/conversations/{number}/files", png())
    assert (await send(key, number, "k", files=[given.json["id"]])).status == 201
    agent = await rig.signed_in()
    items = (await agent("GET", f"/api/v1/conversations/{number}/messages")).json["items"]
    assert [m["sender"] for m in items if "attachments" in m] == ["contact"]


async def test_who_is_blocked_uploads_nothing(rig: Rig) -> None:
    visitor, number = await asked(rig)
    agent = await rig.signed_in("supervisor")
    contact_id = (await agent("GET", f"/api/v1/conversations/{number}")).json["contact_id"]
    assert (await agent("POST", f"/api/v1/contacts/{contact_id}/block")).status < 300
    assert (await by_visitor(visitor, png())).code == "blocked"
    assert stored(rig) == []


async def test_what_was_not_sent_goes_after_a_day(rig: Rig) -> None:
    visitor, _ = await asked(rig)
    for _ in range(2):
        await by_visitor(visitor, png())
    await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": "p", "files": [1]})
    await rig.uploads.sweep()
    assert len(stored(rig)) == 2
    rig.uploads._now_ms = lambda: now_ms() + 25 * 3_600_000
    await rig.uploads.sweep()
    assert len(stored(rig)) == 1
    assert (await visitor("GET", "/api/v1/visitor/files/2/link")).code == "not_found"
    assert (await visitor("GET", "/api/v1/visitor/files/1/link")).status == 200


def test_the_document_says_that_a_file_is_sent_as_it_is() -> None:
    document = build_document(all_routes(sample_shop=False), "")
    body = document["paths"]["/api/v1/visitor/files"]["post"]["requestBody"]
    assert body["content"] == {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


async def test_a_canned_response_has_files_of_its_own(rig: Rig) -> None:
    lead, agent = await rig.signed_in("supervisor"), await rig.signed_in()
    mate = await rig.signed_in("analyst")
    shared = (await lead("POST", "/api/v1/canned", {"shortcut": "size", "text": "请看尺码表"})).json
    assert shared["files"] == []
    path = f"/api/v1/canned/{shared['id']}/files"
    given = await upload(lead, path, png(), "chart.png")
    assert given.status == 201
    (file,) = given.json["files"]
    assert (file["name"], file["kind"], file["width"]) == ("chart.png", "image", 3)
    assert (await upload(agent, path, png())).code == "forbidden", "everybody's are written by supervisors"
    assert (await upload(lead, path, b"<html>", "a.png")).code == "file_refused"
    assert (await agent("GET", "/api/v1/canned")).json["items"][0]["files"] == [file]

    link = await mate("GET", f"{path}/{file['id']}/link")
    assert (await rig.http("GET", link.json["url"])).body == png()
    assert (await agent("GET", f"/api/v1/files/{file['id']}/link")).code == "not_found", "no conversation's"
    _, number = await asked(rig)
    await agent("POST", f"/api/v1/conversations/{number}/take")
    stolen = await send(agent, number, "a1", files=[file["id"]])
    assert stolen.status >= 400, "a copy is sent, the original stays"
    copy = (await upload(agent, f"/api/v1/conversations/{number}/files", png(), "chart.png")).json
    assert (await send(agent, number, "a2", text="请看尺码表", files=[copy["id"]])).status == 201

    own = (await agent("POST", "/api/v1/canned", {"shortcut": "mine", "text": "x", "own": True})).json
    mine = (await upload(agent, f"/api/v1/canned/{own['id']}/files", png(b"own"))).json["files"][0]
    assert (await lead("GET", f"/api/v1/canned/{own['id']}/files/{mine['id']}/link")).code == "not_found"
    assert (await lead("DELETE", f"/api/v1/canned/{own['id']}/files/{mine['id']}")).code == "not_found"

    await rig.uploads.sweep()
    assert len(stored(rig)) == 3
    gone = await lead("DELETE", f"{path}/{file['id']}")
    assert (gone.status, gone.json["files"]) == (200, [])
    assert (await rig.http("GET", link.json["url"])).code == "not_found"
    assert (await agent("DELETE", f"/api/v1/canned/{own['id']}")).status == 204
    await rig.uploads.sweep()
    assert len(stored(rig)) == 1, "what was sent stays"
