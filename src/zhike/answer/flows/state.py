"""Where a conversation stands in a flow: compact JSON in ``conversations.flow``."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from zhike.domain.flow import MAX_STATE_CHARS, FlowBody

MAX_KEPT_TEXT_CHARS = 200
"""Of a result's text, where a flow asks again after a call."""
_canonical = msgspec.json.Encoder(order="deterministic").encode


class Kept(msgspec.Struct, omit_defaults=True):
    """What is left of a call's result at the next message. Its data is not: a slot keeps what is needed."""

    ok: bool = False
    error: str = ""
    text: str = ""


class State(msgspec.Struct, omit_defaults=True, rename={"key": "f", "version": "v", "at": "a", "since": "t",
                                                        "slots": "s", "results": "r", "tries": "n",
                                                        "lang": "l"}):
    """``at``: the step that waits; ``since``: ms, when it last spoke; ``tries``: answers not understood;
    ``lang``: the language it is led in, for answers that have none ("0105")."""

    key: str
    version: str
    at: int = 0
    since: int = 0
    slots: dict[str, str] = msgspec.field(default_factory=dict)
    results: dict[str, Kept] = msgspec.field(default_factory=dict)
    tries: int = 0
    lang: str = ""


_decode = msgspec.json.Decoder(State).decode


def version_of(body: FlowBody) -> str:
    """Changes when anything in a flow does."""
    return blake2b(_canonical(body), digest_size=4).hexdigest()


def read_state(text: str) -> State | None:
    """A stored state, or None if it is none."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def write_state(state: State) -> str | None:
    """The state as it is stored; None if it does not fit even without the texts of results."""
    for kept in state.results.values():
        kept.text = kept.text[:MAX_KEPT_TEXT_CHARS]
    text = msgspec.json.encode(state).decode()
    if len(text) > MAX_STATE_CHARS:
        for kept in state.results.values():
            kept.text = ""
        text = msgspec.json.encode(state).decode()
    return text if len(text) <= MAX_STATE_CHARS else None
