"""The figures for people and programs: a table, one flat JSON object, a self-contained page."""

from __future__ import annotations

import html as markup
import json

from zhike.errors import Lang
from zhike.ops.eval.labels import COUNTED, LABELS, PLAIN
from zhike.ops.eval.plot import risk_coverage
from zhike.ops.eval.result import Figure, Result
from zhike.ops.progress import width

NOTHING_KNOWN = ("（不在知识里）", "(nothing known)")

MAX_SHOWN_CHARS = 80


class _Words:
    """``words(zh, en)`` in the reader's language."""

    def __init__(self, lang: Lang) -> None:
        self.lang = lang

    def __call__(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en


def as_json(result: Result) -> str:
    """One flat object; shares 0..1, times in the unit of their name."""
    flat = {name: round(found, 6) if isinstance(found, float) else found
            for name, found in result.figures.items()}
    return json.dumps(flat, ensure_ascii=False, indent=2)


def value(name: str, found: Figure, lang: Lang) -> str:
    """A figure with its unit."""
    if isinstance(found, bool):
        return _Words(lang)("是", "yes") if found else _Words(lang)("否", "no")
    if isinstance(found, str) or name in COUNTED:
        return f"{found:,}" if isinstance(found, int) else str(found)
    if name.endswith("_ms"):
        return f"{found:.2f} ms"
    if name == "rss_bytes":
        return f"{found / 1e6:,.0f} MB"
    if name == "seconds":
        return f"{found:.1f} s"
    return f"{found:.3f}" if name in PLAIN else f"{found * 100:.1f} %"


def table(result: Result, lang: Lang) -> str:
    """Figures, calibration, confusions and notes, for a terminal."""
    say = _Words(lang)
    lines = [f"zhike eval {result.command}", ""]
    labels = {name: say(*LABELS[name]) for name in result.figures}
    column = max(map(width, labels.values())) + 2
    lines += [f"  {_padded(labels[name], column)}{value(name, found, lang)}"
              for name, found in result.figures.items()]
    if result.bins:
        lines += ["", say("置信度准不准", "Is the confidence true?"), ""]
        lines += ["  " + "".join(_padded(cell, 13) for cell in row).rstrip()
                  for row in _bins(result, say)]
    if result.confusions:
        lines += ["", say("最容易混淆的", "The worst confusions"), ""]
        for row in _confusions(result, say)[1:]:
            lines += [f"  {row[0]}  →  {row[1]}", f"      {row[2]} × · {row[3]} · {row[4]} · “{row[5]}”"]
    lines += ["", *(say(*note) for note in result.notes)]
    return "\n".join(lines)


def _padded(text: str, columns: int) -> str:
    return text + " " * max(1, columns - width(text))


def _bins(result: Result, say: _Words) -> list[tuple[str, ...]]:
    """The calibration table, its head first."""
    head = (say("置信度", "confidence"), say("条数", "texts"), say("自称", "said"),
            say("实际对", "was right"))
    return [head, *((f"{b.low:.1f}–{b.low + .1:.1f}", f"{b.texts:,}", f"{b.said:.2f}", f"{b.right:.2f}")
                    for b in result.bins)]


def _confusions(result: Result, say: _Words) -> list[tuple[str, ...]]:
    head = (say("问的是", "asked for"), say("找到的是", "found"), say("次数", "times"),
            say("置信度", "confidence"), say("说出口了吗", "said aloud?"), say("例子", "example"))
    return [head, *((_short(c.asked) or say(*NOTHING_KNOWN), _short(c.found), str(c.times),
                     f"{c.confidence:.2f}", say("答出去了", "answered") if c.said else
                     say("没说出口", "kept silent"), _short(c.text)) for c in result.confusions)]


def _short(text: str) -> str:
    """The beginning, on one line: a question may be a page long."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_SHOWN_CHARS else line[:MAX_SHOWN_CHARS - 1] + "…"


_STYLE = """
:root{color-scheme:light dark;--ink:#1d2433;--dim:#5d6779;--line:#d8dde6;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--dim:#9aa4b5;--line:#363d4a;--paper:#14171d}}
body{font:15px/1.5 system-ui,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:var(--ink);
background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th{text-align:left;color:var(--dim);font-weight:500}
td,th{border-top:1px solid var(--line);padding:.3rem .5rem;vertical-align:top;overflow-wrap:anywhere}
.dim{color:var(--dim)}svg{width:100%;height:auto}svg text{fill:var(--dim);font-size:11px}
"""


def html(result: Result, lang: Lang) -> str:
    """The report: everything inside the file, nothing is fetched."""
    say = _Words(lang)
    esc = markup.escape
    threshold = float(result.figures.get("threshold", 0.0))
    plot = risk_coverage(result.points, threshold, say("回答了的比例", "share of texts answered"),
                         say("答案中错的比例", "share of the answers that are wrong"),
                         say(f"阈值 {threshold:.2f}", f"threshold {threshold:.2f}"))
    figures = [(say(*LABELS[name]), value(name, found, lang)) for name, found in result.figures.items()]
    parts = [f"<h2>{say('风险与覆盖', 'Risk and coverage')}</h2>{plot}" if plot else "",
             f"<h2>{say('数据', 'Figures')}</h2>{_table(figures)}"]
    if result.bins:
        parts.append(f"<h2>{say('置信度准不准', 'Is the confidence true?')}</h2>"
                     + _table(_bins(result, say), head=True))
    if result.confusions:
        parts.append(f"<h2>{say('最容易混淆的', 'The worst confusions')}</h2>"
                     + _table(_confusions(result, say), head=True))
    notes = "".join(f"<p>{esc(say(*note))}</p>" for note in result.notes)
    name = esc(f"zhike eval {result.command}")
    return (f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{name}</title>'
            f'<style>{_STYLE}</style><h1>{name}</h1>{"".join(parts)}<div class="dim">{notes}</div></html>\n')


def _table(rows: list[tuple[str, ...]] | list[tuple[str, str]], head: bool = False) -> str:
    out = []
    for number, row in enumerate(rows):
        tag = "th" if head and not number else "td"
        cells = "".join(f"<{tag}>{markup.escape(cell)}</{tag}>" for cell in row)
        out.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(out)}</table>"
