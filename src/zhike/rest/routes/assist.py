"""What a conversation is about: a summary by a model where there is one, and the facts that need none."""

from __future__ import annotations

from zhike.access.rights import AGENT
from zhike.domain.assist import SummaryView
from zhike.rest.decode import path_id
from zhike.rest.table import Call, Route


async def get_summary(call: Call) -> SummaryView:
    """What is known of a conversation without asking a model now."""
    return await call.to.desk.summary(path_id(call.path["id"]))


async def make_summary(call: Call) -> SummaryView:
    """Has a model sum up a conversation, in the caller's language, if something was said since it last did.
    It is kept, and told to everybody who watches. Where no model is set, only the facts come back."""
    return await call.to.desk.summarise(path_id(call.path["id"]), call.lang)


_PATH = "/api/v1/conversations/{id}/summary"
_ERRORS = ("no_proposal", "model_unavailable", "model_busy", "model_refused", "model_context_full",
           "model_garbled", "model_timeout", "model_rests")

ROUTES = [
    Route("GET", _PATH, get_summary, AGENT, ("Summary of a conversation", "会话摘要"), answer=SummaryView),
    Route(
        "POST",
        _PATH,
        make_summary,
        AGENT,
        ("Sum up a conversation", "生成会话摘要"),
        answer=SummaryView,
        errors=_ERRORS,
    ),
]
