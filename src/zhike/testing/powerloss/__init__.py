"""Power loss, simulated below SQLite: a folder that forgets every write nobody synced.

Killing a process cannot show a missing sync: the kernel still holds what was written. Here the
process runs under a preloaded C library (`powershim.c`) that keeps, beside its folder, an image of
what a disk would hold if the power failed now. Kill it with SIGKILL, and the image is what is left.

    env = os.environ | environment(live, image)
    process = subprocess.Popen([...], env=env, start_new_session=True)
    ...
    power_cycle(live, image, process)   # power off and on: `live` is what the disk kept
    process = subprocess.Popen([...], env=env, start_new_session=True)

Linux only, and a C compiler is needed. The model and its limits are in the README.md of this folder.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["PowerLossUnavailable", "build", "environment", "power_cycle", "what_is_held"]

_HERE = Path(__file__).parent
_SOURCES = ("powershim.c", "disk.c", "disk.h")
# Hidden by default: a library that is preloaded offers its names to the whole process.
_FLAGS = (
    "-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread",
    "-U_FORTIFY_SOURCE", "-Wall", "-Wextra", "-Wno-format-truncation",
)  # fmt: skip


class PowerLossUnavailable(RuntimeError):
    """Power loss cannot be simulated on this machine; the text says what is missing."""


def build() -> Path:
    """Compile the shim, once per version of its source, and return the path of the library.

    It is kept in `$XDG_CACHE_HOME/zhike` (`~/.cache/zhike`). The compiler is `$CC`, else the first
    of cc, gcc, clang.

    Raises:
        PowerLossUnavailable: not Linux on 64 bits, no compiler, or the compiler failed.
    """
    if sys.platform != "linux" or sys.maxsize < 2**32:
        raise PowerLossUnavailable(f"needs 64-bit Linux (LD_PRELOAD), this is {platform.platform()}")
    named = os.environ.get("CC")
    wanted = [named] if named else ["cc", "gcc", "clang"]
    compiler = next((found for name in wanted if (found := shutil.which(name))), None)
    if compiler is None:
        raise PowerLossUnavailable(
            f"no C compiler: looked for {', '.join(wanted)} (on Debian: apt install gcc)"
        )
    digest = hashlib.sha256(" ".join((compiler, platform.machine(), *_FLAGS)).encode())
    for name in _SOURCES:
        digest.update((_HERE / name).read_bytes())
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zhike"
    library = folder / f"powershim-{digest.hexdigest()[:16]}.so"
    if library.exists():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    # Compiled aside and renamed: two test runs may build at the same time.
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        made = Path(aside) / library.name
        sources = [str(_HERE / name) for name in _SOURCES if name.endswith(".c")]
        done = subprocess.run(
            [compiler, *_FLAGS, "-o", str(made), *sources], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise PowerLossUnavailable(f"{compiler} could not build the power-loss shim:\n{done.stderr}")
        made.replace(library)
    return library


def environment(live: Path, image: Path, seed: int | None = None) -> dict[str, str]:
    """Return the variables to start a process under the shim with; add them to its environment.

    What `live` holds at the first call is taken to be on the disk: it is copied to `image`. Later
    calls for the same pair leave the image alone, so a process may be killed and started again with
    the power on: what it had not synced is then still pending, as it would be in the kernel.

    Args:
        live: the folder the process works in. Made if missing. Only processes under the shim may
            change it from here on; what others put there counts as never synced.
        image: the folder that holds what would survive; beside it `<image>.objects` is kept. Not
            inside `live`, and on a file system with hard links.
        seed: None loses all that was not synced. A number lets about half of it survive, chosen by
            this seed for each 512-byte sector and each name: disks write back when they please.

    Raises:
        PowerLossUnavailable: see `build`.
        ValueError: `image` lies in `live`, or holds something and does not belong to `live`.
    """
    live, image = live.absolute(), image.absolute()
    library = build()
    if image.resolve().is_relative_to(live.resolve()):
        raise ValueError(f"the image {image} lies inside the live folder {live}")
    live.mkdir(parents=True, exist_ok=True)
    if not _objects(image).is_dir():
        if image.exists() and any(image.iterdir()):
            raise ValueError(f"{image} is not empty and was not made by environment()")
        _copy(live, image)
        _index(live, image)
    preloaded = os.environ.get("LD_PRELOAD")
    return {
        "LD_PRELOAD": f"{library}:{preloaded}" if preloaded else str(library),
        "POWERSHIM_DIR": str(live),
        "POWERSHIM_IMAGE": str(image),
        "POWERSHIM_SEED": "" if seed is None else str(seed),
    }


def power_cycle(live: Path, image: Path, process: subprocess.Popen[bytes] | None = None) -> None:
    """Turn the power off and on again: afterwards `live` holds what the disk held, and no more.

    Args:
        live: the folder of the process, emptied and filled again. The folder itself stays.
        image: its image, as given to `environment`.
        process: killed first with SIGKILL and waited for; with all its children if it leads a
            session (`start_new_session=True`). None if nothing runs any more. A child left running
            would go on writing to a disk that is off.
    """
    if process is not None:
        if process.poll() is None and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
    live, image = live.absolute(), image.absolute()
    if not _objects(image).is_dir():
        raise ValueError(f"{image} was not made by environment()")
    for entry in live.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    _copy(image, live)
    shutil.rmtree(image)  # a new disk of the same content: what still writes to the old one is lost
    _copy(live, image)
    _index(live, image)


def what_is_held(image: Path, copy: Path) -> Path:
    """Copy what the disk holds to `copy`, to look at it without touching the image, and return `copy`.

    Opening a database changes it (recovery, checkpoint), so look at a copy, never at the image.
    """
    _copy(image, copy)
    return copy


def _objects(image: Path) -> Path:
    return image.with_name(image.name + ".objects")


def _copy(source: Path, target: Path) -> None:
    """Copy folders and plain files; sockets, pipes and symbolic links are no part of the model."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        mode = entry.lstat().st_mode
        if stat.S_ISDIR(mode):
            _copy(entry, target / entry.name)
        elif stat.S_ISREG(mode):
            shutil.copy2(entry, target / entry.name)
    shutil.copystat(source, target)


def _index(live: Path, image: Path) -> None:
    """Tie each file of the image to the live file it belongs to: see disk.c, `object_path`."""
    objects = _objects(image)
    fresh = objects.with_name(objects.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for folder, _, names in os.walk(image):
        for name in names:
            held = Path(folder, name)
            now = (live / held.relative_to(image)).stat()
            known = fresh / f"{now.st_dev}-{now.st_ino}"
            if known.exists():  # a second name of the same file
                held.unlink()
                os.link(known, held)
            else:
                os.link(held, known)
    shutil.rmtree(objects, ignore_errors=True)
    fresh.rename(objects)
