"""The image's own files: what the Dockerfile names exists, volumes are taken over and root is given up.

``make image-proof`` carries out the whole Dockerfile; it is too slow for every day.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from zhike.config import load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ACCOUNT = 10001

as_root = pytest.mark.skipif(os.getuid() != 0, reason="giving up root needs root: these tests did not run")


def module(name: str) -> ModuleType:
    """A file of deploy/ as a module."""
    spec = importlib.util.spec_from_file_location(f"deploy_{name}", DEPLOY / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made  # dataclasses look their module up
    spec.loader.exec_module(made)
    return made


dockerfile = module("dockerfile")
entrypoint = module("entrypoint")
healthcheck = module("healthcheck")
STAGES = dockerfile.parse((ROOT / "Dockerfile").read_text())


# ---- the Dockerfile ----------------------------------------------------------------------------------

def test_what_is_copied_exists_and_is_not_ignored() -> None:
    skip = dockerfile.patterns(ROOT)
    for stage in STAGES:
        for step in stage.steps:
            words = step.rest.split()
            if step.name != "COPY" or words[0].startswith("--from="):
                continue
            for source in words[:-1]:
                assert (ROOT / source).exists(), source
                assert source == "." or not dockerfile.ignored(source, skip), source
    needed = ("src/zhike/app/process.py", "src/zhike/sample/shop.yaml", "console/index.html",
              "widget/src/main.ts", "hatch_build.py", "package-lock.json", ".npmrc", "LICENSE", "README.md")
    assert [path for path in needed if dockerfile.ignored(path, skip)] == []
    secret = (".git/config", "data/zhike.db", "config/zhike.toml", ".venv/bin/python", "node_modules/x/y.js",
              "widget/node_modules/x", "src/zhike/__pycache__/cli.pyc", "src/zhike/web/console/index.html")
    assert [path for path in secret if not dockerfile.ignored(path, skip)] == []


def test_the_image_runs_one_process_without_a_shell() -> None:
    final = STAGES[-1]
    assert final.words("ENTRYPOINT") == ["/app/bin/zhike"]
    assert final.words("CMD") == ["serve"]
    assert final.words("HEALTHCHECK") == ["/app/bin/healthcheck"]
    assert final.words("VOLUME") == ["/app/data", "/app/config"]
    assert final.last("EXPOSE") == "8080"
    assert final.env["ZHIKE_SERVER__HOST"] == "0.0.0.0"
    assert not any(step.name == "USER" for step in final.steps), "the entrypoint drops root itself"


def test_libraries_come_by_hash_only() -> None:
    """Every pip that may reach a registry says --require-hashes."""
    for stage in STAGES:
        for step in stage.steps:
            for part in step.rest.split("&&"):
                if step.name == "RUN" and " install " in part:
                    assert "--require-hashes" in part or "--no-index" in part, part


def test_the_reader_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="USER"):
        dockerfile.parse("FROM a\nUSER root\n")
    with pytest.raises(ValueError, match="not known"):
        dockerfile.ignored("a", ["!a"])
    stages = dockerfile.parse("ARG A=b:1\n# no\nFROM ${A} AS one\n"
                              "RUN x && \\\n    y\nENV K=v \\\n  L='w z'\n")
    assert (stages[0].image, stages[0].name) == ("b:1", "one")
    assert stages[0].steps[0].rest == "x && y"
    assert stages[0].env == {"K": "v", "L": "w z"}


# ---- settings, compose, systemd ----------------------------------------------------------------------

def test_the_first_settings_file_is_valid_as_it_is_and_with_every_line_on(tmp_path: Path) -> None:
    text = (DEPLOY / "zhike.toml").read_text()
    file = tmp_path / "zhike.toml"
    file.write_text(text)
    as_it_is = load(file, environ={})
    assert as_it_is.sample.shop is True
    on = [line.removeprefix("# ") if " = " in line and line.startswith("# ") else line
          for line in text.splitlines()]
    secret = tmp_path / "secret"
    secret.write_text("x\n")
    file.write_text("\n".join(on).replace("/run/secrets/zhike_database", str(secret)))
    everything = load(file, environ={})
    assert everything.sample.shop is False
    assert everything.log.format == "json"
    assert everything.database.password == "x"


def test_compose_and_unit_name_what_exists() -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["zhike"]
    assert [volume.partition(":")[2] for volume in service["volumes"]] == STAGES[-1].words("VOLUME")
    grace_s = int(service["stop_grace_period"].removesuffix("s"))
    assert grace_s > load(environ={}).server.drain_timeout_s
    unit = (DEPLOY / "zhike.service").read_text()
    assert "TimeoutStopSec=20" in unit
    assert "ExecStart=/opt/zhike/bin/zhike serve" in unit
    for name in service["environment"]:
        assert name == "ZHIKE_LOG__FORMAT"


# ---- the health check --------------------------------------------------------------------------------

@pytest.mark.parametrize(("answer", "code"), [(b"HTTP/1.1 200 OK\r\n\r\n", 0),
                                              (b"HTTP/1.1 503 No\r\n\r\n", 1), (b"", 1)])
def test_health_check(answer: bytes, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        def once() -> None:
            conn, _ = server.accept()
            with conn:
                assert conn.recv(1024).startswith(b"GET /health/live ")
                conn.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        monkeypatch.setenv("ZHIKE_SERVER__PORT", str(server.getsockname()[1]))
        assert healthcheck.main() == code
        thread.join()


def test_health_check_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("ZHIKE_SERVER__PORT", str(port))
    assert healthcheck.main() == 1


def test_health_check_asks_the_port_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZHIKE_SERVER__PORT", raising=False)
    file = tmp_path / "zhike.toml"
    monkeypatch.setattr(healthcheck, "CONFIG", file)
    assert healthcheck.port() == 8080
    file.write_text("[server]\nport = 9000\n")
    assert healthcheck.port() == 9000
    monkeypatch.setenv("ZHIKE_SERVER__PORT", "9001")
    assert healthcheck.port() == 9001


# ---- taking over volumes, giving up root -------------------------------------------------------------

SHOW = """#!/bin/sh
exec %s -c '
import json, os, sys
status = dict(line.rstrip().split(":", 1) for line in open("/proc/self/status"))
try:
    os.setuid(0); back = True
except OSError:
    back = False
open("data/mine", "w").close()
print(json.dumps({"words": sys.argv[1:], "uid": os.getresuid(), "groups": os.getgroups(), "back": back,
                  "caps": int(status["CapEff"], 16), "no_new": status["NoNewPrivs"].strip()}))' "$@"
"""


INTERPRETER = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
"""One that an unprivileged account may execute; ours may lie in root's home."""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """/app with a program in zhike's place that tells who it is."""
    place = tmp_path / "app"
    for name in ("data", "config", "share", "venv/bin"):
        (place / name).mkdir(parents=True)
    (place / "share/zhike.toml").write_bytes((DEPLOY / "zhike.toml").read_bytes())
    program = place / "venv/bin/zhike"
    program.write_text(SHOW % INTERPRETER)
    program.chmod(0o755)
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o111)  # the account must get to its own folder
    return place


def start(place: Path, *words: str, uid: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs the entrypoint on ``place``."""
    become = f"os.setgid({uid}); os.setuid({uid})" if uid else ""
    code = f"""
import importlib.util, os, pathlib, sys
sys.argv = {["zhike", *words]!r}
spec = importlib.util.spec_from_file_location("entrypoint", {str(DEPLOY / "entrypoint.py")!r})
entrypoint = importlib.util.module_from_spec(spec)
spec.loader.exec_module(entrypoint)
entrypoint.APP = pathlib.Path({str(place)!r})
{become}
entrypoint.main()
"""
    return subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True,
                          check=False, timeout=30)


def owners(place: Path) -> set[int]:
    return {path.lstat().st_uid for folder in (place / "data", place / "config")
            for path in (folder, *folder.rglob("*"))}


@as_root
def test_volumes_made_by_docker_are_taken_over_and_root_is_gone(app: Path) -> None:
    (app / "data/old").mkdir()
    (app / "data/old/zhike.db").touch()
    outside = app / "outside"
    outside.touch()
    (app / "data/link").symlink_to(outside)
    done = start(app, "serve", "--port", "9")
    said = json.loads(done.stdout)
    assert said == {"words": ["serve", "--port", "9"], "uid": [ACCOUNT] * 3, "groups": [], "back": False,
                    "caps": 0, "no_new": "1"}
    assert owners(app) == {ACCOUNT}
    assert outside.stat().st_uid == 0, "a link is not a way out of the volume"
    assert (app / "config/zhike.toml").read_bytes() == (DEPLOY / "zhike.toml").read_bytes()


@as_root
def test_a_folder_that_belongs_to_somebody_is_served_as_them(app: Path) -> None:
    for name in ("data", "config"):
        os.chown(app / name, 1234, 1234)
    (app / "config/zhike.toml").write_text("# ours\n")
    (app / "data/of_another").touch()
    os.chown(app / "data/of_another", 4321, 4321)
    said = json.loads(start(app, "serve").stdout)
    assert said["uid"] == [1234] * 3
    assert owners(app) == {1234, 4321}, "only what root owned changed hands"
    assert (app / "config/zhike.toml").read_text() == "# ours\n"


@as_root
def test_without_root_rights_are_as_given(app: Path) -> None:
    refused = start(app, "serve", uid=1234)
    assert refused.returncode == 1
    assert "chown" in refused.stderr
    os.chown(app / "data", 1234, 1234)
    assert json.loads(start(app, "serve", uid=1234).stdout)["uid"] == [1234] * 3
