"""Bodies, query strings, ids and languages, without an application."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from zhike.errors import ZhikeError
from zhike.rest.answer import error_answer, language
from zhike.rest.decode import BodyDecoder, QueryDecoder, path_id, printable
from zhike.rest.endpoint import BODY_TIMEOUT_S, read_body
from zhike.testing.loop import VirtualLoop, run_virtual

JSON = {"content-type": "application/json; charset=utf-8"}


class Inner(Struct, forbid_unknown_fields=True):
    colour: str = ""


class Thing(Struct, forbid_unknown_fields=True):
    name: str
    count: Annotated[int, Meta(ge=1, le=9)] | None = None
    deep: bool = False
    inner: Inner = msgspec.field(default_factory=Inner)
    extra: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b'{"name":"x","colr":1}', "invalid_field", "colr"),
        (b'{"name":"x","inner":{"color":"red"}}', "invalid_field", "inner.color"),
        (b'{"count":1}', "invalid_field", "name"),
        (b'{"name":"x","count":10}', "invalid_field", "count"),
        (b'{"name":"x","count":"1"}', "invalid_field", "count"),
        (b'{"name":"a\\u0000"}', "invalid_text", "name"),
        (b'{"name":"x","extra":{"a":["\\u0000"]}}', "invalid_text", "extra.a[0]"),
        (b'{"name":"x","extra":{"\\u0000":1}}', "invalid_text", "extra"),
        (b'{"name":"\xff"}', "invalid_text", None),
        (b"", "bad_request", None),
        (b"null", "invalid_field", None),
        (b'{"name":"\\udc00"}', "bad_request", None),
        (b'{"name":"x"} x', "bad_request", None),
        (b'{"name":"x","extra":{"n":' + b"9" * 5000 + b"}}", "invalid_field", "extra[...]"),
    ],
)
def test_bodies(body: bytes, code: str, field: str | None) -> None:
    with pytest.raises(ZhikeError) as refusal:
        BodyDecoder(Thing)(body)
    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_the_nearest_field_is_named_in_both_languages() -> None:
    with pytest.raises(ZhikeError) as refusal:
        BodyDecoder(Thing)(b'{"name":"x","inner":{"color":"red"}}')
    assert "`colour`" in refusal.value.body("en").message
    assert "`colour`" in refusal.value.body("zh").message
    assert "没有这个字段" in refusal.value.body("zh").message


@given(st.binary(max_size=80))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    try:
        assert isinstance(BodyDecoder(Thing)(body), Thing)
    except ZhikeError as error:
        assert error.spec.http in (400, 422)  # noqa: PT017


@given(st.binary(max_size=80))
def test_any_query_is_decoded_or_refused(query: bytes) -> None:
    try:
        assert isinstance(QueryDecoder(Thing)(query), Thing)
    except ZhikeError as error:
        assert error.spec.http in (400, 422)  # noqa: PT017


def test_queries() -> None:
    decode = QueryDecoder(Thing)
    assert decode(b"name=%E9%80%80&count=3&deep=true") == Thing("退", 3, True)
    assert decode("name=退".encode()) == Thing("退")
    for query in (
        b"name=x&count=",
        b"name=x&count=1.5",
        b"name=x&count=null",
        b"name=x&deep=1",
        b"name=x&deep=True",
        b"name=x&name=y",
        b"name=x&count=0",
        b"name=x&count=%EF%BC%95",
    ):
        with pytest.raises(ZhikeError, match="invalid_field"):
            decode(query)


@given(st.text(max_size=30))
def test_an_id_is_a_small_whole_number_or_nothing(text: str) -> None:
    try:
        assert str(path_id(text)) == text
    except ZhikeError as error:
        assert error.code == "not_found"  # noqa: PT017


def test_printable() -> None:
    assert printable("name", " 李娜 ") == "李娜"
    for bad in ("a\nb", "a\x92", "a\u202eb"):
        with pytest.raises(ZhikeError, match="invalid_field"):
            printable("name", bad)


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=x, en", "en"),
        ("ZH-Hant-TW", "zh"),
        ("*", "en"),
        ("zh;q=2,en;q=1", "en"),
    ],
)
def test_language(header: str, lang: str) -> None:
    assert language(header) == lang


def test_retry_after_is_whole_seconds_and_never_zero() -> None:
    for given_s, header in ((0.2, b"1"), (1.2, b"2"), (30.0, b"30"), (None, b"1")):
        answer = error_answer(ZhikeError("rate_limited", retry_after_s=given_s), "en")
        assert (b"retry-after", header) in answer.headers


# ---- bodies as they arrive ---------------------------------------------------------------------


class Arriving:
    """Parts of a body, ``pause_s`` apart."""

    def __init__(self, parts: list[bytes], pause_s: float = 0.0, *, cut: bool = False) -> None:
        self.parts = list(parts)
        self.pause_s = pause_s
        self.cut = cut

    async def __call__(self) -> dict[str, Any]:
        import asyncio

        await asyncio.sleep(self.pause_s)
        if not self.parts:
            return {"type": "http.disconnect"}
        part = self.parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts) or self.cut}


def read(
    parts: list[bytes],
    limit_bytes: int = 100,
    headers: dict[str, str] | None = None,
    pause_s: float = 0.0,
    *,
    cut: bool = False,
) -> bytes:
    async def main(_loop: VirtualLoop) -> bytes:
        return await read_body(Arriving(parts, pause_s, cut=cut), headers or JSON, limit_bytes)

    return run_virtual(main)


def test_a_body_in_parts() -> None:
    assert read([b"{", b"}"], limit_bytes=2) == b"{}"
    assert read([b"x"] * 10, pause_s=BODY_TIMEOUT_S / 11) == b"x" * 10


@pytest.mark.parametrize(
    ("parts", "options", "code"),
    [
        ([b"x" * 60, b"x" * 60], {}, "too_long"),
        ([b"x"], {"headers": {**JSON, "content-length": "101"}}, "too_long"),
        ([b"x"], {"headers": {**JSON, "content-length": "9" * 50}}, "too_long"),
        ([b"x"] * 40, {"pause_s": BODY_TIMEOUT_S / 30}, "request_timeout"),
        ([b"x"], {"cut": True}, "bad_request"),
        ([b"x"], {"headers": {"content-type": "text/plain"}}, "unsupported_type"),
        ([b"x"], {"headers": {"x": ""}}, "unsupported_type"),
    ],
)
def test_bodies_that_are_not_taken(parts: list[bytes], options: dict[str, Any], code: str) -> None:
    with pytest.raises(ZhikeError, match=f"^{code}:"):
        read(parts, **options)
