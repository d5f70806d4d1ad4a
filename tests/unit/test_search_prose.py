"""Long texts are found by what they say at their beginning."""

from __future__ import annotations

from zhike.search.index import Document, Index
from zhike.search.prose import Prose, prose_terms
from zhike.search.text import normalise

FILLER = "感谢您的支持，我们会认真对待每一位顾客的意见，祝您生活愉快，万事如意。" * 4


def test_the_beginning_counts_more() -> None:
    prose = Prose([(0, normalise(FILLER + "滑雪保险")), (1, normalise("滑雪保险" + FILLER)), (2,
                                                                                              normalise(FILLER))])
    found = prose.best(prose_terms("滑雪保险多少钱"), 3)
    assert [number for _, number in found] == [1, 0]
    assert 0 < found[1][0] < found[0][0] < 1


def test_nothing_said_is_nothing_found() -> None:
    assert Prose([]).best(["滑"], 3) == []
    assert Prose([(0, "天气")]).best(prose_terms("滑雪"), 3) == []


def test_what_is_read_is_bounded_and_the_rest_is_finished() -> None:
    """A common term cannot hide the article that also says the rare one."""
    texts = [(number, normalise(f"保险{FILLER}")) for number in range(3_000)]
    texts.append((3_000, normalise(f"保险，帆船比赛{FILLER}")))
    (best, number), *_ = Prose(texts).best(prose_terms("帆船保险"), 3)
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
