"""The READMEs' tables of figures: from the JSON files, and from nothing else."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def load() -> ModuleType:
    """docs/make_figures.py as a module."""
    spec = importlib.util.spec_from_file_location("make_figures", ROOT / "docs/make_figures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = load()
ASK = {"scenario": "ask", "sessions": 8000, "target_rate_per_s": 2000.0, "p50_ms": 4.25, "p99_ms": 21.0,
       "p999_ms": 130.4, "lost": 0, "doubled": 0, "reordered": 0, "server_cpu_ratio": 0.314,
       "server_rss_bytes": 250_000_000, "machine": "a test, 2 cores",
       "command": "zhike bench ask", "passed": True}


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(MAKER, "FIGURES", tmp_path)
    return tmp_path


def test_a_run_becomes_rows_in_both_languages(figures: Path) -> None:
    (figures / "ask.json").write_text(json.dumps(ASK))
    english, chinese = (MAKER.table(MAKER.load(), lang) for lang in ("en", "zh"))
    assert "| 8,000, 2,000 |" in english
    assert "| 4.2 ms · 21.0 ms · 130 ms |" in english
    assert "| 0 / 0 / 0 |" in english
    assert "| 0.31, 250 MB |" in chinese
    for text in (english, chinese):
        assert "a test, 2 cores" in text
        assert "`zhike bench ask`" in text
        assert len([line for line in text.splitlines() if line.startswith("|")]) == 6


def test_a_failed_or_incomplete_run_is_not_published(figures: Path) -> None:
    (figures / "ask.json").write_text(json.dumps({**ASK, "passed": False}))
    with pytest.raises(SystemExit, match="not published"):
        MAKER.load()
    (figures / "ask.json").write_text(json.dumps({name: ASK[name] for name in ASK if name != "p99_ms"}))
    with pytest.raises(SystemExit, match="p99_ms"):
        MAKER.load()


def test_without_runs_it_says_how_to_measure(figures: Path) -> None:
    assert "make bench" in MAKER.table(MAKER.load(), "en")
    assert "make bench" in MAKER.table(MAKER.load(), "zh")


def test_the_table_stands_between_its_markers() -> None:
    page = f"a\n{MAKER.BEGIN}\nold\n{MAKER.END}\nb\n"
    assert MAKER.insert(page, "new") == f"a\n{MAKER.BEGIN}\nnew\n{MAKER.END}\nb\n"
    with pytest.raises(ValueError, match="missing"):
        MAKER.insert("a", "new")


def test_every_figure_is_one_that_the_bench_writes() -> None:
    """A key that the bench renames would silently empty the README."""
    from zhike.ops.bench.labels import LABELS

    needed = {name for rows in MAKER.ROWS.values() for row in rows for name in row.needs}
    assert needed <= set(LABELS)
