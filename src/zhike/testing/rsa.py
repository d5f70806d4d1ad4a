"""RSA keys and RS256 signatures for tests: what the product checks and never makes itself."""

from __future__ import annotations

import hashlib
import random
from typing import NamedTuple

_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
_SMALL = [number for number in range(3, 2000, 2)
          if all(number % d for d in range(3, int(number**0.5) + 1, 2))]


class KeyPair(NamedTuple):
    """Modulus, public and private exponent."""

    n: int
    e: int
    d: int


def _is_prime(number: int, chance: random.Random) -> bool:
    """Miller and Rabin, 12 rounds: good enough for a test's key."""
    if any(number % small == 0 for small in _SMALL):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(12):
        x = pow(chance.randrange(2, number - 1), odd, number)
        if x in (1, number - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % number
            if x == number - 1:
                break
        else:
            return False
    return True


def make_key(seed: int, bits: int = 2048) -> KeyPair:
    """The key of this seed: the same one each time, and so of no use for anything but tests."""
    chance = random.Random(seed)
    e = 65537

    def prime() -> int:
        while True:
            number = chance.getrandbits(bits // 2) | 1 | (3 << (bits // 2 - 2))
            if (number - 1) % e and _is_prime(number, chance):
                return number

    p, q = prime(), prime()
    return KeyPair(p * q, e, pow(e, -1, (p - 1) * (q - 1)))


def sign(key: KeyPair, message: bytes) -> bytes:
    """RSASSA-PKCS1-v1_5 with SHA-256."""
    size = (key.n.bit_length() + 7) // 8
    digest = _SHA256 + hashlib.sha256(message).digest()
    block = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return pow(int.from_bytes(block), key.d, key.n).to_bytes(size)
