"""Flows: what a message holds is taken, what is old or broken ends honestly, nothing goes on for ever."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhike.answer.flows.slots import find
from zhike.answer.flows.state import State, read_state, version_of, write_state
from zhike.domain.flow import MAX_STATE_CHARS, Branch, Choice, Flow, FlowBody, SlotKind, Step, start_rules
from zhike.domain.knowledge import Rule
from zhike.domain.tool import Caller, Texts, Tool, ToolBody
from zhike.search.text import understand
from zhike.testing.flowrig import BOT, FlowRig, Visitor

TODAY = date(2026, 11, 26)
SIZES = (Choice("s", Texts("小号", "small")), Choice("m", Texts("中号", "medium"), ("m码",)),
         Choice("l", Texts("大号", "large")))


def ask(slot: str, kind: SlotKind = "text", **changes: Any) -> Step:
    return Step(ask=slot, kind=kind, prompt=Texts(f"{slot}？", f"Your {slot}?"), **changes)


def flow(*steps: Step, key: str = "f", **changes: Any) -> Flow:
    return Flow(7, BOT, key, FlowBody("一件事", steps, **{"starts": ("开始", "begin"), **changes}))


ORDER = flow(ask("size", "choice", choices=SIZES), ask("mail", "email"), ask("sure", "yes_no"),
             Step(branch=Branch("no", "sure = no")), Step(say=Texts("{size} → {mail}", "{size} → {mail}")),
             Step(end=True), Step(label="no", say=Texts("那就算了", "Then not")))


def talk(
    *flows: Flow, rules: tuple[Rule, ...] = (), lang: Any = "zh", tools: tuple[Tool, ...] = ()
) -> Visitor:
    return FlowRig(flows, tools, rules).visitor(lang=lang)


# ---- one slot ----------------------------------------------------------------------------------------

@pytest.mark.parametrize(
    ("kind", "text", "asked", "value"),
    [
        ("order_number", "我的订单 2026112600017 呢", False, "2026112600017"),
        ("order_number", "ab 20261126", True, "AB20261126"),
        ("order_number", "电话 13800001234", False, None),
        ("order_number", "12345", True, None),
        ("phone_tail", "0105", True, "0105"),
        ("phone_tail", "0105", False, "0105"),
        ("phone_tail", "是0105", True, "0105"),
        ("phone_tail", "我的手机是138 0000 1234", True, "1234"),
        ("phone_tail", "13800001234", False, "1234"),
        ("phone_tail", "零幺零五", True, "0105"),
        ("phone_tail", "尾号 ０１０５", False, "0105"),
        ("phone_tail", "2026 年买的", False, None),
        ("phone_tail", "0105 或者 0106", True, None),
        ("phone_tail", "不对，0105 错了，0106", True, "0106"),
        ("phone_tail", "不记得了", True, None),
        ("phone_tail", "ends in 0105", False, "0105"),
        ("phone_tail", "+46 70 123 45 67", True, "4567"),
        ("email", "写给 a.b@shop.example 吧", False, "a.b@shop.example"),
        ("email", "没有邮箱", True, None),
        ("date", "11月3日", True, "2026-11-03"),
        ("date", "2025/1/9", True, "2025-01-09"),
        ("date", "后天吧", True, "2026-11-28"),
        ("date", "yesterday", True, "2026-11-25"),
        ("date", "13月40日", True, None),
        ("date", "随便", True, None),
        ("yes_no", "是的", True, "yes"),
        ("yes_no", "不是", True, "no"),
        ("yes_no", "没错", True, "yes"),
        ("yes_no", "sure", True, "yes"),
        ("yes_no", "No, thanks", True, "no"),
        ("yes_no", "也许", True, None),
        ("yes_no", "是的", False, None),
        ("choice", "我要中号的", False, "m"),
        ("choice", "M码", True, "m"),
        ("choice", "2", True, "m"),
        ("choice", "第三个", True, "l"),
        ("choice", "the first one", True, "s"),
        ("choice", "Large", True, "l"),
        ("choice", "中号或者大号", True, None),
        ("choice", "2", False, None),
        ("choice", "9", True, None),
        ("text", "  随便写点 ", True, "随便写点"),
        ("text", "不对，是张三", True, "张三"),
        ("text", "hi", False, None),
    ],
)
def test_what_a_message_holds(kind: SlotKind, text: str, asked: bool, value: str | None) -> None:
    step = ask("x", kind, choices=SIZES if kind == "choice" else ())
    assert find(step, FlowBody("f", (step,)), text, TODAY, asked=asked) == value


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60),
    st.sampled_from(["text", "order_number", "phone_tail", "choice", "yes_no", "date", "email"]),
    st.booleans(),
)
def test_nothing_a_visitor_writes_breaks_it(text: str, kind: SlotKind, asked: bool) -> None:
    step = ask("x", kind, choices=SIZES)
    value = find(step, FlowBody("f", (step,)), text, TODAY, asked=asked)
    assert value is None or 0 < len(value) <= 120


# ---- a conversation ----------------------------------------------------------------------------------

def test_from_the_first_word_to_the_last() -> None:
    ann = talk(ORDER)
    assert [button.label for button in ann.say("开始").buttons] == ["小号", "中号", "大号"]
    assert ann.say("中号").text == "mail？"
    assert ann.say("a@b.example").text == "sure？"
    assert ann.say("对的").text == "m → a@b.example"
    assert ann.flow == ""
    assert ann.rig.flows.counts == {("f", "began"): 1, ("f", "done"): 1}


def test_an_earlier_answer_can_be_put_right() -> None:
    ann = talk(ORDER)
    for text in ("开始", "小号", "a@b.example"):
        ann.say(text)
    assert ann.say("等等，邮箱写错了，是 c@d.example").text == "sure？"
    assert ann.say("嗯").text == "s → c@d.example"


def test_what_is_asked_later_may_be_said_first() -> None:
    ann = talk(ORDER, lang="en")
    assert ann.say("begin").flow
    assert ann.say("mail me at a@b.example").text == "Your size?"
    assert ann.say("large").text == "Your sure?"
    assert ann.say("no").text == "Then not"


def test_an_edit_in_the_middle_is_said_and_nothing_is_guessed() -> None:
    ann = talk(ORDER)
    ann.say("开始")
    ann.rig.use([flow(ask("mail", "email"), ask("size"))])
    reply = ann.say("中号")
    assert (reply.flow, ann.flow) == ("", "")
    assert "变动" in reply.text
    assert [button.text for button in reply.buttons] == ["转人工"]
    assert ann.rig.flows.counts["f", "changed"] == 1


def test_a_flow_that_is_gone_ends_honestly() -> None:
    ann = talk(ORDER)
    ann.say("开始")
    ann.rig.use([])
    assert ann.say("中号").flow == ""
    begun = asyncio.run(ann.rig.flows.begin(BOT, "gone", understand("x", "en"), ann.caller))
    assert (begun.flow, begun.sure) == ("", True)
    assert begun.text


@pytest.mark.parametrize(
    "state",
    [
        "",
        "{",
        "null",
        "[]",
        '{"f":"f"}',
        '{"f":1,"v":""}',
        "[" * 10_000,
        '{"f":"f","v":"VERSION","t":9999999999999,"a":99}',
        '{"f":"f","v":"VERSION","t":9999999999999,"a":-7}',
        '{"f":"f","v":"00000000","t":9999999999999}',
    ],
)
def test_a_state_that_is_none_ends_honestly(state: str) -> None:
    rig = FlowRig([ORDER])
    state = state.replace("VERSION", version_of(ORDER.body))
    reply = asyncio.run(rig.flows.step(BOT, state, understand("中号"), Caller(5, "v:5")))
    assert reply is not None
    assert (reply.flow, bool(reply.text)) == ("", True)


def test_after_a_long_silence_it_is_over() -> None:
    ann = talk(ORDER)
    ann.say("开始")
    ann.rig.now += 1_800_000
    assert ann.say("中号").text == "mail？"
    ann.rig.now += 1_800_001
    state = ann.flow
    assert asyncio.run(ann.rig.flows.step(BOT, state, understand("a@b.example"), ann.caller)) is None
    assert ann.rig.flows.counts["f", "timeout"] == 1


def test_only_the_rules_it_names_may_break_in() -> None:
    rules = (Rule(1, BOT, "hello", "exact", ("你好",), "您好！", lang="zh"),
             Rule(2, BOT, "ok", "exact", ("好的",), "好的，有需要随时说。", lang="zh"),
             Rule(3, BOT, "other", "exact", ("另一件事",), "", action="flow:g"))
    other = flow(ask("name"), key="g", starts=())
    ann = talk(flow(*ORDER.body.steps, interrupts=("hello",)), other, rules=rules)
    ann.say("开始")
    assert ann.say("你好").text == "您好！\nsize？"
    assert "有需要" not in ann.say("好的").text
    assert ann.say("另一件事").text == "name？"
    assert ann.rig.flows.counts["g", "began"] == 1


def test_a_circle_ends_with_a_person() -> None:
    ann = talk(flow(Step(label="a", say=Texts("x")), Step(branch=Branch("a"))))
    assert ann.say("开始").action == "handoff"
    assert ann.flow == ""


def test_a_tool_that_is_gone_or_fails_is_a_fact_the_flow_can_act_on() -> None:
    steps = (Step(call="t", save="r"), Step(branch=Branch("bad", "r.error = unknown_tool")),
             Step(say=Texts("好")), Step(end=True), Step(label="bad", say=Texts("{r.error}")))
    assert talk(flow(*steps)).say("开始").text == "unknown_tool"
    python = Tool(1, BOT, "t", ToolBody("python", "x", python="os:getcwd"))
    assert talk(flow(*steps), tools=(python,)).say("开始").text == "好"  # not allowed: another error
    assert talk(flow(*steps), tools=(python,)).rig.toolbox.limits.python == ()


def test_what_a_visitor_writes_is_not_a_template() -> None:
    ann = talk(flow(ask("name"), Step(say=Texts("你好，{name}"))))
    ann.say("开始")
    assert ann.say("{name}{r.text}{{x}}").text == "你好，{name}{r.text}{{x}}"


def test_a_flow_can_be_begun_by_its_phrases() -> None:
    rules = start_rules(flow(ask("a"), starts=("开始", "/^go (now|on)$/")))
    assert [(rule.kind, rule.match, rule.action) for rule in rules] == [
        ("exact", ("开始",), "flow:f"), ("pattern", ("^go (now|on)$",), "flow:f")]
    assert start_rules(msgspec.structs.replace(ORDER, enabled=False)) == []
    assert talk(flow(ask("a"), starts=("/^go (now|on)$/",)), lang="en").say("Go on").text == "Your a?"


def test_a_state_fits_its_column_or_the_flow_ends() -> None:
    full = State("k" * 27, "12345678", 59, 1_800_000_000_000, {f"slot{n}": "字" * 120 for n in range(12)})
    text = write_state(full)
    assert text is not None
    assert len(text) <= MAX_STATE_CHARS
    assert read_state(text) == full
    assert write_state(State("k", "1", slots={f"s{n}": "x" * 200 for n in range(12)})) is None
    ann = talk(flow(*(ask(f"s{n}") for n in range(12)), Step(say=Texts("end"))))
    ann.say("开始")
    reply = ann.say('"' * 500)
    while ann.flow:
        assert len(ann.flow) <= MAX_STATE_CHARS
        reply = ann.say('"' * 500)
    assert reply.action == "handoff"  # twelve times 120 quotes are 240 characters of JSON each
