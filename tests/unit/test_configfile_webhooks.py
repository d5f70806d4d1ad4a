"""Webhooks in a configuration file: out and back, by keys, without their secrets."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import Connection, create_engine

from zhike.config import ConfigError
from zhike.ops.configfile import export, read_text
from zhike.ops.configplan import apply, describe, make_plan
from zhike.store import tables, webhooks

NOW = 1_790_000_000_000
FILE = """zhike: 1
inboxes:
  - key: shop
webhooks:
  - key: erp
    name: ERP
    url: https://erp.example/zhike
    events: [rating.created, message.created]
    inboxes: [shop]
"""


@pytest.fixture
def conn() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as conn:
        tables.metadata.create_all(conn)
        yield conn


def text_of(conn: Connection) -> str:
    return "".join(export(conn))


def test_a_webhook_is_made_changed_and_comes_back(conn: Connection) -> None:
    assert apply(conn, read_text(FILE), NOW).count("add") == 2
    [hook] = webhooks.listed(conn)
    assert hook.body.events == ("message.created", "rating.created")
    assert (hook.body.inbox_ids, hook.body.mask) == ((1,), True)
    assert hook.body.secret.startswith("whsec_")
    out = text_of(conn)
    assert hook.body.secret not in out
    assert make_plan(conn, read_text(out)).changes == []
    changed = FILE.replace("name: ERP", "name: ERP 2\n    mask: false\n    enabled: false")
    plan = make_plan(conn, read_text(changed))
    assert any("mask: ∅ → False" in line for line in describe(plan, "en"))
    apply(conn, read_text(changed), NOW + 1)
    [after] = webhooks.listed(conn)
    assert (after.name, after.body.mask, after.enabled) == ("ERP 2", False, False)
    assert after.body.secret == hook.body.secret, "a file without a secret takes none away"
    paused = msgspec.structs.replace(after, enabled=True)
    webhooks.change(conn, paused, NOW + 2)


def test_without_prune_nothing_goes(conn: Connection) -> None:
    apply(conn, read_text(FILE), NOW)
    none = FILE.partition("webhooks:")[0] + "webhooks: []\n"
    assert make_plan(conn, read_text(none)).changes == []
    assert [change.kind for change in apply(conn, read_text(none), NOW, prune=True).changes] == ["delete"]
    assert webhooks.listed(conn) == []


@pytest.mark.parametrize(("before", "after", "said"), [
    ("inboxes: [shop]", "inboxes: [bank]", "there is no inbox 'bank'"),
    ("inboxes: [shop]", "teams: [late]", "there is no team 'late'"),
    ("rating.created, ", "rating.gone, ", "there is no event 'rating.gone'"),
    ("https://erp", "ftp://erp", "needs a URL"), ("key: erp", "keys: erp", "keys")])
def test_what_is_wrong_is_said_with_its_line(conn: Connection, before: str, after: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        apply(conn, read_text(FILE.replace(before, after)), NOW)
    assert any(said in problem.en for problem in refused.value.problems)
