"""From what was written to a value: types, units, limits, secrets, and what must fit together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from zhike.config.models import LOCAL_KEY
from zhike.config.problems import Problem, nearest
from zhike.config.sections import Setting, Settings
from zhike.config.units import parse_duration_s, parse_size_bytes, say_duration, say_size

SCHEMES = ("sqlite", "postgresql", "postgres", "mysql", "mariadb")
IMPORT_STRING = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
"""``package.module:function``."""
_SYNCHRONOUS = ("FULL", "NORMAL", "OFF", "EXTRA")


class WrongError(ValueError):
    """A value that does not fit, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


def take(setting: Setting, value: Any) -> Any:
    """The value of ``setting`` from TOML's own type or from text (environment, flag).

    Raises:
        WrongError: wrong type, missing unit, out of limits.
    """
    doc = setting.doc
    match doc.kind:
        case "int" | "float":
            return _limits(setting, _number(value, doc.kind))
        case "bool":
            return _bool(value)
        case "duration":
            return _limits(setting, _unit(value, parse_duration_s, "3s", "250ms", "24h"))
        case "size":
            return _limits(setting, _unit(value, parse_size_bytes, "64KiB", "1MiB", "1GiB"))
        case "list":
            items = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
            if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
                raise WrongError('需要文字列表，例如 ["10.0.0.0/8"]',
                                 'needs a list of texts such as ["10.0.0.0/8"]')
            return tuple(item for item in items if item)
        case "json":
            return _object(value)
    text = _text(value)
    if doc.kind == "choice" and text not in doc.choices:
        near = nearest(text, doc.choices)
        every = " | ".join(doc.choices)
        raise WrongError(f"{text!r} 不在可选值之中：{every}" + (f"，是不是想写 {near!r}？" if near else ""),
                         f"{text!r} is none of {every}" + (f"; did you mean {near!r}?" if near else ""))
    return text


def check_secret(setting: Setting, value: Any) -> None:
    """Secrets stay out of files that get copied and of command lines that every user can read.

    Raises:
        WrongError: a secret, or an address with a password, where it does not belong.
    """
    is_secret = setting.doc.kind == "secret"
    if not is_secret and not (setting.doc.kind == "url" and isinstance(value, str) and _password(value)):
        return
    raise WrongError(
        f"密码只能来自环境变量 {setting.variable} 或文件 {setting.key}_file" if is_secret else
        "地址里不要写密码，请用 password、password_file 或环境变量",
        f"a secret comes only from {setting.variable} or from {setting.key}_file" if is_secret else
        "leave the password out of the address; use password, password_file or the environment")


def read_secret(path: Any) -> str:
    """What a ``…_file`` holds, without the line end that editors add.

    Raises:
        WrongError: the file cannot be read or is empty.
    """
    try:
        with open(_text(path), encoding="utf-8") as source:
            content = source.read().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongError(f"读不了这个文件：{error}", f"the file cannot be read: {error}") from error
    if not content:
        raise WrongError(f"文件 {path} 是空的", f"the file {path} is empty")
    return content


def mail_address(sender: str) -> str:
    """The bare address of ``Name <name@host>`` or ``name@host``, or "" if there is none."""
    _, angle, rest = sender.rpartition("<")
    found = rest.removesuffix(">").strip() if angle else sender.strip()
    name, at, host = found.rpartition("@")
    good = at and name and host and found.isascii() and found.isprintable() and not set(found) & set(' ,;<>"')
    return found if good else ""


def check_together(settings: Settings) -> list[Problem]:
    """What no single value shows."""
    found: list[Problem] = []

    def say(path: str, zh: str, en: str) -> None:
        found.append(Problem(settings.origins.get(path, path), f"{path}：{zh}", f"{path}: {en}"))

    gateway, pipeline, url = settings.gateway, settings.pipeline, settings.server.public_url
    if gateway.heartbeat_s >= gateway.gone_after_s:
        say("gateway.heartbeat", f"要比 gone_after（{say_duration(gateway.gone_after_s)}）短",
            f"must be shorter than gone_after ({say_duration(gateway.gone_after_s)})")
    if pipeline.batch_max > pipeline.receive_max_messages:
        say("pipeline.batch_max", "不能大于 receive_max_messages", "cannot exceed receive_max_messages")
    if url and not url.startswith(("http://", "https://")):
        say("server.public_url", f"{url!r} 要以 http:// 或 https:// 开头",
            f"{url!r} must start with http:// or https://")
    if not settings.server.data:
        say("server.data", "不能为空", "cannot be empty")
    scheme = settings.database.url.partition(":")[0].partition("+")[0]
    if scheme and scheme not in SCHEMES:
        say("database.url", f"不认识 {scheme!r}；可用 postgresql://、mysql://",
            f"{scheme!r} is not known; use postgresql:// or mysql://")
    mail = settings.mail
    if mail.host and not mail_address(mail.sender):
        say("mail.sender", "要写发件地址，例如 客服 <help@shop.example>",
            "needs an address such as Shop <help@shop.example>")
    if mail.imap_host and not mail.host:
        say("mail.imap_host", "先设好 mail.host：没有发出去的邮件，就没有回信",
            "needs mail.host: without mail that goes out there are no answers")
    if mail.pipe_secret and len(mail.pipe_secret) < 16:
        say("mail.pipe_secret", "至少 16 个字符", "needs 16 characters at least")
    if settings.database.password and not settings.database.url:
        say("database.password", "SQLite 不需要密码；是不是忘了 database.url？",
            "SQLite takes no password; is database.url missing?")
    if settings.database.synchronous not in _SYNCHRONOUS:
        say("ZHIKE_TEST_SQLITE_SYNCHRONOUS", f"只能是 {' '.join(_SYNCHRONOUS)}",
            f"must be one of {' '.join(_SYNCHRONOUS)}")
    for name in settings.tools.python:
        import re

        if not re.fullmatch(IMPORT_STRING, name):
            say("tools.python", f"{name!r} 要写成 包.模块:函数", f"{name!r} must be package.module:function")
    _models(settings, say)
    if settings.embeddings.base_url and not settings.embeddings.model:
        say("embeddings.model", "设了 base_url 就要写模型名", "the model's name is needed with base_url")
    if settings.embeddings.base_url and not settings.embeddings.base_url.startswith(("http://", "https://")):
        say("embeddings.base_url", "要以 http:// 或 https:// 开头", "must start with http:// or https://")
    _access(settings, say)
    for network in settings.server.trusted_proxies:
        import ipaddress

        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            say("server.trusted_proxies", f"{network!r} 不是网络地址", f"{network!r} is no network address")
    return found


def _access(settings: Settings, say: Callable[[str, str, str], None]) -> None:
    target, oidc = settings.audit.syslog, settings.oidc
    if target and not target.startswith(("udp://", "tcp://", "unix:///")):
        say("audit.syslog", f"{target!r} 要写成 udp://主机:514、tcp://主机:601 或 unix:///dev/log",
            f"{target!r} must be udp://host:514, tcp://host:601 or unix:///dev/log")
    if oidc.issuer and not oidc.issuer.startswith(("https://", "http://")):
        say("oidc.issuer", "要以 https:// 开头", "must start with https://")
    if oidc.issuer and not oidc.client_id:
        say("oidc.client_id", "设了 issuer 就要写 client_id", "is needed with oidc.issuer")
    if oidc.create and not oidc.domains:
        say("oidc.create", "要同时设 domains，否则任何人都能成为客服",
            "needs oidc.domains, or anybody would become an agent")


def _models(settings: Settings, say: Callable[[str, str, str], None]) -> None:
    answer = settings.answer
    if answer.first_word_s >= answer.give_up_s:
        say("answer.first_word", f"要比 give_up（{say_duration(answer.give_up_s)}）短",
            f"must be shorter than give_up ({say_duration(answer.give_up_s)})")
    for key, server in settings.models.items():
        path = f"models.{key}"
        if not server.base_url.startswith(("http://", "https://")):
            say(f"{path}.base_url", f"{server.base_url!r} 要写成 http://主机:端口/v1 这样的地址",
                f"{server.base_url!r} must be an address such as http://host:port/v1")
        if not server.model:
            say(f"{path}.model", "要写服务里的模型名", "the model's name on that server is needed")
        if server.daily_limit and not (server.price_in or server.price_out):
            say(f"{path}.daily_limit", "没有 price_in 和 price_out，算不出花了多少",
                "without price_in and price_out nothing is ever spent")
        if key == LOCAL_KEY and settings.local_model.path:
            say(path, f"{LOCAL_KEY} 这个名字留给 [local_model]，请换一个",
                f"the key {LOCAL_KEY} belongs to [local_model]; choose another")


def _object(value: Any) -> str:
    """A JSON object as text, however it was written."""
    try:
        found = msgspec.json.decode(value) if isinstance(value, str) and value.strip() else value
        if found == "":
            return ""
        if not isinstance(found, dict):
            raise TypeError
        return msgspec.json.encode(found, order="deterministic").decode()
    except (msgspec.DecodeError, TypeError):
        raise WrongError(f"需要一个表，例如 {{ top_p = 0.8 }}，而不是 {value!r}",
                         f"needs a table such as {{ top_p = 0.8 }}, not {value!r}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongError(f"需要文字（加引号），而不是 {value!r}", f"needs a text in quotes, not {value!r}")
    return value


def _bool(value: Any) -> bool:
    if isinstance(value, str):
        value = {"true": True, "1": True, "yes": True, "on": True,
                 "false": False, "0": False, "no": False, "off": False}.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise WrongError(f"需要 true 或 false，而不是 {value!r}", f"needs true or false, not {value!r}")
    return value


def _number(value: Any, kind: str) -> int | float:
    if isinstance(value, str):
        with suppress(ValueError):
            value = int(value) if kind == "int" else float(value)
    if kind == "int" and (not isinstance(value, int) or isinstance(value, bool)):
        raise WrongError(f"需要整数，而不是 {value!r}", f"needs a whole number, not {value!r}")
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        raise WrongError(f"需要数字，而不是 {value!r}", f"needs a number, not {value!r}")
    return float(value) if kind == "float" else value


def _unit(value: Any, parse: Callable[[str], float], *examples: str) -> Any:
    shown = " ".join(f'"{example}"' for example in examples)
    try:
        return parse(value if isinstance(value, str) else str(value))
    except ValueError:
        raise WrongError(f"{value!r} 缺少单位或写法不对，例如 {shown}",
                         f"{value!r} lacks its unit; write it like {shown}") from None


def _limits(setting: Setting, value: Any) -> Any:
    doc = setting.doc
    if doc.low is not None and value < doc.low:
        low = _show(doc.kind, doc.low)
        raise WrongError(f"不能小于 {low}", f"cannot be below {low}")
    if doc.high is not None and value > doc.high:
        high = _show(doc.kind, doc.high)
        raise WrongError(f"不能大于 {high}", f"cannot be above {high}")
    return value


def _show(kind: str, limit: float) -> str:
    if kind == "duration":
        return say_duration(limit)
    return say_size(int(limit)) if kind == "size" else f"{limit:.10g}"


def _password(url: str) -> bool:
    return ":" in url.partition("://")[2].rpartition("@")[0]
