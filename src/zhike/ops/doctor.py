"""Looks at the machine and the database as an experienced operator would, and says what to do."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, create_engine, inspect, text

from zhike.config import Settings, stray_environment
from zhike.log import scrub
from zhike.store.dialect import name_of
from zhike.store.engine import open_store
from zhike.store.schema import SCHEMA_VERSION, get_meta

SPARE_FILES = 500
"""File descriptors beside connections: database, index, log, outgoing requests."""
LITTLE_DISK_BYTES = 1 << 30
NO_DISK_BYTES = 100 << 20
SLOW_SYNC_S = 0.02
"""A commit waits for one sync; an SSD takes under 5 ms, and at 20 ms a visitor begins to notice."""
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph"})
SKEW_S = 2.0
"""Clocks of machine and database may differ by this; more mixes up the times of messages."""
OLDEST_GOOD_CLOCK_S = 1_750_000_000
"""June 2025, before this was written: a machine that says less has lost its clock."""


class Finding(NamedTuple):
    """One thing looked at; ``cure`` is shown unless it is in order."""

    state: Literal["ok", "warn", "bad"]
    zh: str
    en: str
    cure_zh: str = ""
    cure_en: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order in which things go wrong."""
    found = [*check_environment(), *check_data(settings), *check_files(settings), *check_clock(),
             *check_port(settings), *await check_database(settings)]
    if settings.models or settings.local_model.path:
        from zhike.ops.doctormodels import check_models

        found += await check_models(settings)
    if settings.mail.host or settings.mail.imap_host:
        from zhike.ops.doctormail import check_mail

        found += await check_mail(settings.mail)
    return found


def check_environment() -> Iterator[Finding]:
    """Variables that look like settings and are none."""
    for name in stray_environment():
        yield Finding("warn", f"环境变量 {name} 不是设置项", f"{name} in the environment is no setting",
                      "设置项写成 ZHIKE_小节__名字，例如 ZHIKE_SERVER__PORT",
                      "settings are ZHIKE_SECTION__KEY, such as ZHIKE_SERVER__PORT")


def check_data(settings: Settings) -> Iterator[Finding]:
    """The data folder: there, writable, fast enough, with room."""
    folder = Path(settings.server.data).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as probe:
            took_s = min(_sync_s(probe.fileno()) for _ in range(5))
    except OSError as error:
        yield Finding("bad", f"数据目录写不了：{folder}（{error.strerror}）",
                      f"the data folder cannot be written: {folder} ({error.strerror})",
                      f"让运行知客的用户拥有它：sudo chown -R $(id -u) {folder}",
                      f"give it to the user who runs zhike: sudo chown -R $(id -u) {folder}")
        return
    yield Finding("ok", f"数据目录可写：{folder}", f"the data folder is writable: {folder}")
    kind = _filesystem(folder)
    if kind in NETWORK and not settings.database.url:
        yield Finding("bad", f"数据目录在网络文件系统上（{kind}）",
                      f"the data folder is on a network share ({kind})",
                      "SQLite 的 WAL 模式在这里不可靠；请换成本地磁盘，或改用 PostgreSQL",
                      "SQLite's WAL is not safe there; use a local disk, or PostgreSQL")
    state: Literal["ok", "warn"] = "warn" if took_s > SLOW_SYNC_S else "ok"
    yield Finding(state, f"落盘一次 {took_s * 1000:.1f} 毫秒", f"a sync to disk takes {took_s * 1000:.1f} ms",
                  "磁盘偏慢，确认消息会变慢；请把数据目录放到本地 SSD 上",
                  "the disk is slow and so are acknowledgements; put the data folder on a local SSD")
    free = shutil.disk_usage(folder).free
    low: Literal["ok", "warn", "bad"] = (
        "bad" if free < NO_DISK_BYTES else "warn" if free < LITTLE_DISK_BYTES else "ok")
    yield Finding(low, f"磁盘剩余 {free / (1 << 30):.1f} GiB", f"{free / (1 << 30):.1f} GiB of disk are free",
                  "请清理磁盘，写满后消息会被拒收", "make room: on a full disk messages are refused")


def _filesystem(folder: Path) -> str:
    """The kind of file system, on Linux; "" where it cannot be told."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    above = {str(folder), *(str(parent) for parent in folder.parents)}
    fitting = [(len(parts[1]), parts[2]) for parts in mounts if parts[1] in above]
    return max(fitting)[1] if fitting else ""


def _sync_s(fd: int) -> float:
    began = time.perf_counter()
    os.write(fd, b"x" * 4096)
    os.fsync(fd)
    return time.perf_counter() - began


def check_files(settings: Settings) -> Iterator[Finding]:
    """File descriptors: each connection takes one."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.gateway.max_connections + SPARE_FILES
    enough = hard == resource.RLIM_INFINITY or hard >= wanted
    yield Finding("ok" if enough else "warn", f"可打开的文件数上限 {hard}（需要 {wanted}）",
                  f"open files: up to {hard} ({wanted} wanted)",
                  f"提高上限：systemd 里写 LimitNOFILE={wanted}，Docker 加 --ulimit nofile={wanted}，\n"
                  f"或把 gateway.max_connections 调到 {max(hard - SPARE_FILES, 1)} 以下",
                  f"raise it: LimitNOFILE={wanted} in systemd, --ulimit nofile={wanted} for Docker;\n"
                  f"or set gateway.max_connections below {max(hard - SPARE_FILES, 1)}")


def check_clock() -> Iterator[Finding]:
    """A clock that was never set."""
    good = time.time() > OLDEST_GOOD_CLOCK_S
    shown = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    yield Finding("ok" if good else "bad", f"时钟 {shown} UTC", f"the clock says {shown} UTC",
                  "时钟不对，请开启 NTP：sudo timedatectl set-ntp true",
                  "the clock is wrong; turn NTP on: sudo timedatectl set-ntp true")


def check_port(settings: Settings) -> Iterator[Finding]:
    """Whether the desk could listen where it should."""
    host, port = settings.server.host, settings.server.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        yield Finding("warn", f"端口 {host}:{port} 用不了（{error.strerror}）",
                      f"{host}:{port} cannot be used ({error.strerror})",
                      "如果知客正在运行，这是正常的；否则用 --port 换一个，或看谁占着：ss -ltnp",
                      "fine if zhike is running; else take another with --port, or see who has it: ss -ltnp")
        return
    yield Finding("ok", f"端口 {host}:{port} 可用", f"{host}:{port} is free")
    if host in ("127.0.0.1", "localhost", "::1") and not settings.server.public_url:
        yield Finding("ok", "只有本机能访问（server.host）", "only this machine gets in (server.host)")


def _there(path: str) -> bool:
    return os.path.isfile(path)


async def check_database(settings: Settings) -> list[Finding]:
    """Reachable, of the right version, syncing its commits, its clock like ours."""
    url = settings.database_url() if settings.database.url else ""
    where = open_store(url, Path(settings.server.data)).url
    shown = where.render_as_string(hide_password=True)
    if where.get_backend_name() == "sqlite" and not _there(where.database or ""):
        return [Finding("ok", f"还没有数据库，第一次启动时建立：{where.database}",
                        f"no database yet, the first start makes it: {where.database}")]
    try:
        if where.get_backend_name() == "postgresql":
            from sqlalchemy.ext.asyncio import create_async_engine

            engine = create_async_engine(where)
            async with engine.connect() as connection:
                found = await connection.run_sync(_look)
            await engine.dispose()
        else:
            plain = create_engine(where)
            with plain.connect() as conn:
                found = _look(conn)
            plain.dispose()
    except Exception as error:  # whatever a driver raises, the operator wants to read it
        why = scrub(str(error).partition("\n")[0], 20)
        return [Finding("bad", f"连不上数据库 {shown}：{why}",
                        f"the database {shown} cannot be reached: {why}",
                        "请检查地址、用户、密码（ZHIKE_DATABASE__PASSWORD）和防火墙",
                        "check address, user, password (ZHIKE_DATABASE__PASSWORD) and firewall")]
    return [Finding("ok", f"数据库可用：{shown}", f"the database answers: {shown}"), *found]


def _look(conn: Connection) -> list[Finding]:
    """What the database says of itself."""
    kind = name_of(conn)
    found = list(_schema(conn))
    if kind == "sqlite":
        return found + list(_sqlite(conn))
    found += _syncs(conn, kind)
    now = "EXTRACT(EPOCH FROM clock_timestamp())" if kind == "postgresql" else "UNIX_TIMESTAMP(NOW(6))"
    skew_s = abs(float(_one(conn, f"SELECT {now}")) - time.time())
    found.append(Finding("ok" if skew_s < SKEW_S else "warn", f"与数据库的时钟相差 {skew_s:.1f} 秒",
                         f"its clock differs by {skew_s:.1f} s",
                         "请给两台机器都开启 NTP", "turn NTP on for both machines"))
    return found


def _one(conn: Connection, sql: str) -> Any:
    return conn.execute(text(sql)).scalar()


def _schema(conn: Connection) -> Iterator[Finding]:
    version = get_meta(conn, "schema_version") if inspect(conn).has_table("meta") else None
    if version is None:
        yield Finding("ok", "数据库是空的，第一次启动时建表", "it is empty, the first start makes the tables")
    elif version == SCHEMA_VERSION:
        yield Finding("ok", f"表结构是最新的（{version}）", f"its tables are of this version ({version})")
    else:
        yield Finding("bad", f"表结构是 {version}，需要 {SCHEMA_VERSION}",
                      f"its tables are of version {version}, {SCHEMA_VERSION} is needed",
                      "先备份，再运行 zhike migrate", "back up, then run zhike migrate")


def _sqlite(conn: Connection) -> Iterator[Finding]:
    said = str(_one(conn, "PRAGMA quick_check(1)"))
    yield Finding("ok" if said == "ok" else "bad", f"SQLite 文件检查：{said}", f"SQLite file check: {said}",
                  "文件已损坏，请从备份恢复", "the file is damaged; restore a backup")
    mode = str(_one(conn, "PRAGMA journal_mode"))
    yield Finding("ok" if mode == "wal" else "warn", f"SQLite 日志模式 {mode}", f"SQLite journal mode {mode}",
                  "启动知客时会改为 wal；如果改不了，文件系统可能不支持",
                  "zhike sets wal when it starts; if that fails the file system may not support it")


def _syncs(conn: Connection, kind: str) -> Iterator[Finding]:
    """Promise 1: acknowledged = stored. A database that does not sync its commits breaks it."""
    for name, good in SYNC_SETTINGS[kind].items():
        sql = f"SHOW {name}" if kind == "postgresql" else f"SELECT @@GLOBAL.{name}"
        value = str(_one(conn, sql))
        yield Finding("ok" if value in good else "bad", f"数据库设置 {name} = {value}",
                      f"its setting {name} = {value}",
                      f"断电会丢失已确认的消息；请设为 {name} = {good[0]}",
                      f"a power cut would lose acknowledged messages; set {name} = {good[0]}")


SYNC_SETTINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "postgresql": {"fsync": ("on",), "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
                   "full_page_writes": ("on",)},
    "mysql": {"innodb_flush_log_at_trx_commit": ("1",), "innodb_doublewrite": ("1", "ON")},
}
"""Values under which a commit is on disk before it is reported."""
