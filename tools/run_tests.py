"""Runs the tests in goes: what is independent side by side, the rest alone.

    python tools/run_tests.py              everything
    python tools/run_tests.py tests/unit   only this (arguments are pytest's)

Tests that start servers, kill them or measure memory are no good neighbours: they come last, alone.
Browser tests mostly wait, each file for a desk of its own, so two go on at a time. pytest's own summary is
the last thing printed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IN_PROCESS = ("tests/unit", "tests/property", "tests/contract", "tests/integration/test_rest_*.py")
BROWSER = ("tests/browser",)
ALONE = ("tests/integration", "tests/acceptance")
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile")


def present(patterns: tuple[str, ...]) -> list[str]:
    """The folders and files that are there."""
    return [str(path.relative_to(ROOT)) for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def run(*arguments: str) -> int:
    """Runs pytest; returns its exit code."""
    print(f"pytest {' '.join(arguments)}", flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode


def main() -> int:
    """Runs every go, whatever the ones before say; the worst exit code counts."""
    if arguments := sys.argv[1:]:
        return run(*arguments)
    folders = {path.parts[-2] for path in (ROOT / "tests").glob("*/test_*.py")}
    known = {Path(pattern).parts[1] for pattern in IN_PROCESS + BROWSER + ALONE}
    if unknown := sorted(folders - known):
        print(f"tests/{unknown[0]}: say in tools/run_tests.py how to run it", file=sys.stderr)
        return 2
    seen = present(IN_PROCESS)
    codes = [
        run(*SIDE_BY_SIDE, *seen),
        run(*SIDE_BY_SIDE, *present(BROWSER)),
        run(*present(ALONE), *(f"--ignore={path}" for path in seen if path.startswith(ALONE))),
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
