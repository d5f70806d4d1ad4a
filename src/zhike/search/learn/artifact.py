"""A trained model as a file: known by what it was trained on, checked before it is used.

Layout: magic, version, digest of the training data (32 bytes), digest of the rest (16 bytes),
msgpack of :class:`zhike.search.learn.model.Weights`. Nothing in it is executed, unlike a pickle.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path

import msgspec

from zhike.search.index import Document
from zhike.search.learn.model import Weights

MAGIC = b"ZKIM"
VERSION = 2
"""To be raised with every change of features, model or fit: models of other versions are made anew."""
MAX_BYTES = 192 << 20
"""Larger files are not read. A model has at most 16 million cells of a byte, and its words."""
_DIGEST, _CHECK = 32, 16


class Lesson(msgspec.Struct, frozen=True):
    """What a model is trained on. ``names``: what each article's key says in words, "" if nothing.
    ``outside``: texts that no article answers. ``given``: blend, sure and curve (see ``Weights``) that
    are not to be fitted: only measuring by leaving out needs that."""

    documents: tuple[Document, ...]
    names: tuple[str, ...]
    outside: tuple[str, ...] = ()
    given: tuple[float, float, tuple[float, ...]] | None = None

    def digest(self) -> bytes:
        """32 bytes; the same for the same lesson, whatever its age."""
        return blake2b(msgspec.msgpack.encode((VERSION, self)), digest_size=_DIGEST).digest()


def write(path: Path, digest: bytes, weights: Weights | None) -> None:
    """Writes whole or not at all; ``weights`` None: there was too little to learn from.

    Raises:
        OSError: the disk refused.
    """
    body = msgspec.msgpack.encode(weights)
    check = blake2b(body, digest_size=_CHECK).digest()
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(MAGIC + VERSION.to_bytes(2, "little") + digest + check)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read(path: Path, digest: bytes) -> Weights | None:
    """The model trained on the lesson of this digest; None if that lesson taught nothing.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is another lesson's, another version's, cut or damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(len(MAGIC) + 2 + _DIGEST + _CHECK)
        if head[:4] != MAGIC or head[4:6] != VERSION.to_bytes(2, "little"):
            raise ValueError("no model of this version")
        if head[6:6 + _DIGEST] != digest:
            raise ValueError("trained on something else")
        body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES or blake2b(body, digest_size=_CHECK).digest() != head[6 + _DIGEST:]:
        raise ValueError("cut or damaged")
    try:
        return msgspec.msgpack.decode(body, type=Weights | None)
    except msgspec.MsgspecError as error:
        raise ValueError("damaged") from error


