"""Writes the tables of figures in both READMEs from docs/figures/<scenario>.json.

    python docs/make_figures.py            between the markers; says what changed
    python docs/make_figures.py --check    exit 1 if a README differs from the JSON files

The JSON files are what ``zhike bench … --json`` printed (``make bench`` writes them); nobody types a
figure. A run that failed its own checks is not published.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs/figures"
READMES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
Run = dict[str, Any]


class Row(NamedTuple):
    """One line of the table: what it says of a run, in both languages."""

    en: str
    zh: str
    say: Callable[[Run], str]
    needs: tuple[str, ...]


def ms(name: str) -> Callable[[Run], str]:
    """Milliseconds, as precise as they are worth."""
    return lambda run: f"{run[name]:.1f} ms" if run[name] < 100 else f"{run[name]:,.0f} ms"


def lost(run: Run) -> str:
    """Lost / doubled / out of order."""
    return f"{run['lost']} / {run['doubled']} / {run['reordered']}"


FAULTS = ("lost", "doubled", "reordered")
ROWS: dict[str, tuple[Row, ...]] = {
    "ask": (
        Row("visitors connected, questions per second", "在线访客，每秒提问",
            lambda run: f"{run['sessions']:,}, {run['target_rate_per_s']:,.0f}",
            ("sessions", "target_rate_per_s")),
        Row("question to stored answer: median · 99 % · 99.9 %", "从提问到回答入库：中位 · 99 % · 99.9 %",
            lambda run: " · ".join(ms(name)(run) for name in ("p50_ms", "p99_ms", "p999_ms")),
            ("p50_ms", "p99_ms", "p999_ms")),
        Row("lost / doubled / out of order", "丢失 / 重复 / 乱序", lost, FAULTS),
        Row("server: cores used, memory", "服务端：占用核数，内存",
            lambda run: f"{run['server_cpu_ratio']:.2f}, {run['server_rss_bytes'] / 1e6:,.0f} MB",
            ("server_cpu_ratio", "server_rss_bytes"))),
    "burst": (
        Row("answered and stored per second, repeated questions", "每秒回答并入库，重复问题",
            lambda run: f"{run['rate_repeated_per_s']:,.0f} ({run['baseline_ratio']:.0%})",
            ("rate_repeated_per_s", "baseline_ratio")),
        Row("the same, new questions searched in 2,000 articles", "同上，新问题（在 2,000 条知识里检索）",
            lambda run: f"{run['rate_new_per_s']:,.0f} ({run['baseline_ratio_new']:.0%})",
            ("rate_new_per_s", "baseline_ratio_new")),
        Row("a bare WebSocket echo in the same run (100 %)", "同一次运行里的裸 WebSocket 回显（100 %）",
            lambda run: f"{run['baseline_rate_per_s']:,.0f}", ("baseline_rate_per_s",))),
    "idle": (
        Row("idle connections, memory for each", "静默连接数，每个占用内存",
            lambda run: f"{run['sessions']:,}, {run['bytes_per_connection'] / 1000:.1f} KB",
            ("sessions", "bytes_per_connection")),
        Row("dead and half-open ones gone after", "断线与半开连接多久被清理",
            lambda run: f"{run['dead_gone_s']:.0f} s", ("dead_gone_s",)),
        Row("memory of the whole server with nobody there", "无人连接时整个服务的内存",
            lambda run: f"{run['idle_rss_bytes'] / 1e6:,.0f} MB", ("idle_rss_bytes",))),
    "coldstart": (
        Row("from start to the first WebSocket answer", "从启动到首个 WebSocket 应答",
            lambda run: f"{run['live_ms']:,.0f} ms", ("live_ms",)),
        Row("from start to the first stored answer", "从启动到首个入库的回答",
            lambda run: f"{run['ready_ms']:,.0f} ms", ("ready_ms",))),
    "crash": (
        Row("`kill -9` under load: lost / doubled / out of order", "压力下 `kill -9`：丢失 / 重复 / 乱序",
            lambda run: f"{run['kills']} ×: {lost(run)}", ("kills", *FAULTS)),),
}
"""Scenario → what the README says of it."""
WORDS = {
    "en": ("what", "measured", "Machine", "Commands",
           "Not measured in this checkout yet. `make bench` measures on your machine, `make figures` writes "
           "the table."),
    "zh": ("项目", "实测", "机器", "命令",
           "此处还没有数据：`make bench` 在你的机器上测量，`make figures` 写出表格。"),
}


def load() -> dict[str, Run]:
    """The runs by scenario.

    Raises:
        SystemExit: a run failed its own checks, or lacks a figure.
    """
    runs: dict[str, Run] = {}
    for scenario, rows in ROWS.items():
        path = FIGURES / f"{scenario}.json"
        if not path.is_file():
            continue
        run = runs[scenario] = json.loads(path.read_text())
        if run.get("passed") is False:
            raise SystemExit(f"{path.name}: this run failed its own checks; it is not published")
        if missing := [name for row in rows for name in row.needs if name not in run]:
            raise SystemExit(f"{path.name}: {', '.join(missing)} is missing")
    return runs


def table(runs: dict[str, Run], lang: str) -> str:
    """The table for one README."""
    what, measured, machine, commands, nothing = WORDS[lang]
    if not runs:
        return nothing
    lines = [f"| {what} | {measured} |", "|---|---|"]
    for scenario, run in runs.items():
        lines += [f"| {row.zh if lang == 'zh' else row.en} | {row.say(run)} |" for row in ROWS[scenario]]
    colon, stop = ("：", "。") if lang == "zh" else (": ", ".")
    machines = list(dict.fromkeys(str(run["machine"]) for run in runs.values()))
    said = (f"`{run['command']}`" for run in runs.values())
    return "\n".join([*lines, "", f"{machine}{colon}{'; '.join(machines)}{stop}",
                      f"{commands}{colon}{', '.join(said)}{stop}"])


def insert(text: str, content: str) -> str:
    """``text`` with ``content`` between the markers.

    Raises:
        ValueError: a marker is missing.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{BEGIN} or {END} is missing")
    return f"{head}{BEGIN}\n{content}\n{END}{tail}"


def main() -> int:
    """Writes the tables, or compares them."""
    check = "--check" in sys.argv[1:]
    runs = load()
    stale = 0
    for lang, path in READMES.items():
        old = path.read_text()
        new = insert(old, table(runs, lang))
        if new != old:
            stale = 1
            print(f"{path.name}: {'differs from docs/figures' if check else 'written'}")
            if not check:
                path.write_text(new)
    return stale if check else 0


if __name__ == "__main__":
    sys.exit(main())
