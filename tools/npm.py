"""Runs npm with the machine's Node, or with the one from PyPI: ``python tools/npm.py run test``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hatch_build import BuildError, npm_command  # noqa: E402


def main() -> int:
    """Replaces this process by npm."""
    try:
        command, env = npm_command()
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    os.chdir(ROOT)
    os.execvpe(command[0], [*command, *sys.argv[1:]], env)


if __name__ == "__main__":
    sys.exit(main())
