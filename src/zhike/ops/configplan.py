"""What applying a configuration file would change, said like a person reads it, and doing it.

Nothing is deleted unless asked for by ``prune``: then what the files do not mention goes, of the
nouns that stand in them: what belongs to the bots they mention, other bots, other inboxes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from zhike.config import ConfigError, Problem
from zhike.domain.case import Case
from zhike.domain.flow import Flow
from zhike.domain.knowledge import Article, Bot, Inbox, Rule
from zhike.domain.prompt import StoredPrompt
from zhike.domain.tool import Tool
from zhike.errors import Lang, ZhikeError
from zhike.ops import configdesk, confighooks
from zhike.ops.configfile import FIELDS, SECRETS, Document, Entry, Identity, Item, keyed, numbered, written
from zhike.ops.confighooks import FileHook
from zhike.ops.yamlfile import write
from zhike.store import articles, bots, cases, flows, inboxes, prompts, rules, tables, tools, webhooks
from zhike.store.dialect import upsert

PRUNED = ("webhooks", "notify_targets", "canned", "tags", "cases", "prompt_templates", "rules", "flows",
          "tools", "articles", "inboxes", "teams", "bots")
"""What names others goes before them."""


class Change(NamedTuple):
    """One difference: ``kind`` add | change | delete; ``fields``: name → (before, after)."""

    noun: str
    kind: str
    identity: Identity
    title: str
    fields: dict[str, tuple[Any, Any]]


class Plan(NamedTuple):
    """Everything that applying would do, in the order in which it is done."""

    changes: list[Change]
    same: int

    def count(self, kind: str) -> int:
        """How many changes of that kind."""
        return sum(change.kind == kind for change in self.changes)


class _State(NamedTuple):
    """What is stored, by the identities of a file."""

    bot_ids: dict[str, int]
    items: dict[str, dict[Identity, tuple[Item, str]]]
    desk_ids: dict[str, dict[Identity, int]]


def _stored(conn: Connection, wanted: Document) -> _State:
    by_key = {bot.key: bot for bot in bots.list_bots(conn, limit=1_000_000)}
    keys = {bot.id: bot.key for bot in by_key.values()}
    items: dict[str, dict[Identity, tuple[Item, str]]] = {noun: {} for noun in FIELDS}
    items["bots"] = {(bot.key,): (bot, "") for bot in by_key.values()}
    desk = configdesk.stored(conn)
    for noun, found in desk.items():
        items[noun] = {identity: (item, "") for identity, (item, _) in found.items()}
    team_keys = {number: identity[0] for identity, (_, number) in desk["teams"].items()}
    boxes = [box if _says_number(wanted, box.key) else keyed(box, team_keys)
             for box in inboxes.list_inboxes(conn, limit=1_000_000)]
    items["inboxes"] = {(box.key,): (box, keys.get(box.bot_id or 0, "")) for box in boxes}
    items[confighooks.NOUN] = {(hook.key,): (hook, "") for hook in confighooks.stored(conn)}
    for key in wanted.bot_keys():
        if (bot := by_key.get(key)) is not None:
            for article in articles.all_for_bot(conn, bot.id):
                items["articles"][(key, article.key, article.lang)] = (article, key)
            for rule in rules.all_for_bot(conn, bot.id):
                items["rules"][(key, rule.key)] = (rule, key)
            for tool in tools.all_for_bot(conn, bot.id):
                items["tools"][(key, tool.key)] = (tool, key)
            for flow in flows.all_for_bot(conn, bot.id):
                items["flows"][(key, flow.key)] = (flow, key)
            for stored in prompts.active_for_bot(conn, bot.id):
                items["prompt_templates"][(key, stored.name)] = (stored, key)
            for case in cases.all_for_bot(conn, bot.id):
                items["cases"][(key, case.text, case.lang)] = (case, key)
    return _State({bot.key: bot.id for bot in by_key.values()}, items,
                  {noun: {identity: number for identity, (_, number) in found.items()}
                   for noun, found in desk.items()})


def _says_number(wanted: Document, key: str) -> bool:
    """A file of an earlier version names an inbox's team by its number."""
    entry = wanted.entries["inboxes"].get((key,))
    return entry is not None and isinstance(entry.item, Inbox) and "team_id" in entry.item.settings


def _keep_secrets(entry: Entry, old: Item | None) -> Item:
    """A file without a secret does not take the stored one away."""
    if isinstance(entry.item, configdesk.DeskItem):
        return configdesk.kept(entry.item, old if isinstance(old, configdesk.DeskItem) else None)
    if isinstance(entry.item, Inbox) and isinstance(old, Inbox):
        kept = {name: old.settings[name] for name in SECRETS
                if name in old.settings and name not in entry.item.settings}
        return msgspec.structs.replace(entry.item, settings={**entry.item.settings, **kept})
    return entry.item


def settled(conn: Connection, wanted: Document, bot: str = "") -> Document:
    """``wanted`` with a bot for the templates and cases that name none: ``bot``, or the only one.

    Raises:
        ConfigError: there are several bots, and nothing says which.
    """
    if not (open_entries := wanted.without_bot()):
        return wanted
    if not bot:
        stored = [one.key for one in bots.list_bots(conn, limit=1_000_000)]
        known = list(dict.fromkeys([*stored, *(identity[0] for identity in wanted.entries["bots"])]))
        if len(known) != 1:
            every = ", ".join(known)
            raise ConfigError([Problem(
                entry.where, f"没有写 bot，而机器人有：{every or '无'}；请写 bot: 或用 --bot",
                f"names no bot, and there are: {every or 'none'}; write `bot:` or use --bot")
                for _, _, entry in open_entries][:50])
        bot = known[0]
    return wanted.for_bot(bot)


def make_plan(conn: Connection, wanted: Document, *, prune: bool = False, bot: str = "") -> Plan:
    """What applying ``wanted`` would change. ``bot``: see :func:`settled`.

    Raises:
        ConfigError: an entry refers to a bot that is neither stored nor in the files.
    """
    wanted = settled(conn, wanted, bot)
    state = _stored(conn, wanted)
    return _plan(wanted, state, prune)



def _plan(wanted: Document, state: _State, prune: bool) -> Plan:
    problems = []
    known = {identity[0] for identity in wanted.entries["bots"]} | set(state.bot_ids)
    for noun in FIELDS:
        for entry in wanted.entries[noun].values():
            if entry.bot and entry.bot not in known:
                problems.append(Problem(entry.where, f"没有机器人 {entry.bot!r}",
                                        f"there is no bot {entry.bot!r}"))
    problems += _references(wanted, state)
    if problems:
        raise ConfigError(problems[:50])
    changes: list[Change] = []
    same = 0
    for noun in FIELDS:
        for identity, entry in wanted.entries[noun].items():
            old, old_bot = state.items[noun].get(identity, (None, ""))
            if old is None:
                changes.append(Change(noun, "add", identity, _title(entry.item), {}))
                continue
            fields = _compare(old, old_bot, _keep_secrets(entry, old), entry.bot)
            if fields:
                changes.append(Change(noun, "change", identity, _title(entry.item), fields))
            same += not fields
    if prune:
        mentioned = set(wanted.bot_keys())
        for noun in PRUNED:
            if noun not in wanted.sections:
                continue
            for identity, (item, bot) in state.items[noun].items():
                ours = noun in ("inboxes", "bots", confighooks.NOUN, *configdesk.NOUNS) or bot in mentioned
                if ours and identity not in wanted.entries[noun]:
                    changes.append(Change(noun, "delete", identity, _title(item), {}))
    return Plan(changes, same)


def _references(wanted: Document, state: _State) -> Iterator[Problem]:
    """Rules name flows, flows name tools, inboxes and others name teams: each must be stored or stand in
    the files."""
    for entry, noun, key in _named(wanted):
        if (key,) not in state.items[noun] and (key,) not in wanted.entries[noun]:
            zh, en = _NOUNS[noun]
            yield Problem(entry.where, f"没有{zh} {key!r}", f"there is no {en} {key!r}")
    for identity, entry in wanted.entries["notify_targets"].items():
        item = entry.item
        if isinstance(item, configdesk.TargetItem) and not item.address \
                and identity not in state.items["notify_targets"]:
            yield Problem(entry.where, "新的通知对象要写 address（地址不会被导出）",
                          "is new and needs its address (addresses are not exported)")
    flows_known = {*state.items["flows"], *wanted.entries["flows"]}
    tools_known = {*state.items["tools"], *wanted.entries["tools"]}
    for entry in wanted.entries["rules"].values():
        if isinstance(entry.item, Rule) and entry.item.action.startswith("flow:"):
            key = entry.item.action.removeprefix("flow:")
            if (entry.bot, key) not in flows_known:
                yield Problem(entry.where, f"没有流程 {key!r}", f"there is no flow {key!r}")
    for entry in wanted.entries["flows"].values():
        assert isinstance(entry.item, Flow)
        for key in dict.fromkeys(step.call for step in entry.item.body.steps if step.call):
            if (entry.bot, key) not in tools_known:
                yield Problem(entry.where, f"没有工具 {key!r}", f"there is no tool {key!r}")


def _named(wanted: Document) -> Iterator[tuple[Entry, str, str]]:
    """(entry, noun, key) of every team and inbox that is referred to."""
    for noun in ("teams", "inboxes", "canned", "notify_targets", "webhooks"):
        for entry in wanted.entries[noun].values():
            match entry.item:
                case Inbox() as box:
                    if isinstance(key := box.settings.get("team"), str):
                        yield entry, "teams", key
                case configdesk.TeamItem() as team:
                    if team.settings.overflow_team:
                        yield entry, "teams", team.settings.overflow_team
                case configdesk.CannedItem() as one:
                    if one.team:
                        yield entry, "teams", one.team
                case configdesk.TargetItem() | FileHook() as target:
                    for key in target.teams:
                        yield entry, "teams", key
                    for key in target.inboxes:
                        yield entry, "inboxes", key


def _compare(old: Item, old_bot: str, new: Item, new_bot: str) -> dict[str, tuple[Any, Any]]:
    before, after = written(old, old_bot), written(new, new_bot)
    found = {name: (before.get(name), after.get(name)) for name in {**before, **after}
             if before.get(name) != after.get(name)}
    if isinstance(old, configdesk.DeskItem) and isinstance(new, configdesk.DeskItem):
        found |= configdesk.hidden(old, new)
    if isinstance(old, Inbox) and isinstance(new, Inbox):
        for name in SECRETS:
            if old.settings.get(name) != new.settings.get(name):
                found[f"settings.{name}"] = ("***", "***")
        if old.channel != new.channel:  # conversations hang on it
            raise ZhikeError("conflict", f"inboxes.{old.key}.channel: {old.channel} → {new.channel}")
    return found


def _title(item: Item) -> str:
    match item:
        case Article():
            return item.question
        case Rule():
            return (item.reply or item.action).partition("\n")[0]
        case Tool():
            return item.body.title or item.body.description
        case Flow():
            return item.body.title
        case StoredPrompt():
            return item.template.system_prompt.partition("\n")[0]
        case Case():
            return item.body.expect if isinstance(item.body.expect, str) else ""
        case configdesk.CannedItem():
            return item.text
    return item.name


def apply(conn: Connection, wanted: Document, now: int, *, prune: bool = False, bot: str = "",
          by: str = "") -> Plan:
    """Makes the database say what the files say, in the transaction of ``conn``.

    ``bot``: see :func:`settled`; ``by``: who is named in new versions of templates. A second
    time changes nothing. Returns what was done.

    Raises:
        ConfigError: an entry refers to a bot that does not exist.
        ZhikeError: ``conflict`` if something to delete is in use.
    """
    wanted = settled(conn, wanted, bot)
    state = _stored(conn, wanted)
    plan = _plan(wanted, state, prune)
    ids = dict(state.bot_ids)
    touched = {(change.noun, change.identity) for change in plan.changes if change.kind != "delete"}
    for identity, entry in wanted.entries["bots"].items():
        if ("bots", identity) in touched and isinstance(entry.item, Bot):
            if identity[0] in ids:
                bots.update_bot(conn, msgspec.structs.replace(entry.item, id=ids[identity[0]]), now)
            else:
                ids[identity[0]] = bots.create_bot(conn, entry.item, now).id
    fresh_teams = [entry.item for identity, entry in wanted.entries["teams"].items()
                   if ("teams", identity) in touched]
    configdesk.apply_teams(conn, [item for item in fresh_teams if isinstance(item, configdesk.TeamItem)], now)
    team_ids = {identity[0]: number for identity, (_, number) in configdesk.stored(conn)["teams"].items()}
    for identity, entry in wanted.entries["inboxes"].items():
        if ("inboxes", identity) in touched:
            old = state.items["inboxes"].get(identity, (None, ""))[0]
            item = _keep_secrets(entry, old)
            assert isinstance(item, Inbox)
            item = numbered(msgspec.structs.replace(item, bot_id=ids[entry.bot] if entry.bot else None),
                            team_ids)
            if not isinstance(old, Inbox):
                inboxes.create_inbox(conn, item, now)
            else:
                inboxes.update_inbox(conn, msgspec.structs.replace(item, id=old.id), now)
    for key in wanted.bot_keys():
        fresh = [(noun, entry.item) for noun in FIELDS if noun not in ("bots", "inboxes", "webhooks")
                 for identity, entry in wanted.entries[noun].items()
                 if entry.bot == key and (noun, identity) in touched]
        articles.put_articles(conn, ids[key], [item for _, item in fresh if isinstance(item, Article)], now)
        # flows call tools, rules begin flows
        tools.put_tools(conn, ids[key], [item for _, item in fresh if isinstance(item, Tool)], now)
        flows.put_flows(conn, ids[key], [item for _, item in fresh if isinstance(item, Flow)], now)
        rules.put_rules(conn, ids[key], [item for _, item in fresh if isinstance(item, Rule)], now)
        prompts.put_prompts(conn, ids[key], [item.template for _, item in fresh
                                             if isinstance(item, StoredPrompt)], now, by)
        cases.put_cases(conn, ids[key], [item for _, item in fresh if isinstance(item, Case)], now)
    for noun in configdesk.NOUNS[1:]:  # they name teams and inboxes
        made = [(_keep_secrets(entry, state.items[noun].get(identity, (None, ""))[0]),
                 state.desk_ids[noun].get(identity, 0))
                for identity, entry in wanted.entries[noun].items() if (noun, identity) in touched]
        configdesk.apply(conn, [(item, number) for item, number in made
                                if isinstance(item, configdesk.DeskItem)], now)
    for identity, entry in wanted.entries[confighooks.NOUN].items():
        if (confighooks.NOUN, identity) in touched and isinstance(entry.item, FileHook):
            held = state.items[confighooks.NOUN].get(identity, (None, ""))[0]
            confighooks.put(conn, entry.item, held if isinstance(held, FileHook) else None, now)
    _delete(conn, plan, state, now)
    return plan


def _delete(conn: Connection, plan: Plan, state: _State, now: int) -> None:
    gone: dict[tuple[str, str], list[int]] = {}
    templates: dict[str, list[str]] = {}
    leaving: list[tuple[str, int]] = []
    for change in plan.changes:
        if change.kind == "delete":
            item, bot = state.items[change.noun][change.identity]
            if isinstance(item, StoredPrompt):
                templates.setdefault(bot, []).append(item.name)
            elif isinstance(item, configdesk.DeskItem):
                leaving.append((change.noun, state.desk_ids[change.noun][change.identity]))
            else:
                gone.setdefault((change.noun, bot), []).append(item.id)
    for bot, names in templates.items():
        prompts.delete_prompts(conn, state.bot_ids[bot], names, now)
    for (noun, bot), item_ids in gone.items():  # what hangs on others first: as planned
        if noun == "rules":
            rules.delete_rules(conn, state.bot_ids[bot], item_ids, now)
        elif noun == "flows":
            flows.delete_flows(conn, state.bot_ids[bot], item_ids, now)
        elif noun == "tools":
            tools.delete_tools(conn, state.bot_ids[bot], item_ids, now)
        elif noun == "articles":
            articles.delete_articles(conn, state.bot_ids[bot], item_ids, now)
        elif noun == "cases":
            cases.delete_cases(conn, state.bot_ids[bot], item_ids)
        elif noun == confighooks.NOUN:
            for item_id in item_ids:
                webhooks.remove(conn, item_id)
        else:
            for item_id in item_ids:
                inboxes.delete_inbox(conn, item_id) if noun == "inboxes" else bots.delete_bot(conn, item_id)
    for noun, number in leaving:
        configdesk.remove(conn, noun, number)


def apply_once(conn: Connection, wanted: Document, name: str, now: int) -> bool:
    """Applies ``wanted`` to a database that has never held a configuration; True if it did.

    A mark in ``meta`` remembers it: what the owner edits or deletes afterwards is never written
    again at a start. Two processes that start at once take turns on that mark.
    """
    upsert(conn, tables.meta, [{"name": f"once.{name}", "value": str(now)}], ["name"], [])
    first = conn.execute(select(tables.meta.c.value).where(tables.meta.c.name == f"once.{name}")).scalar()
    used = conn.execute(select(func.count()).select_from(tables.bots)).scalar_one()
    used += conn.execute(select(func.count()).select_from(tables.inboxes)).scalar_one()
    if used or first != str(now):
        return False
    apply(conn, wanted, now)
    return True


def unused_templates(conn: Connection, plan: Plan) -> list[tuple[str, str, str]]:
    """Templates of ``plan`` that no visitor's answer comes from: (name, the bot's key, what it uses)."""
    found = []
    for change in plan.changes:
        if change.noun == "prompt_templates" and change.kind != "delete":
            key, name = change.identity
            bot = bots.get_bot_by_key(conn, key)
            used = str(bot.settings.get("template") or "default") if bot is not None else ""
            if name not in (used, f"{used}.zh", f"{used}.en"):
                found.append((name, key, used))
    return found


# ---- words -----------------------------------------------------------------------------------

_NOUNS = {"bots": ("机器人", "bot"), "inboxes": ("收件箱", "inbox"), "articles": ("知识条目", "article"),
          "rules": ("规则", "rule"), "tools": ("工具", "tool"), "flows": ("流程", "flow"),
          "prompt_templates": ("提示词模板", "prompt template"), "cases": ("回归用例", "case"),
          "teams": ("团队", "team"), "tags": ("标签", "tag"), "canned": ("快捷回复", "canned response"),
          "notify_targets": ("通知对象", "notify target"),
          "webhooks": ("Webhook", "webhook")}
_SIGNS = {"add": "+", "change": "~", "delete": "-"}


def describe(plan: Plan, lang: Lang) -> Iterator[str]:
    """The plan, line by line."""
    which = 0 if lang == "zh" else 1
    for change in plan.changes:
        bot, *rest = change.identity if len(change.identity) > 1 else ("", *change.identity)
        name = " ".join(rest) + (f" @{bot}" if bot else "")
        yield f"{_SIGNS[change.kind]} {_NOUNS[change.noun][which]} {name}  {_short(change.title)}"
        for field, (before, after) in change.fields.items():
            yield from _difference(field, before, after)
    numbers = (plan.count("add"), plan.count("change"), plan.count("delete"), plan.same)
    yield ("新增 {}，修改 {}，删除 {}，不变 {}" if lang == "zh" else
           "{} to add, {} to change, {} to delete, {} the same").format(*numbers)


def _short(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= 60 else line[:59] + "…"


def _difference(field: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                yield from _difference(f"{field}.{name}", before.get(name), after.get(name))
        return
    old, new = _lines(before), _lines(after)
    if len(old) <= 1 and len(new) <= 1:
        yield f"    {field}: {old[0] if old else '∅'} → {new[0] if new else '∅'}"
        return
    yield f"    {field}:"
    for line in difflib.ndiff(old, new):
        if line[0] in "+-":
            yield f"      {line}"


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        if any(isinstance(part, Mapping | list) for item in value if isinstance(item, Mapping)
               for part in item.values()):
            return list(write(value))
        return [item if isinstance(item, str) else
            " · ".join(map(str, item.values() if isinstance(item, dict) else item)) for item in value]
    if isinstance(value, Mapping):
        return list(write(value))
    return str(value).split("\n")
