"""Settings: three sources, strict names, units, secrets, and a manual that cannot fall behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhike import config
from zhike.config import ConfigError, load, reference, stray_environment
from zhike.config.sections import all_settings
from zhike.config.units import parse_duration_s, parse_size_bytes, say_duration, say_size


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "zhike.toml"
    path.write_text(text, "utf-8")
    return path


def problems(error: pytest.ExceptionInfo[ConfigError]) -> str:
    return "\n".join(problem.text("en") for problem in error.value.problems)


def test_defaults_need_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(environ={})
    assert settings.server.host == "127.0.0.1"
    assert settings.gateway.gone_after_s == 25.0
    assert settings.pipeline.gather_window_s == 0.014
    assert settings.database.synchronous == "FULL"
    assert settings.file == ""


def test_flags_over_environment_over_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[server]\nport = 1\nhost = "::1"\n[api]\nbody_limit = "2MiB"\n')
    environ = {"ZHIKE_SERVER__PORT": "2", "ZHIKE_GATEWAY__HEARTBEAT": "250ms"}
    settings = load(path, environ)
    assert (settings.server.port, settings.server.host) == (2, "::1")
    assert settings.gateway.heartbeat_s == 0.25
    assert settings.api.body_limit_bytes == 2 << 20
    assert load(path, environ, {"server.port": "3"}).server.port == 3
    assert settings.origins["server.host"] == f"{path}:3"
    assert settings.origins["server.port"] == "ZHIKE_SERVER__PORT"


def test_the_file_is_found_in_the_docker_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/zhike.toml").write_text("[server]\nport = 99\n")
    monkeypatch.chdir(tmp_path)
    assert load(environ={}).server.port == 99


@pytest.mark.parametrize(("text", "line", "said"), [
    ("[server]\nhost = 'x'\nprot = 1\n", 3, "did you mean 'port'"),
    ("[servr]\nport = 1\n", 1, "did you mean 'server'"),
    ("port = 8080\n", 1, "belongs under [server]"),
    ("[server]\nport = '8080x'\n", 2, "needs a whole number"),
    ("[server]\nport = true\n", 2, "needs a whole number"),
    ("[server]\nport = 70000\n", 2, "cannot be above 65535"),
    ("[server]\npublic_url = 3\n", 2, "needs a text"),
    ("server.prot = 1\n", 1, "did you mean 'port'"),
    ("[gateway]\ngone_after = 30\n", 2, "lacks its unit"),
    ("[gateway]\nout_buffer = '1 potato'\n", 2, "lacks its unit"),
    ("[gateway]\ngone_after = '31s'\n", 2, "cannot be above 30s"),
    ("[sample]\nshop = 'perhaps'\n", 2, "needs true or false"),
    ("[log]\nformat = 'jsn'\n", 2, "did you mean 'json'"),
    ("[server]\ntrusted_proxies = ['nonsense']\n", 2, "is no network address"),
    ("[server]\npublic_url = 'desk.example.com'\n", 2, "must start with http"),
    ("[database]\nurl = 'oracle://h/x'\n", 2, "is not known"),
    ("[database]\npassword = 'x'\n", 2, "comes only from ZHIKE_DATABASE__PASSWORD"),
    ("[database]\nurl = 'postgresql://a:secret@h/x'\n", 2, "leave the password out"),
    ("[redis]\nurl = 'redis://h'\n", 2, "reserved"),
])
def test_a_wrong_file_names_line_and_cure(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load(path, {})
    assert f"{path}:{line}: " in problems(error)
    assert said in problems(error)
    assert "secret@" not in problems(error)


def test_every_problem_is_told_at_once_in_both_languages(tmp_path: Path) -> None:
    path = write(tmp_path, "[server]\nprot = 1\n[gatway]\n")
    with pytest.raises(ConfigError) as error:
        load(path, {"ZHIKE_SERVER__HOTS": "x", "ZHIKE_API__CONCURRENCY": "many"})
    assert len(error.value.problems) == 4
    assert "did you mean 'ZHIKE_SERVER__HOST'" in problems(error)
    assert "是不是想写 'port'" in error.value.body("zh").message


def test_broken_toml_and_missing_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[server\n")
    with pytest.raises(ConfigError, match="line 1"):
        load(path, {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load(write(tmp_path, "a = " + "[" * 5000), {})
    with pytest.raises(ConfigError, match="there is no file"):
        load(tmp_path / "absent.toml", {})
    with pytest.raises(ConfigError, match="ZHIKE_CONFIG"):
        load(environ={"ZHIKE_CONFIG": str(tmp_path / "absent.toml")})


def test_secrets_by_environment_or_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("p@ss/word\n")
    url = "postgresql://zhike@db.internal:5432/zhike"
    settings = load(write(tmp_path, f'[database]\nurl = "{url}"\npassword_file = "{secret}"\n'), {})
    assert settings.database.password == "p@ss/word"
    assert settings.database_url() == "postgresql://zhike:p%40ss%2Fword@db.internal:5432/zhike"
    assert load(environ={"ZHIKE_METRICS__TOKEN": "abc"}).metrics.token == "abc"
    assert load(environ={"ZHIKE_METRICS__TOKEN_FILE": str(secret)}).metrics.token == "p@ss/word"
    with pytest.raises(ConfigError, match="cannot be read"):
        load(environ={"ZHIKE_METRICS__TOKEN_FILE": str(tmp_path / "none")})
    secret.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        load(environ={"ZHIKE_METRICS__TOKEN_FILE": str(secret)})


def test_a_whole_url_may_be_a_docker_secret(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("mysql://u:p@h/x")
    assert load(environ={"ZHIKE_DATABASE__URL_FILE": str(secret)}).database_url() == "mysql://u:p@h/x"


def test_lists_from_environment_and_bools() -> None:
    settings = load(environ={"ZHIKE_SERVER__TRUSTED_PROXIES": "10.0.0.0/8, 127.0.0.1",
                             "ZHIKE_SAMPLE__SHOP": "off"})
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "127.0.0.1")
    assert settings.sample.shop is False


def test_kubernetes_variables_are_no_settings() -> None:
    environ = {"ZHIKE_PORT": "tcp://10.0.0.1:8080", "ZHIKE_SERVICE_HOST": "10.0.0.1"}
    assert load(environ=environ).server.port == 8080
    assert stray_environment(environ) == ["ZHIKE_PORT", "ZHIKE_SERVICE_HOST"]


def test_the_sync_switch_is_for_tests_only(tmp_path: Path) -> None:
    assert load(environ={"ZHIKE_TEST_SQLITE_SYNCHRONOUS": "NORMAL"}).database.synchronous == "NORMAL"
    with pytest.raises(ConfigError):
        load(environ={"ZHIKE_TEST_SQLITE_SYNCHRONOUS": "MAYBE"})
    with pytest.raises(ConfigError, match="there is no setting"):
        load(write(tmp_path, "[database]\nsynchronous = 'OFF'\n"), {})


def test_what_must_fit_together() -> None:
    with pytest.raises(ConfigError, match="shorter than gone_after"):
        load(environ={"ZHIKE_GATEWAY__HEARTBEAT": "9s", "ZHIKE_GATEWAY__GONE_AFTER": "8s"})
    with pytest.raises(ConfigError, match=r"database\.url missing"):
        load(environ={"ZHIKE_DATABASE__PASSWORD": "x"})


def test_public_url_follows_the_bound_port() -> None:
    assert load(environ={}).public_url(4711) == "http://localhost:4711"
    assert load(environ={"ZHIKE_SERVER__PUBLIC_URL": "https://a.example/"}).public_url(1) == "https://a.example"


@pytest.mark.parametrize("text", ["3ms", "1.2s", "5m", "24h", "7d", "0s"])
def test_durations_are_said_as_they_are_read(text: str) -> None:
    assert parse_duration_s(say_duration(parse_duration_s(text))) == parse_duration_s(text)


@pytest.mark.parametrize(("text", "size"), [("64KiB", 65536), ("1MiB", 1 << 20), ("10MB", 10_000_000),
                                            ("0B", 0), ("1.5KiB", 1536)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size_bytes(text) == size
    assert parse_size_bytes(say_size(size)) == size


@pytest.mark.parametrize("text", ["", "3", "s", "-3s", "3 weeks", "1e3s", "nans", "infs", "1..2s", ".s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"\A"):
        parse_duration_s(text)


def test_the_manual_names_every_setting_in_both_languages() -> None:
    zh, en = reference("zh"), reference("en")
    assert reference("en") == en  # a second call finds the function, not the module
    for setting in all_settings().values():
        assert setting.doc.zh.replace("|", "\\|") in zh
        assert setting.doc.en.replace("|", "\\|") in en
        assert (setting.variable if setting.doc.kind == "secret" else f"`{setting.key}`") in en
        assert not setting.key.endswith(("_s", "_bytes")) or setting.key == "messages_per_s"


def test_every_default_is_within_its_own_limits() -> None:
    for setting in all_settings().values():
        low, high = setting.doc.low, setting.doc.high
        assert low is None or setting.default >= low
        assert high is None or setting.default <= high


def test_nothing_heavy_on_the_way_to_live() -> None:
    import subprocess
    import sys

    code = ("import sys, zhike.config; zhike.config.load(environ={}); "
            "print(*sorted(m for m in sys.modules if m.partition('.')[0] in "
            "{'pathlib','tomllib','yaml','sqlalchemy','litestar','argparse','logging','difflib',"
            "'ipaddress','asyncio'}))")
    ran = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
                         capture_output=True, text=True, check=True, cwd=Path(config.__file__).parent)
    assert ran.stdout.strip() == ""


# ---- named sections: any number of models ------------------------------------------------------

def test_models_have_keys_of_their_own_and_the_file_gives_their_order(tmp_path: Path) -> None:
    path = write(tmp_path, """
[models.qwen]
base_url = "http://10.0.0.5:8000/v1"
model = "qwen3-8b"
idle = "2s"
extra_body = { top_p = 0.8 }
[models.glm]
base_url = "http://10.0.0.6:9997/v1"
model = "glm-4"
""")
    environ = {"ZHIKE_MODELS__QWEN__API_KEY": "sk-1", "ZHIKE_MODELS__ANY_4__BASE_URL": "http://h/v1",
               "ZHIKE_MODELS__ANY_4__MODEL": "any"}
    settings = load(path, environ, {"models.glm.concurrency": "9"})
    assert list(settings.models) == ["qwen", "glm", "any_4"]
    qwen = settings.models["qwen"]
    assert (qwen.api_key, qwen.idle_s, qwen.extra_body) == ("sk-1", 2.0, '{"top_p":0.8}')
    assert settings.models["glm"].concurrency == 9
    assert settings.origins["models.qwen.idle"] == f"{path}:5"


@pytest.mark.parametrize(("text", "said"), [
    ("[models.qwen]\nbase_ulr = 'http://h/v1'\n", "zhike.toml:2: there is no setting in [models.qwen]"),
    ("[models.qwen]\nbase_ulr = 'http://h/v1'\n", "did you mean 'base_url'"),
    ("[models]\nbase_url = 'http://h/v1'\n", "zhike.toml:2: 'base_url' belongs under [models.<key>]"),
    ("[models.Qwen-3]\nmodel = 'x'\n", "'Qwen-3' is no key"),
    ("[models.qwen]\nmodel = 'x'\n", "models.qwen.base_url: '' must be an address"),
    ("[models.qwen]\nbase_url = 'http://h/v1'\n", "models.qwen.model: the model's name"),
    ("[models.qwen]\nbase_url = 'http://h/v1'\nmodel = 'x'\napi_key = 'sk'\n",
     "comes only from ZHIKE_MODELS__QWEN__API_KEY"),
    ("[models.qwen]\nbase_url = 'http://h/v1'\nmodel = 'x'\nextra_body = 'no json'\n",
     "needs a table such as"),
    ("[models.qwen]\nbase_url = 'http://h/v1'\nmodel = 'x'\ndaily_limit = 3\n", "nothing is ever spent"),
    ("[models.local]\nbase_url = 'http://h/v1'\nmodel = 'x'\n[local_model]\npath = 'a.gguf'\n",
     "belongs to [local_model]"),
    ("[answer]\nfirst_word = '20s'\n", "must be shorter than give_up"),
])
def test_a_wrong_model_names_place_and_cure(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load(path, {})
    assert said in problems(error)


def test_the_key_of_a_model_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-2\n")
    path = write(tmp_path, "[models.q]\nbase_url = 'http://h/v1'\nmodel = 'x'\n"
                           f"api_key_file = '{tmp_path}/key'\n")
    assert load(path, {}).models["q"].api_key == "sk-2"


def test_the_manual_names_sections_with_keys() -> None:
    assert "## [models.<key>]" in reference("en")
    assert "ZHIKE_MODELS__<KEY>__API_KEY" in reference("zh")
