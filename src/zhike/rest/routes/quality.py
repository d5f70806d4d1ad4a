"""Quality: draw conversations, score how they were led, see how everybody stands."""

from __future__ import annotations

from datetime import datetime
from secrets import randbelow
from typing import Annotated

from msgspec import Meta, Struct

from zhike.access.rights import ADMIN, REPORT, SUPERVISOR_ONLY
from zhike.clock import to_datetime
from zhike.errors import ZhikeError
from zhike.rest.decode import Id, path_id, printable
from zhike.rest.paging import Paged, page, position
from zhike.rest.table import Call, Route
from zhike.rest.views import ConversationView, Page, conversation_view
from zhike.rest.write import audited
from zhike.store import reviews as rows
from zhike.store import scopes

_DAY_MS = 86_400_000
Days = Annotated[int, Meta(ge=1, le=366)]
CriterionKey = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}$")]
CriterionName = Annotated[str, Meta(min_length=1, max_length=60)]


Score = Annotated[int, Meta(ge=1, le=5)]
Scores = Annotated[dict[CriterionKey, Score], Meta(max_length=rows.MOST_CRITERIA)]


class CriterionView(Struct, forbid_unknown_fields=True):
    """What is scored from 1 (poor) to 5 (as it should be). ``weight``: its share in the mean."""

    key: CriterionKey
    zh: CriterionName
    en: CriterionName
    weight: Annotated[float, Meta(gt=0, le=10)] = 1.0


class Criteria(Struct, forbid_unknown_fields=True):
    """All of them, in the order in which they are shown."""

    criteria: Annotated[list[CriterionView], Meta(min_length=1, max_length=rows.MOST_CRITERIA)]


class SampleQuery(Struct, forbid_unknown_fields=True):
    """``seed``: draws the same again; without it each call draws anew."""

    days: Days = 7
    count: Annotated[int, Meta(ge=1, le=rows.MOST_SAMPLED)] = 10
    agent_id: Id | None = None
    seed: Annotated[int, Meta(ge=0, le=2**31)] | None = None


class Sample(Struct):
    """``seed`` draws it again."""

    seed: int
    items: list[ConversationView]


class NewReview(Struct, forbid_unknown_fields=True):
    """A score for every criterion."""

    scores: Scores
    comment: Annotated[str, Meta(max_length=2000)] = ""


class ReviewView(Struct):
    """One supervisor's view of one conversation; ``agent_id``: whose work it is about."""

    conversation_id: int
    contact_name: str
    agent_id: int
    agent_name: str
    reviewer_id: int
    reviewer_name: str
    scores: dict[str, int]
    comment: str
    created_at: datetime
    updated_at: datetime


class ReviewQuery(Paged, forbid_unknown_fields=True):
    """``agent_id``: whose work."""

    agent_id: Id | None = None


class StandingQuery(Struct, forbid_unknown_fields=True):
    """Reviews of so many days."""

    days: Days = 30


class StandingView(Struct):
    """``means``: of each criterion, 0 if nobody scored it; ``mean``: all by weight, 1 to 5."""

    agent_id: int
    agent_name: str
    reviews_count: int
    means: dict[str, float]
    mean: float


def _view(one: rows.Review) -> ReviewView:
    return ReviewView(one.conversation_id, one.contact_name, one.agent_id, one.agent_name, one.reviewer_id,
                      one.reviewer_name, one.scores, one.comment, to_datetime(one.created_at),
                      to_datetime(one.updated_at))


def _criteria(found: tuple[rows.Criterion, ...]) -> Criteria:
    return Criteria([CriterionView(one.key, one.zh, one.en, one.weight) for one in found])


async def get_criteria(call: Call) -> Criteria:
    """What is scored."""
    return _criteria(await call.to.store.read(rows.criteria))


async def set_criteria(call: Call) -> Criteria:
    """Changes what is scored; reviews that exist keep their scores."""
    body: Criteria = call.body
    wanted = [rows.Criterion(one.key, printable("zh", one.zh), printable("en", one.en), one.weight)
              for one in body.criteria]
    return _criteria(await audited(call, "quality.criteria_set", "quality",
                                   {"criteria": [one.key for one in wanted]}, rows.set_criteria, wanted))


async def sample(call: Call) -> Sample:
    """Draws resolved conversations that people led and nobody has reviewed."""
    query: SampleQuery = call.query
    seed = randbelow(2**31) if query.seed is None else query.seed
    found = await call.to.store.read(rows.sample, call.now - query.days * _DAY_MS, query.count, seed,
                                     agent_id=query.agent_id, scope=call.principal.scope)
    return Sample(seed, [conversation_view(row) for row in found])


async def _seen(call: Call) -> int:
    conversation_id = path_id(call.path["id"])
    if not await call.to.store.read(scopes.sees_conversation, call.principal.scope, conversation_id):
        raise ZhikeError("not_found")
    return conversation_id


async def review(call: Call) -> ReviewView:
    """Writes or rewrites your review of a conversation."""
    body: NewReview = call.body
    conversation_id = await _seen(call)
    if "\0" in body.comment:
        raise ZhikeError("invalid_text", field="comment")
    return _view(await audited(call, "conversation.reviewed", f"conversation:{conversation_id}", None,
                               rows.put, conversation_id, call.principal.id, body.scores,
                               body.comment.strip(), call.now))


async def reviews_of(call: Call) -> Page[ReviewView]:
    """What supervisors said of a conversation."""
    found = await call.to.store.read(rows.of_conversation, await _seen(call))
    return Page([_view(one) for one in found], None)


async def list_reviews(call: Call) -> Page[ReviewView]:
    """Reviews, newest first."""
    query: ReviewQuery = call.query
    found = await call.to.store.read(rows.page, position(query.cursor, 3), query.limit + 1, query.agent_id,
                                     call.principal.scope)
    return page(found, query.limit, _view,
                lambda one: (one.created_at, one.conversation_id, one.reviewer_id))


async def standings(call: Call) -> Page[StandingView]:
    """How everybody stands whose work was reviewed."""
    query: StandingQuery = call.query
    found = await call.to.store.read(rows.standings, call.now - query.days * _DAY_MS, call.principal.scope)
    return Page([StandingView(*one) for one in found], None)


_REVIEW = "/api/v1/conversations/{id}/review"

ROUTES = [
    Route("GET", "/api/v1/quality/criteria", get_criteria, REPORT, ("What is scored", "质检评分项"),
          answer=Criteria),
    Route("PUT", "/api/v1/quality/criteria", set_criteria, ADMIN, ("Change what is scored", "修改质检评分项"),
          answer=Criteria, body=Criteria,
          example={"criteria": [{"key": "solved", "zh": "问题解决", "en": "Problem solved", "weight": 2}]}),
    Route("GET", "/api/v1/quality/sample", sample, REPORT, ("Draw conversations to review", "抽取待质检会话"),
          answer=Sample, query=SampleQuery),
    Route("GET", "/api/v1/quality/reviews", list_reviews, REPORT, ("List reviews", "质检记录"),
          answer=Page[ReviewView], query=ReviewQuery),
    Route("GET", "/api/v1/quality/standings", standings, REPORT, ("How everybody stands", "客服质检成绩"),
          answer=Page[StandingView], query=StandingQuery),
    Route("PUT", _REVIEW, review, SUPERVISOR_ONLY, ("Review a conversation", "给会话打分"), answer=ReviewView,
          body=NewReview, example={"scores": {"solved": 5, "correct": 4, "tone": 5, "process": 4},
                                   "comment": "说明了到账时间，很清楚。"}),
    Route("GET", _REVIEW, reviews_of, REPORT, ("Reviews of a conversation", "会话的质检记录"),
          answer=Page[ReviewView]),
]
