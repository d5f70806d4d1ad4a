"""What colleagues see of personal data who need not see all of it."""

from __future__ import annotations

import json

import msgspec
import pytest

from zhike.answer.mask import veil
from zhike.answer.mask.veil import DOTS
from zhike.clock import to_datetime
from zhike.domain.wire import Delta, MessageEvent, encode


@pytest.mark.parametrize(("text", "shown"), [
    ("打 13800138000 给我", f"打 138{DOTS}8000 给我"),
    ("li.na@shop.example", f"l{DOTS}@shop.example"),
    ("身份证 11010519491231002X", f"身份证 110{DOTS}2X"),
    ("call +86 138 0013 8000 now", f"call +86{DOTS}8000 now"),
    ("订单 H10682 金额 1299.00", "订单 H10682 金额 1299.00"),
    ("您好，李娜", "您好，李娜"),
    ("", ""),
])
def test_texts(text: str, shown: str) -> None:
    assert veil.veil(text) == shown


def test_what_is_hidden_tells_nothing_of_its_length() -> None:
    assert veil.hide("13800138000", "phone").count("•") == veil.hide("110105194912310022", "id").count("•")
    for kind in ("phone", "id", "card", "passport", "plate", "account", "address", "email"):
        for value in ("a", "ab", "13", "1234567"):
            hidden = veil.hide(value, kind)
            assert DOTS in hidden
            assert value not in hidden
    assert veil.hide("", "phone") == ""


def test_views_keep_their_shape() -> None:
    contact = {"id": 3, "name": "李娜", "email": "short", "phone": "0755-1", "external_id": "13800138000",
               "created_at": "2026-11-26T09:50:23.220000Z", "last_seen_at": "2026-11-26T09:50:23.220000Z",
               "attributes": {"wechat": "13800138000", "vip": True, "orders": 12, "tel": 13800138000.0,
                              "page": {"url": "https://shop.example/?tel=1"}, "phone": "1", "none": None}}
    shown = veil.veil_value(contact)
    assert shown["id"] == 3
    assert shown["name"] == "李娜"
    assert shown["created_at"] == contact["created_at"]
    assert "13800138000" not in json.dumps(shown)
    assert shown["email"] == DOTS
    assert shown["phone"] != "0755-1"
    assert (shown["attributes"]["vip"], shown["attributes"]["orders"], shown["attributes"]["none"]) == (
        True, 12, None)
    assert shown["attributes"]["phone"] == DOTS


def test_frames() -> None:
    message = encode(MessageEvent(1, 2, "incoming", "contact", "我的手机 13800138000",
                                  to_datetime(1_790_000_000_000), "", "m13800138000"))
    shown = msgspec.json.decode(veil.veil_json(message))
    assert shown["text"] == f"我的手机 138{DOTS}8000"
    assert (shown["client_msg_id"], shown["seq"], shown["type"]) == ("m13800138000", 2, "message")
    assert veil.veil_json(encode(Delta(1, "a", 1, 0, "138"))) == b"", "a piece may be half of a number"


def test_what_was_hidden_is_known_again() -> None:
    assert veil.holds_veil({"a": [f"138{DOTS}8000"]})
    assert not veil.holds_veil({"a": ["138****8000", 3, None], "b": "•"})


def test_pieces_and_what_is_being_typed_are_left_out_and_a_proposal_is_veiled() -> None:
    piece = {"type": "assist_delta", "assist_id": "13800138000", "conversation": 1, "offset": 0,
             "text": "138"}
    assert veil.veil_json(msgspec.json.encode(piece)) == b""
    typing = {"type": "typing", "conversation": 1, "sender": "contact", "text": "1380013"}
    assert msgspec.json.decode(veil.veil_json(msgspec.json.encode(typing))) == {
        "type": "typing", "conversation": 1, "sender": "contact"}
    done = {"type": "assist_done", "assist_id": "13800138000", "conversation": 1, "text": "打 13800138000",
            "check": ["13800138000"]}
    veiled = msgspec.json.decode(veil.veil_json(msgspec.json.encode(done)))
    assert veiled["assist_id"] == done["assist_id"], "an id is nobody's telephone"
    assert "13800138000" not in str({**veiled, "assist_id": ""})
