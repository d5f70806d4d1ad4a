"""What the store refuses to keep of bots, inboxes, articles and rules, said so that it can be mended.

REST, imports and YAML files all come through here, so that no way in is laxer than another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from zhike.domain.card import Card
from zhike.domain.knowledge import Article, Bot, Rule
from zhike.domain.message import MAX_TEXT_CHARS, Button
from zhike.errors import ErrorBody, Lang, ZhikeError

LANGS = ("zh", "en")
KINDS = ("exact", "keyword", "pattern", "menu")
ACTIONS = ("", "handoff")
FLOW_ACTION = re.compile(r"flow:[A-Za-z0-9][A-Za-z0-9._-]{0,26}")
"""``flow:<key>`` begins a flow; that there is such a flow is looked up when the rule is stored."""
MAX_QUESTION_CHARS = 500
"""A question is a title: people read it in lists and on buttons."""
MAX_VARIANTS = 200
MAX_MATCHES = 500
MAX_MATCH_CHARS = 1000
MAX_BUTTONS = 12
MAX_FORBIDDEN = 1000
MAX_POSITION = 1_000_000
MAX_NAME_CHARS = 200
MAX_SYNONYM_GROUPS = 500
MAX_SYNONYMS = 30
MAX_SYNONYM_CHARS = 60
MAX_KEY_CHARS = 64
MAX_ENTRY_KEY_CHARS = 128
MAX_URL_CHARS = 2000
MAX_INBOXES = 25
"""Keys of inboxes an article is shown in; with the longest keys they fill their column."""
MAX_SOURCE_CHARS = 500
MAX_MODELS = 8
"""Models a bot asks in turn; within 15 s hardly more than two get to speak."""
MAX_OUT_OF_SCOPE = 2_000
"""Questions a bot is told not to know: a hundred teach it most of what there is to learn."""
SECRET_SETTINGS = ("identity_secret", "callback_secret")
"""Settings of an inbox that are never shown, exported or logged."""

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_URL = re.compile(r"(https?://|mailto:|tel:|/(?![/\\]))\S+|/", re.IGNORECASE)
"""What a button may open. ``javascript:`` and ``//host`` must never reach a page."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""Control characters but tab and newline, and halves of surrogate pairs: databases differ on them."""


class Fault(NamedTuple):
    """One thing to mend: ``field`` as in ``variants[2]``."""

    field: str
    zh: str
    en: str

    def text(self, lang: Lang) -> str:
        """The line a person reads."""
        return f"{self.field}：{self.zh}" if lang == "zh" else f"{self.field}: {self.en}"


class FieldError(ZhikeError):
    """``invalid_field`` with every fault found.

    Args:
        faults: at least one.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("invalid_field", "; ".join(fault.text("en") for fault in faults),
                         field=faults[0].field)

    def body(self, lang: Lang = "en") -> ErrorBody:
        """The wire object, faults in the reader's language."""
        said = "; ".join(fault.text(lang) for fault in self.faults)
        return ErrorBody(code=self.code, message=f"{self.spec.zh if lang == 'zh' else self.spec.en} {said}",
                         retry=self.spec.retry, field=self.field,
                         help=self.spec.help_zh if lang == "zh" else self.spec.help_en)


def refuse(faults: Iterator[Fault]) -> None:
    """Raises FieldError if there is a fault."""
    if found := list(faults):
        raise FieldError(found)


def check_text(field: str, value: str, most: int, *, empty: bool = False) -> Iterator[Fault]:
    """A text for people: its length in characters, nothing a database or page chokes on."""
    if not empty and not value.strip():
        yield Fault(field, "不能为空", "cannot be empty")
    if len(value) > most:
        yield Fault(field, f"太长（{len(value)} 字，最多 {most} 字）",
                    f"is too long ({len(value)} characters, {most} at most)")
    if bad := _CONTROL.search(value):
        yield Fault(field, f"含有不允许的字符 U+{ord(bad[0]):04X}",
                    f"holds the character U+{ord(bad[0]):04X}, which is not allowed")


def check_key(key: str) -> Iterator[Fault]:
    """The key of a bot or inbox: it stands in pages and file names."""
    if not KEY.fullmatch(key) or len(key) > MAX_KEY_CHARS:
        yield Fault("key", f"{key!r} 只能用字母、数字和 . _ -，最多 {MAX_KEY_CHARS} 个",
                    f"{key!r} may hold letters, digits and . _ - only, {MAX_KEY_CHARS} at most")


def check_entry_key(key: str) -> Iterator[Fault]:
    """The key of an article or rule; any script, but no blanks at the ends (MariaDB ignores them)."""
    yield from check_text("key", key, MAX_ENTRY_KEY_CHARS)
    if key != key.strip() or "\n" in key or "\t" in key:
        yield Fault("key", "首尾不能有空白，也不能换行", "cannot begin or end with a blank or hold line ends")


def check_buttons(buttons: Sequence[Button]) -> Iterator[Fault]:
    """Buttons under an answer."""
    if len(buttons) > MAX_BUTTONS:
        yield Fault("buttons", f"最多 {MAX_BUTTONS} 个", f"{MAX_BUTTONS} at most")
    for index, button in enumerate(buttons):
        yield from check_text(f"buttons[{index}].label", button.label, 80)
        yield from check_text(f"buttons[{index}].text", button.text, MAX_QUESTION_CHARS, empty=True)
        if button.url and not _URL.fullmatch(button.url):
            yield Fault(f"buttons[{index}].url", f"{button.url!r} 要以 https:// / mailto: tel: 之一开头",
                        f"{button.url!r} must start with https://, http://, /, mailto: or tel:")


def check_article(article: Article) -> Iterator[Fault]:
    """An article's own fields."""
    yield from check_entry_key(article.key)
    if article.lang not in LANGS:
        yield Fault("lang", f"{article.lang!r} 不是 zh 或 en", f"{article.lang!r} is neither zh nor en")
    yield from check_text("question", article.question, MAX_QUESTION_CHARS)
    yield from check_text("answer", article.answer, MAX_TEXT_CHARS)
    yield from check_text("category", article.category, MAX_NAME_CHARS, empty=True)
    if len(article.variants) > MAX_VARIANTS:
        yield Fault("variants", f"最多 {MAX_VARIANTS} 条", f"{MAX_VARIANTS} at most")
    for index, variant in enumerate(article.variants):
        yield from check_text(f"variants[{index}]", variant, MAX_QUESTION_CHARS)
    yield from check_buttons(article.buttons)
    yield from _check_cards(article.cards)
    if len(article.inboxes) > MAX_INBOXES:
        yield Fault("inboxes", f"最多 {MAX_INBOXES} 个", f"{MAX_INBOXES} at most")
    for index, inbox in enumerate(article.inboxes):
        if not KEY.fullmatch(inbox) or len(inbox) > MAX_KEY_CHARS:
            yield Fault(f"inboxes[{index}]", f"{inbox!r} 不是收件箱的标识",
                        f"{inbox!r} is no key of an inbox")
    if article.valid_from is not None and article.valid_until is not None \
            and article.valid_until <= article.valid_from:
        yield Fault("valid_until", "要晚于 valid_from", "must be later than valid_from")
    yield from check_text("source", article.source, MAX_SOURCE_CHARS, empty=True)


def _check_cards(cards: Sequence[Card]) -> Iterator[Fault]:
    if len(cards) > MAX_BUTTONS:
        yield Fault("cards", f"最多 {MAX_BUTTONS} 个", f"{MAX_BUTTONS} at most")
    for index, card in enumerate(cards):
        field = f"cards[{index}]"
        if card.kind not in ("image", "link"):
            yield Fault(f"{field}.kind", f"{card.kind!r} 只能是 image 或 link",
                        f"{card.kind!r} must be image or link")
        if not re.fullmatch(r"(https://|/(?![/\\]))\S+", card.url) or len(card.url) > MAX_URL_CHARS:
            yield Fault(f"{field}.url", f"{card.url!r} 要以 https:// 或 / 开头",
                        f"{card.url!r} must begin with https:// or /")
        if card.image or card.price or card.status or card.ref or card.fields:
            yield Fault(field, "知识条目只放图片和链接", "an article has pictures and links only")
        yield from check_text(f"{field}.title", card.title, MAX_NAME_CHARS, empty=True)
        yield from check_text(f"{field}.text", card.text, MAX_QUESTION_CHARS, empty=True)


def check_rule(rule: Rule) -> Iterator[Fault]:
    """A rule's own fields; patterns must be RE2 (no back-references: they cannot hang)."""
    yield from check_entry_key(rule.key)
    if rule.lang not in ("", *LANGS):
        yield Fault("lang", f"{rule.lang!r} 不是 zh、en 或空",
                    f"{rule.lang!r} is neither zh, en nor empty")
    if rule.kind not in KINDS:
        yield Fault("kind", f"{rule.kind!r} 不在 {' '.join(KINDS)} 之中",
                    f"{rule.kind!r} is none of {', '.join(KINDS)}")
    if rule.action not in ACTIONS and not FLOW_ACTION.fullmatch(rule.action):
        yield Fault("action", f"{rule.action!r} 只能是 handoff、flow:<流程 key> 或空",
                    f"{rule.action!r} must be handoff, flow:<key of a flow> or empty")
    if not rule.match or len(rule.match) > MAX_MATCHES:
        yield Fault("match", f"需要 1 到 {MAX_MATCHES} 条", f"needs 1 to {MAX_MATCHES} entries")
    for index, match in enumerate(rule.match):
        yield from check_text(f"match[{index}]", match, MAX_MATCH_CHARS)
        if rule.kind == "pattern":
            yield from check_pattern(f"match[{index}]", match)
    yield from check_text("reply", rule.reply, MAX_TEXT_CHARS, empty=bool(rule.action))
    if not -MAX_POSITION <= rule.position <= MAX_POSITION:
        yield Fault("position", f"要在 ±{MAX_POSITION} 之间", f"must be within ±{MAX_POSITION}")
    yield from check_buttons(rule.buttons)


def check_pattern(field: str, pattern: str) -> Iterator[Fault]:
    """A pattern that people wrote: RE2, so that no text can make it hang."""
    import re2  # only where somebody wrote a pattern

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        why = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error.args[0])
        yield Fault(field, f"不是有效的 RE2 正则：{why}", f"is no valid RE2 pattern: {why}")


def check_bot(bot: Bot) -> Iterator[Fault]:
    """A bot's own fields."""
    yield from check_key(bot.key)
    yield from check_text("name", bot.name, MAX_NAME_CHARS)
    yield from check_settings(bot.settings, {"fallback": by_lang, "handoff": by_lang,
                                              "answer_threshold": number(0, 1),
                                              "fragment_wait_s": number(0, 10),
                                              "synonyms": _synonyms, "models": _keys, "holding": by_lang,
                                              "suggest_threshold": number(0, 1), "template": _template,
                                              "tools": _keys, "forbidden": _forbidden,
                                              "forbidden_reply": by_lang, "out_of_scope": _questions})


def check_settings(settings: dict[str, Any], known: dict[str, Any]) -> Iterator[Fault]:
    for name, value in settings.items():
        field = f"settings.{name}"
        if name in known:
            yield from known[name](field, value)
        else:
            from difflib import get_close_matches

            near = get_close_matches(name, known, n=1) or [", ".join(known)]
            yield Fault(field, f"没有这个设置项；是不是想写 {near[0]}？",
                        f"there is no such setting; did you mean {near[0]}?")


def _synonyms(field: str, value: Any) -> Iterator[Fault]:
    """Groups of words of one meaning: [["退货", "退掉"], ["tee", "t-shirt"]]."""
    if not isinstance(value, list) or not all(
            isinstance(group, list) and all(isinstance(word, str) for word in group) for group in value):
        yield Fault(field, "需要词组的列表，例如 [[退货, 退掉], [T恤, 短袖]]",
                    "needs a list of groups of words such as [[tee, t-shirt], [parcel, package]]")
        return
    if len(value) > MAX_SYNONYM_GROUPS:
        yield Fault(field, f"最多 {MAX_SYNONYM_GROUPS} 组", f"{MAX_SYNONYM_GROUPS} groups at most")
    for index, group in enumerate(value):
        if not 2 <= len(group) <= MAX_SYNONYMS:
            yield Fault(f"{field}[{index}]", f"每组 2 到 {MAX_SYNONYMS} 个词",
                        f"needs 2 to {MAX_SYNONYMS} words")
        for place, word in enumerate(group):
            yield from check_text(f"{field}[{index}][{place}]", word, MAX_SYNONYM_CHARS)


def by_lang(field: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict) or not value or not set(value) <= set(LANGS) or not all(
            isinstance(text, str) for text in value.values()):
        yield Fault(field, "需要 {zh: 文字, en: 文字}", "needs {zh: text, en: text}")
        return
    for lang, text in value.items():
        yield from check_text(f"{field}.{lang}", text, MAX_TEXT_CHARS)


def lists_by_lang(field: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict) or not set(value) <= set(LANGS) or not all(
            isinstance(texts, list) and all(isinstance(text, str) for text in texts)
            for texts in value.values()):
        yield Fault(field, "需要 {zh: [文字], en: [文字]}", "needs {zh: [text], en: [text]}")
        return
    for lang, texts in value.items():
        if len(texts) > MAX_BUTTONS:
            yield Fault(f"{field}.{lang}", f"最多 {MAX_BUTTONS} 条", f"{MAX_BUTTONS} at most")
        for index, text in enumerate(texts):
            yield from check_text(f"{field}.{lang}[{index}]", text, MAX_QUESTION_CHARS)


def _questions(field: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        yield Fault(field, "需要文字列表：没有任何条目能回答的问题",
                    "needs a list of texts: questions that no article answers")
    elif len(value) > MAX_OUT_OF_SCOPE:
        yield Fault(field, f"最多 {MAX_OUT_OF_SCOPE} 条", f"{MAX_OUT_OF_SCOPE} at most")
    else:
        for index, text in enumerate(value):
            yield from check_text(f"{field}[{index}]", text, MAX_QUESTION_CHARS)


def _keys(field: str, value: Any) -> Iterator[Fault]:
    """Keys of configured models, in order; which exist is a matter of the process settings."""
    if not isinstance(value, list) or len(value) > MAX_MODELS or not all(
            isinstance(key, str) and re.fullmatch("[a-z][a-z0-9_]{0,31}", key) for key in value):
        yield Fault(field, f'需要 [models.<key>] 里的名字列表，例如 ["qwen", "local"]，最多 {MAX_MODELS} 个',
                    f'needs a list of keys of [models.<key>] such as ["qwen", "local"], {MAX_MODELS} at most')
    elif len(set(value)) < len(value):
        yield Fault(field, "有重复", "names one twice")


def _template(field: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, str) or not KEY.fullmatch(value) or len(value) > MAX_KEY_CHARS:
        yield Fault(field, "需要一个提示词模板的名字", "needs the name of a prompt template")


def _forbidden(field: str, value: Any) -> Iterator[Fault]:
    """Words neither heard by a model nor said by one."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        yield Fault(field, '需要列表，例如 ["最便宜", "竞品名"]',
                    'needs a list such as ["cheapest", "a rival"]')
        return
    if len(value) > MAX_FORBIDDEN:
        yield Fault(field, f"最多 {MAX_FORBIDDEN} 个词", f"{MAX_FORBIDDEN} words at most")
    for index, word in enumerate(value):
        yield from check_text(f"{field}[{index}]", word, MAX_NAME_CHARS)
        if word.strip() and not any(map(str.isalnum, word)):
            yield Fault(f"{field}[{index}]", f"{word!r} 里没有文字，什么也禁不了",
                        f"{word!r} holds no letters and would forbid nothing")


def flag(field: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, bool):
        yield Fault(field, "需要 true 或 false", "needs true or false")


def number(low: float, high: float) -> Any:
    def check(field: str, value: Any) -> Iterator[Fault]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            yield Fault(field, f"需要 {low} 到 {high} 之间的数", f"needs a number between {low} and {high}")
    return check
