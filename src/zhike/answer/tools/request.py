"""From a tool's template and a call's values to one request: nothing that is filled in leaves its place.

In the path a value is percent-encoded and may not be empty, ``.`` or ``..`` or hold a slash (some servers
decode ``%2F`` first and ask questions later); in the query it is percent-encoded; in a header it must be
printable ASCII, so no line end begins a header of its own; in the body it is a JSON value. The host is the
template's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from zhike.answer.tools.limits import ToolLimits
from zhike.domain.slots import as_text, fill, only_place
from zhike.domain.tool import HttpAction

MAX_SECRET_BYTES = 8_192
MAX_BODY_BYTES = 65_536


class BadValueError(ValueError):
    """A value cannot stand where the template puts it; ``name`` is the argument."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


class NoSecretError(Exception):
    """The secret that a tool names is not there."""


class HttpCall(NamedTuple):
    """One request, ready to send."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


def build(action: HttpAction, values: Mapping[str, Any], call_id: str, limits: ToolLimits) -> HttpCall:
    """The request of a call.

    Args:
        values: arguments and what is injected; an argument that was not given is absent.
        call_id: for ``Idempotency-Key`` of whatever is no GET.

    Raises:
        BadValueError: see the module.
        NoSecretError: the secret cannot be read.
    """
    head, slash, rest = action.url.partition("://")[2].partition("/")
    path, mark, query = rest.partition("?")
    if not slash and "?" in head:  # https://shop.example?x={y}
        head, mark, query = head.partition("?")
    scheme = action.url.partition("://")[0]
    url = f"{scheme}://{head}/{fill(path, lambda name: _in_path(name, values))}"
    if mark:
        url += "?" + fill(query, lambda name: quote(_plain(values.get(name)), safe=""))
    headers = {name: fill(value, lambda place: _in_header(place, values))
               for name, value in action.headers.items()}
    if action.secret:
        headers[action.secret_header] = action.secret_prefix + read_secret(action.secret, limits)
    body = None
    if action.method != "GET":
        headers["Idempotency-Key"] = call_id
        if action.body is not None:
            body = msgspec.json.encode(_in_body(action.body, values))
            headers["Content-Type"] = "application/json"
            if len(body) > MAX_BODY_BYTES:
                raise BadValueError("body")
    return HttpCall(action.method, url, headers, body)


def _plain(value: Any) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, dict | list) else as_text(value)


def _in_path(name: str, values: Mapping[str, Any]) -> str:
    text = _plain(values.get(name))
    if not text.strip() or text.strip(". ") == "" or "/" in text or "\\" in text:
        raise BadValueError(name)
    return quote(text, safe="")


def _in_header(name: str, values: Mapping[str, Any]) -> str:
    text = _plain(values.get(name))
    if not text.isascii() or (text and not text.isprintable()):
        raise BadValueError(name)
    return text


def _in_body(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        name = only_place(template)
        return values.get(name) if name is not None else fill(template, lambda n: _plain(values.get(n)))
    if isinstance(template, Mapping):
        made = {key: (child, _in_body(child, values)) for key, child in template.items()}
        # a value that was not given is left out, a null that somebody wrote stays
        return {key: value for key, (child, value) in made.items() if value is not None or child is None}
    if isinstance(template, list | tuple):
        return [_in_body(child, values) for child in template]
    return template


def read_secret(reference: str, limits: ToolLimits) -> str:
    """The value of ``env:NAME`` or ``file:name``, read at each call: a new one needs no new start.

    Raises:
        NoSecretError: it is not there, or cannot stand in a header.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name, "") if name.startswith("ZHIKE_TOOL_") else ""
    elif kind == "file" and limits.secrets is not None and "/" not in name and not name.startswith("."):
        try:
            with open(limits.secrets / name, encoding="utf-8") as source:
                value = source.read(MAX_SECRET_BYTES).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise NoSecretError(f"{reference}: {type(error).__name__}") from error
    else:
        value = ""
    if not value or not value.isascii() or not value.isprintable():
        raise NoSecretError(reference)
    return value
