"""The risk/coverage curve as inline SVG: no script, no font, no other file."""

from __future__ import annotations

import html
from collections.abc import Sequence

from zhike.ops.eval.score import Point, thinned

_W, _H, _LEFT, _BOTTOM, _TOP, _RIGHT = 800, 320, 60, 44, 20, 24
_LINE, _MARK = "#2f6fde", "#d9822b"


def risk_coverage(points: Sequence[Point], threshold: float, x_label: str, y_label: str,
                  mark_label: str) -> str:
    """Share of texts answered (x, 0..1) against the share of wrong ones among the answers (y).

    The mark stands where the bot's ``threshold`` is.
    """
    if not points:
        return ""
    top = max(0.05, *(point.risk for point in points))
    width, height = _W - _LEFT - _RIGHT, _H - _TOP - _BOTTOM

    def at(point: Point) -> tuple[float, float]:
        return _LEFT + point.coverage * width, _H - _BOTTOM - point.risk / top * height

    grid = []
    for k in range(6):
        x, y = _LEFT + width * k / 5, _H - _BOTTOM - height * k / 5
        grid.append(f'<path d="M{_LEFT} {y:.1f}H{_W - _RIGHT}" stroke="currentColor" stroke-opacity=".12"/>'
                    f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * k / 5:.1%}</text>'
                    f'<text x="{x:.1f}" y="{_H - 26}" text-anchor="middle">{k / 5:.0%}</text>')
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, thinned(points)))
    body = [f'<polyline points="{path}" fill="none" stroke="{_LINE}" stroke-width="1.8"/>']
    said = [point for point in points if point.threshold >= threshold]
    if said:
        x, y = at(said[-1])
        side, shift = ("end", -8) if x > _W / 2 else ("start", 8)
        body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{_MARK}"/>'
                    f'<text x="{x + shift:.1f}" y="{y - 8:.1f}" text-anchor="{side}">'
                    f"{html.escape(mark_label)}</text>")
    label = html.escape(f"{y_label} / {x_label}", quote=True)
    return (f'<svg viewBox="0 0 {_W} {_H}" role="img" aria-label="{label}">{"".join(grid)}{"".join(body)}'
            f'<text x="{_LEFT + width / 2}" y="{_H - 8}" text-anchor="middle">{html.escape(x_label)}</text>'
            f'<text x="{_LEFT}" y="12">{html.escape(y_label)}</text></svg>')
