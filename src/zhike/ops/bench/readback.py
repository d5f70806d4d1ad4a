"""Comparing what was acknowledged with what the store holds: the rules of lost, doubled, reordered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Protocol
from zlib import crc32


class Stored(Protocol):
    """One stored message, from a resume page or from the table."""

    @property
    def seq(self) -> int: ...
    @property
    def direction(self) -> str: ...
    @property
    def client_msg_id(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def answers(self) -> tuple[int, ...]: ...


NAMES = ("lost", "altered", "doubled", "reordered", "unanswered")


def checksum(text_json: bytes) -> int:
    """What a client keeps of a text it sent: CRC-32 of its JSON."""
    return crc32(text_json)


def compare(stream: str, acked: Sequence[int], sums: Sequence[int], stored: Iterable[Stored]
            ) -> dict[str, int]:
    """Judge one conversation.

    Args:
        stream: the client's stream; its message n has the id ``"<stream>.<n>"``.
        acked: ``acked[n-1]`` is the seq that message n was acknowledged with, 0 without an ack.
        sums: ``sums[n-1]`` is the :func:`checksum` of message n.
        stored: every stored message of the conversation, in seq order.

    Returns:
        ``lost``: acknowledged messages that are not stored, or stored under another seq;
        ``altered``: messages stored with another text than was sent;
        ``doubled``: ids stored twice, and questions that more than one answer names;
        ``reordered``: messages whose seq is not above that of the client's message before, and
        breaks in 1, 2, 3 …; ``unanswered``: stored questions that no outgoing message names.
    """
    prefix = stream + "."
    seq_of: dict[int, int] = {}
    answers: dict[int, int] = {}
    out = dict.fromkeys(NAMES, 0)
    last_n = 0
    for expected, row in enumerate(stored, 1):
        if row.seq != expected:
            out["reordered"] += 1
        if row.direction == "incoming":
            if not row.client_msg_id.startswith(prefix):
                continue
            n = int(row.client_msg_id[len(prefix):])
            if n in seq_of:
                out["doubled"] += 1
                continue
            if n <= last_n:
                out["reordered"] += 1
            last_n = max(last_n, n)
            seq_of[n] = row.seq
            sent = sums[n - 1] if n <= len(sums) else None
            out["altered"] += sent != checksum(json.dumps(row.text, ensure_ascii=False).encode())
        elif row.direction == "outgoing":
            for seq in row.answers:
                answers[seq] = answers.get(seq, 0) + 1
    out["lost"] = sum(1 for n, seq in enumerate(acked, 1) if seq and seq_of.get(n) != seq)
    out["doubled"] += sum(count - 1 for count in answers.values())
    out["unanswered"] = sum(1 for seq in seq_of.values() if seq not in answers)
    return out
