"""What the figures are called: Chinese, English; keys as in the JSON."""

from __future__ import annotations

LABELS: dict[str, tuple[str, str]] = {
    "bot": ("机器人", "bot"),
    "articles": ("知识条目", "articles"),
    "train_rows": ("训练文字", "training texts"),
    "rows": ("问了多少条", "texts asked"),
    "top1": ("第一位就对", "right article first"),
    "top5": ("前五位里有", "right article among five"),
    "accuracy": ("正确率（拒绝范围之外的也算对）", "accuracy (rejecting out of scope is right)"),
    "in_scope_accuracy": ("范围之内答对", "in scope, answered right"),
    "oos_recall": ("不知道的没有乱答", "not known, and silent"),
    "oos_auroc": ("区分知道与不知道 AUROC", "known from not known, AUROC"),
    "threshold": ("回答阈值", "answer threshold"),
    "right": ("答对", "answered right"),
    "wrong": ("答错", "answered wrong"),
    "silent": ("沉默", "silent"),
    "perturbed_right": ("打错字、换说法：答对", "typed in a hurry: right"),
    "perturbed_wrong": ("打错字、换说法：答错", "typed in a hurry: wrong"),
    "perturbed_silent": ("打错字、换说法：沉默", "typed in a hurry: silent"),
    "perturbed_by_rule": ("打错字、换说法：规则先回答了", "typed in a hurry: a rule answered first"),
    "seen_leaning": ("看出是追问", "seen to lean on what was said"),
    "standalone_kept": ("完整的问题不受影响", "whole questions answered just the same"),
    "recall1_clean": ("原样问，第一位就对", "asked as written, right article first"),
    "recall1_typo": ("打错字", "with a slip of typing"),
    "recall1_homophone": ("同音字", "with characters that sound alike"),
    "recall1_pinyin": ("打拼音", "typed in pinyin"),
    "recall1_synonym": ("换同义词", "with a synonym"),
    "recall1_traditional": ("繁体字", "in traditional characters"),
    "recall1_lost": ("五种里最多丢了", "lost at most, of the five"),
    "perturbed_rows": ("改写后问了多少条", "perturbed texts asked"),
    "auroc": ("相同与不同的区分 AUROC", "same from not the same, AUROC"),
    "f1": ("F1", "F1"),
    "coverage_at_2pct_wrong": ("答错不超过 2 % 时能回答", "can answer with ≤ 2 % of answers wrong"),
    "calibration_error": ("置信度平均偏差", "confidence is off by, on average"),
    "p50_ms": ("检索中位耗时", "search p50"),
    "p99_ms": ("检索 p99 耗时", "search p99"),
    "rss_bytes": ("内存", "memory"),
    "seconds": ("用时", "took"),
    "survival": ("值还在的比例", "values that survive"),
    "token_ratio": ("压缩后占原来的比例", "tokens left, of the whole"),
    "ratio": ("压缩比", "to one in"),
    "values": ("值", "values"),
    "learned_model": ("有学习得来的意图模型", "with a learned intent model"),
}
_KINDS = {"": ("", ""), "_email": ("：邮箱", ": e-mail"), "_id": ("：身份证", ": identity number"),
          "_card": ("：银行卡", ": bank card"), "_phone": ("：电话", ": phone"),
          "_passport": ("：护照", ": passport"),
          "_plate": ("：车牌", ": number plate"), "_account": ("：账号", ": account name"),
          "_address": ("：地址", ": address"), "_name": ("：姓名", ": name")}
LABELS |= {f"{name}{kind}": (zh + of_zh, en + of_en)
           for name, zh, en in (("precision", "准确率", "precision"), ("recall", "召回率", "recall"),
                                ("f1", "F1", "F1"))
           for kind, (of_zh, of_en) in _KINDS.items()}
COUNTED = ("values", "articles", "train_rows", "rows", "perturbed_rows")
PLAIN = ("ratio", "threshold", "oos_auroc", "calibration_error", "auroc")
"""Numbers from 0 to 1 that are no share of texts."""
