"""The power-loss layer bites: it keeps what was synced, loses what was not, and SQLite shows both.

Nothing here knows the rest of zhike. A child commits rows and prints each id once its commit has
returned; it is killed at a random moment; then the disk's image must hold every printed id, or,
where a sync is missing, must not.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from zhike.testing.powerloss import PowerLossUnavailable, build, environment, power_cycle, what_is_held

# Each writer opens `a.db` in the current folder, goes on after the greatest id stored, and prints an
# id only after the commit of its row has returned. argv: journal mode, synchronous, autocheckpoint.
PLAIN = """
import os, sqlite3, sys
journal, synchronous, checkpoint = sys.argv[1:]
db = sqlite3.connect("a.db", isolation_level=None)
db.execute(f"pragma journal_mode={journal}")
db.execute(f"pragma synchronous={synchronous}")
db.execute(f"pragma wal_autocheckpoint={checkpoint}")
db.execute("create table if not exists rows (id integer primary key, text text)")
n = db.execute("select coalesce(max(id), 0) from rows").fetchone()[0]
while True:
    n += 1
    db.execute("insert into rows values (?, ?)", (n, f"{n}:" * (n % 700)))
    os.write(1, b"%d\\n" % n)
"""

# A writer thread under a uvloop loop, while two more threads read on connections of their own.
THREADS = """
import asyncio, os, sqlite3, sys, threading
import uvloop
journal, synchronous, checkpoint = sys.argv[1:]

def connect():
    db = sqlite3.connect("a.db", isolation_level=None, timeout=20)
    db.execute(f"pragma journal_mode={journal}")
    db.execute(f"pragma synchronous={synchronous}")
    db.execute(f"pragma wal_autocheckpoint={checkpoint}")
    return db

def write():
    db = connect()
    n = db.execute("select coalesce(max(id), 0) from rows").fetchone()[0]
    while True:
        n += 1
        db.execute("begin immediate")
        db.execute("insert into rows values (?, ?)", (n, f"{n}:" * (n % 700)))
        db.execute("commit")
        os.write(1, b"%d\\n" % n)

def read():
    db = connect()
    last = 0
    while True:
        now = db.execute("select coalesce(max(id), 0) from rows").fetchone()[0]
        if now < last:
            os._exit(3)
        last = now

async def main():
    connect().execute("create table if not exists rows (id integer primary key, text text)")
    await asyncio.gather(*(asyncio.to_thread(work) for work in (write, read, read)))

uvloop.run(main())
"""

SQLALCHEMY = """
import os, sys
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, event, func, insert, select
journal, synchronous, checkpoint = sys.argv[1:]
engine = create_engine("sqlite+pysqlite:///a.db")

@event.listens_for(engine, "connect")
def connected(db, _):
    db.execute(f"pragma journal_mode={journal}")
    db.execute(f"pragma synchronous={synchronous}")
    db.execute(f"pragma wal_autocheckpoint={checkpoint}")

meta = MetaData()
rows = Table("rows", meta, Column("id", Integer, primary_key=True), Column("text", String))
meta.create_all(engine)
with engine.connect() as link:
    n = link.execute(select(func.coalesce(func.max(rows.c.id), 0))).scalar_one()
while True:
    n += 1
    with engine.begin() as link:
        link.execute(insert(rows).values(id=n, text=f"{n}:" * (n % 700)))
    os.write(1, b"%d\\n" % n)
"""


@pytest.fixture(scope="module", autouse=True)
def shim() -> None:
    try:
        build()
    except PowerLossUnavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"POWER LOSS NOT TESTED: {error}")


class Rig:
    """A machine with one disk, whose power can be cut."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.live, self.image = folder, folder / "live", folder / "image"
        self.acknowledged: set[int] = set()
        self.lost: set[int] = set()

    def env(self, seed: int | None = None) -> dict[str, str]:
        return os.environ | environment(self.live, self.image, seed)

    def start(self, program: str, *args: str, seed: int | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", program, *args]
        return subprocess.Popen(
            command, env=self.env(seed), cwd=self.live, stdout=subprocess.PIPE, start_new_session=True
        )

    def run(self, program: str, seed: int | None = None) -> None:
        """Run a program to its end, then cut the power."""
        process = self.start(program, seed=seed)
        assert process.wait(20) == 0
        power_cycle(self.live, self.image, process)
        assert process.stdout is not None
        process.stdout.close()

    def round(self, program: str, *args: str, acks: int, seed: int | None = None) -> None:
        """Kill the writer somewhere after `acks` acknowledgements, then look at the disk."""
        process = self.start(program, *args, seed=seed)
        assert process.stdout is not None
        with process.stdout as printed:
            got = [int(printed.readline()) for _ in range(acks)]
            power_cycle(self.live, self.image, process)
            # What it had printed by then was promised too; a line cut short was not.
            got += [int(line) for line in printed.read().splitlines(keepends=True) if line.endswith(b"\n")]
        assert len(got) >= acks
        self.acknowledged.update(got)
        stored = self.stored()
        self.lost |= self.acknowledged - stored
        self.acknowledged &= stored  # ids go on from what is there: a lost one may be given again

    def stored(self) -> set[int]:
        """The ids on the disk, after SQLite's own recovery and integrity check."""
        copy = self.folder / "look"
        what_is_held(self.image, copy)
        try:
            with sqlite3.connect(copy / "a.db") as db:
                assert db.execute("pragma integrity_check").fetchone() == ("ok",)
                known = db.execute("select count(*) from sqlite_master where name = 'rows'").fetchone()[0]
                rows = db.execute("select id, text from rows").fetchall() if known else []
            db.close()
        finally:
            for left in copy.iterdir():
                left.unlink()
        assert all(text == f"{n}:" * (n % 700) for n, text in rows)
        return {n for n, _ in rows}

    def holds(self) -> dict[str, str]:
        """Name and text of each file on the disk."""
        return {str(p.relative_to(self.image)): p.read_text() for p in self.image.rglob("*") if p.is_file()}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def moments(seed: int, rounds: int, most: int = 250) -> list[int]:
    """How many acknowledgements to wait for in each round: some kills at once, some later."""
    chance = random.Random(seed)
    return [int(most ** chance.random()) for _ in range(rounds)]


# program, how often the WAL is checkpointed (pages), seed: None loses all that was not synced.
RUNS = pytest.mark.parametrize(
    ("program", "checkpoint", "seed"),
    [
        pytest.param(PLAIN, "1000", None, id="plain"),
        pytest.param(PLAIN, "5", None, id="many-checkpoints"),
        pytest.param(PLAIN, "1000", 7, id="some-survive"),
        pytest.param(PLAIN, "5", 7, id="some-survive-many-checkpoints"),
        pytest.param(THREADS, "40", None, id="threads-uvloop"),
        pytest.param(SQLALCHEMY, "40", 7, id="sqlalchemy"),
    ],
)


def rounds(rig: Rig, program: str, synchronous: str, checkpoint: str, seed: int | None) -> None:
    """Some power cuts of one and the same database."""
    for i, acks in enumerate(moments(seed or 1, 6 if program is PLAIN else 3)):
        rig.round(program, "wal", synchronous, checkpoint, acks=acks, seed=None if seed is None else seed + i)


@RUNS
def test_full_keeps_every_acknowledged_row(rig: Rig, program: str, checkpoint: str, seed: int | None) -> None:
    rounds(rig, program, "full", checkpoint, seed)
    assert not rig.lost
    assert rig.acknowledged


@RUNS
def test_normal_loses_acknowledged_rows(rig: Rig, program: str, checkpoint: str, seed: int | None) -> None:
    """The proof that the layer bites: `synchronous=NORMAL` syncs a WAL only at checkpoints."""
    rounds(rig, program, "normal", checkpoint, seed)
    assert rig.lost


def test_rollback_journal_needs_extra(rig: Rig) -> None:
    """With a rollback journal, FULL does not sync the folder after the journal is deleted.

    So the journal may come back and undo the last commit; EXTRA closes that. Shows that names are
    kept apart from contents (https://www.sqlite.org/pragma.html#pragma_synchronous, read 2025-11).
    """
    for acks in moments(3, 4):
        rig.round(PLAIN, "delete", "extra", "0", acks=acks)
    assert not rig.lost
    for acks in moments(4, 4):
        rig.round(PLAIN, "delete", "full", "0", acks=acks)
    assert rig.lost


def test_kill_without_power_loss_keeps_what_was_pending(rig: Rig) -> None:
    """A killed process loses nothing the kernel holds: the next process's sync makes it durable."""
    process = rig.start("import os; open('a', 'w').write('one'); os.write(1, b'!'); os.read(0, 1)")
    assert process.stdout is not None
    with process.stdout as printed:
        printed.read(1)
        process.kill()
        process.wait()
    assert rig.holds() == {}
    rig.run("import os; os.fsync(os.open('a', os.O_RDONLY)); os.fsync(os.open('.', os.O_RDONLY))")
    assert rig.holds() == {"a": "one"}


SYNC = "import os\ndef sync(path): fd = os.open(path, os.O_RDONLY); os.fsync(fd); os.close(fd)\n"
WRITE = SYNC + "def write(path, text):\n with open(path, 'w') as f: f.write(text)\n"


@pytest.mark.parametrize(
    ("steps", "held"),
    [
        ("write('a', 'new')", {"a": "old", "d/b": "old"}),
        ("write('a', 'new'); sync('a')", {"a": "new", "d/b": "old"}),
        ("write('c', 'new'); sync('c')", {"a": "old", "d/b": "old"}),
        ("write('c', 'new'); sync('.')", {"a": "old", "d/b": "old", "c": ""}),
        ("write('c', 'new'); sync('c'); sync('.')", {"a": "old", "d/b": "old", "c": "new"}),
        ("os.unlink('a')", {"a": "old", "d/b": "old"}),
        ("os.unlink('a'); sync('.')", {"d/b": "old"}),
        ("os.unlink('a'); write('a', 'new'); sync('a')", {"a": "old", "d/b": "old"}),
        ("write('c', 'new'); os.replace('c', 'a'); sync('.')", {"a": "", "d/b": "old"}),
        ("write('c', 'new'); sync('c'); os.replace('c', 'a')", {"a": "old", "d/b": "old"}),
        ("write('c', 'new'); sync('c'); os.replace('c', 'a'); sync('.')", {"a": "new", "d/b": "old"}),
        ("os.rename('d/b', 'b'); sync('d')", {"a": "old", "b": "old"}),
        ("os.rename('d', 'e'); sync('.')", {"a": "old", "e/b": "old"}),
        ("os.mkdir('e'); write('e/c', 'x'); sync('e/c'); sync('.')", {"a": "old", "d/b": "old"}),
        ("os.mkdir('e'); write('e/c', 'x'); sync('e/c'); sync('e')", {"a": "old", "d/b": "old", "e/c": "x"}),
        ("os.unlink('d/b'); os.rmdir('d'); sync('.')", {"a": "old"}),
        ("os.unlink('d/b'); os.rmdir('d')", {"a": "old", "d/b": "old"}),
        ("os.link('a', 'c'); sync('.')", {"a": "old", "c": "old", "d/b": "old"}),
        ("os.truncate('a', 1)", {"a": "old", "d/b": "old"}),
        ("os.truncate('a', 1); sync('a')", {"a": "o", "d/b": "old"}),
        ("fd = os.open('a', os.O_RDWR); os.pwrite(fd, b'N', 0); os.fdatasync(fd); os.pwrite(fd, b'L', 1)",
         {"a": "Nld", "d/b": "old"}),
        ("fd = os.open('a', os.O_WRONLY | os.O_APPEND); os.dup2(fd, 77); os.close(fd);"
         "os.writev(77, [b'e', b'r']); os.fsync(77)", {"a": "older", "d/b": "old"}),
        ("fd = os.open('a', os.O_WRONLY | os.O_DSYNC); os.write(fd, b'N')", {"a": "Nld", "d/b": "old"}),
        ("fd = os.open('a', os.O_RDWR); os.ftruncate(fd, 0); os.pwrite(fd, b'N', 2); os.fsync(fd)",
         {"a": "\0\0N", "d/b": "old"}),
        ("import mmap; fd = os.open('a', os.O_RDWR); m = mmap.mmap(fd, 3); m[:] = b'map'; os.fsync(fd)",
         {"a": "map", "d/b": "old"}),
        ("import shutil; shutil.copyfile('d/b', 'c'); os.truncate('a', 0); sync('a');"
         "shutil.copyfile('c', 'a'); sync('a')", {"a": "old", "d/b": "old"}),
        ("write('a', 'new'); write('c', 'new'); os.sync()", {"a": "new", "c": "new", "d/b": "old"}),
        ("import subprocess; write('a', 'new'); subprocess.run(['true'], close_fds=True); sync('a')",
         {"a": "new", "d/b": "old"}),
    ],
)  # fmt: skip
def test_only_what_was_synced_is_on_the_disk(rig: Rig, steps: str, held: dict[str, str]) -> None:
    (rig.live / "d").mkdir(parents=True)
    (rig.live / "a").write_text("old")
    (rig.live / "d" / "b").write_text("old")
    rig.run(WRITE + steps)
    assert rig.holds() == held
    assert {str(p.relative_to(rig.live)) for p in rig.live.rglob("*") if p.is_file()} == set(held)


def test_some_unsynced_writes_survive_by_seed(rig: Rig) -> None:
    """With a seed a disk writes back what it likes: some sectors, not all, and the same ones again."""
    seen = []
    for _ in range(2):
        rig = Rig(rig.folder / "next")
        rig.live.mkdir(parents=True)
        (rig.live / "a").write_bytes(b"o" * 8192)
        rig.run("import os; os.pwrite(os.open('a', os.O_RDWR), b'n' * 8192, 0)", seed=11)
        seen.append((rig.image / "a").read_text())
    sectors = {seen[0][at : at + 512] for at in range(0, 8192, 512)}
    assert sectors == {"o" * 512, "n" * 512}
    assert seen[0] == seen[1]


def test_what_lies_elsewhere_is_left_alone(rig: Rig) -> None:
    elsewhere = rig.folder / "elsewhere"
    rig.run(f"open({str(elsewhere)!r}, 'w').write('kept')")
    assert elsewhere.read_text() == "kept"
    assert rig.holds() == {}


def test_misuse_is_refused(rig: Rig) -> None:
    with pytest.raises(ValueError, match="inside the live folder"):
        environment(rig.live, rig.live / "image")
    rig.image.mkdir()
    (rig.image / "x").write_text("mine")
    with pytest.raises(ValueError, match="not made by environment"):
        environment(rig.live, rig.image)
    with pytest.raises(ValueError, match="not made by environment"):
        power_cycle(rig.live, rig.image)
    env = os.environ | {
        "LD_PRELOAD": str(build()),
        "POWERSHIM_DIR": str(rig.live),
        "POWERSHIM_IMAGE": "/nowhere",
    }
    done = subprocess.run([sys.executable, "-c", ""], env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "powershim" in done.stderr


def test_no_compiler_is_said_clearly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(PowerLossUnavailable, match="no-such-compiler"):
        build()
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\necho it broke >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with pytest.raises(PowerLossUnavailable, match="it broke"):
        build()
