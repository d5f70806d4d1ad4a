"""Tables of questions and answers: three formats, bad rows named, nothing doubled."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zhike.config import ConfigError
from zhike.domain.knowledge import Article, Bot
from zhike.ops.kbimport import BATCH, Report, import_file
from zhike.ops.kbrows import Bad, Good, format_of, read_rows
from zhike.ops.progress import Progress, width
from zhike.store import articles, bots
from zhike.store.engine import open_store


def good(path: Path, **options: str) -> list[Article]:
    rows = list(read_rows(path, **options))
    assert all(isinstance(row, Good) for row in rows), rows
    return [row.article for row in rows if isinstance(row, Good)]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_csv_with_everything(tmp_path: Path) -> None:
    path = write(tmp_path / "kb.csv", 'key,lang,question,variants,answer,category,enabled\n'
                 'a,zh,怎么退货,"退货\n退款|怎么退货",七天内可以。,售后,1\n'
                 'b,en,Where is it?,,"Soon, ""really"".\nWait.",,no\n')
    first, second = good(path)
    assert first == Article(0, 0, "a", "zh", "怎么退货", "七天内可以。", ("退货", "退款"), "售后")
    assert (second.answer, second.enabled, second.lang) == ('Soon, "really".\nWait.', False, "en")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_tables_as_chinese_offices_save_them(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = "问题,相似问,答案,分类\n怎么退货,退货,七天内可以,售后\n".replace(",", delimiter)
    article = good(write(tmp_path / "表.csv", text, encoding))[0]
    assert (article.question, article.variants, article.answer, article.category, article.lang) == (
        "怎么退货", ("退货",), "七天内可以", "售后", "zh")


def test_jsonl_and_gzip(tmp_path: Path) -> None:
    rows = [{"question": "q1", "answer": "a1", "variants": ["v", "v"]}, {"question": "q2", "answer": "a2"}]
    text = "\n".join(json.dumps(row) for row in rows)
    packed = tmp_path / "kb.jsonl.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert good(packed) == good(write(tmp_path / "kb.jsonl", text))
    assert good(packed)[0].variants == ("v",)


@pytest.mark.parametrize("head", ["", "zhike: 1\narticles:\n"])
def test_yaml(tmp_path: Path, head: str) -> None:
    text = head + ("- question: 能开发票吗\n  variants: [no, 发票]\n  answer: 可以\n"
                   "- {question: q, answer: a, bot: x}\n")
    first, second = good(write(tmp_path / "kb.yaml", text))
    assert first.variants == ("no", "发票")
    assert (first.lang, second.lang) == ("zh", "en")


def test_a_key_is_made_from_the_question(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "question,answer\nHow  much?,1\n")
    other = write(tmp_path / "b.csv", "answer,question\n2,how much?\n")
    assert good(path)[0].key == good(other)[0].key
    assert good(path)[0].question == "How much?"


def test_bad_rows_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path / "kb.csv", "question,answer\nok,1\n,no question\nno answer,\n"
                 '"two\nlines",2\nok,again\na,b,c\nnul,a\x00b\n\nlast,3\n')
    rows = list(read_rows(path))
    bad = {row.line: row.en for row in rows if isinstance(row, Bad)}
    assert [row.article.question for row in rows if isinstance(row, Good)] == ["ok", "two lines", "last"]
    assert set(bad) == {3, 4, 7, 8, 9}
    assert "question" in bad[3]
    assert "answer" in bad[4]
    assert bad[7] == "repeats line 2"
    assert "3 cells" in bad[8]
    assert "U+0000" in bad[9]


@pytest.mark.parametrize(("line", "said"), [
    ("{", "no valid JSON"), ("[1]", "one JSON object"), ('{"question": {"x": 1}, "answer": "a"}', "no text"),
    ('{"quesion": "x", "answer": "a"}', "unknown field"), ('{"question": "x"}', "answer"),
    ('{"question": "a\\u0000", "answer": "a"}', "U+0000"),
    ('{"question": "a\\ud800", "answer": "a"}', "U+D800"),
    ("[" * 5000, "no valid JSON"), ('{"question": "x", "answer": "a", "lang": "fr"}', "neither zh nor en"),
])
def test_bad_json_lines(tmp_path: Path, line: str, said: str) -> None:
    rows = list(read_rows(write(tmp_path / "x.jsonl", f'{line}\n{{"question": "q", "answer": "a"}}\n')))
    assert isinstance(rows[0], Bad)
    assert said in rows[0].en
    assert rows[0].zh != rows[0].en
    assert isinstance(rows[1], Good)


@pytest.mark.parametrize(("name", "text", "said"), [
    ("x.csv", "question,anser\nq,a\n", "did you mean answer"), ("x.csv", "", "lacks the column question"),
    ("x.xlsx", "", "no valid workbook"), ("x.doc", "", "--format"), ("x.yaml", "a: [", "no valid YAML"),
    ("x.yaml", "just text", "needs a list"),
    ("x.yaml", "", "empty"), ("x.csv.gz", "\x1f", "lacks the column"),
])
def test_files_that_cannot_be_read(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        list(read_rows(write(tmp_path / name, text)))


def test_a_cut_gzip_and_a_missing_file(tmp_path: Path) -> None:
    packed = tmp_path / "x.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"question": "q", "answer": "a"}\n' * 100)[:-12])
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_rows(packed))
    with pytest.raises(ConfigError, match="cannot be read"):
        list(read_rows(tmp_path / "none.csv"))
    assert format_of(Path("a.NDJSON")) == "jsonl"


def run(tmp_path: Path, action: Callable[[Any, int], Any]) -> Any:
    async def inside() -> Any:
        store = open_store("", tmp_path)
        await store.open()
        try:
            bot = await store.read(bots.get_bot_by_key, "b")
            if bot is None:
                bot = await store.write(bots.create_bot, Bot(0, "b", "b"), 1)
            return await action(store, bot.id)
        finally:
            await store.close()

    return asyncio.run(inside())


def test_an_import_stores_in_batches_and_twice_changes_nothing(tmp_path: Path) -> None:
    count = 2 * BATCH + 7
    table = "".join(f"Question {n}?,{n}\n" for n in range(count))
    path = write(tmp_path / "big.csv", f"question,answer\n{table},bad\n")

    def bring(now: int) -> Report:
        report: Report = run(tmp_path, lambda store, bot: import_file(store, bot, path, lambda: now))
        return report

    first, again = bring(1000), bring(2000)
    assert tuple(first.counts) == (count, 0, 0)
    assert tuple(again.counts) == (0, 0, count)
    assert first.skipped_count == 1
    assert first.lines("en") == ["skipped: 1", f"line {count + 2}: question: cannot be empty",
                                 f"{count} added, 0 changed, 0 the same"]
    stored = run(tmp_path, lambda store, bot: store.read(articles.all_for_bot, bot))
    assert len(stored) == count
    assert {article.updated_at for article in stored} == {1000}
    version = run(tmp_path, lambda store, bot: store.read(bots.get_bot, bot)).knowledge_version
    assert version == 1 + 3  # one per batch that changed something


def test_a_dry_run_stores_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "question,answer\nq,a\n,b\n")
    report = asyncio.run(import_file(None, 0, path, lambda: 1))
    assert report.skipped_count == 1
    assert tuple(report.counts) == (0, 0, 0)


def test_the_report_keeps_its_size(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", "{\n" * 3000)
    report = asyncio.run(import_file(None, 0, path, lambda: 1))
    assert (report.skipped_count, len(report.skipped)) == (3000, 1000)
    assert "… and 2980 more" in report.lines("en")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_at_a_terminal_only() -> None:
    quiet = io.StringIO()
    with Progress("导入", 10, quiet) as progress:
        progress.to(5)
    assert quiet.getvalue() == ""
    screen = Terminal()
    with Progress("导入", 10, screen) as progress:
        progress.to(5)
        progress.add(1)  # within a tenth of a second: not drawn again
    assert screen.getvalue().count("\r") == 2
    assert "50%" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")
    assert width("导入 a") == 6


def test_a_workbook_as_offices_make_them(tmp_path: Path) -> None:
    import datetime

    import openpyxl

    noon = datetime.datetime.fromisoformat("2026-11-11T08:00")  # a workbook knows no time zones
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["问题", "答案", "相似问", "编号", "启用", "生效", "链接"],
                ["怎么退货", "七天内可以。", "退货|我要退", 12, True, noon, None],
                [None, None, None, None, None, None, None],
                ["几天发货", "48 小时", "", "ship", False, "2026/12/1", "尺码表 https://shop.example/sizes"]):
        sheet.append(row)
    book.save(tmp_path / "表.xlsx")
    first, second = good(tmp_path / "表.xlsx")
    assert (first.key, first.variants, first.enabled, first.valid_from) == (
        "12", ("退货", "我要退"), True, 1_794_384_000_000)
    assert (second.enabled, second.valid_from) == (False, 1_796_083_200_000)
    assert [(c.kind, c.url, c.title) for c in second.cards] == [
        ("link", "https://shop.example/sizes", "尺码表")]


def test_a_date_that_is_none_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "kb.csv", "question,answer,valid_until\nq,a,soon\n")
    assert [row.en for row in read_rows(path) if isinstance(row, Bad)] == [
        "valid_until must be a date, such as 2026-11-11 or 2026-11-11T20:00+08:00"]


@pytest.mark.parametrize("name", ["kb.csv", "kb.jsonl"])
def test_what_is_exported_comes_back_the_same(tmp_path: Path, name: str) -> None:
    from zhike.domain.card import Card
    from zhike.ops.kbexport import as_csv, as_jsonl, rows_of

    wanted = [Article(0, 1, "a", "zh", "怎么，\"退\"货", "七天内\n可以", ("退货", "我要退货"), "售后",
                      enabled=False, inboxes=("shop", "vip"), valid_from=1_794_384_000_000,
                      valid_until=1_796_083_200_123,
                      cards=(Card("image", "/size.png", "尺码 表"), Card("link", "https://x.example/")),
                      source="guide.md"),
              Article(0, 1, "a", "en", "How to return?", "Within 7 days.")]

    async def main() -> list[dict[str, str]]:
        store = open_store(f"sqlite:///{tmp_path}/zhike.db", tmp_path)
        await store.open()
        bot = await store.write(bots.create_bot, Bot(0, "b", "b"), 1)
        await store.write(articles.put_articles, bot.id, wanted, 1)
        rows = await store.read(lambda conn: list(rows_of(conn, bot.id)))
        await store.close()
        return rows

    form = as_csv if name.endswith("csv") else as_jsonl
    path = write(tmp_path / name, "".join(form(asyncio.run(main()))))
    assert [msgspec.structs.replace(a, bot_id=1) for a in good(path)] == wanted
