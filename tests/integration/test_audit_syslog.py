"""The audit at a syslog server: format, framing, order, and nothing lost while the server is away."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhike.access import syslog
from zhike.access.syslog import Follower, line, parse
from zhike.clock import now_ms
from zhike.store import audit
from zhike.testing.inline import InlineStore

AT = 1_790_000_000_123
RFC5424 = re.compile(
    r'<(?P<pri>\d+)>1 (?P<at>\S+) (?P<host>\S+) zhike (?P<pid>\d+) (?P<action>\S+) '
    r'\[zhike@32473 id="(?P<id>\d+)" actor="(?P<actor>(?:[^"\\\]]|\\.)*)" '
    r'target="(?P<target>(?:[^"\\\]]|\\.)*)" '
    r'digest="(?P<digest>[0-9a-f]*)"\] \ufeff(?P<text>.*)')


async def opened() -> InlineStore:
    store = InlineStore()
    await store.open()
    return store


def write(store: InlineStore, count: int, first: int = 0) -> None:
    for n in range(first, first + count):
        store.run(audit.add, AT + n, "agent:1 李娜", "article.updated", f"article:{n}", {"n": n})


def test_a_line_is_rfc_5424() -> None:
    entry = audit.Entry(7, AT, 'agent:1 "Li] \\ Na"', "article.updated", "article:17", {"x": "a\nb"},
                        "ab" * 32)
    found = RFC5424.fullmatch(line(entry, "desk", 42).decode())
    assert found is not None
    assert (found["pri"], found["at"], found["host"], found["pid"]) == (
        "109", "2026-09-21T14:13:20.123Z", "desk", "42")
    assert (found["action"], found["id"], found["digest"]) == ("article.updated", "7", "ab" * 32)
    assert re.sub(r"\\(.)", r"\1", found["actor"]) == entry.actor
    assert "\n" not in found["text"]


@pytest.mark.parametrize(("url", "target"), [
    ("udp://logs.example", ("udp", "logs.example", 514)),
    ("tcp://logs.example:6514", ("tcp", "logs.example", 6514)),
    ("tcp://[::1]", ("tcp", "::1", 601)), ("unix:///dev/log", ("unix", "/dev/log", 0))])
def test_addresses(url: str, target: tuple[str, str, int]) -> None:
    assert parse(url) == target


@pytest.mark.parametrize("url", ["", "logs.example", "http://x", "udp://", "unix://dev/log", "tcp://x/y"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="udp://"):
        parse(url)


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def all_of(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection, which is closed."""
    data = b""
    with connection:
        while part := connection.recv(65536):
            data += part
    return data


def frames(data: bytes) -> list[str]:
    """Octet counting undone."""
    found = []
    while data:
        size, _, rest = data.partition(b" ")
        found.append(rest[:int(size)].decode())
        data = rest[int(size):]
    return found


async def test_tcp_in_order_from_where_it_began(tcp: socket.socket) -> None:
    store = await opened()
    write(store, 3)
    follower = Follower(store, f"tcp://127.0.0.1:{tcp.getsockname()[1]}")
    assert not await follower.step(), "what is older than the setting is not sent"
    write(store, 3, 3)
    await follower.step()
    connection, _ = tcp.accept()
    await follower.stop()
    found = [RFC5424.fullmatch(each) for each in frames(all_of(connection))]
    assert [each and each["target"] for each in found] == ["article:3", "article:4", "article:5"]
    await store.close()


async def test_what_could_not_be_sent_is_sent_later_also_after_a_restart() -> None:
    store = await opened()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    first = Follower(store, f"tcp://127.0.0.1:{port}")
    await first.step()
    write(store, 2)
    with pytest.raises(OSError, match=r".*"):
        await first.step()
    with socket.create_server(("127.0.0.1", port)) as server:
        second = Follower(store, f"tcp://127.0.0.1:{port}")
        await second.step()
        connection, _ = server.accept()
        await second.stop()
        found = frames(all_of(connection))
    assert len(found) == 2
    await store.close()


async def test_udp_and_the_local_socket(tmp_path: Path) -> None:
    store = await opened()
    with (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
          socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local):
        udp.bind(("127.0.0.1", 0))
        local.bind(str(tmp_path / "log"))
        for sock, url in ((udp, f"udp://127.0.0.1:{udp.getsockname()[1]}"), (local, f"unix://{tmp_path}/log")):
            sock.settimeout(10)
            follower = Follower(store, url)
            await follower.step()
            write(store, 2)
            await follower.step()
            for _ in range(2):
                assert RFC5424.fullmatch(sock.recv(4096).decode())
            await follower.stop()
    await store.close()


async def test_it_follows_by_itself(tcp: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog, "LOOK_S", 0.01)
    store = await opened()
    follower = Follower(store, f"tcp://127.0.0.1:{tcp.getsockname()[1]}")
    await follower.step()
    follower.start()
    store.run(audit.add, now_ms(), "agent:1", "x.y", "z:1")
    connection, _ = await asyncio.get_running_loop().run_in_executor(None, tcp.accept)
    assert b"x.y" in await asyncio.get_running_loop().run_in_executor(None, connection.recv, 65536)
    connection.close()
    await follower.stop()
    await store.close()
