"""The mock order service: every state, never stale, no order without the phone that proves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args

import pytest

from zhike.sample.orders import SHOP_TZ, OrderState, find_order, list_orders

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
# Midnight, before and after the morning's delivery scan, and just before midnight, in the shop.
MOMENTS = [datetime(2027, 3, 1, h, m, tzinfo=SHOP_TZ) for h, m in ((0, 0), (8, 11), (8, 13), (23, 59))]


def test_twenty_orders_one_in_every_state() -> None:
    orders = list_orders(NOON)
    assert len(orders) == 20
    assert {o.state for o in orders} == set(get_args(OrderState))
    assert len({o.number for o in orders}) == 20
    assert len({o.phone_masked for o in orders}) == 20
    assert all(o.label.zh and o.label.en and o.next_step.zh and o.next_step.en for o in orders)


@pytest.mark.parametrize("now", [NOON, *MOMENTS], ids=str)
def test_times_run_forward_and_nothing_has_happened_in_the_future(now: datetime) -> None:
    for order in list_orders(now):
        times = [order.placed_at, *([order.paid_at] if order.paid_at else []), *(e.at for e in order.events)]
        assert all(a <= b for a, b in pairwise(times)), order.number
        assert times[-1] <= now, order.number
        assert now - order.placed_at < timedelta(days=18), order.number
        assert order.number.startswith(f"ZK{order.placed_at.astimezone(SHOP_TZ):%Y%m%d}")
        assert all(t.utcoffset() == timedelta(0) for t in times)
        if order.ships_at:
            assert now < order.ships_at <= order.placed_at + timedelta(days=15)
        if order.pay_before_at:
            assert now < order.pay_before_at


def test_amounts_follow_the_shops_own_rules() -> None:
    for order in list_orders(NOON):
        goods = order.subtotal_fen // 100
        expected_discount = 80 if goods >= 599 else 30 if goods >= 299 else 0
        assert order.discount_fen == expected_discount * 100, order.number
        paid_goods = goods - expected_discount
        if order.state != "customs_hold":  # the one that goes abroad
            assert order.shipping_fen == (0 if paid_goods >= 99 else 800), order.number
        else:  # 1.5 kg: 98 for the first half kilo, 35 for each of two more
            assert order.shipping_fen == 16800
        assert 0 <= order.refunded_fen <= order.total_fen
        assert (order.refunded_fen == order.total_fen) == (order.state in ("refunded", "cancelled"))
        assert (order.paid_at is None) == (order.state == "unpaid")


def test_stalled_means_no_scan_for_48_hours() -> None:
    (stalled,) = (o for o in list_orders(NOON) if o.state == "stalled")
    assert NOON - stalled.events[-1].at > timedelta(hours=48)
    (moving,) = (o for o in list_orders(NOON) if o.state == "in_transit")
    assert NOON - moving.events[-1].at < timedelta(hours=48)


def test_found_with_number_and_phone_however_typed() -> None:
    order = list_orders(NOON)[4]
    tail = order.phone_masked[-4:]
    for typed in (
        order.number,
        f" {order.number.lower()} ",
        f"zk-{order.number[2:]}",
        "ＺＫ" + order.number[2:],
    ):
        assert find_order(typed, tail, NOON) == order


def test_wrong_phone_wrong_number_and_nonsense_find_nothing() -> None:
    order = list_orders(NOON)[4]
    tail = order.phone_masked[-4:]
    assert find_order(order.number, "0000", NOON) is None
    assert find_order(order.number, "", NOON) is None
    assert find_order(order.number, f"0{tail}", NOON) is None
    for number in (
        "",
        "ZK",
        order.number[:-1],
        order.number + "0",
        "ZK20261332005",
        "ZK20261101999",
        "XX" + order.number[2:],
    ):
        assert find_order(number, tail, NOON) is None, number


def test_a_number_stays_good_for_thirty_days_and_is_not_good_before_it_was_given() -> None:
    order = list_orders(NOON)[4]
    tail = order.phone_masked[-4:]
    assert find_order(order.number, tail, NOON + timedelta(days=30)) is not None
    assert find_order(order.number, tail, NOON + timedelta(days=31)) is None
    assert find_order(order.number, tail, NOON - timedelta(days=1)) is None


def test_a_time_without_zone_is_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        list_orders(naive)
    with pytest.raises(ValueError, match="time zone"):
        find_order("ZK20261101001", "0101", naive)
