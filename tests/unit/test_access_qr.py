"""The QR code: module for module that of another encoder, at every size."""

from __future__ import annotations

import pytest
from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel

from zhike.access import qr
from zhike.access.totp import new_secret, uri


def other(data: bytes, version: int, mask: int) -> list[list[bool]]:
    """What reportlab makes of it, with this mask."""
    code = QRCode(version, QRErrorCorrectLevel.M)
    code.addData(data.decode())
    code.makeImpl(False, mask)
    size = code.getModuleCount()
    return [[bool(code.isDark(y, x)) for x in range(size)] for y in range(size)]


@pytest.mark.parametrize("version", range(1, qr.MAX_VERSION + 1))
def test_every_version_at_both_ends_of_its_size(version: int) -> None:
    for size in (qr._room(version), qr._room(version - 1) + 1 if version > 1 else 1):
        data = bytes(ord("a") + n * 7 % 26 for n in range(size))
        mask = (version + size) % 8
        assert qr.modules(data, mask) == other(data, version, mask), (version, size)


@pytest.mark.parametrize("mask", range(8))
def test_every_mask(mask: int) -> None:
    data = uri(new_secret(), "li.na@shop.example", "zhike").encode()
    version = (len(qr.modules(data, mask)) - 17) // 4
    assert qr.modules(data, mask) == other(data, version, mask)


def test_the_mask_that_is_taken_reads_best() -> None:
    data = b"otpauth://totp/zhike"
    chosen = qr.modules(data)
    assert qr._penalty(chosen) == min(qr._penalty(qr.modules(data, mask)) for mask in range(8))


def test_the_picture_and_its_bounds() -> None:
    made = qr.svg("x")
    assert made.startswith("<svg ")
    assert made.count("h1v1h-1z") == sum(map(sum, qr.modules(b"x")))
    qr.svg("x" * 412)
    with pytest.raises(ValueError, match="413"):
        qr.svg("x" * 413)
