"""``/metrics``: plain counters of the parts, written as Prometheus text (format 0.0.4).

The parts count in plain attributes and know nothing of metrics; this file reads them when somebody
asks. (prometheus-client would cost 0.14 s of imports at every start for what are a few lines here;
the tests read the output with its parser.)
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zhike.clock import now_ms
from zhike.ops.meters import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]
"""(suffix of the name, labels, value)."""

_IMPORTED_S = now_ms() / 1000


class Family:
    """One metric: its name, kind (counter | gauge | histogram | summary), help, samples."""

    __slots__ = ("help", "kind", "name", "samples")

    def __init__(self, name: str, kind: str, help_text: str, samples: Iterable[Sample]) -> None:
        self.name = name
        self.kind = kind
        self.help = help_text
        self.samples = samples


def render(gateway: Any, core: Any, probe: Any, version: str) -> bytes:
    """The whole text. A part that does not exist yet (the desk is starting) is left out.

    Args:
        gateway: :class:`zhike.gateway.gateway.Gateway`.
        core: the app's core: ``line``, ``registry``, ``engine`` and, if there, ``meters`` (see
            :mod:`zhike.ops.meters`), ``runner``, ``dispatcher`` and ``models`` (the
            :class:`zhike.answer.llm.part.ModelPart`).
        probe: ``requests`` (route, method, status) → count, ``request_s_total``.
    """
    return write(families(gateway, core, probe, version))


def write(parts: Iterable[Family]) -> bytes:
    """Families as text."""
    out: list[str] = []
    for family in parts:
        lines = [f"{family.name}{suffix}{_labels(labels)} {_number(value)}"
                 for suffix, labels, value in family.samples]
        if lines:
            out.append(f"# HELP {family.name} {_escape_help(family.help)}")
            out.append(f"# TYPE {family.name} {family.kind}")
            out += lines
    return ("\n".join(out) + "\n").encode()


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _escape_help(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return {float("inf"): "+Inf", float("-inf"): "-Inf"}.get(value, "NaN")
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))


# ---- what there is to see --------------------------------------------------------------------

def families(gateway: Any, core: Any, probe: Any, version: str) -> Iterator[Family]:
    """Everything, part by part."""
    yield from _process(version, core)
    yield from _gateway(gateway)
    line = getattr(core, "line", None)
    if line is not None:
        yield from _line(line)
    yield from _http(probe)
    yield from _later(core)
    models = getattr(core, "models", None)
    if models is not None:
        yield from _models(list(models.models.by_key.values()))
    meters = getattr(core, "meters", None)
    if meters is not None:
        yield from _latencies(meters)


def _one(value: float) -> list[Sample]:
    return [("", (), value)]


def _by(label: str, values: Mapping[Any, float]) -> list[Sample]:
    return [("", ((label, key),), value) for key, value in sorted((str(k), v) for k, v in values.items())]


def _by_two(labels: tuple[str, str], values: Mapping[tuple[str, str], float]) -> list[Sample]:
    return [("", ((labels[0], a), (labels[1], b)), value) for (a, b), value in sorted(values.items())]


def _process(version: str, core: Any) -> Iterator[Family]:
    store = getattr(core, "store", None)
    database = store.url.get_backend_name() if store is not None else ""
    python = ".".join(map(str, sys.version_info[:3]))
    yield Family("zhike_build_info", "gauge", "Version of zhike, Python and kind of database; always 1.", [
        ("", (("version", version), ("python", python), ("database", database)), 1)])
    yield Family("process_resident_memory_bytes", "gauge", "Resident memory of this process.",
                 _one(resident_bytes()))
    times = os.times()
    yield Family("process_cpu_seconds_total", "counter", "CPU time of this process, user and system.",
                 _one(times.user + times.system))
    yield Family("process_start_time_seconds", "gauge", "When this process started, Unix time.",
                 _one(started_s()))
    descriptors = open_descriptors()
    yield Family("process_open_fds", "gauge", "Open file descriptors, sockets among them.",
                 _one(descriptors) if descriptors else [])


def _gateway(gateway: Any) -> Iterator[Family]:
    c = gateway.counters
    yield Family("zhike_connections", "gauge", "Open WebSocket connections.", _one(c.ws_open))
    yield Family("zhike_sessions", "gauge", "Connections that were welcomed and not yet closed.",
                 _one(c.joined))
    yield Family("zhike_http_connections", "gauge", "Open connections that speak HTTP.", _one(c.http_open))
    yield Family("zhike_connections_total", "counter", "WebSocket connections since the start.",
                 _one(c.ws_total))
    yield Family("zhike_sessions_total", "counter", "Welcomed connections since the start.",
                 _one(c.joined_total))
    yield Family("zhike_sessions_resumed_total", "counter", "Of these, how many resumed.",
                 _one(c.resumed_total))
    yield Family("zhike_frames_in_total", "counter", "Frames received.", _one(c.messages_in))
    yield Family("zhike_frames_out_total", "counter", "Frames sent.", _one(c.messages_out))
    yield Family("zhike_refused_total", "counter", "Connections and frames the gateway refused.",
                 _by("reason", c.refused))
    yield Family("zhike_closed_total", "counter", "Connections this side closed, by close code.",
                 _by("code", c.closed))
    yield Family("zhike_closed_by_peer_total", "counter", "Connections the other side closed.",
                 _one(c.closed_by_peer))


def _line(line: Any) -> Iterator[Family]:
    receive, queue = line.receive, line.queue
    yield Family("zhike_messages_total", "counter", "Messages by pipeline stage and what became of them.",
                 _by_two(("stage", "outcome"),
                                  {**line.counts, ("receive", "overloaded"): receive.refused_count}))
    yield Family("zhike_queue_depth", "gauge", "What waits, by queue.", _by("queue", {
        "receive": len(receive.waiting), "turns": len(queue.turns), "replies": len(queue.replies),
        "changes": len(queue.changes), "out_of_order": queue.held_count, "commit": line.in_commit_count}))
    yield Family("zhike_queue_limit", "gauge", "Bound of a queue; beyond it senders hear `overloaded`.",
                 _by("queue", {"receive": receive.max_messages}))
    yield Family("zhike_receive_bytes", "gauge", "Bytes of messages waiting to be worked on.",
                 _one(receive.waiting_bytes))
    yield Family("zhike_batches_total", "counter", "Batches committed.", _one(line.batches_count))


def _http(probe: Any) -> Iterator[Family]:
    yield Family("zhike_http_requests_total", "counter", "HTTP requests answered.", [
        ("", (("route", route or "none"), ("method", method), ("status", str(status))), count)
        for (route, method, status), count in sorted(probe.requests.items())])
    yield Family("zhike_http_request_seconds_total", "counter", "Time spent on them.",
                 _one(probe.request_s_total))


def _later(core: Any) -> Iterator[Family]:
    """Durable jobs and what leaves through channels."""
    runner = getattr(core, "runner", None)
    if runner is not None:
        yield Family("zhike_jobs_total", "counter", "Durable jobs by kind and outcome.",
                     _by_two(("kind", "outcome"), runner.counts))
        yield Family("zhike_jobs_running", "gauge", "Durable jobs in hand.", _one(runner.running_count))
    dispatcher = getattr(core, "dispatcher", None)
    if dispatcher is not None:
        yield Family("zhike_outbox_total", "counter", "Messages through channels by channel and outcome.",
                     _by_two(("channel", "outcome"), dispatcher.counts))
        yield Family("zhike_outbox_sending", "gauge", "Messages under way through channels.",
                     _one(dispatcher.running_count))
    outreach = getattr(core, "outreach", None)
    if outreach is not None:
        yield Family("zhike_notices_total", "counter",
                     "Notices to agents and operators by kind of target and outcome (failed: one attempt).",
                     _by_two(("target", "outcome"), outreach.notifier.counts))
        yield Family("zhike_mails_in_total", "counter", "Mails that came in, by what became of them.",
                     _by("outcome", outreach.mailing.intake.counts))
    yield from _routing(core)
    yield from _tools(core)
    registry = getattr(core, "registry", None)
    if registry is not None:
        yield Family("zhike_inboxes", "gauge", "Inboxes.", _one(len(registry.inboxes)))
        yield from _knowledge(getattr(registry, "knowledge", None), getattr(core, "embedder", None))


def _routing(core: Any) -> Iterator[Family]:
    """Who waits, who is here, and what the router did about it."""
    router, presence = getattr(core, "router", None), getattr(core, "presence", None)
    if router is not None:
        yield Family("zhike_routing_total", "counter",
                     "Conversations the router assigned, lost to a quicker person (overtaken), moved to "
                     "another team or returned to the queue, and its alarms; on the instance that decided.",
                     _by("outcome", router.counts))
        yield Family("zhike_routing_decides", "gauge", "1 on the instance that routes at present.",
                     _one(int(router.leads)))
        seen = router.seen
        yield Family("zhike_routing_waiting", "gauge",
                     "Conversations that wait for a person, by team; on the instance that decides.",
                     _by("team", seen.waiting) if seen is not None else [])
        yield Family("zhike_agents", "gauge",
                     "Agents by presence (online, away, offline); on the instance that decides.",
                     _by("presence", seen.presence) if seen is not None else [])
    if presence is not None:
        yield Family("zhike_presence_pages", "gauge", "Pages of agents that are connected here.",
                     _one(presence.open_count))


def _knowledge(keeper: Any, embedder: Any) -> Iterator[Family]:
    """Indexes and embeddings of what bots know."""
    if keeper is not None:
        yield Family("zhike_knowledge_memory_bytes", "gauge", "Indexes of small bots in memory, estimated.",
                     _one(keeper.memory_used_bytes))
        yield Family("zhike_knowledge_evicted_total", "counter",
                     "Small bots that made room; they are read again when they are asked.",
                     _one(keeper.evicted_count))
        yield Family("zhike_knowledge_behind", "gauge",
                     "Large bots whose index does not show the newest edit, or is being built.",
                     _one(len(keeper.behind)))
        if keeper.library is not None:
            yield Family("zhike_knowledge_index_articles", "gauge", "Articles indexed of each large bot.", [
                ("", (("bot", str(bot_id)),), shown.done) for bot_id, shown in keeper.library.shown.items()])
    if embedder is not None:
        yield Family("zhike_embeddings_total", "counter",
                     "Embeddings of articles and questions, by what became of them.",
                     _by("outcome", embedder.counts))
        yield Family("zhike_embeddings_bytes", "gauge", "Vectors in memory.",
                     _one(sum(table.bytes_used for table in embedder.tables.values())))
        yield Family("zhike_embeddings_behind", "gauge", "Bots whose newest edits have no vectors yet.",
                     _one(embedder.behind))


def _tools(core: Any) -> Iterator[Family]:
    """The shop's systems and the flows that use them."""
    toolbox, flows = getattr(core, "toolbox", None), getattr(core, "flows", None)
    if toolbox is not None:
        yield Family("zhike_tool_calls_total", "counter", "Calls of tools by tool and outcome.",
                     _by_two(("tool", "outcome"), toolbox.counts))
        yield Family("zhike_tool_calls", "gauge", "Calls of tools, running and waiting for their turn.",
                     _by("state", {"running": toolbox.running_count, "waiting": toolbox.waiting_count}))
    if flows is not None:
        yield Family("zhike_flows_total", "counter", "Flows by key and what became of them.",
                     _by_two(("flow", "outcome"), flows.counts))


def _models(models: list[Any]) -> Iterator[Family]:
    """Each configured model, by its key."""
    def each(value: Callable[[Any], float]) -> list[Sample]:
        return [("", (("model", model.key),), value(model)) for model in models]

    yield Family("zhike_model_requests_total", "counter", "Requests to models by outcome.", [
        ("", (("model", model.key), ("outcome", outcome)), count)
        for model in models for outcome, count in sorted(model.counts.items())])
    yield Family("zhike_model_tokens_total", "counter", "Tokens read and written by models.", [
        ("", (("model", model.key), ("kind", kind)), model.tokens[kind])
        for model in models for kind in ("read", "written")])
    yield Family("zhike_model_cost_total", "counter", "What they cost, in the currency of the prices.",
                 each(lambda model: model.cost_micros / 1_000_000))
    yield Family("zhike_model_first_word_seconds", "summary", "From a request to its first visible piece.", [
        (suffix, (("model", model.key),), value) for model in models
        for suffix, value in (("_sum", model.first_s), ("_count", model.first_count))])
    yield Family("zhike_model_busy", "gauge", "Requests in hand.", each(lambda model: model.gate.busy))
    yield Family("zhike_model_waiting", "gauge", "Requests that wait for a place.",
                 each(lambda model: model.gate.waiting))
    yield Family("zhike_model_refused_total", "counter", "Requests that found the queue full.",
                 each(lambda model: model.gate.refused))
    yield Family("zhike_model_opened_total", "counter", "How often a failing model was left alone.",
                 each(lambda model: model.breaker.opened))


def _latencies(meters: Any) -> Iterator[Family]:
    yield Family("zhike_commit_seconds", "histogram", "From handing a batch to the store to its commit.",
                 buckets(meters.commit_s))
    yield Family("zhike_batch_entries", "histogram", "What one commit holds: messages, answers, changes.",
                 buckets(meters.batch_entries))
    yield Family("zhike_answer_seconds", "histogram",
                 "From a visitor's question being taken to the bot's answer to it being stored.",
                 buckets(meters.answer_s))
    yield Family("zhike_http_request_seconds", "histogram", "Time to answer an HTTP request.",
                 buckets(meters.http_s) if meters.http_s.count else [])


def buckets(histogram: Histogram) -> list[Sample]:
    """A histogram as Prometheus wants it: cumulative."""
    samples: list[Sample] = []
    total = 0
    for edge, count in zip(histogram.edges, histogram.counts, strict=False):
        total += count
        samples.append(("_bucket", (("le", _number(edge)),), total))
    samples.append(("_bucket", (("le", "+Inf"),), histogram.count))
    samples.append(("_sum", (), histogram.sum))
    samples.append(("_count", (), histogram.count))
    return samples


# ---- the process -----------------------------------------------------------------------------

def resident_bytes() -> int:
    """Resident memory now (Linux); elsewhere the highest so far."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


@functools.cache
def started_s() -> float:
    """When this process started, Unix time (where the system does not tell: when this file was read)."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        up_s = float(Path("/proc/uptime").read_text().split()[0])
        return round(now_ms() / 1000 - up_s + ticks / os.sysconf("SC_CLK_TCK"), 2)
    except (OSError, IndexError, ValueError):
        return _IMPORTED_S


def open_descriptors() -> int:
    """How many descriptors are open; 0 where it cannot be told."""
    try:
        return len(os.listdir("/proc/self/fd")) - 1
    except OSError:
        return 0
