"""The command line of ``zhike bench``. Only argparse is imported before a scenario really runs."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, NamedTuple


class Scenario(NamedTuple):
    """What a scenario is for, and its defaults."""

    help: str
    sessions: int
    seconds: float
    warm: float
    rate: float = 0.0


SCENARIOS = {
    "echo": Scenario("the session code as an echo, beside a bare picows echo · 回显，与裸 picows 对比",
                     1_000, 10.0, 1.0),
    "ask": Scenario("open loop: questions come at a given rate; latencies · 按固定速率提问，看延迟",
                    8_000, 30.0, 3.0, 2_000.0),
    "burst": Scenario("closed loop: as many answers as possible, beside a bare echo · 极限吞吐与裸回显",
                      1_000, 10.0, 2.0),
    "idle": Scenario("many silent sessions: memory, how soon dead ones go · 大量静默连接：内存与清理",
                     18_000, 15.0, 2.0),
    "coldstart": Scenario("from exec to live and to ready · 冷启动", 1, 0.0, 0.0),
    "crash": Scenario("kill -9 under load, then compare everything · 压力下反复强杀，再逐条核对",
                      200, 0.0, 0.0, 400.0),
    "search": Scenario("search alone: large bases, many bases, edits · 只测检索：大知识库与多知识库",
                       1, 20.0, 2.0),
    "model": Scenario("a desk with a real model server and every fault: waits, stops, the others · "
                      "真实模型服务与各种故障：等多久、停得下、不拖累别人", 40, 15.0, 0.0, 50.0),
    "replay": Scenario("play recorded dialogues as visitors · 以访客身份重放对话", 50, 600.0, 0.0),
}


def default_workers() -> int:
    """Client processes: they share the machine with the server, so one core is left to it."""
    return max(1, min(4, (os.cpu_count() or 2) - 1))


def add_parser(subparsers: Any) -> None:
    """Add ``bench`` with its scenarios to the commands of ``zhike``."""
    bench = subparsers.add_parser(
        "bench", help="measure speed, memory and losses on this machine · 压测与核对",
        description="Measures on this machine only; every figure of the README comes from here. "
                    "只在本机测量；README 里的每个数字都出自这里。")
    scenarios = bench.add_subparsers(dest="scenario", required=True, metavar="SCENARIO")
    for name, scenario in SCENARIOS.items():
        parser = scenarios.add_parser(name, help=scenario.help, description=scenario.help)
        _common(parser, scenario)
        _OWN.get(name, _none)(parser)
        parser.set_defaults(run=run)


def _common(parser: argparse.ArgumentParser, scenario: Scenario) -> None:
    add = parser.add_argument
    add("--sessions", type=_count, default=scenario.sessions, metavar="N",
        help="visitors · 会话数 (%(default)s)")
    add("--rate", type=_amount, default=scenario.rate, metavar="R",
        help="questions per second, open loop · 每秒提问数 (%(default)s)")
    add("--seconds", type=_amount, default=scenario.seconds, metavar="S",
        help="measured seconds of a phase · 每阶段测量秒数 (%(default)s)")
    add("--warm", type=_amount, default=scenario.warm, metavar="S",
        help="seconds before measuring · 预热秒数 (%(default)s)")
    add("--workers", type=_count, default=default_workers(), metavar="N",
        help="client processes · 客户端进程数 (%(default)s)")
    add("--seed", type=int, default=1, metavar="N", help="of texts and moments · 随机种子 (%(default)s)")
    add("--depth", type=_count, default=1, metavar="N",
        help="questions under way per session, closed loop · 每会话并行问题数 (%(default)s)")
    add("--articles", type=_count, default=2_000, metavar="N", help="knowledge base · 知识条数 (%(default)s)")
    add("--url", default="", metavar="URL",
        help="a running server instead of an own one (its limits apply) · 改测已运行的服务")
    add("--pid", type=int, default=0, metavar="PID",
        help="with --url: process whose CPU and memory count · 配合 --url：统计该进程")
    add("--inbox", default="shop", metavar="KEY", help="inbox to ask in · 收件箱 (%(default)s)")
    add("--database", default="", metavar="URL", help="database of the own server (empty: SQLite) · 数据库")
    add("--database-pid", type=int, default=0, metavar="PID",
        help="database server whose CPU stands beside (SQLite is part of the server) · 数据库进程")
    add("--json", action="store_true", help="print one flat JSON object · 输出一个 JSON 对象")
    add("--html", default="", metavar="FILE", help="also write a report with plots · 另存带图的报告")
    add("--keep", action="store_true", help="keep the temporary folder · 保留临时目录")


def _echo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--serve", type=int, metavar="PORT",
                        help="only serve the echo on this port, for conformance clients · 只提供回显服务")


def _burst(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--new-texts", type=_count, default=0, metavar="N",
                        help="new questions to prepare (default: 15,000 per second) · 预备的新问题数")
    parser.add_argument("--no-baseline", action="store_true", help="skip the bare echo · 不测裸回显")


def _idle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dead", type=_share, default=0.1, metavar="SHARE",
                        help="share of the sessions that dies, a third each way · 断开的比例 (%(default)s)")


def _coldstart(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=_count, default=7, metavar="N",
                        help="starts of each kind; medians are shown · 每种启动的次数 (%(default)s)")
    parser.add_argument("--question", default="支持七天无理由退货吗？", metavar="TEXT",
                        help="the first question asked · 第一个问题")
    parser.add_argument("--explain", action="store_true",
                        help="where importing takes its time · 列出导入耗时")


def _crash(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kills", type=_count, default=200, metavar="N",
                        help="how often to kill -9 · 强杀次数 (%(default)s)")
    parser.add_argument("--longest-life", type=_amount, default=1.0, metavar="S",
                        help="longest time between ready and the next kill · 最长存活秒数 (%(default)s)")


def _model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stops", type=_count, default=20, metavar="N",
                        help="how often an answer is stopped, each way · 每种中断的次数 (%(default)s)")


def _replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="dialogues as .jsonl or .jsonl.gz · 对话文件")
    parser.add_argument("--limit", type=_count, default=0, metavar="N",
                        help="at most N dialogues (default: all) · 最多几段对话")
    parser.add_argument("--timeout", type=_amount, default=5.0, metavar="S",
                        help="how long a visitor waits for an answer · 每问最多等几秒 (%(default)s)")


def _search(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(articles=10_000)
    parser.add_argument("--chunks", type=_some, default=100_000, metavar="N",
                        help="chunks of a second, larger knowledge base; 0 leaves it out · 大知识库的块数"
                             " (%(default)s)")
    parser.add_argument("--sets", type=_some, default=500, metavar="N",
                        help="small sets beside one; 0 leaves them out · 小知识库个数 (%(default)s)")
    parser.add_argument("--set-articles", type=_count, default=40, metavar="N",
                        help="articles of a small set · 每个小知识库的条数 (%(default)s)")


def _none(parser: argparse.ArgumentParser) -> None:
    """A scenario without flags of its own."""


_OWN = {"echo": _echo, "burst": _burst, "idle": _idle, "coldstart": _coldstart, "crash": _crash,
        "model": _model, "replay": _replay, "search": _search}


def _count(text: str) -> int:
    value = int(text.replace(",", "").replace("_", ""))
    if not 1 <= value <= 10_000_000:
        raise argparse.ArgumentTypeError(f"{text}: 1 … 10,000,000")
    return value


def _some(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _amount(text: str) -> float:
    value = float(text.replace(",", "").replace("_", ""))
    if not 0 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text}: 0 … 1,000,000")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 0.9:
        raise argparse.ArgumentTypeError(f"{text}: above 0, at most 0.9")
    return value


def run(args: argparse.Namespace) -> int:
    """Carry out the chosen scenario.

    Returns:
        0 · 1: something was lost, doubled, reordered or not as promised · 2: it could not be done.
    """
    from zhike.ops.bench import BenchError, runner

    if not hasattr(args, "command_line"):
        args.command_line = sys.argv[sys.argv.index("bench") + 1:] if "bench" in sys.argv else [args.scenario]
    try:
        if args.scenario == "echo" and args.serve is not None:
            from zhike.ops.bench.scenarios import echo
            return echo.serve(args.serve)
        return runner.run(args)
    except BenchError as exc:
        print(f"zhike bench: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
