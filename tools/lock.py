"""Writes the lock files from pyproject.toml: every version and hash, no host, no path.

    python tools/lock.py        keep what is locked, add and drop what pyproject.toml says
    python tools/lock.py -U     take the newest versions that pyproject.toml allows

Needs ``uv`` (``make lock`` installs it).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS: dict[str, list[str]] = {
    "requirements.lock": ["pyproject.toml"],
    "requirements-dev.lock": ["pyproject.toml", "--all-extras", "--group", "dev", "--group", "build",
                              "--constraints", "requirements.lock"],
    "requirements-build.lock": ["--group", "build", "--constraints", "requirements-dev.lock"],
    "requirements-node.lock": ["--group", "node"],
}
"""Lock file → what it is made from. The later ones follow the versions of the earlier ones."""


def lock(name: str, inputs: list[str], extra: list[str]) -> int:
    """Writes one lock file; returns uv's exit code."""
    return subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", *inputs, "--universal", "--generate-hashes",
         "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--python-version", "3.11",
         "--quiet", "--output-file", name, *extra],
        cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode


def main() -> int:
    """Writes all of them, in order."""
    for name, inputs in LOCKS.items():
        if code := lock(name, inputs, sys.argv[1:]):
            return code
        print(f"{name}: {sum('==' in line for line in (ROOT / name).read_text().splitlines())} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
