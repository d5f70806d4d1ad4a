"""A byte-level BPE vocabulary (as GPT-2's and Qwen2's) from a few texts; standard library only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>")
_LETTER = r"[^\W\d_]"
_PIECES = re.compile(rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\w]?{_LETTER}+|\d| ?(?:[^\s\w]|_)+[\r\n]*|\s+")
"""Near enough to Qwen2's own splitting: merges never cross a border of it."""


def byte_letters() -> dict[int, str]:
    """GPT-2's printable letter for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in printable}
    for number, byte in enumerate(sorted(set(range(256)) - set(printable))):
        letters[byte] = chr(256 + number)
    return letters


def learn(texts: Iterable[str], merges: int) -> tuple[list[str], list[tuple[str, str]]]:
    """(tokens by id, merges in order), the special tokens last."""
    letters = byte_letters()
    words = Counter("".join(letters[byte] for byte in piece.encode())
                    for text in texts for piece in _PIECES.findall(text))
    rows = [(list(word), count) for word, count in sorted(words.items())]
    learnt: list[tuple[str, str]] = []
    while len(learnt) < merges:
        pairs: Counter[tuple[str, str]] = Counter()
        for row, count in rows:
            for pair in pairwise(row):
                pairs[pair] += count
        best = max(pairs, key=lambda pair: (pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        learnt.append(best)
        for row, _ in rows:
            at = 0
            while at < len(row) - 1:
                if (row[at], row[at + 1]) == best:
                    row[at:at + 2] = ["".join(best)]
                at += 1
    tokens = [letters[byte] for byte in range(256)] + ["".join(pair) for pair in learnt]
    return tokens + list(SPECIAL), learnt
