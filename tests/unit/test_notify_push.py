"""Web Push by the notifier: to whom in virtual time, and what a push service on this machine is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import Connection, update

from zhike.access import webpush
from zhike.access.outbound import Outbound
from zhike.access.targets import BadTarget
from zhike.desk.notify.notifier import LOOK_EVERY_S, Notifier
from zhike.desk.notify.post import Gone, NotTold
from zhike.desk.notify.push import MAX_SINGLE, PushWay
from zhike.domain.conversation import Conversation
from zhike.domain.knowledge import Inbox
from zhike.domain.notice import Notice, Target, TargetBody
from zhike.domain.unit import Row
from zhike.store import agents, contact_edit, inboxes, notify, presence, push, sessions, tables
from zhike.store.conversations import insert_conversations
from zhike.testing.inline import InlineStore
from zhike.testing.loop import VirtualLoop, run_virtual
from zhike.testing.push import PushService

NOW_MS = 1_790_000_000_000
WAITING = Notice("visitor_waiting", "w:42", NOW_MS, conversation=42, inbox_id=1, since=NOW_MS - 45_000,
                 who="张三 13800138000", where="官网")


# ---- to whom -------------------------------------------------------------------------------------


class Way:
    """Keeps what was told; ``says``: raised instead, once each."""

    def __init__(self) -> None:
        self.told: list[tuple[int, list[str]]] = []
        self.says: list[NotTold] = []
        self.tries = 0

    async def tell(self, target: Target, notices: Sequence[Notice]) -> None:
        self.tries += 1
        if self.says:
            raise self.says.pop(0)
        self.told.append((target.id, [one.kind for one in notices]))


class Stage:
    """Two agents with a browser each; ``lin`` and ``wang`` are their ids, ``devices`` by agent."""

    def __init__(self, loop: VirtualLoop, store: InlineStore) -> None:
        self.loop, self.store, self.way = loop, store, Way()
        store.run(inboxes.create_inbox, Inbox(0, "shop", "官网", "web"), loop.now_ms())
        self.notifier = Notifier(store, self.way, loop.now_ms,
                                 lambda: {1: Inbox(1, "shop", "官网", "web")}, lambda agent_id: "李娜")
        self.devices: dict[int, int] = {}
        self.lin, self.wang = (store.run(self._person, name) for name in ("lin", "wang"))

    def _person(self, conn: Connection, name: str) -> int:
        now = self.loop.now_ms()
        agent_id = agents.create(conn, f"{name}@desk.example", name, "agent", "x", "", now).id
        session = agent_id.to_bytes(16)
        sessions.add(conn, session, agent_id, "csrf", now, now + 86_400_000, "", "")
        made, _ = push.put(conn, agent_id, session, f"https://push.example/{name}", "p.a", name, "zh", now)
        self.devices[agent_id] = made.id
        return agent_id

    def conversation(self, number: int, holder: str = "queue", agent_id: int | None = None) -> Conversation:
        now = self.loop.now_ms()
        made = Conversation(number, 1, 1, f"c:{number}", "open", holder, 3, 1, 1, 0, now, now,  # type: ignore[arg-type]
                            agent_id=agent_id, waiting_since=now)
        self.store.run(_store, made)
        return made

    def sit(self, agent_id: int, active: int) -> None:
        self.store.run(presence.put, "node", [presence.Pages(agent_id, 1, active)], self.loop.now_ms(),
                       3_600_000)


def _store(conn: Connection, made: Conversation) -> None:
    contact, _ = contact_edit.create(conn, 1, made.sender, {"name": f"客户{made.id}"}, {}, made.created_at)
    insert_conversations(conn, [(msgspec.structs.replace(made, contact_id=contact.id), f"1:{made.sender}")])
    conn.execute(update(tables.conversations).where(tables.conversations.c.id == made.id)
                 .values(agent_id=made.agent_id))


def play(main: Callable[[Stage], Awaitable[None]]) -> None:
    async def run(loop: VirtualLoop) -> None:
        store = InlineStore()
        await store.open()
        stage = Stage(loop, store)
        await stage.notifier.start()
        await main(stage)
        await stage.notifier.stop()
        await store.close()

    run_virtual(run)


def test_who_waits_is_told_to_agents_who_are_not_at_the_console() -> None:
    async def main(stage: Stage) -> None:
        stage.sit(stage.lin, 1)
        stage.conversation(7)
        await asyncio.sleep(29)
        assert stage.way.told == []
        await asyncio.sleep(LOOK_EVERY_S + 2)
        assert stage.way.told == [(stage.devices[stage.wang], ["visitor_waiting"])]
        stage.sit(stage.lin, 0)
        await asyncio.sleep(LOOK_EVERY_S + 2)
        assert stage.way.told[1:] == [(stage.devices[stage.lin], ["visitor_waiting"])], "they left it waiting"
        await asyncio.sleep(600)
        assert len(stage.way.told) == 2, "once"

    play(main)


def test_what_is_given_to_somebody_is_told_to_them_alone() -> None:
    async def main(stage: Stage) -> None:
        given = stage.conversation(8, "agent", stage.lin)
        stage.notifier.assigned([given])
        stage.notifier.assigned([given])  # told by every change of it
        await asyncio.sleep(1)
        assert stage.way.told == [(stage.devices[stage.lin], ["assigned"])]
        stage.notifier.assigned([stage.conversation(9)])  # waits: nobody's
        await asyncio.sleep(1)
        assert len(stage.way.told) == 1

    play(main)


def test_a_note_is_told_to_those_it_calls() -> None:
    async def main(stage: Stage) -> None:
        about = stage.conversation(7, "agent", stage.lin)
        note = Row(about, 5, "note", "agent", "@lin @wang 看一下", stage.loop.now_ms(), sender_id=stage.lin,
                   mentions=(stage.lin, stage.wang))
        stage.notifier.mentioned([note])
        await asyncio.sleep(5)
        assert stage.way.told == [(stage.devices[stage.wang], ["mentioned"])], "not to who wrote it"

    play(main)


def test_a_failure_is_tried_again_and_a_browser_that_is_gone_is_forgotten() -> None:
    async def main(stage: Stage) -> None:
        stage.way.says = [NotTold("the push service answered 503: "), NotTold("ConnectError")]
        stage.notifier.assigned([stage.conversation(8, "agent", stage.lin)])
        await asyncio.sleep(1)
        kept = stage.store.run(notify.get, stage.devices[stage.lin])
        assert kept is not None
        assert (kept.failures, kept.last_error) == (1, "the push service answered 503: ")
        await asyncio.sleep(20)  # 5 s, then 10 s
        assert stage.way.tries == 3
        assert stage.way.told == [(stage.devices[stage.lin], ["assigned"])]
        stage.way.says = [Gone("410")]
        stage.notifier.assigned([stage.conversation(9, "agent", stage.lin)])
        await asyncio.sleep(10)
        assert stage.store.run(notify.get, stage.devices[stage.lin]) is None
        assert stage.notifier.counts == {("push", "failed"): 2, ("push", "sent"): 1, ("push", "gone"): 1}
        await asyncio.sleep(700)
        assert stage.way.tries == 4

    play(main)


def test_one_who_comes_back_meanwhile_is_not_called() -> None:
    async def main(stage: Stage) -> None:
        stage.way.says = [NotTold("503")]
        stage.notifier.assigned([stage.conversation(8, "agent", stage.lin)])
        await asyncio.sleep(1)
        stage.sit(stage.lin, 1)
        await asyncio.sleep(60)
        assert stage.way.tries == 1
        assert stage.way.told == []

    play(main)


# ---- what is sent --------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def service() -> AsyncIterator[PushService]:
    made = await PushService().start()
    yield made
    made.stop()


KEY = webpush.new_key()


async def tell(service: PushService, path: str, notices: Sequence[Notice], lang: str = "zh",
               now_ms: int = NOW_MS) -> None:
    browser = service.subscribe(path)
    out = Outbound(allow_private=True, ssl_context=service.trust)
    way = PushWay(out, _key, lambda: now_ms, "mailto:desk@shop.example",
                  lambda number: f"/console/conversations/{number or ''}".rstrip("/"),
                  lambda name: name.replace("13800138000", "138••••0000"), allow_private=True)
    body = TargetBody(browser["endpoint"], f"{browser['keys']['p256dh']}.{browser['keys']['auth']}",
                      lang)  # type: ignore[arg-type]
    try:
        await way.tell(Target(3, "Chrome", "push", body), notices)
    finally:
        await out.close()


async def _key() -> str:
    return KEY


async def test_a_browser_reads_who_waits(service: PushService) -> None:
    service.known_key = webpush.public_key(KEY)
    await tell(service, "/send/1", [WAITING])
    pushed = service.got.get_nowait()
    assert pushed.shown == {"title": "有访客在等待",
                            "body": "张三 138••••0000在“官网”等待人工客服，已等 45 秒", "tag": "zhike-42",
                            "url": "/console/conversations/42"}
    assert [pushed.headers[name] for name in ("topic", "urgency", "ttl")] == ["c42", "high", "3600"]
    assert pushed.claims == {"aud": service.origin, "exp": NOW_MS // 1000 + 12 * 3600,
                             "sub": "mailto:desk@shop.example"}


async def test_what_is_old_does_not_wait_for_a_telephone_that_is_off(service: PushService) -> None:
    await tell(service, "/send/1", [WAITING], "en", NOW_MS + 3_000_000)
    pushed = service.got.get_nowait()
    assert (pushed.headers["ttl"], pushed.shown["title"]) == ("600", "A visitor is waiting")


async def test_many_at_once_are_one(service: PushService) -> None:
    many = [msgspec.structs.replace(WAITING, conversation=number) for number in range(1, MAX_SINGLE + 2)]
    await tell(service, "/send/1", many)
    shown = service.got.get_nowait().shown
    assert (shown["title"], shown["tag"], shown["url"]) == ("知客：4 条通知", "zhike-many",
                                                            "/console/conversations")
    await tell(service, "/send/2", many[:MAX_SINGLE])
    assert [service.got.get_nowait().headers["topic"] for _ in range(MAX_SINGLE)] == ["c1", "c2", "c3"]


@pytest.mark.parametrize(("answer", "gone"), [
    ("404 Not Found", True), ("410 Gone", True), ("429 Too Many Requests", False), ("403 Forbidden", False),
    ("500 Internal Server Error", False)])
async def test_what_the_service_answers(service: PushService, answer: str, gone: bool) -> None:
    service.answers["/send/1"] = [answer]
    with pytest.raises(NotTold, match=answer[:3]) as said:
        await tell(service, "/send/1", [WAITING])
    assert isinstance(said.value, Gone) is gone


@pytest.mark.parametrize("endpoint", [
    "http://127.0.0.1/x", "https://127.0.0.1/x", "https://localhost:8080/x", "https://[::1]/x",
    "https://10.0.0.1/x", "https://169.254.169.254/latest", "https://[::ffff:127.0.0.1]/x",
    "https://user:pw@203.0.113.1/", "file:///etc/passwd"])
async def test_nothing_goes_where_only_the_desk_can_reach(endpoint: str) -> None:
    way = PushWay(Outbound(), _key, lambda: NOW_MS, "mailto:x@shop.example", str, str)
    with pytest.raises(BadTarget):
        await way.checked(endpoint)
    with pytest.raises(NotTold):
        await way.tell(Target(3, "x", "push", TargetBody(endpoint, "p.a")), [WAITING])
