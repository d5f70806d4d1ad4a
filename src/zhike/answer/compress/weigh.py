"""Weighs pieces: what is worth its tokens, and what was said already."""

from __future__ import annotations

import re
from collections.abc import Callable

from zhike.answer.compress.pieces import SIGN, TALKS, THING, Piece, Sentence, sentences

THING_W = 6.0
DIGITS_W = 1.0
ANSWER_W = 1.0
ASKS_W = -0.5
ASKS_V = 0.3
IDLE_W = -2.0
NAME_W = 1.0
LOOSE_W = -2.0
SIGN_D = 3.0
TALK_W = 0.8
JOIN_D = 0.3
BRIDGE_D = 3.0
LEFT_D = 4.0
RIGHT_D = 5.5
SOFT_D = 2.5
ECHO_W = 0.5
COST_W = 0.1
LATEST_W = 0.5
LATEST_TURNS = 4
LONE_HAN_W = -4.0
TWICE_W = -6.5


def weigh(said: list[tuple[bool, str]], first: int, cost: Callable[[str], float]) -> list[Piece]:
    """All pieces from turn ``first`` on, in order, with their scores and costs.

    Args:
        said: (is it the visitor?, text).
    """
    every: list[Piece] = []
    parts: list[Sentence] = []
    latest = len(said) - LATEST_TURNS
    whole = "\n".join([text for _, text in said[first:]])
    for turn in range(first, len(said)):
        visitor, text = said[turn]
        for sentence in sentences(turn, text, whole):
            _things(sentence.pieces, visitor, sentence.asks, sentence.idle)
            if turn >= latest:
                for piece in sentence.pieces:
                    piece.score += LATEST_W
            every += sentence.pieces
            parts.append(sentence)
    costs: dict[str, float] = {}
    for piece in every:
        found = costs.get(piece.text)
        if found is None:
            found = costs[piece.text] = cost(piece.text)
        piece.cost = found
    _repeats(every, len(said))
    for sentence in parts:
        _between(sentence.pieces, sentence.idle)
    return every


def _things(pieces: list[Piece], visitor: bool, asks: bool, idle: bool) -> None:
    base = (
        THING_W
        + (0 if visitor else ANSWER_W)
        + ((ASKS_V if visitor else ASKS_W) if asks else 0)
        + (IDLE_W if idle else 0)
    )
    for piece in pieces:
        if piece.kind != THING:
            continue
        text = piece.text
        score = base
        if piece.digits:
            score += DIGITS_W
        if text.isascii():
            if not text.islower():
                score += NAME_W
        elif len(text) >= 3:
            score += NAME_W
        elif len(text) == 1:
            score += LONE_HAN_W
        piece.score = score


def _between(pieces: list[Piece], idle: bool) -> None:
    count = len(pieces)
    for index, piece in enumerate(pieces):
        if piece.kind == THING:
            continue
        left = pieces[index - 1] if index else None
        right = pieces[index + 1] if index + 1 < count else None
        left_score = left.score if left is not None and left.kind == THING else None
        right_score = right.score if right is not None and right.kind == THING else None
        both = None if left_score is None or right_score is None else min(left_score, right_score)
        score = LOOSE_W
        if piece.kind == SIGN:
            score = both - SIGN_D if both is not None else LOOSE_W
        elif piece.kind == TALKS:
            score = TALK_W
        elif piece.han:
            score = both - JOIN_D if both is not None else max(left_score or 0, right_score or 0) - SOFT_D
        elif both is not None and len(piece.text) <= 12:
            score = both - BRIDGE_D
        elif right_score is not None:
            score = right_score - LEFT_D
        elif left_score is not None:
            score = left_score - RIGHT_D
        piece.score = score - (2 if idle else 0)


_apart = re.compile(r"[a-z0-9]+(?:[.:,-][a-z0-9]+)*").sub
"""So that 4分 is not found in 14分, nor AB in ABC."""


def _repeats(every: list[Piece], count: int) -> None:
    """What stands in another piece that is kept anyway is worth little, the less the older."""
    things = [piece for piece in every if piece.kind == THING]
    for piece in things:
        low = piece.text.lower()
        piece.key = f" {low} " if low.isascii() else _apart(r" \g<0> ", low)
    things.sort(key=lambda piece: -len(piece.key))
    at: list[Piece] = []
    joined = ""
    for piece in things:
        spot = joined.find(piece.key)
        if spot >= 0:
            number = joined.count("\n", 0, spot)
            best = at[number]
            best.score = max(best.score, piece.score) + (ECHO_W if best.turn != piece.turn else 0)
            piece.score += TWICE_W + piece.turn / count
            piece.key += "\0"
        else:
            joined += f" {piece.key} \n"
            at.append(piece)
    for piece in at:
        piece.score -= COST_W * piece.cost
