"""3 s and 15 s, in virtual time: what the visitor sees, and when each model is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from zhike.answer.llm.answers import ModelAnswers
from zhike.answer.llm.context import Context
from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.models import Model, Models
from zhike.answer.llm.usage import UsageBook
from zhike.answer.llm.words import HOLDING, MEANWHILE
from zhike.answer.ports import Asked, Snippet
from zhike.clock import now_ms
from zhike.domain.message import Reply, Source
from zhike.domain.prompt import Template
from zhike.search.text import understand
from zhike.testing.loop import run_virtual
from zhike.testing.models import HeardOutlet, ScriptedClient, plain_parts, scripted

TEMPLATE = Template("default", "你是客服。")
CUT = ModelError("model_unavailable", "cut", again=True)
RETURNS = Snippet("returns", "退货", "签收后 7 天内可以退货。", 0.5, 11)


def asked(arrived_s: float = 1000.0, text: str = "怎么退货") -> Asked:
    return Asked(1, 1, 7, 1, 1, "v:1", understand(text, "zh"), (1,), arrived_s)


class Played:
    """One question, answered; times count from its arrival."""

    def __init__(self, models: Sequence[Model], arrived_s: float = 1000.0, **context: Any) -> None:
        self.models = models
        self.outlet = HeardOutlet()
        self.context = Context(**{"template": TEMPLATE, "snippets": [RETURNS], **context})
        self.reply: Reply | None = None
        self.end_s = 0.0
        self._arrived_s = arrived_s
        run_virtual(self._run)

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        answers = ModelAnswers(Models(self.models, UsageBook(None, now_ms)), plain_parts())
        self.reply = await answers.answer(asked(self._arrived_s), self.context, self.outlet)
        self.end_s = loop.time() - self._arrived_s

    @property
    def heard(self) -> list[tuple[float, str, str]]:
        return [(round(at - self._arrived_s, 3), kind, text) for at, kind, text in self.outlet.log]

    def ended(self, number: int) -> list[tuple[str, float]]:
        client = self.models[number].client
        assert isinstance(client, ScriptedClient)
        return [(how, round(at - self._arrived_s, 3)) for how, at in client.ended]

    @property
    def reasons(self) -> str:
        return " | ".join(f"{step.outcome} {step.detail}" for step in self.context.tried)


def test_a_quick_answer_comes_as_it_is_made() -> None:
    played = Played([scripted("a", [(0.5, "签收后"), (0.1, "7 天内可以退货[1]。"), (0.2, "请看订单页。")])])
    assert played.heard == [(0.6, "delta", "签收后7 天内可以退货。"), (0.8, "delta", "请看订单页。")]
    assert played.reply is not None
    assert played.reply.text == "签收后7 天内可以退货。请看订单页。"
    assert (played.reply.ai, played.reply.sure, played.reply.cacheable) == (True, False, False)
    assert played.reply.source == Source("model", 11, "a", "退货", cites=("退货",))
    assert played.reply.trace[-1].detail == "a: first word after 500 ms, 100+3 tokens"


def test_a_word_at_2_999_s_is_in_time() -> None:
    played = Played([scripted("a", [(2.999, "可以。")]), scripted("b", [(0.1, "不会问到我。")])])
    assert played.heard == [(2.999, "delta", "可以。")]
    assert played.ended(1) == []


def test_at_3_s_there_is_a_word_meanwhile_and_the_second_model_begins() -> None:
    played = Played([scripted("a", [(9.0, "太晚。")]), scripted("b", [(1.0, "可以。"), (1.0, "好的。")])])
    assert played.heard == [(3.0, "interim", f"{MEANWHILE['zh']}\n\n签收后 7 天内可以退货。"),
                            (4.0, "delta", "可以。"), (5.0, "delta", "好的。")]
    assert played.reply is not None
    assert played.reply.text == "可以。好的。"
    assert played.ended(0) == [("left", 5.0)], "its generation was stopped"
    assert played.reasons == "skipped a: b was first"


def test_the_first_to_finish_wins_though_the_other_spoke_first() -> None:
    slow = [(3.5, "我先说。"), (4.0, "我后完。")]
    played = Played([scripted("a", slow), scripted("b", [(2.0, "我先完。")])])
    assert [(at, kind) for at, kind, _ in played.heard] == [
        (3.0, "interim"), (3.5, "delta"), (5.0, "withdraw")]
    assert played.reply is not None
    assert played.reply.text == "我先完。"
    assert played.ended(0) == [("left", 5.0)]


def test_without_a_near_article_there_is_a_holding_line() -> None:
    played = Played([scripted("a", [(4.0, "可以。")])], snippets=[])
    assert played.heard[0] == (3.0, "interim", HOLDING["zh"])
    settings = {"holding": {"zh": "稍等哈"}, "suggest_threshold": 0.9}
    own = Played([scripted("a", [(4.0, "可以。")])], settings=settings)
    assert own.heard[0] == (3.0, "interim", "稍等哈")


@pytest.mark.parametrize(("last_s", "answered"), [(14.999, True), (15.0, False), (15.001, False)])
def test_at_15_s_everything_stops(last_s: float, answered: bool) -> None:
    long = [(2.0, "第一句。"), (last_s - 2.0, "最后一句。")]
    model = scripted("a", long)
    played = Played([model])
    if answered:
        assert played.reply is not None
        assert played.reply.text == "第一句。最后一句。"
        return
    assert played.reply is None
    assert played.end_s == pytest.approx(15.0, abs=1e-6)
    assert played.heard[-1] == (15.0, "withdraw", ""), "the draft does not stay"
    assert "a: stopped at 15 s" in played.reasons
    if last_s > 15.0:
        assert played.ended(0) == [("left", 15.0)]


def test_nobody_speaks_both_are_left_at_15_s() -> None:
    played = Played([scripted("a", [(60.0, "")]), scripted("b", [(60.0, "")])])
    assert played.reply is None
    assert [(at, kind) for at, kind, _ in played.heard] == [(3.0, "interim")]
    assert (played.ended(0), played.ended(1)) == ([("left", 15.0)], [("left", 15.0)])


def test_time_in_the_queue_counts() -> None:
    played = Played([scripted("a", [(1.0, "可以。")]), scripted("b", [(0.6, "好的。")])], arrived_s=997.5)
    assert [(at, kind) for at, kind, _ in played.heard] == [(3.0, "interim"), (3.5, "delta")]
    late = Played([scripted("a", [(1.0, "可以。")])], arrived_s=984.0)
    assert late.reply is None
    assert late.ended(0) == []
    assert "no time left" in late.reasons


def test_a_failure_asks_the_next_model_at_once() -> None:
    played = Played([scripted("a", [(0.4, CUT)]), scripted("b", [(0.5, "可以。")])])
    assert played.heard == [(0.9, "delta", "可以。")]
    assert played.reasons == "error a: model_unavailable: cut"


def test_a_cut_is_tried_again_when_there_is_no_other_model() -> None:
    model = scripted("a", [(0.4, CUT)], [(0.5, "可以。")])
    played = Played([model])
    assert played.heard == [(1.2, "delta", "可以。")]
    twice = Played([scripted("a", [(0.1, CUT)])])
    assert twice.reply is None
    assert len(twice.ended(0)) == 2, "once more, not for ever"


def test_what_is_refused_is_not_tried_again() -> None:
    played = Played([scripted("a", [(0.1, ModelError("model_refused", "401"))])])
    assert played.reply is None
    assert len(played.ended(0)) == 1


def test_no_second_try_after_a_word_was_seen() -> None:
    played = Played([scripted("a", [(0.5, "第一句。"), (0.5, CUT)])])
    assert played.reply is None
    assert [kind for _, kind, _ in played.heard] == ["delta", "withdraw"]
    assert len(played.ended(0)) == 1


def test_a_stall_takes_the_draft_back_and_the_next_model_answers() -> None:
    stalled = ModelError("model_timeout", "silent for 4 s")
    played = Played([scripted("a", [(1.0, "第一句。"), (4.0, stalled)]), scripted("b", [(1.0, "可以。")])])
    assert [(at, kind) for at, kind, _ in played.heard] == [
        (1.0, "delta"), (5.0, "withdraw"), (5.0, "interim"), (6.0, "delta")]
    assert played.reply is not None
    assert played.reply.text == "可以。"


def test_when_the_draft_breaks_off_the_other_model_takes_its_place() -> None:
    played = Played([scripted("a", [(3.2, "甲。"), (3.0, CUT)]),
                     scripted("b", [(1.0, "乙一。"), (4.0, "乙二。")])])
    assert played.heard[1:] == [(3.2, "delta", "甲。"), (6.2, "withdraw", ""), (6.2, "delta", "乙一。"),
                                (8.0, "delta", "乙二。")]
    assert played.reply is not None
    assert played.reply.text == "乙一。乙二。"


def test_only_two_at_once() -> None:
    mute = [(60.0, "")]
    played = Played([scripted("a", mute), scripted("b", mute), scripted("c", mute)])
    assert played.ended(2) == []


def test_a_bug_in_a_try_is_a_failure_not_a_crash() -> None:
    played = Played([scripted("a", [(0.1, KeyError("x"))]), scripted("b", [(0.1, "可以。")])])
    assert played.reply is not None
    assert "a: internal: KeyError" in played.reasons


def test_a_take_over_stops_the_generation() -> None:
    model = scripted("a", [(0.5, "第一句。"), (5.0, "第二句。")])

    async def main(loop: asyncio.AbstractEventLoop) -> list[tuple[str, float]]:
        answers = ModelAnswers(Models([model], UsageBook(None, now_ms)), plain_parts())
        job = asyncio.ensure_future(answers.answer(asked(), Context(template=TEMPLATE), HeardOutlet()))
        await asyncio.sleep(1.0)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert isinstance(model.client, ScriptedClient)
        return model.client.ended

    assert run_virtual(main) == [("left", 1001.0)]
    assert model.gate.busy == 0


def test_which_models_and_in_which_order() -> None:
    make: Callable[[str], Model] = lambda key: scripted(key, [(0.1, f"{key}。")])  # noqa: E731
    models = [make("a"), make("b"), make("c")]
    assert Played(models, settings={"models": ["b", "gone", "a"]}).reply.text == "b。"  # type: ignore[union-attr]
    first = Template("default", "", model="c")
    assert Played(models, template=first).reply.text == "c。"  # type: ignore[union-attr]
    none = Played([])
    assert none.reply is None
    assert "none is configured" in none.reasons
