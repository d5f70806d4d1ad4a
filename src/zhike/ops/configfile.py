"""Bots, inboxes and all that belongs to a bot as YAML that people read, keep in git and merge.

The database is the one truth; a file is a copy to look at, a wish to apply, or both::

    zhike: 1
    bots:     [{key, name, settings}]
    inboxes:  [{key, name, channel, bot, settings}]
    articles: [{key, bot, lang, category, question, variants, answer, buttons, cards, enabled, inboxes,
                valid_from, valid_until, source, position}]
    rules:    [{key, bot, lang, kind, match, reply, action, buttons, opener, position, enabled}]

and ``tools:`` and ``flows:`` (:mod:`zhike.ops.configtools`), ``prompt_templates:`` and ``cases:``
(:mod:`zhike.ops.configprompts`), ``teams:``, ``tags:``, ``canned:`` and ``notify_targets:``
(:mod:`zhike.ops.configdesk`), ``webhooks:`` (:mod:`zhike.ops.confighooks`). Among an inbox's settings
stand its hours; ``team`` is the key of its team.

Several files are read as one; an entry may stand in one of them only. What a file leaves out of an
entry has its default. The secrets of an inbox (with which a shop signs its customers, and the desk its
callbacks) are not exported, and stay as they are when a file without them is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml
from sqlalchemy import Connection

from zhike.clock import to_datetime, to_ms
from zhike.config import ConfigError, Problem
from zhike.domain.card import Card
from zhike.domain.case import Case
from zhike.domain.flow import Flow
from zhike.domain.knowledge import Article, Bot, Inbox, Rule
from zhike.domain.message import Button
from zhike.domain.prompt import StoredPrompt
from zhike.domain.tool import Tool
from zhike.ops import configdesk, confighooks, configprompts, configtools
from zhike.ops.confighooks import FileHook
from zhike.ops.yamlfile import MAX_PROBLEMS, Node, Reader, find, write
from zhike.store import articles, bots, cases, flows, inboxes, prompts, rules, tools
from zhike.store.checkinbox import check_inbox
from zhike.store.checks import SECRET_SETTINGS, Fault, check_article, check_bot, check_rule
from zhike.store.checktools import check_flow, check_tool
from zhike.store.promptchecks import check_case, check_template

FORMAT_VERSION = 1
Item = (Bot | Inbox | Article | Rule | Tool | Flow | StoredPrompt | Case | configdesk.DeskItem
        | FileHook)
Identity = tuple[str, ...]

FIELDS: dict[str, tuple[str, ...]] = {
    "bots": ("key", "name", "settings"),
    "teams": configdesk.FIELDS["teams"],
    "inboxes": ("key", "name", "channel", "bot", "settings"),
    "articles": ("key", "bot", "lang", "category", "question", "variants", "answer", "buttons", "cards",
                 "enabled", "inboxes", "valid_from", "valid_until", "source", "position"),
    "rules": ("key", "bot", "lang", "kind", "match", "reply", "action", "buttons", "opener", "position",
              "enabled"),
    **configtools.FIELDS,
    **configprompts.FIELDS,
    **configdesk.FIELDS,
    **confighooks.FIELDS,
}
"""What a file may say of each noun, in the order of an export."""
REQUIRED = {"bots": ("key",), "inboxes": ("key",), "articles": ("key", "bot", "lang", "question", "answer"),
            "rules": ("key", "bot", "kind", "match"), **configtools.REQUIRED,
            **configprompts.REQUIRED, **configdesk.REQUIRED,
            **confighooks.REQUIRED}
NUMBERS = ("answer_threshold", "fragment_wait_s", "suggest_threshold", "mask_pii", "team_id",
           "auto_resolve_after_s", "enabled")
"""Of the settings, what is no text. (A closed day stays a text: no YAML reader makes a date of it here.)"""
SECRETS = SECRET_SETTINGS


class Entry(NamedTuple):
    """One item of a file: ``bot`` is the key of its bot ("" = none), ``where`` is file:line."""

    item: Item
    bot: str
    where: str


class Document(NamedTuple):
    """What one or several files say. ``sections``: the nouns that stand in them, empty or not."""

    entries: dict[str, dict[Identity, Entry]]
    sections: frozenset[str]

    def bot_keys(self) -> list[str]:
        """Every bot that is described or referred to, in order."""
        found = [identity[0] for identity in self.entries["bots"]]
        found += [entry.bot for noun in FIELDS if noun != "bots"
                  for entry in self.entries[noun].values() if entry.bot]
        return list(dict.fromkeys(found))

    def without_bot(self) -> list[tuple[str, Identity, Entry]]:
        """Templates and cases that do not say whose they are: (noun, identity, entry)."""
        return [(noun, identity, entry) for noun in configprompts.NOUNS
                for identity, entry in self.entries[noun].items() if not entry.bot]

    def for_bot(self, key: str) -> Document:
        """The same, with templates and cases that do not say whose they are given to bot ``key``.

        Raises:
            ConfigError: the bot has an entry of that name in the files already.
        """
        entries = {noun: dict(found) for noun, found in self.entries.items()}
        for noun, identity, entry in self.without_bot():
            own = (key, *identity[1:])
            if own in entries[noun]:
                first = entries[noun][own].where
                raise ConfigError([Problem(entry.where, f"{' '.join(own)} 已经在 {first} 写过",
                                           f"{' '.join(own)} stands in {first} already")])
            del entries[noun][identity]
            entries[noun][own] = entry._replace(bot=key)
        return Document(entries, self.sections)


def read_files(paths: Iterable[str | Path]) -> Document:
    """Reads and checks YAML files as one document.

    Raises:
        ConfigError: with every problem found (at most 50), each with file and line.
    """
    problems: list[Problem] = []
    document = Document({noun: {} for noun in FIELDS}, frozenset())
    for path in paths:
        try:
            text = Path(path).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(str(path), f"读不了：{error}", f"cannot be read: {error}"))
            continue
        document = _read_one(str(path), text, document, problems)
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return document


def read_text(text: str, name: str = "<text>") -> Document:
    """As :func:`read_files`, of one text."""
    problems: list[Problem] = []
    document = _read_one(name, text, Document({noun: {} for noun in FIELDS}, frozenset()), problems)
    if problems:
        raise ConfigError(problems[:MAX_PROBLEMS])
    return document


def _read_one(name: str, text: str, document: Document, problems: list[Problem]) -> Document:
    reader = Reader(name, problems)
    root = reader.parse(text)
    if root is None:
        return document
    top = reader.mapping(root, ("zhike", *FIELDS))
    alone = bool(top) and set(top) <= set(configprompts.NOUNS)
    if not alone and ("zhike" not in top or reader.text(top["zhike"]) != str(FORMAT_VERSION)):
        reader.say(top.get("zhike", root), f"第一行应是 zhike: {FORMAT_VERSION}（文件格式的版本）",
                   f"should begin with `zhike: {FORMAT_VERSION}`, the version of the format")
    for noun in FIELDS:
        for node in reader.items(top[noun]) if noun in top else ():
            _read_entry(reader, noun, node, document)
    return Document(document.entries, document.sections | (set(top) & set(FIELDS)))


def _read_entry(reader: Reader, noun: str, node: Node, document: Document) -> None:
    before = len(reader.problems)
    fields = reader.mapping(node, FIELDS[noun])
    for name in REQUIRED[noun]:
        if name not in fields and len(reader.problems) == before:
            reader.say(node, f"{noun} 的这一条缺少 {name}", f"this entry of {noun} lacks {name}")
    if not fields or len(reader.problems) > before:
        return
    item: Item | None
    if noun in configtools.NOUNS:
        item, bot = configtools.read(reader, noun, node, fields), reader.text(fields["bot"])
    elif noun in configdesk.NOUNS:
        item, bot = configdesk.read(reader, noun, node, fields), ""
    else:
        item, bot = _make(reader, noun, fields)
    if item is None or len(reader.problems) > before:
        return
    for fault in _faults(item):
        at = find(node, fault.field)
        reader.say(at, fault.text("zh"), fault.text("en"))
    identity = identity_of(noun, item, bot)
    first = document.entries[noun].get(identity)
    if first is not None:
        reader.say(node, f"{' '.join(identity)} 已经在 {first.where} 写过",
                   f"{' '.join(identity)} stands in {first.where} already")
        return
    document.entries[noun][identity] = Entry(item, bot, reader.where(node))


def _faults(item: Item) -> Iterator[Fault]:
    match item:
        case Bot():
            return check_bot(item)
        case Inbox():
            return check_inbox(_numbered(item, 1))
        case Article():
            return check_article(item)
        case Rule():
            return check_rule(item)
        case Tool():
            return check_tool(item)
        case Flow():
            return check_flow(item)
        case StoredPrompt():
            return check_template(item.template)
        case Case():
            return check_case(item)
        case FileHook():
            return confighooks.check(item)
        case _:
            return configdesk.faults(item)


def _make(reader: Reader, noun: str, fields: dict[str, Node]) -> tuple[Item, str]:
    def text(name: str, default: str = "") -> str:
        return reader.text(fields[name]) if name in fields else default

    def flag(name: str, default: bool) -> bool:
        return reader.boolean(fields[name]) if name in fields else default

    def settings() -> dict[str, Any]:
        node = fields.get("settings")
        if node is None:
            return {}
        value = reader.value(node, NUMBERS)
        if not isinstance(value, dict):
            reader.say(node, "这里需要「名字: 值」", "needs `name: value` pairs here")
            return {}
        return value

    def texts(name: str) -> tuple[str, ...]:
        return reader.texts(fields[name]) if name in fields else ()

    def number(name: str, default: int) -> int:
        return reader.integer(fields[name]) if name in fields else default

    key, bot = text("key"), text("bot")
    if noun == confighooks.NOUN:
        return confighooks.read(reader, fields), ""
    if noun == "prompt_templates":
        return configprompts.read_prompt(reader, fields), bot
    if noun == "cases":
        return configprompts.read_case(reader, fields), bot
    buttons = tuple(_button(reader, node) for node in reader.items(fields["buttons"])) \
        if "buttons" in fields else ()
    match noun:
        case "bots":
            return Bot(0, key, text("name", key), settings()), ""
        case "inboxes":
            return Inbox(0, key, text("name", key), text("channel", "web"), None, settings()), bot
        case "articles":
            return Article(0, 0, key, text("lang"), text("question"), text("answer"), texts("variants"),
                           text("category"), buttons, flag("enabled", True), inboxes=texts("inboxes"),
                           valid_from=_moment(reader, fields.get("valid_from")),
                           valid_until=_moment(reader, fields.get("valid_until")),
                           cards=tuple(_card(reader, node) for node in reader.items(fields["cards"]))
                           if "cards" in fields else (), source=text("source"),
                           position=number("position", 0)), bot
    return Rule(0, 0, key, text("kind"), texts("match"), text("reply"), text("lang"),  # type: ignore[arg-type]
                buttons, text("action"), flag("opener", False), number("position", 100),
                flag("enabled", True)), bot


def _button(reader: Reader, node: Node) -> Button:
    if isinstance(node, yaml.ScalarNode):  # `buttons: [转人工]`: the label is what is said
        return Button(reader.text(node))
    fields = reader.mapping(node, ("label", "text", "url"))
    return Button(*(reader.text(fields[name]) if name in fields else "" for name in ("label", "text", "url")))


def _card(reader: Reader, node: Node) -> Card:
    fields = reader.mapping(node, ("kind", "url", "title", "text"))
    kind, url, title, text = (reader.text(fields[name]) if name in fields else ""
                              for name in ("kind", "url", "title", "text"))
    return Card(kind or "link", url, title, text)  # type: ignore[arg-type]  # checked with the article


def _moment(reader: Reader, node: Node | None) -> int | None:
    """Milliseconds of a date; one without a zone is UTC."""
    if node is None or not (text := reader.text(node)):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        reader.say(node, "这里需要日期，例如 2026-11-11T20:00+08:00",
                   "needs a date here, such as 2026-11-11T20:00+08:00")
        return None
    return to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))


def identity_of(noun: str, item: Item, bot: str) -> Identity:
    """What tells two entries of a noun apart in a file."""
    if isinstance(item, Article):
        return (bot, item.key, item.lang)
    if isinstance(item, Case):
        return (bot, item.text, item.lang)
    if isinstance(item, StoredPrompt):
        return (bot, item.name)
    if isinstance(item, configdesk.DeskItem):
        return configdesk.identity(item)
    return (item.key,) if noun in ("bots", "inboxes", "webhooks") else (bot, item.key)


def _numbered(inbox: Inbox, team_id: int) -> Inbox:
    """With the number of its team in place of the key, as the database has it."""
    if not isinstance(inbox.settings.get("team"), str):
        return inbox
    settings = {name: value for name, value in inbox.settings.items() if name != "team"}
    return msgspec.structs.replace(inbox, settings={**settings, "team_id": team_id})


def keyed(inbox: Inbox, team_keys: Mapping[int, str]) -> Inbox:
    """With the key of its team in place of the number, as a file has it."""
    key = team_keys.get(inbox.settings.get("team_id", 0))
    if key is None:
        return inbox
    settings = {name: value for name, value in inbox.settings.items() if name != "team_id"}
    return msgspec.structs.replace(inbox, settings={**settings, "team": key})


def numbered(inbox: Inbox, team_ids: Mapping[str, int]) -> Inbox:
    """Undoes :func:`keyed`."""
    return _numbered(inbox, team_ids.get(inbox.settings.get("team", ""), 0))


def written(item: Item, bot: str) -> dict[str, Any]:
    """An item as a file says it: defaults left out, secrets left out."""
    match item:
        case Bot():
            return _without({"key": item.key, "name": item.name, "settings": item.settings},
                            {"settings": {}})
        case Inbox():
            settings = {name: value for name, value in item.settings.items() if name not in SECRETS}
            return _without({"key": item.key, "name": item.name, "channel": item.channel, "bot": bot,
                             "settings": settings}, {"bot": "", "settings": {}})
        case Article():
            return _without({"key": item.key, "bot": bot, "lang": item.lang, "category": item.category,
                             "question": item.question, "variants": list(item.variants),
                             "answer": item.answer, "buttons": [_say(b) for b in item.buttons],
                             "cards": [_said(card) for card in item.cards],
                             "enabled": item.enabled, "inboxes": list(item.inboxes),
                             "valid_from": _iso(item.valid_from), "valid_until": _iso(item.valid_until),
                             "source": item.source, "position": item.position},
                            {"category": "", "variants": [], "buttons": [], "enabled": True, "cards": [],
                             "inboxes": [], "valid_from": "", "valid_until": "", "source": "",
                             "position": 0})
        case Rule():
            return _without({"key": item.key, "bot": bot, "lang": item.lang, "kind": item.kind,
                             "match": list(item.match), "reply": item.reply, "action": item.action,
                             "buttons": [_say(b) for b in item.buttons], "opener": item.opener,
                             "position": item.position, "enabled": item.enabled},
                            {"lang": "", "reply": "", "action": "", "buttons": [], "opener": False,
                             "enabled": True})
        case Tool() | Flow():
            return configtools.written(item, bot)
        case StoredPrompt():
            return configprompts.written_prompt(item, bot)
        case Case():
            return configprompts.written_case(item, bot)
        case FileHook():
            return confighooks.written(item)
        case _:
            return configdesk.written(item)


def _iso(at: int | None) -> str:
    return "" if at is None else to_datetime(at).isoformat()


def _said(card: Card) -> dict[str, str]:
    return {name: value for name, value in (("kind", card.kind), ("url", card.url), ("title", card.title),
                                            ("text", card.text)) if value}


def _say(button: Button) -> dict[str, str]:
    return {name: value for name, value in (("label", button.label), ("text", button.text),
                                            ("url", button.url)) if value}


def _without(fields: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items()
            if name not in defaults or value != defaults[name]}


def export(conn: Connection) -> Iterator[str]:
    """The whole configuration as YAML, piece by piece; equal content gives equal bytes."""
    all_bots = sorted(bots.list_bots(conn, limit=1_000_000), key=lambda bot: bot.key)
    keys = {bot.id: bot.key for bot in all_bots}
    yield f"zhike: {FORMAT_VERSION}\n"
    yield from _section("bots", [written(bot, "") for bot in all_bots])
    boxes = sorted(inboxes.list_inboxes(conn, limit=1_000_000), key=lambda box: box.key)
    desk = {noun: sorted(found.items()) for noun, found in configdesk.stored(conn).items()}
    yield from _section("teams", [written(item, "") for _, (item, _) in desk["teams"]])
    team_keys = {number: item.key for _, (item, number) in desk["teams"]
                 if isinstance(item, configdesk.TeamItem)}
    yield from _section("inboxes", [written(keyed(box, team_keys), keys.get(box.bot_id or 0, ""))
                                    for box in boxes])
    known: list[dict[str, Any]] = []
    fixed: list[dict[str, Any]] = []
    for bot in all_bots:
        found = sorted(articles.all_for_bot(conn, bot.id), key=lambda a: (a.key, a.lang))
        known += [written(article, bot.key) for article in found]
        ordered = sorted(rules.all_for_bot(conn, bot.id), key=lambda r: (r.position, r.key))
        fixed += [written(rule, bot.key) for rule in ordered]
    yield from _section("articles", known)
    yield from _section("rules", fixed)
    yield from _section("tools", [written(tool, bot.key) for bot in all_bots
                                  for tool in tools.all_for_bot(conn, bot.id)])
    yield from _section("flows", [written(flow, bot.key) for bot in all_bots
                                  for flow in flows.all_for_bot(conn, bot.id)])
    yield from _section("prompt_templates", [written(stored, bot.key) for bot in all_bots
                                             for stored in prompts.active_for_bot(conn, bot.id)])
    yield from _section("cases", [written(case, bot.key) for bot in all_bots for case in sorted(
        cases.all_for_bot(conn, bot.id), key=lambda case: (case.lang, case.text))])
    for noun in ("tags", "canned", "notify_targets"):
        yield from _section(noun, [written(item, "") for _, (item, _) in desk[noun]])
    yield from _section(confighooks.NOUN, [written(hook, "") for hook in confighooks.stored(conn)])


def _section(noun: str, items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not items:
        yield f"{noun}: []\n"
        return
    yield f"{noun}:\n"
    for item in items:
        yield "\n".join(write([item], 2)) + "\n"
