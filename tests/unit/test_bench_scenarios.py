"""Whole scenarios against a small server process: an honest one passes, one that cheats is found out.

Run as a program, this file *is* that server: ``… serve --data DIR --port N`` with FAKE_CHEAT in the
environment: ``early`` acknowledges before the commit, ``forget`` does not answer every 50th question.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import picows
import pytest

from zhike.ops.bench import runner, server
from zhike.ops.bench.cli import add_parser


class Desk:
    """A desk of one table: stores a question with its answer, then acknowledges."""

    def __init__(self, data: Path, cheat: str) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.cheat = cheat
        self.connections = 0
        self.db = sqlite3.connect(data / "zhike.db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("CREATE TABLE IF NOT EXISTS messages (conversation_id, seq, direction, client_msg_id,"
                        " text, answers, PRIMARY KEY (conversation_id, seq)) WITHOUT ROWID")
        self.db.execute("CREATE UNIQUE INDEX IF NOT EXISTS once ON messages (conversation_id, client_msg_id)"
                        " WHERE client_msg_id <> ''")
        self.db.execute("CREATE TABLE IF NOT EXISTS visitors (id INTEGER PRIMARY KEY)")
        self.begun = False

    def rows(self, conversation: int, after: int) -> list[dict[str, Any]]:
        found = self.db.execute("SELECT seq, direction, client_msg_id, text, answers FROM messages "
                                "WHERE conversation_id = ? AND seq > ? ORDER BY seq", (conversation, after))
        return [{"seq": row[0], "direction": row[1], "client_msg_id": row[2], "text": row[3],
                 "answers": [int(row[4])] if row[4] else []} for row in found]

    def last_seq(self, conversation: int) -> int:
        return int(self.db.execute("SELECT coalesce(max(seq), 0) FROM messages WHERE conversation_id = ?",
                                   (conversation,)).fetchone()[0])

    def begin(self) -> None:
        if not self.begun:
            self.db.execute("BEGIN")
            self.begun = True

    def commit(self) -> None:
        if self.begun:
            self.db.execute("COMMIT")
            self.begun = False

    def new_visitor(self) -> int:
        self.begin()
        cursor = self.db.execute("INSERT INTO visitors DEFAULT VALUES")
        self.commit()
        return int(cursor.lastrowid or 0)

    def put(self, conversation: int, key: str, text: str) -> tuple[int, bool, int]:
        """``(seq, duplicate, seq of the answer or 0)``."""
        self.begin()
        found = self.db.execute("SELECT seq FROM messages WHERE conversation_id = ? AND client_msg_id = ?",
                                (conversation, key)).fetchone()
        if found:
            self.commit()
            return found[0], True, 0
        seq = self.last_seq(conversation) + 1
        answer = 0 if self.cheat == "forget" and key.endswith("7") else seq + 1
        self.db.execute("INSERT INTO messages VALUES (?, ?, 'incoming', ?, ?, '')",
                        (conversation, seq, key, text))
        if answer:
            self.db.execute("INSERT INTO messages VALUES (?, ?, 'outgoing', '', '', ?)",
                            (conversation, answer, str(seq)))
        if self.cheat != "early":
            self.commit()
        return seq, False, answer


class Visit(picows.WSListener):
    """One connection."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.conversation = 0

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.desk.connections += 1

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self.desk.connections -= 1

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        def send(**fields: Any) -> None:
            transport.send(picows.WSMsgType.TEXT, json.dumps(fields).encode())

        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        data, desk = json.loads(frame.get_payload_as_bytes()), self.desk
        if data["type"] == "hello":
            token = data.get("token") or f"t{desk.new_visitor()}"
            self.conversation = int(token[1:])
            last = desk.last_seq(self.conversation)
            send(type="welcome", v=1, token=token,
                 conversation={"id": self.conversation, "last_seq": last} if last else None)
        if data["type"] in ("hello", "resume") and data.get("after") is not None:
            rows = desk.rows(self.conversation, data["after"])
            if rows:
                send(type="messages", conversation=self.conversation, items=rows, last_seq=rows[-1]["seq"])
        if data["type"] == "message":
            seq, duplicate, answer = desk.put(self.conversation, data["client_msg_id"], data["text"])
            send(type="ack", client_msg_id=data["client_msg_id"], conversation=self.conversation, seq=seq,
                 duplicate=duplicate, at="")
            if answer:
                send(type="message", conversation=self.conversation, seq=answer, direction="outgoing",
                     answers=[seq], text="", source={"kind": "article", "key": ""})


async def serve(desk: Desk, port: int) -> None:
    def accept(request: picows.WSUpgradeRequest) -> Any:
        path = request.path.decode()
        if path == "/ws":
            return Visit(desk)
        body = f"zhike_connections {desk.connections}\n" if path == "/metrics" else "ok"
        response = picows.WSUpgradeResponse.create_error_response(400, body.encode())
        response.status = HTTPStatus.OK
        return picows.WSUpgradeResponseWithListener(response, None)

    await picows.ws_create_server(accept, "127.0.0.1", port)
    while True:
        await asyncio.sleep(0.2)
        desk.commit()  # only "early" leaves something to commit


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("--data")
    parser.add_argument("--port", type=int)
    args, _ = parser.parse_known_args(words)
    if args.command == "serve":
        asyncio.run(serve(Desk(Path(args.data), os.environ.get("FAKE_CHEAT", "")), args.port))
    return 0  # "kb import": it knows everything


def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str,
          cheat: str = "") -> tuple[int, dict[str, Any], str]:
    """One scenario: ``(exit code, figures, stderr)``."""
    monkeypatch.setattr(server, "PROGRAM", (sys.executable, __file__))
    monkeypatch.setenv("FAKE_CHEAT", cheat)
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="command", required=True))
    args = parser.parse_args(["bench", *words, "--json", "--articles", "50", "--workers", "1"])
    args.command_line = list(words)
    code = runner.run(args)
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def test_ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, got, _ = bench(monkeypatch, capsys, "ask", "--sessions", "20", "--rate", "200", "--seconds", "1",
                         "--warm", "0.2", "--html", str(tmp_path / "r.html"))
    assert code == 0
    assert got["passed"]
    assert (got["lost"], got["doubled"], got["reordered"], got["sessions"]) == (0, 0, 0, 20)
    assert got["sent"] == got["answered"] == got["acknowledged"] > 100
    assert got["stored_messages"] == got["readback_messages"] == 2 * got["sent"]
    assert 0 < got["p50_ms"] <= got["p99_ms"] <= got["p999_ms"] <= got["max_ms"]
    assert got["rate_per_s"] == pytest.approx(got["rate_repeated_per_s"] + got["rate_new_per_s"])
    assert got["server_rss_bytes"] > 1_000_000
    assert "<svg" in (tmp_path / "r.html").read_text("utf-8")


def test_burst_beside_the_bare_echo(monkeypatch: pytest.MonkeyPatch,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    code, got, _ = bench(monkeypatch, capsys, "burst", "--sessions", "10", "--seconds", "0.5",
                         "--warm", "0.1", "--new-texts", "3000")
    assert code == 0
    assert got["baseline_ratio"] == pytest.approx(got["rate_repeated_per_s"] / got["baseline_rate_per_s"],
                                                  abs=2e-6)
    assert got["baseline_ratio_new"] == pytest.approx(got["rate_new_per_s"] / got["baseline_rate_per_s"],
                                                      abs=2e-6)
    assert got["lost"] == got["doubled"] == got["reordered"] == 0


def test_an_unanswered_question_fails_the_run(monkeypatch: pytest.MonkeyPatch,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("zhike.ops.bench.scenarios.ask.DRAIN_S", 0.2)
    code, got, _ = bench(monkeypatch, capsys, "ask", "--sessions", "2", "--rate", "100", "--seconds", "0.5",
                         "--warm", "0", cheat="forget")
    assert code == 1
    assert got["lost"] == got["lost_not_answered"] == got["sent"] - got["answered"] > 0
    assert got["lost_not_stored"] == 0


def test_crash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, got, _ = bench(monkeypatch, capsys, "crash", "--kills", "4", "--sessions", "10", "--rate", "150",
                         "--longest-life", "0.4")
    assert code == 0
    assert (got["kills"], got["lost"], got["doubled"], got["reordered"], got["unacknowledged"]) \
        == (4, 0, 0, 0, 0)
    assert got["reconnects"] >= 10
    assert got["faults"] == 4 + got["connections_cut"]
    assert got["stored_messages"] == got["readback_messages"] == 2 * got["sent"]


def test_crash_finds_a_server_that_acknowledges_before_it_commits(monkeypatch: pytest.MonkeyPatch,
                                                                  capsys: pytest.CaptureFixture[str]) -> None:
    code, got, err = bench(monkeypatch, capsys, "crash", "--kills", "4", "--sessions", "10", "--rate", "300",
                           "--longest-life", "0.8", cheat="early")
    assert code == 1, err
    assert got["lost_not_stored"] > 0


def test_idle(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("zhike.ops.bench.scenarios.idle.GIVE_UP_S", 1.0)
    code, got, _ = bench(monkeypatch, capsys, "idle", "--sessions", "60", "--seconds", "0.2", "--warm", "0")
    assert (got["sessions"], got["dead_sessions"]) == (60, 6)
    assert got["fin_gone_s"] < 1.0
    assert got["rst_gone_s"] < 1.0
    # this server has no heartbeat, so the silent ones stay, and the bench must say so
    assert got["half_open_gone_s"] >= 1.0
    assert code == 1


def test_coldstart(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, got, _ = bench(monkeypatch, capsys, "coldstart", "--runs", "1", "--explain")
    assert code == 0
    assert got["live_ms"] <= got["ready_ms"]
    assert got["live_ratio"] == pytest.approx(got["live_ms"] / got["baseline_ms"], rel=1e-3)
    assert got["answered_by"] == "article"
    assert got["import_ms"] > 1


def test_replay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    turns = [[["user", f"{d}a"], ["agent", "x"], ["user", f"{d}b"]] for d in range(5)]
    path.write_text("".join(json.dumps({"turns": rows}) + "\n" for rows in turns), "utf-8")
    code, got, _ = bench(monkeypatch, capsys, "replay", str(path), "--sessions", "2")
    assert code == 0
    assert (got["dialogues"], got["turns"], got["answered"], got["stored_messages"]) == (5, 10, 10, 20)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
