from __future__ import annotations
import msgspec
from zhike.answer.compress.pieces import Piece
class Fact(msgspec.Struct, frozen=True):
    kind: str
    text: str
    turn: int
def facts(said: list[tuple[bool, str]], kept: list[Piece]) -> tuple[Fact, ...]:
    return ()
