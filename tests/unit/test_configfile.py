"""Configuration files: read with places, applied once, exported byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from zhike.config import ConfigError
from zhike.errors import ZhikeError
from zhike.ops.configfile import Document, export, read_files, read_text
from zhike.ops.configplan import Plan, apply, apply_once, describe, make_plan
from zhike.ops.yamlfile import write
from zhike.sample import CONFIG_FILES
from zhike.store import articles, bots, inboxes, rules, tables

SMALL = """\
zhike: 1
bots:
  - key: shop
    name: 小知
    settings: {answer_threshold: 0.8, fallback: {zh: 不清楚, en: no}}
inboxes:
  - {key: web, bot: shop, settings: {origins: ["*"]}}
articles:
  - key: size
    bot: shop
    lang: zh
    question: 尺码怎么选？
    variants: [no, 12, "on", 多大码]
    answer: |
      第一行
      第二行
    buttons: [转人工, {label: 看表, url: https://shop.example/size}]
rules:
  - {key: hello, bot: shop, kind: exact, match: [你好], reply: 您好, opener: true}
"""


def fresh() -> Connection:
    conn = create_engine("sqlite://").connect()
    tables.metadata.create_all(conn)
    return conn


@pytest.fixture
def conn() -> Iterator[Connection]:
    with fresh() as made:
        yield made


def text_of(conn: Connection) -> str:
    return "".join(export(conn))


def said(error: pytest.ExceptionInfo[ConfigError]) -> str:
    return "\n".join(problem.text("en") for problem in error.value.problems)


def numbers(plan: Plan) -> tuple[int, int, int, int]:
    return plan.count("add"), plan.count("change"), plan.count("delete"), plan.same


def test_the_sample_shop_applies_and_comes_back_equal(conn: Connection) -> None:
    document = read_files(CONFIG_FILES)
    total = sum(len(entries) for entries in document.entries.values())
    assert total > 150
    assert numbers(apply(conn, document, 1000)) == (total, 0, 0, 0)
    before = text_of(conn)
    versions = bots.knowledge_versions(conn)
    assert numbers(apply(conn, document, 2000)) == (0, 0, 0, total)
    assert (text_of(conn), bots.knowledge_versions(conn)) == (before, versions)
    with fresh() as other:
        apply(other, read_text(before), 5000)
        assert text_of(other) == before
    assert yaml.safe_load(before)["zhike"] == 1


def test_words_and_flags_of_settings_come_back(conn: Connection) -> None:
    more = SMALL.replace("answer_threshold:", "forbidden: [最便宜, '12'], answer_threshold:")
    apply(conn, read_text(more), 1)
    bot = bots.get_bot_by_key(conn, "shop")
    assert bot is not None
    assert bot.settings["forbidden"] == ["最便宜", "12"]
    flags = "zhike: 1\ninboxes:\n- {key: web, bot: shop, settings: {mask_pii: true}}\n"
    apply(conn, read_text(flags), 2)
    box = inboxes.get_inbox_by_key(conn, "web")
    assert box is not None
    assert box.settings == {"mask_pii": True}
    assert "mask_pii: true" in text_of(conn)


def test_texts_are_what_stands_there(conn: Connection) -> None:
    apply(conn, read_text(SMALL), 1)
    bot = bots.get_bot_by_key(conn, "shop")
    assert bot is not None
    article = articles.all_for_bot(conn, bot.id)[0]
    assert article.variants == ("no", "12", "on", "多大码")
    assert article.answer == "第一行\n第二行"
    assert [button.label for button in article.buttons] == ["转人工", "看表"]
    assert bot.settings["answer_threshold"] == 0.8
    assert rules.all_for_bot(conn, bot.id)[0].opener is True
    box = inboxes.get_inbox_by_key(conn, "web")
    assert box is not None
    assert (box.name, box.channel, box.bot_id) == ("web", "web", bot.id)


@pytest.mark.parametrize(("old", "new", "line", "expected"), [
    ("zhike: 1", "zhike: 2", 1, "version of the format"),
    ("inboxes:", "inbxes:", 6, "did you mean inboxes"),
    ("    question: 尺码怎么选？", "    qestion: 尺码怎么选？", 12, "did you mean question"),
    ("    question: 尺码怎么选？\n", "", 9, "lacks question"),
    ("    lang: zh", "    lang: fr", 11, "neither zh nor en"),
    ("    bot: shop\n    lang", "    bot: shpo\n    lang", 9, "there is no bot 'shpo'"),
    ("kind: exact", "kind: magic", 19, "none of exact, keyword"),
    ("match: [你好]", "match: 你好", 19, "needs a list"),
    ("opener: true", "opener: perhaps", 19, "needs true or false"),
    ("opener: true", "position: soon", 19, "needs a whole number"),
    ("https://shop.example/size", "javascript:alert(1)", 17, "buttons[1].url"),
    ("多大码]", "多大码", 14, "is no valid YAML"),
    ("name: 小知", "name: 小知\n    name: 小识", 5, "stands here twice"),
    ("answer_threshold: 0.8", "answer_threshold: 8", 5, "between 0 and 1"),
    ("answer_threshold", "answer_treshold", 5, "did you mean answer_threshold"),
    ("origins: [\"*\"]", "origins: [shop.example]", 7, "https://host"),
    ("variants: [no, 12,", "variants: [{a: b}, 12,", 13, "needs a text"),
    ("    settings: {answer", "    settings: &x {fallback: *x, answer", 5, "aliases"),
])
def test_mistakes_are_told_with_their_line(conn: Connection, old: str, new: str, line: int,
                                           expected: str) -> None:
    assert old in SMALL
    with pytest.raises(ConfigError) as error:
        apply(conn, read_text(SMALL.replace(old, new, 1), "f.yaml"), 1)
    places = [where for where in said(error).splitlines() if expected in where]
    assert places, said(error)
    assert places[0].startswith(f"f.yaml:{line}: ") or "YAML" in expected
    assert error.value.body("zh").message != error.value.body("en").message


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 5000, "- " * 100_000, "? " * 50_000, "a: \x00", "",
                                  "- 1\n---\n- 2\n", "%YAML 9.9\n---\na: 1", "!!python/object:os.system {}",
                                  "zhike: 1\nbots: [&a [*a]]", "zhike: 1\nbots: [{key: a, ? [x] : 1}]"])
def test_hostile_files_are_refused_not_fatal(text: str) -> None:
    with pytest.raises(ConfigError):
        read_text(text)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL.replace("kind: exact", "kind: magic"))
    (tmp_path / "b.yaml").write_text("zhike: 1\narticles:\n  - {key: size, bot: shop, lang: zh, "
                                     "question: q, answer: a}\n")
    with pytest.raises(ConfigError) as error:
        read_files([tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "absent.yaml"])
    text = said(error)
    assert "a.yaml:19" in text
    assert f"b.yaml:3: shop size zh stands in {tmp_path / 'a.yaml'}:9 already" in text
    assert "absent.yaml: cannot be read" in text


def test_a_change_is_said_like_a_person_reads_it(conn: Connection) -> None:
    apply(conn, read_text(SMALL), 1)
    edited = SMALL.replace("第二行", "新的第二行").replace("match: [你好]", "match: [你好, 在吗]").replace(
        "zh: 不清楚", "zh: 不知道")
    edited += "  - {key: bye, bot: shop, kind: exact, match: [再见], reply: 慢走}\n"
    plan = make_plan(conn, read_text(edited))
    lines = "\n".join(describe(plan, "zh"))
    assert "~ 机器人 shop  小知\n    settings.fallback.zh: 不清楚 → 不知道" in lines
    assert "~ 知识条目 size zh @shop  尺码怎么选？\n    answer:\n      - 第二行\n      + 新的第二行" in lines
    assert "    match:\n      + 在吗" in lines
    assert "+ 规则 bye @shop  慢走" in lines
    assert lines.endswith("新增 1，修改 3，删除 0，不变 1")
    assert numbers(make_plan(conn, read_text(SMALL))) == (0, 0, 0, 4)  # making a plan changes nothing


def test_nothing_goes_without_prune(conn: Connection) -> None:
    apply(conn, read_text(SMALL), 1)
    less = read_text("zhike: 1\nbots: [{key: shop, name: 小知}]\narticles: []\n")
    assert make_plan(conn, less).count("delete") == 0
    plan = apply(conn, less, 2, prune=True)
    assert [(c.noun, c.identity) for c in plan.changes if c.kind == "delete"] == [
        ("articles", ("shop", "size", "zh"))]  # rules and inboxes do not stand in the file
    bot = bots.get_bot_by_key(conn, "shop")
    assert bot is not None
    assert articles.count_articles(conn, bot.id) == 0
    assert len(rules.all_for_bot(conn, bot.id)) == 1
    apply(conn, read_text("zhike: 1\nbots: []\ninboxes: []\n"), 3, prune=True)
    empty = yaml.safe_load(text_of(conn))
    assert empty.pop("zhike") == 1
    assert set(map(str, empty.values())) == {"[]"}


def test_what_is_in_use_is_not_pruned(conn: Connection) -> None:
    apply(conn, read_text(SMALL), 1)
    with pytest.raises(ZhikeError, match="conflict"):
        apply(conn, read_text("zhike: 1\nbots: []\n"), 2, prune=True)


@pytest.mark.parametrize("name", ["identity_secret", "callback_secret"])
def test_a_secret_is_neither_exported_nor_lost(conn: Connection, name: str) -> None:
    secret = "0123456789abcdef0123"
    apply(conn, read_text(SMALL.replace('origins: ["*"]', f"{name}: {secret}")), 1)
    assert secret not in text_of(conn)
    exported = read_text(text_of(conn))
    assert make_plan(conn, exported).changes == []
    apply(conn, read_text(text_of(conn).replace("name: web", "name: 网店")), 2)
    box = inboxes.get_inbox_by_key(conn, "web")
    assert box is not None
    assert (box.name, box.settings[name]) == ("网店", secret)
    other = SMALL.replace('origins: ["*"]', f"{name}: ffffffffffffffff0000")
    plan = make_plan(conn, read_text(other))
    shown = "\n".join(describe(plan, "en"))
    assert f"settings.{name}: *** → ***" in shown
    assert "ffff" not in shown


def test_the_sample_never_comes_back_over_edits(conn: Connection) -> None:
    document = read_text(SMALL)
    assert apply_once(conn, document, "sample", 10) is True
    before = text_of(conn)
    apply(conn, read_text(before.replace("第二行", "店主改过")), 11)
    assert apply_once(conn, document, "sample", 12) is False
    assert "店主改过" in text_of(conn)
    apply(conn, read_text("zhike: 1\nbots: []\ninboxes: []\n"), 13, prune=True)
    assert apply_once(conn, document, "sample", 14) is False
    assert "shop" not in text_of(conn)


def test_the_sample_does_not_join_a_shop_that_is_there(conn: Connection) -> None:
    apply(conn, read_text("zhike: 1\nbots: [{key: own}]\n"), 1)
    assert apply_once(conn, read_text(SMALL), "sample", 2) is False


def test_files_may_be_merged_in_pieces(conn: Connection, tmp_path: Path) -> None:
    head, _, tail = SMALL.partition("articles:\n")
    (tmp_path / "1.yaml").write_text(head, "utf-8")
    (tmp_path / "2.yaml").write_text("\ufeffzhike: 1\narticles:\n" + tail.replace("\n", "\r\n"), "utf-8")
    merged = read_files([tmp_path / "1.yaml", tmp_path / "2.yaml"])
    apply(conn, merged, 1)
    with fresh() as other:
        apply(other, read_text(SMALL), 1)
        assert text_of(other) == text_of(conn)


WILD = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["", "no", "~", "1", "1.5", "- a", "a: b", "# c", "a\nb", "a\n\n  b", "\ta", "a\n", "x\u2028y",
     "\x85", "😀", "'", '"', "\\",
     "2024-01-01", "=", "<<", "a\n\tb", "👍\nb", "null", "0x1f", "é: ", "\ufeff"])


@settings(max_examples=400, deadline=None)
@given(st.recursive(WILD, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True), inner, max_size=4), max_leaves=12))
def test_what_is_written_is_read_back(value: Any) -> None:
    read = yaml.safe_load("\n".join(write({"value": value})) + "\n")
    assert read == {"value": value}


def test_equal_content_is_equal_bytes_whatever_the_order(conn: Connection) -> None:
    document = read_files(CONFIG_FILES)
    turned = Document({noun: dict(reversed(list(entries.items())))
                       for noun, entries in document.entries.items()}, document.sections)
    apply(conn, document, 1)
    with fresh() as other:
        apply(other, turned, 1)
        assert text_of(other) == text_of(conn)


# ---- tools and flows ---------------------------------------------------------------------------------

SHOP = """\
zhike: 1
bots: [{key: shop}]
tools:
  - key: stock
    bot: shop
    kind: http
    description: How many are left
    parameters: {type: object, properties: {sku: {type: string, maxLength: 9}, n: {type: integer}}}
    http: {url: "https://x.io/{sku}", method: POST, body: {n: "{n}", b: [1, 2.5, true, null, "on", "12"]}}
    timeout_s: 2
flows:
  - key: ask
    bot: shop
    title: 问库存
    starts: [88, on, 库存]
    steps:
      - {ask: sku, prompt: {zh: 哪一件？, en: Which?}, retries: 1}
      - {call: stock, arguments: {sku: "{sku}", n: 1}, save: left}
      - {say: {zh: "{left.text}", en: "{left.text}"}}
rules:
  - {key: stock, bot: shop, kind: keyword, match: [库存], action: "flow:ask"}
"""


def test_tools_and_flows_come_back_as_they_were_written(conn: Connection) -> None:
    assert numbers(apply(conn, read_text(SHOP), 1)) == (4, 0, 0, 0)
    assert numbers(apply(conn, read_text(SHOP), 2)) == (0, 0, 0, 4)
    text = text_of(conn)
    written = yaml.safe_load(text)
    assert written["tools"][0]["http"]["body"] == {"n": "{n}", "b": [1, 2.5, True, None, "on", "12"]}
    assert written["flows"][0]["starts"] == ["88", "on", "库存"]
    assert written["flows"][0]["steps"][1]["arguments"] == {"sku": "{sku}", "n": 1}
    with fresh() as other:
        apply(other, read_text(text), 9)
        assert text_of(other) == text


def test_a_change_of_a_flow_is_shown_step_by_step(conn: Connection) -> None:
    apply(conn, read_text(SHOP), 1)
    edited = SHOP.replace("哪一件？", "哪一件商品？").replace("timeout_s: 2", "timeout_s: 3")
    plan = make_plan(conn, read_text(edited))
    lines = "\n".join(describe(plan, "zh"))
    assert "~ 工具 stock @shop" in lines
    assert "timeout_s: 2.0 → 3.0" in lines
    assert "~ 流程 ask @shop  问库存" in lines
    assert "哪一件商品？" in lines


@pytest.mark.parametrize(("before", "after", "line", "words"), [
    ("timeout_s: 2", "timeout: 2", 10, "timeout_s"), ("kind: http", "kind: shell", 6, "shell"),
    ("{left.text}\", en", "{right.text}\", en", 19, "right.text"),
    ("retries: 1", "retries: many", 17, "whole number"),
    ("call: stock", "call: stok", 12, "no tool 'stok'"), ("flow:ask", "flow:aks", 21, "no flow 'aks'"),
    ("{sku}\", method", "{skuu}\", method", 9, "skuu"), ("maxLength: 9", "maxLen: 9", 8, "maxLen")])
def test_what_is_wrong_is_said_with_its_line(conn: Connection, before: str, after: str, line: int,
                                            words: str) -> None:
    with pytest.raises(ConfigError) as error:
        make_plan(conn, read_text(SHOP.replace(before, after)))
    assert words in said(error)
    assert f":{line}" in said(error)


def test_rules_go_before_their_flows_and_flows_before_their_tools(conn: Connection) -> None:
    apply(conn, read_text(SHOP), 1)
    with pytest.raises(ZhikeError, match="conflict"):
        apply(conn, read_text("zhike: 1\nbots: [{key: shop}]\ntools: []\n"), 2, prune=True)
    nothing = read_text("zhike: 1\nbots: [{key: shop}]\ntools: []\nflows: []\nrules: []\n")
    plan = apply(conn, nothing, 2, prune=True)
    assert [change.noun for change in plan.changes] == ["rules", "flows", "tools"]
