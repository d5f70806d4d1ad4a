"""One row per route: who may, what goes in, what comes out, what can go wrong.

The handlers, the guard, the OpenAPI document and the tests are all made from these rows; a route
that is not a row does not exist (checked at start).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from zhike.access.rights import ANONYMOUS, Principal, Right
from zhike.rest.answer import Answer

if TYPE_CHECKING:
    from zhike.access.sessions import Session
    from zhike.errors import Lang
    from zhike.rest.context import Context

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Budget = Literal["call", "poll", "upload", "none"]
IMPORT_LIMIT_BYTES = 20 << 20


@dataclass(slots=True)
class Call:
    """One request, after the guard. ``path``: the parts in braces; ``query`` and ``body``: decoded."""

    to: Context
    path: dict[str, str]
    address: str = ""
    lang: Lang = "en"
    origin: str = ""
    host: str = ""
    user_agent: str = ""
    principal: Principal = ANONYMOUS
    session: Session | None = None
    now: int = 0
    query: Any = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    secure: bool = False
    gone: Callable[[], Awaitable[None]] | None = None
    """Returns when the client has left."""


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """One row.

    Attributes:
        method, path: ``{name}`` marks a part of the path.
        handler: gives a struct, None (204), or an :class:`Answer`.
        right: who may enter.
        summary: one line, English and Chinese.
        answer: the kind of struct that comes back; None: nothing (204).
        status: of success.
        other: further statuses of success with the same body, e.g. 200 for "existed already".
        query, body: the kinds of struct that go in. ``body_limit_bytes`` 0: as ``api.body_limit`` says.
            ``body_optional``: a request without one is good, too; the handler then sees None.
        upload: the body is a file as it is; the handler sees an :class:`zhike.rest.upload.Upload`.
        errors: codes of the catalogue that this route may give beside those every such route gives.
        example: a body that works, for the reading page.
        budget: which budget of simultaneous requests it counts for.
        text: the content type of an answer that is not JSON; several with commas between.
        listed: whether the API document shows it.
        reveals: whether it shows personal data also to roles that otherwise do not see it; it is audited.
        cors: whether pages of other sites may call it (the inbox's list decides).
    """

    method: Method
    path: str
    handler: Handler
    right: Right
    summary: tuple[str, str]
    answer: Any = None
    status: int = 200
    other: tuple[int, ...] = ()
    query: Any = None
    body: Any = None
    body_limit_bytes: int = 0
    body_optional: bool = False
    upload: bool = False
    errors: tuple[str, ...] = ()
    example: Any = None
    budget: Budget = "call"
    text: str = ""
    listed: bool = True
    cors: bool = False
    reveals: bool = False

    @property
    def name(self) -> str:
        """``GET /api/v1/me``."""
        return f"{self.method} {self.path}"

    @property
    def operation(self) -> str:
        """The handler's name: unique in the document."""
        return getattr(self.handler, "__name__", self.path)


__all__ = ["IMPORT_LIMIT_BYTES", "Answer", "Budget", "Call", "Handler", "Method", "Route"]
