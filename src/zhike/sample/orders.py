"""A mock order and logistics service for the sample shop: 20 orders, one in every state.

Times in orders.json are relative ("-3d 20:41" in the shop's time zone, "-12m", "-5h"), so the orders
never look stale. A number carries the date it was placed (``ZK`` + yyyymmdd + 3 digits), hence it moves
with the calendar; `find_order` keeps accepting numbers it gave out in the last 30 days.
"""

from __future__ import annotations

import functools
import hmac
import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, Literal

import msgspec

from zhike.sample import ROOT, SITE_DIR

SHOP_TZ = timezone(timedelta(hours=8), "Asia/Shanghai")
UNPAID_MINUTES = 30  # as the article "unpaid-expire" says
NUMBER_VALID_DAYS = 30  # longer than the two weeks of demo history that may quote a number

OrderState = Literal[
    "unpaid", "paid", "packing", "shipped", "in_transit", "out_for_delivery", "delivered", "delivery_failed",
    "return_requested", "returned", "refunded", "partially_refunded", "cancelled", "exchanging",
    "customs_hold", "reshipped", "preorder", "ready_for_pickup", "invoiced", "stalled",
]  # fmt: skip


class Text(msgspec.Struct, frozen=True):
    """One text in the two languages."""

    zh: str
    en: str


class OrderItem(msgspec.Struct, frozen=True):
    """One line of an order; ``unit_price_fen`` is in 1/100 yuan."""

    product_id: str
    name: Text
    option: Text
    count: int
    unit_price_fen: int


class TrackingEvent(msgspec.Struct, frozen=True):
    """One thing that happened to the order or its parcel, at an aware UTC time."""

    at: datetime
    place: Text
    text: Text


class Order(msgspec.Struct, frozen=True):
    """An order as it stands now. Amounts are in fen (1/100 yuan), times aware UTC.

    ``next_step`` says what happens next, in words a customer can use.
    """

    number: str
    state: OrderState
    label: Text
    next_step: Text
    customer: str
    phone_masked: str
    city: Text
    items: tuple[OrderItem, ...]
    subtotal_fen: int
    discount_fen: int
    shipping_fen: int
    total_fen: int
    refunded_fen: int
    placed_at: datetime
    paid_at: datetime | None = None
    ships_at: datetime | None = None
    pay_before_at: datetime | None = None
    carrier: Text | None = None
    tracking_number: str | None = None
    invoice_number: str | None = None
    events: tuple[TrackingEvent, ...] = ()


def _moment(spec: str, now: datetime) -> datetime:
    """``-12m``, ``-5h`` count from now; ``-3d 20:41`` is a time of day in the shop, days from today."""
    if match := re.fullmatch(r"-(\d+)([mh])", spec):
        return now.astimezone(UTC) - timedelta(minutes=int(match[1]) * (60 if match[2] == "h" else 1))
    days, clock = spec.split("d ")
    day = now.astimezone(SHOP_TZ).date() + timedelta(days=int(days))
    return datetime.combine(day, time.fromisoformat(clock), SHOP_TZ).astimezone(UTC)


class _State(msgspec.Struct, frozen=True):
    label: Text
    next_step: Text


class _Book(msgspec.Struct, frozen=True):
    carriers: dict[str, Text]
    states: dict[OrderState, _State]
    orders: list[dict[str, Any]]


@functools.cache
def _source() -> tuple[_Book, dict[str, dict[str, Any]]]:
    book = msgspec.json.decode((ROOT / "orders.json").read_bytes(), type=_Book)
    script = (SITE_DIR / "products.js").read_text(encoding="utf-8")
    catalogue = msgspec.json.decode(script[script.index("[") : script.rindex("]") + 1])
    return book, {product["id"]: product for product in catalogue}


def _build(row: dict[str, Any], now: datetime) -> Order:
    book, products = _source()
    specs = [row["placed"], *(event[0] for event in row.get("events", ()))]
    # Before the hour of today's last event that event has not happened: the whole order is a day older.
    shift = timedelta(days=1) if max(_moment(s, now) for s in specs) > now else timedelta(0)
    base = now - shift
    placed_at = _moment(row["placed"], base)
    items = tuple(
        OrderItem(pid, Text(products[pid]["zh"]["name"], products[pid]["en"]["name"]), Text(zh, en), count,
                  products[pid]["price_yuan"] * 100)
        for pid, zh, en, count in row["items"]
    )  # fmt: skip
    subtotal = sum(item.unit_price_fen * item.count for item in items)
    discount, shipping = row["discount_yuan"] * 100, row["shipping_yuan"] * 100
    state = book.states[row["state"]]
    ships_in = row.get("ships_in_days")
    return Order(
        number=f"ZK{placed_at.astimezone(SHOP_TZ):%Y%m%d}{row['seq']:03d}",
        state=row["state"],
        label=state.label,
        next_step=state.next_step,
        customer=row["customer"],
        phone_masked=f"{row['phone'][:3]}****{row['phone'][-4:]}",
        city=Text(**row["city"]),
        items=items,
        subtotal_fen=subtotal,
        discount_fen=discount,
        shipping_fen=shipping,
        total_fen=subtotal - discount + shipping,
        refunded_fen=row.get("refunded_yuan", 0) * 100,
        placed_at=placed_at,
        paid_at=_moment(row["paid"], base) if "paid" in row else None,
        ships_at=_moment(f"{ships_in}d 16:00", base) if ships_in else None,
        pay_before_at=placed_at + timedelta(minutes=UNPAID_MINUTES) if row["state"] == "unpaid" else None,
        carrier=book.carriers.get(row.get("carrier", "")),
        tracking_number=row.get("tracking"),
        invoice_number=row.get("invoice"),
        events=tuple(
            TrackingEvent(_moment(at, base), Text(place_zh, place_en), Text(zh, en))
            for at, place_zh, place_en, zh, en in row.get("events", ())
        ),
    )


def _check_aware(now: datetime) -> None:
    if now.tzinfo is None:
        raise ValueError("now must carry a time zone, e.g. datetime.now(UTC)")


def list_orders(now: datetime) -> list[Order]:
    """All orders as they stand at ``now``, in the order of their last three digits.

    Raises:
        ValueError: ``now`` has no time zone.
    """
    _check_aware(now)
    return [_build(row, now) for row in _source()[0].orders]


def products() -> list[dict[str, Any]]:
    """The catalogue, as the shop's pages have it."""
    return list(_source()[1].values())


FIRST_CUSTOMER_ID = 1000
"""The customer of the order ``…005`` is 1005: every order has its own."""


def own_orders(customer_id: str, now: datetime) -> list[Order]:
    """The orders of one customer, whose id the shop has signed.

    Raises:
        ValueError: ``now`` has no time zone.
    """
    _check_aware(now)
    return [_build(row, now) for row in _source()[0].orders if _is_of(row, customer_id)]


def _is_of(row: dict[str, Any], customer_id: str) -> bool:
    return customer_id == str(FIRST_CUSTOMER_ID + row["seq"])


def find_order(number: str, phone_tail: str, now: datetime, *, customer_id: str = "",
               proven: bool = False) -> Order | None:
    """The order with this number, if it is shown whose it is: by the last four digits of its phone, by the
    customer's id, or because it was shown before (``proven``).

    Full-width characters, lower case, spaces and hyphens are accepted. A wrong number and a wrong
    phone give the same None, so that nobody learns which numbers exist.

    Raises:
        ValueError: ``now`` has no time zone.
    """
    _check_aware(now)
    text = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", number)).upper()
    tail = unicodedata.normalize("NFKC", phone_tail).strip()
    match = re.fullmatch(r"ZK([0-9]{8})([0-9]{3})", text)
    if match is None:
        return None
    try:
        asked_day = datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=SHOP_TZ).date()
    except ValueError:
        return None
    row = next((r for r in _source()[0].orders if r["seq"] == int(match[2])), None)
    if row is None or not (proven or _is_of(row, customer_id) or (
            re.fullmatch(r"[0-9]{4}", tail) and hmac.compare_digest(row["phone"][-4:], tail))):
        return None
    order = _build(row, now)
    placed_day: date = order.placed_at.astimezone(SHOP_TZ).date()
    return order if timedelta(0) <= placed_day - asked_day <= timedelta(days=NUMBER_VALID_DAYS) else None
