"""The repository as a whole: sizes, docstrings, borders, lock files, pages, and what must not be in it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src/zhike"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
READMES = {"README.md": (ROOT / "README.md").read_text(),
           "README.zh-CN.md": (ROOT / "README.zh-CN.md").read_text()}
LOCKS = sorted(ROOT.glob("requirements*.lock"))
MAX_LINES = 500
MAX_SLEEP_S = 0.1
SLEEPS_ALLOWED = {
    "tests/unit/test_bench_scenarios.py": 1,      # the clock of a fake server, in its own process
    "tests/integration/test_leak.py": 1,          # nothing tells that the last end was noticed
    "tests/integration/test_gateway_http.py": 1,  # nothing tells that a server has stopped sending
}
"""How many real waits a file may have, with the reason."""


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is, or is about to be, under version control."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                            capture_output=True, check=False)
    if listed.returncode:  # sources without git, such as an sdist
        skip = {".venv", "node_modules", "__pycache__", "data", "dist", "build"}
        return tuple(path for path in ROOT.rglob("*") if path.is_file() and not skip & set(path.parts))
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return tuple(path for name in names if (path := ROOT / name).is_file())


def texts(*endings: str) -> Iterator[tuple[str, str]]:
    """(path, content) of tracked text files."""
    for path in tracked():
        if not endings or path.name.endswith(endings):
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text()
            except UnicodeDecodeError:
                continue  # a picture or an archive


# ---- sources -----------------------------------------------------------------------------------------

def test_every_module_says_what_it_is() -> None:
    silent = [name for name, text in texts(".py") if text.strip() and not ast.get_docstring(ast.parse(text))]
    assert silent == []


def test_no_source_file_is_longer_than_can_be_read() -> None:
    code = (".py", ".ts", ".vue", ".js", ".c", ".h")
    long = {name: count for name, text in texts(*code)
            if name.startswith(("src/", "console/src/", "widget/src/"))
            and (count := text.count("\n")) > MAX_LINES}
    assert long == {}


def _slept_s(call: ast.Call) -> float:
    """Seconds of ``sleep(<number>)``, 0 for any other call."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name != "sleep" or not call.args or not isinstance(call.args[0], ast.Constant):
        return 0
    value = call.args[0].value
    return float(value) if isinstance(value, int | float) else 0


def _sleeps(text: str) -> list[int]:
    """Lines of calls that really wait; ``asyncio.sleep`` in a test of virtual time does not."""
    virtual = "VirtualLoop" in text or "run_virtual" in text or "virtual time" in text
    return [node.lineno for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call) and _slept_s(node) >= MAX_SLEEP_S
            and not (virtual and ast.unparse(node.func) == "asyncio.sleep")]


def test_tests_do_not_sleep() -> None:
    """Waiting is for events, time is virtual."""
    slow = [f"{name}:{line}" for name, text in texts(".py") if name.startswith("tests/")
            for line in _sleeps(text)[SLEEPS_ALLOWED.get(name, 0):]]
    assert slow == []


def test_the_search_for_sleeps_finds_one() -> None:
    calls = [node for node in ast.walk(ast.parse("time.sleep(1)\nasyncio.sleep(0.05)\nsleep(x)\nf(3)"))
             if isinstance(node, ast.Call)]
    assert [_slept_s(call) for call in calls] == [1, 0.05, 0, 0]
    assert _sleeps("asyncio.sleep(2)\ntime.sleep(2)") == [1, 2]
    assert _sleeps("run_virtual(f)\nasyncio.sleep(2)\ntime.sleep(2)") == [3]


# ---- borders -----------------------------------------------------------------------------------------

def test_every_package_stands_in_the_order_of_imports() -> None:
    """A package that nobody ranked could import anything."""
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    ranked = {name.strip(" ()") for layer in layers for name in re.split(r"[|:]", layer)}
    there = {f"zhike.{path.stem}" for path in SRC.iterdir()
             if path.suffix == ".py" or (path / "__init__.py").is_file()}
    free = {"zhike.__init__", "zhike.__main__", "zhike.cli_flags"}
    assert there - free <= ranked
    assert "lint-imports" in MAKEFILE


def _imported(text: str) -> set[str]:
    """Top-level names of everything a module imports, wherever in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.append(node.module)
    return {name.partition(".")[0] for name in names}


EXTRAS = {"src/zhike/answer/llm/local_child.py": "local"}
"""Who may import what only an extra brings: alone in a file that nothing else of ours imports at a start."""


def test_what_is_imported_is_declared() -> None:
    """A library that comes only because another brings it may be gone tomorrow."""
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    extras = PROJECT["project"]["optional-dependencies"]
    modules = {"yaml": "pyyaml", "re2": "google-re2", "argon2": "argon2-cffi", "docx": "python-docx",
               "markdown_it": "markdown-it-py", "sklearn": "scikit-learn"}
    found = {}
    for name, text in texts(".py"):
        if name.startswith("src/") and not name.startswith("src/zhike/testing/"):  # testing: dev group
            own = {canonicalize_name(Requirement(line).name) for line in extras.get(EXTRAS.get(name, ""), ())}
            for module in _imported(text) - sys.stdlib_module_names - {"zhike"} - own:
                found[canonicalize_name(modules.get(module, module))] = name
    assert {library: name for library, name in found.items() if library not in declared} == {}


# ---- lock files --------------------------------------------------------------------------------------

def locked(path: Path) -> dict[str, str]:
    """name → version of one lock file."""
    pairs = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)", path.read_text(), re.M)
    return {canonicalize_name(name): version for name, version in pairs}


def test_lock_files_follow_the_project() -> None:
    groups = PROJECT["dependency-groups"]
    wanted = {"requirements.lock": PROJECT["project"]["dependencies"],
              "requirements-dev.lock": PROJECT["project"]["dependencies"] + groups["dev"] + groups["build"],
              "requirements-build.lock": groups["build"], "requirements-node.lock": groups["node"]}
    assert {path.name for path in LOCKS} == set(wanted)
    for name, lines in wanted.items():
        versions = locked(ROOT / name)
        for requirement in map(Requirement, lines):
            version = versions.get(canonicalize_name(requirement.name))
            assert version is not None, f"{name}: {requirement.name} is missing; run `make lock`"
            assert requirement.specifier.contains(version, prereleases=True), f"{name}: {requirement}"


def test_lock_files_agree_and_name_every_hash() -> None:
    everything = locked(ROOT / "requirements-dev.lock")
    for path in LOCKS:
        blocks = re.split(r"\n(?=\S)", path.read_text().strip())
        assert all("--hash=sha256:" in block for block in blocks), path.name
        if path.name != "requirements-node.lock":
            assert locked(path).items() <= everything.items(), path.name


def test_lock_files_name_no_host_and_no_path() -> None:
    for path in LOCKS:
        for mark in ("://", "--index", "--extra-index", "--find-links", "file:", " @ "):
            assert mark not in path.read_text(), path.name
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if ":" in package.get("resolved", "")] == []
    fetched = {name: package for name, package in packages.items()
               if name.startswith("node_modules/") and not package.get("link")}
    assert [name for name, package in fetched.items() if "integrity" not in package] == []


# ---- what must not be in it --------------------------------------------------------------------------

PRIVATE = re.compile("|".join((
    r"(?<![\w.~-])/(?:work|home/\w+|Users/\w+)/",            # somebody's machine
    r"(?<![\w.~-])/root/",
    r"(?:registry\.|files\.)(?:npmjs|pythonhosted)",          # registries: names of packages are enough
    r"(?:deb|security)\.debian",
    r"-----BEGIN [A-Z ]*PRIVATE KEY",
)))


def test_no_machine_and_no_registry_is_named() -> None:
    found = [f"{name}:{text[:match.start()].count(chr(10)) + 1} {match[0]}"
             for name, text in texts() if name != Path(__file__).relative_to(ROOT).as_posix()
             for match in PRIVATE.finditer(text)]
    assert found == []


@pytest.mark.parametrize("text", ["see /home/anna/zhike", "/Users/li/x", "at /root/.cache"])
def test_the_search_for_machines_finds_them(text: str) -> None:
    assert PRIVATE.search(text)


def test_the_licence_is_whole() -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert len(licence.splitlines()) == 202
    assert (ROOT / "NOTICE").read_text().strip()


# ---- READMEs and pages -------------------------------------------------------------------------------

SHELL = frozenset(("|", "&&", ">", ";", "\\"))
"""Where a command's own words end."""


def headings(text: str) -> list[str]:
    return re.findall(r"^(#+) ", _without_code(text), re.M)


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def commands(text: str) -> list[str]:
    """The commands in shell blocks, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    lines = (line.partition("#")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line]


def test_both_readmes_have_the_same_shape() -> None:
    english, chinese = READMES.values()
    assert headings(english) == headings(chinese)
    assert commands(english) == commands(chinese)
    assert len(re.findall(r"^\|", english, re.M)) == len(re.findall(r"^\|", chinese, re.M))


def test_commands_of_the_pages_exist() -> None:
    from zhike.cli_flags import COMMANDS, build_parser

    targets = set(re.findall(r"^([\w-]+):", MAKEFILE, re.M))
    seen = 0
    for name, text in texts(".md"):
        for command in commands(text):
            words = command.split()
            if words[0] == "make" and len(words) > 1:
                seen += 1
                assert words[1] in targets, f"{name}: {command}"
            elif words[0] == "zhike" and words[1:2] not in ([], ["--version"]):
                seen += 1
                assert words[1] in COMMANDS, f"{name}: {command}"
                end = next((i for i, word in enumerate(words) if word in SHELL), len(words))
                build_parser(words[1], "en").parse_args(words[1:end])
    assert seen > 10


def test_figures_in_the_readmes_are_the_measured_ones() -> None:
    done = subprocess.run([sys.executable, "docs/make_figures.py", "--check"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run `make figures`: {done.stdout}{done.stderr}"


def test_local_links_lead_somewhere() -> None:
    broken = []
    for name, text in texts(".md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(text)):
            path, _, anchor = target.partition("#")
            if "://" in target or target.startswith("mailto:"):
                continue
            there = (ROOT / name).parent / path if path else ROOT / name
            if not there.exists() or (anchor and anchor not in anchors(there.read_text())):
                broken.append(f"{name}: {target}")
    assert broken == []


def anchors(text: str) -> set[str]:
    """The ids GitHub gives to headings."""
    found = re.findall(r"^#+ (.+)$", _without_code(text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in found}


def test_every_pitfall_names_a_test_that_exists() -> None:
    text = (ROOT / "docs/pitfalls.md").read_text()
    sections = re.split(r"^## ", text, flags=re.M)[1:]
    assert len(sections) >= 10
    for section in sections:
        title = section.partition("\n")[0]
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", section)
        assert named, f"{title}: which test keeps it closed?"
        for path, function in named:
            file = ROOT / path
            assert file.is_file(), f"{title}: {path}"
            assert not function or re.search(rf"^(async )?def {function}\b", file.read_text(), re.M), \
                f"{title}: {path}::{function}"


def test_files_named_in_the_pages_exist() -> None:
    named = re.compile(r"`((?:src|tests|deploy|tools|docs|widget|console)/[\w./-]+\.\w+)`")
    missing = [f"{name}: {path}" for name, text in texts(".md") if name.startswith("docs/")
               for path in named.findall(text) if not (ROOT / path).exists()]
    assert missing == []


def test_every_page_is_reachable_from_the_index() -> None:
    pages = set((ROOT / "docs").rglob("*.md"))
    seen: set[Path] = set()
    todo = [ROOT / "docs/index.md", ROOT / "docs/zh/index.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        for target in re.findall(r"\]\(([^)#\s]+)", _without_code(page.read_text())):
            if "://" not in target:
                todo.append((page.parent / target).resolve())
    assert {path.relative_to(ROOT).as_posix() for path in pages - seen} == set()


def test_ci_runs_the_whole_suite() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert "for part in lint web-test pytest; do" in script
    assert "CI=true" in script
    assert re.search(r"^test: lint web-test pytest$", MAKEFILE, re.M)
    for folder in (ROOT / "tests").iterdir():
        if any(folder.glob("test_*.py")):
            assert f'"tests/{folder.name}"' in (ROOT / "tools/run_tests.py").read_text(), folder.name


def test_compose_is_yaml() -> None:
    assert "zhike" in yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
