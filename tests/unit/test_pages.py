"""What is kept of an address that a visitor looked at, and what a browser says of itself."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.domain.pages import (
    MAX_PAGES,
    MAX_TITLE_CHARS,
    MAX_URL_CHARS,
    Device,
    PageView,
    clean_text,
    clean_url,
    device_of,
    joined,
    view_of,
    wanted,
)

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
CHROME = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
          "Chrome/140.0.0.0 Safari/537.36")
WECHAT = ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
          "Mobile/15E148 MicroMessenger/8.0.50(0x18003231) NetType/WIFI Language/zh_CN")


@pytest.mark.parametrize(("url", "kept"), [
    ("https://shop.example", "https://shop.example/"),
    ("https://Shop.Example:8443/a/b.html", "https://shop.example:8443/a/b.html"),
    ("https://shop.example/x?token=abc&id=42&utm_source=mail&utm_campaign=a%20b",
     "https://shop.example/x?utm_source=mail&utm_campaign=a%20b"),
    ("https://shop.example/x?utm_content=li@mail.example", "https://shop.example/x?utm_content=***"),
    ("https://li:secret@shop.example/", "https://shop.example/"),
    ("https://shop.example/#access_token=abc", "https://shop.example/"),
    ("https://shop.example/#/cart?session=1", "https://shop.example/#/cart"),
    ("https://shop.example/reset/8f14e45fceea167a5a36dedd4bea2543", "https://shop.example/reset/***"),
    ("https://shop.example/o/0b7d3f0e-2a54-4f6e-9d1f-0a4b6f1f2c3d/pay", "https://shop.example/o/***/pay"),
    ("https://shop.example/u/li%40mail.example/13800138000", "https://shop.example/u/***/***"),
    ("https://shop.example/item/682710293345.html", "https://shop.example/item/682710293345.html"),
    ("https://shop.example/summer-dress-2024-blue-cotton-xl", "https://shop.example/summer-dress-2024-blue-cotton-xl"),
    ("https://shop.example/裙子", "https://shop.example/%E8%A3%99%E5%AD%90"),
    ("http://[::1]:80/a", "http://[::1]:80/a"),
    ("javascript:alert(1)", ""), ("file:///etc/passwd", ""), ("data:text/html,x", ""), ("about:blank", ""),
    ("https://", ""), ("https://a b/", ""), ("https://x:99999/", ""), ("http://[", ""), ("", ""),
    ("https://shop.example/?" + "a=1&" * 200, ""),
])
def test_only_what_is_named_is_kept_of_an_address(url: str, kept: str) -> None:
    assert clean_url(url) == kept


def test_an_inbox_names_what_it_keeps_beside() -> None:
    url = "https://shop.example/item?id=42&sid=secret&utm_term=x"
    assert clean_url(url, ("id",)) == "https://shop.example/item?id=42&utm_term=x"
    assert wanted({}) == (True, ())
    assert wanted({"pages": {"enabled": False}}) == (False, ())
    assert wanted({"pages": {"keep": ["id"]}}) == (True, ("id",))


@given(st.text(max_size=600), st.text(alphabet=string.printable, max_size=600))
def test_whatever_comes_is_bounded_and_plain(place: str, query: str) -> None:
    kept = clean_url(f"https://shop.example/{place}?{query}")
    assert len(kept) <= MAX_URL_CHARS
    assert kept.isascii()
    assert kept.isprintable()
    assert " " not in kept
    words = clean_text(place)
    assert len(words) <= MAX_TITLE_CHARS
    assert words.isprintable()


@given(st.sampled_from(["li.na@mail.example", "13800138000", "8f14e45fceea167a5a36dedd4bea2543"]),
       st.text(alphabet="abc-/ ", max_size=20))
def test_what_is_personal_goes_from_address_and_title(secret: str, around: str) -> None:
    assert secret not in clean_url(f"https://shop.example/{around}/{secret}?q={secret}#/{secret}")
    assert secret not in clean_text(f"{around} {secret} {around}")


def test_a_page_is_kept_with_the_site_that_led_to_it() -> None:
    view = view_of("https://shop.example/a", " Dress\n\0 ", "https://search.example/find?q=dress", AT)
    assert view == PageView("https://shop.example/a", AT, "Dress", "https://search.example/find")
    same = view_of("https://shop.example/b", "", "https://shop.example/a", AT)
    assert same is not None
    assert same.referrer == ""
    assert view_of("about:blank", "x", "", AT) is None


def test_the_last_pages_are_kept_each_once_in_a_row() -> None:
    def page(name: str, minute: int) -> PageView:
        return PageView(f"https://shop.example/{name}", AT + timedelta(minutes=minute))

    both = joined([page("a", 1), page("b", 2)], [page("b", 3), page("a", 4)])
    assert [(view.url[-1], view.at.minute) for view in both] == [("a", 1), ("b", 2), ("a", 4)]
    many = joined(both, [page(str(n), n) for n in range(5, 40)])
    assert len(many) == MAX_PAGES
    assert many[-1].url.endswith("/39")


@pytest.mark.parametrize(("agent", "languages", "device"), [
    (CHROME, "zh-CN,zh;q=0.9", Device("Chrome 140", "Windows", "desktop", "zh-CN")),
    (CHROME + " Edg/140.0.1", "en", Device("Edge 140", "Windows", "desktop", "en")),
    (WECHAT, "zh-cn", Device("WeChat 8", "iOS", "phone", "zh-cn")),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_1) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15", "*",
     Device("Safari 18", "macOS", "desktop", "")),
    ("Mozilla/5.0 (Linux; Android 15; Pixel Tablet) Chrome/140.0.0.0 Safari/537.36", "",
     Device("Chrome 140", "Android", "tablet", "")),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "de,en",
     Device("Firefox 140", "Linux", "desktop", "de")),
    ("curl/8.1", "", Device()), ("", "", Device()),
])
def test_what_a_browser_says_of_itself(agent: str, languages: str, device: Device) -> None:
    assert device_of({"user-agent": agent, "accept-language": languages}) == device


@pytest.mark.parametrize("header", ["dnt", "sec-gpc"])
def test_a_browser_that_asks_not_to_be_followed_is_not(header: str) -> None:
    assert device_of({"user-agent": CHROME, header: "1"}) is None
    assert device_of({"user-agent": CHROME, header: "0"}) is not None
