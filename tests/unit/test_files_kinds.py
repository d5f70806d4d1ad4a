"""What a file really is, what it may be called, where it lies, and who has a link."""

from __future__ import annotations

import io
import os
import random
import struct
import wave
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.errors import ZhikeError
from zhike.files import folder as folders
from zhike.files import kinds
from zhike.files.folder import Folder, new_token
from zhike.files.kinds import Kind, Looked, clean_name, look
from zhike.files.links import STEP_S, Links
from zhike.rest.download import range_of


def png(width: int = 3, height: int = 2) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def jpeg(width: int = 640, height: int = 480, preview: int = 0) -> bytes:
    """``preview``: bytes of an EXIF block before the frame."""
    blocks = b""
    while preview > 0:
        part = min(preview, 60_000)
        blocks += b"\xff\xe1" + struct.pack(">H", part + 2) + b"\xff\xc0" * (part // 2) + b"\0" * (part % 2)
        preview -= part
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + b"\0" * 9
    return b"\xff\xd8" + blocks + frame + b"\xff\xda\0\2\xff\xd9"


def office(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as packed:
        for name in ("[Content_Types].xml", *names):
            packed.writestr(name, "<x/>")
    return held.getvalue()


def wav() -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 10)
    return held.getvalue()


def ftyp(brand: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + b"\0\0\2\0" + b"isomiso2" + b"\0" * 40


WEBP_HEAD = b"RIFF\x40\0\0\0WEBP"
VP8X = WEBP_HEAD + b"VP8X\x0a\0\0\0\x10\0\0\0" + (799).to_bytes(3, "little") + (599).to_bytes(3, "little")
VP8L = WEBP_HEAD + b"VP8L\x0a\0\0\0\x2f" + struct.pack("<I", 799 | 599 << 14)
VP8 = WEBP_HEAD + b"VP8 \x40\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 800, 600)
GOOD = {
    "png": (png(3, 2), Looked(kinds.PNG, 3, 2)),
    "jpeg": (jpeg(), Looked(kinds.JPEG, 640, 480)),
    "jpeg with a preview": (jpeg(preview=120_000), Looked(kinds.JPEG, 640, 480)),
    "gif": (b"GIF89a" + struct.pack("<HH", 5, 7) + b"\0;", Looked(kinds.GIF, 5, 7)),
    "webp extended": (VP8X, Looked(kinds.WEBP, 800, 600)),
    "webp lossless": (VP8L, Looked(kinds.WEBP, 800, 600)),
    "webp": (VP8, Looked(kinds.WEBP, 800, 600)),
    "mp3 with tags": (b"ID3\4\0\0\0\0\0\0", Looked(kinds.MP3)),
    "mp3": (b"\xff\xfb\x90\x00" * 4, Looked(kinds.MP3)),
    "amr": (b"#!AMR\n\x3c", Looked(kinds.AMR)),
    "amr wide": (b"#!AMR-WB\n\x3c", Looked(kinds.AMR_WB)),
    "opus": (b"OggS" + b"\0" * 24 + b"OpusHead", Looked(kinds.OGG)),
    "wav": (wav(), Looked(kinds.WAV)),
    "m4a": (ftyp(b"M4A "), Looked(kinds.M4A)),
    "mp4": (ftyp(b"isom"), Looked(kinds.MP4)),
    "mov": (ftyp(b"qt  "), Looked(kinds.MOV)),
    "webm": (b"\x1a\x45\xdf\xa3\x01\0\0\0webm" + b"V_VP9 A_OPUS", Looked(kinds.WEBM)),
    "webm sound": (b"\x1a\x45\xdf\xa3\x01\0\0\0webm" + b"A_OPUS", Looked(kinds.WEBA)),
    "pdf": (b"%PDF-1.7\n", Looked(kinds.PDF)),
    "docx": (office("word/document.xml"), Looked(kinds.DOCX)),
    "xlsx": (office("xl/workbook.xml"), Looked(kinds.XLSX)),
    "pptx": (office("ppt/presentation.xml"), Looked(kinds.PPTX)),
    "text": ("订单,金额\n1,99\n".encode(), Looked(kinds.TEXT)),
}
BAD = {
    "empty": b"",
    "spaces": b" \n\n",
    "html": b"\xef\xbb\xbf \n<!DOCTYPE html><script>alert(1)</script>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>",
    "xml": b"<?xml version='1.0'?><svg/>",
    "program": b"MZ\x90\0" + b"\0" * 60,
    "elf": b"\x7fELF\2\1\1" + b"\0" * 60,
    "zip": b"PK\3\4" + b"\0" * 40,
    "zip without an office": office("hello.exe"),
    "macros": office("word/document.xml", "word/vbaProject.bin"),
    "not utf-8": "退货".encode("gb18030"),
    "utf-8 cut at the end": "退货".encode()[:-1],
    "control characters": b"hello\0world",
    "control characters late": b"a" * 100_000 + b"\x1b[2J",
    "png without a size": b"\x89PNG\r\n\x1a\n",
    "png of a gigapixel": png(40_000, 40_000),
    "png of nothing": png(0, 4),
    "jpeg that ends before its size": jpeg()[:10],
    "heic": ftyp(b"heic"),
    "ogg film": b"OggS" + b"\0" * 24 + b"\x80theora",
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_taken_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.exe"
    path.write_bytes(GOOD[name][0])
    assert look(path) == GOOD[name][1]


@pytest.mark.parametrize("name", BAD)
def test_everything_else_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(BAD[name])
    assert look(path) is None


@pytest.mark.parametrize("name", [name for name in GOOD if GOOD[name][1].kind.type not in ("text/plain",)])
def test_a_file_that_is_cut_or_spoilt_never_breaks_the_look(tmp_path: Path, name: str) -> None:
    whole = GOOD[name][0]
    path = tmp_path / "x"
    chance = random.Random(7)
    for _ in range(150):
        spoilt = bytearray(whole[:chance.randint(0, len(whole))][:4000])
        for _ in range(chance.randint(0, 4) if spoilt else 0):
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        path.write_bytes(spoilt)
        found = look(path)
        assert found is None or found.width * found.height <= 100_000_000


def test_nothing_that_runs_is_shown_in_place() -> None:
    assert {kind.type.partition("/")[0] for kind in kinds.KINDS if kind.type in kinds.INLINE} == {
        "image", "audio", "video"}
    assert "image/svg+xml" not in kinds.INLINE


@pytest.mark.parametrize(("given", "kind", "shown"), [
    ("照片.PNG", kinds.PNG, "照片.PNG"),
    ("invoice.exe", kinds.PDF, "invoice.pdf"),
    ("../../etc/passwd", kinds.TEXT, "passwd.txt"),
    ("C:\\temp\\a.docx", kinds.DOCX, "a.docx"),
    ("photo\u202egnp.exe", kinds.PNG, "photognp.png"),
    ("a\r\nSet-Cookie: x.png", kinds.PNG, "aSet-Cookie x.png"),
    (".png", kinds.PNG, "png.png"),
    ("...", kinds.PNG, "image.png"),
    ("v1.2 notes", kinds.TEXT, "v1.2 notes.txt"),
    ("x" * 500 + ".jpeg", kinds.JPEG, "x" * 115 + ".jpeg"),
])
def test_names_are_plain_and_end_as_what_they_are(given: str, kind: Kind, shown: str) -> None:
    assert clean_name(given, kind) == shown


@given(st.text(max_size=200), st.sampled_from(kinds.KINDS))
def test_no_name_leaves_its_folder_or_header(name: str, kind: Kind) -> None:
    shown = clean_name(name, kind)
    assert shown.isprintable()
    assert 0 < len(shown) <= 120
    assert not set(shown) & set('/\\<>:"|?*')
    assert not shown.startswith(".")
    assert shown.lower().endswith(kind.endings)
    assert clean_name(shown, kind) == shown


def test_a_link_reads_one_file_until_it_expires() -> None:
    links = Links(b"k" * 32)
    now_s = 1_000_000_000
    link = links.make(7, "发票 1.pdf", now_s)
    assert link.path.startswith("/files/7/%E5%8F%91%E7%A5%A8%201.pdf?expires=")
    assert STEP_S < link.expires_s - now_s <= 2 * STEP_S
    assert links.make(7, "发票 1.pdf", link.expires_s - 2 * STEP_S).path == link.path  # browsers keep it
    sig = link.path.partition("sig=")[2]
    links.check(7, link.expires_s, sig, link.expires_s - 1)
    for file_id, expires_s, shown, at_s in (
            (7, link.expires_s, sig, link.expires_s), (8, link.expires_s, sig, now_s),
            (7, link.expires_s + 1, sig, now_s), (7, link.expires_s, sig[:-1], now_s),
            (7, link.expires_s, "é" * 32, now_s), (7, link.expires_s, "\ud800", now_s)):
        with pytest.raises(ZhikeError, match="file_link_expired"):
            links.check(file_id, expires_s, shown, at_s)
    with pytest.raises(ZhikeError):
        Links(b"o" * 32).check(7, link.expires_s, sig, now_s)


def test_a_folder_keeps_what_was_finished_and_sweeps_what_was_not(tmp_path: Path) -> None:
    store = Folder(tmp_path / "files")
    part, left = store.begin(), store.begin()
    part.write(b"abc")
    part.finish()
    token = new_token()
    store.keep(part, token)
    assert store.path(token).read_bytes() == b"abc"
    os.utime(left.path, (1000, 1000))
    assert (store.sweep(999), store.sweep(1001)) == (0, 1)
    left.drop()  # its writer ends later, and finds it gone
    store.remove(token)
    store.remove(token)
    assert not store.path(token).exists()


def test_a_full_disk_refuses_before_the_database_notices(tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "KEPT_FREE_BYTES", 1 << 60)
    with pytest.raises(ZhikeError, match="storage_full"):
        Folder(tmp_path).begin()


@pytest.mark.parametrize(("header", "wanted"), [
    ("bytes=0-", (0, 100)), ("bytes=0-0", (0, 1)), ("bytes=10-19", (10, 10)), ("bytes=90-500", (90, 10)),
    ("bytes=-30", (70, 30)), ("bytes=-300", (0, 100)), ("bytes=5-2", None), ("bytes=1-2,5-6", None),
    ("bytes=-", None), ("items=1-2", None), ("", None)])
def test_ranges(header: str, wanted: tuple[int, int] | None) -> None:
    assert range_of(header, 100) == wanted


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-120", "bytes=-0"])
def test_ranges_of_what_is_not_there(header: str) -> None:
    with pytest.raises(ValueError, match="bytes"):
        range_of(header, 100)
