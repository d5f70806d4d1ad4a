"""A whole desk tells a robot and a mail reader of a visitor nobody takes: real sockets, real SMTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from zhike.access.signature import verify
from zhike.app.process import Process
from zhike.clock import now_ms, to_datetime
from zhike.desk.notify.notifier import LOOK
from zhike.domain.notice import Target, TargetBody
from zhike.domain.unit import Change
from zhike.domain.wire import Alarm
from zhike.gateway.limits import Limits
from zhike.store import conversations, notify
from zhike.testing.instance import quiet_settings, running
from zhike.testing.smtp import SmtpServer
from zhike.testing.wsclient import Visitor

SECRET = "a secret of the shop"


async def test_a_visitor_nobody_takes_is_told_of_by_webhook_and_mail(tmp_path: Path) -> None:
    got: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
        got.put_nowait((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    hook = await asyncio.start_server(receive, "127.0.0.1", 0)
    port = hook.sockets[0].getsockname()[1]
    smtp = await SmtpServer().start()
    settings = quiet_settings(tmp_path, mail__host="127.0.0.1", mail__port=smtp.port, mail__security="none",
                              mail__sender="desk@shop.example")
    async with running(Process, settings, Limits()) as desk:
        core = desk.process.core
        assert core is not None
        assert core.outreach is not None
        for kind, address in (("webhook", f"http://127.0.0.1:{port}/hook"), ("email", "li@shop.example")):
            await core.store.write(notify.create, Target(0, kind, kind, TargetBody(  # type: ignore[arg-type]
                address, SECRET, after_s=0)), now_ms())
        async with Visitor(desk.url) as visitor:
            await visitor.stored(visitor.say("你好"))
        found = await core.store.read(conversations.by_ids, [1])
        change = await core.line.change(Change(next(iter(found)), "queue", now_ms()))
        assert change.outcome == "done"
        runner = core.outreach.notifier.runner
        await runner.schedule(LOOK, LOOK, now_ms())
        async with asyncio.timeout(20):
            headers, body = await got.get()
            await smtp.came.wait()
            assert core.router is not None
            late = Alarm("reply_late", 1, 1, 0, None, to_datetime(now_ms() - 90_000))
            for notifier in core.router.notifiers:
                notifier.alarm(late)
            _, alarm = await got.get()
    hook.close()
    await smtp.stop()
    assert verify(SECRET, body, headers["x-zhike-signature"], now_ms() // 1000)
    told = json.loads(body)["notices"]
    assert [(one["kind"], one["conversation"]) for one in told] == [("visitor_waiting", 1)]
    assert [(one["kind"], one["conversation"]) for one in json.loads(alarm)["notices"]] == [("reply_late", 1)]
    assert smtp.letters[0].recipients == ("li@shop.example",)
    assert "/console/conversations/1" in smtp.letters[0].message.get_content()
    assert "你好" not in smtp.letters[0].message.get_content() + body.decode(), "their words stay at home"
