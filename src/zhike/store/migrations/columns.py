"""Types and tables as revisions write them.

A copy of ``store/tabletypes.py``, on purpose: that file may go on changing, what a revision makes
must not. A type that changes gets a new name here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.ext.compiler import compiles

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s",
}

Ms = BigInteger
Id = BigInteger().with_variant(Integer, "sqlite")


class LongText(Text):
    """Text of any length; MySQL's own TEXT ends at 64 KB."""


class Digest(LargeBinary):
    """A 128-bit key digest."""

    def __init__(self) -> None:
        super().__init__(16)


@compiles(LongText, "mysql", "mariadb")
def _long_text(_type: LongText, _compiler: Any, **_: Any) -> str:
    return "MEDIUMTEXT"


@compiles(Digest, "mysql", "mariadb")
def _digest(_type: Digest, _compiler: Any, **_: Any) -> str:
    return "BINARY(16)"


def key(length: int) -> String:
    """A key that compares byte for byte."""
    return String(length)


def table(metadata: MetaData, name: str, *parts: Any) -> Table:
    """A table of ours, on every database."""
    return Table(name, metadata, *parts, mysql_engine="InnoDB", mysql_charset="utf8mb4",
                 mysql_collate="utf8mb4_bin", mariadb_engine="InnoDB", mariadb_charset="utf8mb4",
                 mariadb_collate="utf8mb4_bin")
