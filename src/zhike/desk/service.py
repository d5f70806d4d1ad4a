"""The desk: what gateway and REST ask for, in one place.

Thin: it joins the registry, the door, the line and the store. Everything that writes a message or
moves a holder goes through the line, so that it stands in one order with everything else.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from zhike.bus.base import Event
from zhike.clock import NowMs, to_datetime
from zhike.desk.door import Door
from zhike.desk.reads import Reads
from zhike.desk.registry import Registry
from zhike.desk.visits import Visits
from zhike.domain.agent import Place
from zhike.domain.assist import Assist, AssistDone, SummaryEvent, SummaryView
from zhike.domain.conversation import Conversation
from zhike.domain.joined import Joined
from zhike.domain.knowledge import Inbox
from zhike.domain.message import Message, Reply
from zhike.domain.pages import Device
from zhike.domain.unit import Change, ChangeKind
from zhike.domain.views import list_frame, state_of
from zhike.domain.wire import (
    ConversationState,
    Hello,
    Page,
    QueuePlace,
    Rate,
    Rated,
    Read,
    SendMessage,
    Typing,
    UnreadEvent,
    encode,
)
from zhike.domain.words import system_text
from zhike.errors import ZhikeError
from zhike.store import conversations as conversation_rows
from zhike.store import messages as message_rows
from zhike.store import ratings, scopes
from zhike.store.engine import Store

ROUTES_KEPT = 10_000


class Line(Protocol):
    """The pipeline as the desk uses it."""

    def put(self, source: Any, payload: bytes | SendMessage, arrived_s: float) -> ZhikeError | None:
        """Takes a message or says at once why not."""

    def change(self, change: Change) -> asyncio.Future[Change]:
        """A change of holder, in order with the messages."""

    async def settle(self) -> None:
        """Returns when everything taken is stored and answered."""


class Helper(Protocol):
    """A model's help for the people at the desk."""

    async def propose(self, about: Conversation, frame: Assist,
                      say: Callable[[int, str], None]) -> AssistDone:
        """A proposal, heard as it is made."""

    async def summary(self, about: Conversation) -> SummaryView:
        """What is known without a model being asked."""

    async def summarise(self, about: Conversation, lang: str) -> SummaryView:
        """The same, asked for."""


class Desk:
    """See the module. ``try_reply``: what the bot would say, without storing anything. ``veil``: makes what
    is personal in a frame unreadable."""

    ready = True
    """It exists once the store is open."""

    def __init__(self, store: Store, registry: Registry, door: Door, reads: Reads, line: Line, now_ms: NowMs,
                 try_reply: Callable[[int, str, str], Reply],
                 veil: Callable[[bytes], bytes] = lambda frame: frame) -> None:
        self._store = store
        self.registry = registry
        self._door = door
        self._reads = reads
        self.visits = Visits(store, reads.bus, now_ms)
        self._line = line
        self._now_ms = now_ms
        self._try_reply = try_reply
        self._veil = veil
        self._routes: OrderedDict[int, tuple[int, str]] = OrderedDict()
        self.nudge: Callable[[], None] = lambda: None
        """Has the router look; set when there is one."""
        self.look_at_hooks: Callable[[], None] = lambda: None
        """Has the outbox look at the webhooks' rows; set when it runs."""
        self.timed: Callable[[], None] = lambda: None
        """Has the timers look for one that was written just now; set when they run."""
        self.helper: Helper | None = None
        """A model's help; set when the models are there, which nobody waits for at a start."""
        self.pages: Callable[[int, int, int], None] = lambda *_: None
        """Hears how many pages an agent has open here: (agent_id, sockets, active)."""

    # ---- coming in -----------------------------------------------------------------------------

    def put(self, source: Any, payload: bytes | SendMessage, arrived_s: float) -> ZhikeError | None:
        """Hands a message to the pipeline."""
        return self._line.put(source, payload, arrived_s)

    async def join_visitor(self, hello: Hello, origin: str, address: str, host: str = "") -> Joined:
        """See :meth:`Door.join_visitor`."""
        return await self._door.join_visitor(hello, origin, address, host)

    async def join_agent(self, hello: Hello, headers: Mapping[str, str], address: str) -> Joined:
        """See :meth:`Door.join_agent`."""
        return await self._door.join_agent(hello, headers, address)

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Calls back at once: see :attr:`ready`."""
        callback()

    async def settle(self) -> None:
        """Returns when everything taken is stored and answered; used while draining."""
        await self._line.settle()

    # ---- reading -------------------------------------------------------------------------------

    async def after(self, conversation_id: int, after: int, limit: int) -> list[Message]:
        """Messages above ``after``, in order."""
        return await self._store.read(message_rows.after, conversation_id, after, limit)

    async def before(self, conversation_id: int, before: int | None, limit: int) -> list[Message]:
        """The newest messages below ``before``, in order."""
        return await self._store.read(message_rows.before, conversation_id, before, limit)

    async def current(self, inbox_id: int, sender: str) -> ConversationState | None:
        """The sender's open conversation at this moment."""
        found = await self._store.read(conversation_rows.latest_of_sender, inbox_id, sender)
        if found is None or found.holder == "none":
            return None
        return state_of(found, self.registry.agent_name(found.agent_id), for_visitor=True)

    async def owns(self, inbox_id: int, sender: str, conversation_id: int) -> bool:
        """True if this conversation, resolved or not, is the sender's own."""
        if not 0 < conversation_id < 2**53:
            return False
        found = await self._store.read(conversation_rows.get_conversation, conversation_id)
        return found is not None and (found.inbox_id, found.sender) == (inbox_id, sender)

    async def may_watch(self, session: Any, conversation_id: int) -> ConversationState:
        """The state of a conversation that an agent wants to follow.

        Raises:
            ZhikeError: not_found, also for what this agent may not see.
        """
        seat = getattr(session, "seat", None)
        if seat is not None and seat.scope.limited and not (
                0 < conversation_id < 2**53
                and await self._store.read(scopes.sees_conversation, seat.scope, conversation_id)):
            raise ZhikeError("not_found", f"conversation {conversation_id}")
        conversation = await self.conversation(conversation_id)
        return state_of(conversation, self.registry.agent_name(conversation.agent_id))

    async def place_of(self, conversation_id: int) -> Place | None:
        """Where a conversation stands: team, holder, who was asked by name."""
        return await self._store.read(scopes.place, conversation_id)

    def masked(self, frame: bytes) -> bytes:
        """A frame with personal data made unreadable."""
        return self._veil(frame)

    async def conversation(self, conversation_id: int) -> Conversation:
        """One conversation.

        Raises:
            ZhikeError: not_found.
        """
        found = None
        if 0 < conversation_id < 2**53:
            found = await self._store.read(conversation_rows.get_conversation, conversation_id)
        if found is None:
            raise ZhikeError("not_found", f"conversation {conversation_id}")
        self._routes[conversation_id] = (found.inbox_id, found.sender)
        if len(self._routes) > ROUTES_KEPT:
            self._routes.popitem(last=False)
        return found

    # ---- small signals -------------------------------------------------------------------------

    def control(self, session: Any, frame: Any) -> None:
        """Typing, read marks and pages of a session: fire and forget."""
        if isinstance(frame, Page):
            self.looked(session.inbox_id, session.sender, session.conversation_id, frame, session.device)
            return
        if not isinstance(frame, Typing | Read):
            return  # the gateway answers the others itself
        agent_id = session.agent_id
        conversation_id = frame.conversation if agent_id else session.conversation_id
        if not conversation_id:
            return
        route = (self._routes.get(conversation_id) if agent_id
                 else (session.inbox_id, session.sender))
        if route is None:
            return  # an agent signals only where they look
        inbox_id, sender = route
        if isinstance(frame, Typing):
            inbox = self.registry.inboxes.get(inbox_id)
            self._reads.typing(
                conversation_id, inbox_id, sender, frame, agent_id=agent_id, name=session.agent_name,
                preview=inbox is not None and bool(inbox.settings.get("typing_preview")))
        else:
            self._reads.mark(conversation_id, inbox_id, sender, frame.seq, agent_id=agent_id)

    def looked(self, inbox_id: int, sender: str, conversation_id: int, frame: Page,
               device: Device | None) -> None:
        """A visitor looks at a page while they are in a conversation; ``device`` None: their browser asks
        not to be followed."""
        self.visits.seen(self.registry.inboxes.get(inbox_id), sender, conversation_id, frame, device)

    async def mark_read(self, conversation_id: int, seq: int, agent_id: int) -> None:
        """A read mark over REST, of an agent or (0) of the visitor."""
        conversation = await self.conversation(conversation_id)
        self._reads.mark(conversation_id, conversation.inbox_id, conversation.sender, seq, agent_id=agent_id)

    async def mark_unread(self, conversation_id: int, agent_id: int) -> UnreadEvent:
        """The visitor's last message is new to this agent once more."""
        return await self._reads.unread(agent_id, conversation_id)

    # ---- a model's help ------------------------------------------------------------------------

    async def assist(self, _session: Any, frame: Assist, say: Callable[[int, str], None]) -> AssistDone:
        """A proposal for what an agent writes; see the gateway's port."""
        return await self._help().propose(await self.conversation(frame.conversation), frame, say)

    async def summary(self, conversation_id: int) -> SummaryView:
        """What a conversation is about, as far as it is known without asking a model."""
        return await self._help().summary(await self.conversation(conversation_id))

    async def summarise(self, conversation_id: int, lang: str) -> SummaryView:
        """The same, after a model was asked (where there is one and something new was said).

        Raises:
            ZhikeError: not_found, starting, no_proposal, or a ``model_…`` row of the catalogue.
        """
        return await self._help().summarise(await self.conversation(conversation_id), lang)

    def tell_summary(self, conversation: Conversation, text: str, seq: int, at: int) -> None:
        """A summary was made: agents who watch see it."""
        frame = encode(SummaryEvent(conversation.id, text, seq, to_datetime(at)))
        self._reads.bus.publish([Event(conversation.id, conversation.inbox_id, conversation.sender,
                                       agent_frame=frame)])

    def _help(self) -> Helper:
        if self.helper is None:
            raise ZhikeError("starting", retry_after_s=2.0)
        return self.helper

    async def rate(self, session: Any, frame: Rate) -> None:
        """A visitor says how it was; see :meth:`rated`."""
        await self.rated(session.inbox_id, session.sender, frame)

    async def rated(self, inbox_id: int, sender: str, frame: Rate) -> Rated:
        """Stores how it was, and tells everybody concerned. Saying the same again does no harm.

        Raises:
            ZhikeError: not_found (not theirs, or nobody asked), conflict (they said something else before),
                invalid_text.
        """
        if "\0" in frame.comment:
            raise ZhikeError("invalid_text", field="comment")
        if not await self.owns(inbox_id, sender, frame.conversation):
            raise ZhikeError("not_found", field="conversation")
        wanted = ratings.Rating(frame.score, frame.comment.strip())
        stored = await self._store.write(ratings.rate, frame.conversation, wanted, self._now_ms())
        if stored is None:
            raise ZhikeError("not_found", "Nobody asked about this conversation.", field="conversation")
        if stored != wanted:
            raise ZhikeError("conflict", "This conversation was rated already.")
        self.told_webhooks()
        rated = Rated(frame.conversation, *stored)
        told = encode(rated)
        self._reads.bus.publish([Event(frame.conversation, inbox_id, sender, frame=told, agent_frame=told)])
        return rated

    async def csat(self, conversation: Conversation, lang: str) -> str:
        """The question that the visitor of a conversation was asked and has not answered, or ""."""
        return await self._door.csat(conversation, lang)

    async def queue_place(self, conversation_id: int) -> QueuePlace | None:
        """Where a conversation stands in the queue; None: it does not wait."""
        return await self._door.place(conversation_id)

    # ---- changing ------------------------------------------------------------------------------

    async def change(self, kind: ChangeKind, conversation_id: int, agent_id: int, agent_name: str, *,
                     team_id: int | None = None, by_id: int = 0, by_name: str = "", note: str = "",
                     until: int | None = None, wrap_up: str = "", epoch: int = 0,
                     seq: int = 0, from_id: int = 0) -> Conversation:
        """Takes, assigns, returns, queues, snoozes, wakes, reopens or resolves; stored when it returns. What
        each argument means stands at :class:`zhike.domain.unit.Change`.

        Raises:
            ZhikeError: not_found, conversation_resolved, wrong_state, conflict, too_late.
        """
        if not 0 < conversation_id < 2**53:
            raise ZhikeError("not_found", f"conversation {conversation_id}")
        change = await self._line.change(Change(
            conversation_id, kind, self._now_ms(), agent_id=agent_id, agent_name=agent_name, team_id=team_id,
            by_id=by_id, by_name=by_name, note=note, until=until, wrap_up=wrap_up, epoch=epoch, seq=seq,
            from_id=from_id))
        if kind == "snooze" and change.outcome == "done":
            self.timed()
        if change.outcome == "not_found" or change.conversation is None:
            raise ZhikeError("not_found", f"conversation {conversation_id}")
        if change.outcome == "resolved":
            raise ZhikeError("conversation_resolved")
        if change.outcome in ("wrong_state", "too_late"):
            raise ZhikeError(change.outcome)
        if change.outcome == "conflict":
            raise ZhikeError("conflict", "Another conversation of this visitor is open.",
                             details={"conversation": change.other_id})
        return change.conversation

    async def note_all(self, conversation_ids: Sequence[int], what: str, name: str) -> None:
        """A private note of the desk itself in each of these: ``words.SYSTEM_TEXTS[what]`` about ``name``."""
        found = await self._store.read(conversation_rows.by_ids, conversation_ids)
        await asyncio.gather(*(
            self._line.change(Change(c.id, "note", self._now_ms(),
                                     note=system_text(what, c.lang, {"name": name})))
            for c in found.values()))

    async def tell_lists(self, changed: Mapping[int, Mapping[str, Any]]) -> None:
        """Conversations changed in what only agents' lists show: id → ``priority``, ``tags``."""
        if not changed:
            return
        found = await self._store.read(conversation_rows.by_ids, sorted(changed))
        self._reads.bus.publish([Event(
            c.id, c.inbox_id, c.sender, epoch=c.holder_epoch, list_frame=list_frame(
                c, agent_name=self.registry.agent_name(c.agent_id), life=changed[c.id]))
            for c in found.values()])

    # ---- knowledge -----------------------------------------------------------------------------

    def inbox(self, inbox_id: int) -> Inbox | None:
        """An inbox as it is in memory."""
        return self.registry.inboxes.get(inbox_id)

    async def try_answer(self, bot_id: int, text: str, lang: str) -> Reply:
        """What the bot would say; nothing is stored, cached or counted."""
        await self.registry.knowledge.open(bot_id)
        return await asyncio.get_running_loop().run_in_executor(None, self._try_reply, bot_id, text, lang)

    async def knowledge_changed(self, bot_id: int) -> None:
        """Loads what was edited; the bot answers by it when this returns."""
        await self.registry.refresh()

    async def inboxes_changed(self) -> None:
        """Reads the inboxes again."""
        await self.registry.refresh()

    def told_webhooks(self) -> None:
        """Their rows may be there now: :attr:`look_at_hooks` looks."""
        self.look_at_hooks()

    def people_changed(self) -> None:
        """Somebody may be served now who could not be a moment ago."""
        self.nudge()
