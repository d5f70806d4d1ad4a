"""Names and account names, told by the words before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from zhike.answer.mask.numbers import Span

_HAN = "\u4e00-\u9fff"
_SURNAMES = ("赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳酆鲍史唐费廉岑薛雷贺倪汤滕"
             "殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁"
             "钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫经房裘缪干解应宗丁宣邓郁单杭洪包诸左石崔吉钮龚程邢裴陆荣翁荀羊惠甄曲家封芮储靳汲邴糜松井段富巫乌焦巴弓牧隗山谷"
             "车侯宓蓬全郗班仰秋仲伊宫宁仇栾暴甘厉戎祖武符刘景詹束龙叶幸司韶郜黎蓟薄印宿白怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴胥能苍双闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍"
             "璩桑桂濮牛寿通边扈燕冀郏浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东殴殳沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚那"
             "简饶空曾毋沙乜养鞠须丰巢关蒯相查后荆红游竺权逯盖益桓公闫肖仝覃岳缑亢况有琴佘佟付代邸涂劉張陳楊黃趙吳鄭蔣許")
_DOUBLE = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|宇文|长孙|司徒|司空|夏侯|轩辕|端木|歐陽"
_SHORT_NAME = rf"(?:(?:{_DOUBLE})[{_HAN}]{{1,2}}?|[{_SURNAMES}][{_HAN}]{{1,2}}?)"
_CHINESE_NAME = rf"(?:(?:{_DOUBLE})[{_HAN}]{{1,2}}|[{_SURNAMES}][{_HAN}]{{1,2}}(?:·[{_HAN}]{{1,8}})?)"
_AFTER = (r"(?=$|[\s，,。.！!？?；;、：:（(）)“”\"'|/0-9A-Za-z+\[]|的|是|在|和|跟|女士|先生|小姐|老师|同学|吧|呢|啊|哦|电话|手机|地址|联系|身份证|[签代亲查接]?收|"
          r"想|要|买|订|下单|退货|退款|换货|住在|来自|来电|请|麻烦|刚刚|刚才|今天|昨天|前天|我|你|您|有个|有一|有没|就是|就在|把|给)")
_labelled_zh = re.compile(
    rf"(?:收件人|收货人|联系人|寄件人|姓名|名字|户名|开户人|持卡人|户主|订票人|预订人|预定人|乘车人|乘机人|旅客|入住人|投保人|被保险人|真名|本名|署名|抬头个人|客户名|签收人|付款人|开户名)"
    rf"(?:的?姓?名字?)?\s?(?:应该|需要|要|请|也|就|还)?\s?(?:是|为|叫|写|填|改成|改为|换成|[:：=])?\s?({_SHORT_NAME}|[{_HAN}]{{2,4}}(?=$|[\s，,。；;、]))(?:{_AFTER})").finditer
_called_zh = re.compile(rf"(?:我(?:的名字)?(?:叫做?|名叫|本名|姓名)|(?:本人|鄙人|老公|老婆|妈妈|爸爸|儿子|女儿|朋友|同事|妻子|丈夫|先生|太太)(?:叫|名叫)|(?:他|她)(?:叫|名叫)|"
                        rf"名字叫|敝姓|免贵姓|我姓|(?<=[，,。])叫)\s?({_SHORT_NAME}){_AFTER}").finditer
_i_am_zh = re.compile(rf"(?:^|[\s，,。！!])(?:我|本人)(?:就?是)?\s?({_CHINESE_NAME})(?=$|[\s，,。.！!；;、（(])").finditer
_titled_zh = re.compile(rf"(?:(?<![{_HAN}])|(?<=[告系找问给叫和跟是为请与由]))({_SHORT_NAME})(?=(?:女士|先生|小姐|老师|[签代亲查接]?收(?=$|[\s，,。；;、）)])))").finditer
_to_zh = re.compile(rf"(?:寄给|发给|送给|转给|交给|我(?:姐|哥|弟|妹|妈|爸|爷|奶|舅|叔|姨)(?:姐|哥|弟|妹|妈|爸|爷|奶)?|(?:老公|老婆|朋友|同事|同学|室友|邻居|儿子|女儿))({_SHORT_NAME})(?=$|[，,。；; 　（(0-9]|女士|先生|[签代亲查接]?收|的?(?:电话|手机|号码|地址))").finditer
_NOT_NAMES = frozenset("会员 新人 老人 学生 老师 经理 店长 老板 客服 客户 顾客 男生 女生 男士 女士 先生 小姐 高中 高级 程序员 单身 白领 宝妈 金卡 和你 和他 和她 有点 有个 有一 那个 那种 那么 都是 都不 从来 从网 "
                       "后来 于是 应该 能不 时候 连不 相信 通过 关于 安卓 华为 平台 广州 东北 河北 江苏 江西 山东 山西 云南 黎明 白天 全部 全款 常客 老客 路人 家长 包月 包年 国人 文科 项目 成人 成年 水果 花呗 车主 别人 "
                       "解决 计划 强烈 单独 空的 乐意 封号 平时 经常 全新 温州 单位 安装 左边 包邮 明天 万一 高兴 高铁 和平 方便 向您 向你 费用 项链 卫衣 毛衣 金色 白色 红色 黄色 蓝色 黑色 红的 满意 满减 应收 何时 任何".split())

_STREETS = frozenset("Street St Road Rd Avenue Ave Lane Drive Square Court Place Way Park City Bridge Station Airport Kingdom States".split())
_WORD = r"[A-Z][a-zA-Z'’-]+"
_FULL = rf"{_WORD}(?: [A-Z]\.)?(?: {_WORD}){{0,2}}"
_labelled_en = re.compile(rf"\b(?i:name|customer|client|patient|recipient|receiver|consignee|attn|attention|addressee|contact person|cardholder|account holder|passenger|guest name|"
                          rf"under the name(?: of)?|ask for|asked for|sp(?:ea|o)ke? (?:to|with)|talk(?:ed)? to|booked under|in the name of|signed(?: by)?|name on (?:it|the card|the account|the order))\s*(?i:is|was|to|:|=|-|,)?\s*(?i:mr\.?|mrs\.?|ms\.?|dr\.?)?\s*({_FULL})").finditer
_called_en = re.compile(rf"\b(?i:my (?:full |first |last |real |legal )?name(?:'s| is| was)|i am called|call me|my (?:wife|husband|son|daughter|mother|father|friend|colleague|boss)(?:'s name is| is called| is named)|"
                        rf"his name is|her name is|name's|names)\s+(?i:mr\.?|mrs\.?|ms\.?|dr\.?)?\s*({_FULL}|[a-z]{{2,}}(?: [a-z]{{2,}})?)").finditer
_this_is = re.compile(rf"\b(?i:this is|i'm|i am|it's|regards,|sincerely,|cheers,|from|ship to|deliver to|addressed to)\s+({_WORD} (?:[A-Z]\. )?{_WORD})(?=[,.!?\s]|$)").finditer
_here_en = re.compile(rf"(?:^|[,.!] )({_WORD} (?:[A-Z]\. )?{_WORD}) here\b").finditer
_titled_en = re.compile(rf"\b(?:Mr|Mrs|Ms|Miss|Dr)\.? ({_WORD}(?: {_WORD})?)").finditer
_NOT_EN = frozenset("""and or but i my the a an is are was from with on in at for not to so please can could would order phone email address it wrong missing spelled still here there what how why when where
monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december new york united states
kingdom los angeles san francisco hong kong great sorry very happy looking having trying using customer support service chinese english india china black friday christmas misspelled incorrect
correct on""".split())

_account_zh = re.compile(
    r"(?:微信号?|薇信|威信|微信ID|wx|WX|vx|VX|v信|V信|QQ号?|qq号?|Q号|扣扣|企鹅号|支付宝账?号?|淘宝(?:账?号|ID|id|会员名)|旺旺(?:号|名|ID|id)?|京东(?:账号|用户名|ID)|抖音号?|小红书号?|微博(?:账号|ID)?|B站(?:ID|账号)?|"
    r"用户名|登录名|会员名|账户名|账号|帐号|登陆账?号|昵称|用户ID|飞书|钉钉号?)(?:\s?(?:是|为|叫|[:：=])|\s)?\s?[“\"']?([A-Za-z0-9_][A-Za-z0-9_.-]{3,29})(?![A-Za-z0-9_@])").finditer
_account_en = re.compile(
    r"(?i)\b(?:user ?name|user ?id|login(?: name| id)?|screen name|nickname|handle|account(?: name| id)|member(?: name| id)|wechat(?: id)?|weixin|whatsapp(?: name)?|telegram|skype(?: id| name)?|"
    r"twitter|instagram|insta|tiktok|snapchat|discord|facebook|paypal|venmo|line id|qq(?: number)?|gamertag|steam id)(?: is|'s|:| =|=)?\s*[“\"']?@?([A-Za-z0-9_][A-Za-z0-9_.#-]{2,29})(?![A-Za-z0-9_@])").finditer
_handle = re.compile(r"(?<![\w.@/+])@([A-Za-z_][A-Za-z0-9_]{2,29})(?![\w@./-]|\.[A-Za-z])").finditer
_NOT_HANDLES = frozenset("all everyone here channel media import property override param return gmail com qq home work".split())


def names(text: str) -> Iterator[Span]:
    """Spans of names; they may overlap."""
    if not text.isascii():
        for find in (_labelled_zh, _called_zh, _i_am_zh, _titled_zh, _to_zh):
            for match in find(text):
                start, end = match.span(1)
                if text[start:start + 2] not in _NOT_NAMES and text[start:end] not in _NOT_NAMES:
                    yield Span(start, end, "name")
    for find in (_labelled_en, _called_en, _titled_en, _this_is, _here_en):
        for match in find(text):
            found = _english(match.start(1), match.group(1), find in (_this_is, _here_en))
            if found is not None:
                yield found


_bare = re.compile(rf"(?<=[\s，,。；;、/（(：:])({_SHORT_NAME})(?:的|[签代亲查接]?收)?(?=$|[\s，,。；;、/）)：:])|^({_CHINESE_NAME})(?=[\s，,。；;、/：:])").finditer
NEAR_CHARS = 3
"""So near to a phone, card or address a bare name is one: 张三，138…"""


def bare_names(text: str, near: list[Span]) -> Iterator[Span]:
    """Chinese names without a word that says so, beside one of ``near``."""
    for match in _bare(text):
        start, end = match.span(1 if match.group(1) else 2)
        if text[start:end] in _NOT_NAMES or text[start:start + 2] in _NOT_NAMES:
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
            said = text[match.start():match.start(1)]
            if any(map(str.isdigit, value)) or "_" in value or said.rstrip(" \"'“@").endswith((":", "：", "=", "是", "为", "叫", " is")) \
                    and value.lower() not in _WORDS:
                yield Span(*match.span(1), "account")
    for match in _handle(text):
        if match.group(1).lower() not in _NOT_HANDLES:
            yield Span(*match.span(), "account")


_WORDS = frozenset("locked blocked disabled broken wrong not still invalid incorrect hacked suspended closed gone the a an in on my down missing empty required same no yes correct too already now called being working".split())
