"""What the doctor says of mail, against real servers on this machine."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from zhike.config import Settings
from zhike.config.mail import Mail
from zhike.ops import doctor
from zhike.ops.doctor import Finding
from zhike.ops.doctormail import check_mail
from zhike.testing import imap
from zhike.testing.smtp import SmtpServer

OUT: dict[str, Any] = {"host": "127.0.0.1", "security": "none", "sender": "help@shop.example"}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SmtpServer]:
    made = await SmtpServer().start()
    yield made
    await made.stop()


@pytest.fixture(scope="module")
def mailbox() -> Iterator[imap.ImapServer]:
    if not imap.there():
        if os.environ.get("CI"):
            pytest.fail("dovecot is missing, and this is CI")
        pytest.skip("dovecot is missing: these tests did not run")
    with imap.ImapServer() as running:
        yield running


@pytest.fixture
def closed() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def one(**settings: Any) -> Finding:
    (found,) = await check_mail(Mail(**settings))
    return found


async def test_a_server_that_takes_mail_is_in_order_and_gets_none(server: SmtpServer) -> None:
    server.users["help"] = "secret"
    found = await one(**OUT, port=server.port, user="help", password="secret")
    assert (found.state, found.en) == ("ok", f"SMTP 127.0.0.1:{server.port} takes mail")
    assert server.letters == []


async def test_a_refused_sign_in_names_the_password_and_does_not_show_it(server: SmtpServer) -> None:
    server.users["help"] = "secret"
    found = await one(**OUT, port=server.port, user="help", password="WRONG-ONE")
    assert found.state == "bad"
    assert "refuses the sign-in (535" in found.en
    assert "ZHIKE_MAIL__PASSWORD" in found.cure_en
    assert "授权码" in found.cure_zh
    assert "WRONG-ONE" not in "".join(found)


async def test_nobody_there_and_an_encryption_that_does_not_fit(server: SmtpServer, closed: int) -> None:
    found = await one(**OUT, port=closed)
    assert "cannot be reached (ConnectionRefusedError" in found.en
    assert "mail.port" in found.cure_en
    found = await one(**{**OUT, "security": "tls"}, port=server.port)
    assert "no encrypted connection" in found.en
    assert "587 with starttls" in found.cure_en
    found = await one(imap_host="127.0.0.1", imap_port=closed)
    assert (found.state, "IMAP" in found.en, "993" in found.cure_zh) == ("bad", True, True)


async def test_a_mailbox_is_opened_and_left_as_it_is(mailbox: imap.ImapServer) -> None:
    mailbox.put(b"From: a@b.example\r\nSubject: x\r\n\r\nhello\r\n")
    own: dict[str, Any] = {"imap_host": "127.0.0.1", "imap_port": mailbox.port, "imap_security": "none",
                           "imap_user": imap.USER, "imap_password": imap.PASSWORD}
    found = await one(**own)
    assert (found.state, found.en.endswith("1 mails in INBOX")) == ("ok", True)
    assert not any(b"Seen" in flags for flags in await asyncio.to_thread(mailbox.flags))
    found = await one(**{**own, "imap_password": "WRONG-ONE"})
    assert ("refuses the sign-in" in found.en, "WRONG-ONE" in "".join(found)) == (True, False)
    found = await one(**own, imap_folder="Nowhere")
    assert "mail.imap_folder" in found.cure_en


async def test_the_doctor_looks_only_at_what_is_set_up(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_settings: Settings) -> list[Finding]:
        return []

    monkeypatch.setattr(doctor, "check_database", nothing)
    quiet = await doctor.examine(Settings())
    assert not any("SMTP" in found.en or "IMAP" in found.en for found in quiet)
    found = await doctor.examine(Settings(mail=Mail(**OUT, port=closed)))
    assert [one.state for one in found if "SMTP" in one.en] == ["bad"]
