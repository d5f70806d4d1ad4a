"""What trying out prompts and asking a regression set brings to light."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from zhike.domain.message import Button, TraceStep

Verdict = Literal["right", "wrong", "silent", "error"]
"""right: as the case expects · wrong: something else was said · silent: the bot would not answer though
it should · error: the model could not be asked."""


class Missed(msgspec.Struct, frozen=True):
    """One expectation that was not met: the name of the check, and why, in both languages."""

    check: str
    zh: str
    en: str


class Tried(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer of a model. Times in ms from the request; ``cost`` in the currency of the settings.

    ``judged``: what the judging model said (None = not asked, or it said neither yes nor no).
    ``sources``: keys of the articles it was given; ``dropped``: what did not fit. ``error``: why there is
    no answer.
    """

    text: str = ""
    missed: tuple[Missed, ...] = ()
    judged: bool | None = None
    model: str = ""
    first_token_ms: float = 0.0
    total_ms: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    sources: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    error: str = ""

    @property
    def passed(self) -> bool:
        """Answered, and every check met."""
        return not self.error and not self.missed


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of one case. ``part``: whether the bot's knowledge was asked or its model."""

    text: str
    lang: str
    verdict: Verdict
    part: Literal["knowledge", "model"] = "knowledge"
    said: str = ""
    answer: str = ""
    missed: tuple[Missed, ...] = ()


class Moved(msgspec.Struct, frozen=True):
    """A case that came out otherwise than before."""

    before: Outcome
    after: Outcome


class GateReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """A regression set asked of a bot as it is (``before`` None) or as a wish would make it.

    ``right wrong silent``: shares of ``rows``; ``reasons``: why it is not passed, both languages.
    """

    bot: str
    rows: int
    right: float
    wrong: float
    silent: float
    passed: bool
    worse: tuple[Moved, ...] = ()
    better: tuple[Moved, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    reasons: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


class ModelState(msgspec.Struct, frozen=True):
    """A configured model and how it does. Counts are of this process since its start.

    ``state``: "ok", or why it is not asked now. ``server``: its address without credentials, "" for the
    model that zhike runs itself. Prices per million tokens, ``daily_limit`` and ``cost`` in the currency of
    the settings. ``first_token_ms``: the average, 0 = never asked. ``outcomes``: requests by outcome (ok,
    cancelled, or a code of the catalogue). ``busy``, ``waiting``: requests in hand and in the queue now.
    """

    key: str
    model: str
    server: str
    local: bool
    state: str
    family: str
    context_tokens: int
    concurrency: int
    queue: int
    busy: int
    waiting: int
    price_in: float
    price_out: float
    daily_limit: float
    cost: float
    outcomes: dict[str, int]
    tokens_read: int
    tokens_written: int
    first_token_ms: float


class ModelTried(msgspec.Struct, frozen=True):
    """One short answer of a model. Times in ms from the request."""

    text: str
    first_token_ms: float
    total_ms: float
    prompt_tokens: int
    completion_tokens: int


class ToolRequest(msgspec.Struct, frozen=True):
    """What was sent to the shop's server. Secrets are dots."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


class ToolTried(msgspec.Struct, frozen=True):
    """What a call of a tool came to. ``text``: what a visitor or a model would be told; ``error``: see
    ``ToolError``, "" = none; ``missing``: arguments that are needed; ``problem``: what went wrong as the
    program says it, for whoever set the tool up. ``request`` null: nothing was sent by HTTP."""

    tool: str
    ok: bool
    text: str
    error: str = ""
    data: Any = None
    missing: tuple[str, ...] = ()
    problem: str = ""
    took_ms: float = 0.0
    request: ToolRequest | None = None


class FlowTried(msgspec.Struct, frozen=True):
    """What a flow says to one message. ``state``: give it back with the next message, "" = the flow is over;
    ``step``: where it waits (the first is 0), ``waits_for``: the slot; ``slots``: what it knows. ``action``
    ``handoff``: a person takes over."""

    text: str
    buttons: tuple[Button, ...]
    action: str
    state: str
    step: int | None
    waits_for: str
    slots: dict[str, str]
    trace: tuple[TraceStep, ...]
    calls: tuple[ToolTried, ...]
