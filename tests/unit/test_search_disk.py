"""The index on disk says what the index in memory says, and survives what disks do."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from zhike.domain.knowledge import Article
from zhike.search.disk import DiskIndex, State
from zhike.search.index import Document, Found, Index
from zhike.search.snapshot import Snapshot
from zhike.search.text import normalise
from zhike.testing.kb import asks, make_kb, perturb

KB = make_kb(600, seed=4)


def build(folder: Path, articles: list[Article], version: int = 1) -> DiskIndex:
    index = DiskIndex(folder)
    assert index.may_write()
    index.reset()
    index.put(articles, [])
    index.commit(State(version, 0, True))
    return index


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build(tmp_path_factory.mktemp("index"), KB).snapshot()


@pytest.fixture(scope="module")
def memory() -> Index:
    return Index([Document(asks(article), article.answer) for article in KB])


def alike(disk: Found, memory: Found) -> bool:
    """The best article by the same numbers; the candidates behind it may differ."""
    if not memory.matches or not disk.matches:
        return not memory.matches and not disk.matches
    a, b = disk.matches[0], memory.matches[0]
    return (KB[b.document].id, b.phrasing) == (a.document, a.phrasing) and (
        [round(x, 9) for x in (a.likeness, a.coverage, a.spoken, disk.known, disk.heft)]
        == [round(x, 9) for x in (b.likeness, b.coverage, b.spoken, memory.known, memory.heft)]
    ) and (disk.exact, disk.slips) == (memory.exact, memory.slips) and abs(a.text - b.text) < 0.02


def test_the_same_question_gets_the_same_numbers(shown: Snapshot, memory: Index) -> None:
    rng = random.Random(1)
    same = right = 0
    for _ in range(300):
        article = rng.choice(KB)
        norm = normalise(perturb(rng.choice(asks(article)), rng))
        found = shown.find(norm)
        same += alike(found, memory.find(norm))
        right += bool(found.matches) and found.matches[0].document == article.id
    # ties between neighbours that share all of a short question may fall either way
    assert same >= 290
    assert right >= 290


def test_every_phrasing_is_found_word_for_word(shown: Snapshot) -> None:
    for article in KB[::7]:
        for row, phrasing in enumerate(asks(article)):
            found = shown.find(normalise(phrasing))
            assert found.exact
            assert (found.matches[0].document, found.matches[0].phrasing) == (article.id, row)


def test_articles_and_twins_are_read_from_the_index(shown: Snapshot) -> None:
    for article in KB[::50]:
        assert shown.article(article.id) == article
        other = "en" if article.lang == "zh" else "zh"
        twin = shown.twin(article.key, other)
        assert twin is not None
        assert (twin.key, twin.lang) == (article.key, other)
    assert shown.article(10_000) is None
    assert shown.twin("no such key", "zh") is None


def test_slips_are_put_right_without_a_dictionary_in_memory(shown: Snapshot, memory: Index) -> None:
    for text in ("hwo long does shippng of the necklace take", "pleese is the sweter in stock",
                 "wich materail is the necklace made of"):
        assert shown.find(normalise(text)).slips == memory.find(normalise(text)).slips


TUNED = [
    Article(1, 1, "return", "zh", "怎么退货", "七天内可以退货，运费由我们出。",
            variants=("退货流程", "想退货怎么弄")),
    Article(2, 1, "ship", "zh", "什么时候发货", "拍下后四十八小时内发货。", variants=("多久发货",)),
    Article(3, 1, "lamp", "zh", "CH326台灯怎么调光", "长按开关三秒，CH326进入调光。"),
    Article(4, 1, "lamp2", "zh", "CH328台灯怎么调光", "转动旋钮。"),
    Article(5, 1, "fan", "en", "Is the H10682 fan quiet?", "The H10682 runs at 38 dB."),
    Article(6, 1, "case", "zh", "保护套", "本店的手机保护套用食品级硅胶做成，防摔防滑，"
            "支持无线充电，不发黄，可以水洗，有六种颜色。"
            "如果收到的保护套有划痕，请在签收后两天内联系我们补发。"),
    Article(7, 1, "warm", "zh", "羽绒服说明", "羽绒服请勿机洗，用三十度以下的温水手洗，"
            "平铺晾干后轻拍恢复蓬松；收纳时不要压缩。"),
    Article(8, 1, "note", "zh", "本店所有的瓷器在出窑之后都要经过三道检查，第一道看釉面有没有针孔，"
            "第二道听敲击的声音是不是清脆，第三道量尺寸有没有超出公差，三道都过了才会贴上合格证装进木箱里发给您，"
            "请您放心选购并保留木箱", "见说明。"),
    *KB[8:300],
]
GROUPS = (("短袖", "T恤", "tee"), ("退货", "退掉"))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, Index]:
    index = DiskIndex(tmp_path_factory.mktemp("tuned"), GROUPS)
    assert index.may_write()
    index.reset()
    index.put(TUNED, [])
    index.commit(State(1, 0, True))
    return index.snapshot(), Index([Document(asks(article), article.answer) for article in TUNED], GROUPS)


@pytest.mark.parametrize(("question", "number"), [
    ("怎么退掉", 1), ("tuihuo liucheng", 1), ("zenme tuihuo", 1), ("tui货流程", 1), ("推或流程", 1),
    ("quietzenme tuihuo", 1),
    ("duojiu fahuo", 2), ("多就发货", 2), ("CH326怎么调光", 3), ("ch 328 台灯怎么调光", 4),
    ("ch-326 调光", 3), ("is h 10682 quiet", 5), ("保护套会发黄吗", 6), ("羽绒服能不能机洗", 7),
    ("瓷器出窑之后检查几道", 8)])
def test_a_large_knowledge_base_reads_as_a_small_one(tuned: tuple[Snapshot, Index], question: str,
                                                     number: int) -> None:
    disk, memory = tuned
    norm = normalise(question)
    found, wanted = disk.find(norm), memory.find(norm)
    assert TUNED[wanted.matches[0].document].id == number
    assert found.matches[0].document == number
    assert (found.exact, found.slips) == (wanted.exact, wanted.slips)
    assert found.matches[0].score == pytest.approx(wanted.matches[0].score, abs=0.02)
    assert found.told.lead == pytest.approx(wanted.told.lead, abs=0.05)
    assert found.told.held == pytest.approx(wanted.told.held, abs=0.02)


def test_what_names_another_code_is_no_answer(tuned: tuple[Snapshot, Index]) -> None:
    for shelf in tuned:
        found = shelf.find(normalise("CH329台灯怎么调光"))
        assert found.matches[0].likeness < 0.4, "the article is about another lamp"


def test_an_index_made_with_other_synonyms_is_not_used(tmp_path: Path) -> None:
    index = build(tmp_path, TUNED[:9])
    old = index.snapshot()
    index.respell(GROUPS)
    assert index.open() is None
    index.reset()
    index.put(TUNED[:9], [])
    index.commit(State(1, 0, True))
    assert index.snapshot().find(normalise("怎么退掉")).exact
    assert not old.find(normalise("怎么退掉")).exact, "what was opened before answers as before"
    assert old.find(normalise("怎么退货")).exact
    assert old.make != index.snapshot().make


def test_nothing_is_found_of_nothing(shown: Snapshot) -> None:
    assert shown.find("qqqq zzzz").matches == []
    assert shown.find("").matches == []


def test_an_edit_replaces_and_a_removal_removes(tmp_path: Path) -> None:
    index = build(tmp_path, KB[:50])
    old = KB[3]
    index.put([msgspec.structs.replace(old, question="星期天开门吗", variants=())], [KB[4].id])
    index.commit(State(2, 0, True))
    shown = index.snapshot()
    assert (shown.version, shown.size) == (2, 49)
    assert shown.find("星期天开门吗").exact
    assert shown.find("星期天开门吗").matches[0].document == old.id
    assert not shown.find(normalise(old.question)).exact
    assert shown.article(KB[4].id) is None
    index.put([msgspec.structs.replace(old, enabled=False)], [])
    index.commit(State(3, 0, True))
    assert index.snapshot().article(old.id) is None


def test_two_articles_that_claim_a_phrasing_are_compared(tmp_path: Path) -> None:
    twice = [Article(1, 1, "a", "zh", "怎么退货", "去订单页", variants=("退货流程",)),
             Article(2, 1, "b", "zh", "怎么退货", "打电话"), *KB[2:30]]
    found = build(tmp_path, twice).snapshot().find("怎么退货")
    assert not found.exact
    assert {match.document for match in found.matches[:2]} == {1, 2}


def test_it_is_opened_as_it_was_left(tmp_path: Path) -> None:
    build(tmp_path, KB[:50], version=7).close()
    again = DiskIndex(tmp_path)
    assert again.open() == State(7, 0, True)
    assert again.snapshot().size == 50


def test_another_make_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path, KB[:50]).close()
    monkeypatch.setattr("zhike.search.disk.make", lambda: "0123456789ab")
    later = DiskIndex(tmp_path)
    assert later.open() is None
    assert later.may_write()
    later.reset()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["0123456789ab"]


def test_one_writes_and_the_other_takes_over(tmp_path: Path) -> None:
    first = build(tmp_path, KB[:50])
    second = DiskIndex(tmp_path)
    assert second.open() == State(1, 0, True)
    assert not second.may_write()
    first.put([KB[60]], [])
    first.commit(State(2, 0, True))
    assert second.state() == State(2, 0, True)
    assert second.snapshot().article(KB[60].id) == KB[60]
    first.close()
    assert second.may_write()
    second.put([KB[61]], [])
    second.commit(State(3, 0, True))
    assert second.snapshot().size == 52


@pytest.mark.parametrize("damage", ["meta", "truncated", "junk", "missing"])
def test_a_damaged_folder_is_noticed(tmp_path: Path, damage: str) -> None:
    build(tmp_path, KB[:80]).close()
    index = DiskIndex(tmp_path)
    for file in list(index.path.iterdir()):
        if damage == "meta" and file.name == "meta.json":
            file.write_text("{")
        elif file.suffix in (".store", ".term", ".idx"):
            if damage == "truncated":
                file.write_bytes(file.read_bytes()[:40])
            elif damage == "junk":
                file.write_bytes(random.Random(1).randbytes(file.stat().st_size))
            elif damage == "missing":
                file.unlink()
    if index.open() is not None:  # what opens all the same is noticed by the first question
        found = index.snapshot().find(normalise(KB[5].question))
        assert found.matches == []
    assert index.damaged
    assert index.may_write()
    index.reset()
    index.put(KB[:80], [])
    index.commit(State(1, 0, True))
    assert index.snapshot().find(normalise(KB[5].question)).exact


WRITER = """
import sys
from pathlib import Path
from zhike.search.disk import DiskIndex, State
from zhike.testing.kb import make_kb
index = DiskIndex(Path(sys.argv[1]))
assert index.may_write()
index.reset()
kb = make_kb(400, seed=9)
print("begin", flush=True)
for n in range(1, 400):
    index.put([kb[n]], [kb[n - 1].id] if n % 3 == 0 else [])
    index.commit(State(n, 0, True))
    print(n, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 23])
def test_kill_9_leaves_a_state_that_was_committed(tmp_path: Path, after: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE,
                               env=dict(os.environ))
    assert process.stdout is not None
    assert process.stdout.readline() == b"begin\n"
    told = 0
    while told < after:
        told = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    told += process.stdout.read().count(b"\n")
    process.wait()
    process.stdout.close()
    index = DiskIndex(tmp_path)
    state = index.open()
    assert state is not None
    assert told <= state.version <= told + 1
    assert index.may_write(), "the lock goes with the process"
    kb = make_kb(400, seed=9)
    here = set(range(1, state.version + 1)) - {n - 1 for n in range(1, state.version + 1) if n % 3 == 0}
    shown = index.snapshot()
    assert shown.size == len(here)
    assert all(shown.article(kb[n].id) == kb[n] for n in here)
    index.put([kb[399]], [])
    index.commit(State(500, 0, True))
    assert index.snapshot().version == 500
