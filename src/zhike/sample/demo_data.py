"""Two weeks of plausible past conversations for `zhike demo`, made from demo_dialogues.yaml.

Pure: the same seed and ``now`` give the same history, and nothing is written anywhere.
"""

from __future__ import annotations

import functools
import random
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import yaml

from zhike.sample import CONFIG_FILES, ROOT
from zhike.sample.orders import SHOP_TZ

CONVERSATIONS_PER_DAY = 18
OPEN_HOUR, CLOSE_HOUR = 9, 22  # as the article "contact-hours" says
HOUR_WEIGHTS = (3, 2, 1, 1, 1, 1, 2, 4, 7, 11, 18, 17, 12, 10, 10, 10, 9, 8, 8, 11, 17, 18, 10, 6)
"""Arrivals by hour of the shop's day: people ask in the late morning and after dinner."""
RATED_SHARE = 0.4
NEW_SHARE = 0.45  # of the visitors are nobody the shop knows
OPEN_WITHIN = timedelta(hours=3)

Lang = Literal["zh", "en"]
Sender = Literal["visitor", "bot", "agent"]


class DemoAgent(msgspec.Struct, frozen=True):
    """A person at the desk; ``langs`` are the languages they answer in."""

    key: str
    name: str
    role: Literal["owner", "admin", "agent"]
    langs: tuple[Lang, ...]
    email: str


class DemoContact(msgspec.Struct, frozen=True):
    """Who asked. The same key is the same person in several conversations."""

    key: str
    name: str


class DemoMessage(msgspec.Struct, frozen=True):
    """One message, ``offset_s`` seconds after the conversation began.

    A bot's answer names its article or rule; both None is the fallback, handoff or offline text.
    """

    offset_s: float
    sender: Sender
    text: str
    article_key: str | None = None
    rule_key: str | None = None


class DemoConversation(msgspec.Struct, frozen=True):
    """One past conversation. ``agent`` is the key of the person who took it over, if anybody did.

    ``handed_off_s`` is the offset of the handoff, None if the bot did it alone. ``waiting`` says that
    the visitor is the one who spoke last and a person owes the answer (only when open).
    """

    key: str
    script: str
    contact: DemoContact
    lang: Lang
    started_at: datetime
    status: Literal["resolved", "open"]
    messages: tuple[DemoMessage, ...]
    agent: str | None = None
    handed_off_s: float | None = None
    resolved_at: datetime | None = None
    waiting: bool = False
    rating: int | None = None
    comment: str | None = None


class Script(msgspec.Struct, frozen=True):
    """A dialogue as written in demo_dialogues.yaml; a turn is one ``{kind: text}``."""

    key: str
    lang: Lang
    turns: tuple[dict[str, Any], ...]
    weight: int = 1
    ratings: tuple[int, ...] = ()
    comments: tuple[str, ...] = ()
    open: bool = False


class _Material(msgspec.Struct, frozen=True):
    agents: tuple[DemoAgent, ...]
    contacts: dict[Lang, tuple[str, ...]]
    dialogues: tuple[Script, ...]


@functools.cache
def material() -> tuple[tuple[DemoAgent, ...], dict[Lang, tuple[str, ...]], tuple[Script, ...]]:
    """The agents, the contacts' names by language, and the scripts.

    Raises:
        msgspec.ValidationError: the YAML does not have the form of the structs above.
    """
    raw = yaml.safe_load((ROOT / "demo_dialogues.yaml").read_text(encoding="utf-8"))
    parsed = msgspec.convert(raw, _Material)
    return parsed.agents, parsed.contacts, parsed.dialogues


@functools.cache
def _knowledge() -> tuple[
    dict[tuple[str, str], dict[str, Any]], dict[str, str], dict[str, Any], dict[str, Any]
]:
    """Articles by (key, lang), rule replies by key, settings of the bot and of the inbox."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for path in CONFIG_FILES:
        for noun, part in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if isinstance(part, list):
                rows.setdefault(noun, []).extend(part)
    articles = {(a["key"], a["lang"]): a for a in rows["articles"]}
    rules = {r["key"]: r["reply"] for r in rows["rules"]}
    return articles, rules, rows["bots"][0]["settings"], rows["inboxes"][0]["settings"]


def _staffed(at: datetime) -> bool:
    return OPEN_HOUR <= at.astimezone(SHOP_TZ).hour < CLOSE_HOUR


def _next_opening(at: datetime) -> datetime:
    local = at.astimezone(SHOP_TZ)
    opening = local.replace(hour=OPEN_HOUR, minute=0, second=0, microsecond=0)
    return (opening if opening > local else opening + timedelta(days=1)).astimezone(at.tzinfo)


class _Teller:
    """Tells one script: keeps the time, and what has been said so far."""

    def __init__(self, rng: random.Random, script: Script, started_at: datetime) -> None:
        self.rng, self.script, self.started_at = rng, script, started_at
        self.messages: list[DemoMessage] = []
        self.offset_s = 0.0
        self.handed_off_s: float | None = None
        days_ago = rng.randint(1, 6)
        day = (started_at - timedelta(days=days_ago)).astimezone(SHOP_TZ)
        self.order = f"ZK{day:%Y%m%d}{rng.randint(21, 999):03d}"  # 001-020 belong to the mock service

    def _say(
        self, sender: Sender, text: str, after_s: float, article: str | None = None, rule: str | None = None
    ) -> None:
        self.offset_s = round(self.offset_s + after_s, 3)
        self.messages.append(DemoMessage(self.offset_s, sender, text.strip(), article, rule))

    def _visitor(self, text: str) -> None:
        if not self.messages:
            pause = 0.0
        elif self.messages[-1].sender == "visitor":
            pause = self.rng.uniform(2, 7)  # two fragments of one thought
        else:
            pause = self.rng.uniform(9, 55)
        self._say("visitor", self.rng.choice(text.split(" | ")).replace("{order}", self.order), pause)

    def _bot(self, text: str, article: str | None = None, rule: str | None = None) -> None:
        self._say("bot", text, self.rng.uniform(0.004, 0.04), article, rule)

    def _hand_off(self, text: str, rule: str | None = None) -> None:
        self._bot(text, rule=rule)
        self.handed_off_s = self.offset_s
        if not _staffed(self.started_at + timedelta(seconds=self.offset_s)):
            self._bot(_knowledge()[3]["offline"][self.script.lang])

    def _agent(self, text: str) -> None:
        first = not any(m.sender == "agent" for m in self.messages)
        pause = self.rng.lognormvariate(3.9, 0.6) if first else self.rng.uniform(15, 95)
        at = self.started_at + timedelta(seconds=self.offset_s + pause)
        if not _staffed(at):
            pause = (
                (_next_opening(at) - self.started_at).total_seconds()
                - self.offset_s
                + self.rng.uniform(60, 2400)
            )
        self._say("agent", text, pause)

    def tell(self) -> None:
        """Goes through the turns in order."""
        articles, rules, bot, _ = _knowledge()
        lang = self.script.lang
        for turn in self.script.turns:
            ((kind, value),) = turn.items()
            if kind == "v":
                self._visitor(value)
            elif kind == "agent":
                self._agent(value)
            elif kind == "rule" and value.startswith("angry"):
                self._hand_off(rules[value], value)
            elif kind == "rule":
                self._bot(rules[value], rule=value)
            elif kind == "handoff":
                self._hand_off(bot["handoff"][lang])
            elif kind == "fallback":
                self._bot(bot["fallback"][lang])
            elif kind in ("ask", "bot"):
                article = articles[value, lang]
                if kind == "ask":
                    wording = self.rng.choice([article["question"], *article["variants"]])
                    self._visitor(wording)
                self._bot(article["answer"], article=value)
            else:
                raise ValueError(f"demo_dialogues.yaml: {self.script.key}: unknown turn {kind!r}")


def _conversation(
    rng: random.Random, number: int, contact: DemoContact, script: Script, started_at: datetime, now: datetime
) -> DemoConversation:
    agents = material()[0]
    teller = _Teller(rng, script, started_at)
    teller.tell()
    said = [m for m in teller.messages if started_at + timedelta(seconds=m.offset_s) <= now]
    unfinished = script.open or len(said) < len(teller.messages)
    handed_off_s = teller.handed_off_s if teller.handed_off_s is not None and any(
        m.offset_s >= teller.handed_off_s for m in said
    ) else None  # fmt: skip
    speakers = [a.key for a in agents if script.lang in a.langs]
    agent = rng.choice(speakers)
    rated = script.ratings and rng.random() < RATED_SHARE
    choice = rng.randrange(len(script.ratings)) if script.ratings else 0
    resolved_at = started_at + timedelta(seconds=said[-1].offset_s + rng.uniform(120, 900))
    if resolved_at > now:
        unfinished = True
    return DemoConversation(
        key=f"demo-{number:04d}",
        script=script.key,
        contact=contact,
        lang=script.lang,
        started_at=started_at,
        status="open" if unfinished else "resolved",
        messages=tuple(said),
        agent=agent if any(m.sender == "agent" for m in said) else None,
        handed_off_s=handed_off_s,
        resolved_at=None if unfinished else resolved_at,
        waiting=unfinished and handed_off_s is not None and said[-1].sender != "agent",
        rating=script.ratings[choice] if rated and not unfinished else None,
        comment=script.comments[choice]
        if rated and not unfinished and choice < len(script.comments)
        else None,
    )


def _start(rng: random.Random, now: datetime, days: int) -> datetime:
    """A moment of the last ``days`` days, as often as people come at that hour."""
    while True:
        at = now - timedelta(seconds=rng.uniform(600, days * 86400))
        local = at.astimezone(SHOP_TZ)
        weekend = 1.0 if local.weekday() >= 5 else 0.85
        if rng.random() * max(HOUR_WEIGHTS) < HOUR_WEIGHTS[local.hour] * weekend:
            return at


def _contact(rng: random.Random, number: int, lang: Lang, busy: set[str]) -> DemoContact:
    """A known customer without another conversation at that time, or somebody new."""
    names = material()[1][lang]
    known = DemoContact(f"demo-{lang}-{(who := rng.randrange(len(names))):02d}", names[who])
    if rng.random() < NEW_SHARE or known.key in busy:
        return DemoContact(f"demo-visitor-{number:04d}", {"zh": "访客", "en": "Visitor"}[lang])
    return known


def make_history(seed: int, now: datetime, days: int = 14) -> list[DemoConversation]:
    """About 18 conversations a day of the last ``days`` days, oldest first; the newest few still open.

    Args:
        seed: the same seed, ``now`` and ``days`` give the same history.
        now: aware; no message is later than this.
        days: how far back, at least 1.

    Raises:
        ValueError: ``now`` has no time zone, or ``days`` is below 1.
    """
    if now.tzinfo is None:
        raise ValueError("now must carry a time zone, e.g. datetime.now(UTC)")
    if days < 1:
        raise ValueError(f"days must be at least 1, not {days}")
    rng = random.Random(seed)
    scripts = material()[2]
    finished = [s for s in scripts if not s.open]
    weights = [s.weight for s in finished]
    plan = [
        (_start(rng, now, days), rng.choices(finished, weights)[0])
        for _ in range(days * CONVERSATIONS_PER_DAY - sum(s.open for s in scripts))
    ]
    # The open ones are recent whatever the hour: a desk without anybody waiting shows nothing.
    recent_s = OPEN_WITHIN.total_seconds()
    plan += [(now - timedelta(seconds=rng.uniform(240, recent_s)), s) for s in scripts if s.open]
    plan.sort(key=lambda entry: entry[0])
    history: list[DemoConversation] = []
    busy_until: dict[str, datetime] = {}
    for number, (at, script) in enumerate(plan, start=1):
        contact = _contact(rng, number, script.lang, {key for key, end in busy_until.items() if end >= at})
        conversation = _conversation(rng, number, contact, script, at, now)
        busy_until[contact.key] = conversation.resolved_at or now
        history.append(conversation)
    return history
