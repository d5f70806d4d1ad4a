"""Runs npm with the machine's Node, or with the one from PyPI: ``python tools/npm.py run test``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hatch_build import BuildError, npm_command  # noqa: E402


def main() -> int:
    """Runs npm; returns its exit code."""
    try:
        command, env = npm_command()
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
