"""Answers with visitors' words and data, as far as the caller's role may read them.

Decided once for every route, also for those to come (but for :data:`NOBODYS`): a handler gives the clear
view and knows nothing of this. Only what reveals says so itself (``Route.reveals``), and is recorded.
"""

from __future__ import annotations

from typing import Any

from zhike.domain.agent import RANK, Role
from zhike.rest.answer import JSON, Answer
from zhike.rest.decode import FieldFault
from zhike.rest.table import Call, Route

NOBODYS = frozenset((
    "agents", "api-keys", "articles", "asyncapi.json", "audit", "bots", "canned", "cases", "flows",
    "inboxes", "login", "logout", "me", "models", "openapi.json", "presence", "prompts", "reset", "rules",
    "setup", "tags", "teams", "tools", "usage", "visitor", "webhooks"))
"""Nouns that hold no visitors' words: the shop's own, and the people who work there. (A visitor reads their
own words.) A noun that is not here is veiled."""
_CHANGES = ("PUT", "PATCH")


def sees_clear(role: Role | None, clear_for: str) -> bool:
    """True if this role reads personal data as it is."""
    return role is not None and RANK[role] >= RANK[clear_for]


def is_veiled(call: Call, route: Route) -> bool:
    """True if this caller gets this route's answer with personal data hidden."""
    if call.principal.kind not in ("agent", "key") or route.reveals:
        return False
    if sees_clear(call.principal.role, call.to.settings.privacy.clear_for):
        return False
    parts = route.path.split("/")
    return parts[:3] == ["", "api", "v1"] and len(parts) > 3 and parts[3] not in NOBODYS


def veiled(answer: Answer) -> Answer:
    """The same answer with personal data hidden."""
    if not answer.body:
        return answer
    from zhike.answer.mask.veil import veil, veil_json  # its word lists: for desks that hide something only

    kind = next((value.decode() for name, value in answer.headers if name == b"content-type"), "")
    kept = [header for header in answer.headers if header[0] not in (b"content-length", b"content-type")]
    body = veil_json(answer.body) if kind == JSON else veil(answer.body.decode()).encode()
    return Answer(body, answer.status, kind, kept)


def veiled_value(value: Any) -> Any:
    """The same for a part of a refusal."""
    from zhike.answer.mask.veil import veil_value

    return veil_value(value)


def check_change(call: Call, route: Route) -> None:
    """Refuses a change that would store what was hidden in the place of what it stands for. (A message may
    quote it.)

    Raises:
        ZhikeError: ``invalid_field``.
    """
    if route.method not in _CHANGES:
        return
    from zhike.answer.mask.veil import DOTS, holds_veil

    if call.body is not None and holds_veil(call.body):
        raise FieldFault("", f"{DOTS} stands for something hidden: reveal it before you change it.",
                         f"{DOTS} 是被打码的内容，请先点开查看再修改。")
