"""What a busy process owes: the waiting room on the loop that ``zhike serve`` really runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import uvloop

from zhike.bus.memory import MemoryBus
from zhike.domain.conversation import Conversation
from zhike.domain.message import Reply, TraceStep
from zhike.pipeline.queue import Queue
from zhike.search.text import Question, understand
from zhike.testing.inline import InlineExecutor


class NeverSure:
    """Knows nothing and says so."""

    def in_memory(self, bot_id: int) -> bool:
        return True

    async def open(self, bot_id: int) -> None:
        return

    def quick(self, bot_id: int, question: Question) -> Reply | None:
        return None

    def search(self, bot_id: int, questions: Sequence[Question]) -> list[Reply | None]:
        return [None for _ in questions]

    def remember(self, bot_id: int, question: Question, reply: Reply) -> None:
        raise AssertionError("there is nothing to remember")

    def fallback(self, bot_id: int, question: Question, tried: tuple[TraceStep, ...]) -> Reply:
        return Reply("fallback")


def test_questions_that_are_due_at_once_are_all_answered_on_uvloop() -> None:
    """uvloop's handle of something that is due already has no ``when``: the first one that came late
    made the queue forget the next."""
    async def main() -> None:
        work = asyncio.Event()
        queue = Queue(NeverSure(), InlineExecutor(), work, fragment_wait_s=lambda _: 0.0,
                      out_of_order_wait_s=1.0, search_batch=8, put_back=lambda _: None,
                      bus=MemoryBus().node())
        late_s = asyncio.get_running_loop().time() - 1.0
        for number in (1, 2, 3):
            conversation = Conversation(number, 1, 1, f"v:{number}", "pending", "bot", 1, 1, 1, 0, 0, 0)
            queue.owed(conversation, 1, understand("火星", "zh"), 1, None, late_s, searched=True)
        async with asyncio.timeout(10):
            while len(queue.replies) < 3:
                work.clear()
                await work.wait()
        assert [reply.conversation_id for reply in queue.replies] == [1, 2, 3]

    uvloop.run(main())
