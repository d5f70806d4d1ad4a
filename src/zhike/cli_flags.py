"""The commands' flags and their help, in both languages; argparse and nothing else."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any, NoReturn

from zhike.errors import Lang

TEXTS: dict[str, tuple[str, str]] = {
    "about": ("知客：自己掌握的客服台。", "zhike: a customer-service desk that its owner keeps."),
    "codes": ("退出码：0 完成 · 1 失败 · 2 用法不对 · 3 设置或文件有误 · 4 连不上数据库 ·\n"
              "5 doctor 发现问题，或 config diff --exit-code 有差别 · 130 被中断",
              "Exit codes: 0 done · 1 failed · 2 wrong usage · 3 a setting or file is not valid\n"
              "4 no database · 5 doctor found a problem, or config diff --exit-code a difference ·\n"
              "130 interrupted"),
    "serve": ("启动知客", "run the desk"),
    "demo": ("启动示例商店，带两周的演示会话", "run the sample shop with two weeks of demo conversations"),
    "admin": ("管理员链接", "admin link"),
    "admin link": ("打印一个一次性链接，用它建立或找回管理员",
                   "print a one-time link that makes or restores an admin"),
    "config": ("导出、比较、应用、检查配置", "export, diff, apply, check the configuration"),
    "config export": ("把收件箱、机器人和属于机器人的一切（知识、规则、流程……）导出为 YAML",
                      "write bots, inboxes and all that belongs to a bot as YAML: articles, rules, flows …"),
    "config diff": ("看看应用这些文件会改变什么", "show what applying the files would change"),
    "config apply": ("把文件里写的写进数据库（重复执行不会再改）",
                     "make the database say what the files say (again: changes nothing)"),
    "config check": ("检查设置和文件，不连接数据库", "check the settings and files without a database"),
    "config reference": ("打印所有设置的说明（Markdown）", "print the manual of all settings (Markdown)"),
    "kb": ("导入知识", "import knowledge"),
    "kb import": ("从表格、文档或网站导入知识条目",
                  "import articles from tables, documents or a site"),
    "kb export": ("把知识条目导出为表格（CSV 或 JSON Lines）",
                  "write the articles as a table (CSV or JSON lines)"),
    "--max-pages": ("网站最多读多少页", "pages of a site that are read at most"),
    "--export-format": ("csv 或 jsonl", "csv or jsonl"),
    "kb columns": (
        "列：question answer，可选 key lang variants category enabled inboxes valid_from\n"
        "valid_until image link source；也可以用中文列名：问题 答案 编号 语言 相似问 分类\n"
        "启用 可见收件箱 生效 失效 图片 链接 来源。文档（.md .html .docx .pdf）按标题切成条目；\n"
        "网址会在同一目录下逐页读取，遵守 robots.txt。",
        "Columns: question answer, and if wanted key lang variants category enabled inboxes\n"
        "valid_from valid_until image link source. Documents (.md .html .docx .pdf) are cut\n"
        "into articles by their headings; an address is read page by page below its folder,\n"
        "as robots.txt allows."),
    "eval": ("测量机器人答得对不对：对、错、沉默各多少",
             "measure how often the bot is right, wrong and silent"),
    "eval kb": ("用它自己的知识测：留出问法再来问",
                "on its own knowledge: leave phrasings out and ask them"),
    "eval faq": ("用问答表和一组真实提问测", "on a table of questions and a set of real queries"),
    "eval intents": ("用带标签的训练和测试文字测", "on labelled training and test texts"),
    "eval compress": ("对话压缩后，其中的值还在多少",
                      "on dialogues: which values survive when they are compressed"),
    "eval mask": ("在标注过的文字上测：个人信息找得全不全、准不准",
                  "on marked texts: is personal data found, and nothing else"),
    "eval gate": ("用店铺自己的回归用例测，并看一处改动会不会让回答变差",
                  "ask the shop's own regression set, and see whether a change makes answers worse"),
    "prompt": ("提示词模板：查看、比较、启用、试用", "prompt templates: see, compare, activate, try"),
    "prompt list": ("列出模板和当前版本", "list the templates with their active versions"),
    "prompt show": ("显示一个模板和它的各个版本", "show a template and its versions"),
    "prompt diff": ("比较两个版本", "show what two versions differ in"),
    "prompt activate": ("启用一个版本（回退也是它）",
                        "make a version the active one (that is also how to roll back)"),
    "prompt test": ("把一组问题交给模型，逐条检查回答；可以两个模板并排",
                    "put a set of questions to the model and check every answer; two templates side by side"),
    "prompt words": ("TEMPLATE：support（当前版本）· support@3 · default（内置）· file.yaml · "
                     "file.yaml#support",
                     "TEMPLATE: support (its active version) · support@3 · default (built in) · file.yaml · "
                     "file.yaml#support"),
    "eval followups": ("用两轮的对话测：“那运费呢？”接着上文问",
                       "on two-turn cases: \"and how much is it?\" after an answer"),
    "eval pairs": ("用成对的问题测：两句问的是不是一回事", "on pairs of texts: do the two ask the same?"),
    "bench": ("在本机测量速度、内存和可靠性", "measure speed, memory and losses on this machine"),
    "migrate": ("把数据库升级到当前版本", "bring the database to the present version"),
    "doctor": ("检查这台机器和数据库", "check this machine and the database"),
    "version": ("显示版本", "show the version"),
    "commands": ("命令", "commands"),
    "arguments": ("参数", "arguments"),
    "options": ("选项", "options"),
    "settings": ("设置", "settings"),
    "--help": ("显示帮助", "show this help"),
    "--config": ("设置文件（默认 ./zhike.toml 或 ./config/zhike.toml）",
                 "settings file (default ./zhike.toml or ./config/zhike.toml)"),
    "--data": ("数据目录（默认 ./data）", "data folder (default ./data)"),
    "--set": ("任意一项设置，可重复", "any setting; may be repeated"),
    "--host": ("监听地址", "address to listen on"),
    "--port": ("监听端口（默认 8080）", "port to listen on (default 8080)"),
    "--public-url": ("访客看到的网址", "the address visitors see"),
    "--remove": ("只把演示会话从数据库里拿掉，不启动",
                 "only take the demo conversations out of the database again"),
    "--output": ("写到文件（默认标准输出）", "to a file (default: standard output)"),
    "--exit-code": ("有差别时以 5 退出", "end with 5 if there is a difference"),
    "--prune": ("同时删除文件里没有的条目", "also delete what the files do not mention"),
    "--reference-lang": ("语言", "language"),
    "--bot": ("导入到哪个机器人（只有一个时可省略）", "into which bot (not needed if there is one)"),
    "--export-bot": ("导出哪个机器人（只有一个时可省略）", "of which bot (not needed if there is one)"),
    "--lang": ("没写语言的行按什么语言（默认看有没有汉字）",
               "language of rows that do not say (default: do they hold Chinese)"),
    "--format": ("文件格式（默认看文件名）", "format (default: by the name)"),
    "--dry-run": ("只检查，不写入", "only check"),
    "--to": ("到哪个结构版本（默认最新）", "to which schema revision (default: the newest)"),
    "--dry-run-sql": ("只打印要执行的 SQL，什么都不改", "print the SQL that would be run, change nothing"),
    "--eval-bot": ("测哪个机器人（只有一个时可省略）", "which bot (not needed if there is one)"),
    "--kb": ("问答表，每行 {question, answer?}", "the table, rows {question, answer?}"),
    "--queries": ("提问，每行 {text, label}；label 是表中的问题，null 表示表里没有",
                  "the queries, rows {text, label}; label: a question of the table, null: not in it"),
    "--train": ("训练文字，每行 {text, label}；null 表示范围之外",
                "training texts, rows {text, label}; null: out of scope"),
    "--test": ("测试文字，每行 {text, label}", "test texts, rows {text, label}"),
    "--train-split": ("训练只用 split 是这些的行（逗号分开）",
                      "train on rows whose `split` is one of these (commas) only"),
    "--shots": ("每个 label 只取 N 条训练文字（0 = 全部）", "N training texts of each label only (0 = all)"),
    "--shots-seed": ("--shots 抽样的种子", "seed of the choice that --shots makes"),
    "--test-split": ("测试只用 split 是这些的行（逗号分开）",
                     "test on rows whose `split` is one of these (commas) only"),
    "--threshold": ("回答阈值 0..1（默认：机器人自己的；intents：从训练数据选定）",
                    "answer threshold 0..1 (default: the bot's own; intents: chosen from training data)"),
    "--ratio": ("压缩到几分之一（默认 3）", "to one part in so many (default 3)"),
    "--min-turns": ("只用至少这么多轮的对话（默认 10）", "only dialogues of so many turns (default 10)"),
    "--split": ("只用 split 是这些的行（逗号分开）", "only rows whose `split` is one of these (commas)"),
    "--perturb": ("再看五种写法丢多少：错字、同音字、拼音、同义词、繁体",
                  "also how much five ways of writing lose: typo, homophone, pinyin, synonym, traditional"),
    "--cases": ("两轮的例子（默认：示例商店的 101 个）", "two-turn cases (default: 101 on the sample shop)"),
    "--pairs": ("成对的文字，每行 {a, b, y}；y 为 1 表示问的是一回事",
                "pairs of texts, rows {a, b, y}; y is 1 if both ask the same"),
    "--calibrate": ("用来校准的成对文字，同样的格式", "pairs to learn from, in the same format"),
    "--calibrate-split": ("校准只用 split 是这些的行（逗号分开）",
                          "learn from rows whose `split` is one of these (commas) only"),
    "--json": ("输出一个 JSON 对象；比例都是 0..1", "print one flat JSON object; shares are 0..1"),
    "--html": ("另存带曲线的报告", "also write a report with the curve"),
    "--skipped": ("把跳过的行和原因写到文件", "write the skipped rows with their reasons to a file"),
    "--config-bot": ("没有写 bot 的模板和用例给哪个机器人", "whose templates and cases are that name no bot"),
    "--gate": ("先跑回归用例；回答会变差就不做，以 1 退出",
               "first run the regression set; do nothing and end with 1 if answers would get worse"),
    "--with": ("还没应用的改动：配置文件，可重复；和现状比较",
               "a change that is not applied: a configuration file, may be repeated; compared with "
               "the present"),
    "--tolerance": ("答对的最多降多少、答错的最多升多少（0..1，默认 0）",
                    "how far right answers may fall and wrong ones rise (0..1, default 0)"),
    "--min-accuracy": ("至少要答对多少（0..1，默认 0）", "how many must be right at least (0..1, default 0)"),
    "--model": ("用哪个模型：设置里的名字，或 网址#模型名（默认：模板写的，否则第一个）",
                "which model: a key of the settings, or URL#NAME (default: the template's, else the first)"),
    "--judge": ("用哪个模型评审 judge（默认：同一个）",
                "which model answers `judge` (default: the same one)"),
    "--against": ("并排比较的另一个模板", "another template, side by side"),
    "--questions": ("问题：.yaml 或 .jsonl，每条 {text, lang, checks …}（默认：带 checks 的回归用例）",
                    "the questions: .yaml or .jsonl, {text, lang, checks …} each (default: regression cases "
                    "with checks)"),
    "--concurrency": ("同时问几个（默认 4）", "how many at a time (default 4)"),
    "--answers": ("另存每个回答（JSON lines）", "also write every answer (JSON lines)"),
    "--trial-html": ("另存并排的报告", "also write a report, side by side"),
    "wrong": ("用法不对：", ""),
}


class Words:
    """``say(zh, en)`` picks the reader's language; ``say.text(name)`` a text of the table."""

    def __init__(self, lang: Lang) -> None:
        self.lang = lang

    def __call__(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def text(self, name: str) -> str:
        """The help of a command or flag."""
        return self(*TEXTS[name])


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Asks the terminal itself for its width: argparse would import shutil for it at every start (3 ms)."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size().columns
        except (OSError, ValueError):
            columns = 100
        super().__init__(prog, width=max(40, min(columns, 120) - 2))


class Parser(argparse.ArgumentParser):
    """argparse with headings and errors in the reader's language."""

    say = Words("en")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"add_help": False, "allow_abbrev": False, "formatter_class": _Formatter}
        super().__init__(*args, **kwargs)
        self._positionals.title = self.say.text("arguments")
        self._optionals.title = self.say.text("options")
        self.flag("-h", "--help", action="help")

    def flag(self, *names: str, text: str = "", **options: Any) -> None:
        """A flag with its help from the table."""
        self.add_argument(*names, help=self.say.text(text or names[-1]), **options)

    def parts(self, dest: str) -> Any:
        """A place for sub-commands."""
        return self.add_subparsers(dest=dest, required=dest == "part", metavar="COMMAND",
                                   title=self.say.text("commands"))

    def part(self, parts: Any, name: str, text: str = "") -> Parser:
        """One sub-command with its help from the table."""
        said = self.say.text(text or name)
        made: Parser = parts.add_parser(name, help=said, description=said)
        return made

    def error(self, message: str) -> NoReturn:
        """Ends with code 2."""
        import sys

        self.print_usage(sys.stderr)
        self.exit(2, f"zhike: {self.say.text('wrong')}{message}\n")


def settings_flags(parser: Parser) -> None:
    """What every command with settings takes."""
    say = parser.say
    group = parser.add_argument_group(say.text("settings"))
    group.add_argument("--config", metavar="FILE", default="", help=say.text("--config"))
    group.add_argument("--data", metavar="DIR", help=say.text("--data"))
    group.add_argument("--set", metavar="SECTION.KEY=VALUE", action="append", default=[], dest="assign",
                       help=say.text("--set"))


def serve_flags(parser: Parser) -> None:
    """``serve`` and ``doctor``."""
    parser.flag("--host", metavar="H")
    parser.flag("--port", metavar="N")
    parser.flag("--public-url", metavar="URL")
    settings_flags(parser)


def demo_flags(parser: Parser) -> None:
    """``demo``."""
    parser.flag("--remove", action="store_true")
    serve_flags(parser)


def admin_flags(parser: Parser) -> None:
    """``admin link``."""
    link = parser.part(parser.parts("part"), "link", "admin link")
    link.flag("--public-url", metavar="URL")
    link.flag("--port", metavar="N")
    settings_flags(link)


def config_flags(parser: Parser) -> None:
    """``config export | diff | apply | check | reference``."""
    parts = parser.parts("part")
    export = parser.part(parts, "export", "config export")
    export.flag("-o", "--output", metavar="FILE", default="-")
    diff = parser.part(parts, "diff", "config diff")
    diff.flag("--exit-code", action="store_true")
    apply = parser.part(parts, "apply", "config apply")
    check = parser.part(parts, "check", "config check")
    for part in (diff, apply, check):
        part.add_argument("files", nargs="*" if part is check else "+", metavar="FILE", help=".yaml")
    for part in (diff, apply):
        part.flag("--prune", action="store_true")
        part.flag("--bot", metavar="KEY", default="", text="--config-bot")
    apply.flag("--gate", action="store_true")
    for part in (export, diff, apply, check):
        settings_flags(part)
    reference = parser.part(parts, "reference", "config reference")
    reference.flag("--lang", choices=("zh", "en"), default=parser.say.lang, text="--reference-lang")


def kb_flags(parser: Parser) -> None:
    """``kb import | export``."""
    parts = parser.parts("part")
    part = parser.part(parts, "import", "kb import")
    part.epilog = parser.say.text("kb columns")
    part.add_argument("files", nargs="+", metavar="FILE|URL",
                      help=".csv .tsv .xlsx .jsonl .yaml (.gz) .md .html .docx .pdf https://…")
    part.flag("--bot", metavar="KEY", default="")
    part.flag("--lang", choices=("zh", "en"), default="")
    part.flag("--format", default="",
              choices=("csv", "jsonl", "xlsx", "yaml", "markdown", "html", "docx", "pdf"))
    part.flag("--max-pages", type=int, metavar="N", default=200)
    part.flag("--dry-run", action="store_true")
    part.flag("--skipped", metavar="FILE", default="")
    settings_flags(part)
    export = parser.part(parts, "export", "kb export")
    export.flag("--bot", metavar="KEY", default="", text="--export-bot")
    export.flag("--format", choices=("csv", "jsonl"), default="csv", text="--export-format")
    export.flag("-o", "--output", metavar="FILE", default="-")
    settings_flags(export)


def eval_flags(parser: Parser) -> None:
    """``eval kb | faq | intents | followups | pairs | compress | mask``."""
    parts = parser.parts("part")
    kb = parser.part(parts, "kb", "eval kb")
    kb.flag("--bot", metavar="KEY", default="", text="--eval-bot")
    faq = parser.part(parts, "faq", "eval faq")
    faq.flag("--kb", metavar="FILE", required=True)
    faq.flag("--queries", metavar="FILE", default="")
    for part in (kb, faq):
        part.flag("--perturb", action="store_true")
    intents = parser.part(parts, "intents", "eval intents")
    intents.flag("--train", metavar="FILE", required=True)
    intents.flag("--test", metavar="FILE", required=True)
    intents.flag("--train-split", metavar="NAMES", default="")
    intents.flag("--test-split", metavar="NAMES", default="")
    intents.flag("--shots", metavar="N", default="0")
    intents.flag("--seed", metavar="N", default="0", text="--shots-seed")
    followups = parser.part(parts, "followups", "eval followups")
    followups.flag("--bot", metavar="KEY", default="", text="--eval-bot")
    followups.flag("--cases", metavar="FILE", default="")
    pairs = parser.part(parts, "pairs", "eval pairs")
    pairs.flag("pairs", metavar="FILE", text="--pairs")
    pairs.flag("--calibrate", metavar="FILE", default="")
    pairs.flag("--split", metavar="NAMES", default="")
    pairs.flag("--calibrate-split", metavar="NAMES", default="")
    for part in (kb, faq, intents, followups, pairs):
        part.flag("--threshold", metavar="P")
    compress = parser.part(parts, "compress", "eval compress")
    compress.add_argument("file", metavar="FILE",
                          help="{turns: [[role, text], …], slots: [[name, value], …]}")
    compress.flag("--ratio", metavar="N", default="3")
    compress.flag("--min-turns", metavar="N", default="10")
    compress.flag("--split", metavar="NAMES", default="")
    mask = parser.part(parts, "mask", "eval mask")
    mask.add_argument("file", metavar="FILE", help="{text, spans: [[start, end, kind], …]}")
    for part in (kb, faq, intents, followups, pairs, compress, mask):
        part.flag("--json", action="store_true")
        part.flag("--html", metavar="FILE", default="")
        settings_flags(part)
    gate = parser.part(parts, "gate", "eval gate")
    gate.flag("--with", metavar="FILE", action="append", default=[], dest="with_files")
    gate.flag("--bot", metavar="KEY", default="", text="--eval-bot")
    gate.flag("--prune", action="store_true")
    gate.flag("--tolerance", metavar="P", default="0")
    gate.flag("--min-accuracy", metavar="P", default="0")
    gate.flag("--model", metavar="KEY", default="")
    gate.flag("--json", action="store_true")
    gate.flag("--html", metavar="FILE", default="", text="--trial-html")
    settings_flags(gate)


def prompt_flags(parser: Parser) -> None:
    """``prompt list | show | diff | activate | test``."""
    parts = parser.parts("part")
    made = {name: parser.part(parts, name, f"prompt {name}")
            for name in ("list", "show", "diff", "activate", "test")}
    for name, part in made.items():
        if name != "list":
            part.add_argument("template", metavar="TEMPLATE", nargs="?" if name == "test" else None,
                              help="support · support@3 · default · file.yaml#support")
        part.flag("--bot", metavar="KEY", default="", text="--eval-bot")
    made["diff"].add_argument("other", metavar="OTHER", nargs="?", default="", help="support@4")
    made["activate"].flag("--gate", action="store_true")
    test = made["test"]
    test.flag("--questions", metavar="FILE", default="")
    test.flag("--against", metavar="TEMPLATE", default="")
    test.flag("--model", metavar="KEY", default="")
    test.flag("--judge", metavar="KEY", default="")
    test.flag("--concurrency", metavar="N", type=int, choices=range(1, 65), default=4)
    test.flag("--json", action="store_true")
    test.flag("--html", metavar="FILE", default="", text="--trial-html")
    test.flag("--answers", metavar="FILE", default="")
    for part in made.values():
        part.epilog = parser.say.text("prompt words")
        settings_flags(part)


def migrate_flags(parser: Parser) -> None:
    """``migrate``."""
    parser.flag("--dry-run", action="store_true", text="--dry-run-sql")
    parser.flag("--to", metavar="REVISION", default="head")
    settings_flags(parser)


def no_flags(parser: Parser) -> None:
    """``version``."""


COMMANDS: dict[str, Callable[[Parser], None]] = {
    "serve": serve_flags, "demo": demo_flags, "admin": admin_flags, "config": config_flags,
    "kb": kb_flags, "prompt": prompt_flags, "eval": eval_flags, "bench": no_flags,
    "migrate": migrate_flags, "doctor": serve_flags, "version": no_flags,
}


def build_parser(chosen: str, lang: Lang) -> Parser:
    """The parser of the ``chosen`` command only (all, without their flags, if it is ""): building
    every one would take 4 ms of each start."""
    Parser.say = say = Words(lang)
    parser = Parser(prog="zhike", description=say.text("about"), epilog=say.text("codes"))
    parser.flag("--version", action="store_true", text="version")
    commands = parser.parts("command")
    for name, build in COMMANDS.items():
        if chosen and name != chosen:
            continue
        if name == chosen == "bench":  # it brings its own flags, and their help in both languages
            from zhike.ops.bench.cli import add_parser

            add_parser(commands)
        else:
            part = parser.part(commands, name)
            if chosen:
                build(part)
    return parser
