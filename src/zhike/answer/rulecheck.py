"""Is a rule fit to be saved? Problems in words its author understands."""

from __future__ import annotations

from typing import Any, get_args

import re2

from zhike.domain.knowledge import Rule, RuleKind
from zhike.errors import Lang
from zhike.search.text import normalise

MAX_PATTERN_CHARS = 1_000
ACTIONS = ("", "handoff")
FLOW = "flow:"
"""``flow:<key>``: the rule begins that flow."""
_URL_STARTS = ("https://", "http://", "mailto:", "tel:", "/")

_TEXTS: dict[str, tuple[str, str]] = {
    "kind": ("规则类型“{0}”不存在，可用：exact、keyword、pattern、menu。",
             "There is no rule kind “{0}”; use exact, keyword, pattern or menu."),
    "lang": ("语言“{0}”不存在：填 zh、en，或留空表示两种语言都适用。",
             "There is no language “{0}”: write zh, en, or leave it empty for both."),
    "no_match": ("没有写匹配内容。", "Nothing to match was given."),
    "blank": ("第 {0} 条匹配内容是空的。", "Match {0} is empty."),
    "short": ("关键词“{0}”太短，会在很多无关的话里出现。",
              "The keyword “{0}” is too short: it would be found in many unrelated messages."),
    "long": ("第 {0} 条模式超过 {1} 个字符。", "Pattern {0} is longer than {1} characters."),
    "pattern": ("模式“{0}”不是有效的 RE2 表达式：{1}。", "The pattern “{0}” is not valid RE2: {1}."),
    "look": ("模式“{0}”用了 RE2 不支持的写法（环视 (?=…) (?<!…) 或反向引用 \\1）。",
             "The pattern “{0}” uses what RE2 does not have: look-around (?=…) (?<!…) or a back "
             "reference \\1."),
    "empty_match": ("模式“{0}”能匹配空文字，所以会匹配每一条消息。",
                    "The pattern “{0}” matches an empty text, so it would catch every message."),
    "reply": ("没有写回复，也没有动作。", "There is neither a reply nor an action."),
    "action": ("动作“{0}”不存在，可用：handoff、flow:<流程>，或留空。",
               "There is no action “{0}”; use handoff, flow:<key> or leave it empty."),
    "button": ("第 {0} 个按钮没有文字。", "Button {0} has no label."),
    "url": ("按钮“{0}”的链接必须以 https://、http://、mailto:、tel: 或 / 开头。",
            "The link of button “{0}” must start with https://, http://, mailto:, tel: or /."),
}


def _say(lang: Lang, problem: str, *values: object) -> str:
    zh, en = _TEXTS[problem]
    return (zh if lang == "zh" else en).format(*values)


def compile_options() -> Any:
    """How patterns are compiled everywhere: case does not matter, errors are returned."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return options


def keyword_parts(keyword: str) -> list[str]:
    """ "退货 运费" → ["退货", "运费"]: all must be said."""
    return [part for part in (normalise(word) for word in keyword.split()) if part]


def check_rule(rule: Rule, lang: Lang = "en") -> list[str]:
    """What is wrong with ``rule``, in ``lang``; [] when it can be saved."""
    problems: list[str] = []
    if rule.kind not in get_args(RuleKind):
        problems.append(_say(lang, "kind", rule.kind))
    if rule.lang not in ("", "zh", "en"):
        problems.append(_say(lang, "lang", rule.lang))
    if not rule.match:
        problems.append(_say(lang, "no_match"))
    for number, text in enumerate(rule.match, 1):
        problems += _check_match(rule.kind, number, text, lang)
    if not rule.reply.strip() and not rule.action:
        problems.append(_say(lang, "reply"))
    if rule.action not in ACTIONS and not (rule.action.startswith(FLOW) and rule.action != FLOW):
        problems.append(_say(lang, "action", rule.action))
    for number, button in enumerate(rule.buttons, 1):
        if not button.label.strip():
            problems.append(_say(lang, "button", number))
        if button.url and (not button.url.lower().startswith(_URL_STARTS) or button.url.startswith("//")):
            problems.append(_say(lang, "url", button.label))
    return problems


def _check_match(kind: str, number: int, text: str, lang: Lang) -> list[str]:
    if not text.strip():
        return [_say(lang, "blank", number)]
    if kind == "keyword":
        return [_say(lang, "short", part) for part in keyword_parts(text) or [text]
                if not any(map(str.isalnum, part)) or (part.isascii() and len(part) < 2)]
    if kind == "pattern":
        return _check_pattern(number, text, lang)
    return []


def _check_pattern(number: int, text: str, lang: Lang) -> list[str]:
    if len(text) > MAX_PATTERN_CHARS:
        return [_say(lang, "long", number, MAX_PATTERN_CHARS)]
    try:
        compiled = re2.compile(text, options=compile_options())
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        if "perl operator" in reason or ("escape sequence: \\" in reason and reason[-1].isdigit()):
            return [_say(lang, "look", text)]
        return [_say(lang, "pattern", text, reason)]
    if compiled.search("") is not None:
        return [_say(lang, "empty_match", text)]
    return []
