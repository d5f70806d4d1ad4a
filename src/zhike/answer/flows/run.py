"""One walk through a flow, from where it stands to the next question or its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from zhike.answer.flows.state import Kept, State, write_state
from zhike.answer.flows.words import DONE, GIVE_UP
from zhike.answer.tools import Toolbox
from zhike.answer.words import HUMAN_BUTTON
from zhike.domain.flow import Flow, Step
from zhike.domain.message import MAX_TEXT_CHARS, Button, Reply, Source, TraceStep
from zhike.domain.slots import as_text, at_pointer, fill, places
from zhike.domain.tool import Caller, ToolResult
from zhike.search.text import Lang
from zhike.store.checktools import CONDITION

MAX_MOVES = 100
"""Steps of one walk: a flow that goes in a circle ends with a person, not with a busy processor."""
Outcome = Literal["asked", "done", "handoff"]


class Run:
    """See the module. ``outcome``: what the walk came to, for the counters."""

    def __init__(self, flow: Flow, state: State, toolbox: Toolbox, caller: Caller, lang: Lang,
                 now: int) -> None:
        self.flow = flow
        self.state = state
        self.outcome: Outcome = "asked"
        self.said: list[str] = []
        self.trace: list[TraceStep] = []
        self.answered = -1
        self._toolbox = toolbox
        self._caller = caller
        self._lang = lang
        self._now = now
        self._results: dict[str, ToolResult | Kept] = dict(state.results)

    async def walk(self) -> Reply:
        """The reply, with the state in ``flow``."""
        steps, state = self.flow.body.steps, self.state
        for _ in range(MAX_MOVES):
            if state.at >= len(steps):
                return self._end("done")
            step = steps[state.at]
            if step.ask:
                if step.ask not in state.slots or (step.fresh and self.answered != state.at):
                    return self.ask(step)
                self.answered = -1  # an answer counts once: a fresh question met again is asked again
            elif step.call:
                await self._call(step)
            elif step.say:
                self.said.append(self._fill(step.say.pick(self._lang)))
            elif step.handoff:
                self.said.append(self._fill(step.handoff.pick(self._lang)))
                return self._end("handoff")
            elif step.end:
                return self._end("done")
            elif step.branch is not None and self._holds(step.branch.when):
                goto = step.branch.goto
                state.at = next(n for n, other in enumerate(steps) if other.label == goto)
                continue
            state.at += 1
        return self.give_up("walked in a circle")

    def ask(self, step: Step, before: str = "", *, tries: int = 0, button: bool = False) -> Reply:
        """Asks for the step's slot and waits. ``before``: what is said first."""
        state, lang = self.state, self._lang
        if before:
            self.said.append(before)
        self.said.append(self._fill(step.prompt.pick(lang)))
        state.tries, state.since = tries, self._now
        state.results = {name: Kept(result.ok, result.error, result.text)
                         for name, result in self._results.items()}
        text = write_state(state)
        if text is None:
            return self.give_up("the state is too long")
        buttons = [Button(choice.label.pick(lang), choice.label.pick(lang)) for choice in step.choices]
        if button:
            buttons.append(HUMAN_BUTTON[lang])
        return self._reply(text, f"asks for {step.ask}", tuple(buttons))

    def give_up(self, why: str) -> Reply:
        """Ends with a person."""
        self.said.append(GIVE_UP.pick(self._lang))
        self.trace.append(TraceStep("flow", "error", f"{self.flow.key}: {why}"))
        return self._end("handoff")

    def _end(self, outcome: Outcome) -> Reply:
        self.outcome = outcome
        return self._reply("", outcome, (), "handoff" if outcome == "handoff" else "")

    def _reply(self, flow: str, detail: str, buttons: tuple[Button, ...], action: str = "") -> Reply:
        text = "\n".join(text for text in self.said if text)[:MAX_TEXT_CHARS] or DONE.pick(self._lang)
        done = TraceStep("flow", "hit", f"{self.flow.key}: {detail}", 1.0)
        return Reply(text, buttons, Source("flow", self.flow.id, self.flow.key, self.flow.body.title, 1.0),
                     (*self.trace, done), action, flow=flow)

    # ---- the steps -----------------------------------------------------------------------------

    async def _call(self, step: Step) -> None:
        arguments = {name: value for name, template in step.arguments.items()
                     if (value := self._argument(template)) not in (None, "")}
        result = await self._toolbox.call(self.flow.bot_id, step.call, arguments, self._caller,
                                          allowed=(step.call,))
        outcome = "hit" if result.ok else "miss" if result.error in ("not_found", "needs_proof") else "error"
        self.trace.append(TraceStep("tool", outcome, f"{step.call}: {result.error or 'ok'}",
                                    took_us=result.took_us))
        if step.save:
            self._results[step.save] = result
        for slot, pointer in step.keep.items():
            value = as_text(at_pointer(result.data, pointer))
            if value:
                self.state.slots[slot] = value[:200]
            else:
                self.state.slots.pop(slot, None)

    def _argument(self, template: Any) -> Any:
        if isinstance(template, str):
            names = list(places(template))
            filled = self._fill(template)
            return None if names and not any(self._value(name) for name in names) else filled
        if isinstance(template, Mapping):
            return {name: value for name, child in template.items()
                    if (value := self._argument(child)) is not None}
        if isinstance(template, list | tuple):
            return [self._argument(child) for child in template]
        return template

    def _fill(self, template: str) -> str:
        return fill(template, self._value)

    def _value(self, name: str) -> str:
        if name in self.state.slots:
            return self.state.slots[name]
        head, slash, pointer = name.partition("/")
        if slash:
            result = self._results.get(head)
            return as_text(at_pointer(result.data, f"/{pointer}")) if isinstance(result, ToolResult) else ""
        head, _, field = name.partition(".")
        result = self._results.get(head)
        return str(getattr(result, field, "")) if result is not None and field in ("text", "error") else ""

    def _holds(self, when: str) -> bool:
        match = CONDITION.fullmatch(when)
        if not when or match is None:
            return not when
        value = self._fact(match["name"])
        if match["op"]:
            return (value == match["value"].strip()) == (match["op"] == "=")
        return bool(value) != bool(match["not"])

    def _fact(self, name: str) -> str:
        if name == "caller.identified":
            return "yes" if self._caller.customer_id else ""
        if name == "caller.lang":
            return self._lang
        head, dot, field = name.partition(".")
        if dot:
            result = self._results.get(head)
            if field == "ok":
                return "yes" if result is not None and result.ok else ""
            return result.error if result is not None else ""
        return self.state.slots.get(name, "")
