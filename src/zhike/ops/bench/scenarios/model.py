"""``model``: a real desk, a real llama.cpp server, and every fault a model server can have.

The desk has two models: ``first``, a server that errs on purpose, and ``second``, llama.cpp with a
tiny model (a grammar makes it say a sentence). For each fault a fresh desk is asked by many visitors
at once: how soon does each see something useful (a word meanwhile, a piece of a draft, an answer),
how long until the last word? Then: how soon is the real server's slot free after a stop, and do
visitors whose questions need no model notice a model that hangs?

It needs what the tests need (gguf, numpy, xllamacpp, websockets): ``pip install --group dev``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Sequence
from time import monotonic
from typing import Any, NamedTuple

import msgspec

from zhike.answer.llm.client import Client, Fixed
from zhike.answer.llm.reply import Completion
from zhike.answer.llm.words import HOLDING, MEANWHILE
from zhike.ops.bench import BenchError
from zhike.ops.bench.run import INBOX, Bench
from zhike.ops.bench.server import Server, limits_off
from zhike.testing.fakemodel import FakeModel, Step, cut, end, pause, say, send, stall, status
from zhike.testing.llama.make import model_file
from zhike.testing.llama.server import LlamaServer
from zhike.testing.wsclient import Visitor

SAYS = "这个问题请以商品页的说明为准。"
"""What the real model says, by its grammar: a sentence that claims nothing."""
FIRST_SAYS = "这件事情以我们的公告为准。"
USEFUL_S, LAST_S = 3.5, 15.0
FREE_GENERATING_S, FREE_PREFILL_S = 1.0, 1.5
SLACK = 1.25
"""How much slower other visitors may be beside a hanging model before it counts as "moved": runs of the
same load differ by more than a tenth on a machine that does other things, too."""
CONTEXT = 8_192
PATIENCE_S = 25.0
BESIDE_ROUNDS = 3
CALM = 20
"""Visitors whose questions need no model."""
KNOWN = ("支持七天无理由退货吗？", "怎么开发票？", "多久发货？", "可以用微信支付吗？")
"""Questions of the sample shop that need no model."""

FAULTS: dict[str, tuple[Step, ...]] = {
    "none": (say(FIRST_SAYS[:4]), say(FIRST_SAYS[4:]), end()),
    "late": (pause(6.0), say(FIRST_SAYS), end()),
    "mute": (stall(),),
    "stall": (say(FIRST_SAYS), stall()),
    "drip": tuple(step for _ in range(40) for step in (say("嗯"), pause(1.0))),
    "5xx": (status(500, '{"error": {"message": "out of memory"}}'),),
    "cut": (say(FIRST_SAYS), cut()),
    "refused": (cut(),),
    "garbage": (send(b"data: {\"choices\": [{]}\n\n"),),
    "full": (status(503, '{"error": "server busy, maximum pending requests exceeded"}'),),
}
"""What the first model does; in ``both`` (below) it is mute and the real server is stopped, too."""


class Times(NamedTuple):
    """Seconds from the question to the first useful thing and to the answer."""

    useful_s: float
    last_s: float


class _Asking(Visitor):
    """A visitor who notes when something useful came, and when the answer did."""

    def begin(self, text: str) -> None:
        """Asks."""
        self.asked_s = monotonic()
        self.useful_s = self.last_s = 0.0
        self.answer = ""
        self.say(text)

    def on_frame(self, kind: str, frame: dict[str, Any]) -> None:
        """Every frame."""
        super().on_frame(kind, frame)
        if kind not in ("delta", "message") or frame.get("direction") == "incoming":
            return
        at_s = monotonic() - self.asked_s
        self.useful_s = self.useful_s or at_s
        text = str(frame["text"])
        if kind == "message" and not text.startswith((MEANWHILE["zh"], HOLDING["zh"])):
            self.last_s, self.answer = at_s, text

    async def times(self) -> Times:
        """Waits for the answer."""
        with contextlib.suppress(AssertionError):
            await self.until(lambda: self.last_s > 0, "the answer", PATIENCE_S)
        return Times(self.useful_s or PATIENCE_S, self.last_s or PATIENCE_S)


def run(bench: Bench) -> None:
    """See the module."""
    if bench.args.url:
        raise BenchError("model starts its own desk and model servers; --url makes no sense here")
    try:
        tiny, slow = model_file("tiny"), model_file("slow")
    except ModuleNotFoundError as error:
        raise BenchError(f"{error.name} is missing: pip install gguf numpy xllamacpp") from error
    bench.result["load_before"] = round(os.getloadavg()[0], 1)
    with LlamaServer(tiny, slots=4, context=CONTEXT, batch=512) as real:
        asyncio.run(_faults(bench, real))
    with LlamaServer(slow, slots=2, context=2_048, batch=64) as real:
        asyncio.run(_stops(bench, real))
    with LlamaServer(tiny, slots=4, context=CONTEXT, batch=512) as real:
        asyncio.run(_beside(bench, real))


# ---- the faults -------------------------------------------------------------------------------

async def _faults(bench: Bench, real: LlamaServer) -> None:
    useful: list[float] = []
    last: list[float] = []
    for name in [*FAULTS, "both"]:
        async with FakeModel() as first:
            first.play(*(FAULTS.get(name) or FAULTS["mute"]))
            if name == "both":
                os.kill(real.pid, signal.SIGSTOP)
            try:
                times, answers = await _ask_many(bench, name, first, real)
            finally:
                os.kill(real.pid, signal.SIGCONT)
        useful += [one.useful_s for one in times]
        last += [one.last_s for one in times]
        answered = sum(1 for answer in answers if SAYS[4:] in answer or FIRST_SAYS[4:] in answer)
        bench.result[f"{name}_useful_p99_ms"] = _quantile([one.useful_s for one in times], .99) * 1000
        bench.result[f"{name}_last_max_ms"] = max(one.last_s for one in times) * 1000
        bench.result[f"{name}_by_model_ratio"] = answered / len(answers)
    bench.result["faults"] = len(FAULTS) + 1
    bench.result["useful_p99_ms"] = _quantile(useful, .99) * 1000
    bench.result["last_max_ms"] = max(last) * 1000
    if _quantile(useful, .99) > USEFUL_S:
        bench.failed.append(f"something useful only after {_quantile(useful, .99):.2f} s at p99")
    if max(last) > LAST_S:
        bench.failed.append(f"somebody waited {max(last):.2f} s")


async def _ask_many(bench: Bench, name: str, first: FakeModel,
                    real: LlamaServer) -> tuple[list[Times], list[str]]:
    """A fresh desk (no breaker has opened yet), asked by everybody within a second."""
    bench.progress(f"fault: {name} …", force=True)
    server = Server(bench.folder / f"desk-{name}", _desk(bench, first.url, real))
    with server:
        await asyncio.to_thread(server.start)
        async with contextlib.AsyncExitStack() as stack:
            visitors = [await stack.enter_async_context(_visitor(server)) for _ in range(bench.args.sessions)]
            dice = random.Random(bench.args.seed)

            async def ask(visitor: _Asking, number: int) -> Times:
                await asyncio.sleep(dice.random())
                visitor.begin(f"我想问问你们家第{number}号仓库的猫叫什么名字")
                return await visitor.times()

            times = await asyncio.gather(*(ask(one, number) for number, one in enumerate(visitors, 1)))
            return list(times), [one.answer for one in visitors]


def _desk(bench: Bench, first: str, real: LlamaServer) -> dict[str, str]:
    grammar = msgspec.json.encode({"grammar": f'root ::= "{SAYS}"', "tool_choice": "none"}).decode()
    return {**limits_off(bench.args.sessions), "ZHIKE_PIPELINE__FRAGMENT_WAIT": "100ms",
            "ZHIKE_MODELS__FIRST__BASE_URL": first, "ZHIKE_MODELS__FIRST__MODEL": "first",
            "ZHIKE_MODELS__FIRST__CONCURRENCY": "1000",
            "ZHIKE_MODELS__SECOND__BASE_URL": real.url, "ZHIKE_MODELS__SECOND__MODEL": "local",
            "ZHIKE_MODELS__SECOND__API_KEY": real.key, "ZHIKE_MODELS__SECOND__EXTRA_BODY": grammar,
            "ZHIKE_MODELS__SECOND__CONCURRENCY": "4", "ZHIKE_MODELS__SECOND__QUEUE": "1000",
            "ZHIKE_MODELS__SECOND__CONTEXT_TOKENS": str(CONTEXT),
            "ZHIKE_MODELS__SECOND__RETURN_PROGRESS": "true"}


def _visitor(server: Server) -> _Asking:
    url = f"http://localhost:{server.port}"
    return _Asking(f"ws://127.0.0.1:{server.port}/ws", inbox=INBOX, origin=url)


# ---- the real server's slot after a stop ----------------------------------------------------------

async def _stops(bench: Bench, real: LlamaServer) -> None:
    """The product's client is cancelled, as a take-over does; the server says when its slot is free."""
    client = Client(Fixed(real.url, real.key), "local", idle_s=30.0, return_progress=True)
    base = {"temperature": 0, "max_tokens": 1_200, "ignore_eos": True, "cache_prompt": False}
    short = {**base, "messages": [{"role": "user", "content": "怎么退货"}]}
    long = {**base, "messages": [{"role": "user", "content": "怎么退货" * 150}]}
    for name, body, limit_s in (("generating", short, FREE_GENERATING_S), ("prefill", long, FREE_PREFILL_S)):
        found = []
        for number in range(bench.args.stops):
            bench.progress(f"stop while {name}, {number + 1} of {bench.args.stops} …")
            found.append(await _stop_one(client, real, body, generating=name == "generating"))
        bench.result[f"stop_{name}_p50_ms"] = _quantile(found, .5) * 1000
        bench.result[f"stop_{name}_max_ms"] = max(found) * 1000
        if max(found) > limit_s:
            bench.failed.append(f"a slot was free only {max(found):.2f} s after a stop while {name}")
    await client.close()


async def _stop_one(client: Client, real: LlamaServer, body: dict[str, Any], *, generating: bool) -> float:
    done = Completion()

    async def listen() -> None:
        async with contextlib.aclosing(client.stream(body, done)) as pieces:
            async for _ in pieces:
                pass

    task = asyncio.ensure_future(listen())
    # what is awaited happens in another process, which has no event to tell it by
    while not (done.pieces >= 5 if generating else await asyncio.to_thread(real.busy)):  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    began = monotonic()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(real.idle_after_s)
    return monotonic() - began


# ---- everybody else -------------------------------------------------------------------------------

async def _beside(bench: Bench, real: LlamaServer) -> None:
    """Known questions at a steady rate, alone, beside visitors whose model answers, and beside the same
    visitors while it hangs: what they ask costs something in either case, the hanging must not. Of each the
    calmest round counts: a disk that stops for a third of a second says nothing of models."""
    rounds: dict[str, list[list[float]]] = {"alone": [], "answering": [], "hanging": []}
    for number in range(BESIDE_ROUNDS):
        for what in ("answering", "hanging"):
            alone, beside = await _beside_one(bench, real, what, number)
            rounds["alone"].append(alone)
            rounds[what].append(beside)
    p99 = {name: min(_quantile(times, .99) for times in found) for name, found in rounds.items()}
    for name, found in rounds.items():
        bench.result[f"others_{name}_p50_ms"] = min(_quantile(times, .5) for times in found) * 1000
        bench.result[f"others_{name}_p99_ms"] = p99[name] * 1000
    if max(map(max, rounds["alone"])) > USEFUL_S:  # it went to a model, and nothing here says what it should
        bench.failed.append("a question that the sample shop should know was not known")
    answering, hanging = p99["answering"], p99["hanging"]
    bench.result["others_p99_ratio"] = hanging / answering
    if hanging > SLACK * answering:
        bench.failed.append(f"others' p99 moved by {hanging / answering:.2f} beside a model that hangs")


async def _beside_one(bench: Bench, real: LlamaServer, what: str,
                      number: int) -> tuple[list[float], list[float]]:
    """Times of a fresh desk, alone for a third of the time, then with everybody."""
    async with FakeModel() as first:
        first.play(*(FAULTS["mute"] if what == "hanging" else FAULTS["none"]))
        server = Server(bench.folder / f"desk-{what}-{number}", _desk(bench, first.url, real))
        with server:
            await asyncio.to_thread(server.start)
            async with contextlib.AsyncExitStack() as stack:
                calm, many = [[await stack.enter_async_context(_visitor(server)) for _ in range(count)]
                              for count in (CALM, bench.args.sessions)]
                await _steady(bench, calm, 2.0, "warming up")
                alone = await _steady(bench, calm, bench.args.seconds / 3, "others, alone")
                if what == "hanging":
                    os.kill(real.pid, signal.SIGSTOP)  # now both models hang
                try:
                    for place, visitor in enumerate(many):
                        visitor.begin(f"请问你们第{place}号仓库的猫叫什么名字")
                    beside = await _steady(bench, calm, bench.args.seconds,
                                           f"others, beside {what} models")
                finally:
                    os.kill(real.pid, signal.SIGCONT)
                return alone, beside


async def _steady(bench: Bench, visitors: Sequence[_Asking], seconds: float, what: str) -> list[float]:
    """Answer times of known questions at ``--rate``, each visitor one at a time."""
    bench.progress(f"{what} …", force=True)
    dice = random.Random(bench.args.seed)
    found: list[float] = []
    until = monotonic() + seconds
    gap_s = len(visitors) / max(1.0, bench.args.rate)

    async def go(visitor: _Asking) -> None:
        await asyncio.sleep(dice.random() * gap_s)
        while monotonic() < until:
            visitor.begin(dice.choice(KNOWN))
            found.append((await visitor.times()).last_s)
            await asyncio.sleep(gap_s * dice.uniform(0.5, 1.5))

    await asyncio.gather(*map(go, visitors))
    return found


def _quantile(values: Sequence[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
