"""Is it theirs? A customer the shop has signed is known; everybody else shows it, and not by guessing.

The tool decides what fits (it finds nothing otherwise), so the evidence is compared in one place only: the
shop's. A proof is remembered for the contact, and only for the very text it was shown for: another way
of writing a number may be another order to the shop. Throttling does the opposite and counts all ways of
writing a number as one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Protocol

from zhike.answer.tools.proving import ProofThrottle
from zhike.answer.tools.telling import failed
from zhike.answer.tools.words import NEEDED, SAID
from zhike.clock import NowMs
from zhike.domain.tool import Caller, Tool, ToolResult
from zhike.store.proofs import add_proof, has_proof


class Store(Protocol):
    """The open store."""

    async def read(self, fn: Any, *args: Any) -> Any: ...
    async def write(self, fn: Any, *args: Any) -> Any: ...


class Proofs:
    """Proofs of all bots; the throttle is one for the process."""

    def __init__(self, store: Store, now: NowMs) -> None:
        self.store = store
        self.now = now
        self.throttle = ProofThrottle()

    async def attempt(self, tool: Tool, bot_id: int, arguments: Mapping[str, Any],
                      caller: Caller) -> Attempt | ToolResult:
        """What this call stands for, or why it may not be made.

        Returns:
            an :class:`Attempt` to judge the answer by; a result ``needs_proof`` or ``throttled``.
        """
        proof, sources = tool.body.proof, tool.body.inject.values()
        if proof is None:
            return Attempt(self, tool, caller)
        value = str(arguments.get(proof.subject) or "")
        subject = f"{bot_id}:{tool.key}:{value}"
        if "caller.proven" in sources and caller.contact_id and await self.store.read(
                has_proof, caller.contact_id, subject, self.now()):
            return Attempt(self, tool, caller, proven=True, without=proof.evidence)
        known = bool(caller.customer_id) and "caller.customer_id" in sources
        lacking = tuple(name for name in proof.evidence if not str(arguments.get(name) or "").strip())
        if not lacking:
            guess, at_s = f"{bot_id}:{tool.key}:{_folded(value)}", self.now() / 1000
            if self.throttle.begin(_who(caller), guess, at_s):
                return Attempt(self, tool, caller, subject=subject, guess=guess, at_s=at_s)
            # others' wrong tries do not keep a customer from what is theirs by their account
            return Attempt(self, tool, caller, without=proof.evidence) if known \
                else failed("throttled", caller.lang)
        return Attempt(self, tool, caller, lacking=lacking) if known else _needs(tool, caller, lacking)


class Attempt:
    """One call on its way. ``proven``: a remembered proof stands for the evidence. ``without``: arguments
    that are not sent, because they are not what the answer rests on."""

    def __init__(self, proofs: Proofs, tool: Tool, caller: Caller, *, subject: str = "", guess: str = "",
                 at_s: float = 0.0, lacking: tuple[str, ...] = (), proven: bool = False,
                 without: tuple[str, ...] = ()) -> None:
        self.proven = proven
        self.without = without
        self._proofs = proofs
        self._tool = tool
        self._caller = caller
        self._subject = subject
        self._guess = guess
        self._at_s = at_s
        self._lacking = lacking

    async def judge(self, data: Any, text: str) -> ToolResult:
        """The result, now that the tool has answered: ``data`` None = there is nothing."""
        lang, body = self._caller.lang, self._tool.body
        if data is not None:
            await self._remember()
            return ToolResult(ok=True, text=text, data=data, proven=bool(self._guess))
        if self._lacking:  # not theirs by their account; they may still show that it is
            return _needs(self._tool, self._caller, self._lacking)
        if self._guess:
            self._guess = ""  # it was wrong: it stays counted
            if self._proofs.throttle.spent(_who(self._caller), self._at_s):
                return failed("throttled", lang)
        return ToolResult(ok=False, text=body.missing.pick(lang) or SAID["not_found"].pick(lang),
                          error="not_found")

    async def _remember(self) -> None:
        proof, caller = self._tool.body.proof, self._caller
        if self._guess and proof is not None and caller.contact_id \
                and "caller.proven" in self._tool.body.inject.values():
            now = self._proofs.now()
            await self._proofs.store.write(add_proof, caller.contact_id, self._subject,
                                           now + round(proof.hours * 3_600_000), now)

    def close(self) -> None:
        """A guess that was right, or never came to an answer, is not held against anybody."""
        if self._guess:
            self._proofs.throttle.take_back(_who(self._caller), self._guess, self._at_s)


def _needs(tool: Tool, caller: Caller, lacking: tuple[str, ...]) -> ToolResult:
    """Names what is needed as the schema describes it, so that a model can ask for it in words."""
    properties = tool.body.parameters.get("properties", {})
    said = ", ".join(str(properties.get(name, {}).get("description") or name) for name in lacking)
    text = SAID["needs_proof"].pick(caller.lang) + (" " if caller.lang == "en" else "")
    return ToolResult(ok=False, text=text + NEEDED.pick(caller.lang).format(said), error="needs_proof",
                      missing=lacking)


def _who(caller: Caller) -> str:
    return str(caller.contact_id) if caller.contact_id else caller.sender


def _folded(subject: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", subject).upper()))[:200]
