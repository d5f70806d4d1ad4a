"""The pattern of everything that can be claimed in digits and words of number: one pass over a text."""

from __future__ import annotations

import re
from collections.abc import Iterable

MINUTES: dict[str, float] = {
    **dict.fromkeys(("秒", "second", "sec", "secs"), 1 / 60),
    **dict.fromkeys(("分钟", "分鐘", "min", "mins", "minute"), 1),
    **dict.fromkeys(("小时", "小時", "钟头", "h", "hr", "hrs", "hour"), 60),
    **dict.fromkeys(("天", "日", "晚", "day", "d"), 1440),
    **dict.fromkeys(("周", "星期", "礼拜", "week"), 10080),
}
MONTHS: dict[str, float] = {
    **dict.fromkeys(("月", "个月", "個月", "month"), 1),
    **dict.fromkeys(("季度", "quarter"), 3),
    **dict.fromkeys(("年", "year", "yr"), 12),
}
CURRENCY: dict[str, str] = {
    **dict.fromkeys(("￥", "¥", "元", "块", "块钱", "人民币", "rmb", "cny", "yuan", "圆"), "cny"),
    **dict.fromkeys(("$", "us$", "usd", "dollar", "dollars", "美元", "美金", "刀"), "usd"),
    **dict.fromkeys(("€", "eur", "euro", "euros", "欧元"), "eur"),
    **dict.fromkeys(("£", "gbp", "pound", "pounds", "英镑"), "gbp"),
    **dict.fromkeys(("hk$", "hkd", "港币", "港元"), "hkd"),
    **dict.fromkeys(("nt$", "twd", "台币"), "twd"),
    **dict.fromkeys(("日元", "jpy"), "jpy"),
}
EN_NUMBERS: dict[str, float] = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40,
    "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "half": 0.5,
    "a dozen": 12,
}


def _longest(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_N = r"[0-9][0-9,]*(?:\.[0-9]+)?"
_ZH = "零〇一二两兩三四五六七八九十百千万壹贰叁半"
_ZN = f"[{_ZH}]+(?:点[一二三四五六七八九零]+)?"
_ANY = rf"(?:{_N}|{_ZN}|(?:{_longest(EN_NUMBERS)})\b)"
_TO = r"\s?(?:-|~|–|—|－|～|至|到|to|and|或|or)\s?"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)"
_URL = r"a-z0-9./?&=_%\#:~+-"
_BEGINS = rf"(?=[0-9\[（({_ZH}第$￥¥€£周星礼今当次隔明后大下本马立即凌早上中晚夜]|(?<![a-z0-9])[a-z])"
"""Where a claim may begin: tried before anything else, as most characters begin none."""

CLAIM = re.compile(rf"""{_BEGINS}(?:
(?P<mark>\[[A-Z]{{2,8}}_[0-9]{{1,4}}\])
|(?P<item>(?:(?m:^)|(?<=\n\ )|(?<=\n\ \ )|(?<=\n\ \ \ ))
  (?:[（(]?[0-9]{{1,2}}[)）、]|[0-9]{{1,2}}\.(?=\s|[^\x00-\x7f])|step\s[0-9]|第?[一二三四五六七八九十]、))
|(?P<url>(?:https?://|www\.)[{_URL}@]+
  |\b(?:[a-z0-9-]+\.)+(?:com|cn|net|org|io|shop|top|xyz)(?:\.[a-z]{{2}})?\b(?:/[{_URL}]*)?)
|(?P<mail>[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+)
|(?P<phone>(?<![0-9a-z])(?:\+[0-9]{{1,3}}[ -]?)?
  (?:1[3-9][0-9][ -]?[0-9]{{4}}[ -]?[0-9]{{4}}|0[0-9]{{2,3}}[ -][0-9]{{7,8}}
  |[48]00[ -]?[0-9]{{3,4}}[ -]?[0-9]{{3,4}}|\(?[0-9]{{3}}\)?[ -][0-9]{{3}}[ -][0-9]{{4}})(?![0-9]))
|(?P<iso>(?P<iy>20[0-9]{{2}})[-/.年]\s?(?P<im>1[0-2]|0?[1-9])[-/.月]\s?
  (?P<id>3[01]|[12][0-9]|0?[1-9])日?号?(?![0-9]))
|(?P<md>(?P<mm>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月(?:份)?
  (?:(?P<dd>[0-9]{{1,2}}|[一二三四五六七八九十]{{1,3}})[日号])?)
|(?P<en>\b(?P<e1>{_MONTH})[a-z]{{0,6}}\.?\s(?P<ed>[0-9]{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s(?P<ey>20[0-9]{{2}}))?
  |\b(?P<fd>[0-9]{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<f1>{_MONTH})[a-z]{{0,6}}\b(?:,?\s(?P<fy>20[0-9]{{2}}))?)
|(?P<clock>(?<![0-9:])(?P<ch>[0-9]{{1,2}})[:：](?P<cm>[0-5][0-9])(?::[0-5][0-9])?(?:\s?(?P<cap>[ap])\.?m\b)?
  |(?P<hap>\b[0-9]{{1,2}})\s?(?P<ap>[ap])\.?m\b
  |(?P<zap>凌晨|早上|上午|中午|下午|傍晚|晚上|夜里)?(?P<zh>[0-9]{{1,2}}|[一二两三四五六七八九十]{{1,3}})点
   (?P<zm>半|一刻|[0-9]{{1,2}}分)?
   (?!数|击|评|赞|餐|单|心|选|下单|开(?!门|店|始|业|放|会|课|售|抢)|[零一二三四五六七八九]))
|(?P<week>(?:周|星期|礼拜)(?P<wd>[一二三四五六日末]|天(?!内|之内|左右))
  |\b(?P<we>mon|tues?|wednes|thurs?|fri|satur|sun)days?\b)
|(?P<soon>今天|今日|今晚|当天|当日|次日|隔日|明天|明日|后天|大后天|下周|下个月|本周|马上|立即|立刻|即刻
  |\b(?:today|tonight|tomorrow|immediately|right\saway|next\s(?:week|month|day)|same[ -]day|overnight)\b)
|(?P<half>五折|5折|半价|half\s(?:price|off))
|(?P<price>(?P<pre>(?:us|hk|nt)?[$]|[￥¥€£])\s?(?P<pa>{_N})(?:{_TO}(?:[$￥¥€£]\s?)?(?P<pb>{_N}))?
  (?P<pw>万|k\b|千)?)
|(?P<sum>(?P<a>{_ANY})(?:{_TO}(?P<b>{_ANY}))?[\s-]?(?:
  (?P<share>%|％|percent\b|个百分点)(?P<off>\s?off\b|\s?(?:的)?(?:优惠|折扣)|\s?discount)?
  |(?P<zhe>折)(?!扣|叠|合|痕|返|射|断|旧|中)
  |(?P<cur>{_longest(c for c in CURRENCY if c not in "￥¥$€£")})(?![a-z]|素|旦|件|宵|月)
  |(?P<work>(?:个|個)?\s?(?:工作日|working\sdays?|business\sdays?|work\sdays?|工作天))
  |(?P<mon>{_longest(MONTHS)})s?(?![a-z]|度|代|初|底|假|货|终|轻|纪|级|检|费)
  |(?:个|個)?(?P<span>{_longest(MINUTES)})s?
   (?![a-z]|下|空|然|气|猫|生|数字|常|用|期|子|前台|围|边)))
|(?P<code>(?<![a-z0-9])(?=[a-z0-9-]*[0-9])(?=[a-z0-9-]*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*(?![a-z0-9]))
|(?P<num>{_N}))""", re.X | re.I)
