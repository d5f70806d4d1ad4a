"""Who comes in: visitors by hello, agents by cookie. Reads of many hellos are done together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy import Connection

from zhike.access import origins
from zhike.access.sessions import Sessions, cookie_of
from zhike.access.visitors import Visitors
from zhike.clock import NowMs, to_datetime
from zhike.desk.aftercare import csat_question
from zhike.desk.hours import OfficeHours
from zhike.desk.registry import Registry
from zhike.domain import pages
from zhike.domain.agent import Role, Seat
from zhike.domain.conversation import Conversation
from zhike.domain.joined import Joined
from zhike.domain.knowledge import Inbox
from zhike.domain.unit import open_key
from zhike.domain.views import state_of
from zhike.domain.wire import Hello, HoursState, QueuePlace
from zhike.domain.words import pick
from zhike.errors import ZhikeError
from zhike.store import conversations as conversation_rows
from zhike.store import ratings
from zhike.store.dialect import select_in
from zhike.store.engine import Store


class Door:
    """Admits visitors and agents.

    Args:
        public_url: our own pages may always use an inbox.
        clear: whether a role sees personal data as it is.
    """

    def __init__(self, store: Store, registry: Registry, visitors: Visitors, sessions: Sessions,
                 now_ms: NowMs, public_url: str, clear: Callable[[Role], bool] = lambda role: True) -> None:
        self._store = store
        self._registry = registry
        self._visitors = visitors
        self._sessions = sessions
        self._now_ms = now_ms
        self._public_url = public_url
        self._clear = clear
        self._office = OfficeHours()
        self.place: Callable[[int], Awaitable[QueuePlace | None]] = _nowhere
        """A conversation's place in the queue; set when there is somebody to ask."""
        self._asked: list[tuple[tuple[int, str], asyncio.Future[Conversation | None]]] = []

    async def join_visitor(self, hello: Hello, origin: str, address: str, host: str = "") -> Joined:
        """Admits a visitor and finds the conversation they are in.

        Raises:
            ZhikeError: inbox_not_found, origin_not_allowed, bad_identity, blocked.
        """
        inbox = self._registry.by_key.get(hello.inbox)
        if inbox is None:
            raise ZhikeError("inbox_not_found", hello.inbox[:64], field="inbox")
        admitted = self._visitors.admit(hello, inbox, origin, origins.own_origins(host, self._public_url),
                                        self._now_ms() // 1000)
        if (inbox.id, admitted.visitor.sender) in self._registry.blocked:
            raise ZhikeError("blocked")
        joined = Joined("visitor", inbox_id=inbox.id, sender=admitted.visitor.sender, lang=hello.lang[:16])
        joined.token = admitted.token
        joined.contact = _known_of(admitted.contact, hello, inbox)
        self._greet(joined, inbox)
        if hello.token or hello.customer is not None:  # a new visitor has no past to look up
            conversation = await self._conversation_of((inbox.id, joined.sender))
            if conversation is not None:
                await self._back(joined, conversation)
        return joined

    async def _back(self, joined: Joined, conversation: Conversation) -> None:
        """A visitor comes back into a conversation: their place in the queue; what they were asked."""
        place = None
        if conversation.holder == "queue":
            place = await self.place(conversation.id)
        elif conversation.holder == "none":
            joined.csat = await self.csat(conversation, joined.lang)
        if conversation.holder != "none":
            joined.greeting = ""  # it was said before their first message
        joined.conversation = state_of(
            conversation, self._registry.agent_name(conversation.agent_id), for_visitor=True,
            queue=place)

    async def csat(self, conversation: Conversation, lang: str) -> str:
        """The question that the visitor was asked about this conversation and has not answered, or ""."""
        inbox = self._registry.inboxes.get(conversation.inbox_id)
        question = csat_question(inbox, lang or conversation.lang) if inbox is not None else ""
        asked = bool(question) and await self._store.read(ratings.waits, conversation.id)
        return question if asked else ""

    def open_now(self, inbox: Inbox) -> bool:
        """Whether people are at work behind this inbox."""
        state = self._office.state(inbox.id, inbox.settings, self._now_ms())
        return state is None or state.open

    def _hours(self, joined: Joined, inbox: Inbox) -> None:
        state = self._office.state(inbox.id, inbox.settings, self._now_ms())
        if state is None:
            return
        joined.hours = HoursState(state.open, None if state.opens_at is None else to_datetime(state.opens_at))
        form = inbox.settings.get("offline_form") or {}
        if form.get("enabled") and not state.open:
            joined.offline_form = tuple(form.get("fields") or ())

    def _greet(self, joined: Joined, inbox: Inbox) -> None:
        self._hours(joined, inbox)
        joined.name = inbox.name
        settings = inbox.settings
        joined.typing_preview = bool(settings.get("typing_preview"))
        joined.pages, _ = pages.wanted(settings)
        joined.greeting = pick(settings.get("greeting") or {}, joined.lang[:2] or "zh")
        suggestions = settings.get("suggestions") or {}
        joined.suggestions = tuple(suggestions.get(joined.lang[:2]) or suggestions.get("zh") or ())[:6]

    async def join_agent(self, hello: Hello, headers: Mapping[str, str], address: str) -> Joined:
        """Admits an agent's console page: cookie, and the page must be our own.

        Raises:
            ZhikeError: unauthenticated, session_revoked, origin_not_allowed.
        """
        if not origins.same_origin(headers.get("origin", ""), headers.get("host", ""), self._public_url):
            raise ZhikeError("origin_not_allowed", headers.get("origin", "")[:200])
        session = await self._sessions.find(cookie_of(headers.get("cookie", "")))
        agent = session.agent
        joined = Joined("agent", sender=f"a:{agent.id}", lang=hello.lang[:16] or agent.lang)
        joined.agent_id, joined.agent_name = agent.id, agent.name
        joined.agent = {"id": agent.id, "name": agent.name, "email": agent.email, "role": agent.role}
        scope = session.scope
        joined.inbox_ids = tuple(number for number in self._registry.inboxes if scope.sees_inbox(number))
        joined.seat = Seat(scope, speaks=agent.role != "analyst", clear=self._clear(agent.role),
                           session_id=session.number)
        return joined

    # ---- one read for all hellos of a tick -----------------------------------------------------

    def _conversation_of(self, who: tuple[int, str]) -> asyncio.Future[Conversation | None]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Conversation | None] = loop.create_future()
        self._asked.append((who, future))
        if len(self._asked) == 1:
            loop.call_soon(lambda: setattr(self, "_reading", loop.create_task(self._read())))
        return future

    async def _read(self) -> None:
        asked, self._asked = self._asked, []
        try:
            found = await self._store.read(_latest, list(dict.fromkeys(who for who, _ in asked)))
        except BaseException as error:
            for _, future in asked:
                if not future.done():
                    future.set_exception(error)
            return
        for who, future in asked:
            if not future.done():
                future.set_result(found.get(who))


async def _nowhere(_conversation_id: int) -> QueuePlace | None:
    return None


def _known_of(contact: dict[str, str], hello: Hello, inbox: Inbox) -> dict[str, str]:
    """What the shop said of the customer, and the page they are on, as far as it may be kept."""
    on, keep = pages.wanted(inbox.settings)
    url = pages.clean_url(hello.page.get("url", ""), keep) if on and hello.page else ""
    if not url:
        return contact
    title = pages.clean_text(hello.page.get("title", "")) if hello.page else ""
    return {**contact, "page_url": url, "page_title": title or url}


def _latest(conn: Connection, who: list[tuple[int, str]]) -> dict[tuple[int, str], Conversation]:
    """The open conversation of each, else the last resolved one."""
    keys = {open_key(inbox_id, sender): (inbox_id, sender) for inbox_id, sender in who}
    rows = select_in(conn, "conversations", conversation_rows.COLUMNS, "open_key", list(keys))
    found = {(c.inbox_id, c.sender): c for c in (Conversation(*row) for row in rows)}
    for inbox_id, sender in who:
        if (inbox_id, sender) not in found:
            last = conversation_rows.latest_of_sender(conn, inbox_id, sender)
            if last is not None:
                found[(inbox_id, sender)] = last
    return found
