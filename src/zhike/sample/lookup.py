"""The sample shop's tools: what a shop's own ``package.module:function`` looks like.

    [tools]
    python = ["zhike.sample.lookup:order_status", "zhike.sample.lookup:my_orders", …]   # on with sample.shop

``customer_id`` and ``proven`` are filled in by the server (see ``inject`` in tools.yaml). A function returns
JSON values, with the words under ``text``, or None: there is no such thing, or it is not theirs.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Literal

from zhike.clock import now_ms, to_datetime
from zhike.sample.orders import SHOP_TZ, Order, OrderState, Text, find_order, own_orders, products

FUNCTIONS = ("zhike.sample.lookup:order_status", "zhike.sample.lookup:my_orders",
             "zhike.sample.lookup:panel_orders", "zhike.sample.lookup:find_products")

_GAP = re.compile(r"(?<=[\u4e00-\u9fff])(?=[0-9])|(?<=[0-9])(?=[\u4e00-\u9fff])")
"""Between Chinese and digits stands a blank."""
_SAY: dict[OrderState, Text] = {
    "unpaid": Text(
        "还没有付款，应付 {total} 元。请在{pay_before}之前付款，过时会自动取消。",
        "hasn't been paid yet: ¥{total} is due {pay_before}. After that it is cancelled.",
    ),
    "paid": Text(
        "已经付款 {total} 元，正在等仓库打包。16:00 前付款的当天发出，之后的第二天发。",
        "is paid (¥{total}) and waiting to be packed. Paid before 4 pm, it ships the same day; "
        "after that, the next.",
    ),
    "packing": Text(
        "{place}正在打包，今天就交给快递。要取消的话请尽快转人工，我们去拦。",
        "is being packed at the {place} and goes to the courier today. To cancel it, ask for a person "
        "quickly.",
    ),
    "shipped": Text(
        "{when}已交给{carrier}，运单号 {tracking}。快递扫描之后，物流就会开始更新。",
        "was handed to {carrier} {when}, tracking number {tracking}. Tracking updates once the courier "
        "scans it.",
    ),
    "in_transit": Text(
        "在路上了：{when}{event}（{carrier} {tracking}）。大部分城市发货后 2–3 天送到。",
        "is on its way. Latest, {when}: {event} ({carrier} {tracking}). Most cities take 2–3 days "
        "from shipping.",
    ),
    "out_for_delivery": Text(
        "今天就能送到：{carrier}的快递员{when}已经出发派送（运单号 {tracking}），请留意电话。",
        "arrives today: {carrier}'s courier set out {when} (tracking number {tracking}). "
        "Please watch for a call.",
    ),
    "delivered": Text(
        "{when}{event}。从签收算起，7 天内都可以无理由退货。",
        "has arrived: {event} {when}. You can return it for any reason within 7 days of that.",
    ),
    "delivery_failed": Text(
        "{when}{event}。也可以点短信里的链接，自己约个时间。",
        "couldn't be handed over. {when_cap}: {event}. The link in the courier's text lets you "
        "choose a time.",
    ),
    "return_requested": Text(
        "退货申请已经通过（{when}）。请约快递上门取件，或者自己寄回，再把运单号填到售后单里。",
        "has an approved return ({when}). Book a pickup, or post it yourself and enter the "
        "tracking number.",
    ),
    "returned": Text(
        "退货已经到仓库了（{when}），正在验货，收到后 2 个工作日内退款。",
        "is back with us ({when}) and being inspected; the refund follows within 2 working days of its "
        "arrival.",
    ),
    "refunded": Text(
        "退款已经办好：{when}{event}。多久到账看付款方式。",
        "has been refunded. {when_cap}: {event}. When it arrives depends on how you paid.",
    ),
    "partially_refunded": Text(
        "已经退了 {refunded} 元：{when}{event}。其余商品照常。",
        "was refunded in part, ¥{refunded}. {when_cap}: {event}. The rest of the order stands.",
    ),
    "cancelled": Text(
        "已经取消：{when}{event}。需要的话可以重新下单。",
        "is cancelled. {when_cap}: {event}. You can order again at any time.",
    ),
    "exchanging": Text(
        "换货进行中：{when}{event}。请留意新件的物流。",
        "is being exchanged. {when_cap}: {event}. Please watch the tracking of the new item.",
    ),
    "customs_hold": Text(
        "停在海关了：{when}{event}。请按{carrier}的邮件补充资料，需要购买凭证可以找客服开。",
        "is held at customs. {when_cap}: {event}. Please send what {carrier}'s email asks for; we "
        "can supply the invoice.",
    ),
    "reshipped": Text(
        "原来的包裹丢了，已经免费重发：{when}{event}（{carrier} {tracking}）。不会再收您的钱。",
        "was lost on its way and sent again at no charge. Latest, {when}: {event} ({carrier} {tracking}).",
    ),
    "preorder": Text(
        "是预售商品，预计{ships}发货；发货之前随时可以取消。",
        "is a pre-order and ships around {ships}. You can cancel it any time before.",
    ),
    "ready_for_pickup": Text(
        "已经备好，可以到{place}取了：请带上短信里的取货码，给您保留 7 天。",
        "is ready at the {place}. Bring the code we texted you; we hold it for 7 days.",
    ),
    "invoiced": Text(
        "已经完成，电子发票{when}开好并发到了邮箱，发票号 {invoice}，在订单页也能下载。",
        "is complete. The e-invoice ({invoice}) was emailed {when} and is in your order too.",
    ),
    "stalled": Text(
        "物流有一阵没动了，最后一条是{when}{event}（{carrier} {tracking}）。这已经超过 48 小时，"
        "您说一声「转人工」，我们马上去催快递。",
        "has stopped moving: the last update was {when}, {event} ({carrier} {tracking}). That is over 48 "
        'hours, so send "human" and we\'ll chase the courier.',
    ),
}


def order_status(number: str, phone_tail: str = "", customer_id: str = "", proven: bool = False,
                 ) -> dict[str, Any] | None:
    """One order, if it is this customer's or has been proven: the tail fits, or the desk says that it did.

    Args:
        number: as a customer writes it.
        phone_tail: the last four digits of its phone.
        customer_id: of a customer the shop has signed, "" for everybody else.
        proven: this visitor has proven this order before.
    """
    now = to_datetime(now_ms())
    order = find_order(number, phone_tail, now, customer_id=customer_id, proven=proven)
    return _told(order, now) if order is not None else None


def my_orders(customer_id: str) -> dict[str, Any] | None:
    """The latest order of a customer, and the numbers of all; None if there is none."""
    now = to_datetime(now_ms())
    orders = sorted(own_orders(customer_id, now), key=lambda order: order.placed_at, reverse=True)
    return {**_told(orders[0], now), "numbers": [order.number for order in orders]} if orders else None


def panel_orders(customer_id: str = "", query: str = "", lang: str = "zh", agent_id: int = 0,
                 ) -> list[dict[str, Any]]:
    """What an agent sees beside a conversation: this customer's orders, newest first, or the one whose number
    they typed. (A visitor whom the shop has not signed has no orders here; an agent may look a number up.)

    Args:
        agent_id: who looks; 0 = nobody at the desk does, and then a number alone opens nothing.
    """
    now = to_datetime(now_ms())
    if query and agent_id:
        found = find_order(query, "", now, proven=True)
        orders = [found] if found is not None else []
    else:
        orders = sorted(own_orders(customer_id, now), key=lambda order: order.placed_at, reverse=True)
    return [_as_card(order, "en" if lang == "en" else "zh") for order in orders]


def _as_card(order: Order, lang: Literal["zh", "en"]) -> dict[str, Any]:
    words = {"zh": ("下单", "快递", "下一步"), "en": ("Ordered", "Courier", "Next")}[lang]
    carrier = f"{getattr(order.carrier, lang)} {order.tracking_number or ''}" if order.carrier else ""
    lines = ((words[0], _day(order.placed_at, lang)), (words[1], carrier.strip()),
             (words[2], getattr(order.next_step, lang)))
    return {"kind": "order", "title": _items(order, lang), "ref": order.number,
            "price": f"¥{_yuan(order.total_fen)}", "status": getattr(order.label, lang),
            "fields": [{"label": label, "value": value} for label, value in lines if value]}


def find_products(query: str = "", lang: str = "zh") -> list[dict[str, Any]]:
    """The shop's products whose names or descriptions hold the words; all of them for no words."""
    tongue: Literal["zh", "en"] = "en" if lang == "en" else "zh"
    wanted = query.casefold().split()
    return [{"kind": "product", "ref": product["id"], "title": product[tongue]["name"],
             "text": product[tongue]["line"], "price": f"¥{product['price_yuan']}",
             "url": f"/sample/product.html?id={product['id']}"}
            for product in products()
            if all(word in f"{product['id']} {product['zh']} {product['en']}".casefold() for word in wanted)]


def _told(order: Order, now: datetime) -> dict[str, Any]:
    """What the bot may know of it: no name, no phone, no address."""
    return {
        "number": order.number, "state": order.state,
        "label": {"zh": order.label.zh, "en": order.label.en},
        "text": {"zh": describe(order, now, "zh"), "en": describe(order, now, "en")},
        "total_yuan": order.total_fen / 100, "refunded_yuan": order.refunded_fen / 100,
        "tracking_number": order.tracking_number or "",
        "carrier": {"zh": order.carrier.zh, "en": order.carrier.en} if order.carrier else {},
        "next_step": {"zh": order.next_step.zh, "en": order.next_step.en},
    }


def describe(order: Order, now: datetime, lang: Literal["zh", "en"]) -> str:
    """How it stands, as a good agent would write it."""
    last = order.events[-1] if order.events else None
    when = _when(last.at, now, lang) if last else ""
    event = getattr(last.text, lang) if last else ""
    event = event if lang == "zh" else (event[:1].lower() + event[1:]).removeprefix("not delivered: ")
    values = {
        "total": _yuan(order.total_fen), "refunded": _yuan(order.refunded_fen), "when": when, "event": event,
        "when_cap": when[:1].upper() + when[1:], "place": getattr(last.place, lang) if last else "",
        "carrier": getattr(order.carrier, lang) if order.carrier else "",
        "tracking": order.tracking_number or "", "invoice": order.invoice_number or "",
        "ships": _day(order.ships_at, lang) if order.ships_at else "",
        "pay_before": _when(order.pay_before_at, now, lang, before=True) if order.pay_before_at else "",
    }
    said = getattr(_SAY[order.state], lang).format(**values)
    if lang == "zh":
        said = _GAP.sub(" ", f"您的订单 {order.number}（{_items(order, lang)}）{said}")
        return said.replace(" ）", "）")
    return f"Your order {order.number} ({_items(order, lang)}) {said}"


def _items(order: Order, lang: Literal["zh", "en"]) -> str:
    first = order.items[0]
    name = f"{getattr(first.name, lang)}，{getattr(first.option, lang)}" if lang == "zh" else \
        f"{getattr(first.name, lang)}, {getattr(first.option, lang)}"
    if first.count > 1:
        name += f" ×{first.count}"
    more = len(order.items) - 1
    if not more:
        return name
    return f"{name}，另有 {more} 件" if lang == "zh" else f"{name}, and {more} more"


def _yuan(fen: int) -> str:
    return f"{fen / 100:.2f}".removesuffix(".00")


def _day(at: datetime, lang: str) -> str:
    local = at.astimezone(SHOP_TZ)
    return f"{local.month} 月 {local.day} 日" if lang == "zh" else f"{local.day} {local:%B}"


def _when(at: datetime, now: datetime, lang: str, *, before: bool = False) -> str:
    """``昨天 19:30``, ``yesterday at 19:30``; by the shop's clock."""
    local, today = at.astimezone(SHOP_TZ), now.astimezone(SHOP_TZ).date()
    days = (today - local.date()) // timedelta(days=1)
    if lang == "zh":
        day = {0: "今天", 1: "昨天", 2: "前天", -1: "明天"}.get(days) or f"{local.month} 月 {local.day} 日"
        return f"{day} {local:%H:%M}"
    day = {0: "today", 1: "yesterday", -1: "tomorrow"}.get(days) or f"on {local.day} {local:%B}"
    return f"by {local:%H:%M} {day}" if before else f"{day} at {local:%H:%M}"
