"""The configured models: how they do, and whether one answers now. They are set in the settings file."""

from __future__ import annotations

from msgspec import Struct

from zhike.access.rights import ADMIN, ADMIN_ONLY
from zhike.domain.trial import ModelState, ModelTried
from zhike.rest.table import Call, Route


class ModelList(Struct):
    """The models in the order in which they are asked."""

    items: list[ModelState]


async def list_models(call: Call) -> ModelList:
    """How the models do. None: the desk answers what it knows and calls a person for the rest."""
    return ModelList(call.to.quality.models())


async def test_model(call: Call) -> ModelTried:
    """Asks one model for a single word, within ten seconds; one that rested after failures and answers is
    asked again by visitors, too."""
    return await call.to.quality.try_model(call.path["key"])


test_model.__test__ = False  # type: ignore[attr-defined]

ROUTES = [
    Route(
        "GET",
        "/api/v1/models",
        list_models,
        ADMIN,
        ("List models and how they do", "模型列表与状态"),
        answer=ModelList,
    ),
    Route(
        "POST",
        "/api/v1/models/{key}/test",
        test_model,
        ADMIN_ONLY,
        ("Test a model", "测试模型"),
        answer=ModelTried,
        errors=(
            "not_found",
            "model_unavailable",
            "model_busy",
            "model_refused",
            "model_context_full",
            "model_garbled",
            "model_timeout",
            "model_rests",
        ),
    ),
]
