"""Lists of words kept in text files beside the code that uses them."""

from __future__ import annotations

from pathlib import Path


def sections(path: Path) -> dict[str, list[str]]:
    """``[name]`` lines with the words below them; ``#`` lines are remarks."""
    found: dict[str, list[str]] = {}
    words: list[str] = []
    for line in path.read_text("utf-8").split("\n"):
        if line.startswith("["):
            words = found[line.strip("[]")] = []
        elif not line.startswith("#"):
            words += line.split()
    return found
