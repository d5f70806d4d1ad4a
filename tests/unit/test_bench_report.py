"""The bench around the load: questions, command line, dialogue files, the server's limits, reports."""

from __future__ import annotations

import argparse
import gzip
import html.parser
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from zhike.config.sections import all_settings
from zhike.ops.bench import BenchError, proc, report
from zhike.ops.bench.cli import SCENARIOS, add_parser
from zhike.ops.bench.corpus import REPEAT_POOL, Corpus
from zhike.ops.bench.delivery import Delivery
from zhike.ops.bench.frames import Ack, Message, Other, decode, message_frame, text_frame
from zhike.ops.bench.hist import Histogram
from zhike.ops.bench.readback import checksum, compare
from zhike.ops.bench.run import Bench, Point, target_of_url
from zhike.ops.bench.scenarios.coldstart import import_times
from zhike.ops.bench.scenarios.replay import read_dialogues
from zhike.ops.bench.server import limits_off
from zhike.search.text import normalise
from zhike.testing.kb import asks


def parse(*words: str) -> argparse.Namespace:
    """As ``zhike bench …`` does."""
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="command", required=True))
    args = parser.parse_args(["bench", *words])
    args.command_line = list(words)
    return args


# ---- questions -----------------------------------------------------------------------------------

def test_new_questions_are_new_in_every_spelling_and_depend_on_the_seed(tmp_path: Path) -> None:
    corpus = Corpus(200, 5)
    stored = {normalise(text) for article in corpus.articles for text in asks(article)}
    keys = {article.key for article in corpus.articles}
    new = list(corpus.new(400))
    norms = [normalise(text) for _, text in new]
    assert len(new) == len(set(norms)) == 400
    assert not stored & set(norms)
    assert {key for key, _ in new} <= keys
    repeated = corpus.repeated()
    assert len(repeated) == REPEAT_POOL
    assert {normalise(text) for _, text in repeated} <= stored
    assert list(Corpus(200, 5).new(50)) == new[:50]
    assert list(Corpus(200, 6).new(50)) != new[:50]
    assert corpus.write_questions(tmp_path / "q", 30) == 30
    rows = [json.loads(line) for line in (tmp_path / "q").read_text("utf-8").splitlines()]
    assert [row[0] for row in rows] == [0] * REPEAT_POOL + [1] * 30


def test_new_questions_end_instead_of_looping_for_ever() -> None:
    assert 0 < len(list(Corpus(1, 1).new(1_000_000))) < 1_000_000


def test_knowledge_base_file(tmp_path: Path) -> None:
    Corpus(50, 1).write_kb(tmp_path / "kb.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "kb.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == len({(row["key"], row["lang"]) for row in rows}) == 50
    assert set(rows[0]) == {"key", "lang", "question", "variants", "answer", "category"}


# ---- frames --------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [1, 60, 125, 126, 4000, 5000])
def test_frames_are_well_formed(size: int) -> None:
    for frame in (text_frame(b"x" * size), message_frame(b"s", 7, json.dumps("长" * size).encode())):
        head = 6 if frame[1] & 127 < 126 else 8
        length = frame[1] & 127 if head == 6 else int.from_bytes(frame[2:4], "big")
        assert (frame[0], frame[1] & 128, frame[head - 4:head]) == (0x81, 128, b"\0\0\0\0")
        assert len(frame) == head + length
    body = message_frame(b"s", 7, b'"hi"')[6:]
    assert json.loads(body) == {"type": "message", "client_msg_id": "s.7", "text": "hi", "n": 7}


def test_server_frames() -> None:
    ack = decode(b'{"type":"ack","client_msg_id":"a.1","conversation":3,"seq":9,"at":"2026-01-01"}')
    assert ack == Ack("a.1", 3, 9)
    frame = decode(b'{"type":"message","conversation":3,"seq":10,"direction":"outgoing","sender":"bot",'
                   b'"text":"x","at":"t","answers":[9],"source":{"kind":"article","id":1,"key":"k","score":0.9}}')
    assert isinstance(frame, Message)
    assert frame.answers == (9,)
    assert isinstance(decode(b'{"type":"delta","text":"x"}'), Other)
    for bad in (b'{"type":"unheard"}', b'{"type":"ack"}', b"{", b"[]"):
        with pytest.raises(ValueError, match="not"):
            decode(bad)


# ---- judging -------------------------------------------------------------------------------------

class Row:
    """A stored message."""

    text = "运费"

    def __init__(self, seq: int, key: str = "", *answers: int) -> None:
        self.seq, self.client_msg_id, self.answers = seq, key, answers
        self.direction = "incoming" if key else "outgoing"


def judged(acked: list[int], *rows: Row) -> dict[str, int]:
    """What is wrong with the conversation of stream ``s``."""
    sums = [checksum('"运费"'.encode())] * len(acked)
    return {name: count for name, count in compare("s", acked, sums, rows).items() if count}


def test_judging_one_conversation() -> None:
    good = [Row(1, "s.1"), Row(2, "", 1), Row(3, "s.2"), Row(4, "s.3"), Row(5, "", 3, 4)]
    assert judged([1, 3, 4], *good) == {}
    assert judged([1, 3, 5], *good) == {"lost": 1}
    assert judged([1, 3, 4, 6], *good) == {"lost": 1}
    assert judged([1, 0, 0, 0], *good) == {}
    assert judged([1], Row(1, "s.1"), Row(2, "", 1), Row(3, "", 1)) == {"doubled": 1}
    assert judged([1], Row(1, "s.1"), Row(2, "s.1"), Row(3, "", 1)) == {"doubled": 1}
    assert judged([2, 1], Row(1, "s.2"), Row(2, "s.1"), Row(3, "", 1, 2)) == {"reordered": 1}
    assert judged([1], Row(1, "s.1"), Row(3, "", 1)) == {"reordered": 1}
    assert judged([1], Row(1, "s.1")) == {"unanswered": 1}
    assert judged([1], Row(1, "other.1"), Row(2, "s.1"))["lost"] == 1
    changed = Row(1, "s.1")
    changed.text = "運費"
    assert judged([1], changed, Row(2, "", 1)) == {"altered": 1}


def test_what_a_client_may_expect_of_delivery() -> None:
    live = Delivery()
    assert [live.on_ack(1, False), live.on_message(2), live.on_ack(3, False), live.on_ack(4, False),
            live.on_message(5), live.known_up_to()] == ["", "", "", "", "", 5]
    assert live.on_message(5) == "again"
    assert live.on_message(3) == "again"
    assert live.on_message(8) == "gap"
    assert live.on_ack(7, False) == ""
    assert live.on_ack(6, False) == "order"
    assert live.on_ack(6, True) == ""
    paged = Delivery()  # resumes after 0; acks of what is sent meanwhile overtake the page
    assert [paged.on_ack(3, False), paged.on_ack(4, False), paged.known_up_to()] == ["", "", 0]
    assert [paged.on_message(1), paged.on_message(2), paged.known_up_to()] == ["", "", 4]
    assert [paged.on_message(3), paged.on_message(4), paged.on_message(5), paged.known_up_to()] \
        == ["", "", "", 5]


# ---- command line, files, limits -------------------------------------------------------------------

def test_every_scenario_parses_with_the_common_flags() -> None:
    for name in SCENARIOS:
        own = ["file.jsonl"] if name == "replay" else []
        args = parse(name, *own, "--sessions", "1,000", "--rate", "5", "--seconds", "2", "--workers", "3",
                     "--seed", "9", "--json", "--html", "r.html")
        assert (args.scenario, args.sessions, args.rate, args.seconds, args.workers, args.seed) \
            == (name, 1000, 5.0, 2.0, 3, 9)
    for words in (["ask", "--sessions", "0"], ["ask", "--rate", "-1"], ["idle", "--dead", "2"], ["nothing"]):
        with pytest.raises(SystemExit):
            parse(*words)


def test_the_command_line_costs_a_starting_server_nothing() -> None:
    code = ("import sys, argparse; from zhike.ops.bench.cli import add_parser;"
            "add_parser(argparse.ArgumentParser().add_subparsers());"
            "print(sorted(m for m in sys.modules if m in ('msgspec', 'picows', 'uvloop', 'asyncio',"
            " 'tempfile', 'subprocess', 'zhike.ops.bench.run')))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_limits_it_lifts_are_settings() -> None:
    known = {setting.variable for setting in all_settings().values()}
    assert set(limits_off(10)) <= known


def test_dialogues(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl.gz"
    rows = [{"turns": [["user", "你好"], ["system", "您好"], ["USER", "运费？"], ["user", " "]]},
            {"turns": [["agent", "x"]]}, {"turns": [["visitor", "y" * 5000]]}]
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(json.dumps(row) for row in rows) + "\n\n")
    assert read_dialogues(path) == [["你好", "运费？"], ["y" * 4000]]
    assert read_dialogues(path, 1) == [["你好", "运费？"]]
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"turns": [["user", "x"]]}\n{"turns": 3}\n', "utf-8")
    with pytest.raises(BenchError, match=r"bad\.jsonl:2"):
        read_dialogues(bad)
    (tmp_path / "not.gz").write_bytes(b"plain")
    for name in ("none.jsonl", "not.gz"):
        with pytest.raises(BenchError, match="cannot be read"):
            read_dialogues(tmp_path / name)


def test_url_of_a_running_server() -> None:
    where = target_of_url("http://127.0.0.1:8080", "shop", 5)
    assert where == ("127.0.0.1", 8080, "/ws", "http://127.0.0.1:8080", "shop", None, 5)
    assert target_of_url("ws://desk:81/other", "shop").path == "/other"
    for bad in ("https://desk", "http://", "ftp://x"):
        with pytest.raises(BenchError, match="--url"):
            target_of_url(bad, "shop")


# ---- reports -------------------------------------------------------------------------------------

class _Finder(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_reports_say_the_same_and_load_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bench = Bench(parse("ask", "--html", "<script>.html"))
    rng = random.Random(1)
    hist = Histogram()
    for _ in range(5000):
        hist.record(int(rng.lognormvariate(8, 1)))
    bench.hists = {"answer, new": hist, "empty": Histogram()}
    bench.series["ask"] = [Point(at * .5, 1000.0 + at, 3, .3, 10_000_000) for at in range(20)]
    bench.result.update({"lost": 0, "p99_ms": 12.3456789, "baseline_ratio": 0.251, "server_cpu_ratio": 0.39,
                         "bytes_per_connection": 15_300.0, "server_rss_bytes": 3e8, "rate_per_s": 1999.6})
    bench.notes.append("a <note>")
    bench.failed.append("reordered: 1")
    bench.finish(1.5)
    bench.close()
    flat = json.loads(report.as_json(bench))
    assert flat["p99_ms"] == 12.345679
    assert flat["command"] == "zhike bench ask --html '<script>.html'"
    assert all(isinstance(found, str | int | float | bool) for found in flat.values())
    table = report.table(bench)
    for text in ("12.35 ms", "25.1 %", "0.39", "15.3 KB", "300.0 MB", "2,000 /s", "FAILED: reordered: 1"):
        assert text in table
    page = report.html(bench)
    finder = _Finder()
    finder.feed(page)
    tags = {tag for tag, _ in finder.tags}
    assert {"svg", "polyline", "table"} <= tags
    assert not tags & {"script", "link", "img", "iframe", "object"}
    assert not any(name in ("src", "href") for _, attrs in finder.tags for name in attrs)
    assert "url(" not in page
    assert "@import" not in page
    assert not bench.folder.exists()


def test_processes_are_measured() -> None:
    code = ("import sys\nx = bytearray(30_000_000)\nfor _ in range(4_000_000): pass\n"
            "print(1, flush=True)\nsys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert proc.rss_bytes(child.pid) > 30_000_000
        assert 0.02 < proc.cpu_s(child.pid) < 20
        assert child.pid in proc.tree(child.pid)
        child.kill()
    assert proc.cpu_s(child.pid) == 0
    assert proc.machine()["cores"]


def test_import_times(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("import time: self [us] | cumulative | imported package\n"
                   "import time:      1500 |       1500 |   _socket\n"
                   "import time:       500 |       2000 | socket\n"
                   "import time:      3000 |       3000 | picows.picows\nready\n"
                   "import time:       250 |       3000 |   zhike.gateway.hub\n", "utf-8")
    assert import_times(log) == {"standard library": 2.0, "picows": 3.0, "zhike.gateway": 0.25}
