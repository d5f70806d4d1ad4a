"""The sample shop's knowledge and rules: complete in both languages, free of collisions, no dead buttons."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Any

import pytest
import re2
import yaml

from zhike.sample import CONFIG_FILES

LANGS = ("zh", "en")
RULE_KINDS = {"exact", "keyword", "pattern", "menu"}


def _load() -> dict[str, list[dict[str, Any]]]:
    merged: dict[str, list[dict[str, Any]]] = {}
    for path in CONFIG_FILES:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert document.pop("zhike") == 1, path
        for noun, rows in document.items():
            merged.setdefault(noun, []).extend(rows)
    return merged


SHOP = _load()


def norm(text: str) -> str:
    """Width, case, spaces and punctuation do not make two questions different."""
    kept = (c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum() or c == " ")
    return " ".join("".join(kept).split())


def wordings(article: dict[str, Any]) -> list[str]:
    return [article["question"], *article["variants"]]


def rule_hits(rule: dict[str, Any], text: str) -> bool:
    """What a rule's match means, in its plainest form."""
    if rule["kind"] in ("exact", "menu"):
        return norm(text) in {norm(m) for m in rule["match"]}
    if rule["kind"] == "keyword":
        return any(all(word in norm(text) for word in norm(m).split()) for m in rule["match"])
    return any(re2.search(pattern, text) for pattern in rule["match"])


def first_rule(text: str, lang: str) -> dict[str, Any] | None:
    rules = sorted(SHOP["rules"], key=lambda r: int(r["position"]))
    return next((r for r in rules if r["lang"] in (lang, None) and rule_hits(r, text)), None)


def test_articles_are_complete_in_both_languages() -> None:
    keys = {lang: [a["key"] for a in SHOP["articles"] if a["lang"] == lang] for lang in LANGS}
    assert len(keys["zh"]) >= 60
    assert Counter(keys["zh"]) == Counter(keys["en"])
    assert max(Counter(keys["zh"]).values()) == 1
    for article in SHOP["articles"]:
        assert article["bot"] == "shop"
        assert article["category"], article["key"]
        assert len(article["variants"]) >= 5, article["key"]
        assert all(isinstance(v, str) and v.strip() for v in wordings(article)), article["key"]
        assert 30 <= len(article["answer"]) <= 600, article["key"]


def test_each_language_is_written_in_its_script() -> None:
    for article in SHOP["articles"]:
        share = sum("一" <= c <= "鿿" for c in article["answer"]) / len(article["answer"])
        assert share > 0.4 if article["lang"] == "zh" else share == 0, article["key"]


def test_no_wording_stands_under_two_articles() -> None:
    seen: dict[tuple[str, str], str] = {}
    for article in SHOP["articles"]:
        for text in wordings(article):
            key = (article["lang"], norm(text))
            assert key not in seen, f"{text!r} is in {seen[key]} and {article['key']}"
            seen[key] = article["key"]


def test_amounts_agree_between_the_languages() -> None:
    """Every number of three or more digits (prices, limits, sizes) stands in both languages."""
    by_key = {(a["key"], a["lang"]): a["answer"].replace(",", "") for a in SHOP["articles"]}
    for (key, lang), answer in by_key.items():
        if lang == "zh":
            zh, en = (set(re.findall(r"\d{3,}", t)) for t in (answer, by_key[key, "en"]))
            assert zh == en, f"{key}: only in one language {zh ^ en}"


def test_amounts_in_yuan_agree_between_the_languages() -> None:
    by_key = {(a["key"], a["lang"]): a["answer"].replace(",", "") for a in SHOP["articles"]}
    for (key, lang), answer in by_key.items():
        if lang == "en":
            for amount in re.findall(r"¥(\d+)", answer):
                assert re.search(rf"(?<!\d){amount}(?!\d)", by_key[key, "zh"]), f"{key}: ¥{amount}"


@pytest.mark.parametrize("rule", SHOP["rules"], ids=lambda r: str(r["key"]))
def test_rule_is_valid(rule: dict[str, Any]) -> None:
    assert rule["kind"] in RULE_KINDS
    assert rule["bot"] == "shop"
    assert rule["lang"] in ("zh", "en", None)
    assert rule["match"]
    assert all(isinstance(m, str) and m.strip() for m in rule["match"])
    assert rule["reply"].strip() or rule["action"].startswith("flow:")
    assert isinstance(rule["position"], int)
    assert rule.get("action") in (None, "handoff", *(f"flow:{flow['key']}" for flow in SHOP["flows"]))
    if rule["kind"] == "menu":
        assert rule["buttons"]
    if rule["kind"] == "pattern":
        for pattern in rule["match"]:
            re2.compile(pattern)


def test_rule_keys_are_unique_and_paired() -> None:
    keys = [r["key"] for r in SHOP["rules"]]
    assert len(keys) == len(set(keys))
    stems = {lang: {k.removesuffix(f"-{lang}") for k in keys if k.endswith(f"-{lang}")} for lang in LANGS}
    assert stems["zh"] == stems["en"]


def test_no_exact_text_stands_under_two_rules() -> None:
    seen: dict[tuple[str, str], str] = {}
    for rule in SHOP["rules"]:
        if rule["kind"] in ("exact", "menu"):
            for text in rule["match"]:
                other = seen.setdefault((rule["lang"], norm(text)), rule["key"])
                assert other == rule["key"], f"{text!r} is in {other} and {rule['key']}"


def test_no_rule_catches_the_wording_of_an_article() -> None:
    for article in SHOP["articles"]:
        for text in wordings(article):
            rule = first_rule(text, article["lang"])
            assert rule is None, f"{text!r} of {article['key']} is caught by rule {rule and rule['key']}"


def test_every_button_and_suggestion_gets_an_answer() -> None:
    known = {(a["lang"], norm(t)) for a in SHOP["articles"] for t in wordings(a)}

    def answered(lang: str, text: str) -> bool:
        return (lang, norm(text)) in known or first_rule(text, lang) is not None

    for row in SHOP["articles"] + SHOP["rules"]:
        for button in row.get("buttons", ()):
            assert button["label"]
            assert len(button["label"]) <= 32, button
            assert answered(row["lang"], button["text"]), f"{row['key']}: {button}"
    (inbox,) = SHOP["inboxes"]
    for lang in LANGS:
        assert len(inbox["settings"]["suggestions"][lang]) == 3
        for text in inbox["settings"]["suggestions"][lang]:
            assert answered(lang, text), text


@pytest.mark.parametrize(
    ("text", "lang", "stem"),
    [
        ("你好！", "zh", "greeting"),
        ("Hello", "en", "greeting"),
        ("谢谢～", "zh", "thanks"),
        ("人呢？", "zh", "human"),
        ("麻烦帮我转人工谢谢", "zh", "human-pattern"),
        ("不要机器人，我要真人", "zh", "human-pattern"),
        ("Can I talk to a real person please", "en", "human-pattern"),
        ("I want a human", "en", "human-pattern"),
        ("你们就是骗子", "zh", "angry"),
        ("This is ridiculous", "en", "angry"),
        ("菜单", "zh", "menu"),
        ("Menu", "en", "menu"),
        ("我的单号zk20261101001到哪了", "zh", "order-number"),
        ("where is ZK 20261101001?", "en", "order-number"),
        ("ZK20261101001 我要退货", "zh", "order-change"),
        ("I want to cancel ZK20261101001", "en", "order-change"),
        ("我的快递到哪了？", "zh", "order-status"),
        ("Where is my parcel?", "en", "order-status"),
        ("ZK2026110", "zh", "order-number-wrong"),
        ("zk202611010012", "en", "order-number-wrong"),
        ("Are you a robot?", "en", "who"),
        ("再见", "zh", "bye"),
    ],
)
def test_small_talk_reaches_its_rule(text: str, lang: str, stem: str) -> None:
    rule = first_rule(text, lang)
    assert rule is not None
    assert rule["key"] == f"{stem}-{lang}"
    assert (rule.get("action") == "handoff") == (stem in ("human", "human-pattern", "angry"))
    assert rule.get("opener", False) == (stem == "greeting")


@pytest.mark.parametrize("lang", LANGS)
def test_talk_to_a_person_button_hands_over(lang: str) -> None:
    rule = first_rule({"zh": "转人工", "en": "Talk to a person"}[lang], lang)
    assert rule is not None
    assert rule["action"] == "handoff"


def test_bot_and_inbox_belong_together() -> None:
    (inbox,), (bot,) = SHOP["inboxes"], SHOP["bots"]
    assert inbox["key"] == inbox["bot"] == bot["key"] == "shop"
    assert inbox["channel"] == "web"
    for texts in (bot["settings"]["fallback"], bot["settings"]["handoff"], inbox["settings"]["greeting"]):
        assert set(texts) == set(LANGS)
