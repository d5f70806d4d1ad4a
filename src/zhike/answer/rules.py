"""Rules: fixed replies to texts their author foresaw. The first rung of the ladder.

Every bot's rules are compiled once per language: exact texts and menu texts into one dictionary,
keywords and patterns into one ``re2.Set``, so that fifty rules cost one pass over the text (and
no pattern can hang: RE2 is linear). Lower position wins, whatever the kind; then exact, menu,
pattern, keyword; then the older rule.

What the texts are compared with: exact, menu and keywords with the normalised text (no case, no
punctuation, simplified characters); a Latin keyword only as whole words. Patterns see the text
in lower case and simplified characters too, but with the punctuation inside it kept.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import re2

from zhike.answer.rulecheck import FLOW, check_rule, compile_options, keyword_parts
from zhike.domain.knowledge import Rule
from zhike.domain.message import Reply, Source, TraceStep
from zhike.search.text import Question, loosen, normalise, simplify

_log = logging.getLogger(__name__)
_KIND_ORDER = {"exact": 0, "menu": 1, "pattern": 2, "keyword": 3}
_NEVER = 1 << 60
_REMEMBERED = 8_192
_REMEMBERED_CHARS = 100
"""Short texts are the ones that repeat; where they lead is kept, for a scan takes microseconds."""


class RuleSet:
    """The rules of one bot, compiled; immutable, but for what it remembers of texts.

    ``problems``: (rule, what is wrong) of rules that cannot be used and were left out.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.problems: list[tuple[Rule, list[str]]] = []
        usable = []
        for rule in sorted((r for r in rules if r.enabled), key=_rank):
            if wrong := check_rule(rule):
                self.problems.append((rule, wrong))
                _log.warning("rule left out", extra={"rule": rule.key, "problems": wrong})
            else:
                usable.append(rule)
        self._tables = {lang: _Table([r for r in usable if r.lang in ("", lang)]) for lang in ("zh", "en")}

    def match(self, question: Question) -> Reply | None:
        """The reply of the first rule that applies, with its JSON made already; None: no rule."""
        return self._tables[question.lang].match(question)


def _rank(rule: Rule) -> tuple[int, int, int]:
    return rule.position, _KIND_ORDER.get(rule.kind, 9), rule.id


class _Table:
    """Rules of one language in their order; a rule is known by its place in it."""

    def __init__(self, rules: list[Rule]) -> None:
        self._replies = [_reply(rule) for rule in rules]
        self._exact: dict[str, int] = {}
        self._patterns: dict[int, int] = {}  # number in the set → place
        self._keywords: dict[int, list[tuple[frozenset[int], int]]] = {}  # → (all numbers, place)
        expressions: list[str] = []
        parts: dict[str, int] = {}
        self._first_scanned = _NEVER
        for place, rule in enumerate(rules):
            for text in rule.match:
                if rule.kind in ("exact", "menu"):
                    self._exact.setdefault(normalise(text), place)
                    continue
                self._first_scanned = min(self._first_scanned, place)
                if rule.kind == "pattern":
                    self._patterns[len(expressions)] = place
                    expressions.append(simplify(text))
                    continue
                numbers = []
                for part in keyword_parts(text):
                    if part not in parts:
                        parts[part] = len(expressions)
                        expressions.append(_whole_word(part))
                    numbers.append(parts[part])
                for number in numbers:
                    self._keywords.setdefault(number, []).append((frozenset(numbers), place))
        self._scan = _compile(expressions) if expressions else None
        self._places: dict[str, int] = {}  # text → place, of texts that came lately

    def match(self, question: Question) -> Reply | None:
        text = question.text
        place = self._places.get(text)
        if place is None:
            place = self._find(question)
            if len(text) <= _REMEMBERED_CHARS:
                if len(self._places) >= _REMEMBERED:
                    self._places.clear()  # what is asked all the time is back within a second
                self._places[text] = place
        return self._replies[place] if place != _NEVER else None

    def _find(self, question: Question) -> int:
        norm = question.norm
        place = self._exact.get(norm, _NEVER)
        if place > self._first_scanned and self._scan is not None:
            text = question.text
            hits = self._scan.Match(norm.encode())
            if text != norm and self._patterns and (loose := loosen(text)) != norm:
                hits = [*(h for h in hits or () if h not in self._patterns),
                        *(h for h in self._scan.Match(loose.encode()) or () if h in self._patterns)]
            if hits:
                place = min(place, self._first(frozenset(hits)))
        return place

    def _first(self, hits: frozenset[int]) -> int:
        best = _NEVER
        for hit in hits:
            if hit in self._patterns:
                best = min(best, self._patterns[hit])
            else:
                for needed, place in self._keywords[hit]:
                    if place < best and needed <= hits:
                        best = place
        return best


def _compile(expressions: list[str]) -> Any:
    scan = re2.Set.SearchSet(compile_options())
    for expression in expressions:
        scan.Add(expression)
    scan.Compile()
    return scan


def _whole_word(part: str) -> str:
    """Literal text; a Latin letter or digit at its edge must be the edge of a word."""
    left = r"\b" if part[0].isascii() and part[0].isalnum() else ""
    right = r"\b" if part[-1].isascii() and part[-1].isalnum() else ""
    return f"{left}{re2.escape(part)}{right}"


def _reply(rule: Rule) -> Reply:
    """Made once. A rule that begins a flow is not sure: a job begins the flow and speaks for it. A rule
    that hands over may always be said, whatever flow is active; others interrupt where the flow says so."""
    begins = rule.action.startswith(FLOW)
    reply = Reply(text=rule.reply.strip(), buttons=rule.buttons,
                  source=Source(kind="rule", id=rule.id, key=rule.key, title=rule.match[0], score=1.0),
                  trace=(TraceStep(step="rules", outcome="hit", detail=f"{rule.kind}: {rule.key}",
                                   score=1.0),),
                  action=rule.action, opener=rule.opener, sure=not rule.opener and not begins,
                  interrupts=rule.action == "handoff")
    _ = reply.payload_json, reply.trace_json  # made once, here, not on the event loop
    return reply
