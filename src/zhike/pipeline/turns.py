"""Turns: what the bot owes a conversation, from the first unanswered question to the answer.

A turn holds the questions of one conversation that are not answered yet. It is searched at once;
what is sure is said at once. What is not waits a moment for the rest of the thought ("在吗" /
"那条裙子" / "啥时候发"): the pieces are then searched together, and one answer names them all.
What needs a job (a flow, a question that leans on earlier ones, a model) gets one; pieces that
arrive while the job has said nothing join it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from zhike.domain.conversation import Conversation
from zhike.domain.message import Reply
from zhike.search.text import Question, understand

if TYPE_CHECKING:
    from zhike.pipeline.jobs import Job

MAX_PIECES = 8
"""Pieces that are gathered at most; a longer burst is answered with what there is."""
FLOW_ACTION = "flow:"
"""Begins the action of a reply that starts a flow: ``flow:<key>``."""


class Piece:
    """One unanswered message. ``known``: a sure answer to this piece alone; ``weak``: a reply said
    only if nothing better comes (a greeting's, or one that knows a part); ``for_job``: a reply that
    a job has to finish (it leans on what was said before, or begins a flow)."""

    __slots__ = ("arrived_s", "for_job", "known", "question", "searched", "seq", "weak")

    def __init__(self, seq: int, question: Question, known: Reply | None = None, *,
                 searched: bool = False, arrived_s: float = 0.0) -> None:
        self.seq = seq
        self.question = question
        self.arrived_s = arrived_s
        self.known: Reply | None = None
        self.weak: Reply | None = None
        self.for_job: Reply | None = None
        self.searched = searched or known is not None
        if known is not None:
            self.take(known)

    def take(self, reply: Reply | None) -> None:
        """What rules or search say to this piece."""
        if reply is None:
            return
        if reply.leans or reply.action.startswith(FLOW_ACTION):
            self.for_job = reply
        elif reply.sure:
            self.known = reply
        else:
            self.weak = reply

    @property
    def opens(self) -> bool:
        """True for a greeting: worth waiting for the real question."""
        return self.weak is not None and self.weak.opener


class Decision(NamedTuple):
    """Something to do now for ``pieces``: say ``reply``, or find an answer (``reply`` None): by a job that
    must be (``needed``: flow, leaning), or by whatever the bot has; ``weak``: what is known of it."""

    pieces: list[Piece]
    reply: Reply | None
    needed: bool = False
    weak: Reply | None = None


class Turn:
    """What one conversation is owed. ``generation`` rises with every new piece: a search that
    started before is then only part of the story. ``flow``: the conversation's active flow."""

    __slots__ = ("bot_id", "combined", "combined_known", "combined_searched", "contact_id",
                 "conversation_id", "due_s", "epoch", "flow", "generation", "in_search", "inbox_id", "job",
                 "pieces", "replying", "sender")

    def __init__(self, conversation: Conversation, bot_id: int) -> None:
        self.conversation_id = conversation.id
        self.inbox_id = conversation.inbox_id
        self.contact_id = conversation.contact_id
        self.sender = conversation.sender
        self.bot_id = bot_id
        self.epoch = conversation.holder_epoch
        self.flow = conversation.flow
        self.pieces: list[Piece] = []
        self.job: Job | None = None
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

    def put_back(self, pieces: list[Piece]) -> None:
        """The job of these pieces was given up: they are open again, before what came since."""
        self.pieces = pieces + self.pieces
        self._part()

    def _part(self) -> None:
        """The pieces changed: what was known of all of them together no longer counts."""
        self.combined = self.combined_known = None
        self.combined_searched = False

    @staticmethod
    def text_of(pieces: Sequence[Piece]) -> Question:
        """Several pieces as one text, without the greetings among them."""
        if len(pieces) == 1:
            return pieces[0].question
        lang = pieces[-1].question.lang
        text = ("" if lang == "zh" else " ").join(p.question.text for p in pieces if not p.opens)
        return understand(text, lang, pieces[-1].question.inbox_id) if text else pieces[-1].question

    def to_search(self) -> list[Question]:
        """What has to be looked up now: pieces not searched yet, and all of them as one text."""
        questions = [piece.question for piece in self.pieces if not piece.searched]
        if len(self.pieces) > 1 and self.combined is None:
            self.combined = self.text_of(self.pieces)
        if self.combined is not None and not self.combined_searched:
            questions.append(self.combined)
        return questions

    def found(self, questions: Sequence[Question], replies: Sequence[Reply | None]) -> None:
        """Takes the results of :meth:`to_search` (also of an older generation)."""
        by_question = {id(q): r for q, r in zip(questions, replies, strict=True)}
        for piece in self.pieces:
            if id(piece.question) in by_question:
                piece.take(by_question[id(piece.question)])
                piece.searched = True
        if self.combined is not None and id(self.combined) in by_question:
            self.combined_known = by_question[id(self.combined)]
            self.combined_searched = True

    def decide(self, over: bool) -> list[Decision]:
        """What can be done now, in order.

        Args:
            over: the wait for more pieces is over.

        Pieces that are known by themselves are answered by themselves; unknown ones before them
        belong to the same thought. An active flow hears everything first. What remains waits, and
        is then answered as one text.
        """
        if self.flow:
            return [Decision(self.pieces, None, True, self._of_job(self.pieces))] if self.pieces else []
        said: list[Decision] = []
        pending: list[Piece] = []
        for piece in self.pieces:
            pending.append(piece)
            if piece.known is not None:
                said.append(Decision(pending, piece.known))
                pending = []
        if not pending:
            return said
        if (of_job := self._of_job(pending)) is not None:
            return [*said, Decision(pending, None, True, of_job)]
        together = self.combined_known if not said and len(pending) > 1 else None
        if together is not None and together.leans:
            return [Decision(pending, None, True, together)]
        if together is not None and together.sure:
            return [Decision(pending, together)]
        if over:
            weak = [piece.weak for piece in pending]
            if all(piece.opens for piece in pending):
                said.append(Decision(pending, weak[-1]))
            else:
                said.append(Decision(pending, None, weak=together or (weak[-1] if all(weak) else None)))
        return said

    @staticmethod
    def _of_job(pieces: Sequence[Piece]) -> Reply | None:
        """The newest reply that a job has to finish; under a flow, anything known."""
        for piece in reversed(pieces):
            if (reply := piece.for_job or piece.known) is not None:
                return reply
        return None

    def drop(self, upto: int) -> None:
        """Drops the pieces up to this seq; the rest is a thought of its own."""
        self.pieces = [piece for piece in self.pieces if piece.seq > upto]
        self._part()
