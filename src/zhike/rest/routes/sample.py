"""The sample shop: its pages, and its mock order service."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from zhike.access.addresses import bucket_of
from zhike.access.rights import public
from zhike.access.throttle import Counter
from zhike.clock import to_datetime
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer
from zhike.rest.routes.pages import FRESH, STATIC, redirect
from zhike.rest.table import Call, Route
from zhike.sample import SITE_DIR
from zhike.sample.orders import Order, find_order

_tries = Counter(free=6, cap_s=300.0)
"""Four digits are ten thousand guesses: after six wrong ones per order or address the wait grows."""


class OrderQuery(Struct, forbid_unknown_fields=True):
    """``phone_tail``: the last four digits of the phone that ordered."""

    phone_tail: Annotated[str, Meta(max_length=20)]


async def sample_home(_call: Call) -> Answer:
    """To the shop's first page; its links are relative, so it stands in its folder."""
    return redirect("/sample/index.html")


async def sample_file(call: Call) -> Answer:
    """The shop's other files."""
    name = call.path["name"].strip("/") or "index.html"
    return await call.to.files.serve(SITE_DIR, name, call.headers, cache=FRESH)


async def sample_order(call: Call) -> Order:
    """One order, for whoever knows its number and the tail of its phone."""
    query: OrderQuery = call.query
    now_s = call.now / 1000
    number = call.path["number"][:64]
    keys = (f"order {number.upper()}", f"address {bucket_of(call.address)}")
    wait_s = max(_tries.wait_s(key, now_s) for key in keys)
    if wait_s > 0:
        raise ZhikeError("rate_limited", retry_after_s=round(wait_s + 0.05, 1))
    order = find_order(number, query.phone_tail, to_datetime(call.now))
    if order is None:
        for key in keys:
            _tries.count(key, now_s)
        raise ZhikeError("not_found")
    return order


ROUTES = [
    Route(
        "GET",
        "/",
        sample_home,
        STATIC,
        ("The sample shop", "示例商店"),
        text="text/html",
        budget="none",
        listed=False,
    ),
    Route(
        "GET",
        "/sample",
        sample_home,
        STATIC,
        ("The sample shop", "示例商店"),
        text="text/html",
        budget="none",
        listed=False,
    ),
    Route(
        "GET",
        "/sample/{name:path}",
        sample_file,
        STATIC,
        ("The sample shop's files", "示例商店的文件"),
        text="text/html",
        budget="none",
        listed=False,
    ),
    Route(
        "GET",
        "/sample/api/orders/{number}",
        sample_order,
        public(
            "Invented orders of a mock service; number and phone tail prove the order, guesses are throttled."
        ),
        ("An order of the sample shop", "示例商店的订单"),
        answer=Order,
        query=OrderQuery,
        errors=("not_found",),
    ),
]
