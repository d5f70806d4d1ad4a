"""Puts the sample shop into a database, once."""

from __future__ import annotations

from zhike.ops.configfile import read_files
from zhike.ops.configplan import apply_once
from zhike.sample import CONFIG_FILES
from zhike.store.engine import Store


async def apply_sample(store: Store, now: int, mark: str) -> bool:
    """Applies the sample shop's files unless ``mark`` says it was done before.

    Whoever deletes the sample shop does not find it again after a restart. Returns True if it
    was applied now.
    """
    return await store.write(apply_once, read_files(CONFIG_FILES), mark, now)
