"""Long texts are found by what they say at their beginning."""

from __future__ import annotations

import pytest

from zhike.answer.confidence import DEFAULT_THRESHOLD, confidence, told
from zhike.search.index import Document, Index
from zhike.search.prose import SILENT, Prose, prose_terms
from zhike.search.text import normalise

FILLER = "感谢您的支持，我们会认真对待每一位顾客的意见，祝您生活愉快，万事如意。" * 4


def test_the_beginning_counts_more() -> None:
    prose = Prose([(0, normalise(FILLER + "滑雪保险")), (1, normalise("滑雪保险" + FILLER)), (2,
                                                                                              normalise(FILLER))])
    told = prose.ask(prose_terms("滑雪保险多少钱"), 3)
    assert [number for number, _ in told.texts] == [1, 0]
    assert 0 < told.texts[1][1] < told.texts[0][1] < 1
    assert told.lead == pytest.approx(1 - told.texts[1][1] / told.texts[0][1])
    assert 0 < told.held < 1  # 多少钱 stands nowhere


def test_what_a_text_names_again_says_more_than_what_is_dropped_in_passing() -> None:
    texts = [(number, f"滑雪去滑雪{FILLER}我妈妈说" if number < 5 else FILLER) for number in range(20)]
    prose = Prose([(number, normalise(text)) for number, text in texts])
    assert prose.weight("滑雪") > 1.2 * prose.weight("妈妈") > 0
    assert prose.weight("下雨") == 0


def test_a_text_that_says_a_thing_once_and_late_beats_one_that_does_not() -> None:
    """Length takes nothing more away than the place does."""
    texts = [FILLER * 20 + "滑雪保险", "保险" + FILLER, FILLER]
    prose = Prose([(number, normalise(text)) for number, text in enumerate(texts)])
    scores = dict(prose.ask(["滑雪"], 3).texts)
    assert list(scores) == [0]
    assert scores[0] > 0.15


def test_nothing_said_is_nothing_found() -> None:
    assert Prose([]).ask(["滑"], 3) == SILENT
    assert Prose([(0, "天气")]).ask(prose_terms("滑雪"), 3) == SILENT


def test_what_is_read_is_bounded_and_the_rest_is_finished() -> None:
    """A common term cannot hide the article that also says the rare one."""
    texts = [(number, normalise(f"保险{FILLER}")) for number in range(3_000)]
    texts.append((3_000, normalise(f"保险，帆船比赛{FILLER}")))
    told = Prose(texts).ask(prose_terms("帆船保险"), 3)
    [(number, best), *_] = told.texts
    assert number == 3_000
    assert best > 0.5


def test_answers_find_their_article_when_no_phrasing_does() -> None:
    index = Index([Document(("套餐一",), f"赛龙舟可以投保水上运动保险。{FILLER}"),
                   Document(("套餐二",), f"自驾出行可以投保旅游保险。{FILLER}")])
    found = index.find(normalise("端午赛龙舟买什么险"))
    assert found.matches[0].document == 0
    assert found.matches[0].text > 0


def test_a_table_of_texts_without_questions() -> None:
    texts = [f"{subject}可以这样处理。{FILLER}" for subject in ("行李丢失", "航班延误", "护照过期",
                                                                "酒店取消")]
    index = Index([Document((text,)) for text in texts])
    assert [index.find(normalise(ask)).matches[0].document for ask in ("护照过期怎么办",
                                                                       "航班延误赔吗")] == [2, 1]
    assert index.find(normalise(texts[3])).exact


PASSAGES = [f"{subject}{FILLER}" for subject in (
    "行李丢失以后请在到达大厅的柜台登记，带上登机牌和行李牌", "航班延误四小时以上可以申请改签",
    "护照过期请到出入境大厅补办", "酒店取消要提前一天", "行李超重按公斤收费", "签证被拒可以退还服务费")]


def test_a_text_that_leaves_the_others_behind_is_sure_and_its_double_is_not() -> None:
    """Passages without questions: before, nothing of them was ever answered."""
    asked = normalise("行李丢失以后带登机牌到哪个柜台登记")
    alone = Index([Document((text,)) for text in PASSAGES]).find(asked)
    assert alone.matches[0].document == 0
    assert confidence(alone) >= DEFAULT_THRESHOLD
    doubled = Index([Document((text,)) for text in [*PASSAGES, PASSAGES[0] + "再见"]]).find(asked)
    assert confidence(doubled) < 0.4
    elsewhere = Index([Document((text,)) for text in PASSAGES[1:]]).find(asked)
    assert confidence(elsewhere) < 0.4


def test_a_text_speaks_for_its_own_article_only() -> None:
    index = Index([Document((text,)) for text in PASSAGES])
    found = index.find(normalise("行李丢失以后带登机牌到哪个柜台登记"))
    assert told(found) == confidence(found)
    assert told(found._replace(matches=found.matches[1:])) == 0.0  # whoever asks may not see the first
