"""What the pipeline needs of others: who sends (Source) and who answers (Answerer)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from zhike.answer.ports import Asked, Outlet
from zhike.bus.base import Event
from zhike.domain.message import Reply, TraceStep
from zhike.domain.wire import ClientFrame
from zhike.errors import ZhikeError
from zhike.search.text import Question


class Source(Protocol):
    """Who put a message in: a WebSocket session, a REST call, a channel.

    ``sender`` is authenticated: the contact's key for visitors, ``a:<agent id>`` for agents.
    ``conversation_id`` is a hint (0 = unknown). ``contact``: name, email, phone of a known
    customer. ``last_client_msg_id``: its last message that is known to be stored (kept by the
    pipeline; "" at first). The methods are called on the event loop, in order, and must not block or raise.
    """

    inbox_id: int
    sender: str
    agent_id: int
    agent_name: str
    lang: str
    conversation_id: int
    contact: dict[str, str] | None
    last_client_msg_id: str

    def on_control(self, frame: ClientFrame) -> None:
        """A decoded frame that is not a message comes back."""

    def on_stored(self, event: Event) -> None:
        """The message is stored for good; ``event.ack`` says where."""

    def on_refused(self, client_msg_id: str, error: ZhikeError) -> None:
        """The message was not stored; ``client_msg_id`` is "" if it could not be read."""


class Answerer(Protocol):
    """The answer engine as the pipeline sees it (see zhike.answer.engine)."""

    def quick(self, bot_id: int, question: Question) -> Reply | None:
        """Rules, then the cache; microseconds, on the event loop."""

    def search(self, bot_id: int, questions: Sequence[Question]) -> list[Reply | None]:
        """Knowledge; runs in the search thread; None where nothing is sure."""

    def in_memory(self, bot_id: int) -> bool:
        """True if the bot is searched within a millisecond, together with others. False: a large index
        on disk, or knowledge that is not read yet; its questions are searched apart, after :meth:`open`."""

    async def open(self, bot_id: int) -> None:
        """Ends when the bot's knowledge can be searched."""

    def remember(self, bot_id: int, question: Question, reply: Reply) -> None:
        """Fills the cache with a cacheable reply."""

    def fallback(self, bot_id: int, question: Question, tried: tuple[TraceStep, ...]) -> Reply:
        """The honest "I do not know"."""


class Worker(Protocol):
    """What answers in a job: flows, leaning questions, models (see zhike.answer.ladder)."""

    def consults(self, bot_id: int) -> bool:
        """True if a question that nothing else answers is worth a job for this bot."""

    async def answer(self, asked: Asked, outlet: Outlet) -> Reply:
        """The answer, within 15 s of ``asked.arrived_s``. Cancelled when it is not wanted any more."""
