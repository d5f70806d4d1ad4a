"""The OpenAPI document, made from the table and the structs; nothing is written twice."""

from __future__ import annotations

import re
from typing import Any

import msgspec

import zhike
from zhike.errors import CATALOGUE, ErrorEnvelope
from zhike.rest.context import Context
from zhike.rest.table import Route
from zhike.rest.zh import DESCRIPTIONS

_REF = "#/components/schemas/{name}"
_PART = re.compile(r"\{(\w+)(?::\w+)?\}")

_SECURITY = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "zhike_session",
        "description": "Set by POST /api/v1/login; over TLS its name is __Host-zhike_session. Requests that "
        "change something also send the header X-CSRF-Token with the csrf_token of that answer.",
    },
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "zk_…",
        "description": "A key made by POST /api/v1/api-keys.",
    },
    "visitor": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "v1.…",
        "description": "The token of POST /api/v1/visitor/hello.",
    },
}
_INTRO = """Every refusal has the shape of `ErrorEnvelope`; its text follows Accept-Language (zh or en).
Lists come in pages: pass `next` as `cursor`. Unknown fields and parameters are refused, not ignored.
Times are RFC 3339 UTC. Limits answer 429 with Retry-After."""


def error_codes(route: Route) -> list[str]:
    """Every code that ``route`` may answer with, in the order of the catalogue."""
    codes = {"internal", *route.errors}
    if route.budget != "none":
        codes |= {"rate_limited", "overloaded", "store_unavailable"}
    if route.right.who == "visitor":
        codes |= {"unauthenticated", "bad_identity"}
    elif route.right.who != "public":
        codes |= {"unauthenticated", "bad_identity", "session_revoked", "forbidden"}
        if route.method != "GET":
            codes |= {"csrf", "conflict"}
    if "{id}" in route.path or "{number}" in route.path:
        codes.add("not_found")
    if route.query is not None or route.body is not None:
        codes |= {"bad_request", "invalid_field", "invalid_text"}
    if route.body is not None:
        codes |= {"unsupported_type", "too_long", "request_timeout"}
    return [code for code in CATALOGUE if code in codes]


def _types(routes: list[Route]) -> list[Any]:
    found: list[Any] = [ErrorEnvelope]
    for route in routes:
        found += [kind for kind in (route.answer, route.body, route.query) if kind is not None]
    return list(dict.fromkeys(found))


def _parameters(route: Route, query: dict[str, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for name in _PART.findall(route.path):
        schema: dict[str, Any] = {"type": "string", "minLength": 1}
        if name == "id":
            schema = {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    if route.query is not None:
        whole = components[query["$ref"].rpartition("/")[2]]
        for field, part in whole.get("properties", {}).items():
            if part.get("$ref"):
                part = components[part["$ref"].rpartition("/")[2]]
            shown = {key: value for key, value in part.items() if key != "description"}
            if "anyOf" in shown:  # "or null" means: may be left out
                shown = next(kind for kind in shown["anyOf"] if kind.get("type") != "null")
            if isinstance(shown.get("enum"), list):
                shown["enum"] = [value for value in shown["enum"] if value is not None]
            shown.pop("default", None) if shown.get("default", 0) is None else None
            parameter: dict[str, Any] = {
                "name": field,
                "in": "query",
                "required": field in whole.get("required", ()),
                "schema": shown,
            }
            if part.get("description"):
                parameter["description"] = part["description"]
            parameters.append(parameter)
    return parameters


def _responses(route: Route, answer: dict[str, Any] | None) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in (route.status, *route.other):
        entry: dict[str, Any] = {"description": "OK"}
        if answer is not None:
            entry["content"] = {"application/json": {"schema": answer}}
        elif route.text:
            kinds = [kind.partition(";")[0].strip() for kind in route.text.split(",")]
            entry["content"] = {
                kind: {"schema": {} if "json" in kind else {"type": "string"}} for kind in kinds
            }
        responses[str(status)] = entry
    by_status: dict[int, list[str]] = {}
    for code in error_codes(route):
        by_status.setdefault(CATALOGUE[code].http, []).append(code)
    for status, codes in by_status.items():
        described = "; ".join(f"`{code}`: {CATALOGUE[code].en}" for code in codes)
        envelope = {"$ref": _REF.format(name="ErrorEnvelope")}
        entry = {
            "description": described,
            "content": {"application/json": {"schema": envelope}},
            "x-codes": codes,
        }
        if str(status) in responses:  # /health/ready answers 503 in its own shape
            own = responses[str(status)]["content"]["application/json"]["schema"]
            entry["content"]["application/json"]["schema"] = {"anyOf": [own, envelope]}
        if status in (429, 503):
            entry["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
        responses[str(status)] = entry
    return responses


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.right.who == "public":
        return []
    if route.right.who == "visitor":
        return [{"visitor": []}]
    if route.right.who == "key":
        return [{"apiKey": []}]
    return [{"session": []}, {"apiKey": []}] if route.right.key else [{"session": []}]


def _who(route: Route) -> str:
    right = route.right
    if right.who in ("public", "visitor", "key"):
        return right.who
    return f"{right.role}, key" if right.key else right.role


def build_document(routes: list[Route], server_url: str) -> dict[str, Any]:
    """The document as plain data."""
    listed = [route for route in routes if route.listed]
    kinds = _types(listed)
    described, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    for route in listed:  # a body of one known kind need not say its type
        config = getattr(route.body, "__struct_config__", None)
        if config is not None and config.tag_field:
            required = components[route.body.__name__].get("required", [])
            components[route.body.__name__]["required"] = [n for n in required if n != config.tag_field]
    for part in components.values():
        if "description" in part:
            part["description"] = " ".join(part["description"].replace("``", "`").split())
    schemas = {id(kind): schema for kind, schema in zip(kinds, described, strict=True)}
    paths: dict[str, Any] = {}
    for route in listed:
        operation: dict[str, Any] = {
            "operationId": route.operation,
            "summary": route.summary[0],
            "x-summary-zh": route.summary[1],
            "description": (route.handler.__doc__ or "").strip().replace("``", "`"),
            "x-description-zh": DESCRIPTIONS.get(route.operation, ""),
            "tags": [_tag(route.path)],
            "x-who": _who(route),
            "parameters": _parameters(route, schemas.get(id(route.query), {}), components),
            "security": _security(route),
            "responses": _responses(route, schemas[id(route.answer)] if route.answer is not None else None),
        }
        if route.right.reason:
            operation["x-public-because"] = route.right.reason
        if route.upload:
            operation["requestBody"] = {
                "required": True,
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        if route.body is not None:
            content: dict[str, Any] = {"schema": schemas[id(route.body)]}
            if route.example is not None:
                content["example"] = route.example
            operation["requestBody"] = {
                "required": not route.body_optional,
                "content": {"application/json": content},
            }
        paths.setdefault(_PART.sub(r"{\1}", route.path), {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "zhike 知客",
            "version": zhike.__version__,
            "description": _INTRO,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server_url}] if server_url else [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }


def _tag(path: str) -> str:
    parts = path.strip("/").split("/")
    if parts[:2] == ["api", "v1"]:
        first = parts[2]
        return {
            "login": "account",
            "logout": "account",
            "me": "account",
            "setup": "account",
            "reset": "account",
            "sso": "account",
            "openapi.json": "documents",
            "asyncapi.json": "documents",
        }.get(first, first)
    return parts[0]


def document(context: Context) -> bytes:
    """The document as JSON; made once per application."""
    if not context.openapi:
        built = build_document(context.routes, context.settings.server.public_url.rstrip("/"))
        context.openapi = msgspec.json.encode(built)
    return context.openapi
