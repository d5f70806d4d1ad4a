"""Tools, flows and proofs keep the same promises on every database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection

from zhike.domain.flow import Branch, Flow, FlowBody, Step
from zhike.domain.knowledge import Bot, Rule
from zhike.domain.tool import HttpAction, Proof, Texts, Tool, ToolBody
from zhike.errors import ZhikeError
from zhike.store import bots, flows, proofs, rules, tables, tools
from zhike.store.checks import FieldError
from zhike.store.engine import open_store

Db = Callable[..., Any]

PARAMETERS = {"type": "object", "properties": {"number": {"type": "string", "maxLength": 40},
                                               "phone_tail": {"type": "string", "pattern": r"^\d{4}$"}},
              "required": ["number"]}
BODY = ToolBody(kind="http", description="查订单", title="订单", parameters=PARAMETERS,
                inject={"customer": "caller.customer_id"},
                http=HttpAction("https://shop.example/orders/{number}", headers={"X-Customer": "{customer}"},
                                secret_header="Authorization", secret_prefix="Bearer ",
                                secret="env:ZHIKE_TOOL_ORDERS"),
                result=Texts("订单{/state/zh}", "Order {/state/en}"), proof=Proof("number", ("phone_tail",)))
TOOL = Tool(0, 0, "order_status", BODY)
FLOW = Flow(0, 0, "order-status", FlowBody("查订单 😀", (
    Step(ask="number", kind="order_number", prompt=Texts("订单号？", "Which order?")),
    Step(call="order_status", arguments={"number": "{number}"}, save="order"),
    Step(branch=Branch("done", "order.ok")), Step(handoff=Texts("转人工", "A person")),
    Step(label="done", say=Texts("{order.text}", "{order.text}")))))


@pytest.fixture
def db(database_url: str, tmp_path: Path) -> Iterator[Db]:
    store = open_store(database_url, tmp_path)

    def empty(conn: Connection) -> None:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name != "meta":
                conn.execute(table.delete())

    with asyncio.Runner() as runner:
        runner.run(store.open())
        try:
            yield lambda fn, *args, **kwargs: runner.run(store.write(fn, *args, **kwargs))
        finally:
            runner.run(store.write(empty))
            runner.run(store.close())


@pytest.fixture
def bot(db: Db) -> Bot:
    made = db(bots.create_bot, Bot(0, "shop", "小知"), 1000)
    assert isinstance(made, Bot)
    return made


def mine(item: Any, bot: Bot, **changes: Any) -> Any:
    return msgspec.structs.replace(item, bot_id=bot.id, **changes)


def version(db: Db, bot: Bot) -> int:
    return int(db(bots.get_bot, bot.id).knowledge_version)


def faults(error: pytest.ExceptionInfo[FieldError]) -> list[str]:
    return [fault.field for fault in error.value.faults]


def test_a_tool_comes_back_as_it_was_stored_and_every_edit_raises_the_version(db: Db, bot: Bot) -> None:
    made = db(tools.create_tool, mine(TOOL, bot), 2000)
    assert made == mine(TOOL, bot, id=made.id, created_at=2000, updated_at=2000)
    assert db(tools.get_tool, made.id) == made
    assert db(tools.get_tool_by_key, bot.id, "ORDER_STATUS") is None
    assert version(db, bot) == 2
    edited = db(tools.update_tool, msgspec.structs.replace(made, enabled=False), 3000)
    assert db(tools.update_tool, edited, 4000).updated_at == 3000  # nothing new: left alone
    assert version(db, bot) == 3
    assert db(tools.all_for_bot, bot.id) == db(tools.list_tools, text="ORDERS/") == [edited]
    assert db(tools.list_tools, enabled=True) == db(tools.list_tools, after_id=made.id) == []
    assert db(tools.delete_tool, made.id, 5000) is True
    assert db(tools.delete_tool, made.id, 5000) is False
    assert version(db, bot) == 4


def test_a_key_is_taken_once_and_needs_a_bot(db: Db, bot: Bot) -> None:
    db(tools.create_tool, mine(TOOL, bot), 1)
    with pytest.raises(ZhikeError) as error:
        db(tools.create_tool, mine(TOOL, bot), 1)
    assert (error.value.code, error.value.field) == ("conflict", "key")
    with pytest.raises(ZhikeError, match="not_found"):
        db(tools.create_tool, msgspec.structs.replace(TOOL, bot_id=bot.id + 99), 1)
    with pytest.raises(ZhikeError, match="not_found"):
        db(flows.update_flow, mine(FLOW, bot, id=12345), 1)


def test_a_flow_needs_its_tools_and_a_rule_its_flow(db: Db, bot: Bot) -> None:
    with pytest.raises(FieldError) as error:
        db(flows.create_flow, mine(FLOW, bot), 1)
    assert faults(error) == ["steps[1].call"]
    rule = Rule(0, bot.id, "order", "keyword", ("订单",), "", action="flow:order-status")
    for fn, item in ((rules.create_rule, rule), (rules.put_rules, [rule])):
        with pytest.raises(FieldError) as error:
            db(fn, *((item, 1) if fn is rules.create_rule else (bot.id, item, 1)))
        assert faults(error) == ["action"]
    tool = db(tools.create_tool, mine(TOOL, bot), 1)
    flow = db(flows.create_flow, mine(FLOW, bot), 1)
    assert db(flows.get_flow, flow.id) == flow
    made = db(rules.create_rule, rule, 1)
    assert db(rules.get_rule, made.id).action == "flow:order-status"
    with pytest.raises(FieldError):
        db(rules.update_rule, msgspec.structs.replace(made, action="flow:gone"), 1)
    for remove, item_id in ((flows.delete_flow, flow.id), (tools.delete_tool, tool.id)):
        with pytest.raises(ZhikeError) as refused:
            db(remove, item_id, 2)
        assert refused.value.code == "conflict"
    db(rules.delete_rule, made.id, 2)
    assert db(flows.delete_flow, flow.id, 2)
    assert db(tools.delete_tool, tool.id, 2)


def test_a_deleted_bot_takes_its_tools_and_flows(db: Db, bot: Bot) -> None:
    db(tools.create_tool, mine(TOOL, bot), 1)
    db(flows.create_flow, mine(FLOW, bot), 1)
    assert db(bots.delete_bot, bot.id)
    assert db(tools.all_for_bot, bot.id) == db(flows.all_for_bot, bot.id) == []


def test_many_at_once_raise_the_version_once_or_store_nothing(db: Db, bot: Bot) -> None:
    other = msgspec.structs.replace(TOOL, key="stock")
    assert db(tools.put_tools, bot.id, [TOOL, other], 1) == (2, 0, 0)
    assert version(db, bot) == 2
    changed = msgspec.structs.replace(other, enabled=False)
    assert db(tools.put_tools, bot.id, [TOOL, changed], 2) == (0, 1, 1)
    assert db(tools.put_tools, bot.id, [TOOL, changed], 3) == (0, 0, 2)
    assert version(db, bot) == 3
    with pytest.raises(FieldError):
        db(tools.put_tools, bot.id, [msgspec.structs.replace(TOOL, enabled=False),
                                     msgspec.structs.replace(other, key="no blanks")], 4)
    assert db(tools.get_tool_by_key, bot.id, "order_status").enabled


def test_a_proof_holds_for_its_contact_and_its_time_only(db: Db) -> None:
    long = "order_status:" + "9" * 200
    db(proofs.add_proof, 7, "t:ZK1", 5_000, 1_000)
    db(proofs.add_proof, 7, long, 5_000, 1_000)
    assert db(proofs.has_proof, 7, "t:ZK1", 4_999)
    assert db(proofs.has_proof, 7, long, 4_999)
    for contact, subject, now in ((8, "t:ZK1", 2_000), (7, "t:ZK2", 2_000), (7, "t:zk1", 2_000),
                                  (7, long[:-1] + "8", 2_000), (7, "t:ZK1", 5_000)):
        assert not db(proofs.has_proof, contact, subject, now)
    db(proofs.add_proof, 7, "t:ZK1", 9_000, 6_000)  # again, and what has expired goes
    assert db(proofs.has_proof, 7, "t:ZK1", 8_000)
    assert not db(proofs.has_proof, 7, long, 4_000)
    assert db(proofs.purge_proofs, 9_000) == 1


def with_http(**changes: Any) -> ToolBody:
    assert BODY.http is not None
    return msgspec.structs.replace(BODY, http=msgspec.structs.replace(BODY.http, **changes))


@pytest.mark.parametrize(("body", "field"), [
    (with_http(url="https://{number}.shop.example/x"), "http.url"),
    (with_http(url="https://shop.example:{number}/x"), "http.url"),
    (with_http(url="https://user:pw@shop.example/x"), "http.url"),
    (with_http(url="ftp://shop.example/x"), "http.url"),
    (with_http(url="https://shop.example/{other}"), "http.url"),
    (with_http(headers={"Host": "evil.example"}), "http.headers.Host"),
    (with_http(headers={"X-A": "a\r\nX-B: b"}), "http.headers.X-A"),
    (with_http(headers={"X A": "a"}), "http.headers.X A"),
    (with_http(secret="hunter2-hunter2"), "http.secret"),
    (with_http(secret="env:ZHIKE_DATABASE__PASSWORD"), "http.secret"),
    (with_http(secret="file:../../etc/passwd"), "http.secret"),
    (with_http(secret=""), "http.secret"),
    (with_http(body={"a": 1}), "http.body"),
    (with_http(max_bytes=1 << 30), "http.max_bytes"),
    (msgspec.structs.replace(BODY, inject={"number": "caller.customer_id"}), "inject.number"),
    (msgspec.structs.replace(BODY, audience="customers", inject={"customer": "caller.lang"}), "audience"),
    (msgspec.structs.replace(BODY, proof=Proof("order", ("phone_tail",))), "proof.subject"),
    (msgspec.structs.replace(BODY, proof=Proof("number", ("number",))), "proof.evidence"),
    (msgspec.structs.replace(BODY, result=Texts("{state}")), "result"),
    (msgspec.structs.replace(BODY, timeout_s=60.0), "timeout_s"),
    (msgspec.structs.replace(BODY, http=None), "http"),
    (msgspec.structs.replace(BODY, python="os:system"), "python"),
    (ToolBody("python", "x", python="os.system"), "python"),
    (ToolBody("python", "x", python="a:b", parameters={"type": "object", "properties": {
        "a": {"type": "string", "$ref": "http://evil.example/"}}}), "parameters.properties.a.$ref"),
    (ToolBody("python", "x", python="a:b", parameters={"type": "object", "additionalProperties": True}),
     "parameters.additionalProperties"),
])
def test_what_would_be_dangerous_or_never_work_is_refused_with_its_place(body: ToolBody, field: str) -> None:
    with pytest.raises(FieldError) as error:
        tools.rows._refuse(None, 1, [msgspec.structs.replace(TOOL, body=body)])  # type: ignore[arg-type]
    assert field in faults(error)
    assert all(fault.zh and fault.en for fault in error.value.faults)


@pytest.mark.parametrize(("steps", "field"), [
    ((Step(),), "steps[0]"),
    ((Step(ask="a", say=Texts("x")),), "steps[0]"),
    ((Step(ask="a"),), "steps[0].prompt"),
    ((Step(ask="a b", prompt=Texts("x")),), "steps[0].ask"),
    ((Step(ask="a", kind="choice", prompt=Texts("x")),), "steps[0].choices"),
    ((Step(ask="a", pattern="(?=x)", prompt=Texts("x")),), "steps[0].pattern"),
    ((Step(branch=Branch("nowhere")),), "steps[0].branch.goto"),
    ((Step(label="l", end=True), Step(branch=Branch("l", "caller.customer_id"))), "steps[1].branch.when"),
    ((Step(say=Texts("{who}")),), "steps[0].say"),
    ((Step(label="l", end=True), Step(label="l", end=True)), "steps[0].label"),
    ((), "steps"),
])
def test_a_flow_that_cannot_work_is_refused_with_its_place(steps: tuple[Step, ...], field: str) -> None:
    from zhike.store.checktools import check_flow

    assert field in [fault.field for fault in check_flow(Flow(0, 0, "f", FlowBody("f", steps)))]
