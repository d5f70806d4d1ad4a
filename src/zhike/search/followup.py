"""Questions that lean on what was said before: 那运费呢？ — and what about the small one?

Such a question is not searched alone but with the topic carried over. Whether one leans is read off
its words only; whether that matters (there may be no topic, or a phrasing may say exactly this) is for
the caller to decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from zhike.search.terms import COMMON, runs, stem, strip_politeness
from zhike.search.text import normalise

MAX_LEANING_CHARS = 24
"""A Chinese question longer than this says itself what it is about …"""
MAX_LEANING_WORDS = 12
"""… and so does an English one of more words, unless it begins by leaning."""

_starts_zh = re.compile("^(?:嗯|哦|噢|好的|好|行|ok)*(?:那么|那要是|那如果|那(?!里|边|款|件|个|种|些|儿|"
                        "时候|天|年|家)|"
                        "要是|如果是|如果|换成|还有|另外|然后|但是|可是|而且|包括)")
_points_zh = re.compile("它|这个|那个|这款|那款|这件|那件|这样|那样|这种|那种|这家|那家|这些|那些|前面|"
                        "上面|刚才|刚刚|"
                        "(?:^|[^\\w])(?:这|那)(?:要|能|会|可以|得|是|有)")
_filler_zh = re.compile("^(?:嗯|哦|噢|好的|好|行|ok)+|^(?:那么|那要是|那如果|那我|那(?!里|边|儿)|要是|"
                        "如果是|如果|换成|还有|另外|然后|"
                        "但是|可是|而且)+|(?:它|这个|那个|这款|那款|这件|那件|这样|那样|这种|那种|这些|"
                        "那些)的?|"
                        "(?:的话)?(?:怎么样)?呢$|的话$")
_starts_en = re.compile("^(?:ok |okay |oh |alright |great |thanks )*(?:and|but|so|then|what about|"
                        "how about|what if|or|also|"
                        "plus|in that case)\\b")
_points_en = re.compile("\\b(?:it|its|those|these|they|them|(?:this|that) one|the [a-z]+ ones?|the same|"
                        "that|this)$|"
                        "\\b(?:it|its|they|them|those|these)\\b")
_filler_en = re.compile("^(?:(?:ok|okay|oh|alright|great|thanks|and|but|so|then|also|or|plus|in that case|"
                        "what about|"
                        "how about|what if)\\b ?)+|\\b(?:it|its|that|this|those|these|they|them|instead|"
                        "then|too)\\b")
_whole_zh = re.compile("吗|么|没有|不.呢|哪|谁|怎|多少|多久|几|什么|为何|如何")
"""With one of these, 呢 ends a question that is whole."""
_spaces = re.compile(" +").sub


def leans(question: str) -> bool:
    """True if ``question`` (as typed or normalised) is incomplete by itself."""
    norm = strip_politeness(normalise(question))
    if not norm or not any(map(str.isalnum, norm)):
        return False
    if norm.isascii():
        words = norm.split()
        if _starts_en.search(norm):
            return len(words) <= 2 * MAX_LEANING_WORDS
        if len(words) > MAX_LEANING_WORDS:
            return False
        bare = [word for word in words if stem(word) not in COMMON]
        return (_points_en.search(norm) is not None and len(bare) <= 3) or (not bare and len(words) > 1)
    if len(norm) > MAX_LEANING_CHARS:
        return False
    if _starts_zh.search(norm):
        return True
    if norm[-1] == "呢" and len(norm) <= 12 and _whole_zh.search(norm) is None:
        return True
    return _points_zh.search(norm) is not None or not content(norm)


def content(norm: str) -> list[str]:
    """The characters and words of a text that are not what any question is made of."""
    found: list[str] = []
    for run in runs(norm):
        if run.isascii():
            if stem(run) not in COMMON:
                found.append(run)
        else:
            for pair in _asking_zh.sub(" ", run).split():
                found += [char for char in pair if char not in COMMON]
    return found


_asking_zh = re.compile("什么时候|多少钱|多长时间|为什么|怎么办|怎么样|怎么|什么|多久|多少|几天|可以|"
                        "能不能|有没有|是不是|需要|"
                        "大概|一般|到底|现在|还是|或者|一定|收费|免费|贵")


def core(question: str) -> str:
    """What the question itself asks, normalised, without what makes it lean; "" if nothing is left."""
    norm = strip_politeness(normalise(question))
    bare = (_filler_en if norm.isascii() else _filler_zh).sub(" " if norm.isascii() else "", norm)
    return _spaces(" ", bare).strip()


def carry(question: str, topic_question: str, history: Sequence[str] = ()) -> list[str]:
    """The texts to search instead, normalised: what is asked alone ("" if that is nothing), the same
    with the topic, and, if there was one, with what the visitor asked last.

    Args:
        topic_question: the title of the article that was talked about.
        history: the visitor's earlier questions, oldest first.
    """
    bare = core(question)
    topic = strip_politeness(normalise(topic_question))
    texts = [bare, f"{topic} {bare}".strip()]
    if history:
        last = strip_politeness(normalise(history[-1]))
        if last and last != topic:
            texts.append(f"{last} {bare}".strip())
    return texts
