"""A desk with two instances under anything that can happen: nobody is lost, given twice, or given too much.

Random visitors, agents who come, go, fall asleep, take, answer and resolve, instances that are killed and
started again. After each step the rules hold; at the end, when everybody is there, everybody is served.
"""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from zhike.testing.deskrig import DeskRig, Node
from zhike.testing.loop import VirtualLoop, run_virtual

AGENTS = (1, 2, 3)
CAPACITY = 3
STEPS = 25


class Shift:
    """One run."""

    def __init__(self, rig: DeskRig, rng: random.Random, node: Node) -> None:
        self.rig = rig
        self.rng = rng
        self.nodes = [node]
        self.kills = 0
        self.visitors = 0
        self.open: set[int] = set()
        self.taken: Counter[int] = Counter()
        """Conversations that agents took by themselves: capacity does not bound people."""

    @property
    def node(self) -> Node:
        return self.rng.choice(self.nodes)

    async def step(self) -> None:
        rng, rig = self.rng, self.rig
        what = rng.randrange(9)
        if what <= 2:
            self.visitors += 1
            self.open.add(await rig.waiting(self.node, self.visitors, lang=rng.choice(("zh", "en"))))
        elif what == 3:
            self.node.open_pages(rng.choice(AGENTS), active=rng.choice((0, 1)))
        elif what == 4:
            self.node.open_pages(rng.choice(AGENTS), sockets=0)
        elif what == 5 and self.open:
            agent, number = rng.choice(AGENTS), rng.choice(sorted(self.open))
            change = await self.node.change(number, "take", agent)
            if change.outcome == "done":
                self.taken[agent] += 1
        elif what == 6 and self.open:
            number = rng.choice(sorted(self.open))
            await self.node.change(number, "resolve")
            self.open.discard(number)
        elif what == 7 and self.open:
            number = rng.choice(sorted(self.open))
            held = rig.holder(number)
            if isinstance(held, int):
                await self.node.reply(number, held)
        elif what == 8:
            await self.restart()
        await rig.quiet(rng.choice((0.0, 0.02, 0.3, 5.0, 40.0, 200.0)))
        self.check()

    async def restart(self) -> None:
        """Kills one instance, without a word, or starts another."""
        if len(self.nodes) > 1 and self.rng.random() < 0.5:
            await self.nodes.pop(self.rng.randrange(len(self.nodes))).die()
        elif len(self.nodes) < 3:
            self.kills += 1
            self.nodes.append(await Node(self.rig, f"more{self.kills}").start())

    def check(self) -> None:
        """What must hold at any moment."""
        rig = self.rig
        for number in self.open:
            found = rig.get(number)
            assert found.holder in ("queue", "agent"), "nobody is lost"
            assert found.waiting_since is not None or found.holder == "agent"
        load = Counter(rig.holder(number) for number in self.open)
        for agent in AGENTS:
            assert load[agent] <= CAPACITY + self.taken[agent]

        assert rig.store.run(_welcomed_twice) == [], "one welcome for each change of holder"


def _welcomed_twice(conn: Connection) -> list[object]:
    return list(conn.execute(text(
        "SELECT conversation_id, epoch FROM messages WHERE text LIKE '%已接入%' "
        "GROUP BY conversation_id, epoch HAVING count(*) > 1")))


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_whatever_happens_on_a_shift(seed: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        rng = random.Random(seed)
        rig = DeskRig(loop, len(AGENTS))
        node = await rig.open()
        rescue = rig.team("rescue", *AGENTS)
        rig.set_inbox(1, team_id=rig.team(
            "sales", 1, 2, strategy=rng.choice(("round_robin", "least_busy")), overflow_team_id=rescue,
            overflow_after_s=rng.choice((0, 30)), reassign_after_s=rng.choice((0, 30)), late_after_s=20))
        for agent in AGENTS:
            rig.set_agent(agent, capacity=CAPACITY)
        shift = Shift(rig, rng, await node.start())
        for _ in range(STEPS):
            await shift.step()
        # everybody is there, with room for all: nobody waits any longer than it takes to notice
        for agent in AGENTS:
            rig.set_agent(agent, capacity=100)
            shift.nodes[0].open_pages(agent)
        await rig.quiet(60)
        shift.taken.update(dict.fromkeys(AGENTS, 100))
        shift.check()
        assert all(isinstance(rig.holder(number), int) for number in shift.open)
        for one in shift.nodes:
            await one.die()

    run_virtual(main)
