"""What robots, programs and mail readers are sent, against a real receiver on this machine."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from zhike.access.mailer import Mailer
from zhike.access.outbound import Outbound
from zhike.access.signature import verify
from zhike.config.mail import Mail
from zhike.desk.notify.post import NotTold
from zhike.desk.notify.ways import Ways, fit
from zhike.desk.notify.words import line, plain, text, waited
from zhike.domain.notice import Notice, Target, TargetBody, TargetKind

NOW_MS = 1_790_000_000_000
SECRET = "SEC0123456789abcdef"
NOTICE = Notice("visitor_waiting", "w:42", NOW_MS, conversation=42, inbox_id=1, since=NOW_MS - 45_000,
                who="张三", where="官网")


class Receiver:
    """Answers one request per connection with what the test says, and keeps it."""

    def __init__(self) -> None:
        self.status = "200 OK"
        self.body = b'{"errcode":0,"errmsg":"ok","code":0}'
        self.got: list[tuple[str, dict[str, str], bytes]] = []

    async def start(self) -> None:
        self.server = await asyncio.start_server(self.handle, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(one.lower().split(": ", 1) if "signature" not in one.lower() else
                       [one.split(": ", 1)[0].lower(), one.split(": ", 1)[1]] for one in head[1:] if one)
        self.got.append((head[0].split(" ")[1], headers,
                         await reader.readexactly(int(headers["content-length"]))))
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\n"
                     "Connection: close\r\n\r\n".encode() + self.body)
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def robot() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    made.server.close()
    await made.server.wait_closed()


async def tell(kind: TargetKind, address: str, notices: list[Notice] | None = None, **body: Any) -> None:
    push: Any = None  # nothing here is pushed
    ways = Ways(Outbound(), Mailer(Mail()), lambda: NOW_MS, lambda number: f"https://desk.example/c/{number}",
                push)
    try:
        await ways.tell(Target(3, "群", kind, TargetBody(address, **body)), notices or [NOTICE])
    finally:
        await ways.close()


SAID = "张三在“官网”等待人工客服，已等 45 秒\nhttps://desk.example/c/42"


async def test_a_wecom_robot_is_sent_text(robot: Receiver) -> None:
    await tell("wecom", f"{robot.url}/cgi-bin/webhook/send?key=K")
    path, headers, body = robot.got[0]
    assert path == "/cgi-bin/webhook/send?key=K"
    assert headers["content-type"].startswith("application/json")
    assert json.loads(body) == {"msgtype": "text", "text": {"content": SAID}}


async def test_a_dingtalk_robot_checks_the_signature_of_the_url(robot: Receiver) -> None:
    await tell("dingtalk", f"{robot.url}/robot/send?access_token=T", secret=SECRET)
    path, _, body = robot.got[0]
    query = parse_qs(urlsplit(path).query)
    wanted = base64.b64encode(hmac.digest(SECRET.encode(), f"{NOW_MS}\n{SECRET}".encode(), hashlib.sha256))
    assert query == {"access_token": ["T"], "timestamp": [str(NOW_MS)], "sign": [wanted.decode()]}
    assert json.loads(body)["text"]["content"] == SAID


async def test_a_feishu_robot_checks_the_signature_of_the_body(robot: Receiver) -> None:
    await tell("feishu", f"{robot.url}/open-apis/bot/v2/hook/H", secret=SECRET, lang="en")
    body = json.loads(robot.got[0][2])
    at = str(NOW_MS // 1000)
    key = f"{at}\n{SECRET}".encode()
    assert body == {"timestamp": at, "sign": base64.b64encode(hmac.digest(key, b"", hashlib.sha256)).decode(),
                    "msg_type": "text", "content": {"text":
                        "张三 has been waiting for a person in “官网” for 45 s\nhttps://desk.example/c/42"}}


async def test_a_program_is_sent_what_happened_signed(robot: Receiver) -> None:
    robot.status, robot.body = "204 No Content", b""
    await tell("webhook", f"{robot.url}/hook", secret=SECRET)
    _, headers, body = robot.got[0]
    assert verify(SECRET, body, headers["x-zhike-signature"], NOW_MS // 1000)
    told = json.loads(body)
    assert told["event"] == "notice.created"
    assert (told["notices"][0]["conversation"], told["notices"][0]["key"]) == (42, "w:42")
    await tell("webhook", f"{robot.url}/hook", secret=SECRET)
    assert headers["idempotency-key"] == robot.got[1][1]["idempotency-key"]
    await tell("webhook", f"{robot.url}/hook", [Notice("test", "t", NOW_MS)], secret=SECRET)
    assert headers["idempotency-key"] != robot.got[2][1]["idempotency-key"]


@pytest.mark.parametrize(("status", "body", "said"), [
    ("200 OK", b'{"errcode":93000,"errmsg":"invalid webhook url"}', "93000: invalid webhook url"),
    ("200 OK", b'{"errcode":45009,"errmsg":"api freq out of limit"}', "45009"),
    ("200 OK", b"<html>sign in</html>", "not a robot's answer"), ("200 OK", b"[]", "not a robot's answer"),
    ("200 OK", b"{}", "None"), ("404 Not Found", b"gone", "404: gone")])
async def test_a_robot_that_refuses_is_heard(robot: Receiver, status: str, body: bytes, said: str) -> None:
    robot.status, robot.body = status, body
    with pytest.raises(NotTold, match=said.replace("'", ".")):
        await tell("wecom", robot.url)


async def test_nothing_goes_where_it_must_not() -> None:
    with pytest.raises(NotTold, match="may not reach"):
        await tell("webhook", "https://169.254.169.254/latest", secret=SECRET)
    with pytest.raises(NotTold, match="ConnectError"):
        await tell("wecom", "http://127.0.0.1:9/")
    with pytest.raises(NotTold, match="not set up"):
        await tell("email", "a@b.example")


def test_what_a_visitor_calls_themselves_mentions_nobody_and_links_nowhere() -> None:
    evil = Notice("visitor_waiting", "w", NOW_MS, since=NOW_MS,
                  who='<at user_id="all">所有人</at>\n@所有人 https://evil.example')
    said = line(evil, "zh", NOW_MS)
    assert not set("<>@\n") & set(said)
    assert "https://" not in said
    assert len(plain("长" * 100)) == 40


def test_many_are_told_as_ten_and_a_number() -> None:
    many = [Notice("visitor_late", f"l:{n}", NOW_MS, since=NOW_MS - 3_900_000) for n in range(13)]
    said = text(many, "zh", NOW_MS, str).split("\n")
    assert len(said) == 11
    assert said[0] == "一位访客在“”等待人工客服，已超时（1 小时 5 分钟）"
    assert said[-1] == "……还有 3 条"
    assert [waited(s, "en") for s in (-5, 59, 61, 7260)] == ["0 s", "59 s", "1 min", "2 h 1 min"]


def test_a_text_is_cut_between_characters() -> None:
    assert fit("好" * 10, 30) == "好" * 10
    cut = fit("好" * 1000, 2000)
    assert len(cut.encode()) <= 2000
    assert cut.endswith("好…")
