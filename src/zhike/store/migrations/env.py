"""Alembic runs this for every command; the connection comes from :mod:`zhike.ops.migrate`.

``meta.schema_version``, which a starting desk looks at, moves together with Alembic's own mark.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import delete, insert

from zhike.store.tables import meta, metadata


def stamp(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
    """After each revision, in its transaction."""
    ctx.impl.execute(delete(meta).where(meta.c.name == "schema_version"))
    ctx.impl.execute(insert(meta).values(name="schema_version", value=step.up_revision_id))


def run() -> None:
    """Online with a connection, or offline: SQL to read."""
    connection = context.config.attributes.get("connection")
    if context.is_offline_mode():
        context.configure(dialect_name=context.config.attributes["dialect"], target_metadata=metadata,
                          on_version_apply=stamp, literal_binds=True)
    else:
        context.configure(connection=connection, target_metadata=metadata, on_version_apply=stamp)
    with context.begin_transaction():
        context.run_migrations()


run()
