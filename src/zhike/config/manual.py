"""The manual's page of settings, made from their declarations so that it cannot fall behind."""

from __future__ import annotations

from typing import Any

from zhike.config.sections import NAMED, Setting, section_types, settings_of
from zhike.config.units import say_duration, say_size
from zhike.errors import Lang

_HEAD = {
    "zh": ("设置", "这一页由代码生成，每项设置的说明和默认值只写在一处。\n\n"
           "设置来自三处，后者优先：`zhike.toml`（当前目录、`./config/` 或 `--config`）、"
           "环境变量、命令行参数。例如 `[server] port = 8081`、`ZHIKE_SERVER__PORT=8081`、`--port 8081` "
           "或 `--set server.port=8081` 意思相同。\n\n"
           "时长要带单位（`250ms` `3s` `5m` `24h` `7d`），大小也是（`64KiB` `1MiB`）。"
           "写错名字会报错并提示最接近的名字。"
           "密码只能来自环境变量，或来自 `…_file` 所指的文件。",
           "设置项", "默认值", "范围", "说明"),
    "en": ("Settings", "This page is made from the code; each text and default stands there once.\n\n"
           "Settings come from three places, the later wins: `zhike.toml` (in the current folder, in "
           "`./config/` or named by `--config`), the environment, flags. "
           "`[server] port = 8081`, `ZHIKE_SERVER__PORT=8081`, `--port 8081` and "
           "`--set server.port=8081` mean the same.\n\n"
           "Durations carry a unit (`250ms` `3s` `5m` `24h` `7d`), sizes too (`64KiB` `1MiB`). A name that "
           "does not exist is an error that names the nearest one. Secrets come only from the environment or "
           "from a file named by `…_file`.",
           "setting", "default", "limits", "what it is for"),
}


def _show(setting: Setting, value: Any) -> str:
    match setting.doc.kind:
        case "duration":
            return f'"{say_duration(value)}"'
        case "size":
            return f'"{say_size(int(value))}"'
        case "bool":
            return str(value).lower()
        case "list":
            return "[]"
        case "int" | "float":
            return f"{value:.10g}"
    return f'"{value}"'


def _limits(setting: Setting) -> str:
    doc = setting.doc
    if doc.choices:
        return " ".join(f"`{choice}`" for choice in doc.choices)
    if doc.low is None and doc.high is None:
        return ""
    low = "" if doc.low is None else _show(setting, doc.low).strip('"')
    high = "" if doc.high is None else _show(setting, doc.high).strip('"')
    return f"{low} … {high}".strip()


def reference(lang: Lang = "en") -> str:
    """Markdown: every section and setting with variable, default, limits and purpose."""
    title, intro, *heads = _HEAD[lang]
    lines = [f"# {title}", "", intro, ""]
    every = [*section_types().items(), *((f"{name}.<key>", kind) for name, kind in NAMED.items())]
    for name, section in every:
        zh, _, en = (section.__doc__ or "").partition(" en: ")
        lines += [f"## [{name}]", "", zh.removeprefix("zh: ").strip() if lang == "zh" else en.strip(), "",
                  "| " + " | ".join(heads) + " |", "|---|---|---|---|"]
        for setting in settings_of(name, section):
            text = setting.doc.zh if lang == "zh" else setting.doc.en
            names = f"`{setting.key}`"
            if setting.doc.kind == "secret":
                names = f"`{setting.variable}`<br>`{setting.key}_file`"
            elif setting.doc.kind == "url" and not setting.doc.reserved:
                names += f"<br>`{setting.key}_file`"
            lines.append(f"| {names} | `{_show(setting, setting.default)}` | {_limits(setting)} "
                         f"| {text.replace('|', chr(92) + '|')} |")
        lines.append("")
    return "\n".join(lines)
