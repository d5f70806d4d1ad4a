"""The bytes of uploads, in a folder. Several instances on one database share it (a mounted volume).

A file is written under ``tmp`` first, synced, and moved to its place once its row is stored: whatever is
acknowledged is on the disk, and a process that dies in between leaves nothing that anybody points at.
Everything here blocks; callers use threads.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from secrets import token_hex

from zhike.errors import ZhikeError

TMP = "tmp"
KEPT_FREE_BYTES = 256 << 20
"""Uploads stop while the disk has less: the database beside them must never find it full."""


class Folder:
    """See the module. ``root`` is made when the first file comes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self) -> Part:
        """A new file to write to.

        Raises:
            ZhikeError: ``storage_full``.
        """
        (self.root / TMP).mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.root).free < KEPT_FREE_BYTES:
            raise ZhikeError("storage_full", retry_after_s=60.0)
        return Part(self.root / TMP / token_hex(16))

    def keep(self, part: Part, token: str) -> None:
        """Moves a finished part to its place, for good."""
        place = self.path(token)
        place.parent.mkdir(exist_ok=True)
        part.path.rename(place)
        for folder in (place.parent, self.root):
            _sync(folder)

    def path(self, token: str) -> Path:
        """Where the file of this token lies."""
        return self.root / token[:2] / token

    def remove(self, token: str) -> None:
        """Removes it; gone already is good, too."""
        self.path(token).unlink(missing_ok=True)

    def sweep(self, before_s: float) -> int:
        """Removes parts that nobody finished (last touched before ``before_s``, seconds since 1970)."""
        removed = 0
        for left in (self.root / TMP).glob("*"):
            with contextlib.suppress(FileNotFoundError):  # another instance was quicker
                if left.stat().st_mtime < before_s:
                    left.unlink()
                    removed += 1
        return removed


class Part:
    """A file that is being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self._file = path.open("xb")

    def write(self, data: bytes) -> None:
        """Adds to it."""
        self._file.write(data)
        self.size_bytes += len(data)

    def finish(self) -> None:
        """Everything is on the disk when this returns."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def drop(self) -> None:
        """Gives it up."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def new_token() -> str:
    """The name of a stored file: nothing of it can be guessed, on any file system."""
    return token_hex(16)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
