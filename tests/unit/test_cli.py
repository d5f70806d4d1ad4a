"""The command line: languages, exit codes, and every command on a real folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from zhike import __version__, cli
from zhike.cli_flags import COMMANDS, TEXTS, build_parser
from zhike.ops import commands

FILE = """\
zhike: 1
bots: [{key: shop, name: 小知}]
articles:
  - {key: size, bot: shop, lang: zh, question: 尺码怎么选？, answer: 看表。}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("LC_ALL", "LC_MESSAGES", "ZHIKE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.yaml").write_text(FILE, "utf-8")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    out, err = capsys.readouterr()
    return code, out, err


def test_the_reader_s_language() -> None:
    assert cli.language({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert cli.language({"LC_ALL": "en_US", "LANG": "zh_CN"}) == "en"
    assert cli.language({}) == "en"


def test_version_and_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(capsys, "version") == (0, f"zhike {__version__}\n", "")
    assert run(capsys, "--version")[1] == f"zhike {__version__}\n"
    code, out, _ = run(capsys)
    assert code == 2
    for name in COMMANDS:
        assert TEXTS[name][1] in out
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "启动知客" in run(capsys)[1]


def test_every_command_has_a_body() -> None:
    for name in set(COMMANDS) - {"serve", "bench", "version"}:
        parser = build_parser(name, "en")
        parts = {"admin": ["link"], "config": ["export", "diff", "apply", "check"], "kb": ["import"],
                 "eval": ["kb", "faq", "intents", "followups", "pairs", "compress", "mask", "gate"],
                 "prompt": ["list", "show", "diff", "activate", "test"]}
        for part in parts.get(name, [""]):
            assert callable(getattr(commands, f"{name}_{part}".rstrip("_")))
            assert parser.prog == "zhike"


@pytest.mark.parametrize(("words", "said"), [
    (["srve"], "did you mean 'serve'"), (["--frob"], "unrecognized"), (["config"], "required"),
    (["kb", "import"], "required"), (["serve", "--prot", "1"], "unrecognized")])
def test_wrong_usage_is_code_2(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    try:
        code = cli.main(words)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    assert code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("words", "said"), [
    (["migrate", "--set", "server.prot=1"], "did you mean 'port'"),
    (["migrate", "--set", "x"], "SECTION.KEY=VALUE"),
    (["migrate", "--config", "none.toml"], "there is no file"),
    (["doctor", "--port", "80800"], "cannot be above"),
    (["config", "check", "none.yaml"], "cannot be read"), (["kb", "import", "none.csv"], "no such file"),
    (["kb", "import", "f.doc"], "--format")])
def test_what_is_not_valid_is_code_3_and_makes_no_database(capsys: pytest.CaptureFixture[str], place: Path,
                                                           words: list[str], said: str) -> None:
    code, _, err = run(capsys, *words)
    assert code == 3
    assert said in err
    assert not (place / "data").exists()


def test_errors_speak_the_reader_s_language(capsys: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert "配置有误" in run(capsys, "migrate", "--set", "server.prot=1")[2]
    assert "是不是想写 'serve'" in run(capsys, "srve")[2]


def test_a_database_that_is_not_there_is_code_4(capsys: pytest.CaptureFixture[str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKE_DATABASE__URL", "mysql://u:hunter2@127.0.0.1:1/x")
    code, _, err = run(capsys, "migrate")
    assert code == 4
    assert "cannot be reached" in err
    assert "hunter2" not in err


def test_apply_diff_export_check(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    assert run(capsys, "config", "check", "f.yaml")[:2] == (
        0, "settings are valid (no settings file, defaults)\n"
           "files are valid (bots 1, teams 0, inboxes 0, articles 1, rules 0, tools 0, flows 0, "
           "prompt_templates 0, cases 0, tags 0, canned 0, notify_targets 0, webhooks 0)\n")
    code, out, _ = run(capsys, "config", "diff", "f.yaml", "--exit-code")
    assert (code, out.splitlines()[-1]) == (5, "2 to add, 0 to change, 0 to delete, 0 the same")
    assert run(capsys, "config", "apply", "f.yaml")[0] == 0
    assert run(capsys, "config", "diff", "f.yaml", "--exit-code")[:2] == (
        0, "0 to add, 0 to change, 0 to delete, 2 the same\n")
    code, out, _ = run(capsys, "config", "export")
    assert code == 0
    assert run(capsys, "config", "export", "-o", "out.yaml") == (0, "", "")
    assert (place / "out.yaml").read_text("utf-8") == out
    assert run(capsys, "config", "apply", "out.yaml", "--data", "other")[0] == 0
    assert run(capsys, "config", "export", "--data", "other")[1] == out
    assert [path.name for path in place.iterdir() if path.name.startswith(".")] == []
    assert run(capsys, "config", "export", "-o", "no/such/folder.yaml")[0] == 3


def test_an_apply_that_fails_changes_nothing(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    run(capsys, "config", "apply", "f.yaml")
    before = run(capsys, "config", "export")[1]
    rule = "rules: [{key: r, bot: nobody, kind: exact, match: [x], reply: y}]\n"
    (place / "bad.yaml").write_text(FILE.replace("size", "new") + rule, "utf-8")
    code, _, err = run(capsys, "config", "apply", "bad.yaml")
    assert code == 3
    assert "bad.yaml:5: there is no bot 'nobody'" in err
    assert run(capsys, "config", "export")[1] == before


def test_import(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "kb.csv").write_text("问题,答案\n能退吗,能\n,空\n", "utf-8")
    code, _, err = run(capsys, "kb", "import", "kb.csv")
    assert code == 3
    assert "there is no bot yet" in err
    run(capsys, "config", "apply", "f.yaml")
    assert run(capsys, "kb", "import", "kb.csv", "--bot", "shpo")[0] == 3
    code, out, _ = run(capsys, "kb", "import", "kb.csv", "--dry-run")
    assert "0 added" in out
    code, out, _ = run(capsys, "kb", "import", "kb.csv", "--skipped", "left.jsonl")
    assert code == 0
    assert "1 added, 0 changed, 0 the same" in out
    assert "line 3: question: cannot be empty" in out
    assert '"line": 3' in (place / "left.jsonl").read_text("utf-8")
    assert "能退吗" in run(capsys, "config", "export")[1]


def test_admin_link(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "admin", "link", "--public-url", "https://desk.example/")
    assert code == 0
    assert out.startswith("https://desk.example/console/setup#token=")
    assert run(capsys, "admin", "link", "--port", "9")[1].startswith("http://localhost:9/")
    assert run(capsys, "admin", "link")[1] != out


def test_migrate(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    code, out, _ = run(capsys, "migrate", "--dry-run")
    assert (code, "CREATE TABLE messages" in out) == (0, True)
    assert not (place / "data").exists()
    assert run(capsys, "migrate", "--to", "nowhere")[0] == 3
    assert "Schema empty → " in run(capsys, "migrate")[1]
    assert "up to date" in run(capsys, "migrate")[1]


def test_doctor(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    code, out, _ = run(capsys, "doctor", "--port", "0")
    assert code == 0
    assert "no database yet" in out
    run(capsys, "migrate")
    code, out, _ = run(capsys, "doctor", "--port", "0")
    assert (code, "✗" in out) == (0, False)
    assert "SQLite file check: ok" in out
    path = place / "data/zhike.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    code, out, _ = run(capsys, "doctor", "--port", "0")
    assert code == 5
    assert "✗" in out
    (place / "file").touch()
    code, out, _ = run(capsys, "doctor", "--port", "0", "--data", "file/below")
    assert code == 5
    assert "chown" in out


def test_doctor_sees_a_taken_port(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        out = run(capsys, "doctor", "--port", str(taken.getsockname()[1]))[1]
    assert "cannot be used" in out


def test_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert "# Settings" in run(capsys, "config", "reference")[1]
    assert "# 设置" in run(capsys, "config", "reference", "--lang", "zh")[1]


def test_a_pipe_that_closes_is_no_error(place: Path) -> None:
    ran = subprocess.run(f"{sys.executable} -m zhike config reference | head -1", shell=True, check=True,
                         capture_output=True, text=True)
    assert ran.stdout == "# Settings\n"
    assert ran.stderr == ""


def test_nothing_heavy_before_the_server(place: Path) -> None:
    code = ("import sys; from zhike.cli_flags import build_parser; import zhike.cli; "
            "a = build_parser('serve', 'en').parse_args(['serve', '--port', '1']); "
            "from zhike.config import load; load(flags=zhike.cli.flags_of(a)); "
            "print(*sorted(m for m in sys.modules if m.partition('.')[0] in "
            "{'sqlalchemy', 'litestar', 'yaml', 'asyncio', 'pathlib', 'shutil', 'logging', 'tomllib', "
            "'uvloop'} or m.startswith('zhike.ops')))")
    ran = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
                         capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
