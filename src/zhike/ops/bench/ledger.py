"""The last word: what the clients were promised against what the database file holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from zhike.ops.bench.readback import NAMES, compare


class Row(NamedTuple):
    """One row of the table ``messages``."""

    seq: int
    direction: str
    client_msg_id: str
    text: str
    answers: tuple[int, ...]


class Verdict(NamedTuple):
    """``stored``: messages of these clients. The rest as in :func:`zhike.ops.bench.readback.compare`."""

    conversations: int
    stored: int
    acked: int
    lost: int
    altered: int
    doubled: int
    reordered: int
    unanswered: int


def read_ledgers(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """The client processes' ledgers by stream."""
    out: dict[str, dict[str, Any]] = {}
    for path in paths:
        with path.open(encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                out[entry["stream"]] = entry
    return out


def check(database: Path, ledgers: dict[str, dict[str, Any]]) -> Verdict:
    """Compare every stream with the SQLite file, read by SQLite itself, not by our code.

    A stream whose messages are spread over several conversations counts as reordered.
    """
    totals = dict.fromkeys(NAMES, 0)
    seen: set[str] = set()
    stored = 0
    for rows in conversations(database):
        stream = next((row.client_msg_id.rpartition(".")[0] for row in rows
                       if row.direction == "incoming" and "." in row.client_msg_id), "")
        entry = ledgers.get(stream)
        if entry is None:
            continue
        if stream in seen:
            totals["reordered"] += 1
        seen.add(stream)
        stored += len(rows)
        for name, count in compare(stream, entry["seqs"], entry["sums"], rows).items():
            totals[name] += count
    for stream, entry in ledgers.items():
        if stream not in seen:
            totals["lost"] += sum(1 for seq in entry["seqs"] if seq)
    acked = sum(1 for entry in ledgers.values() for seq in entry["seqs"] if seq)
    return Verdict(len(seen), stored, acked, **totals)


def conversations(database: Path) -> Iterator[list[Row]]:
    """The messages of one conversation after the other, in seq order."""
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT conversation_id, seq, direction, client_msg_id, text, "
                                  "answers FROM messages ORDER BY conversation_id, seq")
        for _, group in groupby(rows, key=lambda row: row[0]):
            yield [Row(row[1], row[2], row[3] or "", row[4],
                       tuple(int(part) for part in row[5].split(",")) if row[5] else ()) for row in group]
    finally:
        connection.close()
