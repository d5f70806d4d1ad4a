"""One-time codes: the vectors of the RFCs, the window, replay, recovery codes, and how guessing is slowed."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from zhike.access import totp
from zhike.access.throttle import LoginThrottle
from zhike.errors import ZhikeError

SEED = b"12345678901234567890"
SECRET = base64.b32encode(SEED).decode().rstrip("=")
NOW = 1_790_000_000_000


def test_the_vectors_of_rfc_4226() -> None:
    """Appendix D."""
    codes = ["755224", "287082", "359152", "969429", "338314",
             "254676", "287922", "162583", "399871", "520489"]
    assert [totp.hotp(SEED, counter) for counter in range(10)] == codes


@pytest.mark.parametrize(("at_s", "sha1", "sha256", "sha512"), [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
])
def test_the_vectors_of_rfc_6238(at_s: int, sha1: str, sha256: str, sha512: str) -> None:
    """Appendix B; the seeds of the longer hashes are the longer ones of its erratum 2866."""
    step = totp.step_at(at_s * 1000)
    assert totp.hotp(SEED, step, 8) == sha1
    assert totp.hotp((SEED * 2)[:32], step, 8, "sha256") == sha256
    assert totp.hotp((SEED * 4)[:64], step, 8, "sha512") == sha512


def test_a_code_counts_near_its_time_and_once() -> None:
    step = totp.step_at(NOW)
    code = totp.code_at(SECRET, step)
    assert totp.matching_step(SECRET, code, NOW, 0) == step
    assert totp.matching_step(SECRET, f"{code[:3]} {code[3:]}", NOW, 0) == step
    for late_s in (-30, 30):
        assert totp.matching_step(SECRET, code, NOW + late_s * 1000, 0) == step
    assert totp.matching_step(SECRET, code, NOW + 60_000, 0) is None
    assert totp.matching_step(SECRET, code, NOW, step) is None
    for wrong in ("", "12345", "abcdef", "１２３４５６", "\ud800"):
        assert totp.matching_step(SECRET, wrong, NOW, 0) is None


def test_new_secrets_and_what_an_app_reads() -> None:
    made = {totp.new_secret() for _ in range(50)}
    assert len(made) == 50
    assert all(len(base64.b32decode(secret)) == totp.SECRET_BYTES for secret in made)
    read = urlsplit(totp.uri(SECRET, "li.na@shop.example", "zhike"))
    assert (read.scheme, read.netloc, unquote(read.path)) == ("otpauth", "totp", "/zhike:li.na@shop.example")
    assert parse_qs(read.query) == {"secret": [SECRET], "issuer": ["zhike"]}


def test_recovery_codes_are_found_however_they_are_typed() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES
    first = totp.recovery_digest(codes[0])
    assert totp.recovery_digest(codes[0].upper().replace("-", " ")) == first
    assert first not in {totp.recovery_digest(code) for code in codes[1:]}


def test_guessing_codes_gets_slow_and_a_password_alone_does_not_make_it_fast_again() -> None:
    throttle = LoginThrottle()

    def wait_s(now_s: float) -> float:
        try:
            throttle.begin_code("li@shop.example", now_s)
        except ZhikeError as refused:
            return refused.retry_after_s or 0.0
        return 0.0

    now_s, tries = 0.0, 0
    while now_s < 24 * 3600:
        waits_s = wait_s(now_s)
        tries += not waits_s
        now_s += waits_s
    assert 90 < tries < 120
    for _ in range(4):
        throttle.begin("li@shop.example", "203.0.113.1", 0.0)
    throttle.begin("other@shop.example", "203.0.113.1", 0.0)
    throttle.unfinished("other@shop.example", "203.0.113.1")
    with pytest.raises(ZhikeError, match="rate_limited"):
        throttle.begin("li@shop.example", "203.0.113.1", 0.0)
