"""Turns: what the bot owes a conversation, from the first unanswered question to the answer.

A turn holds the questions of one conversation that are not answered yet. It is searched at once;
what is sure is said at once. What is not waits a moment for the rest of the thought ("在吗" /
"那条裙子" / "啥时候发"): the pieces are then searched together, and one answer names them all.
Only when the wait is over and nothing is known does the bot say so.
"""

from __future__ import annotations

from collections.abc import Sequence

from zhike.domain.message import Reply
from zhike.search.text import Question, understand

MAX_PIECES = 8
"""Pieces that are gathered at most; a longer burst is answered with what there is."""


class Piece:
    """One unanswered message. ``known``: a sure answer to this piece alone; ``opener``: a
    greeting's reply, said only if nothing else comes."""

    __slots__ = ("known", "opener", "question", "searched", "seq")

    def __init__(self, seq: int, question: Question, known: Reply | None = None, *,
                 searched: bool = False) -> None:
        self.seq = seq
        self.question = question
        self.known = known if known is not None and known.sure else None
        self.opener = known if known is not None and not known.sure else None
        self.searched = searched or known is not None


class Turn:
    """What one conversation is owed. ``generation`` rises with every new piece: a search that
    started before is then only part of the story."""

    __slots__ = ("bot_id", "combined", "combined_known", "combined_searched", "conversation_id", "due_s",
                 "epoch", "generation", "in_search", "pieces", "replying")

    def __init__(self, conversation_id: int, bot_id: int, epoch: int) -> None:
        self.conversation_id = conversation_id
        self.bot_id = bot_id
        self.epoch = epoch
        self.pieces: list[Piece] = []
        self.generation = 0
        self.in_search = False
        self.replying = 0
        self.due_s = 0.0
        self.combined: Question | None = None
        self.combined_known: Reply | None = None
        self.combined_searched = False

    def add(self, piece: Piece, due_s: float) -> None:
        """Another piece came: everything is considered again, together."""
        self.pieces.append(piece)
        self.generation += 1
        self.due_s = due_s
        self._part()

    def _part(self) -> None:
        """The pieces changed: what was known of all of them together no longer counts."""
        self.combined = self.combined_known = None
        self.combined_searched = False

    def to_search(self) -> list[Question]:
        """What has to be looked up now: pieces not searched yet, and all of them as one text."""
        questions = [piece.question for piece in self.pieces if not piece.searched]
        if len(self.pieces) > 1 and self.combined is None:
            lang = self.pieces[-1].question.lang
            separator = "" if lang == "zh" else " "
            text = separator.join(piece.question.text for piece in self.pieces if piece.opener is None)
            self.combined = understand(text, lang) if text else self.pieces[-1].question
        if self.combined is not None and not self.combined_searched:
            questions.append(self.combined)
        return questions

    def found(self, questions: Sequence[Question], replies: Sequence[Reply | None]) -> None:
        """Takes the results of :meth:`to_search` (also of an older generation)."""
        by_question = {id(q): r for q, r in zip(questions, replies, strict=True)}
        for piece in self.pieces:
            if id(piece.question) in by_question:
                piece.known = by_question[id(piece.question)]
                piece.searched = True
        if self.combined is not None and id(self.combined) in by_question:
            self.combined_known = by_question[id(self.combined)]
            self.combined_searched = True

    def decide(self, over: bool) -> list[tuple[tuple[int, ...], Reply | None]]:
        """What can be said now: (seqs, reply) in order; a None reply asks for the fallback.

        Args:
            over: the wait for more pieces is over.

        Pieces that are known by themselves are answered by themselves; unknown ones before them
        belong to the same thought. What remains waits, and is then answered as one text.
        """
        said: list[tuple[tuple[int, ...], Reply | None]] = []
        pending: list[Piece] = []
        for piece in self.pieces:
            pending.append(piece)
            if piece.known is not None:
                said.append((tuple(p.seq for p in pending), piece.known))
                pending = []
        if not pending:
            return said
        seqs = tuple(p.seq for p in pending)
        if not said and self.combined_known is not None and len(pending) > 1:
            return [(seqs, self.combined_known)]
        if over:
            openers = [p.opener for p in pending]
            said.append((seqs, openers[-1] if all(openers) else None))
        return said

    def answered(self, upto: int) -> None:
        """Drops the pieces up to this seq; the rest is a thought of its own."""
        self.pieces = [piece for piece in self.pieces if piece.seq > upto]
        self._part()
