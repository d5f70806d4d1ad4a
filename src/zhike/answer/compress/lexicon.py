"""The words of ``words.txt``, and the single characters that need more care than a list."""

from __future__ import annotations

from pathlib import Path

from zhike.answer.wordfile import sections

_WORDS = sections(Path(__file__).with_name("words.txt"))
HARD = _WORDS["hard"]
KEPT = _WORDS["kept"]
FUNCTION = frozenset(_WORDS["function"])
TALK = frozenset(_WORDS["talk"])
NUMBERS = frozenset(_WORDS["numbers"])
LEADS = frozenset(
    "且为乘也买从会但住做再则到卖却去又另只叫可吃向在坐对将就往想打找把挑有来某查玩用"
    "由等给而能被要订让该说请还选那都问"
)
"""Characters that also stand inside names: cut off before a thing."""
TAILS = frozenset("与也买会但住到去可和在好就得想或有来玩用等能行要跟还都")
"""Cut off after a thing."""
JOINS = frozenset("与从做到卖去及叫吃含和在坐或有至跟")
"""Between two things of two characters or more: they are kept apart, the join costs one."""
