"""Migrations on every database: equal to a new database, killed and run again, two at once."""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, create_engine, inspect, select, text
from sqlalchemy.engine import make_url

from zhike import cli
from zhike.errors import ZhikeError
from zhike.ops import migrate as module
from zhike.ops.migrate import differences, migrate
from zhike.store import tables
from zhike.store.dialect import insert_rows, name_of
from zhike.store.engine import open_store
from zhike.store.migrations import VERSIONS
from zhike.store.schema import SCHEMA_VERSION, get_meta

SERVERS = {"postgresql": "ZHIKE_TEST_POSTGRESQL_URL", "mysql": "ZHIKE_TEST_MYSQL_URL"}
NOW = 1_790_000_000_000

REVISION = '''
"""A nickname, and a table with an index"""

import os

import sqlalchemy as sa

from zhike.store.migrations import steps

revision = "t0002"
down_revision = "0001"


def upgrade():
    steps.add_column("contacts", sa.Column("nickname", sa.String(50), nullable=True))
    if os.environ.get("ZHIKE_TEST_DIE"):
        os._exit(9)
    extra = sa.Table("extra", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
                     sa.Column("x", sa.Integer), sa.Index("ix_extra_x", "x"))
    steps.create_table(extra)
'''


def _admin(kind: str, sql: str) -> None:
    url = make_url(os.environ[SERVERS[kind]])
    if kind == "mysql":
        engine = create_engine(url.set(drivername="mysql+pymysql"))
        with engine.begin() as conn:
            conn.execute(text(sql))
        engine.dispose()
        return

    async def run() -> None:
        from sqlalchemy.ext.asyncio import create_async_engine

        engine = create_async_engine(url.set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT")
        async with engine.connect() as conn:
            await conn.execute(text(sql))
        await engine.dispose()

    asyncio.run(run())


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    kind = request.param
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'zhike.db'}"
        return
    if not os.environ.get(SERVERS[kind]):
        if os.environ.get("CI"):
            pytest.fail(f"{SERVERS[kind]} is missing, and this is CI")
        pytest.skip(f"{SERVERS[kind]} is missing: these tests did not run")
    name = f"zhike_test_{secrets.token_hex(4)}"
    _admin(kind, f"CREATE DATABASE {name}")
    try:
        yield make_url(os.environ[SERVERS[kind]]).set(database=name).render_as_string(hide_password=False)
    finally:
        _admin(kind, f"DROP DATABASE {name}" + (" WITH (FORCE)" if kind == "postgresql" else ""))


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A folder with a revision after the newest of ours."""
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "t0002.py").write_text(REVISION.replace('"0001"', repr(SCHEMA_VERSION)))
    return folder


def on(url: str, fn: Any, *args: Any) -> Any:
    """``fn(conn, *args)`` in a transaction."""
    return module._run(make_url(url), lambda conn: fn(conn, *args))


def start_desk(url: str) -> str:
    """What a start does to the database: opens it, makes it if it is empty."""
    async def run() -> str:
        store = open_store(url, Path())
        try:
            return await store.open()
        finally:
            await store.close()

    return asyncio.run(run())


def schema(conn: Connection) -> dict[str, Any]:
    """Everything the database itself says of its tables."""
    kind = name_of(conn)
    names = sorted(set(inspect(conn).get_table_names()) - {"alembic_version"})
    if kind == "sqlite":
        rows = conn.execute(text("SELECT name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {row.name: " ".join(row.sql.split()) for row in rows if row.tbl_name in names}
    if kind == "mysql":  # (keys stand in the order in which they were made)
        made = {name: conn.execute(text(f"SHOW CREATE TABLE {name}")).one()[1] for name in names}
        return {name: sorted(line.rstrip(",") for line in sql.splitlines()) for name, sql in made.items()}
    found: dict[str, Any] = {}
    for what, sql in (
            ("columns", "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, "
                        "column_default, collation_name FROM information_schema.columns "
                        "WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"),
            ("indexes", "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
                        "ORDER BY indexname"),
            ("constraints", "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) "
                            "FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
                            "ORDER BY conname")):
        found[what] = [tuple(row) for row in conn.execute(text(sql)) if row[0] != "alembic_version"]
    return found


def drop_all(conn: Connection) -> None:
    seen = MetaData()
    seen.reflect(conn)
    seen.drop_all(conn)


def add_contact(conn: Connection) -> None:
    insert_rows(conn, tables.inboxes, [{"id": 1, "key": "i", "name": "i", "channel": "web", "bot_id": None,
                                        "settings": "{}", "created_at": 1, "updated_at": 1}])
    insert_rows(conn, tables.contacts, [{"id": 1, "inbox_id": 1, "sender": "v:1", "name": "林 🙂",
                                         "email": "", "phone": "", "attributes": "{}", "created_at": 1,
                                         "last_seen_at": 1}])


def contacts(conn: Connection) -> list[tuple[Any, ...]]:
    c = tables.contacts.c
    return [tuple(row) for row in conn.execute(select(c.id, c.name))]


def run_command(url: str, folder: Path, *, die: bool = False) -> subprocess.Popen[bytes]:
    code = ("import sys; from pathlib import Path; from zhike.ops.migrate import migrate; "
            "migrate(sys.argv[1], versions=[Path(sys.argv[2])])")
    environment = {**os.environ, **({"ZHIKE_TEST_DIE": "1"} if die else {})}
    return subprocess.Popen([sys.executable, "-c", code, url, str(folder)], env=environment,
                            stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, said = process.communicate(timeout=60)
    return process.returncode, said.decode()


def test_all_revisions_come_to_the_same_as_a_new_database(url: str) -> None:
    start_desk(url)
    made = on(url, schema)
    assert len(made) >= 3
    on(url, drop_all)
    report = migrate(url)
    assert (report.before, report.after) == ("", SCHEMA_VERSION)
    assert on(url, schema) == made
    assert on(url, differences) == []


def test_the_comparison_would_notice(url: str) -> None:
    migrate(url)
    on(url, lambda conn: conn.execute(text("DROP TABLE outbox")))
    on(url, lambda conn: conn.execute(text("DROP INDEX ix_audit_at" +
                                           (" ON audit" if name_of(conn) == "mysql" else ""))))
    found = "\n".join(on(url, differences))
    assert "outbox" in found
    assert "ix_audit_at" in found


def test_the_desk_starts_on_the_newest_revision() -> None:
    assert module._Work("head", [VERSIONS]).target == SCHEMA_VERSION


def test_a_migrated_empty_database_is_complete(url: str) -> None:
    migrate(url)
    secret = start_desk(url)
    assert len(secret) == 64
    assert start_desk(url) == secret
    report = migrate(url)
    assert (report.before, report.steps, report.backup) == (SCHEMA_VERSION, (), None)
    assert start_desk(url) == secret


def test_a_database_that_was_never_migrated_goes_on_from_where_it_is(url: str, newer: Path) -> None:
    secret = start_desk(url)
    on(url, add_contact)
    report = migrate(url, versions=[newer])
    assert (report.before, report.after) == (SCHEMA_VERSION, "t0002")
    assert [step.revision for step in report.steps] == ["t0002"]
    assert on(url, contacts) == [(1, "林 🙂")]
    assert on(url, get_meta, "schema_version") == "t0002"
    assert on(url, get_meta, "secret") == secret
    assert migrate(url, versions=[newer]).steps == ()
    with pytest.raises(ZhikeError, match="config_error"):  # an older zhike leaves it alone
        start_desk(url)
    with pytest.raises(ZhikeError, match="newer"):
        migrate(url)


def test_a_dry_run_changes_nothing_and_says_everything(url: str, newer: Path) -> None:
    report = migrate(url, dry_run=True)
    assert "CREATE TABLE" in report.sql
    start_desk(url)
    before = on(url, schema)
    report = migrate(url, dry_run=True, versions=[newer])
    assert on(url, schema) == before
    assert on(url, get_meta, "schema_version") == SCHEMA_VERSION
    assert "alembic_version" not in on(url, lambda conn: inspect(conn).get_table_names())
    for piece in ("nickname", "ix_extra_x", "'t0002'"):
        assert piece in report.sql
    assert "CREATE TABLE agents" not in report.sql
    assert any("t0002" in line for line in report.lines("zh"))


def test_what_a_dry_run_prints_can_be_run(tmp_path: Path) -> None:
    first, second = tmp_path / "a.db", tmp_path / "b.db"
    sql = migrate(f"sqlite:///{first}", dry_run=True).sql
    assert not first.exists()
    with sqlite3.connect(second) as db:
        db.executescript(sql)
    db.close()
    migrate(f"sqlite:///{first}")
    assert on(f"sqlite:///{first}", schema) == on(f"sqlite:///{second}", schema)
    assert on(f"sqlite:///{second}", get_meta, "schema_version") == SCHEMA_VERSION


def test_a_migration_that_was_killed_is_run_again(url: str, newer: Path) -> None:
    start_desk(url)
    on(url, add_contact)
    code, said = finish(run_command(url, newer, die=True))
    assert code == 9, said
    half = "nickname" in on(url, _columns)
    assert half == (make_url(url).get_backend_name() == "mysql")
    assert on(url, get_meta, "schema_version") == SCHEMA_VERSION
    report = migrate(url, versions=[newer])
    assert [step.revision for step in report.steps] == ["t0002"]
    assert "nickname" in on(url, _columns)
    assert on(url, lambda conn: inspect(conn).has_index("extra", "ix_extra_x"))
    assert on(url, contacts) == [(1, "林 🙂")]
    assert on(url, get_meta, "schema_version") == "t0002"


def _columns(conn: Connection) -> list[str]:
    return [column["name"] for column in inspect(conn).get_columns("contacts")]


def test_killed_between_a_table_and_its_index(url: str) -> None:
    migrate(url)

    def half(conn: Connection) -> None:
        conn.execute(text("DROP INDEX ix_audit_at" + (" ON audit" if name_of(conn) == "mysql" else "")))
        conn.execute(text("DROP TABLE ratings"))
        conn.execute(text("DELETE FROM alembic_version"))
        conn.execute(text("DELETE FROM meta"))

    on(url, half)
    migrate(url)
    assert on(url, differences) == []


def test_two_at_once_take_turns(url: str, newer: Path) -> None:
    start_desk(url)
    processes = [run_command(url, newer) for _ in range(2)]
    results = [finish(process) for process in processes]
    assert [code for code, _ in results] == [0, 0], results
    assert on(url, get_meta, "schema_version") == "t0002"


def test_sqlite_is_copied_before_anything_changes(tmp_path: Path, newer: Path) -> None:
    url = f"sqlite:///{tmp_path / 'zhike.db'}"
    start_desk(url)
    on(url, add_contact)
    report = migrate(url, versions=[newer], now=lambda: NOW)
    assert report.backup == tmp_path / f"zhike.db.{SCHEMA_VERSION}-20260921T141320Z.bak"
    copied = f"sqlite:///{report.backup}"
    assert on(copied, contacts) == [(1, "林 🙂")]
    assert on(copied, get_meta, "schema_version") == SCHEMA_VERSION
    assert "nickname" not in on(copied, _columns)
    assert not list(tmp_path.glob("*.part"))
    start_desk(copied)  # the old zhike runs on it
    assert str(report.backup) in "\n".join(report.lines("en"))


def test_without_a_copy_if_not_wanted(tmp_path: Path, newer: Path) -> None:
    url = f"sqlite:///{tmp_path / 'zhike.db'}"
    start_desk(url)
    assert migrate(url, versions=[newer], backup=False).backup is None
    assert not list(tmp_path.glob("*.bak"))


def test_there_is_no_way_back_and_no_unknown_target(tmp_path: Path, newer: Path) -> None:
    url = f"sqlite:///{tmp_path / 'zhike.db'}"
    migrate(url, versions=[newer])
    with pytest.raises(ZhikeError, match="no way back"):
        migrate(url, to=SCHEMA_VERSION, versions=[newer])
    with pytest.raises(ZhikeError, match="no schema revision"):
        migrate(url, to="9999")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "zhike.db"
    path.write_text("a letter" * 1000)
    with pytest.raises(Exception, match=r"not a database|store_unavailable"):
        migrate(f"sqlite:///{path}")
    assert path.read_text() == "a letter" * 1000


@pytest.fixture
def newer_zhike(newer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This zhike, as it will be with one more revision."""
    for revision in VERSIONS.glob("v*.py"):
        (newer / revision.name).write_text(revision.read_text())
    monkeypatch.setattr(module, "VERSIONS", newer)
    monkeypatch.setattr("zhike.store.schema.SCHEMA_VERSION", "t0002")


@pytest.mark.usefixtures("newer_zhike")
def test_the_command_brings_a_database_of_an_older_state_up(
        url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    def zhike(*words: str) -> tuple[int, str]:
        code = cli.main(["migrate", *words, "--data", str(tmp_path)])
        return code, "".join(capsys.readouterr())

    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("ZHIKE_DATABASE__URL", url)
    assert zhike("--to", "0001")[0] == 0  # the older state
    on(url, add_contact)
    with pytest.raises(ZhikeError, match="zhike migrate"):
        start_desk(url)
    code, said = zhike("--dry-run")
    assert (code, "nickname" in said) == (0, True)
    with pytest.raises(ZhikeError, match="zhike migrate"):
        start_desk(url)
    code, said = zhike()
    assert (code, said.splitlines()[-1]) == (0, "Schema 0001 → t0002")
    assert on(url, contacts) == [(1, "林 🙂")]
    assert start_desk(url) == on(url, get_meta, "secret")
    assert zhike() == (0, "The database is up to date (schema t0002).\n")
    code, said = zhike("--to", "0001")
    assert (code, "no way back" in said) == (3, True)


def test_the_command_on_a_file_that_is_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("ZHIKE_DATABASE__URL", raising=False)
    (tmp_path / "zhike.db").write_text("a letter" * 1000)
    assert cli.main(["migrate", "--data", str(tmp_path)]) == 4
    assert "not a database" in capsys.readouterr().err


def test_the_server_never_loads_alembic() -> None:
    code = "import sys, zhike.app.core, zhike.ops.demo, zhike.ops.metrics; print('alembic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          timeout=60)
    assert done.stdout.strip() == "False"
