"""What the gateway needs of the rest of zhike, and what it offers to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from zhike.bus.base import Event
from zhike.domain.agent import Place
from zhike.domain.assist import Assist, AssistDone
from zhike.domain.joined import Joined
from zhike.domain.message import Message
from zhike.domain.wire import ClientFrame, ConversationState, Hello, Rate
from zhike.errors import ZhikeError

__all__ = ["Backend", "Joined", "ListSubscriber", "Source", "Subscriber"]


class Source(Protocol):
    """Whoever puts messages in, as the pipeline sees it. A session is one."""

    inbox_id: int
    sender: str
    agent_id: int
    agent_name: str
    lang: str
    conversation_id: int
    contact: dict[str, str]
    last_client_msg_id: str

    def on_control(self, frame: ClientFrame) -> None:
        """A decoded frame that is not a message, in the order in which it came."""

    def on_stored(self, event: Event) -> None:
        """One message of this source is stored; ``event.ack`` says as what."""

    def on_refused(self, client_msg_id: str, error: ZhikeError) -> None:
        """One message (or an unreadable frame: "") is not taken."""


class Subscriber(Protocol):
    """Follows conversations."""

    def deliver(self, event: Event) -> None:
        """Called for each event, in order."""


class ListSubscriber(Protocol):
    """Follows the list of conversations of an inbox."""

    def deliver_list(self, event: Event) -> None:
        """Called for each event with a ``list_frame``, in order."""


class Backend(Protocol):
    """The desk behind the gateway; joined in app.py."""

    @property
    def ready(self) -> bool:
        """True once the store is open."""

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Calls back on the event loop once ``ready`` is true (at once if it is)."""

    def put(self, source: Source, payload: bytes, arrived_s: float) -> ZhikeError | None:
        """Takes a frame (the answer comes through ``source``) or refuses it at once."""

    async def join_visitor(self, hello: Hello, origin: str, address: str, host: str) -> Joined:
        """Checks inbox, origin (pages of ``host`` are our own) and identity.

        Raises:
            ZhikeError: inbox_not_found, origin_not_allowed, bad_identity …
        """

    async def join_agent(self, hello: Hello, headers: Mapping[str, str], address: str) -> Joined:
        """Checks cookie and same origin; header names are in lower case.

        Raises:
            ZhikeError: unauthenticated, forbidden …
        """

    async def current(self, inbox_id: int, sender: str) -> ConversationState | None:
        """The sender's open conversation *now*; asked after subscribing, when the join saw none."""

    async def owns(self, inbox_id: int, sender: str, conversation_id: int) -> bool:
        """True if this conversation, resolved or not, is the sender's. Any number may be asked."""

    async def after(self, conversation_id: int, after: int, limit: int) -> Sequence[Message]:
        """The first ``limit`` messages with a seq above ``after``, in order."""

    async def before(self, conversation_id: int, before: int | None, limit: int) -> Sequence[Message]:
        """The last ``limit`` messages below ``before`` (None: the newest), oldest first."""

    def control(self, session: Source, frame: ClientFrame) -> None:
        """Typing, read marks, pages looked at: fire and forget."""

    async def may_watch(self, session: Source, conversation_id: int) -> ConversationState:
        """An agent wants to follow a conversation.

        Raises:
            ZhikeError: not_found, forbidden.
        """

    async def place_of(self, conversation_id: int) -> Place | None:
        """Where a conversation stands now; None if there is none."""

    def masked(self, frame: bytes) -> bytes:
        """A frame for agents, with personal data made unreadable."""

    def pages(self, agent_id: int, sockets: int, active: int) -> None:
        """How many connections an agent has here now, and at how many of them somebody sits."""

    async def assist(self, session: Source, frame: Assist, say: Callable[[int, str], None]) -> AssistDone:
        """A proposal for what an agent writes. ``say`` hears it as it is made: (offset, text), 0 begins anew.
        Cancelled, it stops the model.

        Raises:
            ZhikeError: no_model, no_proposal, starting, a ``model_…`` row of the catalogue.
        """

    async def rate(self, session: Source, frame: Rate) -> None:
        """A visitor says how it was.

        Raises:
            ZhikeError: not_found, conflict.
        """

    async def settle(self) -> None:
        """Returns when all that was put in has been answered; used while draining."""
