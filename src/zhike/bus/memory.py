"""The bus inside one process; several nodes only in tests (two app instances, one bus)."""

from __future__ import annotations

from collections.abc import Sequence

from zhike.bus.base import Event, Handler


class MemoryBus:
    """Joins the nodes of one process."""

    def __init__(self) -> None:
        self.nodes: list[MemoryNode] = []

    def node(self) -> MemoryNode:
        """A new end of this bus."""
        node = MemoryNode(self)
        self.nodes.append(node)
        return node


class MemoryNode:
    """See :class:`zhike.bus.base.BusNode`."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._handler: Handler | None = None

    def attach(self, handler: Handler) -> None:
        self._handler = handler

    def publish(self, events: Sequence[Event]) -> None:
        if self._handler is not None:
            self._handler(events)
        if len(self._bus.nodes) == 1:
            return
        remote = [event.detached() for event in events]
        for node in self._bus.nodes:
            if node is not self and node._handler is not None:
                node._handler(remote)

    def close(self) -> None:
        self._handler = None
        if self in self._bus.nodes:
            self._bus.nodes.remove(self)
