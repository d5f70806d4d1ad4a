"""The demo's agents and the first real admin live side by side."""

from __future__ import annotations

from sqlalchemy import Connection, select

from zhike.ops import demo
from zhike.ops.configfile import read_files
from zhike.ops.configplan import apply
from zhike.sample import CONFIG_FILES
from zhike.store import agents, tables
from zhike.store.engine import Store

NOW = 1_800_000_000_000


def _emails(conn: Connection) -> list[str]:
    return list(conn.execute(select(tables.agents.c.email).order_by(tables.agents.c.email)).scalars())


async def test_the_first_admin_can_be_made_after_the_demo_was_loaded(store: Store) -> None:
    await store.write(apply, read_files(CONFIG_FILES), NOW)
    try:
        await demo.load(store, NOW)
        await store.write(agents.put_setup_link, b"\x01" * 16, NOW + 1000, False)
        owner = await store.write(agents.use_setup_link, b"\x01" * 16, "me@shop.example", "Me", "$argon2id$",
                                  "zh", NOW)
        assert owner.role == "owner"
        later = await store.write(agents.create, "two@shop.example", "Two", "agent", "$argon2id$", "zh", NOW)
        assert later.id != owner.id
        assert len(await store.read(_emails)) > 3
    finally:
        await demo.remove(store)
    assert await store.read(_emails) == ["me@shop.example", "two@shop.example"]
