"""What tables are made of: types, keys, and how a table is made on each database.

No ORM: each noun's functions stand in the file of that noun.

Conventions: ids are small integers handed out in blocks (:mod:`zhike.ids`); times are BIGINT
milliseconds since 1970 UTC; JSON is TEXT written by msgspec; keys compare byte for byte on every
database (MariaDB and MySQL would fold case: our tables have a binary collation there).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable, SchemaItem

metadata = MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s",
})

Ms = BigInteger
"""Milliseconds since 1970 UTC."""
Id = BigInteger().with_variant(Integer, "sqlite")


class LongText(Text):
    """Text of any length; MySQL's own TEXT ends at 64 KB."""


class Digest(LargeBinary):
    """A 128-bit key digest."""

    def __init__(self) -> None:
        super().__init__(16)


# Said here instead of with the dialects' own types: importing those costs 150 ms at every start,
# and only one database is used.
@compiles(LongText, "mysql", "mariadb")
def _long_text(_type: LongText, _compiler: Any, **_: Any) -> str:
    return "MEDIUMTEXT"


@compiles(Digest, "mysql", "mariadb")
def _digest(_type: Digest, _compiler: Any, **_: Any) -> str:
    return "BINARY(16)"


def key(length: int) -> String:
    """A key. It compares byte for byte everywhere: our tables have binary collation."""
    return String(length)


def table(name: str, *parts: SchemaItem, **options: Any) -> Table:
    """A table of ours: InnoDB and binary collation where the database is MariaDB or MySQL."""
    return Table(name, metadata, *parts, **options)


@compiles(CreateTable, "mysql", "mariadb")
def _create_table(create: CreateTable, compiler: Any, **options: Any) -> str:
    # (options like mysql_engine= would make SQLAlchemy import those dialects at every start, too)
    made: str = compiler.visit_create_table(create, **options)
    return made.rstrip() + " ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin\n"
