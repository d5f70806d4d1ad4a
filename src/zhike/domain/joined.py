"""What a hello came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from zhike.domain.agent import Seat
from zhike.domain.wire import ConversationState, HoursState


class Joined:
    """Who a hello turned out to be, and what the welcome tells them.

    For visitors ``inbox_id`` and ``sender`` (the contact's sender key) say whose conversation
    this is; ``token`` goes back to the client. For agents ``agent_id`` is theirs, ``agent`` what
    their page shows, ``inbox_ids`` the inboxes whose conversation list they get, ``seat`` what they may
    do. ``conversation`` is the state at the time of the look-up.
    """

    __slots__ = ("agent", "agent_id", "agent_name", "contact", "conversation", "csat", "greeting", "hours",
                 "inbox_id", "inbox_ids", "lang", "name", "offline_form", "pages", "role", "seat", "sender",
                 "suggestions", "token", "typing_preview")

    def __init__(self, role: Literal["visitor", "agent"], *, inbox_id: int = 0, sender: str = "",
                 token: str = "", lang: str = "", conversation: ConversationState | None = None,
                 greeting: str = "", suggestions: tuple[str, ...] = (), name: str = "",
                 agent: dict[str, Any] | None = None,
                 agent_id: int = 0, agent_name: str = "", contact: dict[str, str] | None = None,
                 inbox_ids: Sequence[int] = (), seat: Seat | None = None) -> None:
        self.role = role
        self.inbox_id = inbox_id
        self.sender = sender
        self.token = token
        self.lang = lang
        self.conversation = conversation
        self.greeting = greeting
        self.suggestions = suggestions
        self.name = name
        self.agent = agent
        self.agent_id = agent_id
        self.agent_name = agent_name
        self.contact = contact or {}
        self.inbox_ids = tuple(inbox_ids)
        self.seat = seat
        self.hours: HoursState | None = None
        self.offline_form: tuple[str, ...] | None = None
        self.csat = ""
        self.typing_preview = False
        self.pages = True
