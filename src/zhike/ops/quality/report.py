"""Trials and gates for people and programs: a table, one flat JSON object, a page that fetches nothing."""

from __future__ import annotations

import html as markup
import json
from collections.abc import Iterator, Sequence

import msgspec

from zhike.domain.trial import GateReport, Moved, Outcome, Tried
from zhike.errors import Lang
from zhike.ops.progress import width
from zhike.ops.quality.trial import Row, Summary

MAX_SHOWN = 20
MAX_CHARS = 70

_COLOURS = ("bad", "good")
VERDICTS = {"right": ("对", "right"), "wrong": ("错", "wrong"), "silent": ("沉默", "silent"),
            "error": ("没问成", "not asked")}


def short(text: str, most: int = MAX_CHARS) -> str:
    """The beginning, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most - 1] + "…"


def _pick(lang: Lang, zh: str, en: str) -> str:
    return zh if lang == "zh" else en


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    columns = [max(width(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(cell + " " * (columns[n] - width(cell)) for n, cell in enumerate(row)).rstrip()


# ---- prompt test -----------------------------------------------------------------------------


def figures(sides: Sequence[Summary], rows: Sequence[Row], seconds: float) -> dict[str, object]:
    """The flat JSON object; figures of the second side begin with ``against_``."""
    found: dict[str, object] = {}
    for number, side in enumerate(sides):
        head = "" if number == 0 else "against_"
        found |= {f"{head}template": side.label, f"{head}rows": side.rows, f"{head}passed": side.passed,
                  f"{head}accuracy": round(side.passed / side.rows, 6) if side.rows else 0.0,
                  f"{head}errors": side.errors, f"{head}first_token_p50_ms": round(side.first_p50_ms, 1),
                  f"{head}first_token_p99_ms": round(side.first_p99_ms, 1),
                  f"{head}p50_ms": round(side.total_p50_ms, 1), f"{head}p99_ms": round(side.total_p99_ms, 1),
                  f"{head}prompt_tokens": side.prompt_tokens,
                  f"{head}completion_tokens": side.completion_tokens, f"{head}cost": round(side.cost, 6)}
        found |= {f"{head}missed_{check}": count for check, count in side.missed.items()}
    if len(sides) == 2:
        found["better"] = sum(row.answers[0].passed and not row.answers[1].passed for row in rows)
        found["worse"] = sum(row.answers[1].passed and not row.answers[0].passed for row in rows)
    return {**found, "seconds": round(seconds, 3)}


def trial_table(sides: Sequence[Summary], rows: Sequence[Row], lang: Lang) -> str:
    """Figures side by side, then the answers that did not pass."""
    labels: list[tuple[str, list[str]]] = [
        (_pick(lang, "模板", "template"), [side.label for side in sides]),
        (_pick(lang, "问题", "questions"), [str(side.rows) for side in sides]),
        (_pick(lang, "全部检查通过", "passed every check"),
         [f"{side.passed} ({side.passed / max(1, side.rows):.1%})" for side in sides]),
        (_pick(lang, "没问成", "not answered"), [str(side.errors) for side in sides]),
        (_pick(lang, "首个字 p50 / p99", "first token p50 / p99"),
         [f"{side.first_p50_ms:,.0f} / {side.first_p99_ms:,.0f} ms" for side in sides]),
        (_pick(lang, "整个回答 p50 / p99", "whole answer p50 / p99"),
         [f"{side.total_p50_ms:,.0f} / {side.total_p99_ms:,.0f} ms" for side in sides]),
        (_pick(lang, "token 读 / 写", "tokens read / written"),
         [f"{side.prompt_tokens:,} / {side.completion_tokens:,}" for side in sides]),
        (_pick(lang, "花费", "cost"), [f"{side.cost:.4f}" for side in sides]),
    ]
    for check in dict.fromkeys(check for side in sides for check in side.missed):
        labels.append((f"✗ {check}", [str(side.missed.get(check, 0)) for side in sides]))
    lines = ["zhike prompt test", "", *_table([[label, *cells] for label, cells in labels])]
    failed = [(row, side, answer) for row in rows
              for side, answer in zip(sides, row.answers, strict=True) if not answer.passed]
    if failed:
        lines += ["", _pick(lang, "没有通过的", "Not passed"), ""]
    for row, side, answer in failed[:MAX_SHOWN]:
        lines += [f"  {side.label}  {short(row.question.text)}",
                  f"      {short(answer.text or answer.error)}",
                  *(f"      ✗ {_pick(lang, missed.zh, missed.en)}" for missed in answer.missed)]
    if len(failed) > MAX_SHOWN:
        more = len(failed) - MAX_SHOWN
        lines.append(_pick(lang, f"  … 还有 {more} 条（--html 可看全部）",
                           f"  … and {more} more (--html shows all)"))
    return "\n".join(lines)


def answer_lines(sides: Sequence[Summary], rows: Sequence[Row]) -> Iterator[str]:
    """Every answer as a line of JSON."""
    for row in rows:
        for side, answer in zip(sides, row.answers, strict=True):
            said = {"text": row.question.text, "template": side.label, "passed": answer.passed,
                    **msgspec.to_builtins(answer), "missed": [missed.check for missed in answer.missed]}
            said["answer"] = answer.text
            yield json.dumps({**said, "text": row.question.text}, ensure_ascii=False)


_STYLE = """
:root{color-scheme:light dark;--ink:#1d2433;--dim:#5d6779;--line:#d8dde6;--paper:#fff;--bad:#b3261e;
--good:#1b7f4b}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--dim:#9aa4b5;--line:#363d4a;--paper:#14171d;--bad:#ff8a80;
--good:#6fd3a0}}
body{font:15px/1.5 system-ui,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:var(--ink);
background:var(--paper);max-width:75rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%;table-layout:fixed}th{text-align:left;color:var(--dim);font-weight:500}
td,th{border-top:1px solid var(--line);padding:.4rem .5rem;vertical-align:top;overflow-wrap:anywhere}
.dim{color:var(--dim);font-size:.85em}.bad{color:var(--bad)}.good{color:var(--good)}.said{white-space:pre-wrap}
"""


def page(title: str, body: str, lang: Lang) -> str:
    """A whole page, everything in it."""
    name = markup.escape(title)
    return (f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{name}</title>'
            f"<style>{_STYLE}</style><h1>{name}</h1>{body}</html>\n")


def trial_html(sides: Sequence[Summary], rows: Sequence[Row], lang: Lang) -> str:
    """The templates side by side, every answer with its checks."""
    esc = markup.escape
    table = trial_table(sides, rows, lang).partition("\n\n")[2].partition("\n\n")[0]
    head = "".join(f"<th>{esc(side.label)}</th>" for side in sides)
    parts = [f'<pre>{esc(table)}</pre><table><tr><th style="width:22%">'
             f"{_pick(lang, '问题', 'question')}</th>{head}</tr>"]
    for row in rows:
        cells = "".join(f"<td>{_cell(answer, lang)}</td>" for answer in row.answers)
        parts.append(f"<tr><td>{esc(row.question.text)}</td>{cells}</tr>")
    return page("zhike prompt test", "".join([*parts, "</table>"]), lang)


def _cell(answer: Tried, lang: Lang) -> str:
    esc = markup.escape
    if answer.error:
        return f'<div class="bad">{esc(answer.error)}</div>'
    missed = "".join(f'<div class="bad">✗ {esc(_pick(lang, one.zh, one.en))}</div>' for one in answer.missed)
    done = '<div class="good">✓</div>' if answer.passed else missed
    note = (f"{answer.first_token_ms:,.0f} / {answer.total_ms:,.0f} ms · "
            f"{answer.prompt_tokens:,} + {answer.completion_tokens:,} tokens · {', '.join(answer.sources)}")
    return f'<div class="said">{esc(answer.text)}</div>{done}<div class="dim">{esc(note)}</div>'


# ---- gate ------------------------------------------------------------------------------------


def gate_figures(reports: Sequence[GateReport]) -> dict[str, object]:
    """The flat JSON object, of one bot or several together; shares are 0..1."""
    rows = sum(report.rows for report in reports)

    def share(name: str) -> float:
        return round(sum(getattr(one, name) * one.rows for one in reports) / rows, 6) if rows else 0.0

    return {"rows": rows, "accuracy": share("right"), "right": share("right"), "wrong": share("wrong"),
            "silent": share("silent"), "worse": sum(len(report.worse) for report in reports),
            "better": sum(len(report.better) for report in reports),
            "passed": all(report.passed for report in reports),
            "seconds": round(sum(report.seconds for report in reports), 3),
            "p50_ms": round(max((report.p50_ms for report in reports), default=0.0), 3),
            "p99_ms": round(max((report.p99_ms for report in reports), default=0.0), 3)}


def gate_lines(report: GateReport, lang: Lang) -> Iterator[str]:
    """One bot's report: figures, what got worse and better, what is wrong, notes, the verdict."""
    yield f"zhike eval gate  {report.bot}"
    yield ""
    yield from _table([
        (_pick(lang, "用例", "cases"), f"{report.rows}"),
        (_pick(lang, "答对", "right"), f"{report.right:.1%}"),
        (_pick(lang, "答错", "wrong"), f"{report.wrong:.1%}"),
        (_pick(lang, "沉默", "silent"), f"{report.silent:.1%}"),
        (_pick(lang, "知识回答 p50 / p99", "knowledge p50 / p99"),
         f"{report.p50_ms:.2f} / {report.p99_ms:.2f} ms"),
        (_pick(lang, "用时", "took"), f"{report.seconds:.1f} s")])
    for title, pairs in ((_pick(lang, "变差的", "Worse"), report.worse),
                         (_pick(lang, "变好的", "Better"), report.better)):
        if pairs:
            yield ""
            yield title
            yield from _moved(pairs, lang)
    named = {(pair.after.part, pair.after.lang, pair.after.text) for pair in report.worse}
    failed = [one for one in report.outcomes
              if one.verdict != "right" and (one.part, one.lang, one.text) not in named]
    if failed:
        yield ""
        yield _pick(lang, "其他没有答对的", "Others that are not right") if report.worse else \
            _pick(lang, "没有答对的", "Not right")
        for one in failed[:MAX_SHOWN]:
            yield f"  {_verdict(one, lang)}  {short(one.text)}"
            yield from _why(one, lang)
        if len(failed) > MAX_SHOWN:
            yield f"  … {len(failed) - MAX_SHOWN}"
    for note in report.notes:
        yield ""
        yield _pick(lang, *note)
    yield ""
    for reason in report.reasons:
        yield f"✗ {_pick(lang, *reason)}"
    yield _pick(lang, "✓ 通过", "✓ passed") if report.passed else _pick(lang, "✗ 没有通过", "✗ not passed")


def gate_html(reports: Sequence[GateReport], lang: Lang) -> str:
    """The reports, and every case with what was said to it."""
    esc = markup.escape
    parts = []
    for report in reports:
        text = "\n".join(gate_lines(report, lang))
        rows = "".join(f'<tr><td>{esc(one.text)}</td><td class="{_COLOURS[one.verdict == "right"]}">'
                       f"{_verdict(one, lang)}</td><td>{esc(one.said)}</td>"
                       f'<td class="said">{esc(one.answer)}</td></tr>' for one in report.outcomes)
        parts.append(f"<pre>{esc(text)}</pre><table>{rows}</table>")
    return page("zhike eval gate", "".join(parts), lang)


def _moved(pairs: Sequence[Moved], lang: Lang) -> Iterator[str]:
    for pair in pairs[:MAX_SHOWN]:
        yield f"  {_verdict(pair.before, lang)} → {_verdict(pair.after, lang)}  {short(pair.after.text)}"
        yield from _why(pair.after, lang)
    if len(pairs) > MAX_SHOWN:
        yield f"  … {len(pairs) - MAX_SHOWN}"


def _verdict(one: Outcome, lang: Lang) -> str:
    return _pick(lang, *VERDICTS[one.verdict])


def _why(one: Outcome, lang: Lang) -> Iterator[str]:
    for missed in one.missed:
        yield f"      ✗ {_pick(lang, missed.zh, missed.en)}"
    if one.part == "model" and one.answer:
        yield f"      “{short(one.answer)}”"
