"""Files of canned responses, on every database."""

from __future__ import annotations

import asyncio

import pytest

from zhike.domain.attachment import MAX_FILES, Attachment
from zhike.domain.canned import Canned
from zhike.errors import ZhikeError
from zhike.store import canned, canned_files
from zhike.store.engine import Store

WHAT = Attachment(0, "尺码表.png", "image/png", "image", 1234, 30, 20)


@pytest.fixture
async def reply(store: Store) -> int:
    made: Canned = await store.write(canned.create, Canned(0, "size", "请看尺码表"), 5)
    return made.id


async def put(store: Store, canned_id: int, token: str) -> Attachment:
    given: Attachment = await store.write(canned_files.add, token, canned_id, WHAT, 10)
    return given


async def test_they_are_there_as_long_as_their_response(store: Store, reply: int) -> None:
    other = (await store.write(canned.create, Canned(0, "fit", "x"), 5)).id
    first, second = await put(store, reply, "a" * 32), await put(store, reply, "b" * 32)
    assert await store.read(canned_files.of, [reply, other]) == {reply: (first, second)}
    found = await store.read(canned_files.get, first.id)
    assert found == (first, "a" * 32)
    assert await store.read(canned_files.get, first.id, other) is None, "another response's"
    with pytest.raises(ZhikeError, match="not_found"):
        await store.write(canned_files.drop, other, first.id, 11)
    await store.write(canned_files.drop, reply, first.id, 11)
    assert await store.read(canned_files.get, first.id) is None
    changed = await store.read(canned.get, reply)
    assert changed is not None
    assert changed.updated_at == 11
    assert await store.read(canned_files.doomed, 9) == {first.id: "a" * 32}
    await store.write(canned.remove, reply)
    assert set(await store.read(canned_files.doomed, 9)) == {first.id, second.id}
    await store.write(canned_files.forget, [first.id, second.id])
    assert await store.read(canned_files.doomed, 9) == {}


async def test_one_has_no_more_than_a_message_takes_also_from_many_at_once(store: Store, reply: int) -> None:
    done = await asyncio.gather(*(put(store, reply, f"{n:032}") for n in range(MAX_FILES + 3)),
                                return_exceptions=True)
    refused = [one for one in done if isinstance(one, ZhikeError)]
    assert [one.code for one in refused] == ["conflict"] * 3
    assert len((await store.read(canned_files.of, [reply]))[reply]) == MAX_FILES
    with pytest.raises(ZhikeError, match="not_found"):
        await put(store, reply + 99, "c" * 32)


async def test_who_sees_a_response(store: Store, reply: int) -> None:
    mine = (await store.write(canned.create, Canned(0, "own", "x", owner_id=7), 5)).id
    assert await store.read(canned.sees, canned.Wanted(me=7), mine)
    assert not await store.read(canned.sees, canned.Wanted(me=8), mine)
    assert await store.read(canned.sees, canned.Wanted(me=8), reply)
