"""Seen from outside: CPU time and memory of a process with its children, and the machine's data."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


def tree(pid: int) -> list[int]:
    """``pid`` and all its living descendants."""
    out, todo = [], [pid]
    while todo:
        one = todo.pop()
        out.append(one)
        if sys.platform == "linux":
            for task in _listed(_PROC / str(one) / "task"):
                with contextlib.suppress(OSError):  # the thread or the process has just ended
                    todo += [int(child) for child in (task / "children").read_text().split()]
        else:
            todo += [int(child) for child in _said("pgrep", "-P", str(one)).split()]
    return out


def _said(*command: str) -> str:
    """What a system tool prints where there is no /proc."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _listed(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:
        return []


def cpu_s(pid: int) -> float:
    """CPU seconds used so far by all threads of ``pid``, its children and those already reaped.

    In steps of 10 ms on Linux: measure over seconds.
    """
    return sum(_cpu_one_s(one) for one in tree(pid))


def _cpu_one_s(pid: int) -> float:
    if sys.platform != "linux":
        return _clock_s(_said("ps", "-o", "time=", "-p", str(pid)).strip())
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # proc(5): fields 14-17 are utime, stime, cutime, cstime; 11-14 after the command's name.
    return sum(int(field) for field in fields[11:15]) / _TICKS_PER_S


def _clock_s(text: str) -> float:
    """Seconds of ps's ``[[dd-]hh:]mm:ss[.cc]``."""
    if not text:
        return 0.0
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + 86_400 * float(days or 0)


def rss_bytes(pid: int) -> int:
    """Resident memory of ``pid`` and its children. Pages they share count for each."""
    total = 0
    for one in tree(pid):
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # it may have just ended
                total += int((_PROC / str(one) / "statm").read_text().split()[1]) * _PAGE_BYTES
        else:
            total += int(_said("ps", "-o", "rss=", "-p", str(one)).strip() or 0) * 1024
    return total


def busy_s() -> float:
    """CPU seconds that all of the machine was busy since it started; 0 where that cannot be seen."""
    try:
        fields = (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    except OSError:
        return 0.0
    # proc(5): user nice system idle iowait irq softirq steal
    return sum(int(field) for k, field in enumerate(fields) if k not in (3, 4)) / _TICKS_PER_S


def open_files(pid: int) -> int:
    """Open files and sockets of ``pid`` itself; 0 where that cannot be seen."""
    return len(_listed(_PROC / str(pid) / "fd"))


def raise_file_limit(wanted: int = 200_000) -> int:
    """Raise this process's limit of open files (children inherit it); returns the limit reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for target in (wanted, hard):
        if target <= soft:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, max(hard, target)))
            return target
        except (ValueError, OSError):
            continue  # above the hard limit only root may go
    return soft


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {"cpu": _cpu_model(), "cores": os.cpu_count() or 1, "memory_bytes": _memory_bytes(),
            "kernel": f"{platform.system()} {platform.release()}", "python": platform.python_version(),
            "sqlite": _sqlite_version()}


def _cpu_model() -> str:
    try:
        for line in (_PROC / "cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # no /proc here
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES
    except (ValueError, OSError):
        return 0


def _sqlite_version() -> str:
    import sqlite3
    return sqlite3.sqlite_version
