"""Static files from a folder of the package: conditional requests, compression, no way out of the folder.

Small text files are kept compressed in memory (bounded); everything else is read when asked for, in a thread.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
import threading
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from zhike.errors import ZhikeError
from zhike.rest.answer import Answer, Headers

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".map": "application/json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_TEXT = frozenset((".js", ".mjs", ".css", ".html", ".svg", ".json", ".map", ".txt"))
MAX_CACHE_BYTES = 16 << 20
MIN_GZIP_BYTES = 1024


class _Loaded(NamedTuple):
    mtime_ns: int
    size: int
    etag: str
    plain: bytes
    packed: bytes
    content_type: str


def inside(root: Path, name: str) -> Path | None:
    """The file ``name`` below ``root``, or None if there is none, or the name tries to leave."""
    parts = PurePosixPath(name.lstrip("/")).parts
    if not parts or any(
        part in ("..", ".") or part.startswith(".") or "\\" in part or "\0" in part for part in parts
    ):
        return None
    path = root.joinpath(*parts)
    try:
        return path if path.is_file() and path.resolve().is_relative_to(root.resolve()) else None
    except (OSError, ValueError):
        return None


class Files:
    """Serves files; one per application."""

    def __init__(self) -> None:
        self._cache: dict[Path, _Loaded] = {}
        self._bytes = 0
        self._lock = threading.Lock()
        """Files are read in several threads at a time."""

    def _load(self, root: Path, name: str) -> _Loaded | None:
        path = inside(root, name)
        if path is None:
            return None
        stat = path.stat()
        known = self._cache.get(path)
        if known is not None and (known.mtime_ns, known.size) == (stat.st_mtime_ns, stat.st_size):
            return known
        plain = path.read_bytes()
        suffix = path.suffix.lower()
        content_type = _TYPES.get(suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        packed = gzip.compress(plain, 6, mtime=0) if suffix in _TEXT and len(plain) >= MIN_GZIP_BYTES else b""
        loaded = _Loaded(
            stat.st_mtime_ns,
            stat.st_size,
            hashlib.sha256(plain).hexdigest()[:20],
            plain,
            packed,
            content_type,
        )
        with self._lock:
            self._keep(path, loaded)
        return loaded

    def _keep(self, path: Path, loaded: _Loaded) -> None:
        old = self._cache.pop(path, None)
        self._bytes += (
            len(loaded.plain) + len(loaded.packed) - (len(old.plain) + len(old.packed) if old else 0)
        )
        self._cache[path] = loaded
        while self._bytes > MAX_CACHE_BYTES and len(self._cache) > 1:
            gone = self._cache.pop(next(iter(self._cache)))
            self._bytes -= len(gone.plain) + len(gone.packed)

    async def serve(
        self, root: Path, name: str, request: dict[str, str], *, cache: str, extra: Headers | None = None
    ) -> Answer:
        """The file as an answer; 304 if the client has it.

        Args:
            request: headers by lower-case name.
            cache: the Cache-Control value.

        Raises:
            ZhikeError: ``not_found``.
        """
        loaded = await asyncio.to_thread(self._load, root, name)
        if loaded is None:
            raise ZhikeError("not_found")
        packed = bool(loaded.packed) and "gzip" in request.get("accept-encoding", "")
        etag = f'"{loaded.etag}{"-gz" if packed else ""}"'
        headers: Headers = [(b"etag", etag.encode()), (b"cache-control", cache.encode()), *(extra or [])]
        if loaded.packed:
            headers.append((b"vary", b"Accept-Encoding"))
        seen = {tag.strip().removeprefix("W/") for tag in request.get("if-none-match", "").split(",")}
        if etag in seen or "*" in seen:
            answer = Answer(b"", 304, "", headers)
            del answer.headers[0]
            return answer
        if packed:
            headers.append((b"content-encoding", b"gzip"))
        return Answer(loaded.packed if packed else loaded.plain, 200, loaded.content_type, headers)
