#!/app/venv/bin/python -I
"""``zhike`` inside the container: takes over root-owned volumes, drops root, becomes the program.

``docker run -v ./data:/app/data`` makes ./data as root on the host. Started as root, this gives the
data and config folders to the account that will run (what others own in them is left alone), writes
a commented zhike.toml where there is none, gives up every right, and executes the real ``zhike`` in
its place, so that signals reach it. ``docker exec … zhike admin link`` comes through here too: no
command leaves root-owned files in the data folder.

The account is ``zhike``, unless the data folder belongs to somebody: then it is that one, and
nothing changes its owner. Started with ``docker run --user``, rights are as given.
"""

import ctypes
import os
import shutil
import sys
from pathlib import Path

APP = Path("/app")
ACCOUNT = 10001
PR_SET_NO_NEW_PRIVS = 38


def account(data: Path) -> tuple[int, int]:
    """Who will run: the owner of the data folder, or our own account if that is root."""
    owner = data.stat()
    return (owner.st_uid, owner.st_gid) if owner.st_uid else (ACCOUNT, ACCOUNT)


def take_over(folder: Path, uid: int, gid: int) -> int:
    """Gives everything in ``folder`` that root owns to ``uid``; links are not followed.

    Returns how many entries changed. A read-only volume stays as it is.
    """
    changed = 0
    for place, folders, files in os.walk(folder, followlinks=False):
        inside = [Path(place, name) for name in (*folders, *files)]
        for path in ([folder, *inside] if Path(place) == folder else inside):
            try:
                if path.lstat().st_uid == 0:
                    os.chown(path, uid, gid, follow_symlinks=False)
                    changed += 1
            except OSError as error:
                sys.stderr.write(f"zhike: {path} stays as it is: {error.strerror}\n")
                if path == folder:
                    return 0
    return changed


def first_config(config: Path) -> None:
    """A zhike.toml in which everything is explained and nothing is set."""
    target = config / "zhike.toml"
    if not target.exists():
        try:
            shutil.copyfile(APP / "share/zhike.toml", target)
        except OSError as error:
            sys.stderr.write(f"zhike: {target} was not made: {error.strerror}\n")


def drop(uid: int, gid: int) -> None:
    """Gives up root for good; nothing this process starts can get it back."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS)")


def main() -> None:
    """Prepares and becomes ``zhike``."""
    data, config = APP / "data", APP / "config"
    os.umask(0o027)
    if os.getuid() == 0:
        for folder in (data, config):
            folder.mkdir(parents=True, exist_ok=True)
        uid, gid = account(data)
        first_config(config)
        for folder in (data, config):
            take_over(folder, uid, gid)
        drop(uid, gid)
    elif not os.access(data, os.W_OK):
        sys.exit(f"zhike: {data} cannot be written by user {os.getuid()}: give it to this user on the host "
                 f"(chown -R {os.getuid()} data), or start the container without --user.")
    os.environ["HOME"] = str(APP)
    os.execv(APP / "venv/bin/zhike", ["zhike", *sys.argv[1:]])


if __name__ == "__main__":
    main()
