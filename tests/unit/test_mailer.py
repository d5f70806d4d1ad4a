"""Mail through a real SMTP server on this machine, and what is known when it fails."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from zhike.access.mailer import Mailer, MailError, MailUnclear
from zhike.access.outbound import Outbound
from zhike.config.mail import Mail
from zhike.desk.notify.post import NotTold
from zhike.desk.notify.ways import Ways
from zhike.domain.notice import Notice, Target, TargetBody
from zhike.testing.smtp import SmtpServer

SENDER = "客服中心 <help@shop.example>"


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SmtpServer]:
    made = await SmtpServer().start()
    yield made
    await made.stop()


def letter(text: str = "您好，\n.开头的点\n再见。") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, "li@mail.example", "您的退货"
    message.set_content(text, cte="base64")
    return message


async def send(port: int, *recipients: str, context: Any = None, **settings: Any) -> None:
    own = Mail(**{"host": "127.0.0.1", "port": port, "security": "none", "sender": SENDER, **settings})
    mailer = Mailer(own, ssl_context=context, timeout_s=5)
    try:
        await mailer.send(letter(), list(recipients) or ["li@mail.example"])
    finally:
        mailer.close()


async def test_a_mail_arrives_as_it_was_written(server: SmtpServer) -> None:
    await send(server.port, "li@mail.example", "wang@mail.example")
    got = server.letters[0]
    assert (got.sender, got.recipients) == ("help@shop.example", ("li@mail.example", "wang@mail.example"))
    assert str(got.message["Subject"]) == "您的退货"
    assert str(got.message["From"]) == SENDER
    assert got.message.get_content().strip() == "您好，\n.开头的点\n再见。"


async def test_who_must_sign_in_does_and_a_wrong_password_is_told(server: SmtpServer) -> None:
    server.users["help"] = "secret"
    await send(server.port, user="help", password="secret")
    assert server.letters[0].user == "help"
    with pytest.raises(MailError, match="535 wrong password") as wrong:
        await send(server.port, user="help", password="other")
    assert not wrong.value.for_good, "a password can be mended"
    assert len(server.letters) == 1


@pytest.mark.parametrize(("where", "answer", "for_good"), [
    ("refuse_rcpt", "550 no such user", True), ("refuse_rcpt", "451 try later", False),
    ("refuse_data", "554 spam", True), ("refuse_data", "452 disk full", False)])
async def test_a_refusal_says_whether_to_try_again(server: SmtpServer, where: str, answer: str,
                                                   for_good: bool) -> None:
    setattr(server, where, answer)
    with pytest.raises(MailError, match=answer) as refused:
        await send(server.port)
    assert refused.value.for_good is for_good
    assert server.letters == []


async def test_a_connection_that_breaks_after_the_text_leaves_it_open(server: SmtpServer) -> None:
    server.drop_after_data = True
    with pytest.raises(MailUnclear):
        await send(server.port)


async def test_who_is_not_there_was_certainly_not_reached() -> None:
    with pytest.raises(MailError, match="refused"):
        await send(9)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(of the server, of a client that trusts it)."""
    folder: Path = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
                    "-out", str(cert)], check=True, capture_output=True)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(cert, key)
    return served, ssl.create_default_context(cafile=str(cert))


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_what_is_to_be_encrypted_is_and_only_to_whom_we_trust(
        security: str, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    served, trusting = tls
    server = await SmtpServer(tls=served, starttls=security == "starttls").start()
    try:
        await send(server.port, security=security, context=trusting)
        assert server.letters[0].encrypted
        with pytest.raises(MailError, match="CERTIFICATE_VERIFY_FAILED"):
            await send(server.port, security=security)
        assert len(server.letters) == 1
    finally:
        await server.stop()


async def test_a_server_without_encryption_is_given_nothing(server: SmtpServer) -> None:
    with pytest.raises(MailError, match="STARTTLS"):
        await send(server.port, security="starttls", user="help", password="secret")
    assert server.letters == []


async def test_a_notice_goes_by_mail(server: SmtpServer) -> None:
    own = Mail(host="127.0.0.1", port=server.port, security="none", sender=SENDER)
    mailer = Mailer(own)
    push: Any = None  # nothing here is pushed
    ways = Ways(Outbound(), mailer, lambda: 1_790_000_000_000, lambda number: f"https://desk.example/{number}",
                push)
    target = Target(1, "x", "email", TargetBody("a@shop.example, b@shop.example"))
    notice = Notice("visitor_late", "l", 1_790_000_000_000, conversation=7, since=1_789_999_900_000,
                    who="李\nBcc: evil@x.example")
    await ways.tell(target, [notice])
    got = server.letters[0]
    assert got.recipients == ("a@shop.example", "b@shop.example")
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert got.message["Bcc"] is None
    assert got.message["Message-ID"].endswith("@shop.example>")
    assert got.message["Date"]
    assert "https://desk.example/7" in got.message.get_content()
    server.refuse_rcpt = "550 no such user"
    with pytest.raises(NotTold, match="550 no such user"):
        await ways.tell(target, [notice])
    await ways.close()
    mailer.close()
