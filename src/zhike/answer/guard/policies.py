"""Promises and policies in a sentence: what a shop is held to when its bot says it."""

from __future__ import annotations

import re

_GROUPS: dict[str, str] = {
    "guarantee": r"保证|承诺|担保|包您|保您|一定(?:会|能|可以|帮|给)|肯定(?:会|能|可以)|绝对(?!路径|值)"
    r"|百分之?百|必定|必然会|guarantee|promise|assure you|definitely|certainly will|100\s?%",
    "free shipping": r"包邮|免运费|免邮|运费全免|不收运费|免费配送|免费送货"
    r"|free (?:standard |express )?(?:shipping|delivery|postage)|ship(?:s|ped)? (?:for )?free",
    "free": r"免费|不收(?:取)?(?:任何)?费用|不收费|零费用|不要钱|无需付费"
    r"|(?<!feel )(?<!be )\bfree\b(?! to (?:ask|contact|reach|write|call|message))(?! from)"
    r"|(?:no|without) (?:extra |additional )?(?:charge|cost|fee)s?|complimentary",
    "full refund": r"全额退|全款退|原价退|full refund|fully refund|refund(?:ed)? in full|money[ -]back",
    "no reason": r"无理由|无条件|不问原因|no[ -]questions[ -]asked|for any reason|unconditional",
    "compensation": r"赔偿|赔付|包赔|赔您|假一赔|补偿|compensat|reimburs",
    "lifetime": r"终身|终生|永久|永远|lifetime|forever|permanent",
    "gift": r"赠送|赠品|送您(?!到)|附赠|买一送一|free gift|bonus|buy one get one",
    "price match": r"保价|买贵|价保|补差价|price[ -]match|price protection",
}
"""Claims wherever they stand."""
_COMMITTED: dict[str, str] = {
    "refund": r"退款|退钱|退费|refund|money back",
    "return": r"退货|退换|退回来|(?<!in )\breturns?\b(?! (?:your|the) call)",
    "exchange": r"换货|换新|更换|exchange|replacement",
    "warranty": r"保修|质保|包换|三包|warranty",
    "cancel": r"取消订单|撤单|cancel",
    "invoice": r"开(?:具)?(?:增值税)?(?:专用|普通|电子)?发票|invoice",
    "discount": r"优惠|打折|折扣|立减|discount",
}
_group = re.compile(
    "(?=[保承担包一肯绝百必免运不零无全原假赔补终永赠附送买价gpadcf1nrlbufmsw])(?:"
    + "|".join(f"(?P<g{n}>{words})" for n, words in enumerate(_GROUPS.values()))
    + ")",
    re.I,
).finditer
_committed = re.compile(
    "(?=[退换更保质包三取撤开优打折立rmewcid])(?:"
    + "|".join(f"(?P<c{n}>{words})" for n, words in enumerate(_COMMITTED.values()))
    + ")",
    re.I,
).finditer
_NAMES = [*_GROUPS]
_COMMITTED_NAMES = [*_COMMITTED]
_may = re.compile(
    r"可以|支持|能够?(?!否)|都?会|享受|提供|已经?为您|给您|为您(?:办理|安排|申请)|无需|不需要|不用|接受"
    r"|\bcan\b|\bwill\b|we(?:'ll| offer| accept| provide| support)|eligible|entitled|allowed|possible"
    r"|available|have been|has been|\b(?:is|are) covered", re.I).search
_asks = re.compile(
    r"[?？]|吗|么[。，]?$|是否|能否|想要|需要我|如果您?(?:想|要|需要)|would you like|do you want|if you",
    re.I).search
_elsewhere = re.compile(
    r"转人工|人工客服|联系(?:我们|客服|人工)|帮您(?:查|问|确认|转)|查一下|核实|确认一下|咨询"
    r"|不确定|不清楚|没有(?:找到|查到)|person|agent|colleague|check (?:with|that|this|for)|not sure"
    r"|don't know|cannot find|can't find", re.I).search
_negated = re.compile(
    r"(?:不|没有?|非|无法|不能|未|别|勿|概不|不再|不予|暂不|并不)[^，,。；;]{0,4}$"
    r"|(?:\b(?:not|no|never|cannot|without|non|neither|nor)\b|n't)(?:\s+\w+){0,3}\s*$", re.I).search
_NEGATION_CHARS = 28


def policies(text: str) -> list[tuple[str, str]]:
    """(name, words) of each policy; the name begins with "no " where it is denied."""
    found: list[tuple[str, str]] = []
    for match in _group(text):
        name = _NAMES[int((match.lastgroup or "g0")[1:])]
        no = _no(text, match.start())
        if name == "guarantee" and no:
            continue  # "we cannot promise" promises nothing
        found.append((no + name, match.group()))
    for match in _committed(text):
        name = _COMMITTED_NAMES[int((match.lastgroup or "c0")[1:])]
        found.append((_no(text, match.start()) + name, match.group()))
    return found


def commits(sentence: str) -> bool:
    """Does the sentence say what will be or may be done? Questions and offers to ask somebody do not."""
    if _asks(sentence) or _elsewhere(sentence):
        return False
    return _may(sentence) is not None or _negated(sentence) is not None


def is_commitment(name: str) -> bool:
    """Is it a policy that only counts where the sentence commits (退货), not by itself (免费)?"""
    return name.removeprefix("no ") in _COMMITTED


def _no(text: str, start: int) -> str:
    return "no " if _negated(text[max(0, start - _NEGATION_CHARS) : start]) else ""
