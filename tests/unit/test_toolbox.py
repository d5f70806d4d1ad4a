"""The border of the tools: what is not allowed does not happen, whoever asks and however."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine, Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from zhike.answer.tools import Toolbox, ToolLimits
from zhike.domain.tool import Caller, Injected, Proof, Texts, Tool, ToolBody
from zhike.store import tables
from zhike.testing.loop import VirtualLoop

BOT = 1
NAME = "zhike_test_shop"
ORDERS = {"ZK1": ("c:7", "0107", "delivered"), "ZK2": ("c:8", "0108", "in transit")}
ORDER_SCHEMA = {"type": "object", "required": ["number"], "properties": {
    "number": {"type": "string", "maxLength": 40},
    "phone_tail": {"type": "string", "maxLength": 4, "description": "the last four digits of the phone"}}}
INJECT: dict[str, Injected] = {"customer_id": "caller.customer_id", "proven": "caller.proven"}
ORDER = Tool(
    1,
    BOT,
    "order",
    ToolBody(
        "python",
        "An order",
        python=f"{NAME}:order",
        parameters=ORDER_SCHEMA,
        inject=INJECT,
        proof=Proof("number", ("phone_tail",)),
        result=Texts("订单{/number}：{/state}", "Order {/number}: {/state}"),
        missing=Texts("订单号或手机尾号对不上。", "Number and phone do not match."),
    ),
)


class Shop:
    """The shop's own service, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.release = threading.Event()

    def order(self, **given: Any) -> dict[str, str] | None:
        self.asked.append(given)
        number = str(given["number"]).replace("-", "").upper()
        owner, tail, state = ORDERS.get(number, ("", "", ""))
        theirs = given["customer_id"] and owner == f"c:{given['customer_id']}"
        if owner and (theirs or given["proven"] or given.get("phone_tail") == tail):
            return {"number": number, "state": state}
        return None

    async def echo(self, **given: Any) -> Any:
        self.asked.append(given)
        return given or {"text": {"zh": "好", "en": "fine"}}

    async def slow(self) -> str:
        await asyncio.Event().wait()
        return "late"

    async def bad(self) -> None:
        raise KeyError("13800000000")

    def hangs(self) -> str:
        self.release.wait(10)
        return "done"

    async def huge(self) -> str:
        return "x" * 100_000

    async def odd(self) -> object:
        return object()


class MemoryStore:
    def __init__(self, conn: Connection) -> None:
        self.conn = conn

    async def read(self, fn: Any, *args: Any) -> Any:
        return fn(self.conn, *args)

    write = read


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    module = ModuleType(NAME)
    for name in ("order", "echo", "slow", "bad", "hangs", "huge", "odd"):
        setattr(module, name, getattr(made, name))
    sys.modules[NAME] = module
    yield made
    made.release.set()
    del sys.modules[NAME]


class Clock:
    now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def box(shop: Shop, clock: Clock) -> Iterator[Toolbox]:
    with create_engine("sqlite://").connect() as conn:
        tables.metadata.create_all(conn)
        limits = ToolLimits(tuple(f"{NAME}:{name}" for name in (
            "order", "echo", "slow", "bad", "hangs", "huge",
                                                                "odd")), threads=2, concurrency=2, waiting=1)
        made = Toolbox(MemoryStore(conn), limits, now=clock)
        made.use(BOT, [ORDER, *(plain(name) for name in ("echo", "slow", "bad", "hangs", "huge", "odd"))])
        yield made


def plain(name: str, **changes: Any) -> Tool:
    body = ToolBody("python", "x", python=f"{NAME}:{name}")
    return Tool(2, BOT, name, msgspec.structs.replace(body, **changes))


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """In real time: threads belong to these tests. Nothing waits longer than a moment."""
    return asyncio.run(work)


def virtual(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def visitor(contact: int = 5, lang: str = "en") -> Caller:
    return Caller(contact, f"v:{contact}", lang)


def customer(customer_id: str, contact: int = 50) -> Caller:
    return Caller(contact, f"c:{customer_id}", "en")


def ask(box: Toolbox, caller: Caller, **arguments: Any) -> Any:
    return run(box.call(BOT, "order", arguments, caller))


# ---- whose order -------------------------------------------------------------------------------------

def test_a_customer_sees_their_own_order_and_no_other(box: Toolbox) -> None:
    mine = ask(box, customer("7"), number="ZK1")
    assert (mine.ok, mine.text, mine.data["state"]) == (True, "Order ZK1: delivered", "delivered")
    theirs = ask(box, customer("7"), number="ZK2")
    assert (theirs.ok, theirs.error, theirs.data) == (False, "needs_proof", None)


def test_a_stranger_proves_an_order_with_the_tail_of_its_phone(box: Toolbox, shop: Shop) -> None:
    first = ask(box, visitor(), number="ZK1")
    assert (first.error, first.missing) == ("needs_proof", ("phone_tail",))
    assert "the last four digits of the phone" in first.text
    assert shop.asked == []  # the shop is not even asked
    wrong = ask(box, visitor(), number="ZK1", phone_tail="0108")
    assert (wrong.error, wrong.text) == ("not_found", "Number and phone do not match.")
    # nobody learns which numbers exist
    assert wrong.text == ask(box, visitor(6), number="ZK9", phone_tail="0108").text
    right = ask(box, visitor(), number="ZK1", phone_tail="0107")
    assert (right.ok, right.proven) == (True, True)


def test_a_proof_holds_a_day_for_this_contact_and_this_order_only(box: Toolbox, clock: Clock) -> None:
    assert ask(box, visitor(), number="ZK1", phone_tail="0107").ok
    assert ask(box, visitor(), number="ZK1").ok
    for caller, number in ((visitor(6), "ZK1"), (visitor(), "ZK2"), (visitor(), "ZK-1"), (visitor(), "zk1"),
                           (customer("8"), "ZK1")):
        assert ask(box, caller, number=number).error == "needs_proof"
    clock.now += 24 * 3_600_000
    assert ask(box, visitor(), number="ZK1").error == "needs_proof"


@pytest.mark.parametrize("forged", [
    {"customer_id": "7"}, {"proven": True}, {"caller.customer_id": "7"}, {"caller": {"customer_id": "7"}},
    {"customer_id": None}, {"Customer_id": "7"}])
def test_a_model_cannot_name_the_customer_or_the_proof(
    box: Toolbox, shop: Shop, forged: dict[str, Any]
) -> None:
    for caller in (visitor(), customer("8")):
        result = run(box.call(BOT, "order", {"number": "ZK1", **forged}, caller))
        assert (result.error, result.data) == ("bad_arguments", None)
    assert shop.asked == []


@pytest.mark.parametrize("text", ["I am customer 7", "customer_id=7", "c:7", 'ZK1", "customer_id": "7'])
def test_what_a_visitor_claims_is_only_text(box: Toolbox, text: str) -> None:
    assert not ask(box, visitor(), number=text, phone_tail="7").ok
    assert not ask(box, Caller(5, "v:c:7", "en"), number="ZK1").ok  # a visitor id is no customer id


def test_three_wrong_tries_and_a_person_has_to_look(box: Toolbox, shop: Shop, clock: Clock) -> None:
    said = [ask(box, visitor(), number="ZK1", phone_tail=f"000{n}").error for n in range(5)]
    assert said == ["not_found", "not_found", "throttled", "throttled", "throttled"]
    assert len(shop.asked) == 3
    assert ask(box, visitor(), number="ZK1", phone_tail="0107").error == "throttled"  # right, too late
    clock.now += 1_801_000
    assert ask(box, visitor(), number="ZK1", phone_tail="0107").ok


def test_new_contacts_do_not_buy_more_guesses_at_one_order(box: Toolbox, shop: Shop, clock: Clock) -> None:
    ways = ["ZK1", "zk1", "Z-K-1", "ｚｋ１", " ZK 1"]  # all one order to the shop
    for contact in range(40):
        ask(box, visitor(100 + contact), number=ways[contact % 5], phone_tail="9999")
    assert len(shop.asked) == 10
    clock.now += 3_600_000
    assert ask(box, visitor(5), number="ZK1", phone_tail="0107").error == "throttled"
    assert ask(box, customer("7"), number="ZK1").ok  # its owner is not held up …
    assert ask(box, customer("7"), number="ZK1", phone_tail="0107").ok
    assert ask(box, customer("8"), number="ZK1", phone_tail="0107").error != ""  # … nobody else slips through


def test_a_search_over_many_orders_is_slowed_down_to_nothing(box: Toolbox, shop: Shop) -> None:
    async def search() -> None:
        for n in range(1_000):
            await box.call(BOT, "order", {"number": f"X{n}", "phone_tail": "0001"}, visitor(1_000 + n))

    run(search())
    assert len(shop.asked) == 300
    assert len(box._proofs.throttle) <= 700


def test_a_hundred_guesses_at_once_are_not_all_first(box: Toolbox, shop: Shop) -> None:
    box.limits = msgspec.structs.replace(box.limits, waiting=500)

    async def burst() -> list[Any]:
        guesses = [{"number": "ZK1", "phone_tail": f"{n:04}"} for n in range(60, 160)]
        return await asyncio.gather(*(box.call(BOT, "order", guess, visitor()) for guess in guesses))

    assert [r.ok for r in run(burst())].count(True) == 0
    assert len(shop.asked) <= 3


def test_right_answers_and_failures_are_not_held_against_anybody(box: Toolbox, shop: Shop) -> None:
    broken = msgspec.structs.replace(ORDER, body=msgspec.structs.replace(ORDER.body, python=f"{NAME}:bad"))
    box.use(BOT, [broken])
    assert {ask(box, visitor(), number="ZK1", phone_tail="0107").error for _ in range(5)} == {"failed"}
    box.use(BOT, [ORDER])
    for contact in range(30):
        assert ask(box, visitor(contact + 1), number="ZK1", phone_tail="0107").ok


def test_a_tool_for_customers_is_closed_to_visitors(box: Toolbox, shop: Shop) -> None:
    box.use(BOT, [plain("echo", audience="customers", inject={"customer_id": "caller.customer_id"})])
    assert run(box.call(BOT, "echo", {}, visitor())).error == "not_identified"
    assert shop.asked == []
    assert run(box.call(BOT, "echo", {}, customer("7"))).data == {"customer_id": "7"}
    assert box.specs(BOT, ["echo"], visitor()) == []
    assert len(box.specs(BOT, ["echo"], customer("7"))) == len(box.specs(BOT, ["echo"])) == 1


# ---- which tool --------------------------------------------------------------------------------------

def test_only_what_is_allowed_here_can_be_called(box: Toolbox, shop: Shop) -> None:
    for key, allowed in (("echo", ("order",)), ("echo", ()), ("os:system", None), (f"{NAME}:echo", None),
                         ("ECHO", None), ("", None)):
        assert run(box.call(BOT, key, {}, visitor(), allowed=allowed)).error == "unknown_tool"
    assert run(box.call(BOT + 1, "echo", {}, visitor())).error == "unknown_tool"
    assert shop.asked == []
    assert set(box.counts) == {("?", "unknown_tool")}  # names that somebody made up are no labels
    assert run(box.call(BOT, "echo", {}, visitor(), allowed=("echo",))).text == "fine"


def test_an_edit_alone_runs_no_code(box: Toolbox) -> None:
    for name in ("os:system", "subprocess:run", f"{NAME}:Shop", f"{NAME}:hidden"):
        box.use(BOT, [Tool(3, BOT, "evil", ToolBody("python", "x", python=name))])
        assert run(box.call(BOT, "evil", {}, visitor())).error == "bad_target"


def test_a_function_that_is_listed_and_not_there_is_said_so(shop: Shop, box: Toolbox,
                                                            caplog: pytest.LogCaptureFixture) -> None:
    box = Toolbox(box._store, ToolLimits((f"{NAME}:gone", "no_such_module_x:f")))
    box.use(BOT, [Tool(3, BOT, "a", ToolBody("python", "x", python=f"{NAME}:gone")),
                  Tool(3, BOT, "b", ToolBody("python", "x", python="no_such_module_x:f"))])
    assert [run(box.call(BOT, key, {}, visitor())).error for key in "ab"] == ["bad_target"] * 2
    assert "not set up" in caplog.text


def test_disabled_tools_do_not_exist(box: Toolbox) -> None:
    box.use(BOT, [msgspec.structs.replace(ORDER, enabled=False)])
    assert box.specs(BOT, ["order"]) == []
    assert ask(box, customer("7"), number="ZK1").error == "unknown_tool"


def test_what_a_model_is_shown(box: Toolbox) -> None:
    spec, = box.specs(BOT, ("order", "nothing", "order"))
    assert spec["type"] == "function"
    assert spec["function"]["name"] == "order"
    assert spec["function"]["parameters"]["additionalProperties"] is False
    assert "customer_id" not in msgspec.json.encode(spec).decode()
    assert box.specs(99, ["order"]) == []


# ---- arguments ---------------------------------------------------------------------------------------

NESTED: dict[str, Any] = {}
NESTED["self"] = NESTED


@pytest.mark.parametrize(
    "arguments",
    [
        "not json",
        "[1]",
        '"ZK1"',
        "null",
        '{"number": 1}',
        '{"number": null}',
        "{}",
        '{"number": "x\\u0000"}',
        '{"number": "' + "x" * 41 + '"}',
        '{"number": "' + "x" * 10_000 + '"}',
        "[" * 100_000,
        '{"a":' * 5_000,
        '{"number": "\\ud800"}',
        '{"number": "ZK1", "$ref": "http://evil.example/"}',
        NESTED,
        {"number": object()},
        {"number": {"$ref": "#"}},
        {1: 2},
    ],
)
def test_arguments_that_do_not_fit_go_nowhere(box: Toolbox, shop: Shop, arguments: Any) -> None:
    result = run(box.call(BOT, "order", arguments, customer("7")))
    assert (result.error, bool(result.text)) == ("bad_arguments", True)
    assert shop.asked == []


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner,
                                                                               max_size=3), max_leaves=8),
       st.sampled_from([visitor(), customer("8")]))
def test_whatever_a_model_writes_it_gets_words_and_never_anothers_order(value: Any, caller: Caller) -> None:
    shop = Shop()
    module = ModuleType(NAME)
    module.order = shop.order  # type: ignore[attr-defined]
    sys.modules[NAME] = module
    with create_engine("sqlite://").connect() as conn:
        tables.metadata.create_all(conn)
        box = Toolbox(MemoryStore(conn), ToolLimits((f"{NAME}:order",)))
        box.use(BOT, [ORDER])
        for arguments in (value, {"number": "ZK1", "extra": value}, {"number": "ZK1", "customer_id": value},
                          {"number": value}, {"number": "ZK1", "proven": value}):
            result = run(box.call(BOT, "order", arguments, caller))
            assert not result.ok
            assert result.text
            assert "delivered" not in result.for_model()


# ---- time and room -----------------------------------------------------------------------------------

def test_a_slow_tool_is_given_up_in_time(box: Toolbox) -> None:
    async def story() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        result = await box.call(BOT, "slow", {}, visitor())
        return result.error, loop.time() - began_s

    # the function is async and imported already by the first call of another loop
    box._python._functions[f"{NAME}:slow"] = Shop().slow
    assert virtual(story()) == ("timeout", pytest.approx(5.0))
    assert (box.running_count, box.waiting_count) == (0, 0)


def test_what_does_not_fit_is_told_so_at_once(box: Toolbox) -> None:
    box._python._functions[f"{NAME}:slow"] = Shop().slow

    async def story() -> list[object]:
        tasks = [asyncio.ensure_future(box.call(BOT, "slow", {}, visitor())) for _ in range(3)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert (box.running_count, box.waiting_count) == (2, 1)
        errors: list[object] = [(await box.call(BOT, "slow", {}, visitor())).error]
        return errors + [result.error for result in await asyncio.gather(*tasks)]

    assert virtual(story()) == ["busy", "timeout", "timeout", "timeout"]
    assert box.counts["slow", "busy"] == 1


def test_a_cancelled_call_gives_its_place_back(box: Toolbox) -> None:
    box._python._functions[f"{NAME}:slow"] = Shop().slow

    async def story() -> None:
        task = asyncio.ensure_future(box.call(BOT, "slow", {}, visitor()))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtual(story())
    assert (box.running_count, box.waiting_count, box._places._value) == (0, 0, 2)


def test_a_function_that_hangs_in_a_thread_is_left_and_counted(box: Toolbox, shop: Shop) -> None:
    box.use(BOT, [plain("hangs", timeout_s=0.1)])

    async def story() -> str:
        result = await box.call(BOT, "hangs", {}, visitor())
        assert box._python.in_threads_count == 1  # it still holds its thread
        shop.release.set()
        box._python._pool.shutdown(wait=True)  # type: ignore[union-attr]
        await asyncio.sleep(0)
        assert box._python.in_threads_count == 0
        return str(result.error)

    assert run(story()) == "timeout"


def test_errors_are_logged_by_their_kind_and_never_with_their_words(box: Toolbox,
                                                                   caplog: pytest.LogCaptureFixture) -> None:
    assert run(box.call(BOT, "bad", {}, visitor())).error == "failed"
    assert "a tool failed" in caplog.text
    assert "13800000000" not in caplog.text + str([record.__dict__ for record in caplog.records])


def test_answers_are_bounded(box: Toolbox) -> None:
    assert run(box.call(BOT, "huge", {}, visitor())).error == "too_large"
    assert run(box.call(BOT, "odd", {}, visitor())).error == "failed"


def test_a_repeated_turn_carries_the_same_call_id_and_another_a_new_one(box: Toolbox, shop: Shop) -> None:
    box.use(BOT, [plain("echo", inject={"id": "call.id"}, parameters={
        "type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}})])

    def number(turn: str, **arguments: int) -> str:
        caller = Caller(5, "v:5", "en", turn=turn)
        return str(run(box.call(BOT, "echo", arguments, caller)).data["id"])

    assert number("42-7", a=1, b=2) == number("42-7", b=2, a=1)
    others = [number("42-8", a=1), number("42-7", a=2), number("", a=1), number("", a=1)]
    assert len({number("42-7", a=1), *others}) == 5


def test_a_database_that_is_away_ends_in_words(box: Toolbox) -> None:
    class Away(MemoryStore):
        async def read(self, fn: Any, *args: Any) -> Any:
            raise OSError("away")

    box._proofs.store = Away(None)  # type: ignore[arg-type]
    assert ask(box, visitor(), number="ZK1").error == "failed"


# ---- as a model sees it ------------------------------------------------------------------------------

def test_a_model_gets_words_it_can_act_on(box: Toolbox, shop: Shop) -> None:
    def call(name: str, arguments: dict[str, Any]) -> str:
        return str(run(box.call(BOT, name, arguments, visitor(), allowed=("order",))).for_model())

    assert call("order", {"number": "ZK1"}).startswith("needs_proof: ")
    assert "phone_tail" in call("order", {"number": "ZK1", "phone_tail": "12345"})
    assert call("echo", {}).startswith("unknown_tool: ")
    assert call("order", {"number": "ZK1", "customer_id": "7"}).startswith("bad_arguments: ")
    told = call("order", {"number": "ZK1", "phone_tail": "0107"})
    assert told == 'Order ZK1: delivered\n{"number":"ZK1","state":"delivered"}'
    assert [given["customer_id"] for given in shop.asked] == [""]
