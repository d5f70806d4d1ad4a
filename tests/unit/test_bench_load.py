"""The load generator against a small server whose misdeeds are known: each must be counted as what it is."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import picows
import pytest

from zhike.ops.bench import ledger
from zhike.ops.bench.pool import PhaseResult, Pool


class Fake:
    """A server of the protocol in memory, in a thread of its own.

    ``fault(n)`` names what to do wrong with a visitor's n-th message: "no_answer", "answer_twice",
    "lose" (acknowledge, do not store), "store_twice", "swap" (the answer overtakes the ack), "gap",
    "alter" (stores another text), "repeat" (the same message event twice), "refuse" (the first time),
    "hang_up" (stored, then cut before the ack; the first time).
    """

    def __init__(self, fault: Callable[[int], str] = lambda _: "") -> None:
        self.fault = fault
        self.rows: list[tuple[int, int, str, str, str, str]] = []
        self.tokens: dict[str, _Visitor] = {}
        self.once: set[tuple[str, int]] = set()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Fake:
        self._thread.start()
        assert self._up.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            picows.ws_create_server(lambda _: _Connection(self), "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        self._loop.run_forever()
        server.close()

    def write(self, path: Path) -> Path:
        """What is stored, as the database file."""
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE messages "
                       "(conversation_id, seq, direction, client_msg_id, text, answers)")
            db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", self.rows)
        db.close()
        return path


class _Visitor:
    def __init__(self, token: str, conversation: int) -> None:
        self.token, self.conversation, self.seq = token, conversation, 0
        self.known: dict[str, int] = {}
        self.items: list[dict[str, Any]] = []


class _Connection(picows.WSListener):
    def __init__(self, fake: Fake) -> None:
        self.fake = fake
        self.visitor: _Visitor | None = None
        self.aborted = False

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type != picows.WSMsgType.TEXT or self.aborted:
            return
        data = json.loads(frame.get_payload_as_bytes())
        if data["type"] == "hello":
            self._hello(transport, data)
        elif data["type"] == "resume":
            self._resume(transport, data)
        elif data["type"] == "message":
            self._message(transport, data)

    @staticmethod
    def _send(transport: picows.WSTransport, **fields: Any) -> None:
        transport.send(picows.WSMsgType.TEXT, json.dumps(fields).encode())

    def _hello(self, transport: picows.WSTransport, data: dict[str, Any]) -> None:
        tokens = self.fake.tokens
        visitor = tokens.get(data.get("token", ""))
        if visitor is None:
            visitor = _Visitor(f"t{len(tokens) + 1}", len(tokens) + 1)
            tokens[visitor.token] = visitor
        self.visitor = visitor
        self._send(transport, type="starting")
        state = {"id": visitor.conversation, "last_seq": visitor.seq} if visitor.seq else None
        self._send(transport, type="welcome", v=1, token=visitor.token, conversation=state)
        if data.get("after") is not None:
            self._resume(transport, data)

    def _resume(self, transport: picows.WSTransport, data: dict[str, Any]) -> None:
        visitor, after = self.visitor, data["after"]
        assert visitor is not None
        assert data["conversation"] == visitor.conversation
        if visitor.items:
            missed = [item for item in visitor.items if item["seq"] > after]
            for k in range(0, len(missed), 3):
                self._send(transport, type="messages", conversation=visitor.conversation,
                           items=missed[k:k + 3], last_seq=visitor.seq, more=k + 3 < len(missed))

    def _message(self, transport: picows.WSTransport, data: dict[str, Any]) -> None:
        fake, visitor, n, key = self.fake, self.visitor, data["n"], data["client_msg_id"]
        assert visitor is not None
        conversation = visitor.conversation
        fault = fake.fault(n)
        if fault in ("refuse", "hang_up") and (key, 0) in fake.once:
            fault = ""
        if fault == "refuse":
            fake.once.add((key, 0))
            self._send(transport, type="error", client_msg_id=key,
                       error={"code": "overloaded", "retry": "later", "retry_after_s": 0.02})
            return
        if n > 1 and f"{key.rpartition('.')[0]}.{n - 1}" not in visitor.known:
            self._send(transport, type="error", client_msg_id=key,
                       error={"code": "out_of_order", "message": "wait", "retry": "now"})
            return
        if key in visitor.known:
            self._send(transport, type="ack", client_msg_id=key, conversation=conversation,
                       seq=visitor.known[key], at="", duplicate=True)
            return
        visitor.seq += 2 if fault == "gap" else 1
        seq = visitor.known[key] = visitor.seq
        if fault != "lose":
            self._stored(visitor, {"seq": seq, "direction": "incoming", "client_msg_id": key,
                                   "text": data["text"].upper() if fault == "alter" else data["text"]})
        if fault == "store_twice":
            visitor.seq += 1
            self._stored(visitor, {"seq": visitor.seq, "direction": "incoming", "client_msg_id": key,
                                   "text": data["text"]})
        visitor.seq += 1
        answer = {"seq": visitor.seq, "direction": "outgoing", "answers": [seq], "text": "好",
                  "source": {"kind": "article", "key": "k"}}
        if fault != "no_answer":
            self._stored(visitor, answer)
        if fault == "hang_up":
            fake.once.add((key, 0))
            self.aborted = True
            transport.underlying_transport.abort()
            return
        frames: list[dict[str, Any]] = [
            {"type": "ack", "client_msg_id": key, "conversation": conversation, "seq": seq, "at": ""},
            {"type": "typing", "conversation": conversation, "sender": "bot"},
            {"type": "message", "conversation": conversation, "sender": "bot", "at": "", **answer}]
        if fault == "swap":
            frames.reverse()
        if fault == "repeat":
            frames.append(frames[2])
        if fault == "no_answer":
            visitor.seq -= 1
            del frames[2]
        if fault == "answer_twice":
            visitor.seq += 1
            again = {**answer, "seq": visitor.seq}
            self._stored(visitor, again)
            frames.append({**frames[2], **again})
        for fields in frames:
            self._send(transport, **fields)

    def _stored(self, visitor: _Visitor, item: dict[str, Any]) -> None:
        visitor.items.append(item)
        self.fake.rows.append((visitor.conversation, item["seq"], item["direction"],
                               item.get("client_msg_id", ""), item["text"],
                               ",".join(map(str, item.get("answers", ())))))


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps([kind, "k", f"运费 {kind} {i} \"quoted\" {'长' * 60}"]) + "\n"
                            for kind in (0, 1) for i in range(200)), "utf-8")
    return path


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(1) as pool:
        yield pool


def load(pool: Pool, port: int, questions: Path, *, rate: float = 0.0, seconds: float = 0.3,
         depth: int = 1, sessions: int = 4, reconnect: bool = False, drain_s: float = 1.0) -> PhaseResult:
    """A short phase of load."""
    assert pool.connect(sessions, port=port, reconnect=reconnect, tag="t", timeout_s=10) == sessions
    pool.send(0, "load", path=str(questions), part=0, parts=1, seed=1, again=True)
    pool.gather("load", 10)
    pool.send(0, "run", start_s=monotonic() + 0.02, warm_s=0.0, seconds=seconds, mix="mixed", depth=depth,
              rate_per_s=rate, drain_s=drain_s, seed=3)
    return PhaseResult(pool.gather("run", 20))


def book(pool: Pool, tmp_path: Path, fake: Fake) -> ledger.Verdict:
    """Stored against acknowledged."""
    pool.ask_all("ledger", 10, path=str(tmp_path / "ledger-0.jsonl"))
    return ledger.check(fake.write(tmp_path / "zhike.db"), ledger.read_ledgers([tmp_path / "ledger-0.jsonl"]))


@pytest.mark.parametrize(("rate", "depth"), [(0.0, 1), (0.0, 3), (300.0, 1)])
def test_a_good_server_is_found_good(pool: Pool, questions: Path, tmp_path: Path, rate: float,
                                     depth: int) -> None:
    with Fake() as fake:
        result = load(pool, fake.port, questions, rate=rate, depth=depth)
        verdict = book(pool, tmp_path, fake)
        back = pool.ask_all("readback", 20, limit=10, timeout_s=10)[0]
    assert result.total("asked") == result.total("answered") == result.total("acked") == verdict.acked > 20
    assert result.hist().count == sum(result.answered) == sum(result.right) > 20
    assert abs(result.answered[0] - result.answered[1]) <= 4 * depth
    assert verdict == (4, 2 * verdict.acked, verdict.acked, 0, 0, 0, 0, 0)
    for name in ("doubled", "reordered", "gaps", "wrong_acks", "bad_frames"):
        assert result.total(name) == 0, name
    assert (back["sessions"], back["left"], back["messages"]) == (4, 0, 2 * verdict.acked)
    assert back["lost"] == back["doubled"] == back["reordered"] == back["unanswered"] == 0
    if rate:
        assert result.rate_per_s() == pytest.approx(rate, rel=0.4)


def once_at(n: int, fault: str) -> Callable[[int], str]:
    return lambda number: fault if number == n else ""


def test_acknowledged_and_not_stored_is_lost(pool: Pool, questions: Path, tmp_path: Path) -> None:
    with Fake(once_at(3, "lose")) as fake:
        load(pool, fake.port, questions)
        verdict = book(pool, tmp_path, fake)
        back = pool.ask_all("readback", 20, limit=10, timeout_s=10)[0]
    assert verdict.lost == back["lost"] == 4
    assert verdict.reordered == back["reordered"] > 0  # its seq is missing


def test_a_question_without_answer_is_seen_by_client_and_store(pool: Pool, questions: Path,
                                                               tmp_path: Path) -> None:
    with Fake(once_at(2, "no_answer")) as fake:
        result = load(pool, fake.port, questions, depth=2)
        verdict = book(pool, tmp_path, fake)
    assert result.total("inflight") == verdict.unanswered == 4
    assert verdict.lost == 0


def test_two_answers_are_doubled(pool: Pool, questions: Path, tmp_path: Path) -> None:
    with Fake(once_at(2, "answer_twice")) as fake:
        result = load(pool, fake.port, questions)
        verdict = book(pool, tmp_path, fake)
    assert result.total("doubled") == verdict.doubled == 4


def test_another_text_is_altered(pool: Pool, questions: Path, tmp_path: Path) -> None:
    with Fake(once_at(2, "alter")) as fake:
        load(pool, fake.port, questions)
        verdict = book(pool, tmp_path, fake)
        back = pool.ask_all("readback", 20, limit=10, timeout_s=10)[0]
    assert verdict.altered == back["altered"] == 4
    assert verdict.lost == 0


def test_stored_twice_is_doubled(pool: Pool, questions: Path, tmp_path: Path) -> None:
    with Fake(once_at(2, "store_twice")) as fake:
        load(pool, fake.port, questions)
        verdict = book(pool, tmp_path, fake)
    assert (verdict.doubled, verdict.lost) == (4, 0)


def test_order_and_gaps_are_seen_by_the_client(pool: Pool, questions: Path) -> None:
    with Fake(lambda n: {2: "swap", 4: "gap", 6: "repeat"}.get(n, "")) as fake:
        result = load(pool, fake.port, questions)
    assert result.total("gaps") == 8
    assert result.total("reordered") == 4
    assert result.total("doubled") == 4
    assert result.total("inflight") == 0


def test_a_refused_message_is_counted_and_sent_again_in_order(pool: Pool, questions: Path,
                                                              tmp_path: Path) -> None:
    with Fake(once_at(2, "refuse")) as fake:
        result = load(pool, fake.port, questions, depth=3)
        verdict = book(pool, tmp_path, fake)
    assert result.totals[0]["refused"]["overloaded"] == 4
    assert verdict[3:] == (0, 0, 0, 0, 0)
    assert result.total("resent") >= 4
    assert result.total("inflight") == 0


def test_after_a_cut_it_resumes_and_sends_again_with_the_same_ids(pool: Pool, questions: Path,
                                                                  tmp_path: Path) -> None:
    with Fake(once_at(3, "hang_up")) as fake:
        result = load(pool, fake.port, questions, depth=2, reconnect=True, seconds=0.8)
        verdict = book(pool, tmp_path, fake)
    assert result.total("reconnects") == 4
    assert result.total("resent") >= 4
    assert verdict[3:] == (0, 0, 0, 0, 0)
    assert verdict.acked == result.total("asked")
    assert result.total("reordered") == result.total("gaps") == result.total("doubled") == 0
    assert result.total("inflight") == 0


def test_cut_and_close(pool: Pool, questions: Path) -> None:
    with Fake() as fake:
        load(pool, fake.port, questions, sessions=9)
        assert pool.ask_all("cut", 10, share=0.34)[0]["count"] == 3
        assert pool.ask_all("close", 10, count=2, how="fin")[0]["count"] == 2
        assert pool.ask_all("close", 10, count=99, how="bye")[0]["count"] == 4


def test_replay_waits_for_each_answer_and_goes_on_after_the_time_out(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "dialogues.jsonl"
    path.write_text("".join(json.dumps([f"{d}-{t}" for t in range(3)]) + "\n" for d in range(7)), "utf-8")
    with Fake(once_at(2, "no_answer")) as fake:
        pool.send(0, "replay", path=str(path), part=0, parts=1, at_once=3, timeout_s=0.05, host="127.0.0.1",
                  port=fake.port, ws_path="/ws", origin="", inbox="shop", tag="r")
        row = pool.gather("replay", 20)[0]
        texts = {item["text"] for v in fake.tokens.values() for item in v.items if "client_msg_id" in item}
    assert (row["dialogues"], row["turns"], row["answered"], row["timeouts"]) == (7, 21, 14, 7)
    assert texts == {f"{d}-{t}" for d in range(7) for t in range(3)}


def test_nobody_there(pool: Pool) -> None:
    with Fake() as fake:
        port = fake.port
    with pytest.raises(Exception, match=r"no session could join.*ECONNREFUSED"):
        pool.connect(3, port=port, timeout_s=5)
