"""Names and account names, told by the words before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from zhike.answer.mask.numbers import Span
from zhike.answer.wordfile import sections

_HAN = "\u4e00-\u9fff"
_LISTS = sections(Path(__file__).with_name("words.txt"))
_SURNAMES = "".join(_LISTS["surnames"])
_DOUBLE = "|".join(_LISTS["double_surnames"])
_SHORT_NAME = rf"(?:(?:{_DOUBLE})[{_HAN}]{{1,2}}?|[{_SURNAMES}][{_HAN}]{{1,2}}?)"
_CHINESE_NAME = rf"(?:(?:{_DOUBLE})[{_HAN}]{{1,2}}|[{_SURNAMES}][{_HAN}]{{1,2}}(?:·[{_HAN}]{{1,8}})?)"
_AFTER = (
    r"(?=$|[\s，,。.！!？?；;、：:（(）)“”\"'|/0-9A-Za-z+\[]|的|是|在|和|跟|女士|先生|小姐|老师|同学|吧|"
    r"呢|啊|哦|电话|手机|地址|联系|身份证|"
    r"[签代亲查接]?收|"
    r"想|要|买|订|下单|退货|退款|换货|住在|来自|来电|请|麻烦|刚刚|刚才|今天|昨天|前天|我|你|您|有个|有一|"
    r"有没|就是|就在|把|给)"
)
_labelled_zh = re.compile(
    rf"(?:[收取提寄签付借投发领][件货款收保取]?人|联系人|姓名|名字|户名|开户人|持卡人|户主|订票人|预订人|"
    rf"预定人|乘车人|"
    rf"乘机人|旅客|入住人|投保人|被保险人|真名|本名|署名|抬头个人|客户名|签收人|付款人|"
    rf"开户名)"
    rf"(?:的?姓?名字?)?\s?(?:应该|需要|要|请|也|就|还)?\s?(?:是|为|叫|写|填|改成|改为|换成|[:：=])"
    rf"?\s?({_SHORT_NAME}|"
    rf"[{_HAN}]{{2,4}}(?=$|[\s，,。；;、]))(?:{_AFTER})"
).finditer
_called_zh = re.compile(
    rf"(?:我(?:的名字)?(?:叫做?|名叫|本名|姓名)|(?:本人|鄙人|老公|老婆|妈妈|爸爸|儿子|女儿|朋友|同事|"
    rf"妻子|丈夫|先生|太太)(?:叫|名叫)|(?:他|她)(?:叫|名叫)|"
    rf"名字叫|敝姓|免贵姓|我姓|(?<=[，,。])叫)\s?({_SHORT_NAME}){_AFTER}"
).finditer
_i_am_zh = re.compile(
    rf"(?:^|[\s，,。！!])(?:我|本人)(?:就?是)?\s?({_CHINESE_NAME})(?=$|[\s，,。.！!；;、（(])"
).finditer
_titled_zh = re.compile(
    rf"(?:(?<![{_HAN}])|(?<=[告系找问给叫和跟是为请与由接]))({_SHORT_NAME})(?=(?:女士|先生|小姐|老师|"
    rf"[签代亲查接]?收(?=$|[\s，,。；;、）)])))"
).finditer
_to_zh = re.compile(
    rf"(?:寄给|发给|送给|转给|交给|我(?:姐|哥|弟|妹|妈|爸|爷|奶|舅|叔|姨)(?:姐|哥|弟|妹|妈|爸|爷|奶)?|"
    rf"(?:老公|老婆|朋友|同事|同学|室友|邻居|儿子|"
    rf"女儿))({_SHORT_NAME})(?=$|[，,。；; 　（(0-9]|女士|先生|[签代亲查接]?收|的?(?:电话|手机|号码|地址))"
).finditer
_NOT_NAMES = frozenset(_LISTS["not_names"])

_GIVEN = "".join(_LISTS["given"])
_GIVEN_EN = frozenset(_LISTS["given_en"])
_STREETS = frozenset(_LISTS["places_en"])
_WORD = r"[A-Z][a-zA-Z'’-]+"
_FULL = rf"{_WORD}(?: [A-Z]\.)?(?: {_WORD}){{0,2}}"
_labelled_en = re.compile(
    rf"\b(?i:name|(?:customer|client|patient)(?= is| was|:)|recipient|receiver|consignee|attn|attention|"
    rf"addressee|contact "
    rf"person|cardholder|account holder|passenger|guest name|"
    rf"under the name(?: of)?|ask for|asked for|sp(?:ea|o)ke? (?:to|with)|talk(?:ed)? to|booked under|in the "
    rf"name of|signed(?: by)?|name on (?:it|the card|the account|the order))\s*(?i:is|was|to|:|=|-|"
    rf",)?\s*(?i:mr\.?|mrs\.?|ms\.?|dr\.?)?\s*({_FULL})"
).finditer
_called_en = re.compile(
    rf"\b(?i:my (?:full |first |last |real |legal )?name(?:'s| is| was)|i am called|call me|my (?:wife|"
    rf"husband|son|daughter|mother|father|friend|colleague|boss)(?:'s name is| is called| is named)|"
    rf"his name is|her name is|name's|names)\s+(?i:mr\.?|mrs\.?|ms\.?|dr\.?)?\s*({_FULL}|[a-z]{{2,}}(?: "
    rf"[a-z]{{2,}})?)"
).finditer
_this_is = re.compile(
    rf"\b(?i:this is|i'm|i am|it's|regards,|sincerely,|cheers,|from|ship to|deliver to|addressed "
    rf"to)\s+({_WORD} (?:[A-Z]\. )?{_WORD})(?=[,.!?\s]|$)"
).finditer
_here_en = re.compile(rf"(?:^|[,.!] )({_WORD} (?:[A-Z]\. )?{_WORD}) here\b").finditer
_titled_en = re.compile(rf"\b(?:Mr|Mrs|Ms|Miss|Dr)\.? ({_WORD}(?: {_WORD})?)").finditer
_NOT_EN = frozenset(_LISTS["not_names_en"])

_account_zh = re.compile(
    r"(?:微信号?|薇信|威信|微信ID|wx|WX|vx|VX|v信|V信|加[vV]|QQ号?|qq号?|Q号|扣扣|企鹅号|支付宝账?号?|"
    r"淘宝(?:账?号|ID|id|会员名)|旺旺(?:号|名|ID|id)?|"
    r"京东(?:账号|用户名|ID)|抖音号?|小红书号?|微博(?:账号|ID)?|B站(?:ID|账号)?|"
    r"用户名|登录名|会员名|账户名|账号|帐号|登陆账?号|昵称|用户ID|飞书|钉钉号?)(?:\s?(?:是|为|叫|[:：=])|"
    r"\s)?\s?[“\"']?([A-Za-z0-9_][A-Za-z0-9_.-]{3,29})(?![A-Za-z0-9_@])"
).finditer
_account_en = re.compile(
    r"(?i)\b(?:user ?name|user ?id|login(?: name| id)?|screen name|nickname|handle|account(?: name| id)|"
    r"member(?: name| id)|wechat(?: id)?|weixin|whatsapp(?: name)?|telegram|skype(?: id| name)?|"
    r"twitter|instagram|insta|tiktok|snapchat|discord|facebook|paypal|venmo|line id|qq(?: number)?|gamertag|"
    r"steam id)(?: is|'s|:| =|=)?\s*[“\"']?@?([A-Za-z0-9_][A-Za-z0-9_.#-]{2,29})(?![A-Za-z0-9_@])"
).finditer
_handle = re.compile(r"(?<![\w.@/+])@([A-Za-z_][A-Za-z0-9_]{2,29})(?![\w@./-]|\.[A-Za-z])").finditer
_NOT_HANDLES = frozenset(_LISTS["not_handles"])


_alone_zh = re.compile(
    rf"(?:(?<![{_HAN}])|(?<=[下找给叫和跟查接]))([{_SURNAMES}][{_GIVEN}]{{2}}){_AFTER}"
).finditer
_client_zh = re.compile(
    rf"(?:客户|用户|顾客|买家|会员|患者|病人|学员|学生|家长|报名人|收件|签收|寄件|由|我叫|本人)"
    rf"[:：]?({_SHORT_NAME}){_AFTER}"
).finditer
_pair_en = re.compile(rf"\b([A-Z][a-z]+) (?:[A-Z]\. )?{_WORD}").finditer


def names(text: str) -> Iterator[Span]:
    """Spans of names; they may overlap."""
    if not text.isascii():
        for find in (_labelled_zh, _called_zh, _i_am_zh, _titled_zh, _to_zh, _client_zh, _alone_zh):
            for match in find(text):
                start, end = match.span(1)
                if text[start : start + 2] not in _NOT_NAMES and text[start:end] not in _NOT_NAMES:
                    yield Span(start, end, "name")
    for match in _pair_en(text):
        if match.group(1).lower() in _GIVEN_EN and match.group().split()[-1] not in _STREETS:
            yield Span(*match.span(), "name")
    for find in (_labelled_en, _called_en, _titled_en, _this_is, _here_en):
        for match in find(text):
            found = _english(match.start(1), match.group(1), find in (_this_is, _here_en))
            if found is not None:
                yield found


_bare = re.compile(
    rf"(?<=[\s，,。；;、/（(：:])({_SHORT_NAME})(?:的|[签代亲查接]?收)?(?=$|[\s，,。；;、/）)：:])|"
    rf"^({_CHINESE_NAME})(?=[\s，,。；;、/：:])"
).finditer
NEAR_CHARS = 3
"""So near to a phone, card or address a bare name is one: 张三，138…"""


def bare_names(text: str, near: list[Span]) -> Iterator[Span]:
    """Chinese names without a word that says so, beside one of ``near``."""
    for match in _bare(text):
        start, end = match.span(1 if match.group(1) else 2)
        if text[start:end] in _NOT_NAMES or text[start : start + 2] in _NOT_NAMES:
            continue
        if any(0 <= start - s.end <= NEAR_CHARS or 0 <= s.start - end <= NEAR_CHARS for s in near):
            yield Span(start, end, "name")


def _english(start: int, found: str, both_words: bool) -> Span | None:
    words = found.split()
    kept: list[str] = []
    for word in words:
        if word.lower().strip("'’-.") in _NOT_EN:
            break
        kept.append(word)
    if not kept or (both_words and (len(kept) < 2 or kept[-1] in _STREETS)):
        return None
    return Span(start, start + len(" ".join(kept)), "name")


def accounts(text: str) -> Iterator[Span]:
    """Spans of account names: after a word that says so, or ``@name``."""
    for find in (_account_zh, _account_en):
        for match in find(text):
            value = match.group(1)
            said = text[match.start() : match.start(1)]
            if (
                any(map(str.isdigit, value))
                or "_" in value
                or (
                    said.rstrip(" \"'“@").endswith((":", "：", "=", "是", "为", "叫", " is"))
                    and value.lower() not in _STATES
                )
            ):
                yield Span(*match.span(1), "account")
    for match in _handle(text):
        if match.group(1).lower() not in _NOT_HANDLES:
            yield Span(*match.span(), "account")


_STATES = frozenset(_LISTS["states"])
