"""API keys of integrators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from zhike.access import tokens
from zhike.access.rights import ADMIN_ONLY, KeyRole
from zhike.clock import to_datetime
from zhike.rest.decode import Id, path_id, printable
from zhike.rest.paging import Paged, page, position
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import api_keys as rows


class ApiKeyQuery(Paged, forbid_unknown_fields=True):
    """Only the page."""


class NewApiKey(Struct, forbid_unknown_fields=True):
    """``role`` analyst: reads; agent: conversations and contacts; admin: also knowledge, bots and inboxes.
    ``inbox_ids``: keeps it to conversations and contacts of these inboxes; empty: all."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
    role: KeyRole = "agent"
    inbox_ids: Annotated[list[Id], Meta(max_length=100)] = []


class ApiKeyView(Struct):
    """A key without its secret."""

    id: int
    name: str
    role: str
    created_at: datetime
    created_by: int | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    inbox_ids: list[int]


class CreatedApiKey(Struct):
    """``secret``: shown this once."""

    api_key: ApiKeyView
    secret: str


def _view(key: rows.ApiKey) -> ApiKeyView:
    return ApiKeyView(
        key.id,
        key.name,
        key.role,
        to_datetime(key.created_at),
        key.created_by,
        to_datetime(key.last_used_at) if key.last_used_at else None,
        to_datetime(key.revoked_at) if key.revoked_at else None,
        list(key.inbox_ids),
    )


async def list_api_keys(call: Call) -> Page[ApiKeyView]:
    """Keys, revoked ones included."""
    query: ApiKeyQuery = call.query
    after = position(query.cursor, 1)
    found = await call.to.store.read(rows.page, after[0] if after else 0, query.limit + 1)
    return page(found, query.limit, _view, lambda key: (key.id,))


async def create_api_key(call: Call) -> CreatedApiKey:
    """Makes a key; the secret is in this answer and nowhere else."""
    body: NewApiKey = call.body
    name = printable("name", body.name)
    secret = tokens.new_api_key()
    key = await audited(
        call,
        "api_key.created",
        lambda made: f"api_key:{made.id}",
        {"name": name, "role": body.role, "inbox_ids": body.inbox_ids},
        rows.create,
        name,
        body.role,
        tokens.digest(secret),
        call.principal.id,
        call.now,
        body.inbox_ids,
    )
    return CreatedApiKey(_view(key), secret)


async def revoke_api_key(call: Call) -> None:
    """Ends a key at once and for good."""
    key_id = path_id(call.path["id"])
    await audited(call, "api_key.revoked", f"api_key:{key_id}", None, rows.revoke, key_id, call.now)
    call.to.access.api_keys.forget(key_id)


ROUTES = [
    Route(
        "GET",
        "/api/v1/api-keys",
        list_api_keys,
        ADMIN_ONLY,
        ("List API keys", "API 密钥列表"),
        answer=Page[ApiKeyView],
        query=ApiKeyQuery,
    ),
    Route(
        "POST",
        "/api/v1/api-keys",
        create_api_key,
        ADMIN_ONLY,
        ("Make an API key", "新建 API 密钥"),
        answer=CreatedApiKey,
        status=201,
        body=NewApiKey,
        example={"name": "order system", "role": "agent"},
    ),
    Route(
        "DELETE",
        "/api/v1/api-keys/{id}",
        revoke_api_key,
        ADMIN_ONLY,
        ("Revoke an API key", "吊销 API 密钥"),
        status=204,
    ),
]
