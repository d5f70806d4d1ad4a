"""The life of a conversation: which act leads from which state to which, and who may act.

The one table of it. The storing transaction (:mod:`zhike.store.moves`) looks every change up here,
so that nothing else decides who speaks. A state is ``(status, holder)``; six of them exist.

Three things are told of each step: where it leads, whether the **epoch rises** (it does whenever
another one may speak than before; everything said under an older epoch is then refused), and what
the **visitor is told**. A step that changes who answers a visitor always tells them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from zhike.domain.conversation import Holder, Status

State = tuple[Status, Holder]

PENDING: State = ("pending", "bot")
"""The bot answers."""
WAITING: State = ("open", "queue")
"""Waits for a person."""
HELD: State = ("open", "agent")
"""One person answers."""
SNOOZED_WAITING: State = ("snoozed", "queue")
"""Put aside while it waited: no one is asked to take it until it wakes."""
SNOOZED_HELD: State = ("snoozed", "agent")
"""Put aside by the one who holds it, who still is the only one to speak."""
RESOLVED: State = ("resolved", "none")
"""Over. The next message of the visitor begins a new conversation."""

STATES = (PENDING, WAITING, HELD, SNOOZED_WAITING, SNOOZED_HELD, RESOLVED)

Act = Literal["take", "give", "pass", "queue", "return", "snooze", "wake", "reopen", "resolve"]
"""take: an agent takes it for themselves · give: it is assigned to an agent · pass: it is assigned to a
team, or to nobody · queue: a person is asked for · return: back to the bot · snooze, wake · reopen ·
resolve."""
Actor = Literal["visitor", "bot", "agent", "key", "router", "timer"]

ACTORS: dict[Act, frozenset[Actor]] = {
    "take": frozenset({"agent"}),
    "give": frozenset({"agent", "key", "router"}),
    "pass": frozenset({"agent", "key", "router"}),
    "queue": frozenset({"visitor", "bot", "agent", "key"}),
    "return": frozenset({"agent", "key"}),
    "snooze": frozenset({"agent", "key"}),
    "wake": frozenset({"visitor", "timer", "agent", "key"}),
    "reopen": frozenset({"agent", "key"}),
    "resolve": frozenset({"agent", "key", "timer"}),
}
"""Who may act. Speaking is another matter: only the holder does, whoever asks."""


class Step(NamedTuple):
    """What an act does. ``says``: a name of ``words.SYSTEM_TEXTS``, "" = the visitor is told nothing.
    ``covers``: nothing that came in is open any more."""

    to: State
    rises: bool
    says: str = ""
    covers: bool = False


Refusal = Literal["unchanged", "resolved", "wrong_state"]
"""unchanged: it is so already · resolved: it is over · wrong_state: it makes no sense here."""


def _same(*states: State) -> dict[State, Step | Refusal]:
    return dict.fromkeys(states, "unchanged")


_OVER: dict[State, Step | Refusal] = {RESOLVED: "resolved"}
_WAKES: dict[State, Step | Refusal] = {SNOOZED_WAITING: Step(WAITING, False), SNOOZED_HELD: Step(HELD, False)}

TABLE: dict[Act, dict[State, Step | Refusal]] = {
    # the holder's own taking of what they have is "wake"; see ``step``
    "take": {**_OVER, **{state: Step(HELD, True, "taken") for state in STATES[:-1]}},
    "give": {**_OVER, **{state: Step(HELD, True, "taken") for state in (PENDING, WAITING, SNOOZED_WAITING)},
             **{state: Step(HELD, True, "transferred") for state in (HELD, SNOOZED_HELD)}},
    "pass": {**_OVER, PENDING: Step(WAITING, True, "queued"),
             # it goes on waiting, elsewhere: nobody else may speak than before
             WAITING: Step(WAITING, False), SNOOZED_WAITING: Step(WAITING, False),
             HELD: Step(WAITING, True, "passed_on"), SNOOZED_HELD: Step(WAITING, True, "passed_on")},
    "queue": {**_OVER, **_same(WAITING), SNOOZED_WAITING: Step(WAITING, False),
              **{state: Step(WAITING, True, "queued") for state in (PENDING, HELD, SNOOZED_HELD)}},
    # what was asked while a person held it is theirs: the bot starts with the next question
    "return": {**_OVER, **_same(PENDING),
               **{state: Step(PENDING, True, "returned", covers=True)
                  for state in (WAITING, HELD, SNOOZED_WAITING, SNOOZED_HELD)}},
    "snooze": {**_OVER, PENDING: "wrong_state",
               WAITING: Step(SNOOZED_WAITING, False), SNOOZED_WAITING: Step(SNOOZED_WAITING, False),
               HELD: Step(SNOOZED_HELD, False), SNOOZED_HELD: Step(SNOOZED_HELD, False)},
    "wake": {**_same(PENDING, WAITING, HELD, RESOLVED), **_WAKES},
    "reopen": {**_same(PENDING, WAITING, HELD), **_WAKES, RESOLVED: Step(HELD, True, "reopened")},
    "resolve": {**_same(RESOLVED),
                **{state: Step(RESOLVED, True, "resolved", covers=True) for state in STATES[:-1]}},
}


def step(act: Act, status: Status, holder: Holder, *, own: bool = False,
         by_agent: bool = True) -> Step | Refusal:
    """What ``act`` does to a conversation of this status and holder.

    Args:
        own: the one who takes it, or is given it, holds it already: then it only wakes.
        by_agent: False: a program acts. What it reopens waits for a person.
    """
    if own and act in ("take", "give"):
        act = "wake"
    found = TABLE[act][status, holder]
    if act == "reopen" and isinstance(found, Step) and found.rises and not by_agent:
        return Step(WAITING, True, "queued")
    return found
