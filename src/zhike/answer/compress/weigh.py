"""Weighs pieces: what is worth its tokens, and what was said already."""

from __future__ import annotations

import re
from collections.abc import Callable

from zhike.answer.compress.pieces import SIGN, TALKS, THING, Piece, Sentence, sentences
from zhike.answer.tokens import units

# Points, of no unit: only their order and differences count. Set by hand and checked on the development half
# of public dialogues; survival moves by less than a point when one moves by .5.
THING_W = 6.0
DIGITS_W = 1.0
NUMBER_W = 2.5
"""Instead of DIGITS_W, for numbers that name something."""
NAME_W = 1.0
"""A capital, or three Chinese characters."""
LONE_HAN_W = -4.0
ANSWER_W = 1.0
"""Said by the shop: more often a fact than a wish."""
ASKS_W = -0.5
ASKS_V = 0.3
"""In a question of the shop; of the visitor, whose questions hold what they want."""
IDLE_W = -2.0
"""In a sentence that says nothing of the matter ("anything else?")."""
LATEST_W = 0.5
LATEST_TURNS = 4
ECHO_W = 0.5
"""Said by another turn, too."""
TWICE_W = -6.5
"""Stands in something that is kept anyway."""
COST_W = 0.1
"""Off for each unit of length: ten short facts for one long."""
SIGN_D = 3.0
JOIN_D = 0.3
BRIDGE_D = 3.0
LEFT_D = 4.0
RIGHT_D = 5.5
SOFT_D = 2.5
"""How much less than its neighbours a sign, a join, function words between, before, after, and a soft
character are worth."""
TALK_W = 0.8
LOOSE_W = -2.0
"""Talk, and what is beside nothing."""


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
            score += NUMBER_W if _long_number(text) else DIGITS_W
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


_long_number = re.compile(r"[0-9]{5}|[A-Za-z][0-9]{3}|[0-9]{4}[A-Za-z]|@|[路街巷弄道村镇].*[0-9]号").search
"""An order, a phone, a mailbox, an address: what a conversation is about, however dear it is to a model."""
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
        piece.score -= COST_W * len(units(piece.text))
