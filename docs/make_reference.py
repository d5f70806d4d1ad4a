"""Writes docs/reference/ from the code: settings, errors, protocol, HTTP routes, commands, metrics.

    python docs/make_reference.py          write what changed
    python docs/make_reference.py --check  only say what would change; exit 1 if something would

``tests/unit/test_reference.py`` holds the committed pages equal to the code.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from zhike.errors import CATALOGUE, Lang

FOLDER = Path(__file__).resolve().parent / "reference"
MADE = "<!-- Made from the code by docs/make_reference.py: do not edit. -->"
RETRY = {"never": "no, change something first", "later": "later", "now": "at once"}
RETRY_ZH = {"never": "不要重试，先改正", "later": "稍后重试", "now": "立即重试"}


def cell(text: str) -> str:
    """Text for a table cell."""
    return " ".join(text.replace("|", "\\|").split())


def prose(text: str) -> str:
    """A docstring as Markdown: double back quotes become single ones, paragraphs stay."""
    return "\n\n".join(" ".join(part.split()) for part in text.replace("``", "`").split("\n\n"))


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A Markdown table."""
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head),
            *("| " + " | ".join(map(cell, row)) + " |" for row in rows), ""]


def page(title: str, *lines: str) -> str:
    """A page with its head."""
    return "\n".join([MADE, "", f"# {title}", "", *lines]).rstrip() + "\n"


def config(lang: Lang) -> str:
    """All settings, as ``zhike config reference`` prints them."""
    from zhike.config import reference

    return f"{MADE}\n\n{reference(lang).rstrip()}\n"


def errors() -> str:
    """The error catalogue in both languages."""
    rows = [(f"`{spec.code}`", str(spec.http), str(spec.ws_close or ""),
             f"{RETRY[spec.retry]} · {RETRY_ZH[spec.retry]}",
             f"{spec.en} {spec.help_en}", f"{spec.zh}{spec.help_zh}") for spec in CATALOGUE.values()]
    return page(
        "Errors · 错误",
        "REST, WebSocket and webhooks refuse with one shape. `message` and `help` are in the reader's "
        "language (`Accept-Language`, or `lang` of the hello); programs look at `code`.", "",
        "REST、WebSocket 与 webhook 用同一种形状报告错误；文字跟随读者的语言，程序请看 `code`。", "",
        "```json",
        '{"error": {"code": "overloaded", "message": "…", "help": "…", "retry": "later", '
        '"retry_after_s": 2.0}}', "```", "",
        "`field` names the input field that is wrong, where there is one. A close code from 4000 to 4499 "
        "tells a client to come back by itself, from 4500 to 4999 not to.", "",
        *table(("code", "HTTP", "close code", "retry", "English", "中文"), rows))


def protocol() -> str:
    """The WebSocket protocol, from its AsyncAPI document."""
    from zhike.gateway.protocol_doc import asyncapi

    document = asyncapi()
    schemas: dict[str, Any] = document["components"]["schemas"]
    messages: dict[str, Any] = document["components"]["messages"]
    operations = document["operations"]
    lines = [document["info"]["description"], "",
             "A running desk serves the machine-readable document (AsyncAPI 3) at "
             "`/api/v1/asyncapi.json`. Long polling (`/api/v1/visitor/*`) carries the same objects.", "",
             f"Limits: hello {document['x-limits']['hello_bytes']:,} bytes, other frames "
             f"{document['x-limits']['message_bytes']:,} bytes.", ""]
    used: list[str] = []
    for title, operation in (("Client to server", "fromClient"), ("Server to client", "fromServer")):
        lines += [f"## {title}", ""]
        for reference in operations[operation]["messages"]:
            name = reference["$ref"].rpartition("/")[2]
            lines += [f"### `{messages[name]['name']}`", "", prose(messages[name]["description"]), "",
                      *_fields(schemas[name], used)]
    lines += ["## Parts", ""]
    done = set(messages)
    while todo := [name for name in used if name not in done]:
        done.add(todo[0])
        schema = schemas[todo[0]]
        lines += [f"### {todo[0]}", "", prose(schema.get("description", "")), "", *_fields(schema, used)]
    lines += ["## Close codes", "", *table(
        ("code", "come back", "means"),
        [(str(row["code"]), "yes" if row["reconnect"] else "no",
          row["en"] + (f" (`{row['error']}`)" if "error" in row else ""))
         for row in document["x-close-codes"]])]
    return page("WebSocket protocol, version " + document["info"]["version"], *lines)


def _fields(schema: dict[str, Any], used: list[str]) -> list[str]:
    required = set(schema.get("required", ()))
    rows = [(f"`{name}`", _kind(kind, used), "yes" if name in required else "")
            for name, kind in schema.get("properties", {}).items() if name != "type"]
    return table(("field", "kind", "always there"), rows) if rows else []


def _kind(kind: dict[str, Any], used: list[str]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in kind:
        name = str(kind["$ref"].rpartition("/")[2])
        used.append(name)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in kind:
        return " or ".join(_kind(part, used) for part in kind["anyOf"])
    if "enum" in kind:
        return " · ".join(f"`{json.dumps(value)}`" for value in kind["enum"])
    if kind.get("type") == "array":
        return f"list of {_kind(kind.get('items') or {}, used)}"
    limits = [f"{word} {kind[key]:,}" for key, word in (
        ("minLength", "at least"), ("maxLength", "at most"), ("minimum", "≥"), ("maximum", "≤"))
        if key in kind]
    name = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false",
            "null": "null", "object": "object"}.get(str(kind.get("type")), "anything")
    if kind.get("format") == "date-time":
        name = "time, RFC 3339 UTC"
    return f"{name} ({', '.join(limits)})" if limits else name


def routes() -> str:
    """Every HTTP route and who may use it."""
    from zhike.rest.routes import all_routes

    public = []
    rows = []
    for route in all_routes(sample_shop=True):
        right = route.right
        if right.who == "public":
            public.append((f"`{route.method}`", f"`{route.path}`", right.reason))
        who = {"public": "anybody", "visitor": "visitor", "key": "API key"}.get(
            right.who, right.role + (", key" if right.key else ""))
        rows.append((f"`{route.method}`", f"`{route.path}`", who, " · ".join(route.summary)))
    return page(
        "HTTP routes · HTTP 接口",
        "A running desk serves the whole interface as a page at `/api/docs` and as OpenAPI at "
        "`/api/v1/openapi.json`; both are made from the table that this page is made from.", "",
        "*who*: a visitor shows the token of `hello`, an agent (客服) a session cookie and a CSRF token, a "
        "program an API key. A role includes those below it: owner, admin, "
        "supervisor, agent; an analyst reads what agents read. See [rights](rights.md).", "",
        *table(("method", "path", "who", "what"), rows),
        "## Public routes", "", "Everything else needs a session, key or signature.", "",
        *table(("method", "path", "why it may be public"), public))


def rights() -> str:
    """The matrix of rights, over HTTP and over the socket."""
    from zhike.rest import rights_doc
    from zhike.rest.routes import all_routes

    callers = rights_doc.CALLERS
    rows = [(f"`{line.method} {line.path}`", *("✓" if line.may[caller] else "" for caller in callers),
             line.rows) for line in rights_doc.matrix(all_routes(sample_shop=True))]
    return page(
        "Rights · 权限",
        "Who may use what. `tests/contract/test_rights_matrix.py` tries every cell of the first table on a "
        "running desk, with rows of the caller's own and of another inbox and team.", "",
        "A role includes those below it: owner, admin, supervisor, agent. An *analyst* reads what agents "
        "read and the reports, and changes nothing but the own account. A *key* belongs to a program.", "",
        "*rows*: what decides which rows are shown. *inboxes*: an agent, supervisor, analyst or key may be "
        "kept to some inboxes (`PUT /api/v1/agents/{id}/inboxes`, `inbox_ids` of a key); none named: all. "
        "*teams*: an agent sees a conversation that stands with a team only as its member, as the one who "
        "holds it, or when asked by name in a note; supervisors and analysts see every team. Owners and "
        "admins see everything. What is out of reach answers `not_found`.", "",
        "谁可以做什么。角色自上而下包含：所有者、管理员、主管、客服。"
        "*分析员*能看客服能看的内容和报表，除了自己的账号什么都不能改。"
        "*rows* 一栏说明能看到哪些行：inboxes 表示可以限定收件箱；"
        "teams 表示分给某个组的会话只有组员、负责人和被 @ 的人能看到，主管和分析员能看到所有组。"
        "看不到的一律回答 `not_found`。", "",
        *table(("route", *callers, "rows"), rows),
        "## The socket · 长连接", "", "Frames that a client sends:", "",
        *table(("frame", "visitor", "agent and above", "analyst"),
               [(f"`{name}`", *cells) for name, cells in rights_doc.FRAMES.items()]),
        "Events that a client hears:", "",
        *table(("event", "visitor", "agents"), [(name, *cells) for name, cells in rights_doc.EVENTS.items()]))


def commands() -> str:
    """Every command with its flags, in English; not as ``--help`` prints them, which differs between
    versions of Python."""
    from zhike.cli_flags import COMMANDS, build_parser

    top = build_parser("", "en")
    lines = ["`zhike COMMAND --help` says the same, in Chinese or English as `LANG` says. Flags outrank the "
             "environment, which outranks `zhike.toml`; see [settings](config.md).", "",
             " ".join((top.epilog or "").replace("·\n", "· ").split()), ""]
    for command in COMMANDS:
        parser = build_parser(command, "en")
        for name, part in _parts(parser):
            if name.split()[1:2] == [command]:
                lines += _command(name, part)
    return page("Commands", *lines)


def _parts(parser: argparse.ArgumentParser, text: str = "") -> Iterator[
        tuple[str, tuple[argparse.ArgumentParser, str]]]:
    """Every command below ``parser`` with its one-line help."""
    yield parser.prog, (parser, text)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, part in action.choices.items():
                yield from _parts(part, helps.get(name, ""))


def _command(name: str, found: tuple[argparse.ArgumentParser, str]) -> list[str]:
    parser, text = found
    if any(isinstance(action, argparse._SubParsersAction) for action in parser._actions):
        return []
    actions = [action for action in parser._actions
               if not isinstance(action, argparse._SubParsersAction) and action.dest != "help"]
    words = [str(action.metavar or action.dest) + (" …" if action.nargs in ("*", "+") else "")
             for action in actions if not action.option_strings]
    rows = [("`" + _spelling(action) + "`", _help(action)) for action in actions]
    return [f"## {name}", "", f"{text[:1].upper()}{text[1:]}.", "", f"`{' '.join([name, *words])}`", "",
            *(table(("argument", "what it is for"), rows) if rows else [])]


def _spelling(action: argparse.Action) -> str:
    if not action.option_strings:
        return str(action.metavar or action.dest)
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    return ", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {value}")


def _help(action: argparse.Action) -> str:
    default = "cores - 1, at most 4" if action.dest == "workers" else action.default
    return (action.help or "") % {"default": default}


def metrics() -> str:
    """Every metric, read from the source: which ones a process shows depends on what it has done."""
    source = FOLDER.parents[1] / "src/zhike/ops/metrics.py"
    rows = []
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Family":
            name, kind, text = (ast.literal_eval(word) for word in node.args[:3])
            rows.append((f"`{name}`", kind, text))
    return page(
        "Metrics",
        "`/metrics` speaks the Prometheus text format. From this machine it is open; from elsewhere it needs "
        "`Authorization: Bearer <metrics.token>`, and without a token it is closed.", "",
        "What a part has not done yet is left out; counters start at 0 with the process.", "",
        *table(("metric", "kind", "what it tells"), rows))


def webhooks() -> str:
    """Every event of webhooks with a sample of its body."""
    import msgspec

    from zhike.domain.hook import EVENTS, VERSION, WHAT
    from zhike.webhooks.payload import PARTS, Body, encode, sample

    def fields(kind: type[Any]) -> list[str]:
        _, schemas = msgspec.json.schema_components([kind], ref_template="#/{name}")
        schema = schemas[kind.__name__]
        return [prose(schema.get("description", "")), "", *_fields(schema, [])]

    places = {kind.__name__: name for name, kind in PARTS}

    def unlinked(lines: list[str]) -> list[str]:
        # a part is named for what it stands under, not for its kind
        def place(found: re.Match[str]) -> str:
            name = places.get(found[1])
            return f"[{name}](#{name})" if name else found[1]

        return [re.sub(r"\[(\w+)\]\(#\w+\)", place, line) for line in lines]

    lines = [f"Version {VERSION} of the payload. A later version of the desk may add fields to it; what is "
             "there keeps its name and its meaning. How to set one up, check signatures, and what happens "
             "when nobody answers: [webhooks](../how-to/webhooks.md).", "",
             f"第 {VERSION} 版。以后可能增加字段，已有字段的名字和含义不变。"
             "如何设置、验签，以及送不到时会怎样，见 [webhooks](../how-to/webhooks.md)。", "",
             *table(("event", "what it says", "中文"),
                    [(f"`{name}`", *WHAT[name]) for name in EVENTS]),
             "## The body", "", *unlinked(fields(Body))]
    for name, kind in PARTS:
        lines += [f"### `{name}`", "", *unlinked(fields(kind))]
    lines += ["## Samples · 示例", ""]
    for name in EVENTS:
        body = json.dumps(json.loads(encode(sample(name))), ensure_ascii=False, indent=2)
        lines += [f"### {name}", "", "```json", body, "```", ""]
    return page("Webhook events · Webhook 事件", *lines)


PAGES: dict[str, Callable[[], str]] = {
    "config.md": lambda: config("en"),
    "config.zh.md": lambda: config("zh"),
    "errors.md": errors,
    "protocol.md": protocol,
    "http.md": routes,
    "rights.md": rights,
    "commands.md": commands,
    "metrics.md": metrics,
    "webhooks.md": webhooks,
}


def main() -> int:
    """Writes the pages, or compares them."""
    check = "--check" in sys.argv[1:]
    stale = []
    FOLDER.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if not path.is_file() or path.read_text() != text:
            stale.append(name)
            if not check:
                path.write_text(text)
    for name in stale:
        print(f"docs/reference/{name}: {'differs from the code' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
