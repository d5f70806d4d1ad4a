"""Indexes are kept out of the garbage collector's way, and long work out of the loop's."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zhike.search import quiet
from zhike.search.quiet import quiet_collector
from zhike.search.shelf import MemoryShelf
from zhike.testing.kb import make_kb


@pytest.fixture
def collector() -> Iterator[None]:
    """As it was, afterwards."""
    on = gc.isenabled()
    gc.enable()
    yield
    gc.unfreeze()
    if not on:
        gc.disable()


def test_what_is_loaded_is_never_walked_and_still_freed(collector: None) -> None:
    gc.collect()
    before = len(gc.get_objects())
    with quiet_collector():
        assert not gc.isenabled()
        with quiet_collector():  # another thread
            shelf = MemoryShelf(make_kb(200))
        assert not gc.isenabled()
    assert gc.isenabled()
    assert len(gc.get_objects()) < before + 200, "a collection does not walk the index"
    index = weakref.ref(shelf.index)
    gc.disable()
    del shelf
    assert index() is None, "no reference cycles: it goes without a collection"


def test_where_collecting_is_off_nothing_is_done(collector: None) -> None:
    gc.disable()
    frozen = gc.get_freeze_count()
    with quiet_collector():
        pass
    assert not gc.isenabled()
    assert gc.get_freeze_count() == frozen


def test_long_work_pauses_now_and_then_and_not_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, pauses = [0.0], list[float]()
    monkeypatch.setattr(quiet, "monotonic", lambda: now_s[0])
    monkeypatch.setattr(quiet, "sleep", pauses.append)
    breath = quiet.Breath()
    for _ in range(40):
        now_s[0] += quiet.WORK_S / 4
        breath.take()
    assert pauses == [quiet.PAUSE_S] * 10
    now_s[0] += 60.0
    breath.take()
    assert len(pauses) == 10, "it had nothing to do meanwhile"


def test_rings_of_objects_are_collected_before_there_are_many(collector: None) -> None:
    class Ring:
        def __init__(self) -> None:
            self.own = self

    gc.collect()
    seen = weakref.ref(Ring())
    quiet.tidy()
    assert seen() is not None, "not for one"
    kept = [[number] for number in range(quiet.YOUNG)]
    quiet.tidy()
    assert (seen(), len(kept)) == (None, quiet.YOUNG)


def test_a_package_is_read_ahead_of_its_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise SystemExit('loaded')")
    (tmp_path / "engine.libs").mkdir()
    files = [tmp_path / "engine" / "core.abi3.so", tmp_path / "engine.libs" / "libz.so.1"]
    for file in files:
        file.write_bytes(b"x" * 3_000_000)
    monkeypatch.syspath_prepend(tmp_path)
    opened: list[Path] = []
    really = Path.open

    def noting(file: Path, *args: Any, **options: Any) -> Any:
        opened.append(file)
        return really(file, *args, **options)

    monkeypatch.setattr(Path, "open", noting)
    quiet.read_ahead("engine")
    assert sorted(opened) == files
    quiet.read_ahead("no_such_package")
