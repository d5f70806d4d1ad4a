"""From an empty folder to the first answer, and what a second start leaves alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

from zhike.ops.bench.server import HOST, Server, limits_off
from zhike.testing.restclient import Agent, Api, set_up, sign_in
from zhike.testing.wsclient import WAIT_S, Visitor

QUESTION = "下单后多久发货？"
EDITED = "今天下单，明天发货（我们自己改过的）。"


async def answer_to(server: Server, text: str) -> str:
    async with Visitor(f"ws://{HOST}:{server.port}/ws", stay=True) as visitor:
        [answer] = await visitor.answered(visitor.say(text))
        visitor.check_order()
        return answer.text.strip()


def printed_link(server: Server) -> str:
    """The one-time link, once the process has printed it."""
    until_s = monotonic() + WAIT_S
    while monotonic() < until_s:
        server.check_alive()
        link = next((word for word in server.last_words().split() if "#token=" in word), "")
        if link:
            return link
        sleep(0.02)  # a log file has no event
    raise AssertionError(f"no link was printed:\n{server.last_words()}")


async def test_an_empty_folder_answers_and_later_starts_keep_what_was_edited(tmp_path: Path) -> None:
    server = Server(tmp_path / "not" / "there" / "yet" / "data", limits_off(10))
    try:
        server.exec()  # nothing but the command: the first hello comes before the tables exist
        before = await answer_to(server, QUESTION)
        assert before
        assert before != EDITED
        link = await asyncio.to_thread(printed_link, server)
        assert link.startswith(f"http://localhost:{server.port}/console/setup#token=")
        owner = await set_up(Api(server.port), link)
        found = await owner.good("GET", "/api/v1/articles?limit=200&lang=zh")
        assert len(found["items"]) >= 30
        article = next(a for a in found["items"] if a["question"] == QUESTION)
        await owner.good("PATCH", f"/api/v1/articles/{article['id']}", {"answer": EDITED})
        rules = await owner.good("GET", "/api/v1/rules?limit=200")
        gone = next(r for r in rules["items"] if r["key"] == "menu-returns-zh")
        await owner.good("DELETE", f"/api/v1/rules/{gone['id']}")
        async with Visitor(f"ws://{HOST}:{server.port}/ws") as visitor:
            await visitor.answered(visitor.say("包邮吗"))
        assert await asyncio.to_thread(server.stop) == 0

        log = len(server.log.read_bytes())
        await asyncio.to_thread(server.start)
        assert await answer_to(server, QUESTION) == EDITED
        rules = await owner.good("GET", "/api/v1/rules?limit=200")  # the session has survived, too
        assert gone["key"] not in [rule["key"] for rule in rules["items"]], "a deleted rule came back"
        assert b"#token=" not in server.log.read_bytes()[log:], "a set-up link although there is an owner"
        async with Visitor(visitor.url, token=visitor.token) as again:  # as has the visitor's past
            await again.until(lambda: len(again.rows()) == 2, "the past")
            assert again.texts() == visitor.texts()
        rest = await sign_in(Api(server.port))
        async with Agent(rest) as agent:
            agent.watch(visitor.conversation)
            await agent.until(lambda: bool(agent.rows(visitor.conversation)), "the past")
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        server.kill()


async def test_two_first_starts_at_once_on_one_folder(tmp_path: Path) -> None:
    """Two processes that find the same empty folder make one set of tables and one sample shop."""
    first = Server(tmp_path / "data", limits_off(10))
    second = Server(tmp_path / "data", limits_off(10))
    second.log = tmp_path / "second.log"
    try:
        first.exec()
        second.exec()
        answers = await asyncio.gather(answer_to(first, QUESTION), answer_to(second, QUESTION))
        assert answers[0] == answers[1]
        for server in (first, second):  # a new link ends the one before: both have made theirs now
            await asyncio.to_thread(printed_link, server)
        said = await asyncio.to_thread(first.run, "admin", "link")
        owner = await set_up(Api(first.port), next(word for word in said.split() if "#token=" in word))
        found = await owner.good("GET", "/api/v1/articles?limit=200&lang=zh")
        keys = [a["key"] for a in found["items"]]
        assert len(keys) == len(set(keys))
        assert len((await owner.good("GET", "/api/v1/inboxes"))["items"]) == 1
        for server in (first, second):
            assert await asyncio.to_thread(server.stop) == 0, server.last_words()
    finally:
        first.kill()
        second.kill()


def test_a_port_that_is_taken_is_said_clearly(tmp_path: Path) -> None:
    import socket

    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([sys.executable, "-m", "zhike", "serve", "--port", str(port), "--data",
                               str(tmp_path / "data")], cwd=tmp_path, capture_output=True, text=True,
                              timeout=60, check=False)
    assert done.returncode != 0
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
