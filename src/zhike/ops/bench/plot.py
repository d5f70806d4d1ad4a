"""Inline SVG plots for the report: no script, no font, no other file."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from zhike.ops.bench.hist import Histogram
from zhike.ops.bench.run import Point

_COLOURS = ("#2f6fde", "#d9822b", "#1a9c6b", "#a64fd0", "#c0392b")
_W, _H, _LEFT, _BOTTOM, _TOP, _RIGHT = 800, 300, 60, 34, 26, 16


def _frame(body: str, label: str) -> str:
    return (f'<svg viewBox="0 0 {_W} {_H}" role="img" aria-label="{html.escape(label, quote=True)}">'
            f'<path d="M{_LEFT} {_TOP}V{_H - _BOTTOM}H{_W - _RIGHT}" fill="none" stroke="currentColor" '
            f'stroke-opacity=".4"/>{body}</svg>')


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def _legend(names: Sequence[str]) -> str:
    out, x = [], _LEFT
    for name, colour in zip(names, _COLOURS, strict=False):
        out.append(f'<rect x="{x}" y="6" width="12" height="4" fill="{colour}"/>'
                   f'<text x="{x + 16}" y="12">{html.escape(name)}</text>')
        x += 30 + 7 * len(name)
    return "".join(out)


def latencies(hists: Mapping[str, Histogram]) -> str:
    """Quantile (p50 … p99.999, by its nines) against latency in ms, both logarithmic."""
    used = {name: h for name, h in list(hists.items())[:len(_COLOURS)] if h.count}
    if not used:
        return ""
    top = max(h.max_us for h in used.values()) / 1000
    low = max(0.01, min(h.quantile_ms(0.01) for h in used.values()))
    lowest = math.floor(math.log10(low))
    highest = max(lowest + 1, math.ceil(math.log10(top))) if top > 0 else lowest + 1
    width, height = _W - _LEFT - _RIGHT, _H - _TOP - _BOTTOM

    def y_of(ms: float) -> float:
        share = (math.log10(max(ms, 10.0 ** lowest)) - lowest) / (highest - lowest)
        return _H - _BOTTOM - share * height

    nines = 5.0
    body = [_legend(list(used))]
    for exponent in range(lowest, highest + 1):
        y = y_of(10.0 ** exponent)
        body.append(f'<path d="M{_LEFT} {y:.1f}H{_W - _RIGHT}" stroke="currentColor" stroke-opacity=".12"/>'
                    f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0 ** exponent:g} ms</text>')
    for name, q in (("min", 0.0), ("p50", .5), ("p90", .9), ("p99", .99), ("p99.9", .999), ("p99.99", .9999)):
        x = _LEFT + -math.log10(1 - q) / nines * width
        body.append(f'<text x="{x:.1f}" y="{_H - 12}" text-anchor="middle">{name}</text>')
    for hist, colour in zip(used.values(), _COLOURS, strict=False):
        points = []
        for step in range(201):
            depth = step / 200 * nines
            q = 1 - 10 ** -depth
            points.append((_LEFT + depth / nines * width, y_of(hist.quantile_ms(q))))
            if hist.count * (1 - q) < 1:
                break  # beyond this there is no observation
        body.append(_line(points, colour))
    return _frame("".join(body), "latency by quantile")


def over_time(points: Sequence[Point]) -> str:
    """Answered per second, server CPU and memory over time, each scaled to its own maximum."""
    width, height = _W - _LEFT - _RIGHT, _H - _TOP - _BOTTOM
    first, last = points[0].at_s, points[-1].at_s
    span = max(last - first, 1e-9)
    series: list[tuple[str, list[float]]] = [
        ("answered/s, max {:,.0f}", [p.answered_per_s for p in points]),
        ("server CPU, max {:.2f} cores", [p.cpu_ratio for p in points]),
        ("memory, max {:,.0f} MB", [p.rss_bytes / 1e6 for p in points])]
    body, names = [], []
    for (label, values), colour in zip(series, _COLOURS, strict=False):
        top = max(values)
        names.append(label.format(top))
        if top > 0:
            body.append(_line([(_LEFT + (p.at_s - first) / span * width,
                                _H - _BOTTOM - v / top * height * .95)
                               for p, v in zip(points, values, strict=True)], colour))
    for k in range(6):
        at = first + span * k / 5
        body.append(f'<text x="{_LEFT + width * k / 5:.1f}" y="{_H - 12}" text-anchor="middle">'
                    f"{at:.0f} s</text>")
    return _frame(_legend(names) + "".join(body), "load and cost over time")
