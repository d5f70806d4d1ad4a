"""What the HTTP API needs of the rest; ``app.py`` joins the two sides.

Everything is called on the event loop. What is ``async`` may take a while; the rest must not block.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection

from zhike.bus.base import Event
from zhike.domain.assist import SummaryView
from zhike.domain.card import Card
from zhike.domain.case import Case
from zhike.domain.conversation import Conversation
from zhike.domain.flow import Flow
from zhike.domain.hook import HookEvent, Webhook
from zhike.domain.hook import Tried as HookTried
from zhike.domain.knowledge import Article, Inbox
from zhike.domain.message import Reply
from zhike.domain.notice import Target
from zhike.domain.pages import Device
from zhike.domain.prompt import Template
from zhike.domain.reach import Reach
from zhike.domain.tool import Caller, PanelUse, Tool, ToolError
from zhike.domain.trial import FlowTried, GateReport, ModelState, ModelTried, ToolTried, Tried
from zhike.domain.unit import ChangeKind
from zhike.domain.wire import (
    ConversationState,
    Hello,
    HoursState,
    Page,
    QueuePlace,
    Rate,
    Rated,
    SendMessage,
    UnreadEvent,
)
from zhike.errors import Lang, ZhikeError

P = ParamSpec("P")
T = TypeVar("T")
Change = ChangeKind


class Store(Protocol):
    """The open store (:class:`zhike.store.engine.Store`)."""

    def write(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """Runs ``fn(conn, …)`` in one transaction."""

    def read(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """The same, reading."""


class Joined(Protocol):
    """What a visitor's hello came to (the gateway's ``Joined`` is one)."""

    @property
    def inbox_id(self) -> int: ...
    @property
    def sender(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def conversation(self) -> ConversationState | None: ...
    @property
    def greeting(self) -> str: ...
    @property
    def suggestions(self) -> tuple[str, ...]: ...
    @property
    def name(self) -> str: ...
    @property
    def hours(self) -> HoursState | None: ...
    @property
    def offline_form(self) -> tuple[str, ...] | None: ...
    @property
    def csat(self) -> str: ...
    @property
    def pages(self) -> bool: ...


class Desk(Protocol):
    """What happens in conversations."""

    def put(self, source: Any, payload: SendMessage, arrived_s: float) -> ZhikeError | None:
        """Hands a message to the pipeline, or says at once why not; the outcome comes through ``source``
        (see ``rest/source.py``). ``arrived_s``: ``loop.time()``."""

    def join_visitor(self, hello: Hello, origin: str, address: str, host: str = "") -> Awaitable[Joined]:
        """The gateway's function of the same name; ``host``: the Host header.

        Raises:
            ZhikeError: inbox_not_found, origin_not_allowed, bad_identity.
        """

    async def change(
        self,
        kind: Change,
        conversation_id: int,
        agent_id: int,
        agent_name: str,
        *,
        team_id: int | None = None,
        by_id: int = 0,
        by_name: str = "",
        note: str = "",
        until: int | None = None,
        wrap_up: str = "",
        seq: int = 0,
        from_id: int = 0,
    ) -> Conversation:
        """Changes who holds a conversation, or whether it is awake; stored when it returns. What each
        argument means stands at :class:`zhike.domain.unit.Change`. ``agent_id`` 0: an integrator's program.
        A change that changes nothing returns the conversation.

        Raises:
            ZhikeError: not_found, conversation_resolved, wrong_state, conflict, too_late.
        """

    async def note_all(self, conversation_ids: Sequence[int], what: str, name: str) -> None:
        """A private note of the desk itself in each of these: ``words.SYSTEM_TEXTS[what]`` about ``name``."""

    async def tell_lists(self, changed: Mapping[int, Mapping[str, Any]]) -> None:
        """Conversations changed in what only lists show: id → ``priority``, ``tags``. Stored already."""

    async def mark_read(self, conversation_id: int, seq: int, agent_id: int) -> None:
        """Everything up to ``seq`` was read, by an agent or (0) by the visitor; tells the other side."""

    async def mark_unread(self, conversation_id: int, agent_id: int) -> UnreadEvent:
        """The visitor's last message is new to this agent once more; tells all their pages."""

    async def summary(self, conversation_id: int) -> SummaryView:
        """What a conversation is about, without asking a model.

        Raises:
            ZhikeError: not_found, starting.
        """

    async def summarise(self, conversation_id: int, lang: str) -> SummaryView:
        """The same, after asking one where there is one.

        Raises:
            ZhikeError: not_found, starting, no_proposal, or a ``model_…`` row of the catalogue.
        """

    def looked(self, inbox_id: int, sender: str, conversation_id: int, frame: Page,
               device: Device | None) -> None:
        """A visitor looks at a page; gathered, and stored a little later. ``device`` None: their browser asks
        not to be followed."""

    async def rated(self, inbox_id: int, sender: str, frame: Rate) -> Rated:
        """Stores how a visitor says it was.

        Raises:
            ZhikeError: not_found, conflict, invalid_text.
        """

    def queue_place(self, conversation_id: int) -> Awaitable[QueuePlace | None]:
        """Where a conversation stands in the queue; None: it does not wait."""

    async def csat(self, conversation: Conversation, lang: str) -> str:
        """The question its visitor was asked and has not answered, or ""."""

    def inbox(self, inbox_id: int) -> Inbox | None:
        """An inbox as it is in memory."""

    async def try_answer(self, bot_id: int, text: str, lang: str) -> Reply:
        """What the bot would say to ``text``, with its trace; nothing is stored, cached or counted."""

    async def knowledge_changed(self, bot_id: int) -> None:
        """A bot's settings, articles or rules were stored. Returns when the bot answers by them."""

    async def inboxes_changed(self) -> None:
        """An inbox was stored: read them again."""

    def told_webhooks(self) -> None:
        """Something was stored of which webhooks may be told: look now."""

    def people_changed(self) -> None:
        """An agent or a team was stored, or somebody said whether they are available: who waits may be served
        now."""


class Quality(Protocol):
    """Trying out prompts and models, and the regression set. Takes seconds; nothing is stored."""

    def models(self) -> list[ModelState]:
        """The configured models, the first asked first."""

    async def try_model(self, key: str) -> ModelTried:
        """One short question to a model, within ten seconds.

        Raises:
            ZhikeError: not_found, or a ``model_…`` row of the catalogue.
        """

    async def gate_bot(self, bot_id: int) -> GateReport:
        """The bot's regression set, asked of the bot as it is."""

    async def gate_template(self, bot_id: int, template: Template) -> GateReport:
        """The same with ``template`` as the active version of its name, compared with the present."""

    async def try_templates(
        self, bot_id: int, templates: Sequence[Template], questions: Sequence[Case], model: str = ""
    ) -> list[tuple[Tried, ...]] | None:
        """Answers to each question, one per template; None: no model is set."""

    async def try_tool(self, tool: Tool, arguments: Mapping[str, Any], caller: Caller) -> ToolTried:
        """A call of a tool as it is written. Its request is real; nothing of it counts."""

    async def try_flow(self, flow: Flow, text: str, state: str, caller: Caller) -> FlowTried:
        """What a flow as it is written says to ``text``; ``state``: from before, "" begins it."""


class FileRead(msgspec.Struct):
    """What a file of knowledge holds. ``skipped``: (place or "", line or 0, why in Chinese, in English);
    ``skipped_count``: of all, also those that are not told one by one."""

    articles: list[Article]
    skipped: list[tuple[str, int, str, str]]
    skipped_count: int


class KnowledgeFiles(Protocol):
    """Tables and documents of knowledge; the work is done in a thread."""

    async def read(self, name: str, data: bytes, lang: str) -> FileRead:
        """The articles of a file, by the ending of its name; nothing is stored.

        Raises:
            ConfigError: it cannot be read at all.
        """

    async def export(self, bot_id: int, form: Literal["csv", "jsonl"]) -> bytes:
        """Every article of a bot as a file that :meth:`read` understands."""


class PanelFound(Protocol):
    """What the shop said (:class:`zhike.answer.tools.panel.Found` is one)."""

    @property
    def searchable(self) -> bool: ...
    @property
    def error(self) -> ToolError: ...
    @property
    def items(self) -> tuple[Card, ...]: ...


class Panel(Protocol):
    """What agents look up beside a conversation (:class:`zhike.answer.tools.panel.Panel`)."""

    def look(self, bot_id: int, use: PanelUse, query: str, caller: Caller) -> Awaitable[PanelFound | None]:
        """Asks the shop's tool; None: there is none."""


class Outreach(Protocol):
    """Reaching people who are not here."""

    async def test_target(self, target: Target) -> float:
        """Sends a test notice; returns how many ms that took.

        Raises:
            ZhikeError: ``notify_failed``, ``push_failed``, ``starting``.
        """

    async def push_public_key(self) -> str:
        """The key that browsers subscribe with: 65 bytes, base64url.

        Raises:
            ZhikeError: ``starting``.
        """

    async def check_push(self, endpoint: str, p256dh: str, auth: str) -> None:
        """Whether a browser could be told there with these keys; sends nothing.

        Raises:
            ZhikeError: ``invalid_field``, ``starting``.
        """

    async def test_mail(self, to: str, lang: Lang) -> float:
        """Sends a test mail; returns how many ms that took.

        Raises:
            ZhikeError: ``mail_failed``, ``starting``.
        """

    async def take_mail(self, raw: bytes) -> str:
        """Takes a mail in; returns what became of it.

        Raises:
            ZhikeError: ``overloaded``, ``starting``.
        """

    async def check_mailbox(self) -> int:
        """Signs in to the mailbox; returns how many mails are in its folder.

        Raises:
            ZhikeError: ``no_mail``, ``mail_failed``, ``starting``.
        """

    async def reach(self, conversation_id: int) -> Reach:
        """How what is said next in a conversation arrives.

        Raises:
            ZhikeError: ``not_found``, ``starting``.
        """


class Hooks(Protocol):
    """Webhooks of this process."""

    async def test(self, hook: Webhook, event: HookEvent) -> HookTried:
        """Sends a sample at once and waits for the answer, twenty seconds at most.

        Raises:
            ZhikeError: ``starting``.
        """

    def gone(self, hook: Webhook) -> None:
        """It was removed."""


class Subscriber(Protocol):
    """Who hears of events."""

    def deliver(self, event: Event) -> None:
        """Must not block or raise."""


class Hub(Protocol):
    """The process's end of the bus (:class:`zhike.gateway.hub.Hub`)."""

    def subscribe_visitor(self, inbox_id: int, sender: str, sub: Subscriber) -> None: ...
    def unsubscribe_visitor(self, inbox_id: int, sender: str, sub: Subscriber) -> None: ...
    def watch(self, conversation_id: int, sub: Subscriber) -> None: ...
    def unwatch(self, conversation_id: int, sub: Subscriber) -> None: ...


class Health(msgspec.Struct):
    """How the process is. ``checks``: part → "ok" or what is wrong, one line each."""

    ready: bool
    checks: dict[str, str] = msgspec.field(default_factory=dict)


class Probe(Protocol):
    """What operators see."""

    async def health(self) -> Health:
        """Whether the process can store and answer now; never raises."""

    def metrics(self) -> bytes:
        """The Prometheus text format, version 0.0.4."""


Observe = Callable[[str, str, int, float], None]
"""Told of every answered request: route as in the table ("/api/v1/articles/{id}", "" = none matched),
method, status, seconds taken."""
