"""Signatures of identity providers: the example of RFC 7515, a second implementation, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from zhike.access.jose import BadToken, Key, claims_of, keys_of, kid_of, verify_rs256
from zhike.testing.oidc import b64, key_of, number
from zhike.testing.rsa import sign

PAIR = key_of(1)
KEY = Key(PAIR.n, PAIR.e)

RFC_N = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ"
    "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2"
    "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD"
    "TW9gb54h4FRWyuXpoQ")
RFC_TOKEN = (
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
    "cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9u"
    "JdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383Lc"
    "OLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVr"
    "Bp0igcN_IoypGlUPQGe77Rw")


def token(claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    head = ".".join(b64(json.dumps(part).encode()) for part in (header or {"alg": "RS256"}, claims))
    return f"{head}.{b64(sign(PAIR, head.encode()))}"


def test_the_example_of_rfc_7515() -> None:
    """Appendix A.2."""
    key = keys_of({"keys": [{"kty": "RSA", "n": RFC_N, "e": "AQAB"}]})[""]
    assert claims_of(RFC_TOKEN, key) == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


def test_openssl_signs_and_we_check(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing: this test did not run")
    run = subprocess.run
    file = tmp_path / "key.pem"
    run([openssl, "genrsa", "-out", file, "2048"], check=True, capture_output=True, timeout=60)
    shown = run([openssl, "rsa", "-in", file, "-noout", "-modulus"], check=True, capture_output=True,
                timeout=60).stdout
    key = Key(int(shown.decode().strip().partition("=")[2], 16), 65537)
    message = b"head.body"
    signature = run([openssl, "dgst", "-sha256", "-sign", file], input=message, check=True,
                    capture_output=True, timeout=60).stdout
    assert verify_rs256(key, message, signature)
    assert not verify_rs256(key, message + b"!", signature)


def test_what_is_no_signature() -> None:
    good = sign(PAIR, b"m")
    assert verify_rs256(KEY, b"m", good)
    for bad in (b"", good[:-1], good + b"\0", b"\0" + good, bytes(len(good)), b"\xff" * len(good),
                (int.from_bytes(good) + PAIR.n).to_bytes(len(good) + 1), good[::-1]):
        assert not verify_rs256(KEY, b"m", bad)
    for position in range(0, len(good), 16):
        flipped = bytearray(good)
        flipped[position] ^= 1
        assert not verify_rs256(KEY, b"m", bytes(flipped))


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {}, {"alg": "rs256"},
                                    {"alg": "RS256", "crit": ["x"]}, {"alg": ["RS256"]}])
def test_the_algorithm_is_ours_to_choose(header: dict[str, Any]) -> None:
    made = token({"sub": "x"}, header or {"typ": "JWT"})
    with pytest.raises(BadToken):
        claims_of(made, KEY)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "..", "é.é.é", "x" * 20_000, "bnVsbA.bnVsbA.AA"])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(BadToken):
        kid_of(text)


def test_claims_cannot_be_changed() -> None:
    head, body, signature = token({"sub": "x"}).split(".")
    assert claims_of(f"{head}.{body}.{signature}", KEY) == {"sub": "x"}
    other = b64(json.dumps({"sub": "owner"}).encode())
    with pytest.raises(BadToken, match="signature"):
        claims_of(f"{head}.{other}.{signature}", KEY)


def test_which_keys_are_taken() -> None:
    good = {"kty": "RSA", "kid": "a", "n": number(PAIR.n), "e": "AQAB"}
    small = number((1 << 1024) + 1)
    rows = [good, {**good, "kid": "b", "use": "enc"}, {**good, "kid": "c", "kty": "EC"},
            {**good, "kid": "d", "n": small}, {**good, "kid": "e", "e": "AQ"},
            {**good, "kid": "f", "e": "AA"},
            {**good, "kid": "g", "alg": "PS256"}, {"kid": "h"}, "x", {**good, "kid": "i", "n": 7}]
    assert keys_of({"keys": rows}) == {"a": KEY}
    assert keys_of(None) == keys_of([]) == keys_of({}) == keys_of({"keys": []}) == {}
