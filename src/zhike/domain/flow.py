"""Flows: conversations with a fixed course, such as "which order, and is it yours?".

A flow is a list of steps, taken one after the other; ``branch`` goes elsewhere. It stands still at an
``ask`` until the visitor has answered, and ends after its last step.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from zhike.domain.knowledge import Rule
from zhike.domain.tool import Texts

SlotKind = Literal["text", "order_number", "phone_tail", "choice", "yes_no", "date", "email"]
MAX_STATE_CHARS = 2_000
"""The column ``conversations.flow``."""
STARTS_POSITION = 100
"""Where the phrases that begin a flow stand among the rules: where a rule without a position stands."""


class Choice(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One thing to choose: its value, its label on a button, other words for it."""

    value: str
    label: Texts
    words: tuple[str, ...] = ()


class Branch(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Go to the step labelled ``goto`` if ``when`` holds ("" = always).

    ``when``: ``name``, ``not name``, ``name = value`` or ``name != value``; name is a slot, a saved
    ``result.ok`` / ``result.error``, ``caller.identified``, ``caller.lang``.
    """

    goto: str
    when: str = ""


class Step(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step: exactly one of ``ask``, ``call``, ``say``, ``branch``, ``handoff``, ``end``.

    ask (a slot): ``prompt``, ``kind``, ``pattern`` (RE2), ``choices``, ``again`` (said when the answer was
    not understood), ``retries`` before a person takes over, ``fresh`` (asks although the slot is filled).
    call (a tool): ``arguments`` (values with ``{slot}``; one whose slots are all empty is left out),
    ``save`` (the name of its result), ``keep`` (slot → JSON pointer into its data).
    say: a text with ``{slot}``, ``{result.text}``, ``{result/json/pointer}``.
    handoff: what is said when a person takes over.
    """

    label: str = ""
    ask: str = ""
    kind: SlotKind = "text"
    prompt: Texts = Texts()
    again: Texts = Texts()
    pattern: str = ""
    choices: tuple[Choice, ...] = ()
    retries: int = 2
    fresh: bool = False
    call: str = ""
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    save: str = ""
    keep: dict[str, str] = msgspec.field(default_factory=dict)
    say: Texts = Texts()
    branch: Branch | None = None
    handoff: Texts = Texts()
    end: bool = False

    @property
    def verb(self) -> str:
        """Which of the six it is; "" if it is none or several."""
        found = [name for name in VERBS if getattr(self, name)]
        return found[0] if len(found) == 1 else ""


VERBS = ("ask", "call", "say", "branch", "handoff", "end")


class FlowBody(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a person writes of a flow, and what stands as JSON in its row.

    ``starts``: whole texts, or ``/RE2/``, that begin it (beside rules with the action ``flow:<key>``).
    ``interrupts``: keys of rules that may answer while it is active; ``handoff`` always may.
    ``knowledge``: a sure answer to another question is given, and the flow asks again.
    ``timeout_s``: after so long a silence it is over.
    """

    title: str
    steps: tuple[Step, ...]
    starts: tuple[str, ...] = ()
    interrupts: tuple[str, ...] = ()
    knowledge: bool = True
    timeout_s: float = 1800.0


class Flow(msgspec.Struct, omit_defaults=True):
    """One flow of a bot. Times: ms since 1970 UTC."""

    id: int
    bot_id: int
    key: str
    body: FlowBody
    enabled: bool = True
    created_at: int = 0
    updated_at: int = 0


def start_rules(flow: Flow) -> list[Rule]:
    """The phrases that begin a flow, as rules: one matcher for everything that is matched."""
    if not flow.enabled:
        return []
    patterns = tuple(text[1:-1] for text in flow.body.starts if is_pattern(text))
    phrases = tuple(text for text in flow.body.starts if not is_pattern(text))
    made = []
    if phrases:
        made.append(Rule(0, flow.bot_id, f"flow:{flow.key}", "exact", phrases, "",
                         action=f"flow:{flow.key}", position=STARTS_POSITION))
    if patterns:
        made.append(Rule(0, flow.bot_id, f"flow:{flow.key}", "pattern", patterns, "",
                         action=f"flow:{flow.key}", position=STARTS_POSITION))
    return made


def is_pattern(text: str) -> bool:
    """``/…/`` among ``starts``."""
    return len(text) > 2 and text[0] == text[-1] == "/"
