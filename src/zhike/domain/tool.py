"""Tools: what the bot may do in the shop's own systems, and who asks for it.

A tool is written by an admin and called by a flow or by a model. Its *arguments* come from the
conversation; what stands in ``inject`` comes from the server and can come from nowhere else.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

ToolKind = Literal["http", "python"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Audience = Literal["anyone", "customers"]
Injected = Literal["caller.customer_id", "caller.contact_id", "caller.conversation_id", "caller.inbox_id",
                   "caller.lang", "caller.proven", "caller.agent_id", "call.id"]
"""What the server can put into a call. ``caller.customer_id``: the shop's own id of a customer that the
shop has signed, "" for everybody else. ``caller.proven``: true if this contact has proven the subject.
``caller.agent_id``: the agent who looks it up in the panel, 0 when the bot asks.
``call.id``: the same for every repetition of one call."""

PanelUse = Literal["orders", "products"]
"""What agents look up beside a conversation: this contact's orders, the shop's products."""

MAX_ARGUMENTS_BYTES = 8_192
"""Of one call, as JSON. A model that writes more than this is not asking for an order."""


class Texts(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One text in the two languages; where one is empty, the other is said."""

    zh: str = ""
    en: str = ""

    def pick(self, lang: str) -> str:
        """The text in ``lang``, else the other, else ""."""
        return (self.en or self.zh) if lang == "en" else (self.zh or self.en)

    def __bool__(self) -> bool:
        return bool(self.zh or self.en)


class HttpAction(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One request to the shop's own server.

    ``{name}`` in ``url`` (behind the host), ``headers`` and the texts of ``body`` is the argument of that
    name, escaped for where it stands; a text of ``body`` that is nothing but ``{name}`` becomes the value
    itself (a number stays a number). ``secret``: where the value of ``secret_header`` comes from,
    ``env:ZHIKE_TOOL_…`` or ``file:name`` (in the folder ``tools.secrets``); the value itself is never stored.
    """

    url: str
    method: Method = "GET"
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: Any = None
    secret_header: str = ""
    secret_prefix: str = ""
    secret: str = ""
    max_bytes: int = 65_536


class Proof(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How somebody the shop has not signed shows that a thing is theirs.

    ``subject``: the argument that names the thing (an order number). ``evidence``: the arguments only its
    owner knows (the tail of the phone). The tool itself decides: it finds nothing when they do not fit.
    """

    subject: str
    evidence: tuple[str, ...]
    hours: float = 24.0


class ToolBody(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a person writes of a tool, and what stands as JSON in its row.

    ``description``: tells a model when to call it. ``parameters``: JSON schema of the arguments (see
    :mod:`zhike.domain.argschema`). ``python``: ``package.module:function``. ``result``: what is said of the
    answer, with ``{/json/pointer}``; empty: the answer's own text, or its JSON. ``missing``: what is said
    when there is nothing. ``audience``: ``customers`` = only who the shop has signed. ``panel``: agents look
    this up beside a conversation; the answer is a list of cards (see :mod:`zhike.domain.card`).
    """

    kind: ToolKind
    description: str
    title: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    inject: dict[str, Injected] = msgspec.field(default_factory=dict)
    http: HttpAction | None = None
    python: str = ""
    result: Texts = Texts()
    missing: Texts = Texts()
    proof: Proof | None = None
    audience: Audience = "anyone"
    timeout_s: float = 5.0
    panel: Literal["", "orders", "products"] = ""


class Tool(msgspec.Struct, omit_defaults=True):
    """One tool of a bot. Times: ms since 1970 UTC."""

    id: int
    bot_id: int
    key: str
    body: ToolBody
    enabled: bool = True
    created_at: int = 0
    updated_at: int = 0


class Caller(msgspec.Struct, frozen=True):
    """On whose behalf a tool is called: filled in by the server from the authenticated sender, never
    from anything a visitor or a model wrote. ``turn``: names the turn, the same when it is repeated after
    a crash."""

    contact_id: int
    sender: str
    lang: str = "zh"
    inbox_id: int = 0
    conversation_id: int = 0
    turn: str = ""
    agent_id: int = 0

    @property
    def customer_id(self) -> str:
        """The shop's id of a customer it has signed; "" for a visitor."""
        return self.sender[2:] if self.sender.startswith("c:") else ""


ToolError = Literal["", "unknown_tool", "bad_arguments", "not_identified", "needs_proof", "not_found",
                    "throttled", "busy", "timeout", "too_large", "bad_target", "failed"]
"""Why a call gave nothing. ``not_found``: the tool answered, and there is no such thing (or the evidence
does not fit: nobody learns which). ``throttled``: too many wrong tries; a person must look."""


class ToolResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a call. ``text``: in the caller's language, for the visitor or a model; never empty.
    ``data``: the tool's answer as JSON values. ``missing``: arguments that are needed (``needs_proof``,
    ``bad_arguments``). ``proven``: the subject was proven in this call."""

    ok: bool
    text: str
    data: Any = None
    error: ToolError = ""
    missing: tuple[str, ...] = ()
    proven: bool = False
    took_us: int = 0

    def for_model(self, most_chars: int = 4_000) -> str:
        """The content of a ``tool`` message: the words first, then the data as far as there is room."""
        if not self.ok:
            return f"{self.error}: {self.text}"
        raw = msgspec.json.encode(self.data).decode() if self.data is not None else ""
        if not raw or raw == self.text or len(self.text) + len(raw) + 1 > most_chars:
            return self.text[:most_chars]
        return f"{self.text}\n{raw}"
