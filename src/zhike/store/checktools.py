"""What the store refuses to keep of tools and flows. Their bodies are flat in files and on the wire, so a
field is named as people wrote it: ``http.url``, ``steps[2].prompt``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from zhike.config.checks import IMPORT_STRING
from zhike.domain.argschema import check_schema
from zhike.domain.flow import VERBS, Flow, Step, is_pattern
from zhike.domain.message import MAX_TEXT_CHARS
from zhike.domain.slots import is_name, places
from zhike.domain.tool import HttpAction, Texts, Tool
from zhike.store.checks import MAX_NAME_CHARS, MAX_URL_CHARS, Fault, check_pattern, check_text

MAX_BODY_CHARS = 65_536
MAX_FLOW_KEY_CHARS = 27
"""What fits behind ``flow:`` in the action of a rule."""
MAX_STEPS = 60
MAX_SLOTS = 12
MAX_STARTS = 200
MAX_RESPONSE_BYTES = 1 << 20
_TOOL_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
"""What every model server takes as the name of a function."""
_FLOW_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer",
                   "idempotency-key", "content-type", "proxy-authorization", "proxy-connection"})
SECRET = re.compile(r"env:ZHIKE_TOOL_[A-Z0-9_]{1,60}|file:[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Only variables meant for tools, only files of one folder: who may edit a tool must not be able to send the
database's password, or any file of the machine, to an address of their choice."""
CONDITION = re.compile(
    r"(?P<not>not )?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)(?: (?P<op>!?=) (?P<value>.{0,200}))?")


def check_tool(tool: Tool) -> Iterator[Fault]:
    """A tool's own fields."""
    body = tool.body
    if not _TOOL_KEY.fullmatch(tool.key):
        yield Fault("key", f"{tool.key!r} 以字母开头，只能用字母、数字和 _ -，最多 64 个",
                    f"{tool.key!r} must start with a letter and hold letters, digits, _ and - only, "
                    "64 at most")
    yield from check_text("title", body.title, MAX_NAME_CHARS, empty=True)
    yield from check_text("description", body.description, 1_000)
    if body.parameters:
        yield from (Fault(*wrong) for wrong in check_schema(body.parameters))
    names = set(_properties(body.parameters))
    for name in body.inject:
        if not is_name(name):
            yield Fault(f"inject.{name}", "只能用字母、数字和下划线", "may hold letters, digits and _ only")
        if name in names:
            yield Fault(f"inject.{name}", "不能同时写在 parameters 里：它只能由服务器填写",
                        "cannot stand among the parameters too: only the server fills it in")
    if not 0.1 <= body.timeout_s <= 14:
        yield Fault("timeout_s", "需要 0.1 到 14 之间的秒数", "needs 0.1 to 14 seconds")
    if body.audience == "customers" and "caller.customer_id" not in body.inject.values():
        yield Fault("audience", "只给已登录客户用的工具，要在 inject 里写 caller.customer_id",
                    "a tool for customers only must have caller.customer_id among what is injected")
    if body.panel:
        yield from _check_panel(tool)
    yield from _check_kind(tool, names | set(body.inject))
    yield from _check_proof(tool, names)
    for field, texts in (("result", body.result), ("missing", body.missing)):
        yield from check_texts(field, texts, empty=True)
        for place in (*places(texts.zh), *places(texts.en)):
            if place and not place.startswith("/"):
                yield Fault(field, f"{{{place}}} 要写成 {{/JSON/指针}}",
                            f"{{{place}}} must be a {{/json/pointer}}")
    yield from _check_size(body)


def _check_panel(tool: Tool) -> Iterator[Fault]:
    body = tool.body
    if body.panel not in ("orders", "products"):
        yield Fault("panel", f"{body.panel!r} 只能是 orders 或 products",
                    f"{body.panel!r} must be orders or products")
    needed = [name for name in body.parameters.get("required", []) if name != "query"]
    if needed:
        yield Fault("panel", f"面板只填写 query，不能要求别的参数（{needed[0]}）",
                    f"the panel fills in query only: {needed[0]} cannot be required")
    if body.proof is not None:
        yield Fault("panel", "给客服面板用的工具不能要求访客证明",
                    "a tool of the panel cannot ask the visitor for a proof")


def _properties(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    found = parameters.get("properties", {}) if isinstance(parameters, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def _check_size(body: Any) -> Iterator[Fault]:
    size = len(msgspec.json.encode(body).decode("utf-8", "replace"))
    if size > MAX_BODY_CHARS:
        yield Fault("key", f"内容太长（{size} 字，最多 {MAX_BODY_CHARS} 字）",
                    f"is too long ({size} characters, {MAX_BODY_CHARS} at most)")


def _check_kind(tool: Tool, names: Collection[str]) -> Iterator[Fault]:
    body = tool.body
    if body.kind == "python":
        if not re.fullmatch(IMPORT_STRING, body.python):
            yield Fault("python", f"{body.python!r} 要写成 包.模块:函数",
                        f"{body.python!r} must be package.module:function")
        if body.http is not None:
            yield Fault("http", "python 工具不能有 http", "a python tool has no http part")
        return
    if body.python:
        yield Fault("python", "http 工具不能有 python", "an http tool has no python part")
    if body.http is None:
        yield Fault("http", "http 工具需要 http 部分", "an http tool needs its http part")
    else:
        yield from _check_http(body.http, names)


def _check_http(http: HttpAction, names: Collection[str]) -> Iterator[Fault]:
    yield from _check_url(http.url)
    for field, template in (("http.url", http.url),
                            *((f"http.headers.{name}", value) for name, value in http.headers.items()),
                            *(("http.body", text) for text in _texts_of(http.body))):
        for place in places(template):
            if place not in names:
                yield Fault(field, f"没有参数 {place!r}", f"there is no argument {place!r}")
    for name, value in http.headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OURS:
            yield Fault(f"http.headers.{name}", "不能用作请求头的名字",
                        "cannot be used as the name of a header")
        if not value.isascii() or not value.isprintable() or len(value) > 1_000:
            yield Fault(f"http.headers.{name}", "只能用可见的 ASCII 字符，最多 1000 个",
                        "may hold printable ASCII only, 1000 characters at most")
    if http.method in ("GET", "DELETE") and http.body is not None:
        yield Fault("http.body", f"{http.method} 没有正文", f"{http.method} has no body")
    if not 1 <= http.max_bytes <= MAX_RESPONSE_BYTES:
        yield Fault("http.max_bytes", f"需要 1 到 {MAX_RESPONSE_BYTES}", f"must be 1 to {MAX_RESPONSE_BYTES}")
    if bool(http.secret) != bool(http.secret_header):
        yield Fault("http.secret", "secret 和 secret_header 要么都写，要么都不写",
                    "secret and secret_header go together")
    if http.secret and not SECRET.fullmatch(http.secret):
        yield Fault("http.secret", "要写 env:ZHIKE_TOOL_… 或 file:文件名；不能直接写密钥",
                    "must be env:ZHIKE_TOOL_… or file:name; the secret itself does not belong here")
    if http.secret_header and (not _HEADER.fullmatch(http.secret_header)
                               or http.secret_header.lower() in _OURS - {"proxy-authorization"}):
        yield Fault("http.secret_header", "不能用作请求头的名字", "cannot be used as the name of a header")
    if not http.secret_prefix.isascii() or (http.secret_prefix and not http.secret_prefix.isprintable()):
        yield Fault("http.secret_prefix", "只能用可见的 ASCII 字符", "may hold printable ASCII only")


def _check_url(url: str) -> Iterator[Fault]:
    """Its form; which addresses it may reach is decided at each call."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url or len(url) > MAX_URL_CHARS:
        yield Fault("http.url", "需要 https://… 这样的网址（ASCII 字符）",
                    "needs a URL such as https://shop.example/orders/{number}, in ASCII")
        return
    if parts.username is not None or parts.password is not None or parts.fragment:
        yield Fault("http.url", "网址里不能写用户名、密码或 #", "must not hold a user, a password or a #")
    if "{" in parts.netloc or "{" in parts.scheme:
        yield Fault("http.url", "参数只能写在域名后面，不能决定请求发到哪里",
                    "arguments may stand behind the host only: they must not decide where a request goes")


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from _texts_of(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from _texts_of(child)


def _check_proof(tool: Tool, names: Collection[str]) -> Iterator[Fault]:
    proof = tool.body.proof
    if proof is None:
        return
    for field, name in (("proof.subject", proof.subject),
                        *(("proof.evidence", name) for name in proof.evidence)):
        if name not in names:
            yield Fault(field, f"parameters 里没有 {name!r}", f"there is no {name!r} among the parameters")
    if not proof.evidence or proof.subject in proof.evidence:
        yield Fault("proof.evidence", "至少要有一个，并且不能是 subject 自己",
                    "needs at least one, which is not the subject itself")
    if not 0 < proof.hours <= 24 * 30:
        yield Fault("proof.hours", "需要 0 到 720 之间的小时数", "needs up to 720 hours")


# ---- flows -------------------------------------------------------------------------------------------

def check_flow(flow: Flow) -> Iterator[Fault]:
    """A flow's own fields; whether its tools exist is looked up when it is stored."""
    body = flow.body
    if not _FLOW_KEY.fullmatch(flow.key) or len(flow.key) > MAX_FLOW_KEY_CHARS:
        yield Fault("key", f"{flow.key!r} 只能用字母、数字和 . _ -，最多 {MAX_FLOW_KEY_CHARS} 个",
                    f"{flow.key!r} may hold letters, digits and . _ - only, {MAX_FLOW_KEY_CHARS} at most")
    yield from check_text("title", body.title, MAX_NAME_CHARS)
    if len(body.starts) > MAX_STARTS:
        yield Fault("starts", f"最多 {MAX_STARTS} 条", f"{MAX_STARTS} at most")
    for index, start in enumerate(body.starts):
        yield from check_text(f"starts[{index}]", start, 1_000)
        if is_pattern(start):
            yield from check_pattern(f"starts[{index}]", start[1:-1])
    if not 30 <= body.timeout_s <= 86_400:
        yield Fault("timeout_s", "需要 30 到 86400 之间的秒数", "needs 30 to 86400 seconds")
    if not 1 <= len(body.steps) <= MAX_STEPS:
        yield Fault("steps", f"需要 1 到 {MAX_STEPS} 步", f"needs 1 to {MAX_STEPS} steps")
    labels = [step.label for step in body.steps if step.label]
    slots = {step.ask for step in body.steps if step.ask} | {s for step in body.steps for s in step.keep}
    saved = {step.save for step in body.steps if step.save}
    if len(slots) > MAX_SLOTS:
        yield Fault("steps", f"最多 {MAX_SLOTS} 个要问的内容", f"asks for {MAX_SLOTS} things at most")
    for index, step in enumerate(body.steps):
        at = f"steps[{index}]"
        if not step.verb:
            yield Fault(at, f"需要 {'、'.join(VERBS)} 之中的恰好一个",
                        f"needs exactly one of {', '.join(VERBS)}")
            continue
        if step.label and labels.count(step.label) > 1:
            yield Fault(f"{at}.label", f"{step.label!r} 写了两次", f"{step.label!r} stands here twice")
        yield from _check_step(step, at, labels, slots, saved)
    yield from _check_size(body)


def _check_step(step: Step, at: str, labels: list[str], slots: set[str], saved: set[str]) -> Iterator[Fault]:
    for name, field in ((step.ask, "ask"), (step.save, "save"), *((slot, "keep") for slot in step.keep)):
        if name and not is_name(name):
            yield Fault(f"{at}.{field}", f"{name!r} 只能用字母、数字和下划线",
                        f"{name!r} may hold letters, digits and _ only")
    if step.ask:
        yield from check_texts(f"{at}.prompt", step.prompt)
        if step.kind == "choice" and not 2 <= len(step.choices) <= 12:
            yield Fault(f"{at}.choices", "需要 2 到 12 个选项", "needs 2 to 12 choices")
        for number, choice in enumerate(step.choices):
            yield from check_texts(f"{at}.choices[{number}].label", choice.label)
            yield from check_text(f"{at}.choices[{number}].value", choice.value, 100)
        if step.pattern:
            yield from check_pattern(f"{at}.pattern", step.pattern)
        if not 0 <= step.retries <= 5:
            yield Fault(f"{at}.retries", "需要 0 到 5", "must be 0 to 5")
    if step.branch is not None:
        if step.branch.goto not in labels:
            yield Fault(f"{at}.branch.goto", f"没有 label 是 {step.branch.goto!r} 的步骤",
                        f"there is no step labelled {step.branch.goto!r}")
        yield from _check_condition(f"{at}.branch.when", step.branch.when, slots, saved)
    for field, texts in (("prompt", step.prompt), ("again", step.again), ("say", step.say),
                         ("handoff", step.handoff)):
        yield from check_texts(f"{at}.{field}", texts, empty=True)
        for place in (*places(texts.zh), *places(texts.en)):
            if not _known(place, slots, saved):
                yield Fault(f"{at}.{field}", f"没有 {{{place}}}：这里能用的是 {_said(slots, saved)}",
                            f"there is no {{{place}}}; known here: {_said(slots, saved)}")
    for name, value in step.arguments.items():
        for text in _texts_of(value):
            for place in places(text):
                if not _known(place, slots, saved):
                    yield Fault(f"{at}.arguments.{name}", f"没有 {{{place}}}", f"there is no {{{place}}}")
    for slot, pointer in step.keep.items():
        if not pointer.startswith("/"):
            yield Fault(f"{at}.keep.{slot}", "要写 /JSON/指针", "must be a /json/pointer")


def _known(place: str, slots: set[str], saved: set[str]) -> bool:
    name, _, rest = place.partition("/") if "/" in place else place.partition(".")
    return place in slots or (name in saved and ("/" in place or rest in ("text", "error")))


def _said(slots: set[str], saved: set[str]) -> str:
    return ", ".join([*sorted(slots), *(f"{name}.text" for name in sorted(saved))]) or "∅"


def _check_condition(field: str, when: str, slots: set[str], saved: set[str]) -> Iterator[Fault]:
    if not when:
        return
    match = CONDITION.fullmatch(when)
    name = match["name"] if match else ""
    head, _, tail = name.partition(".")
    known = name in slots or (head in saved and tail in ("ok", "error")) or name in ("caller.identified",
                                                                                     "caller.lang")
    if match is None or (match["not"] and match["op"]) or not known:
        yield Fault(field, f"{when!r} 要写成 名字、not 名字、名字 = 值 或 名字 != 值，"
                           f"名字是 {_said(slots, saved)}、结果.ok、结果.error、"
                           "caller.identified、caller.lang",
                    f"{when!r} must be `name`, `not name`, `name = value` or `name != value`, with a slot, "
                    "result.ok, result.error, caller.identified or caller.lang")


def check_texts(field: str, texts: Texts, *, empty: bool = False) -> Iterator[Fault]:
    """One text in the two languages."""
    if not empty and not texts:
        yield Fault(field, "需要 {zh: 文字, en: 文字}", "needs {zh: text, en: text}")
    for lang in ("zh", "en"):
        yield from check_text(f"{field}.{lang}", getattr(texts, lang), MAX_TEXT_CHARS, empty=True)


__all__ = ["CONDITION", "SECRET", "check_flow", "check_texts", "check_tool"]
