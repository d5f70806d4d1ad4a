"""The bodies of ``zhike prompt …`` and ``zhike eval gate``; ``ops.commands`` opens the store for them."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from zhike.answer.defaulttemplates import DEFAULT_NAME, DEFAULTS
from zhike.clock import now_ms
from zhike.config import ConfigError, Problem, Settings
from zhike.config.problems import unknown
from zhike.domain.case import Case
from zhike.domain.knowledge import Bot
from zhike.domain.prompt import StoredPrompt, Template
from zhike.domain.trial import GateReport
from zhike.errors import Lang
from zhike.ops.configfile import Document, read_files
from zhike.ops.configprompts import written_prompt
from zhike.ops.progress import Progress
from zhike.ops.quality import report
from zhike.ops.quality.gate import Limits, asks_knowledge, gate
from zhike.ops.quality.model import ModelsCompleter, opened
from zhike.ops.quality.questions import read_questions
from zhike.ops.quality.service import local_now
from zhike.ops.quality.state import BotState, read_state, wished
from zhike.ops.quality.subject import Subject
from zhike.ops.quality.trial import Asking, Variant, run, summary
from zhike.ops.yamlfile import write
from zhike.store import bots, prompts
from zhike.store.engine import Store


class Reference(NamedTuple):
    """``support`` (the active version), ``support@3``, ``default``, ``file.yaml``, ``file.yaml#support``."""

    label: str
    template: Template
    stored: StoredPrompt | None = None


async def find(store: Store, bot: Bot, word: str, lang: Lang) -> Reference:
    """The template that ``word`` names.

    Raises:
        ConfigError: there is none.
    """
    path, _, inner = word.partition("#")
    if path.endswith((".yaml", ".yml")):
        return _from_file(path, inner)
    name, at, number = word.partition("@")
    stored = await store.read(prompts.list_prompts, bot_id=bot.id, name=name, limit=100_000)
    if not stored:
        if name == DEFAULT_NAME and not at:
            return Reference(name, DEFAULTS[lang])
        names = sorted({one.name for one in await store.read(prompts.list_prompts, bot_id=bot.id)})
        raise ConfigError([unknown("", "模板", "template", name, [*names, DEFAULT_NAME])])
    found = [one for one in stored if (str(one.version) == number if at else one.active)]
    if not found:
        versions = ", ".join(str(one.version) for one in stored[-20:])
        raise ConfigError([Problem(word, f"没有这个版本；有：{versions}",
                                   f"there is no such version; there are: {versions}")])
    return Reference(f"{name}@{found[0].version}", found[0].template, found[0])


def _from_file(path: str, name: str) -> Reference:
    document = read_files([path])
    found = {identity[1]: entry.item for identity, entry in document.entries["prompt_templates"].items()
             if isinstance(entry.item, StoredPrompt)}
    if name and name in found:
        return Reference(f"{path}#{name}", found[name].template)
    if not name and len(found) == 1:
        return Reference(path, next(iter(found.values())).template)
    if not found:
        raise ConfigError([Problem(path, "里面没有 prompt_templates", "holds no prompt_templates")])
    raise ConfigError([unknown(path, "模板", "template", name, list(found))])


def list_lines(found: Sequence[StoredPrompt], bot: Bot, lang: Lang) -> list[str]:
    """One line per template: its active version, how many there are, what begins it."""
    by_name: dict[str, list[StoredPrompt]] = {}
    for one in found:
        by_name.setdefault(one.name, []).append(one)
    own = bot.settings.get("template", "")
    lines = []
    for name, versions in sorted(by_name.items()):
        active = next(one for one in versions if one.active)
        mark = "*" if name == own else " "
        count = f"{len(versions)} 个版本" if lang == "zh" else f"{len(versions)} versions"
        words = report.short(active.template.system_prompt)
        lines.append(f"{mark} {name}@{active.version}  ({count})  {words}")
    if not own:
        lines.append("* default  " + ("（内置；机器人设置 template 可以换）" if lang == "zh" else
                                      "(built in; the bot's setting `template` chooses another)"))
    return lines


async def show(store: Store, bot: Bot, args: Namespace, lang: Lang) -> int:
    """``zhike prompt show``: as a file says it, its versions as comments above."""
    found = await find(store, bot, args.template, lang)
    if found.stored is not None:
        from zhike.clock import to_datetime

        for one in await store.read(prompts.list_prompts, bot_id=bot.id, name=found.stored.name):
            mark = "*" if one.active else " "
            when = to_datetime(one.created_at).strftime("%Y-%m-%d %H:%M")
            print(f"# {mark} @{one.version}  {when}  {one.created_by}  {one.note}".rstrip())
    stored = found.stored or StoredPrompt(0, bot.id, found.template.name, 0, found.template)
    said = {name: value for name, value in written_prompt(stored, bot.key).items() if name != "bot"}
    print("prompt_templates:")
    print("\n".join(write([said], 2)))
    return 0


async def diff(store: Store, bot: Bot, args: Namespace, lang: Lang) -> int:
    """``zhike prompt diff A [B]``: what changes from A to B; with one only, from the version before it."""
    right = await find(store, bot, args.other or args.template, lang)
    left: Template | None
    if args.other:
        left = (await find(store, bot, args.template, lang)).template
    elif right.stored is not None and right.stored.version > 1:
        before = await store.read(prompts.get_version, bot.id, right.stored.name, right.stored.version - 1)
        left = before.template if before is not None else None
    else:
        left = None
    lines = list(prompts.diff(left, right.template))
    print("\n".join(lines) if lines else ("没有差别" if lang == "zh" else "no difference"))
    return 0


async def activate(store: Store, settings: Settings, bot: Bot, args: Namespace, lang: Lang) -> int:
    """``zhike prompt activate NAME@VERSION [--gate]``."""
    found = await find(store, bot, args.template, lang)
    if found.stored is None:
        raise ConfigError([Problem(args.template, "不是存着的版本", "is no stored version")])
    if args.gate:
        before = await store.read(read_state, bot.id)
        done = await _one_gate(store, settings, before, before.with_template(found.template), Limits(), "",
                               lang)
        if not done.passed:
            print("\n".join(report.gate_lines(done, lang)), file=sys.stderr)
            return 1
    await store.write(prompts.activate, found.stored.id, now_ms())
    print(f"{found.label} " + ("已启用，一秒之内生效" if lang == "zh" else
                               "is active; answers follow within a second"))
    return 0


async def test(store: Store, settings: Settings, bot: Bot, args: Namespace, lang: Lang) -> int:
    """``zhike prompt test``."""
    state = await store.read(read_state, bot.id)
    questions = read_questions(Path(args.questions)) if args.questions else \
        [case for case in state.cases if case.body.checks is not None]
    if not questions:
        raise ConfigError([Problem("--questions", "没有问题可问：给一个文件，或给回归用例加上 checks",
                                   "nothing to ask: give a file, or give regression cases `checks`")])
    words = [args.template or str(bot.settings.get("template") or DEFAULT_NAME)]
    words += [args.against] if args.against else []
    subject = Subject(state)
    sides = [Variant(found.label, found.template, subject)
             for found in [await find(store, bot, word, lang) for word in words]]
    began_s = time.monotonic()
    async with opened(settings, store, args.model, args.judge) as (models, model, judge):
        if not models:
            raise ConfigError([Problem(
                "--model", "没有设置模型；在 zhike.toml 写 [models.<名字>]，或用 --model 网址#模型名",
                "no model is set: write [models.<key>] in zhike.toml, or use --model URL#NAME")])
        with Progress("提问模型" if lang == "zh" else "asking the model", len(questions) * len(sides)) as bar:
            rows = await run(sides, questions, Asking(
                ModelsCompleter(models, bot.id), local_now(now_ms()), model, judge,
                concurrency=args.concurrency), bar.add)
    sums = [summary(side.label, [row.answers[number] for row in rows]) for number, side in enumerate(sides)]
    if args.json:
        figures = report.figures(sums, rows, time.monotonic() - began_s)
        print(json.dumps(figures, ensure_ascii=False, indent=2))
    else:
        print(report.trial_table(sums, rows, lang))
    if args.html:
        save(args.html, report.trial_html(sums, rows, lang))
    if args.answers:
        save(args.answers, "".join(f"{line}\n" for line in report.answer_lines(sums, rows)))
    return 1 if all(side.errors == side.rows for side in sums) else 0


def save(path: str, text: str) -> None:
    """Writes a report.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        Path(path).write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError([Problem(path, f"写不了：{error.strerror}",
                                   f"cannot be written: {error.strerror}")]) from None


# ---- the gate --------------------------------------------------------------------------------


async def run_gates(store: Store, settings: Settings, document: Document | None, limits: Limits,
                    lang: Lang, *, bot: str = "", model: str = "", prune: bool = False) -> list[GateReport]:
    """The gate of every bot that ``document`` changes (all of them, as they are, without one).

    Raises:
        ConfigError: the files do not apply; there is no such model.
    """
    stored = {one.key: one.id for one in await store.read(bots.list_bots)}
    if bot and bot not in stored:
        raise ConfigError([unknown("--bot", "机器人", "bot", bot, list(stored))])
    after: dict[str, BotState] = {}
    if document is not None:
        after = await wished(store, document, prune=prune, bot=bot)
    keys = [key for key in stored if (key in after if document is not None else bot in ("", key))]
    found = []
    for key in keys:
        before = await store.read(read_state, stored[key])
        now = after.get(key)
        if before.cases or (now is not None and now.cases) or len(keys) == 1:
            found.append(await _one_gate(store, settings, before, now, limits, model, lang))
    return found


async def _one_gate(store: Store, settings: Settings, before: BotState, after: BotState | None,
                    limits: Limits, model: str, lang: Lang) -> GateReport:
    cases: Sequence[Case] = (after or before).cases
    total = sum(map(asks_knowledge, cases)) + sum(case.body.checks is not None for case in cases)
    async with opened(settings, store, model) as (models, key, _):
        asking = Asking(ModelsCompleter(models, before.bot.id), local_now(now_ms()), key) if models else None
        with Progress("回归测试" if lang == "zh" else "regression set", total) as bar:
            return await gate(before, after, asking, limits, bar.add)


def share(text: str, flag: str) -> float:
    """A share 0..1 from the command line.

    Raises:
        ConfigError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ConfigError([Problem(flag, f"应是 0 到 1 之间的数，而不是 {text!r}",
                                   f"must be a number from 0 to 1, not {text!r}")])
    return value


async def eval_gate(store: Store, settings: Settings, args: Namespace, lang: Lang) -> int:
    """``zhike eval gate``."""
    limits = Limits(share(args.tolerance, "--tolerance"), share(args.min_accuracy, "--min-accuracy"))
    document = read_files(args.with_files) if args.with_files else None
    reports = await run_gates(store, settings, document, limits, lang, bot=args.bot, model=args.model,
                              prune=args.prune)
    if args.json:
        print(json.dumps(report.gate_figures(reports), ensure_ascii=False, indent=2))
    said = [line for one in reports for line in [*report.gate_lines(one, lang), ""]]
    if not reports:
        said = ["没有机器人有回归用例" if lang == "zh" else "no bot has regression cases"]
    # programs read the figures from standard output; which cases got worse is for whoever reads the log
    print("\n".join(said).rstrip(), file=sys.stderr if args.json else sys.stdout)
    if args.html:
        save(args.html, report.gate_html(reports, lang))
    return 0 if all(one.passed for one in reports) else 1
