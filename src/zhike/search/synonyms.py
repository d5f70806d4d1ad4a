"""Words that mean the same: one of each group stands for all, in the knowledge and in questions.

A small list of our own holds what is the same in any shop (如何 = 怎么); each bot adds its own groups
(``synonyms`` of its settings: [["退货", "退掉"], ["T恤", "短袖", "tee"]]). Groups may mix languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from zhike.search.text import normalise

BUILT_IN: tuple[tuple[str, ...], ...] = (
    ("怎么", "如何", "怎样", "咋", "怎麽", "咋个"),
    ("怎么样", "咋样", "怎样样"),
    ("怎么办", "咋办", "咋整", "怎么弄", "如何是好"),
    ("什么", "啥", "甚么", "神马", "什麽"),
    ("什么时候", "啥时候", "何时", "几时", "啥时", "啥时间", "什么时间", "多会儿"),
    ("为什么", "为啥", "为何", "干嘛", "怎么会"),
    ("多少钱", "什么价", "啥价", "多少元", "价格多少", "价格是多少", "多钱", "几多钱", "价钱多少", "啥价格",
     "什么价格", "什么价位", "多少米"),
    ("哪里", "哪儿", "何处", "什么地方", "啥地方", "哪块"),
    ("多久", "多长时间", "多少时间", "几久", "多久时间"),
    ("能不能", "可不可以", "可否", "能否", "可以不可以", "是否可以", "是否能", "是不是可以", "是不是能"),
    ("有没有", "有无", "是否有", "有木有"),
    ("是不是", "是否"),
    ("会不会", "会否", "是否会"),
    ("哪个", "哪一个", "那一个"),
    ("买", "购买", "选购", "购入", "入手"),
    ("退款", "退钱", "退费"),
    ("手机号", "手机号码", "电话号码", "联系电话"),
    ("邮箱", "电子邮箱", "电子邮件", "邮件地址"),
    ("忘记", "忘了", "忘掉"),
    ("修改", "更改", "改动", "变更"),
    ("联系", "联络"),
    ("告诉", "告知"),
    ("登录", "登陆", "登入"),
    ("账号", "帐号", "账户", "帐户"),
    ("优惠券", "优惠卷", "折扣券", "代金券"),
    ("便宜点", "便宜一点", "便宜些", "优惠点"),
    ("cost", "price", "priced", "pricing"),
    ("buy", "purchase", "purchasing", "buying"),
    ("refund", "money back"),
    ("login", "log in", "sign in", "signin", "log into", "sign into"),
    ("register", "sign up", "signup", "registration"),
    ("phone", "cellphone", "cell phone", "mobile phone", "telephone"),
    ("email", "e mail"),
    ("photo", "picture", "pic", "photos", "pictures", "pics"),
    ("fix", "repair", "mend"),
    ("begin", "start"),
    ("change", "modify", "alter"),
    ("contact", "get in touch with", "reach out to"),
)
_latin = re.compile("[a-z0-9]+(?: [a-z0-9]+)*")


class Synonyms:
    """Rewrites normalised texts.

    Args:
        groups: of words as people write them; the first of a group stands for it. They come before
            :data:`BUILT_IN`; a word belongs to the first group that names it.
    """

    def __init__(self, groups: Iterable[Sequence[str]] = ()) -> None:
        means: dict[str, str] = {}
        for group in (*groups, *BUILT_IN):
            words = [word for word in map(normalise, group) if word]
            head = means.get(words[0], words[0]) if words else ""
            for word in words[1:]:
                if word != head:
                    means.setdefault(word, head)
        self._latin: dict[str, list[tuple[list[str], str]]] = {}
        chinese: dict[str, str] = {}
        for word, head in means.items():
            if word.isascii():
                first, *rest = word.split(" ")
                self._latin.setdefault(first, []).append((rest, head))
            else:
                chinese[word] = head
        for ways in self._latin.values():
            ways.sort(key=lambda way: -len(way[0]))  # the longest first
        self._chinese = chinese
        heads = {head for head in means.values() if not head.isascii()}
        # a group's own word is matched too, so that no shorter word inside it is changed
        words = sorted(heads | set(chinese), key=lambda word: (-len(word), word))
        self._find = re.compile("|".join(map(re.escape, words))).sub

    def canonical(self, norm: str) -> str:
        """``norm`` with every word of a group replaced by the one that stands for it."""
        if norm.isascii():
            return self._words(norm)
        chinese = self._chinese
        norm = self._find(lambda found: chinese.get(found[0], found[0]), norm)
        if any(map(str.isascii, norm)):
            norm = _latin.sub(lambda found: self._words(found[0]), norm)
        return norm

    def _words(self, norm: str) -> str:
        words = norm.split(" ")
        if self._latin.keys().isdisjoint(words):
            return norm
        out: list[str] = []
        place = 0
        while place < len(words):
            for rest, head in self._latin.get(words[place], ()):
                if words[place + 1:place + 1 + len(rest)] == rest:
                    out.append(head)
                    place += 1 + len(rest)
                    break
            else:
                out.append(words[place])
                place += 1
        return " ".join(out)


GENERAL = Synonyms()
"""What is the same in any shop."""
