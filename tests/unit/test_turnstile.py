"""Many prompts at once: one by one, others in between, and nobody waits for one who has left."""

from __future__ import annotations

import asyncio

from zhike.answer.llm.turnstile import Turnstile
from zhike.testing.loop import VirtualLoop, run_virtual


def test_steps_go_one_by_one_in_order_and_others_get_between() -> None:
    async def main(loop: VirtualLoop) -> None:
        turnstile, seen = Turnstile(), list[str]()

        async def step(number: int) -> None:
            await turnstile.turn()
            seen.append(str(number))
            loop.call_soon(seen.append, "others")

        await asyncio.gather(*map(step, range(3)))
        await asyncio.sleep(0)
        assert seen == ["0", "others", "1", "others", "2", "others"]

    run_virtual(main)


def test_who_left_is_passed_over_even_when_the_turn_had_come() -> None:
    async def main(loop: VirtualLoop) -> None:
        turnstile, seen = Turnstile(), list[int]()

        async def step(number: int) -> None:
            await turnstile.turn()
            seen.append(number)

        first, *rest = [asyncio.ensure_future(step(number)) for number in range(4)]
        await first
        rest[0].cancel()  # while it waits
        rest[1].add_done_callback(lambda _: None)
        turnstile._next()  # the turn of the second of the rest comes …
        rest[1].cancel()  # … at the very moment it leaves
        await asyncio.gather(*rest, return_exceptions=True)
        assert seen == [0, 3]
        await asyncio.wait_for(turnstile.turn(), 1.0)

    run_virtual(main)
