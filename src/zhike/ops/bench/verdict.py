"""After the load: lost, doubled, reordered, from the clients' view and from the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhike.ops.bench import ledger
from zhike.ops.bench.pool import Pool, counted
from zhike.ops.bench.readback import NAMES
from zhike.ops.bench.run import Bench, Target

_READBACK_SESSIONS = 2_000
"""At most so many sessions are read back over the protocol where the SQLite file tells of all."""


def read_back(bench: Bench, pool: Pool) -> dict[str, int]:
    """Let sessions come back with ``after: 0`` and compare what they get."""
    sqlite = not bench.args.url and not bench.args.database
    limit = _READBACK_SESSIONS if sqlite else bench.args.sessions + len(pool.processes)
    bench.progress("reading back …", force=True)
    share = max(1, limit // len(pool.processes))
    rows = pool.ask_all("readback", 90.0, limit=share, timeout_s=60.0)
    out = {name: sum(row[name] for row in rows)
           for name in ("sessions", "messages", "left", *NAMES)}
    bench.result["readback_sessions"] = out["sessions"]
    bench.result["readback_messages"] = out["messages"]
    if out["left"]:
        bench.failed.append(f"{out['left']} sessions could not be read back")
    return out


def write_ledgers(bench: Bench, pool: Pool) -> list[dict[str, Any]]:
    """The clients' books into the run's folder; returns their last totals."""
    for number in range(len(pool.processes)):
        pool.send(number, "ledger", path=str(bench.folder / f"ledger-{number}.jsonl"))
    return [row["totals"] for row in pool.gather("ledger", 120.0)]


def judge(bench: Bench, target: Target, totals: list[dict[str, Any]], back: Mapping[str, int]) -> None:
    """Write the counters into the result. The server must have stopped if its file is to be read.

    ``lost`` = acknowledged and not in the store (as acknowledged), or stored and never answered.
    A question neither acknowledged nor answered at the end is ``unacknowledged``: not lost, but told.
    """
    entries = ledger.read_ledgers(sorted(bench.folder.glob("ledger-*.jsonl")))
    acked = sum(1 for entry in entries.values() for seq in entry["seqs"] if seq)
    unacked = sum(1 for entry in entries.values() for seq in entry["seqs"] if not seq)
    never = sum(1 for entry in entries.values() for n in entry["unanswered"] if entry["seqs"][n - 1])

    def total(name: str) -> int:
        return sum(row[name] for row in totals)

    found = {name: back.get(name, 0) for name in NAMES}
    result = bench.result
    if target.server is not None and target.server.database.is_file():
        bench.progress("comparing with the store …", force=True)
        verdict = ledger.check(target.server.database, entries)
        result["stored_messages"] = verdict.stored
        for name in found:
            found[name] = max(found[name], getattr(verdict, name))
    result.update({
        "sent": total("asked"), "acknowledged": acked, "answered": total("answered"),
        "lost": found["lost"] + max(never, found["unanswered"]),
        "lost_not_stored": found["lost"], "lost_not_answered": max(never, found["unanswered"]),
        "altered": found["altered"], "doubled": max(found["doubled"], total("doubled")),
        "reordered": max(found["reordered"], total("reordered") + total("gaps") + total("wrong_acks")),
        "reordered_in_store": found["reordered"], "reordered_seen": total("reordered"),
        "gaps_seen": total("gaps"), "second_acks_that_differ": total("wrong_acks"),
        "unacknowledged": unacked, "refused": sum(counted(totals, "refused").values()),
        "bad_frames": total("bad_frames"), "resent": total("resent"), "reconnects": total("reconnects")})
    for code, count in sorted(counted(totals, "refused").items()):
        result[f"refused_{code}"] = count
    closes = counted(totals, "closes")
    for why in ("readback", "cut", "done", "fin", "rst", "bye"):
        closes.pop(why, None)  # these were ours
    result["closed_by_server"] = sum(closes.values())
    for name in ("lost", "altered", "doubled", "reordered", "bad_frames"):
        if result[name]:
            bench.failed.append(f"{name}: {result[name]}")
