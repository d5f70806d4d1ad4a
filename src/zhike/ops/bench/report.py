"""The figures for people: a table, one flat JSON object, and a self-contained HTML page."""

from __future__ import annotations

import html as markup
import json

from zhike.ops.bench import plot
from zhike.ops.bench.labels import LABELS
from zhike.ops.bench.run import Bench


def value(name: str, found: object) -> str:
    """A figure with its unit, by the ending of its name."""
    if isinstance(found, bool):
        return "yes · 是" if found else "NO · 否"
    if not isinstance(found, int | float):
        return str(found)
    if name.endswith("_ms"):
        return f"{found:,.2f} ms" if found < 100 else f"{found:,.0f} ms"
    if name.endswith("_us") or "_us_" in name:
        return f"{found:,.1f} µs"
    if name.endswith("_per_s"):
        return f"{found:,.0f} /s"
    if name.endswith("_bytes"):
        return f"{found / 1e6:,.1f} MB"
    if name.startswith("bytes_per"):
        return f"{found / 1000:,.1f} KB"
    if name.endswith(("_s", "seconds")):
        return f"{found:,.1f} s"
    if name.endswith("cpu_ratio") or name in ("live_ratio", "ready_ratio"):
        return f"{found:.2f}"
    if "ratio" in name:
        return f"{found * 100:.1f} %" if "live" not in name and "ready" not in name else f"{found:.2f}"
    return f"{found:,}" if isinstance(found, int) else f"{found:,.3f}"


def as_json(bench: Bench) -> str:
    """One flat object; ratios and times as numbers."""
    flat = {name: round(found, 6) if isinstance(found, float) else found
            for name, found in bench.result.items()}
    return json.dumps(flat, ensure_ascii=False, indent=2)


def table(bench: Bench) -> str:
    """The figures with their names, then notes and what failed."""
    lines = [f"zhike bench {bench.args.scenario}", ""]
    for name, found in bench.result.items():
        if name.startswith("machine_") or name == "scenario":
            continue
        label = LABELS.get(name, name.replace("_", " "))
        lines.append(f"  {_padded(label, 44)} {value(name, found)}")
    lines += ["", *(f"  note: {note}" for note in bench.notes)] if bench.notes else []
    lines += ["", *(f"  FAILED: {what}" for what in bench.failed)] if bench.failed else []
    return "\n".join(lines)


def _padded(text: str, width: int) -> str:
    """Padded by what is seen: a Chinese character is two columns wide."""
    seen = sum(2 if ord(c) >= 0x2E80 else 1 for c in text)
    return text + " " * max(1, width - seen)


_STYLE = """
:root{color-scheme:light dark;--ink:#1d2433;--dim:#5d6779;--line:#d8dde6;--paper:#fff;--bad:#b3261e;
--good:#1a7f4b}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--dim:#9aa4b5;--line:#363d4a;--paper:#14171d;--bad:#ff8a80;
--good:#6fd39b}}
body{font:15px/1.5 system-ui,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:var(--ink);
background:var(--paper);max-width:58rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}
td{border-top:1px solid var(--line);padding:.3rem .5rem;vertical-align:top}
td+td{text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.bad{color:var(--bad)}.good{color:var(--good)}.dim{color:var(--dim)}svg{width:100%;height:auto}
svg text{fill:var(--dim);font-size:11px}pre{white-space:pre-wrap}
"""


def html(bench: Bench) -> str:
    """The report: everything inside the file, nothing is fetched."""
    esc = markup.escape
    rows = "\n".join(
        f"<tr><td>{esc(LABELS.get(name, name.replace('_', ' ')))}</td>"
        f"<td>{esc(value(name, found))}</td></tr>"
        for name, found in bench.result.items() if name != "scenario" and not name.startswith("machine_"))
    plots = []
    if bench.hists:
        plots.append("<h2>Latency · 延迟分布</h2>" + plot.latencies(bench.hists))
    for name, points in bench.series.items():
        if len(points) > 1:
            plots.append(f"<h2>{esc(name)}</h2>" + plot.over_time(points))
    failed = "".join(f"<li>{esc(what)}</li>" for what in bench.failed)
    verdict = (f'<p class="bad">FAILED · 未通过</p><ul class="bad">{failed}</ul>' if bench.failed
               else '<p class="good">passed · 通过</p>')
    notes = f"<h2>Notes · 备注</h2><pre>{esc(chr(10).join(bench.notes))}</pre>" if bench.notes else ""
    return (f'<!doctype html><html lang="en"><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>zhike bench {esc(bench.args.scenario)}</title><style>{_STYLE}</style>"
            f"<h1>zhike bench {esc(bench.args.scenario)}</h1>{verdict}{''.join(plots)}"
            f"<h2>Figures · 数据</h2><table>{rows}</table>{notes}"
            f'<p class="dim">Latency counts from the moment a question was due (open loop) or sent '
            f"(closed loop) to its stored answer. 延迟从应发送的时刻算到已入库的回答。</p></html>\n")
