"""Messages with personal data in them, marked, and with what only looks like it: for ``zhike eval mask``.

Made from the lines of ``personal_rows.txt``; every value is invented. Phones and cards have proper
prefixes and check digits, so that a rule cannot tell them from real ones. Depends on ``seed`` alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

Half = Literal["dev", "held"]
_slot = re.compile(r"\{(\w+|=\w+:[^}]+)\}").split

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰萍毅浩宇轩梓涵欣怡子墨雨桐思远文博嘉琪佳慧晓东建国"
)
_ROADS = (
    "建国 中山 人民 文三 天府 解放 南京西 长江 和平 珠江 学院 延安东 科技 龙阳 海淀南 胜利 青年 体育西 "
    "江南大 滨江"
)
_CITIES = (
    "北京市朝阳区 上海市浦东新区 广东省深圳市南山区 浙江省杭州市西湖区 四川省成都市武侯区 "
    "江苏省南京市鼓楼区 湖北省武汉市洪山区 陕西省西安市雁塔区 "
    "山东省青岛市市南区 福建省厦门市思明区 杭州市滨江区 成都高新区 苏州市工业园区 天津市和平区 "
    "河南省郑州市金水区 昆山市玉山镇"
)
_HOUSES = (
    "{n}号{b}栋{u}单元{r}室 {n}号 {n}号院{b}号楼{r} {n}弄{b}号{r}室 {n}号阳光花园{b}幢{r} "
    "{n}号创新大厦{f}层{r}室 {n}号{b}座{r}"
)
_FIRST = "John Mary Peter Susan David Emma Robert Laura Daniel Alice Michael Grace Thomas Olivia Kevin Sophie"
_LAST = (
    "Smith Johnson Brown Taylor Wilson Davies Evans Walker Wright Green Parker Hughes Turner Carter Mitchell"
)
_STREETS = (
    "Baker Street|Oak Avenue|Maple Drive|King Street|Church Road|Elm Street|Park Lane|Sunset Boulevard|"
    "5th Avenue|Mill Lane|Victoria Road|Cedar Court"
)
_TOWNS = (
    "London NW1 6XE|Springfield, IL 62704|Austin, TX 78701|Manchester M1 2AB|Seattle, WA 98101|Leeds LS1 "
    "4DY|Portland, OR 97205|Bristol BS1 5TR"
)
_PREFIXES = (
    "130 131 132 135 136 137 138 139 150 151 152 157 158 159 166 170 176 177 180 181 186 187 188 189 191 "
    "198 199"
)


def rows(half: Half, seed: int = 0, each: int = 3) -> list[dict[str, Any]]:
    """Rows ``{"text": str, "spans": [[start, end, kind], …]}``, ``each`` of every line of a half."""
    rng = random.Random(f"{half}{seed}")
    text = (Path(__file__).parent / "personal_rows.txt").read_text("utf-8")
    lines = text.split(f"\n{half}\n", 1)[1].split("\nheld\n", 1)[0].strip().split("\n")
    return [
        _fill(line, rng)
        for line in lines
        for _ in range(each if _slot(line)[1:2] and "{=" not in line else 1)
    ]


def _fill(line: str, rng: random.Random) -> dict[str, Any]:
    parts = _slot(line)
    text, spans = parts[0], []
    for name, after in zip(parts[1::2], parts[2::2], strict=True):
        if name[0] == "=":
            kind, _, value = name[1:].partition(":")
        else:
            kind, make = _VALUES[name]
            value = make(rng)
        if kind:
            spans.append([len(text), len(text) + len(value), kind])
        text += value + after
    return {"text": text, "spans": spans}


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def _pick(rng: random.Random, words: str, by: str = " ") -> str:
    return rng.choice(words.split(by))


def _mobile(rng: random.Random) -> str:
    a, b, c = _pick(rng, _PREFIXES), _digits(rng, 4), _digits(rng, 4)
    return rng.choice(
        (f"{a}{b}{c}", f"{a}{b}{c}", f"{a} {b} {c}", f"{a}-{b}-{c}", f"+86 {a}{b}{c}", f"+86{a}{b}{c}")
    )


def _landline(rng: random.Random) -> str:
    area = rng.choice(("010", "021", "0571", "028", "0755", "025"))
    number = rng.choice("2345678") + _digits(rng, 7)
    return rng.choice(
        (
            f"{area}-{number}",
            f"({area}){number}",
            f"{area} {number}",
            f"{area}-{number}转{rng.randint(10, 9999)}",
        )
    )


def _foreign(rng: random.Random) -> str:
    us = rng.choice("23456789") + _digits(rng, 2), rng.choice("23456789") + _digits(rng, 2), _digits(rng, 4)
    return rng.choice(
        (
            f"+1 {us[0]}-{us[1]}-{us[2]}",
            f"({us[0]}) {us[1]}-{us[2]}",
            f"{us[0]}-{us[1]}-{us[2]}",
            f"{us[0]}.{us[1]}.{us[2]}",
            f"+44 7{_digits(rng, 3)} {_digits(rng, 6)}",
            f"07{_digits(rng, 3)} {_digits(rng, 6)}",
            f"+852 9{_digits(rng, 3)} {_digits(rng, 4)}",
            f"+49 151 {_digits(rng, 8)}",
            f"020 7{_digits(rng, 3)} {_digits(rng, 4)}",
        )
    )


def _id(rng: random.Random) -> str:
    body = (
        rng.choice(("110105", "310115", "440305", "330106", "510107", "420111"))
        + str(rng.randint(1955, 2008))
        + f"{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
        + _digits(rng, 3)
    )
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def _card(rng: random.Random) -> str:
    prefix, size = rng.choice((("622202", 19), ("621700", 19), ("4539", 16), ("5412", 16), ("3712", 15)))
    body = prefix + _digits(rng, size - len(prefix) - 1)
    doubled = [int(d) * 2 for d in body[::-2]]
    total = sum(int(d) for d in body[-2::-2]) + sum(d - 9 if d > 9 else d for d in doubled)
    number = body + str(-total % 10)
    if rng.random() < 0.5 and size != 15:
        return " ".join(number[i : i + 4] for i in range(0, size, 4))
    return number


def _email(rng: random.Random) -> str:
    user = rng.choice(
        (
            f"{_pick(rng, _FIRST).lower()}.{_pick(rng, _LAST).lower()}",
            f"{_digits(rng, 9)}",
            f"xiao{rng.choice('abcdefg')}_{_digits(rng, 3)}",
        )
    )
    host = rng.choice(("qq.com", "163.com", "gmail.com", "mail.example.co.uk", "foxmail.com", "example.org"))
    return f"{user}@{host}"


def _address(rng: random.Random) -> str:
    house = _pick(rng, _HOUSES).format(
        n=rng.randint(1, 999),
        b=rng.randint(1, 30),
        u=rng.randint(1, 6),
        f=rng.randint(2, 30),
        r=rng.randint(1, 30) * 100 + rng.randint(1, 12),
    )
    return f"{_pick(rng, _CITIES)}{_pick(rng, _ROADS)}路{house}"


def _address_en(rng: random.Random) -> str:
    flat = rng.choice(("", "", f", Apt {rng.randint(1, 40)}"))
    return f"{rng.randint(1, 999)} {_pick(rng, _STREETS, '|')}{flat}, {_pick(rng, _TOWNS, '|')}"


def _name(rng: random.Random) -> str:
    return rng.choice(_SURNAMES) + "".join(rng.sample(_GIVEN, rng.choice((1, 2, 2))))


def _user(rng: random.Random) -> str:
    return rng.choice(
        (f"{_pick(rng, _FIRST).lower()}_{_digits(rng, 2)}", f"{_pick(rng, _LAST).lower()}{_digits(rng, 3)}")
    )


def _order(rng: random.Random) -> str:
    return rng.choice(
        (
            f"2024{rng.randint(1, 12):02}{rng.randint(1, 28):02}{_digits(rng, 10)}",
            f"CH{_digits(rng, 6)}",
            _digits(rng, 8),
            f"{_digits(rng, 3)}-{_digits(rng, 7)}-{_digits(rng, 7)}",
            f"1{rng.choice('3578')}{_digits(rng, 9)}",
            f"A{_digits(rng, 4)}",
            f"6{_digits(rng, 15)}",
        )
    )


def _tracking(rng: random.Random) -> str:
    return rng.choice(
        (
            f"SF{_digits(rng, 13)}",
            f"YT{_digits(rng, 13)}",
            f"77{_digits(rng, 13)}",
            f"1Z{_digits(rng, 3)}AA{_digits(rng, 10)}",
            _digits(rng, 12),
            f"JD{_digits(rng, 12)}",
            f"LX{_digits(rng, 9)}CN",
        )
    )


def _date(rng: random.Random) -> str:
    y, m, d = 2024, rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice((f"{y}-{m:02}-{d:02}", f"{m}月{d}日", f"{y}{m:02}{d:02}", f"{y}/{m}/{d}", f"{m}.{d}"))


def _sku(rng: random.Random) -> str:
    return rng.choice(
        (
            f"H{_digits(rng, 5)}",
            f"X{_digits(rng, 1)}-{_digits(rng, 3)}B",
            f"RTX{_digits(rng, 4)}",
            f"MK-{_digits(rng, 6)}",
            f"E{_digits(rng, 8)}",
            f"iPhone {rng.randint(11, 17)} Pro",
        )
    )


_Make = Callable[[random.Random], str]
_VALUES: dict[str, tuple[str, _Make]] = {
    "mobile": ("phone", _mobile),
    "landline": ("phone", _landline),
    "foreign": ("phone", _foreign),
    "id": ("id", _id),
    "card": ("card", _card),
    "email": ("email", _email),
    "ssn": ("id", lambda rng: f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"),
    "address": ("address", _address),
    "address_en": ("address", _address_en),
    "name": ("name", _name),
    "name_en": ("name", lambda rng: f"{_pick(rng, _FIRST)} {_pick(rng, _LAST)}"),
    "surname_en": ("name", lambda rng: _pick(rng, _LAST)),
    "wechat": (
        "account",
        lambda rng: rng.choice((f"wx{_digits(rng, 6)}", f"{_pick(rng, _FIRST).lower()}-{_digits(rng, 4)}")),
    ),
    "qq": ("account", lambda rng: rng.choice("123456789") + _digits(rng, rng.choice((7, 8, 9)))),
    "user": ("account", _user),
    "handle": ("account", lambda rng: f"@{_user(rng)}"),
    "plate": (
        "plate",
        lambda rng: (
            f"{rng.choice('京沪粤浙苏川')}{rng.choice('ABCDE')}{rng.choice(('', '·'))}"
            f"{_digits(rng, 1)}{rng.choice('ABCDEF')}{_digits(rng, 3)}"
        ),
    ),
    "passport": ("passport", lambda rng: f"{rng.choice('EGH')}{_digits(rng, 8)}"),
    "road": ("", lambda rng: f"{_pick(rng, _ROADS)}路"),
    "order": ("", _order),
    "tracking": ("", _tracking),
    "date": ("", _date),
    "sku": ("", _sku),
    "amount": (
        "",
        lambda rng: rng.choice(
            (
                f"{rng.randint(1, 9999)}",
                f"{rng.randint(1, 999)}.{_digits(rng, 2)}",
                f"￥{rng.randint(10, 99999)}",
                f"{rng.randint(1, 99)},{_digits(rng, 3)}",
            )
        ),
    ),
    "amount_en": ("", lambda rng: f"{rng.choice('$£€')}{rng.randint(1, 999)}.{_digits(rng, 2)}"),
    "time": ("", lambda rng: f"{rng.randint(8, 22)}:{rng.choice(('00', '15', '30'))}"),
    "count": ("", lambda rng: str(rng.randint(2, 300))),
    "version": ("", lambda rng: f"{rng.randint(1, 15)}.{rng.randint(0, 20)}.{rng.randint(0, 300)}"),
    "hotline": ("", lambda rng: f"400-{_digits(rng, 3)}-{_digits(rng, 4)}"),
    "hotline_en": ("", lambda rng: f"1-800-{rng.choice('23456789')}{_digits(rng, 2)}-{_digits(rng, 4)}"),
    "coupon": ("", lambda rng: f"{rng.choice(('SAVE', 'VIP', 'NEW'))}{_digits(rng, 4)}"),
    "imei": ("", lambda rng: f"35{_digits(rng, 13)}"),
    "barcode": ("", lambda rng: f"69{_digits(rng, 11)}"),
}
