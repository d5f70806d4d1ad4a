"""The bodies of ``zhike eval``: read, evaluate with a progress bar, show."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from zhike import testing
from zhike.answer.mask import KINDS
from zhike.config import ConfigError, Problem
from zhike.domain.knowledge import Article, Bot, Rule
from zhike.errors import Lang
from zhike.ops.eval import compress as compress_part
from zhike.ops.eval import faq as faq_part
from zhike.ops.eval import followups as followups_part
from zhike.ops.eval import intents as intents_part
from zhike.ops.eval import kb as kb_part
from zhike.ops.eval import mask as mask_part
from zhike.ops.eval import pairs as pairs_part
from zhike.ops.eval import perturbed
from zhike.ops.eval.probe import Probe
from zhike.ops.eval.report import as_json, html, table
from zhike.ops.eval.result import Result
from zhike.ops.eval.rows import Two, read_dialogues, read_marked, read_pairs, read_texts, read_twos
from zhike.ops.progress import Progress
from zhike.search.text import normalise


def kb(bot: Bot, articles: Sequence[Article], rules: Sequence[Rule], args: Namespace, lang: Lang) -> int:
    """``zhike eval kb``, once the desk's knowledge is read.

    Raises:
        ConfigError: the bot has no enabled article.
    """
    threshold = _threshold(args)
    total = sum(1 + len(article.variants) for article in articles if article.enabled)
    if not total:
        raise ConfigError([Problem("--bot", f"机器人 {bot.key!r} 还没有启用的知识条目",
                                   f"bot {bot.key!r} has no enabled article yet")])
    result = Result("kb")
    with _progress(lang, (4 if args.perturb else 3) * total) as bar:
        kb_part.evaluate(bot, articles, rules, threshold, bar.add, result)
        if args.perturb:
            perturbed.evaluate(Probe(bot, articles, rules), bot.settings.get("synonyms", ()), bar.add, result)
    return _show(result, args, lang)


def faq(args: Namespace, lang: Lang) -> int:
    """``zhike eval faq``.

    Raises:
        ConfigError: a file or a row is not valid.
    """
    threshold = _threshold(args)
    result = Result("faq")
    pairs, repeated = read_pairs(Path(args.kb))
    if not args.queries:
        if not args.perturb:
            raise ConfigError([Problem("--queries", "要写一个文件，或用 --perturb",
                                       "needs a file, or give --perturb")])
        return _perturbed(faq_part.make_probe(pairs, threshold), result, args, lang)
    texts = read_texts(Path(args.queries))
    faq_part.check_labels(Path(args.queries), texts, {pair.question for pair in pairs})
    if repeated:
        result.notes.append((f"知识里有 {repeated} 行问题重复，只用了第一行。",
                             f"{repeated} rows of the knowledge repeat a question; only the first counts."))
    with _progress(lang, len(texts)) as bar:
        faq_part.evaluate(pairs, texts, threshold, bar.add, result)
    return _show(result, args, lang)


def _perturbed(probe: Probe, result: Result, args: Namespace, lang: Lang) -> int:
    """The knowledge's own questions, perturbed, without any queries."""
    result.figures["articles"] = len(probe.articles)
    total = min(perturbed.MAX_TEXTS, sum(1 + len(article.variants) for article in probe.articles))
    with _progress(lang, total) as bar:
        perturbed.evaluate(probe, (), bar.add, result)
    result.close(probe.took, total)
    return _show(result, args, lang)


def followups(bot: Bot, articles: Sequence[Article], args: Namespace, lang: Lang) -> int:
    """``zhike eval followups``, once the desk's knowledge is read.

    Raises:
        ConfigError: the cases cannot be read, or name articles that the bot does not have.
    """
    path = Path(args.cases) if args.cases else Path(testing.__file__).parent / "followups.txt"
    cases = followups_part.read_cases(path)
    result = Result("followups")
    threshold = _threshold(args)
    if threshold is not None:
        bot.settings["answer_threshold"] = threshold
    with _progress(lang, len(cases)) as bar:
        followups_part.evaluate(Probe(bot, articles), cases, bar.add, result)
    return _show(result, args, lang)


def pairs(args: Namespace, lang: Lang) -> int:
    """``zhike eval pairs``.

    Raises:
        ConfigError: a file or a row is not valid; the same rows are to calibrate and to test.
    """
    threshold = _threshold(args)
    result = Result("pairs")
    splits = [[word.strip() for word in names.split(",") if word.strip()]
              for names in (args.split, args.calibrate_split)]
    path = Path(args.pairs)
    calibrate_path = Path(args.calibrate) if args.calibrate else path if splits[1] else None
    calibrate: list[Two] = []
    if calibrate_path is not None:
        mixed = not all(splits) or bool(set(splits[0]) & set(splits[1]))
        if calibrate_path.resolve() == path.resolve() and mixed:
            raise ConfigError([Problem(
                "--calibrate", "校准和测试不能用同样的行；同一个文件请用 --split 和 --calibrate-split 分开",
                "must not be the rows that are tested; part one file with --split and --calibrate-split")])
        calibrate = read_twos(calibrate_path, splits[1])
        if len({row.same for row in calibrate}) < 2:
            raise ConfigError([Problem(str(calibrate_path), "要有相同的，也要有不同的",
                                       "needs pairs that are the same and pairs that are not")])
    test = read_twos(path, splits[0])
    with _progress(lang, len(test)) as bar:
        pairs_part.evaluate(test, calibrate, threshold, bar.add, result)
    return _show(result, args, lang)


def intents(args: Namespace, lang: Lang) -> int:
    """``zhike eval intents``.

    Raises:
        ConfigError: a file or a row is not valid; the same rows are to train and to test.
    """
    threshold = _threshold(args)
    result = Result("intents")
    splits = [[word.strip() for word in names.split(",") if word.strip()]
              for names in (args.train_split, args.test_split)]
    paths = Path(args.train), Path(args.test)
    if paths[0].resolve() == paths[1].resolve() and (not all(splits) or set(splits[0]) & set(splits[1])):
        raise ConfigError([Problem(
            "--test", "训练和测试不能用同样的行；同一个文件请用 --train-split 和 --test-split 分开",
            "must not be the rows of --train; part one file with --train-split and --test-split")])
    train, test = read_texts(paths[0], splits[0]), read_texts(paths[1], splits[1])
    if shots := int(_at_least(args.shots, "--shots", 0.0)):
        train = intents_part.few(train, shots, int(_at_least(args.seed, "--seed", 0.0)))
    if all(row.label is None for row in train):
        raise ConfigError([Problem(args.train, "没有一行写了 label", "has no row with a label")])
    known = {normalise(row.text) for row in train}
    if seen := sum(normalise(row.text) in known for row in test):
        result.notes.append((f"{seen} 条测试文字在训练数据里一字不差地出现过。",
                             f"{seen} test texts stand word for word in the training data."))
    fitted = intents_part.fit_count(train) if threshold is None else 0
    with _progress(lang, fitted + len(test)) as bar:
        intents_part.evaluate(train, test, threshold, bar.add, result)
    return _show(result, args, lang)


def compress(args: Namespace, lang: Lang) -> int:
    """``zhike eval compress``.

    Raises:
        ConfigError: the file or a row is not valid; no dialogue is long enough.
    """
    ratio = _at_least(args.ratio, "--ratio", 1.0)
    least = int(_at_least(args.min_turns, "--min-turns", 1.0))
    result = Result("compress")
    splits = [word.strip() for word in args.split.split(",") if word.strip()]
    every = read_dialogues(Path(args.file), splits)
    rows = [row for row in every if len(row.turns) >= least]
    if not rows:
        raise ConfigError([Problem(args.file, f"没有 {least} 轮以上的对话",
                                   f"has no dialogue of {least} turns")])
    if short := len(every) - len(rows):
        result.notes.append((f"{short} 个对话不到 {least} 轮，没有算进去。",
                             f"{short} dialogues are shorter than {least} turns and were left out."))
    with Progress("逐个压缩" if lang == "zh" else "compressing", len(rows)) as bar:
        compress_part.evaluate(rows, ratio, bar.add, result)
    return _show(result, args, lang)


def mask(args: Namespace, lang: Lang) -> int:
    """``zhike eval mask``.

    Raises:
        ConfigError: the file or a row is not valid.
    """
    result = Result("mask")
    rows = read_marked(Path(args.file), KINDS)
    with Progress("逐条查找" if lang == "zh" else "looking", len(rows)) as bar:
        mask_part.evaluate(rows, bar.add, result)
    return _show(result, args, lang)


def _at_least(text: str, name: str, low: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not low <= value < 1e6:
        raise ConfigError([Problem(name, f"应是不小于 {low:g} 的数，而不是 {text!r}",
                                   f"must be a number not below {low:g}, not {text!r}")])
    return value


def _progress(lang: Lang, total: int) -> Progress:
    return Progress("逐条提问" if lang == "zh" else "asking", total)


def _threshold(args: Namespace) -> float | None:
    """``--threshold``, None if it was not given."""
    if args.threshold is None:
        return None
    try:
        value = float(args.threshold)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:  # not a number is refused too
        raise ConfigError([Problem("--threshold", f"应是 0 到 1 之间的数，而不是 {args.threshold!r}",
                                   f"must be a number from 0 to 1, not {args.threshold!r}")])
    return value


def _show(result: Result, args: Namespace, lang: Lang) -> int:
    print(as_json(result) if args.json else table(result, lang))
    if args.html:
        try:
            Path(args.html).write_text(html(result, lang), "utf-8")
        except OSError as error:
            raise ConfigError([Problem(args.html, f"写不了：{error.strerror}",
                                       f"cannot be written: {error.strerror}")]) from None
    return 0
