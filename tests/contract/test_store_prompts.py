"""Templates in versions and regression cases: the same on every database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import msgspec
import pytest

from zhike.domain.case import Case, CaseBody, Checks
from zhike.domain.knowledge import Bot
from zhike.domain.prompt import Example, Template
from zhike.errors import ZhikeError
from zhike.store import bots, cases, prompts
from zhike.store.checks import FieldError
from zhike.store.engine import Store

T = Template("support", "你是{shop}的客服 😀", 0.3, 500, {"tone": "warm"}, (Example("a", "b"),), ("order",),
             "big")


async def make_bot(store: Store, key: str = "shop") -> int:
    bot = await store.write(bots.create_bot, Bot(0, key, key), 1)
    return bot.id


async def version(store: Store, bot_id: int) -> int:
    return (await store.read(bots.knowledge_versions))[bot_id]


def edited(words: str) -> Template:
    return msgspec.structs.replace(T, system_prompt=words)


async def test_every_change_is_a_version_and_one_is_active(store: Store) -> None:
    bot = await make_bot(store)
    first = await store.write(prompts.create_version, bot, T, 5, by="anna", note="begin")
    assert (first.version, first.active, first.created_by, first.note) == (1, True, "anna", "begin")
    assert await store.read(prompts.get_prompt, first.id) == first
    assert first.template == T
    second = await store.write(prompts.create_version, bot, edited("  two\n"), 6)
    assert (second.version, second.active, second.template.system_prompt) == (2, True, "two")
    draft = await store.write(prompts.create_version, bot, edited("three"), 7, activate=False)
    assert (draft.version, draft.active) == (3, False)
    assert await store.read(prompts.get_active, bot, "support") == second
    assert await store.read(prompts.active_for_bot, bot) == [second]
    found = await store.read(prompts.list_prompts, bot_id=bot, name="support")
    assert [(p.version, p.active) for p in found] == [(1, False), (2, True), (3, False)]
    assert await store.read(prompts.list_prompts, active=True) == [second]
    assert await store.read(prompts.get_version, bot, "support", 3) == draft


async def test_rolling_back_makes_an_old_version_active(store: Store) -> None:
    bot = await make_bot(store)
    first = await store.write(prompts.create_version, bot, T, 5)
    await store.write(prompts.create_version, bot, edited("two"), 6)
    before = await version(store, bot)
    assert (await store.write(prompts.activate, first.id, 7)).active is True
    assert await version(store, bot) > before
    assert [p.version for p in await store.read(prompts.active_for_bot, bot)] == [1]
    with pytest.raises(ZhikeError, match="not_found"):
        await store.write(prompts.activate, 999, 8)


async def test_the_same_again_is_no_version(store: Store) -> None:
    bot = await make_bot(store)
    first = await store.write(prompts.create_version, bot, T, 5)
    assert await store.write(prompts.create_version, bot, edited(f" {T.system_prompt} "), 6) == first
    assert await store.write(prompts.put_prompts, bot, [T, Template("x", "y")], 7) == (1, 0, 1)
    assert await store.write(prompts.put_prompts, bot, [edited("z")], 8) == (0, 1, 0)


async def test_names_and_bots_do_not_mix(store: Store) -> None:
    one, two = await make_bot(store, "one"), await make_bot(store, "two")
    for bot in (one, two):
        for name in ("a", "A"):
            await store.write(prompts.create_version, bot, Template(name, f"{bot} x"), 5)
    assert len(await store.read(prompts.list_prompts, active=True)) == 4
    await store.write(prompts.create_version, one, Template("a", "new"), 6)
    assert {(p.bot_id, p.name, p.version) for p in await store.read(prompts.list_prompts, active=True)} == {
        (one, "a", 2), (one, "A", 1), (two, "a", 1), (two, "A", 1)}
    assert await store.write(prompts.delete_prompts, one, ["a"], 7) == 2
    assert await store.write(bots.delete_bot, two) is True
    assert [p.name for p in await store.read(prompts.list_prompts)] == ["A"]


async def test_edits_at_once_leave_one_active(store: Store) -> None:
    bot = await make_bot(store)
    first = await store.write(prompts.create_version, bot, T, 5)
    edits: list[Awaitable[object]] = [store.write(prompts.create_version, bot, edited(f"v{n}"), 6)
                                      for n in range(6)]
    edits += [store.write(prompts.activate, first.id, 6) for _ in range(4)]
    await asyncio.gather(*edits)
    found = await store.read(prompts.list_prompts, bot_id=bot)
    assert sum(stored.active for stored in found) == 1
    assert [stored.version for stored in found] == list(range(1, 8))


async def test_what_is_refused(store: Store) -> None:
    bot = await make_bot(store)
    with pytest.raises(FieldError, match="shop"):
        await store.write(prompts.create_version, bot, edited("{shpo}"), 5)
    with pytest.raises(ZhikeError, match="not_found"):
        await store.write(prompts.create_version, 999, T, 5)
    with pytest.raises(FieldError):
        await store.write(prompts.put_prompts, bot, [edited("\x00")], 5)


def test_the_difference_of_two_versions() -> None:
    new = msgspec.structs.replace(T, system_prompt=T.system_prompt + "\n多一行", temperature=0.5)
    assert list(prompts.diff(T, new)) == ["system_prompt:", "   你是{shop}的客服 😀", "  +多一行",
                                          "temperature:", "  -0.3", "  +0.5"]
    assert list(prompts.diff(T, T)) == []
    assert "  +warm" not in list(prompts.diff(None, T))


CASE = Case(0, 0, "怎么退货 😀", "zh", CaseBody("returns", contains=("7 天",), checks=Checks(max_items=3)))


async def test_a_case_comes_back_as_it_was_stored(store: Store) -> None:
    bot = await make_bot(store)
    made = await store.write(cases.create_case, msgspec.structs.replace(CASE, bot_id=bot), 5)
    assert await store.read(cases.get_case, made.id) == made
    assert made.body == CASE.body
    silent = await store.write(cases.create_case, Case(0, bot, "天气", "", CaseBody(None)), 5)
    assert (await store.read(cases.get_case, silent.id)).body.expect is None  # type: ignore[union-attr]
    assert await store.read(cases.list_cases, bot_id=bot, text="RETURNS") == [made]
    assert await store.read(cases.list_cases, lang="zh") == [made]
    assert await store.read(cases.list_cases, after_id=made.id) == [silent]
    with pytest.raises(ZhikeError, match="conflict"):
        await store.write(cases.create_case, msgspec.structs.replace(CASE, bot_id=bot), 6)
    with pytest.raises(FieldError):
        await store.write(cases.create_case, Case(0, bot, "x"), 6)


async def test_cases_are_changed_put_and_removed(store: Store) -> None:
    bot = await make_bot(store)
    made = await store.write(cases.create_case, msgspec.structs.replace(CASE, bot_id=bot), 5)
    changed = await store.write(cases.update_case, msgspec.structs.replace(made, lang=""), 6)
    assert (changed.lang, changed.created_at, changed.updated_at) == ("", 5, 6)
    assert await store.read(cases.get_case, made.id) == changed
    assert await store.write(cases.update_case, changed, 7) == changed
    more = [msgspec.structs.replace(changed, body=CaseBody(None)), Case(0, 0, "新", "en", CaseBody("a"))]
    assert await store.write(cases.put_cases, bot, more, 8) == (1, 1, 0)
    assert await store.write(cases.put_cases, bot, more, 9) == (0, 0, 2)
    found = await store.read(cases.all_for_bot, bot)
    assert [(case.text, case.body.expect) for case in found] == [(CASE.text, None), ("新", "a")]
    with pytest.raises(ZhikeError, match="conflict"):
        await store.write(cases.update_case, msgspec.structs.replace(found[1], text=CASE.text, lang=""), 9)
    assert await store.write(cases.delete_cases, bot, [case.id for case in found]) == 2
