"""How Chinese characters sound, coarsely: for slips of the pinyin keyboard (项炼 for 项链) and for
questions typed in pinyin altogether (tuihuo zenme ban).

Tones are dropped, and so are the differences many speakers do not make (zh/z, ch/c, sh/s, -ng/-n).
The readings are pypinyin's own table, read as data: importing the package costs 500 ms and 58 MB,
the table 20–50 ms and 2.4 MB, once, when the first Chinese slip is looked at.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache

import msgspec

_FIRST, _LAST = 0x4E00, 0x9FFF
_MAX_READINGS = 3
"""Readings kept of one character: the table lists the common ones first (行: xing, hang, heng)."""


def _plain(reading: str) -> str:
    """lǜ → lv, as it is typed; zhōng → zhong."""
    plain = unicodedata.normalize("NFD", reading.replace("ü", "v").replace("ǜ", "v").replace("ǚ", "v")
                                  .replace("ǘ", "v").replace("ǖ", "v"))
    return "".join([c for c in plain if c.isascii() and c.isalpha()])


def coarse(plain: str) -> str:
    """A typed syllable without the differences many do not make: shang → san."""
    if plain[1:2] == "h" and plain[0] in "zcs":
        plain = plain[0] + plain[2:]
    return sys.intern((plain[:-1] if plain.endswith("ng") else plain).replace("v", "u"))


@cache
def _table() -> dict[int, str]:
    """Code point → readings, comma separated."""
    from importlib.util import find_spec  # here: 5 ms that the way to the first answer need not pay
    from pathlib import Path

    spec = find_spec("pypinyin")
    if spec is None or spec.origin is None:
        raise RuntimeError("pypinyin is not installed")
    table = Path(spec.origin).parent / "pinyin_dict.json"
    if table.exists():
        return {int(code): text for code, text in
                msgspec.json.decode(table.read_bytes(), type=dict[str, str]).items()}
    # another release of pypinyin keeps its table elsewhere: ask it the slow way
    from pypinyin.pinyin_dict import pinyin_dict

    return dict(pinyin_dict)


@cache
def sounds() -> dict[str, str]:
    """Character → coarse sound of its commonest reading, for the basic Chinese block."""
    return {chr(code): coarse(_plain(text.split(",", 1)[0])) for code, text in _table().items()
            if _FIRST <= code <= _LAST}


def readings(char: str) -> list[str]:
    """The coarse sounds of a character's common readings, the commonest first; [] if unknown."""
    found = _table().get(ord(char), "")
    return list(dict.fromkeys([coarse(_plain(one)) for one in found.split(",")[:_MAX_READINGS] if one]))


_IN_USE = """
a ai an ang ao ba bai ban bang bao bei ben beng bi bian biao bie bin bing bo bu ca cai can cang cao ce
cen ceng cha chai chan chang chao che chen cheng chi chong chou chu chua chuai chuan chuang chui chun
chuo ci cong cou cu cuan cui cun cuo da dai dan dang dao de den deng di dian diao die ding diu dong dou
du duan dui dun duo e ei en eng er fa fan fang fei fen feng fiao fo fou fu ga gai gan gang gao ge gei
gen geng gong gou gu gua guai guan guang gui gun guo ha hai han hang hao he hei hen heng hong hou hu hua
huai huan huang hui hun huo ji jia jian jiang jiao jie jin jing jiong jiu ju juan jue jun ka kai kan
kang kao ke ken keng kong kou ku kua kuai kuan kuang kui kun kuo la lai lan lang lao le lei leng li lia
lian liang liao lie lin ling liu lo long lou lu luan lun luo lv lve ma mai man mang mao me mei men meng
mi mian miao mie min ming miu mo mou mu na nai nan nang nao ne nei nen neng ni nian niang niao nie nin
ning niu nong nou nu nuan nun nuo nv nve o ou pa pai pan pang pao pei pen peng pi pian piao pie pin ping
po pou pu qi qia qian qiang qiao qie qin qing qiong qiu qu quan que qun ran rang rao re ren reng ri rong
rou ru rua ruan rui run ruo sa sai san sang sao se sen seng sha shai shan shang shao she shen sheng shi
shou shu shua shuai shuan shuang shui shun shuo si song sou su suan sui sun suo ta tai tan tang tao te
teng ti tian tiao tie ting tong tou tu tuan tui tun tuo wa wai wan wang wei wen weng wo wu xi xia xian
xiang xiao xie xin xing xiong xiu xu xuan xue xun ya yan yang yao ye yi yin ying yo yong you yu yuan yue
yun za zai zan zang zao ze zei zen zeng zha zhai zhan zhang zhao zhe zhen zheng zhi zhong zhou zhu zhua
zhuai zhuan zhuang zhui zhun zhuo zi zong zou zu zuan zui zun zuo
"""
SYLLABLES: dict[str, str] = {one: coarse(one) for one in _IN_USE.split()}
"""Every syllable in use, as it is typed → its coarse sound."""
