"""Identities, limits and rights, without HTTP and without a database."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.access import addresses, origins, passwords, rights, tokens
from zhike.access.limits import Buckets
from zhike.access.sessions import cookie_of, set_cookie
from zhike.access.throttle import LoginThrottle
from zhike.access.visitors import Visitor, Visitors, claim_signature, verify_claim
from zhike.domain.knowledge import Inbox
from zhike.domain.wire import CustomerClaim, Hello
from zhike.errors import ZhikeError

SECRET = bytes(range(32))
NOW_S = 1_800_000_000
INBOX = Inbox(1, "shop", "Shop", "web", settings={"origins": ["https://shop.example"],
                                                  "identity_secret": "s3cret"})


def refused(code: str) -> pytest.RaisesExc[ZhikeError]:
    return pytest.raises(ZhikeError, match=f"^{code}:")


# ---- visitor tokens ----------------------------------------------------------------------------


def test_visitor_token_round_trip() -> None:
    visitors = Visitors(SECRET)
    visitor = visitors.new(7, NOW_S)
    token = visitors.sign(visitor)
    assert visitors.verify(token, NOW_S) == visitor
    assert visitor.sender.startswith("v:")
    assert token.startswith("v1.")
    assert len(token.split(".")) == 3


@given(st.text(max_size=300))
def test_any_other_text_is_no_token(text: str) -> None:
    with pytest.raises(ZhikeError, match="bad_identity"):
        Visitors(SECRET).verify(text, NOW_S)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    visitors = Visitors(SECRET)
    token = visitors.sign(Visitor(7, "v:abc", NOW_S))
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda c: c != token[at]))
    changed = token[:at] + other + token[at + 1:]
    with pytest.raises(ZhikeError, match="bad_identity"):
        visitors.verify(changed, NOW_S)


def test_token_of_another_instance_or_past_its_end_is_refused() -> None:
    token = Visitors(SECRET).sign(Visitor(7, "c:1", NOW_S, NOW_S + 10))
    assert Visitors(SECRET).verify(token, NOW_S + 9).sender == "c:1"
    with refused("bad_identity"):
        Visitors(SECRET).verify(token, NOW_S + 10)
    with refused("bad_identity"):
        Visitors(SECRET[::-1]).verify(token, NOW_S)


# ---- hello -------------------------------------------------------------------------------------


def test_admit_new_returning_and_foreign_visitors() -> None:
    visitors = Visitors(SECRET)
    first = visitors.admit(Hello(inbox="shop"), INBOX, "https://shop.example", (), NOW_S)
    again = visitors.admit(Hello(inbox="shop", token=first.token), INBOX, "https://SHOP.example:443", (),
                           NOW_S)
    assert again.visitor == first.visitor
    with refused("origin_not_allowed"):
        visitors.admit(Hello(inbox="shop"), INBOX, "https://evil.example", (), NOW_S)
    other = Inbox(2, "other", "Other", "web", settings={"origins": ["*"]})
    with refused("bad_identity"):
        visitors.admit(Hello(inbox="other", token=first.token), other, "", (), NOW_S)


def claim(**change: object) -> CustomerClaim:
    values = {"id": "42", "expires": NOW_S + 60, "name": "李娜", **change}
    real = claim_signature("s3cret", "shop", str(values["id"]), int(str(values["expires"])))
    return CustomerClaim(sig=str(values.pop("sig", real)), **values)  # type: ignore[arg-type]


def test_a_known_customer() -> None:
    admitted = Visitors(SECRET).admit(Hello(inbox="shop", customer=claim()), INBOX, "", (), NOW_S)
    assert admitted.visitor.sender == "c:42"
    assert admitted.contact == {"name": "李娜"}
    assert Visitors(SECRET).verify(admitted.token, NOW_S).expires_s == NOW_S + 60


def test_what_a_claim_says_fits_where_it_is_kept() -> None:
    said = claim(name="李\0" + "娜" * 300, email="e" * 400, phone="\0")
    contact = Visitors(SECRET).admit(Hello(inbox="shop", customer=said), INBOX, "", (), NOW_S).contact
    assert contact == {"name": "李" + "娜" * 199, "email": "e" * 320}


@pytest.mark.parametrize("bad", [
    {"sig": "0" * 64}, {"sig": "é"}, {"expires": NOW_S}, {"expires": NOW_S + 2 * 366 * 86400},
    {"id": "a\n1"}])
def test_a_bad_claim_is_refused(bad: dict[str, object]) -> None:
    with refused("bad_identity"):
        verify_claim(claim(**bad), INBOX, NOW_S)


def test_a_claim_covers_its_inbox() -> None:
    elsewhere = Inbox(2, "other", "Other", "web", settings={"identity_secret": "s3cret"})
    with refused("bad_identity"):
        verify_claim(claim(), elsewhere, NOW_S)
    without = Inbox(1, "shop", "Shop", "web")
    with refused("bad_identity"):
        verify_claim(claim(), without, NOW_S)


# ---- origins and addresses ---------------------------------------------------------------------


@pytest.mark.parametrize(("origin", "allow", "yes"), [
    ("https://a.example", ["https://a.example"], True),
    ("https://a.example", ["https://A.example/"], True),
    ("https://a.example:8443", ["https://a.example"], False),
    ("http://a.example", ["https://a.example"], False),
    ("https://x.a.example", ["https://*.a.example"], True),
    ("https://a.example", ["https://*.a.example"], False),
    ("https://evila.example", ["https://*.a.example"], False),
    ("https://a.example.evil", ["https://a.example"], False),
    ("null", ["https://a.example"], False), ("null", ["*"], True),
    ("", [], True), ("https://a.example", [], False),
    ("https://user@a.example", ["https://a.example"], False),
    ("https://a.example:99999", ["https://a.example"], False),
])
def test_origins(origin: str, allow: list[str], yes: bool) -> None:
    assert origins.allowed(origin, allow) is yes


def test_own_pages_are_always_allowed() -> None:
    own = origins.own_origins("desk.example", "https://kefu.example/")
    assert origins.allowed("https://desk.example", [], own)
    assert origins.allowed("https://kefu.example", [], own)
    assert not origins.allowed("https://desk.example.evil", [], own)
    assert origins.same_origin("http://localhost:8080", "localhost:8080")
    assert not origins.same_origin("", "localhost:8080")


@pytest.mark.parametrize(("peer", "forwarded", "trusted", "expect"), [
    ("203.0.113.9", "1.2.3.4", [], "203.0.113.9"),
    ("10.0.0.1", "1.2.3.4", ["10.0.0.0/8"], "1.2.3.4"),
    ("10.0.0.1", "6.6.6.6, 1.2.3.4", ["10.0.0.0/8"], "1.2.3.4"),
    ("10.0.0.1", "1.2.3.4, 10.0.0.2", ["10.0.0.0/8"], "1.2.3.4"),
    ("10.0.0.1", "junk", ["10.0.0.0/8"], "10.0.0.1"),
    ("10.0.0.1", "[2001:db8::1]:443", ["10.0.0.0/8"], "2001:db8::1"),
    ("::ffff:10.0.0.1", "1.2.3.4:555", ["10.0.0.0/8"], "1.2.3.4"),
    ("", "1.2.3.4", ["10.0.0.0/8"], ""),
])
def test_client_address(peer: str, forwarded: str, trusted: list[str], expect: str) -> None:
    assert addresses.client_address(peer, forwarded, addresses.networks(trusted)) == expect


def test_one_household_is_one_caller() -> None:
    assert addresses.bucket_of("2001:db8:1:2:3::4") == addresses.bucket_of("2001:db8:1:2::9")
    assert addresses.bucket_of("203.0.113.9") == "203.0.113.9"
    assert addresses.is_loopback("127.0.0.2")
    assert addresses.is_loopback("::1")
    assert not addresses.is_loopback("10.0.0.1")


# ---- limits ------------------------------------------------------------------------------------


def test_bucket_gives_the_burst_then_the_rate() -> None:
    buckets = Buckets(2.0, 3)
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.take("a", 0.0) == pytest.approx(0.5)
    assert buckets.take("b", 0.0) == 0.0
    assert buckets.take("a", 0.5) == 0.0
    assert buckets.take("a", 0.5) > 0.0


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_bucket_never_gives_more_than_its_rate(gaps: list[float]) -> None:
    buckets, now, given_count = Buckets(5.0, 4), 0.0, 0
    for gap in gaps:
        now += gap
        wait_s = buckets.take("x", now)
        given_count += wait_s == 0.0
        if wait_s:
            assert buckets.take("x", now) == wait_s  # a refusal takes nothing
    assert given_count <= 4 + 5.0 * now + 1e-6


def test_buckets_are_bounded() -> None:
    buckets = Buckets(1.0, 1, size=10)
    for n in range(100):
        buckets.take(n, 0.0)
    assert len(buckets) == 10


def test_sign_in_delay_grows_and_ends() -> None:
    throttle, now = LoginThrottle(), 0.0
    waits: list[float] = []
    for _ in range(14):
        with suppress(ZhikeError):
            throttle.begin("a@b.c", "9.9.9.9", now)
            continue
        with refused("rate_limited") as refusal:
            throttle.begin("a@b.c", "9.9.9.9", now)
        waits.append(refusal.value.retry_after_s or 0.0)
        now += waits[-1]
    assert waits[:4] == pytest.approx([1, 2, 4, 8], abs=0.2)
    now += 60.0  # the longest delay of an account
    throttle.begin("A@b.c ", "8.8.8.8", now)
    throttle.succeeded("a@b.c", "8.8.8.8")
    for _ in range(4):
        throttle.begin("a@b.c", "8.8.8.8", now)


def test_parallel_attempts_count_at_once() -> None:
    throttle = LoginThrottle()
    for _ in range(4):
        throttle.begin("a@b.c", "9.9.9.9", 0.0)
    with refused("rate_limited"):
        throttle.begin("a@b.c", "9.9.9.9", 0.0)


def test_an_address_that_tries_many_accounts_waits() -> None:
    throttle = LoginThrottle()
    with refused("rate_limited"):
        for n in range(50):
            throttle.begin(f"{n}@b.c", "9.9.9.9", 0.0)


# ---- passwords, cookies, keys ------------------------------------------------------------------


def test_password_hash() -> None:
    stored = passwords.hash_now("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert passwords.verify_now(stored, "correct horse battery")
    assert not passwords.verify_now(stored, "correct horse batterx")
    assert not passwords.verify_now("", "nobody has this password")
    assert not passwords.verify_now("junk", "x")
    assert not passwords.needs_rehash(stored)


@pytest.mark.parametrize("weak", ["short", "a" * 30, "x" * 201, "me@shop.example", "abababababab"])
def test_weak_passwords(weak: str) -> None:
    with refused("invalid_field"):
        passwords.check_strength(weak, email="me@shop.example")


def test_cookie() -> None:
    assert cookie_of("a=1; zhike_session=abc; b=2") == "abc"
    assert cookie_of("xzhike_session=abc") == ""
    header = set_cookie("abc", secure=True)
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Secure" in header
    assert "Max-Age=0" in set_cookie("", secure=False)
    assert header.startswith("__Host-zhike_session=abc; Path=/;")
    assert "Domain" not in header
    assert cookie_of("zhike_session=theirs; __Host-zhike_session=ours") == "ours"


def test_keys_are_stored_as_digests() -> None:
    key = tokens.new_api_key()
    assert key.startswith("zk_")
    assert len(tokens.digest(key)) == 16
    assert tokens.digest(key) != tokens.digest(key + "x")


# ---- rights ------------------------------------------------------------------------------------

CALLERS = {
    "anonymous": rights.ANONYMOUS, "visitor": rights.Principal("visitor", sender="v:1", inbox_id=1),
    "agent": rights.Principal("agent", 1, "A", "agent"), "admin": rights.Principal("agent", 2, "B", "admin"),
    "owner": rights.Principal("agent", 3, "C", "owner"), "key": rights.Principal("key", 1, "K", "agent"),
    "admin key": rights.Principal("key", 2, "K", "admin"),
}
MAY = {
    "public": (rights.public("x"), set(CALLERS)),
    "visitor": (rights.VISITOR, {"visitor"}),
    "agent": (rights.AGENT, {"agent", "admin", "owner", "key", "admin key"}),
    "agent only": (rights.AGENT_ONLY, {"agent", "admin", "owner"}),
    "key": (rights.KEY, {"key", "admin key"}),
    "admin": (rights.ADMIN, {"admin", "owner", "admin key"}),
    "admin only": (rights.ADMIN_ONLY, {"admin", "owner"}),
    "owner": (rights.OWNER_ONLY, {"owner"}),
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("right", MAY)
def test_rights(right: str, caller: str) -> None:
    needed, may = MAY[right]
    if caller in may:
        rights.check(needed, CALLERS[caller])
        return
    with pytest.raises(ZhikeError) as refusal:
        rights.check(needed, CALLERS[caller])
    staff = caller not in ("anonymous", "visitor") and right != "visitor"
    assert refusal.value.code == ("forbidden" if staff else "unauthenticated")


def test_a_public_right_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        rights.public("")
    with pytest.raises(ValueError, match="reason"):
        rights.Right("staff", "agent", reason="x")


def test_nobody_makes_or_touches_someone_above_them() -> None:
    rights.check_grant("admin", None, "admin")
    rights.check_grant("owner", "owner", "agent")
    for before, after in ((None, "owner"), ("owner", "agent"), ("agent", "owner")):
        with refused("forbidden"):
            rights.check_grant("admin", before, after)  # type: ignore[arg-type]
