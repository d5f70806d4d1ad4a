"""What is sent to a push service: the vectors of the RFCs, and what a browser makes of it."""

from __future__ import annotations

import json

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag

from zhike.access import webpush
from zhike.testing.push import Browser, b64, claims_of, unb64

# RFC 8291 section 5 and appendix A, read 2026-11-26
PLAIN = b"When I grow up, I want to be a watermelon"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
BROWSER_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
BROWSER_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SENDER_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SENDER_PUBLIC = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = ("DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8w"
        "EqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")


def test_the_message_of_the_rfc() -> None:
    keys = webpush.browser_keys(BROWSER_PUBLIC, AUTH)
    assert b64(webpush.encrypt(PLAIN, *keys, sender=SENDER_PRIVATE, salt=unb64(SALT))) == BODY
    assert webpush.public_key(SENDER_PRIVATE) == SENDER_PUBLIC
    assert Browser(BROWSER_PRIVATE, AUTH).read(unb64(BODY)) == PLAIN, "and the browser of the tests reads it"


@pytest.mark.parametrize("plain", [b"", b"x", "您好 🙂".encode(), b"x" * webpush.MAX_PLAIN_BYTES])
def test_only_its_browser_reads_a_message(plain: bytes) -> None:
    browser, other = Browser(), Browser()
    keys = webpush.browser_keys(**browser.keys)
    body, again = webpush.encrypt(plain, *keys), webpush.encrypt(plain, *keys)
    assert browser.read(body) == browser.read(again) == plain
    assert body[:16] != again[:16]
    assert body[21:86] != again[21:86], "each message has keys of its own"
    assert len(body) <= 4096
    with pytest.raises(InvalidTag):
        other.read(body)


def test_what_no_push_service_takes_is_not_sent() -> None:
    with pytest.raises(ValueError, match="more than a push can hold"):
        webpush.encrypt(b"x" * (webpush.MAX_PLAIN_BYTES + 1), *webpush.browser_keys(BROWSER_PUBLIC, AUTH))


@pytest.mark.parametrize(("p256dh", "auth", "why"), [
    ("", AUTH, "65 bytes"), (BROWSER_PUBLIC, "AAAA", "16"), (BROWSER_PUBLIC[:-4], AUTH, "65 bytes"),
    ("公钥", AUTH, "base64url"), (b64(b"\x04" + b"\x01" * 64), AUTH, "no point"),
    (b64(b"\x02" + unb64(BROWSER_PUBLIC)[1:]), AUTH, "no point")])
def test_keys_that_are_none_are_refused(p256dh: str, auth: str, why: str) -> None:
    with pytest.raises(webpush.BadKeys, match=why):
        webpush.browser_keys(p256dh, auth)


def test_the_token_says_who_sends_to_whom_until_when() -> None:
    key = webpush.new_key()
    header = webpush.authorization(key, "https://push.example", "mailto:desk@shop.example", 1_790_000_000)
    claims, public = claims_of(header)
    assert claims == {"aud": "https://push.example", "exp": 1_790_000_000 + 12 * 3600,
                      "sub": "mailto:desk@shop.example"}
    assert public == webpush.public_key(key)
    assert unb64(public)[0] == 4
    assert key not in header
    forged = header.replace(header.split(".")[1], b64(json.dumps({**claims, "aud": "https://x"}).encode()))
    with pytest.raises(InvalidSignature):
        claims_of(forged)


def test_every_key_is_another_and_has_its_length() -> None:
    keys = {webpush.new_key() for _ in range(20)}
    assert len(keys) == 20
    assert {len(unb64(key)) for key in keys} == {32}
    assert {len(unb64(webpush.public_key(key))) for key in keys} == {65}
