"""Steps of a migration that may be run again: each looks whether it is done already.

Offline (``--dry-run``) there is nothing to look at, so every step is written out.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Connection, Index, MetaData, Table, inspect
from sqlalchemy.engine import Inspector


def _inspector() -> Inspector | None:
    context = op.get_context()
    if context.as_sql:
        return None
    assert isinstance(context.connection, Connection)
    return inspect(context.connection)  # a new one each time: the last step changed the schema


def create_table(table: Table) -> None:
    """Creates a table with its indexes, or the indexes that are still missing."""
    seen = _inspector()
    if seen is None or not seen.has_table(table.name):
        op.get_context().impl.create_table(table)
        return
    for index in sorted(table.indexes, key=lambda one: str(one.name)):
        create_index(index)


def create_tables(metadata: MetaData) -> None:
    """All tables, in the order of their references."""
    for table in metadata.sorted_tables:
        create_table(table)


def create_index(index: Index) -> None:
    """Creates an index of a table that exists."""
    assert index.table is not None
    seen = _inspector()
    if seen is None or not seen.has_index(index.table.name, str(index.name)):
        op.get_context().impl.create_index(index)


def add_column(table: str, column: Column[object]) -> None:
    """Adds a column; it must be nullable or have a ``server_default``."""
    seen = _inspector()
    if seen is None or column.name not in {known["name"] for known in seen.get_columns(table)}:
        op.add_column(table, column)


def drop_column(table: str, name: str) -> None:
    """Removes a column (SQLite rebuilds the table)."""
    seen = _inspector()
    if seen is None or name in {known["name"] for known in seen.get_columns(table)}:
        op.drop_column(table, name)
