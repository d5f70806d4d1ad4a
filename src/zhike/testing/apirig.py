"""A whole desk in memory behind the HTTP API, and a client without sockets, for tests.

Real store functions (SQLite in memory), real pipeline, real desk, real access; only the answer
engine is a script.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec

from zhike.access import setup
from zhike.access.bundle import Access
from zhike.answer.assist.summary import Help
from zhike.answer.ports import Said
from zhike.answer.tools import Toolbox, ToolLimits
from zhike.answer.tools.panel import Panel
from zhike.bus.memory import MemoryBus
from zhike.clock import NowMs
from zhike.config import ConfigError, Problem, Settings
from zhike.desk.door import Door
from zhike.desk.reads import Reads
from zhike.desk.registry import Registry
from zhike.desk.service import Desk
from zhike.domain.agent import Agent, Role
from zhike.domain.case import Case
from zhike.domain.flow import Flow
from zhike.domain.hook import HookEvent, Webhook
from zhike.domain.hook import Tried as HookTried
from zhike.domain.knowledge import Article, Bot, Inbox, Rule
from zhike.domain.message import Reply, TraceStep
from zhike.domain.notice import Target
from zhike.domain.prompt import Template
from zhike.domain.reach import Reach, Route
from zhike.domain.tool import Caller, Tool
from zhike.domain.trial import (
    FlowTried,
    GateReport,
    Missed,
    ModelState,
    ModelTried,
    Moved,
    Outcome,
    ToolTried,
    Tried,
)
from zhike.errors import ZhikeError
from zhike.files.uploads import Uploads
from zhike.gateway.hub import Hub
from zhike.gateway.writer import Writer
from zhike.pipeline.line import Line, LineSettings
from zhike.rest.app import build
from zhike.rest.ports import FileRead, Health
from zhike.rest.privacy import sees_clear
from zhike.search.shelf import Shelf
from zhike.search.text import Question
from zhike.store import agents, bots, inboxes, messages
from zhike.store.schema import get_meta
from zhike.testing.inline import InlineExecutor, InlineStore

SHOP = "https://shop.example"
PASSWORD = "a long passphrase"
SECRET = "0123456789abcdef0123"


class ScriptedEngine:
    """Knows "退货" by rule; says so of everything else. Remembers what was loaded."""

    def __init__(self) -> None:
        self.loaded: dict[int, tuple[int, int]] = {}

    def load_bot(self, bot: Bot, articles: Sequence[Article] | Shelf | None, rules: Sequence[Rule]) -> None:
        self.loaded[bot.id] = (0 if articles is None else len(articles), len(rules))

    def put_knowledge(self, bot_id: int, shelf: Shelf | None, version: int) -> bool:
        return True

    def drop_bot(self, bot_id: int) -> None:
        self.loaded.pop(bot_id, None)

    def load_with(self, read: Callable[[int], Coroutine[Any, Any, None]],
                  used: Callable[[int], None]) -> None:
        return

    def in_memory(self, bot_id: int) -> bool:
        return True

    async def open(self, bot_id: int) -> None:
        return

    def quick(self, bot_id: int, question: Question) -> Reply | None:
        return Reply("签收后 7 天内可以退货。") if "退货" in question.text else None

    def search(self, bot_id: int, questions: Sequence[Question]) -> list[Reply | None]:
        return [None for _ in questions]

    def remember(self, bot_id: int, question: Question, reply: Reply) -> None:
        return

    def fallback(self, bot_id: int, question: Question, tried: tuple[TraceStep, ...]) -> Reply:
        return Reply("fallback", trace=(TraceStep("fallback", "hit"),))

    def reply(self, bot_id: int, text: str, lang: str) -> Reply:
        """The whole ladder, as ``POST /articles/test`` wants it."""
        if "退货" in text:
            return Reply("签收后 7 天内可以退货。", trace=(TraceStep("rules", "hit", took_us=3),))
        return Reply("fallback", trace=(TraceStep("rules", "miss"), TraceStep("fallback", "hit")))


class _Hub(Hub):
    """``polled`` is set when a long poll has begun to listen."""

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer)
        self.polled = asyncio.Event()
        self.listeners_count = 0

    def subscribe_visitor(self, inbox_id: int, sender: str, sub: Any) -> None:
        super().subscribe_visitor(inbox_id, sender, sub)
        self.listeners_count += 1
        self.polled.set()

    def unsubscribe_visitor(self, inbox_id: int, sender: str, sub: Any) -> None:
        super().unsubscribe_visitor(inbox_id, sender, sub)
        self.listeners_count -= 1


class _Probe:
    def __init__(self) -> None:
        self.ready = True

    async def health(self) -> Health:
        return Health(self.ready, {"store": "ok" if self.ready else "closed"})

    def metrics(self) -> bytes:
        return b"# TYPE zhike_up gauge\nzhike_up 1\n"


class ScriptedQuality:
    """A gate that lets through every template but those that say 坏; a model that echoes."""

    def models(self) -> list[ModelState]:
        return [ModelState("echo", "echo-1", "http://127.0.0.1:1/v1", False, "ok", "", 8192, 4, 16, 0, 0,
                           0.0, 0.0, 0.0, 0.0, {"ok": 1}, 10, 2, 12.0)]

    async def try_model(self, key: str) -> ModelTried:
        if key != "echo":
            raise ZhikeError("not_found")
        return ModelTried("ready", 12.0, 20.0, 10, 2)

    async def gate_bot(self, bot_id: int) -> GateReport:
        missed = Missed("expect", "没有回答", "did not answer")
        outcome = Outcome("怎么退货", "zh", "silent", missed=(missed,))
        return GateReport("shop", 2, 0.5, 0.0, 0.5, True, outcomes=(outcome,), notes=(("提示", "note"),))

    async def gate_template(self, bot_id: int, template: Template) -> GateReport:
        if "坏" not in template.system_prompt:
            return GateReport("shop", 1, 1.0, 0.0, 0.0, True)
        before, after = (Outcome("怎么退货", "zh", verdict, "model") for verdict in ("right", "wrong"))
        return GateReport("shop", 1, 0.0, 1.0, 0.0, False, (Moved(before, after),),
                          reasons=(("答对的变少", "right answers fall"),))

    async def try_templates(self, bot_id: int, templates: Sequence[Template], questions: Sequence[Case],
                            model: str = "") -> list[tuple[Tried, ...]] | None:
        if model == "none":
            return None
        missed = (Missed("max_chars", "太长", "too long"),)
        return [tuple(Tried(f"{one.name}: {asked.text}", missed if "坏" in one.system_prompt else ())
                      for one in templates) for asked in questions]

    async def try_tool(self, tool: Tool, arguments: Mapping[str, Any], caller: Caller) -> ToolTried:
        return ToolTried(tool.key, True, f"{caller.sender}: {sorted(arguments.items())}", took_ms=1.0)

    async def try_flow(self, flow: Flow, text: str, state: str, caller: Caller) -> FlowTried:
        return FlowTried(f"{flow.key}: {text}", (), "", f"{state}+", 0, "", {}, (), ())


class ScriptedFiles:
    """Every line of a file is a question; an empty one is skipped."""

    async def read(self, name: str, data: bytes, lang: str) -> FileRead:
        if not name.endswith(".csv"):
            raise ConfigError([Problem(name, "看不出格式", "the name does not tell the format")])
        lines = data.decode().split("\n")
        found = [Article(0, 0, f"q{n}", lang or "zh", line, line) for n, line in enumerate(lines) if line]
        skipped = [("", n, "空行", "empty") for n, line in enumerate(lines, 1) if not line]
        return FileRead(found, skipped, len(skipped))

    async def export(self, bot_id: int, form: Literal["csv", "jsonl"]) -> bytes:
        return f"{form} of {bot_id}".encode()


class ScriptedOutreach:
    """Tells everybody but those at a host called refuses; no browser has one called private."""

    def __init__(self) -> None:
        self.told: list[Target] = []

    async def test_target(self, target: Target) -> float:
        if "refuses" in target.body.address:
            raise ZhikeError("notify_failed", "93000: invalid webhook url")
        self.told.append(target)
        return 12.34

    async def push_public_key(self) -> str:
        return "BPublic"

    async def check_push(self, endpoint: str, p256dh: str, auth: str) -> None:
        if "private" in endpoint:
            raise ZhikeError("invalid_field", "which the desk may not reach", field="endpoint")

    async def test_mail(self, to: str, lang: str) -> float:
        if to.startswith("nobody@"):
            raise ZhikeError("mail_failed", "550 no such user")
        return 45.67

    async def take_mail(self, raw: bytes) -> str:
        return "stored"

    async def check_mailbox(self) -> int:
        return 3

    async def reach(self, conversation_id: int) -> Reach:
        return Reach(Route("email", "l***@mail.example"), wait_s=60)


class ScriptedHooks:
    """Sends nothing: every sample comes back with 204, or refused where the host is called so."""

    def __init__(self) -> None:
        self.removed: list[int] = []

    async def test(self, hook: Webhook, event: HookEvent) -> HookTried:
        good = "refuses" not in hook.body.url
        return HookTried(hook.body.url, {"X-Zhike-Event": event}, "{}", 204 if good else 500, "", "", 12.34)

    def gone(self, hook: Webhook) -> None:
        self.removed.append(hook.id)


class Response:
    """An answer as a test looks at it."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = {name.decode().lower(): value.decode("latin-1") for name, value in headers}
        self.cookies = [value.decode("latin-1").partition(";")[0] for name, value in headers
                        if name.lower() == b"set-cookie"]
        self.body = body

    @property
    def json(self) -> Any:
        """The decoded body."""
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> str:
        """The error's code, "" for a success."""
        if self.status < 400:
            return ""
        return str(self.json["error"]["code"])


class Client:
    """Calls an ASGI application. ``headers`` go with every request."""

    def __init__(self, app: Any, *, address: str = "203.0.113.7", scheme: str = "http",
                 headers: dict[str, str] | None = None) -> None:
        self.app = app
        self.address = address
        self.scheme = scheme
        self.headers = {"host": "desk.example", **(headers or {})}

    async def __call__(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None,
                       headers: dict[str, str] | None = None, gone: asyncio.Event | None = None) -> Response:
        """One request; ``body`` is sent as JSON, ``raw`` as it is. ``gone``: the client leaves then."""
        path, _, query = path.partition("?")
        sent = raw if raw is not None else (msgspec.json.encode(body) if body is not None else b"")
        all_headers = {**self.headers, **(headers or {})}
        if (body is not None or raw is not None) and "content-type" not in all_headers:
            all_headers["content-type"] = "application/json"
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
                 "scheme": self.scheme, "path": path, "raw_path": path.encode(),
                 "query_string": query.encode(), "root_path": "", "client": (self.address, 50000),
                 "server": ("desk.example", 80),
                 "headers": [(name.lower().encode(), value.encode("latin-1"))
                             for name, value in all_headers.items()]}
        started: dict[str, Any] = {}
        parts: list[bytes] = []
        given = False

        async def receive() -> dict[str, Any]:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": sent, "more_body": False}
            await (gone or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, send)
        return Response(started["status"], list(started["headers"]), b"".join(parts))

    def with_headers(self, **headers: str) -> Client:
        """The same client with more headers (underscores stand for hyphens)."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client(self.app, address=self.address, scheme=self.scheme, headers={**self.headers, **more})


class Rig:
    """The parts, joined as ``app.py`` joins them. Create it on the running loop, then ``await start()``."""

    def __init__(self, now: NowMs, settings: Settings | None = None, **overrides: Any) -> None:
        self.settings = settings or Settings(**overrides)
        self.now = now
        self.store = InlineStore()
        self.engine = ScriptedEngine()
        self.probe = _Probe()
        self.outreach = ScriptedOutreach()
        self.hooks = ScriptedHooks()
        self.observed: list[tuple[str, str, int]] = []

    async def start(self) -> Rig:
        """Opens everything, with one bot (id 1) and one inbox (id 1, key "shop")."""
        store: Any = self.store
        await store.open()
        now = self.now()
        bot = self.store.run(bots.create_bot, Bot(0, "shop", "Shop bot"), now)
        self.inbox = self.store.run(inboxes.create_inbox, Inbox(
            0, "shop", "Shop", "web", bot.id,
            {"origins": [SHOP], "identity_secret": SECRET, "greeting": {"zh": "您好", "en": "Hello"}}), now)
        self.access = Access(store, self.store.run(get_meta, "secret") or "", self.now)
        self.registry = Registry(store, self.engine)
        self.toolbox = Toolbox(store, ToolLimits.of(self.settings), now=self.now)
        self.registry.followers.append(lambda bot: self.toolbox.load_bot(bot.id))
        await self.registry.refresh()
        loop = asyncio.get_running_loop()
        self.hub = _Hub(Writer(loop))
        bus = MemoryBus().node()
        bus.attach(self.hub.handle)
        self.line = Line(store, bus, self.engine, InlineExecutor(), self.now, self.registry.bots,
                         self.registry.channels, LineSettings(fragment_wait_s=0.0), self.registry.agent_name,
                         blocked=self.registry.blocked, hooks=self.registry.hooks)
        door = Door(store, self.registry, self.access.visitors, self.access.sessions, self.now,
                    self.settings.server.public_url,
                    lambda role: sees_clear(role, self.settings.privacy.clear_for))
        self.reads = Reads(store, bus, self.now)
        self.desk = Desk(store, self.registry, door, self.reads, self.line, self.now, self.engine.reply)
        self.desk.helper = Help(store, None, self._history, self.now)
        self.line.start()
        self._folder = TemporaryDirectory(prefix="zhike-files-")
        self.uploads = Uploads(store, Path(self._folder.name), b"\1" * 32, self.now)
        self.app = build(settings=self.settings, store=store, access=self.access, desk=self.desk,
                         hub=self.hub, probe=self.probe, quality=ScriptedQuality(), files=ScriptedFiles(),
                         outreach=self.outreach, panel=Panel(lambda: self.toolbox),
                         hooks=self.hooks,
                         uploads=self.uploads,
                         asyncapi=lambda: b'{"asyncapi":"3.0.0"}', now=self.now,
                         observe=lambda route, method, status, took_s: self.observed.append(
                             (route, method, status)))
        self.http = Client(self.app)
        return self

    async def _history(self, conversation_id: int, below: int, most: int) -> list[Said]:
        found = self.store.run(messages.before, conversation_id, below, most)
        return [Said("visitor" if one.sender_type == "contact" else "agent", one.text, one.seq, one.at)
                for one in found if one.direction != "note" and one.text]

    async def stop(self) -> None:
        """Closes everything."""
        await self.line.stop()
        await self.toolbox.close()
        await self.reads.flush()
        self.access.close()
        await self.store.close()
        self._folder.cleanup()

    def agent(self, role: Role = "agent", email: str = "") -> Agent:
        """Stores an agent without a usable password."""
        return self.store.run(agents.create, email or f"{role}@desk.example", role.title(), role, "x", "",
                              self.now())

    async def signed_in(self, role: Role = "agent", email: str = "") -> Client:
        """A client with the session of a new agent."""
        token, session = await self.access.sessions.open(self.agent(role, email), "", "")
        return self.http.with_headers(cookie=f"zhike_session={token}", x_csrf_token=session.csrf)

    async def with_key(self, role: str = "agent") -> Client:
        """A client with a new API key."""
        from zhike.access import tokens
        from zhike.store import api_keys

        secret = tokens.new_api_key()
        self.store.run(api_keys.create, f"{role} key", role, tokens.digest(secret), 0, self.now())
        return self.http.with_headers(authorization=f"Bearer {secret}")

    async def visitor(self) -> tuple[Client, str]:
        """A client with a new visitor's token, and the token."""
        hello = await self.http("POST", "/api/v1/visitor/hello", {"inbox": "shop"}, headers={"origin": SHOP})
        token = hello.json["token"]
        return self.http.with_headers(authorization=f"Bearer {token}", origin=SHOP), token


async def asked(rig: Rig, text: str = "怎么退货", client_msg_id: str = "m1") -> tuple[Client, int]:
    """A new visitor who has asked something, and the conversation's id."""
    visitor, _ = await rig.visitor()
    ack = await visitor("POST", "/api/v1/visitor/messages", {"client_msg_id": client_msg_id, "text": text})
    assert ack.status == 201, ack.body
    return visitor, ack.json["conversation"]


async def first_owner(rig: Rig) -> tuple[Client, str]:
    """The first owner, made by the one-time link; and the link's token."""
    store: Any = rig.store
    link = await setup.first_link(store, "https://desk.example", rig.now())
    assert link is not None
    token = link.partition("#token=")[2]
    made = await rig.http("POST", "/api/v1/setup", {
        "token": token, "email": "Li.Na@shop.example", "name": "李娜", "password": PASSWORD})
    assert made.status == 201, made.body
    cookie = made.headers["set-cookie"].partition(";")[0]
    return rig.http.with_headers(cookie=cookie, x_csrf_token=made.json["csrf_token"]), token
