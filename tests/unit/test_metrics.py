"""/metrics: what Prometheus reads is what the parts counted."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection

from zhike.bus.memory import MemoryBus
from zhike.clock import now_ms
from zhike.domain.message import Reply
from zhike.domain.unit import BotReply, Change, Incoming
from zhike.domain.wire import SendMessage
from zhike.gateway.counters import Counters
from zhike.ops import metrics
from zhike.ops.meters import LATENCY_EDGES_S, MAX_ASKED, Histogram, Meters, log_edges, measured
from zhike.pipeline.line import Line
from zhike.store import tables
from zhike.store.dialect import insert_rows
from zhike.store.engine import Store
from zhike.testing.inline import InlineExecutor, InlineStore
from zhike.testing.loop import VirtualLoop, run_virtual

REPLY = Reply("七天内可退。")


def read(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Samples by name and labels, as Prometheus understands them."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        assert family.type != "unknown", family.name
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


def parts(**core: Any) -> tuple[Any, Any, Any, str]:
    gateway = SimpleNamespace(counters=Counters())
    probe = SimpleNamespace(requests=Counter[tuple[str, str, int]](), request_s_total=0.0)
    return gateway, SimpleNamespace(**core), probe, "1.2.3"


def test_a_desk_that_is_starting_has_metrics_already() -> None:
    found = read(metrics.render(*parts()))
    assert found["zhike_connections", ()] == 0
    assert found["process_resident_memory_bytes", ()] > 5_000_000
    assert any(name == "zhike_build_info" and ("version", "1.2.3") in labels for name, labels in found)
    assert not any(name.startswith("zhike_messages") for name, _ in found)


def test_what_the_gateway_and_http_counted() -> None:
    gateway, core, probe, version = parts()
    c = gateway.counters
    c.ws_open, c.joined, c.ws_total, c.messages_in = 7, 5, 9, 1234
    c.refused.update({"rate_limited": 3, 'odd "reason"\\': 1, "two\nlines": 2})
    c.closed[4005] = 2
    probe.requests["/api/v1/articles/{id}", "GET", 200] = 4
    probe.requests["", "GET", 404] = 1
    probe.request_s_total = 0.25
    found = read(metrics.render(gateway, core, probe, version))
    assert found["zhike_connections", ()] == 7
    assert found["zhike_sessions", ()] == 5
    assert found["zhike_connections_total", ()] == 9
    assert found["zhike_frames_in_total", ()] == 1234
    assert found["zhike_refused_total", (("reason", "rate_limited"),)] == 3
    assert found["zhike_refused_total", (("reason", 'odd "reason"\\'),)] == 1
    assert found["zhike_refused_total", (("reason", "two\nlines"),)] == 2
    assert found["zhike_closed_total", (("code", "4005"),)] == 2
    assert found["zhike_http_requests_total", (("method", "GET"), ("route", "/api/v1/articles/{id}"),
                                               ("status", "200"))] == 4
    assert found["zhike_http_requests_total", (("method", "GET"), ("route", "none"), ("status", "404"))] == 1
    assert found["zhike_http_request_seconds_total", ()] == 0.25


def test_jobs_and_outbox_when_there_are_any() -> None:
    runner = SimpleNamespace(counts=Counter({("prune.expired", "done"): 3}), running_count=1)
    dispatcher = SimpleNamespace(counts=Counter({("api", "sent"): 2}), running_count=0)
    found = read(metrics.render(*parts(runner=runner, dispatcher=dispatcher)))
    assert found["zhike_jobs_total", (("kind", "prune.expired"), ("outcome", "done"))] == 3
    assert found["zhike_jobs_running", ()] == 1
    assert found["zhike_outbox_total", (("channel", "api"), ("outcome", "sent"))] == 2


def test_the_router_and_who_is_here() -> None:
    router = SimpleNamespace(counts={"assigned": 4, "overtaken": 1}, leads=True,
                             seen=SimpleNamespace(waiting={"sales": 3, "": 1}, presence={"online": 2}))
    found = read(metrics.render(*parts(router=router, presence=SimpleNamespace(open_count=5))))
    assert found["zhike_routing_total", (("outcome", "assigned"),)] == 4
    assert found["zhike_routing_decides", ()] == 1
    assert found["zhike_routing_waiting", (("team", "sales"),)] == 3
    assert found["zhike_routing_waiting", (("team", ""),)] == 1
    assert found["zhike_agents", (("presence", "online"),)] == 2
    assert found["zhike_presence_pages", ()] == 5
    router.leads, router.seen = False, None  # another instance decides: it tells
    found = read(metrics.render(*parts(router=router)))
    assert found["zhike_routing_decides", ()] == 0
    assert not any(name == "zhike_routing_waiting" for name, _ in found)


def test_the_process_start_is_the_system_s_word() -> None:
    """A child that lives a while before it imports this tells when it was born."""
    code = ("import sys, time; sys.stdin.readline(); from zhike.ops import metrics; "
            "print(metrics.started_s())")
    began_s = now_ms() / 1000
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as child:
        born_s = now_ms() / 1000
        said, _ = child.communicate("\n", timeout=30)
    assert began_s - 0.1 <= float(said) <= born_s + 0.1
    found = read(metrics.render(*parts()))
    assert found["process_open_fds", ()] > 2


def test_numbers_are_written_so_that_nothing_is_lost() -> None:
    text = metrics.write([metrics.Family("m", "gauge", "h", [
        ("", (("n", str(i)),), value) for i, value in enumerate(
            (0.1, 1e-9, 2**53 - 1, 1e300, math.inf, -math.inf, 3.0))])])
    values = [sample.value for family in text_string_to_metric_families(text.decode())
              for sample in family.samples]
    assert values == [0.1, 1e-9, 2**53 - 1, 1e300, math.inf, -math.inf, 3.0]


# ---- histograms ------------------------------------------------------------------------------

def test_edges() -> None:
    assert log_edges(0.1, 10, 1) == (0.1, 1.0, 10.0)
    assert LATENCY_EDGES_S[0] == 0.0001
    assert LATENCY_EDGES_S[-2] < 30 <= LATENCY_EDGES_S[-1]
    with pytest.raises(ValueError, match="rise"):
        Histogram((1.0, 1.0))


def test_a_histogram_counts_into_the_right_buckets() -> None:
    histogram = Histogram((1.0, 2.0, 5.0))
    for value in (0.5, 1.0, 1.1, 2.0, 5.0, 5.1, 100.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1, 2]
    found = read(metrics.write([metrics.Family("h", "histogram", "help", metrics.buckets(histogram))]))
    assert [found["h_bucket", (("le", edge),)] for edge in ("1", "2", "5", "+Inf")] == [2, 4, 5, 7]
    assert found["h_count", ()] == 7
    assert found["h_sum", ()] == pytest.approx(114.7)


# ---- the way of a message, measured ----------------------------------------------------------

class Answerer:
    """Answers "sure" at once, all else by a search."""

    def in_memory(self, bot_id: int) -> bool:
        return True

    async def open(self, bot_id: int) -> None:
        return

    def quick(self, bot_id: int, question: Any) -> Reply | None:
        return REPLY if question.text == "sure" else None

    def search(self, bot_id: int, questions: Any) -> list[Reply | None]:
        return [Reply("found", sure=False) for _ in questions]

    def remember(self, bot_id: int, question: Any, reply: Reply) -> None: ...

    def fallback(self, bot_id: int, question: Any, tried: Any) -> Reply:
        return Reply("?")


class Visitor:
    inbox_id, agent_id, conversation_id = 1, 0, 0
    agent_name, lang = "", "en"
    contact: dict[str, str] | None = None
    last_client_msg_id = ""

    def __init__(self, number: int) -> None:
        self.sender = f"v:{number}"
        self.refused: list[str] = []

    def on_control(self, frame: Any) -> None: ...

    def on_stored(self, event: Any) -> None: ...

    def on_refused(self, client_msg_id: str, error: Any) -> None:
        self.refused.append(error.code)


def _seed(conn: Connection) -> None:
    insert_rows(conn, tables.bots, [{"id": 1, "key": "b", "name": "b", "settings": "{}",
                                     "knowledge_version": 1, "created_at": 1, "updated_at": 1}])
    insert_rows(conn, tables.inboxes, [{"id": 1, "key": "i", "name": "i", "channel": "web", "bot_id": 1,
                                        "settings": "{}", "created_at": 1, "updated_at": 1}])


def test_a_real_line_shows_up() -> None:
    async def main(loop: VirtualLoop) -> None:
        inner = InlineStore()
        await inner.open()
        inner.run(_seed)
        meters = Meters()
        store: Store = measured(inner, meters)
        bus = MemoryBus().node()
        bus.attach(lambda events: None)
        line = Line(store, bus, Answerer(), InlineExecutor(), loop.now_ms, {1: 1}, {})
        line.start()
        for number, text in enumerate(("sure", "sure", "a question", " ")):
            line.put(Visitor(number), SendMessage("m", text), loop.time())
        await asyncio.sleep(5)
        found = read(metrics.render(*parts(line=line, meters=meters, store=inner)))
        assert found["zhike_messages_total", (("outcome", "message"), ("stage", "decode"))] == 3
        assert found["zhike_messages_total", (("outcome", "empty_message"), ("stage", "decode"))] == 1
        assert found["zhike_messages_total", (("outcome", "stored"), ("stage", "dedup"))] == 3
        assert found["zhike_queue_depth", (("queue", "receive"),)] == 0
        assert found["zhike_answer_seconds_count", ()] == 3
        assert found["zhike_commit_seconds_count", ()] == found["zhike_batches_total", ()] == 2
        assert found["zhike_batch_entries_sum", ()] == 4  # three questions, one answer by search
        await line.stop()

    run_virtual(main)


def incoming(conversation_id: int, at: int, *, replied: bool = False) -> Incoming:
    entry = Incoming(1, "v:1", "m", b"k" * 16, "?", at)
    entry.outcome, entry.conversation_id, entry.reply_stored = "stored", conversation_id, replied
    return entry


def answer(conversation_id: int, at: int, outcome: Any = "stored") -> BotReply:
    entry = BotReply(conversation_id, 1, (1,), REPLY, at)
    entry.outcome = outcome
    return entry


def test_the_answer_is_timed_from_the_first_piece() -> None:
    meters = Meters()
    meters.unit([incoming(1, 1000), incoming(2, 1000)], 0.001)
    meters.unit([incoming(1, 1500)], 0.001)
    meters.unit([answer(1, 2200), answer(2, 1100, "stale")], 0.002)
    assert meters.answer_s.count == 1
    assert meters.answer_s.sum == pytest.approx(1.202)
    meters.unit([incoming(3, 3000)], 0.001)
    meters.unit([Change(3, "take", 3500)], 0.001)
    meters.unit([answer(3, 9000)], 0.001)  # not the answer to that
    assert meters.answer_s.count == 1


def test_questions_nobody_answers_are_forgotten() -> None:
    meters = Meters()
    for start in range(0, 3 * MAX_ASKED, 1000):
        meters.unit([incoming(start + n, 1) for n in range(1000)], 0.001)
    assert len(meters._asked) <= MAX_ASKED


def test_models_count_by_key() -> None:
    from zhike.answer.llm.models import Models, Price
    from zhike.answer.llm.reply import Completion
    from zhike.answer.llm.usage import UsageBook
    from zhike.testing.models import scripted

    model = scripted("qwen", [(0.5, "您好")], price=Price(10_000.0, 0.0))

    async def main(_loop: VirtualLoop) -> None:
        async for _ in model.ask(1, {"messages": []}, Completion()):
            pass

    run_virtual(main)
    models = Models([model], UsageBook(None, now_ms))
    found = read(metrics.render(*parts(models=SimpleNamespace(models=models))))
    key = ("model", "qwen")
    assert found["zhike_model_requests_total", (key, ("outcome", "ok"))] == 1
    assert found["zhike_model_tokens_total", (("kind", "read"), key)] == 100
    assert found["zhike_model_cost_total", (key,)] == 1.0
    assert found["zhike_model_first_word_seconds_sum", (key,)] == 0.5
    assert found["zhike_model_busy", (key,)] == 0
