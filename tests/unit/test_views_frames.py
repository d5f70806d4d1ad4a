"""What visitors get of a stored answer is put together from two pieces; it must be the whole frame."""

from __future__ import annotations

import msgspec
import pytest

from zhike.clock import to_datetime
from zhike.domain.card import Card
from zhike.domain.conversation import Conversation
from zhike.domain.message import Button, Reply, Source, TraceStep
from zhike.domain.unit import Row
from zhike.domain.views import row_frame
from zhike.domain.wire import MessageEvent

AT = 1_700_000_000_123
CONVERSATION = Conversation(7, 1, 3, "v:1", "pending", "bot", 2, 5, 4, 4, AT, AT)
decode = msgspec.json.Decoder(MessageEvent).decode


@pytest.mark.parametrize("reply", [
    Reply("付款后 24 小时内发出。"),
    Reply('quotes " and \\ and \n', buttons=(Button("人工", text="转人工"), Button("go", url="/x"))),
    Reply("cited", source=Source("article", 5, "ship", "多久发货", 0.93, ("a", "b")),
          cards=(Card("link", "https://shop.example/x", "t"),), ai=True,
          trace=(TraceStep("rules", "miss"),), action="handoff"),
])
@pytest.mark.parametrize(("answers", "answer_id"), [((4,), ""), ((), "d1"), ((2, 3), "d2")])
def test_a_frame_of_two_pieces_is_the_whole_frame(reply: Reply, answers: tuple[int, ...],
                                                  answer_id: str) -> None:
    row = Row(CONVERSATION, 5, "outgoing", "bot", reply.text, AT, answers=answers, reply=reply,
              answer_id=answer_id)
    whole = MessageEvent(7, 5, "outgoing", "bot", reply.text, to_datetime(AT), answers=answers,
                         buttons=reply.buttons, source=reply.source, cards=reply.cards, ai=reply.ai,
                         answer_id=answer_id)
    assert decode(row_frame(row, for_agent=False)) == whole
    assert decode(row_frame(row, for_agent=True)) == msgspec.structs.replace(whole, trace=reply.trace)
