"""Knowledge bases of any size for benches and tests, and mild perturbations of their questions.

``make_kb`` combines products and topics into bilingual shop articles: neighbours share either
the product or the topic, as a real shop's do, so a search that ignores half of a question is
caught. Everything depends on ``seed`` alone. The words are in ``kb_words.txt`` beside this file.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from zhike.domain.knowledge import Article


class Topic(NamedTuple):
    """What can be asked of a product; ``{p}`` is its name. Pairs are (Chinese, English)."""

    key: str
    phrasings: tuple[tuple[str, ...], tuple[str, ...]]
    answers: tuple[str, str]


def _words() -> tuple[tuple[tuple[str, str], ...], tuple[Topic, ...]]:
    text = (Path(__file__).parent / "kb_words.txt").read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if not line.startswith("#")]
    products, *topics = "\n".join(lines).strip().split("\n\n")
    pairs = [line.split(" | ") for line in products.split("\n")]
    blocks = [block.split("\n") for block in topics]
    return (tuple((zh, en) for zh, en in pairs),
            tuple(Topic(key, (tuple(zh.split(" | ")), tuple(en.split(" | "))), (in_zh, in_en))
                  for key, zh, en, in_zh, in_en in blocks))


PRODUCTS, TOPICS = _words()

_POLITE_ZH = (("请问", ""), ("你好，", ""), ("您好，请问", ""), ("麻烦问一下，", ""), ("", "，谢谢"),
              ("亲，", ""), ("想问下", ""), ("", "，麻烦了"), ("", "呢"), ("在吗，", ""))
_POLITE_EN = (("Hi, ", ""), ("Hello, ", ""), ("please, ", ""), ("", ", thanks"), ("", " please"),
              ("Excuse me, ", ""), ("Hi there! ", ""), ("quick question: ", ""), ("", ", thank you"))
_ENDS_ZH = ("？", "?", "？？", "。", "～", "！", "")
_ENDS_EN = ("?", "??", "!", ".", "", " ?")
_SLIPS_ZH = "的一了是在个这那啊吧么就也都"
"""Characters that slip in when typing in a hurry; none of them turns a question around."""
_COMMON = ("在再做作坐座象像向项炼练连脸和合河喝或货获祸退腿推发法罚费废飞非运晕云价假架家加嘉带代待戴袋"
           "帽冒猫毛包保宝饱报抱用永勇换环欢还缓洗喜希西修休秀羞机鸡几级及极寄记季计色涩瑟社射设单担丹"
           "件见建健间简检减订定顶丁到道倒岛地第弟帝递时使是事式试室实食石湿市视号好浩耗毫")
"""Common characters that stand for others of the same sound."""


def make_kb(n: int, seed: int = 0, *, bot_id: int = 1) -> list[Article]:
    """``n`` distinct articles, half Chinese, half English, with 4 variants each.

    Article ids are 1..n. A Chinese article and its English twin share their ``key``. Beyond
    ``len(PRODUCTS) * len(TOPICS) * 2`` articles, products come with model codes.
    """
    rng = random.Random(seed)
    pairs = (n + 1) // 2
    models = -(-pairs // (len(PRODUCTS) * len(TOPICS)))
    grid = [(m, p, t) for m in range(models) for p in range(len(PRODUCTS)) for t in range(len(TOPICS))]
    articles: list[Article] = []
    for model, product, topic in rng.sample(grid, pairs):
        names = PRODUCTS[product]
        code = f" {'ABCDEFGHJK'[product % 10]}{100 + model}" if model else ""
        for side, lang in enumerate(("zh", "en")):
            if len(articles) == n:
                break
            name = names[side] + code
            spec = TOPICS[topic]
            phrasings = [p.replace("{p}", name) for p in spec.phrasings[side]]
            rng.shuffle(phrasings)
            articles.append(Article(
                id=len(articles) + 1, bot_id=bot_id, key=f"{spec.key}-{product}-{model}", lang=lang,
                question=phrasings[0], variants=tuple(phrasings[1:]), category=spec.key,
                answer=spec.answers[side].replace("{p}", name).replace("{n}", str(rng.randint(2, 99)))))
    return articles


def make_chunks(n: int, seed: int = 0, *, bot_id: int = 1) -> Iterator[Article]:
    """``n`` chunks as an import of manuals makes them, one after the other: a heading, no variants, and
    three paragraphs on one product (200 to 700 characters). Ids are 1..n; half are English."""
    rng = random.Random(seed)
    for i in range(n):
        side, lang = i % 2, ("zh", "en")[i % 2]
        model, rest = divmod(i // 2, len(PRODUCTS) * len(TOPICS))
        product, topic = divmod(rest, len(TOPICS))
        name = f"{PRODUCTS[product][side]} {'ABCDEFGHJK'[product % 10]}{100 + model}"
        spoken = [TOPICS[topic], *rng.sample(TOPICS, 2)]
        text = "\n\n".join([f"{t.phrasings[side][k % len(t.phrasings[side])]}\n{t.answers[side]}"
                            for k, t in enumerate(spoken)])
        yield Article(
            id=i + 1, bot_id=bot_id, key=f"{TOPICS[topic].key}-{product}-{model}", lang=lang,
            question=TOPICS[topic].phrasings[side][0].replace("{p}", name), category=TOPICS[topic].key,
            answer=text.replace("{p}", name).replace("{n}", str(rng.randint(2, 99))), position=i)


def chunk_question(number: int, rng: random.Random) -> str:
    """A question that chunk ``number`` (its id) answers, in other words than its heading."""
    side = (number - 1) % 2
    model, rest = divmod((number - 1) // 2, len(PRODUCTS) * len(TOPICS))
    product, topic = divmod(rest, len(TOPICS))
    name = f"{PRODUCTS[product][side]} {'ABCDEFGHJK'[product % 10]}{100 + model}"
    return rng.choice(TOPICS[topic].phrasings[side]).replace("{p}", name)


def asks(article: Article) -> tuple[str, ...]:
    """Every stored way of asking for ``article``."""
    return (article.question, *article.variants)


def perturb(text: str, rng: random.Random) -> str:
    """The same question as a hurried visitor would type it: one or two small changes.

    One character mistyped, politeness, punctuation, case, traditional characters. Digits, codes
    and short words stay, so the right article stays the right one.
    """
    chinese = any("一" <= c <= "鿿" for c in text)
    ways = [_polite, _mistype, _end, _traditional if chinese else _case]
    for way in rng.sample(ways, rng.choice((1, 2, 2))):
        text = way(text, rng, chinese)
    return text


def _polite(text: str, rng: random.Random, chinese: bool) -> str:
    before, after = rng.choice(_POLITE_ZH if chinese else _POLITE_EN)
    if after:
        text = text.rstrip("？?。.！! ")
    return before + text + after


def _end(text: str, rng: random.Random, chinese: bool) -> str:
    return text.rstrip("？?。.！! ") + rng.choice(_ENDS_ZH if chinese else _ENDS_EN)


def _case(text: str, rng: random.Random, chinese: bool) -> str:
    return rng.choice((text.upper(), text.title(), text.lower()))


def _traditional(text: str, rng: random.Random, chinese: bool) -> str:
    return str(_to_traditional().convert(text))


@cache
def _to_traditional() -> Any:
    import opencc

    return opencc.OpenCC("s2t")


def _mistype(text: str, rng: random.Random, chinese: bool) -> str:
    """One slip of the keyboard: in Chinese a character that sounds the same, is doubled, slipped
    in or swapped; in Latin words a letter replaced, doubled, dropped, inserted or swapped."""
    places = [i for i in range(1, len(text) - 1) if _may_change(text, i, chinese)]
    if not places:
        return text
    i = rng.choice(places)
    a, b = text[i], text[i + 1]
    if chinese:
        alike = _sound_alike().get(a, "")
        if alike and rng.random() < 0.6:
            return text[:i] + rng.choice(alike) + text[i + 1:]
        options = [text[:i] + a + text[i:], text[:i] + rng.choice(_SLIPS_ZH) + text[i:]]
        if _may_change(text, i + 1, True):
            options.append(text[:i] + b + a + text[i + 2:])
        return rng.choice(options)
    slip = rng.choice("abcdefghijklmnoprstuwy")
    options = [text[:i] + slip + text[i + 1:], text[:i] + a + text[i:], text[:i] + slip + text[i:],
               text[:i] + text[i + 1:]]
    if b.isalpha():
        options.append(text[:i] + b + a + text[i + 2:])
    return rng.choice(options)


@cache
def _sound_alike() -> dict[str, str]:
    """Character → others of these texts that sound like it."""
    from zhike.search.sound import sounds

    by_sound: dict[str, set[str]] = {}
    known = sounds()
    for char in {c for topic in TOPICS for p in topic.phrasings[0] for c in p if c in known} | set(_COMMON):
        by_sound.setdefault(known[char], set()).add(char)
    return {c: "".join(sorted(alike - {c})) for alike in by_sound.values() for c in alike}


def _may_change(text: str, i: int, chinese: bool) -> bool:
    if chinese:
        return "一" <= text[i] <= "鿿"
    start = text.rfind(" ", 0, i) + 1
    end = text.find(" ", i)
    word = text[start:end if end > 0 else len(text)].strip("?.,!")
    return text[i].isalpha() and word.isalpha() and len(word) >= 5 and i > start
