"""Builds and runs the image's steps on a clean root; see prove_image.sh, which calls this as root."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dockerfile import Stage, ignored, parse, patterns

ROOT = Path(__file__).resolve().parent.parent
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
ASK = (ROOT / "deploy/image_ask.py").read_text()
STANDS_IN = "python:3.11-slim-bookworm"
SOURCE = re.compile(r"^(?:URIs:|deb(?: \[.*?\])?) *(\S+)", re.M)
BUILD_ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8",
             "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore",
             **dict.fromkeys(("PIP_CERT", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"), str(CERTIFICATES))}
"""What this machine needs to reach packages; none of it is there when the desk runs."""


def say(text: str) -> None:
    """Progress, with seconds since the start."""
    print(f"[{time.monotonic() - BEGUN:5.0f} s] {text}", flush=True)


BEGUN = time.monotonic()


def sh(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Runs a command; fails loudly."""
    return subprocess.run(words, check=True, text=True, **options)  # type: ignore[call-overload,no-any-return]


def mirror() -> str:
    """Where this machine takes Debian from."""
    for path in (*Path("/etc/apt/sources.list.d").glob("debian*.sources"), Path("/etc/apt/sources.list")):
        if path.is_file() and (found := SOURCE.search(path.read_text())):
            return found[1]
    raise SystemExit("no Debian source is configured on this machine")


def base(folder: Path) -> Path:
    """Debian 12 with Python 3.11 and nothing else; made once."""
    root = folder / "base"
    if not (root / "usr/local/bin/python3").exists():
        shutil.rmtree(root, ignore_errors=True)
        say("debootstrap: a clean Debian 12 with Python")
        log = folder / "debootstrap.log"
        with log.open("w") as out:
            try:
                sh("debootstrap", "--variant=minbase", "--include=python3,python3-venv,ca-certificates",
                   "bookworm", str(root), mirror(), stdout=out, stderr=out)
            except subprocess.CalledProcessError:
                raise SystemExit(log.read_text()[-2000:]) from None
        (root / "usr/local/bin/python3").symlink_to("/usr/bin/python3")
    return root


class Machine:
    """One stage's root, in which steps are carried out."""

    def __init__(self, root: Path, stage: Stage) -> None:
        self.root = root
        self.stage = stage
        self.workdir = "/"
        self.env: dict[str, str] = {}

    def build(self, context: Path, others: dict[str, Machine]) -> None:
        """Carries out the steps."""
        for step in self.stage.steps:
            say(f"{step.name} {step.rest[:88]}")
            if step.name == "WORKDIR":
                self.workdir = step.rest
                self.inside(step.rest).mkdir(parents=True, exist_ok=True)
            elif step.name == "ENV":
                self.env = self.stage.env
            elif step.name == "COPY":
                self.copy(shlex.split(step.rest), context, others)
            elif step.name == "RUN":
                self.run(step.rest)
            elif step.name == "VOLUME":
                for path in self.stage.words("VOLUME"):
                    self.inside(path).mkdir(parents=True, exist_ok=True)

    def inside(self, path: str) -> Path:
        """A path of the stage as this machine sees it."""
        return self.root / os.path.join(self.workdir, path).lstrip("/")

    def copy(self, words: list[str], context: Path, others: dict[str, Machine]) -> None:
        source_root = context
        if words[0].startswith("--from="):
            source_root = others[words.pop(0).removeprefix("--from=")].root
        *sources, target = words
        end = self.inside(target)
        for source in sources:
            here = source_root / source.lstrip("/")
            if here.is_dir():
                shutil.copytree(here, end, symlinks=True, dirs_exist_ok=True)
            else:
                to = end / here.name if target.endswith("/") or len(sources) > 1 else end
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(here, to)

    def run(self, command: str) -> None:
        """RUN, in namespaces of its own, with this machine's way to the packages."""
        for path in (Path("/etc/resolv.conf"), Path("/etc/hosts"), CERTIFICATES):
            shutil.copyfile(path, self.root / str(path).lstrip("/"))
        script = (f"mount -t proc proc {self.root}/proc && mount --bind /dev {self.root}/dev && "
                  f"exec chroot {self.root} /bin/sh -c {shlex.quote(f'cd {self.workdir} && {command}')}")
        sh("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script,
           env={**BUILD_ENV, **self.env}, stdin=subprocess.DEVNULL)


class Container:
    """``docker run``: the last stage with its volumes, network and process numbers apart."""

    def __init__(self, machine: Machine, volumes: dict[str, Path], words: list[str], log: Path) -> None:
        root = machine.root
        binds = " && ".join(f"mount --bind {host} {root}{inside}" for inside, host in volumes.items())
        become = f"cd {machine.workdir} && exec \"$@\""
        script = (f"ip link set lo up && mount -t proc proc {root}/proc && mount --bind /dev {root}/dev && "
                  f"mount -t tmpfs tmpfs {root}/tmp && {binds} && "
                  f"exec chroot {root} {self.clean(machine)} /bin/sh -c {shlex.quote(become)} sh "
                  f"{shlex.join(words)}")
        self.log = log
        self.machine = machine
        with log.open("w") as out:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child",
                 "sh", "-c", script],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    @staticmethod
    def clean(machine: Machine) -> str:
        """The image's environment and nothing of this machine's."""
        return "/usr/bin/env -i " + shlex.join(f"{name}={value}" for name, value in machine.env.items())

    @property
    def pid(self) -> int:
        """The desk's own process, seen from here."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def exec(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``docker exec``."""
        script = f"cd {self.machine.workdir} && exec \"$@\""
        return subprocess.run(
            ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--net", "--uts", "--ipc",
             "chroot", str(self.machine.root), *shlex.split(self.clean(self.machine)),
             "/bin/sh", "-c", script, "sh", *words],
            text=True, capture_output=True, check=False, timeout=60)

    def healthy(self, timeout_s: float = 30) -> float:
        """Waits for the HEALTHCHECK to say yes; returns after how many seconds."""
        begun = time.monotonic()
        words = self.machine.stage.words("HEALTHCHECK")
        while time.monotonic() - begun < timeout_s:
            if self.process.poll() is not None:
                break
            try:
                if self.exec(*words).returncode == 0:
                    return time.monotonic() - begun
            except (IndexError, OSError):
                pass  # the process is not there yet
            time.sleep(0.1)
        raise SystemExit(f"not healthy:\n{self.log.read_text()[-3000:]}")

    def status(self) -> dict[str, str]:
        """/proc/<pid>/status."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def stop(self) -> int:
        """``docker stop``: SIGTERM to the desk; its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(timeout=20)


def check(true: bool, what: str) -> None:
    """One line of the proof."""
    say(f"{'ok  ' if true else 'FAIL'} {what}")
    if not true:
        raise SystemExit(1)


def owners(folder: Path) -> set[int]:
    """Who owns what is in a folder, itself included."""
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


def prove(machine: Machine, folder: Path) -> None:
    """Starts what was built as ``docker run`` would, and looks."""
    volumes = {name: folder / f"volume{name.replace('/', '-')}" for name in machine.stage.words("VOLUME")}
    for path in volumes.values():
        path.mkdir()  # as the Docker daemon makes a missing ./data: owned by root
    data, config = volumes["/app/data"], volumes["/app/config"]
    words = machine.stage.words("ENTRYPOINT") + machine.stage.words("CMD")

    one = Container(machine, volumes, words, folder / "first.log")
    check(one.healthy() < 10, "the HEALTHCHECK answers on a fresh start")
    status = one.status()
    check(status["Uid"].split() == ["10001"] * 4 and status["Gid"].split() == ["10001"] * 4
          and not status["Groups"], f"it runs as uid {status['Uid'].split()[0]}, without other groups")
    check(int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0 and status["NoNewPrivs"] == "1",
          "it has no capability and can gain none")
    asked = one.exec("/app/venv/bin/python", "-c", ASK, "first")
    check(asked.returncode == 0 and json.loads(asked.stdout)["seq"] == 1,
          f"a visitor is answered: {asked.stdout.strip() or asked.stderr[-800:]}")
    link = one.exec("zhike", "admin", "link")
    check(link.returncode == 0 and "http" in link.stdout, "docker exec … zhike admin link prints a link")
    check(owners(data) == {10001} and owners(config) == {10001}, "root owns nothing in ./data and ./config")
    check((config / "zhike.toml").is_file(), "config/zhike.toml was made, with its explanations")
    check(one.stop() == 0, "docker stop ends it with code 0")
    check("http" in one.log.read_text(), "its log shows the link for the first admin")

    (config / "zhike.toml").write_text("# ours\n[log]\nformat = 'json'\n")
    for path in (data, *data.rglob("*"), config, *config.rglob("*")):
        os.chown(path, 1234, 1234, follow_symlinks=False)
    two = Container(machine, volumes, words, folder / "second.log")
    two.healthy()
    check(two.status()["Uid"].split()[0] == "1234", "a data folder of uid 1234 is served as 1234")
    again = two.exec("/app/venv/bin/python", "-c", ASK, "second")
    check(again.returncode == 0, "the same data answers after a restart")
    check(owners(data) == {1234} and (config / "zhike.toml").read_text().startswith("# ours"),
          "nothing changed its owner, and the edited zhike.toml stayed")
    check(two.stop() == 0, "it ends with code 0 again")

    three = Container(machine, {**volumes}, [*machine.stage.words("ENTRYPOINT"), "serve", "--port", "x"],
                      folder / "third.log")
    check(three.process.wait(timeout=20) == 3, "a wrong setting ends it with code 3")


def main() -> int:
    """Builds and proves. Leaves only Debian's base for the next time."""
    folder = Path(os.environ.get("ZHIKE_PROOF_DIR") or "/var/tmp/zhike-image-proof")
    folder.mkdir(parents=True, exist_ok=True)
    stages = parse((ROOT / "Dockerfile").read_text())
    with tempfile.TemporaryDirectory(dir=folder) as work:
        place = Path(work)
        context = place / "context"
        say("the build context, without what .dockerignore names")
        skip = patterns(ROOT)

        def leave_out(where: str, names: list[str]) -> set[str]:
            inside = Path(where).relative_to(ROOT)
            return {name for name in names if ignored((inside / name).as_posix(), skip)}

        shutil.copytree(ROOT, context, symlinks=True, ignore=leave_out)
        machines: dict[str, Machine] = {}
        for number, stage in enumerate(stages):
            if stage.image != STANDS_IN:
                raise SystemExit(f"{stage.image}: only {STANDS_IN} has a stand-in here")
            say(f"FROM {stage.image} {stage.name}")
            root = place / f"stage-{number}"
            sh("cp", "-a", "--reflink=auto", str(base(folder)), str(root))
            machine = machines[stage.name or str(number)] = Machine(root, stage)
            machine.build(context, machines)
        size = sh("du", "-sm", str(machine.root / "app"), stdout=subprocess.PIPE)
        say(f"/app takes {size.stdout.split()[0]} MB on top of the base image")
        prove(machine, place)
    say("every step of the Dockerfile was carried out, and the desk ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
