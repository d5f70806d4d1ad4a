"""Operators hear of trouble that lasts, once, and of its end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from zhike.app import outreach
from zhike.app.outreach import MIN_FREE_BYTES, Watch
from zhike.rest.ports import Health


class Told:
    def __init__(self) -> None:
        self.said: list[tuple[str, str, bool]] = []

    async def trouble(self, part: str, detail: str, *, over: bool = False) -> None:
        self.said.append((part, detail, over))


class Store:
    lost = 0

    async def read(self, fn: Any, *args: Any) -> int:
        return self.lost


def watch(checks: dict[str, str]) -> tuple[Watch, Told, Store]:
    async def look() -> Health:
        return Health(True, {"store": "ok", **checks})

    told, store = Told(), Store()
    core: Any = SimpleNamespace(store=store, now=lambda: 1_790_000_000_000,
                                settings=SimpleNamespace(server=SimpleNamespace(data="/")))
    notifier: Any = told
    return Watch(core, notifier, look), told, store


async def test_trouble_that_lasts_is_told_once_and_so_is_its_end() -> None:
    checks = {"model.qwen": "ok"}
    seen, told, _ = watch(checks)
    await seen.once()
    checks["model.qwen"] = "it failed repeatedly"
    await seen.once()
    assert told.said == [], "what is over by the next look wakes nobody"
    await seen.once()
    await seen.once()
    assert told.said == [("model.qwen", "it failed repeatedly", False)]
    checks["model.qwen"] = "ok"
    await seen.once()
    assert told.said[1:] == [("model.qwen", "", True)]


async def test_a_hiccup_has_no_end_to_tell_of() -> None:
    checks = {"store": "OperationalError"}
    seen, told, _ = watch(checks)
    await seen.once()
    checks["store"] = "ok"
    await seen.once()
    assert told.said == []


async def test_work_that_takes_a_while_is_no_trouble() -> None:
    seen, told, _ = watch({"knowledge": "shop: building 5/9", "embeddings": "computing for 2 bots",
                           "bots": "no bot yet", "drain": "draining"})
    for _ in range(3):
        await seen.once()
    assert told.said == []


async def test_lost_messages_and_a_full_disk_are_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, told, store = watch({})
    store.lost = 2
    monkeypatch.setattr(outreach, "_free_bytes", lambda folder: MIN_FREE_BYTES - 1)
    for _ in range(2):
        await seen.once()
    assert sorted(part for part, _, _ in told.said) == ["disk", "outbox"]
    assert "2 messages" in {part: said for part, said, _ in told.said}["outbox"]
