"""Alembic's revisions: how a database of an older zhike becomes one of this one.

Run by :mod:`zhike.ops.migrate`, the only place that imports Alembic. A new database is made by
``create_all`` (:mod:`zhike.store.schema`), which must come to the same as all revisions together;
tests compare the two on every database. To add one: change ``store/tables.py``, write
``versions/v<number>_<what>.py`` after the form of ``script.py.mako``, raise
``schema.SCHEMA_VERSION``. (Only the baseline may still be changed, and only before a release has
made databases with it.)

Every step looks first whether it is done already (:mod:`zhike.store.migrations.steps`): MariaDB and
MySQL commit each change of a table by itself, so a migration killed half-way is simply run again.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent
VERSIONS = ROOT / "versions"
