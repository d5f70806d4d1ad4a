"""What the commands do that are no server: each takes settings, arguments and the reader's words."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path
from sqlite3 import DatabaseError
from typing import Any, Protocol, TypeVar

from sqlalchemy.exc import DBAPIError

from zhike.clock import now_ms
from zhike.config import ConfigError, Problem, Settings, stray_environment
from zhike.config.problems import unknown
from zhike.domain.knowledge import Article, Bot, Rule
from zhike.errors import Lang, ZhikeError
from zhike.store.engine import Store, open_store

T = TypeVar("T")


class Say(Protocol):
    """``say(zh, en)``: the reader's language."""

    lang: Lang

    def __call__(self, zh: str, en: str) -> str:
        """The text to show."""


def with_store(settings: Settings, action: Callable[[Store], Awaitable[T]]) -> T:
    """Opens the database of ``settings``, runs ``action`` on it and closes it again."""
    async def run() -> T:
        url = settings.database_url() if settings.database.url else ""
        store = open_store(url, Path(settings.server.data))
        try:
            try:
                await store.open()
            except DBAPIError as error:  # asyncpg: no such database, wrong password …
                raise ZhikeError("store_unavailable") from error
            return await action(store)
        finally:
            await store.close()

    return asyncio.run(run())


def admin_link(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike admin link``."""
    from zhike.access.setup import admin_link as make

    link = with_store(settings, lambda store: make(store, settings.public_url(), now_ms()))
    print(link)
    print(say("24 小时内有效，只能用一次。", "Good for 24 hours, once."), file=sys.stderr)
    return 0


def config_export(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike config export``: a file is replaced in one step, or not at all."""
    from zhike.ops.configfile import export

    text = with_store(settings, lambda store: store.read(lambda conn: "".join(export(conn))))
    return _put_out(text, args.output)


def _put_out(text: str, output: str) -> int:
    """To a file, replaced in one step or not at all, or to standard output ("-")."""
    if output == "-":
        sys.stdout.write(text)
        return 0
    target = Path(output)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigError([Problem(str(target), f"写不了：{error.strerror}",
                                   f"cannot be written: {error.strerror}")]) from None
    return 0


def config_diff(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike config diff``."""
    from zhike.ops.configfile import read_files
    from zhike.ops.configplan import describe, make_plan

    wanted = read_files(args.files)
    plan = with_store(settings, lambda store: store.read(make_plan, wanted, prune=args.prune, bot=args.bot))
    print("\n".join(describe(plan, say.lang)))
    return 5 if args.exit_code and plan.changes else 0


def config_apply(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike config apply``: everything or nothing; with ``--gate`` nothing if answers get worse."""
    from zhike.ops.configfile import read_files
    from zhike.ops.configplan import Plan, apply, describe, unused_templates

    wanted = read_files(args.files)

    async def run(store: Store) -> tuple[Plan, list[tuple[str, str, str]]] | None:
        if args.gate:
            from zhike.ops.quality.cli import run_gates
            from zhike.ops.quality.gate import STRICT
            from zhike.ops.quality.report import gate_lines

            failed = [report for report in await run_gates(store, settings, wanted, STRICT, say.lang,
                                                           bot=args.bot, prune=args.prune)
                      if not report.passed]
            if failed:
                print("\n".join(line for report in failed for line in gate_lines(report, say.lang)),
                      file=sys.stderr)
                return None
        plan = await store.write(apply, wanted, now_ms(), prune=args.prune, bot=args.bot, by="config apply")
        return plan, await store.read(unused_templates, plan)

    done = with_store(settings, run)
    if done is None:
        print(say("没有应用：回答会变差。", "Not applied: answers would get worse."), file=sys.stderr)
        return 1
    print("\n".join(describe(done[0], say.lang)))
    for name, key, used in done[1]:
        print(say(f"提示：机器人 {key} 用的模板是 {used}；要用 {name}，把它的设置 template 改成 {name}",
                  f"note: bot {key} answers with the template {used}; its setting `template` chooses {name}"))
    return 0


def config_check(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike config check``: settings were read already, so only the files are left."""
    from zhike.ops.configfile import read_files

    for name in stray_environment():
        print(say(f"提示：环境变量 {name} 不是设置项（设置项要写成 ZHIKE_小节__名字）",
                  f"note: {name} in the environment is no setting (those are ZHIKE_SECTION__KEY)"),
              file=sys.stderr)
    document = read_files(args.files)
    source = settings.file or say("没有设置文件，用默认值", "no settings file, defaults")
    print(say(f"设置正确（{source}）", f"settings are valid ({source})"))
    if args.files:
        found = ", ".join(f"{noun} {len(entries)}" for noun, entries in document.entries.items())
        print(say(f"文件正确（{found}）", f"files are valid ({found})"))
        own = {identity[0] for identity in document.entries["bots"]}
        for key in document.bot_keys():
            if key not in own:
                print(say(f"提示：机器人 {key!r} 不在这些文件里，应用时要在数据库里",
                          f"note: bot {key!r} is not in these files; apply needs it in the database"))
    return 0


def kb_import(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike kb import``: tables, documents, sites; each is reported on by itself."""
    from zhike.ops.kbdocs.readers import kind_of
    from zhike.ops.kbimport import Report
    from zhike.ops.kbrows import format_of

    for name in args.files:  # before anything is stored
        if not _is_url(name):
            path = Path(name)
            args.format or kind_of(path) or format_of(path)
            if not path.is_file():
                raise ConfigError([Problem(name, "没有这个文件", "there is no such file")])

    async def bring(store: Store) -> list[Report]:
        bot = await _bot(store, args.bot)
        target = None if args.dry_run else store
        return [await _bring(target, bot.id, name, args, settings) for name in args.files]

    reports = with_store(settings, bring)
    for name, report in zip(args.files, reports, strict=True):
        print(f"{name}:")
        print("\n".join(f"  {line}" for line in report.lines(say.lang)))
    if args.skipped:
        rows = [{"file": name, "line": row.line, "where": row.where, "zh": row.zh, "en": row.en}
                for name, report in zip(args.files, reports, strict=True) for row in report.skipped]
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
        Path(args.skipped).write_text("".join(lines), "utf-8")
    return 0


def _is_url(name: str) -> bool:
    return name.startswith(("http://", "https://"))


async def _bring(store: Store | None, bot_id: int, name: str, args: Namespace, settings: Settings) -> Any:
    """One file or site; returns its Report."""
    from zhike.ops.kbdocs.bring import bring_file, bring_site
    from zhike.ops.kbdocs.readers import KINDS, kind_of
    from zhike.ops.kbimport import import_file

    if _is_url(name):
        return await bring_site(store, bot_id, name, now_ms, lang=args.lang, max_pages=args.max_pages,
                                allow_private=settings.channels.allow_private)
    path = Path(name)
    kind = args.format if args.format in KINDS.values() else "" if args.format else kind_of(path)
    if kind:
        return await bring_file(store, bot_id, path, now_ms, kind=kind, lang=args.lang)
    return await import_file(store, bot_id, path, now_ms, format=args.format, lang=args.lang)


def kb_export(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike kb export``."""
    from zhike.ops.kbexport import as_csv, as_jsonl, rows_of

    form = {"csv": as_csv, "jsonl": as_jsonl}[args.format]

    async def take(store: Store) -> str:
        bot = await _bot(store, args.bot)
        return await store.read(lambda conn: "".join(form(rows_of(conn, bot.id))))

    return _put_out(with_store(settings, take), args.output)


async def _bot(store: Store, key: str) -> Bot:
    from zhike.store.bots import list_bots

    found = {bot.key: bot for bot in await store.read(list_bots)}
    if not key and len(found) == 1:
        return next(iter(found.values()))
    if key in found:
        return found[key]
    if not found:
        raise ConfigError([Problem(
            "--bot", "数据库里还没有机器人；先启动一次，或用 zhike config apply 建一个",
            "there is no bot yet; start the desk once or make one by zhike config apply")])
    raise ConfigError([unknown("--bot", "机器人", "bot", key, list(found))])


def eval_kb(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike eval kb``."""
    from zhike.ops.eval.cli import kb
    from zhike.store import articles, rules

    async def take(store: Store) -> tuple[Bot, list[Article], list[Rule]]:
        bot = await _bot(store, args.bot)
        return (bot, await store.read(articles.all_for_bot, bot.id),
                await store.read(rules.all_for_bot, bot.id))

    return kb(*with_store(settings, take), args, say.lang)


def eval_faq(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike eval faq``."""
    from zhike.ops.eval.cli import faq

    return faq(args, say.lang)


def eval_intents(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike eval intents``."""
    from zhike.ops.eval.cli import intents

    return intents(args, say.lang)


def eval_compress(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike eval compress``."""
    from zhike.ops.eval.cli import compress

    return compress(args, say.lang)


def eval_mask(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike eval mask``."""
    from zhike.ops.eval.cli import mask

    return mask(args, say.lang)


def eval_gate(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike eval gate``."""
    from zhike.ops.quality.cli import eval_gate as run

    return with_store(settings, lambda store: run(store, settings, args, say.lang))


def prompt_list(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike prompt list``."""
    from zhike.ops.quality.cli import list_lines
    from zhike.store.prompts import list_prompts

    async def run(store: Store) -> list[str]:
        bot = await _bot(store, args.bot)
        return list_lines(await store.read(list_prompts, bot_id=bot.id, limit=100_000), bot, say.lang)

    print("\n".join(with_store(settings, run)))
    return 0


def _prompt(part: str, settings: Settings, args: Namespace, say: Say) -> int:
    from zhike.ops.quality import cli

    async def run(store: Store) -> int:
        bot = await _bot(store, args.bot)
        match part:
            case "show":
                return await cli.show(store, bot, args, say.lang)
            case "diff":
                return await cli.diff(store, bot, args, say.lang)
            case "activate":
                return await cli.activate(store, settings, bot, args, say.lang)
        return await cli.test(store, settings, bot, args, say.lang)

    return with_store(settings, run)


def prompt_show(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike prompt show``."""
    return _prompt("show", settings, args, say)


def prompt_diff(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike prompt diff``."""
    return _prompt("diff", settings, args, say)


def prompt_activate(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike prompt activate``."""
    return _prompt("activate", settings, args, say)


def prompt_test(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike prompt test``."""
    return _prompt("test", settings, args, say)


def eval_followups(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike eval followups``."""
    from zhike.ops.eval.cli import followups
    from zhike.store import articles

    async def take(store: Store) -> tuple[Bot, list[Article]]:
        bot = await _bot(store, args.bot)
        return bot, await store.read(articles.all_for_bot, bot.id)

    return followups(*with_store(settings, take), args, say.lang)


def eval_pairs(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike eval pairs``."""
    from zhike.ops.eval.cli import pairs

    return pairs(args, say.lang)


def demo(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike demo --remove``. (Without ``--remove`` it is a server: see ``cli``.)"""
    from zhike.ops.demo import remove

    count = with_store(settings, remove)
    print(say(f"拿掉了 {count} 个演示会话。", f"{count} demo conversations taken out."))
    return 0


def migrate(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike migrate``: an empty database gets its tables, an older one what it lacks."""
    from zhike.ops.migrate import migrate as run

    try:
        report = run(settings.database_url(), to=args.to, dry_run=args.dry_run)
    except DBAPIError as error:
        if type(error.orig) is not DatabaseError:
            raise  # a step that fails is a bug of ours: its trace is wanted
        raise ZhikeError("store_unavailable") from error  # SQLite: not a database, or a damaged one
    print("\n".join(report.lines(say.lang)))
    return 0


def doctor(settings: Settings, args: Namespace, say: Say) -> int:
    """``zhike doctor``."""
    from zhike.ops.doctor import examine

    signs: dict[str, Any] = {"ok": "✓", "warn": "!", "bad": "✗"}
    worst = 0
    for finding in asyncio.run(examine(settings)):
        print(f"{signs[finding.state]} {say(finding.zh, finding.en)}")
        cure = say(finding.cure_zh, finding.cure_en)
        if cure and finding.state != "ok":
            print("    → " + cure.replace("\n", "\n      "))
        worst = 5 if finding.state == "bad" else worst
    return worst
