"""Reads a Dockerfile of the few instructions that ours uses; anything else is an error, not skipped.

Used by the proof of the image's steps and by tests. Standard library only.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

KNOWN = frozenset(("FROM", "ARG", "RUN", "COPY", "ENV", "WORKDIR", "VOLUME", "EXPOSE", "HEALTHCHECK",
                   "ENTRYPOINT", "CMD"))


@dataclass
class Step:
    """One instruction: its name and what follows it, on one line."""

    name: str
    rest: str
    line: int


@dataclass
class Stage:
    """One FROM with its steps and what they leave for running."""

    image: str
    name: str
    steps: list[Step] = field(default_factory=list)

    def last(self, name: str) -> str:
        """What the last instruction ``name`` says, or ""."""
        return next((step.rest for step in reversed(self.steps) if step.name == name), "")

    def words(self, name: str) -> list[str]:
        """The JSON list of ENTRYPOINT, CMD, VOLUME (or HEALTHCHECK after its CMD).

        Raises:
            ValueError: it is not a JSON list: a shell would stand between us and signals.
        """
        text = self.last(name)
        if name == "HEALTHCHECK":
            text = text.partition("CMD ")[2]
        words = json.loads(text)
        if not isinstance(words, list):
            raise ValueError(f"{name} is not a list: {text}")
        return [str(word) for word in words]

    @property
    def env(self) -> dict[str, str]:
        """All ENV of the stage."""
        return {name: value for step in self.steps if step.name == "ENV"
                for name, _, value in (word.partition("=") for word in shlex.split(step.rest))}


def parse(text: str) -> list[Stage]:
    """The stages of a Dockerfile.

    Raises:
        ValueError: an instruction that is not known here.
    """
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for step in _steps(text):
        if step.name not in KNOWN:
            raise ValueError(f"line {step.line}: {step.name} is not known here")
        if step.name == "ARG":
            name, _, value = step.rest.partition("=")
            arguments[name] = value
        elif step.name == "FROM":
            said = re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], step.rest).split()
            stages.append(Stage(said[0], said[2] if len(said) == 3 else ""))
        else:
            stages[-1].steps.append(step)
    return stages


def _steps(text: str) -> list[Step]:
    steps: list[Step] = []
    gathered = ""
    begun = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if line.startswith("#") or (not line and not gathered):
            continue
        begun = begun or number
        if line.endswith("\\"):
            gathered += line[:-1].rstrip() + " "
            continue
        name, _, rest = (gathered + line).partition(" ")
        steps.append(Step(name.upper(), rest.strip(), begun))
        gathered, begun = "", 0
    return steps


def ignored(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore keeps ``path`` (relative, with /) out of the build.

    Raises:
        ValueError: a pattern of a kind that we do not read (``!``).
    """
    parts = path.split("/")
    for pattern in patterns:
        if pattern.startswith("!"):
            raise ValueError(f".dockerignore: {pattern} is not known here")
        anywhere = pattern.startswith("**/")
        wanted = pattern.removeprefix("**/").strip("/")
        for end in range(1, len(parts) + 1):
            if fnmatch("/".join(parts[:end]), wanted) or (anywhere and fnmatch(parts[end - 1], wanted)):
                return True
    return False


def patterns(folder: Path) -> list[str]:
    """The lines of .dockerignore that count."""
    lines = (folder / ".dockerignore").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
