"""The committed reference pages say what the code says."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from zhike.cli_flags import COMMANDS
from zhike.config.sections import all_settings
from zhike.domain.hook import EVENTS
from zhike.errors import CATALOGUE
from zhike.rest.routes import all_routes
from zhike.webhooks.payload import Body

ROOT = Path(__file__).parents[2]


def load() -> ModuleType:
    """docs/make_reference.py as a module."""
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs/make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = load()


@pytest.mark.parametrize("name", MAKER.PAGES)
def test_pages_equal_the_code(name: str) -> None:
    committed = ROOT / "docs/reference" / name
    assert committed.read_text() == MAKER.PAGES[name](), "run `make docs` and commit the result"


def test_no_page_is_left_over() -> None:
    assert {path.name for path in (ROOT / "docs/reference").glob("*.md")} == set(MAKER.PAGES)


def test_pages_hold_what_they_should() -> None:
    """A generator that forgets half would still be equal to itself."""
    pages = {name: make() for name, make in MAKER.PAGES.items()}
    for code in CATALOGUE:
        assert f"| `{code}` |" in pages["errors.md"]
    for setting in all_settings().values():
        name = setting.variable if setting.doc.kind == "secret" else setting.key
        assert f"| `{name}`" in pages["config.md"]
        assert f"| `{name}`" in pages["config.zh.md"]
    for route in all_routes(sample_shop=True):
        assert f"| `{route.method}` | `{route.path}` |" in pages["http.md"]
    for command in COMMANDS:
        assert f"\n## zhike {command}" in pages["commands.md"]
    for metric in ("zhike_connections", "zhike_messages_total", "zhike_queue_depth", "zhike_answer_seconds"):
        assert f"| `{metric}` |" in pages["metrics.md"]
    for event in EVENTS:
        assert f"| `{event}` |" in pages["webhooks.md"]
        _, _, rest = pages["webhooks.md"].partition(f"### {event}\n\n```json\n")
        sample = json.loads(rest.partition("```")[0])
        assert sample["event"] == event
        assert msgspec.convert(sample, Body).event == event, "a sample is a body"
    for frame in ("hello", "message", "resume", "welcome", "ack", "going_away", "pong"):
        assert f"\n### `{frame}`" in pages["protocol.md"]
