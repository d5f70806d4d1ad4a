"""What a file really is: found in its bytes, whatever its name and its sender say.

Only what is listed here is taken. HTML, SVG, XML and programs never are: whoever opens them runs them.
"""

from __future__ import annotations

import codecs
import zipfile
from pathlib import Path
from typing import NamedTuple

from zhike.domain.attachment import MAX_NAME_CHARS, FileKind
from zhike.files.images import size_of

HEAD_BYTES = 256 << 10
"""Read to find out: a JPEG of a phone may hold a preview of 100 KB before its own size."""
_BLOCK_BYTES = 1 << 16
MAX_PARTS = 10_000
"""Entries of an office document; a list of a million is made to keep its reader busy."""


class Kind(NamedTuple):
    """``endings``: of names; the first is put where another one stands."""

    type: str
    kind: FileKind
    endings: tuple[str, ...]


class Looked(NamedTuple):
    """What was found. ``width``, ``height``: of images."""

    kind: Kind
    width: int = 0
    height: int = 0


PNG = Kind("image/png", "image", (".png",))
JPEG = Kind("image/jpeg", "image", (".jpg", ".jpeg", ".jfif"))
GIF = Kind("image/gif", "image", (".gif",))
WEBP = Kind("image/webp", "image", (".webp",))
MP3 = Kind("audio/mpeg", "audio", (".mp3",))
AMR = Kind("audio/amr", "audio", (".amr",))
AMR_WB = Kind("audio/amr-wb", "audio", (".amr", ".awb"))
OGG = Kind("audio/ogg", "audio", (".ogg", ".oga", ".opus"))
WAV = Kind("audio/wav", "audio", (".wav",))
M4A = Kind("audio/mp4", "audio", (".m4a", ".mp4"))
WEBA = Kind("audio/webm", "audio", (".weba", ".webm"))
MP4 = Kind("video/mp4", "video", (".mp4", ".m4v"))
MOV = Kind("video/quicktime", "video", (".mov",))
WEBM = Kind("video/webm", "video", (".webm",))
PDF = Kind("application/pdf", "document", (".pdf",))
TEXT = Kind("text/plain", "document", (".txt", ".csv", ".md", ".log"))
_OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = Kind(f"{_OFFICE}wordprocessingml.document", "document", (".docx",))
XLSX = Kind(f"{_OFFICE}spreadsheetml.sheet", "document", (".xlsx",))
PPTX = Kind(f"{_OFFICE}presentationml.presentation", "document", (".pptx",))
KINDS = (PNG, JPEG, GIF, WEBP, MP3, AMR, AMR_WB, OGG, WAV, M4A, WEBA, MP4, MOV, WEBM, PDF, DOCX, XLSX, PPTX,
         TEXT)
"""Everything that may be sent."""
INLINE = frozenset(kind.type for kind in KINDS if kind.kind != "document")
"""What a browser shows in place: pictures, sound and film run nothing. Everything else is saved."""

_STARTS = ((b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", JPEG), (b"GIF87a", GIF), (b"GIF89a", GIF),
           (b"ID3", MP3), (b"#!AMR-WB\n", AMR_WB), (b"#!AMR\n", AMR), (b"%PDF-", PDF))
_MAIN_PARTS = (("word/document.xml", DOCX), ("xl/workbook.xml", XLSX), ("ppt/presentation.xml", PPTX))
_PAGES = (b"<!doctype", b"<html", b"<svg", b"<?xml", b"<script", b"<head", b"<body", b"<?php")
_CONTROL = bytes(set(range(32)) - {9, 10, 12, 13}) + b"\x7f"


def look(path: Path) -> Looked | None:
    """What the file at ``path`` is; None: nothing that is taken. Reads; call it in a thread."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = _by_start(head) or _container(head) or _office(path, head) or _text(path, head)
    if kind is None:
        return None
    if kind.kind != "image":
        return Looked(kind)
    size = size_of(kind.type, head)
    return None if size is None else Looked(kind, *size)


def _by_start(head: bytes) -> Kind | None:
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # MPEG audio frame, layer III
        return MP3
    return None


def _container(head: bytes) -> Kind | None:
    """Formats that hold several kinds of media."""
    form = head[8:12]
    if head[:4] == b"RIFF":
        return {b"WEBP": WEBP, b"WAVE": WAV}.get(form)
    if head[4:8] == b"ftyp":
        if form in (b"M4A ", b"M4B "):
            return M4A
        if form == b"qt  ":
            return MOV
        known = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV",
                 b"dash", b"3gp4", b"3gp5", b"3gp6")
        return MP4 if form in known else None
    if head[:4] == b"OggS":
        return OGG if b"OpusHead" in head[:128] or b"\x01vorbis" in head[:128] else None
    if head[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in head[:64]:
        return WEBM if b"V_VP" in head or b"V_AV1" in head else WEBA if b"A_" in head else None
    return None


def _office(path: Path, head: bytes) -> Kind | None:
    """Word, Excel and PowerPoint without macros."""
    if not head.startswith(b"PK\x03\x04"):
        return None
    try:
        with zipfile.ZipFile(path) as packed:
            names = packed.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return None
    if len(names) > MAX_PARTS or "[Content_Types].xml" not in names:
        return None
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    return next((kind for part, kind in _MAIN_PARTS if part in names), None)


def _text(path: Path, head: bytes) -> Kind | None:
    """UTF-8 all the way, without control characters, and no page that a browser would run."""
    if not head.strip() or head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        return None
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                if block.translate(None, _CONTROL) != block:
                    return None
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return TEXT


def clean_name(name: str, kind: Kind) -> str:
    """A name to show and to save under: one part of a path, printable (no right-to-left override that makes
    ``exe.gpj`` of ``jpg.exe``), ending as its kind does."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in last if char.isprintable() and char not in '<>:"|?*').strip(" .")
    stem, dot, ending = shown.rpartition(".")
    if dot and stem and f".{ending.lower()}" in kind.endings:
        end = f".{ending}"
    else:
        stem, end = (stem if dot and stem and len(ending) <= 5 else shown), kind.endings[0]
    return (stem[:MAX_NAME_CHARS - len(end)].rstrip(" .") or kind.kind) + end
