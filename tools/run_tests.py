"""Runs the tests in two goes: what is independent side by side, the rest alone.

    python tools/run_tests.py              everything
    python tools/run_tests.py tests/unit   only this (arguments are pytest's)

Tests that start processes, kill them, drive a browser or measure memory are no good neighbours;
they come last, and pytest's own summary is the last thing printed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIDE_BY_SIDE = ("tests/unit", "tests/property", "tests/contract")
ALONE = ("tests/integration", "tests/acceptance", "tests/browser")
NO_TESTS = 5
"""pytest's exit code when it collected nothing."""


def present(folders: tuple[str, ...]) -> list[str]:
    """The folders that hold tests."""
    return [folder for folder in folders if any((ROOT / folder).rglob("test_*.py"))]


def run(*arguments: str) -> int:
    """Runs pytest; returns its exit code."""
    print(f"pytest {' '.join(arguments)}", flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


def main() -> int:
    """Runs both goes, whatever the first one says; the worse exit code counts."""
    if arguments := sys.argv[1:]:
        return run(*arguments)
    if unknown := {path.parts[-2] for path in (ROOT / "tests").glob("*/test_*.py")} - {
            Path(folder).name for folder in SIDE_BY_SIDE + ALONE}:
        print(f"tests/{sorted(unknown)[0]}: say in tools/run_tests.py how to run it", file=sys.stderr)
        return 2
    codes = [run("-n", "2", "--dist", "loadfile", *present(SIDE_BY_SIDE))]
    if alone := present(ALONE):
        codes.append(run(*alone))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
