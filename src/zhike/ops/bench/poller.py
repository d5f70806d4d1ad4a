"""Waiting for many sockets with as little Python as possible: epoll, or ``selectors`` elsewhere."""

from __future__ import annotations

import select
import selectors
import sys
from typing import Protocol

IN = 1
OUT = 4
"""Bits of an event mask; anything else in it means error or hang-up. Equal to EPOLLIN, EPOLLOUT."""


class Poller(Protocol):
    """What both kinds offer."""

    def register(self, fd: int, mask: int) -> None: ...
    def modify(self, fd: int, mask: int) -> None: ...
    def unregister(self, fd: int) -> None: ...
    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """``(fd, mask)`` of what is ready; waits at most ``timeout`` seconds."""
        ...


class _Selector:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    @staticmethod
    def _events(mask: int) -> int:
        return (selectors.EVENT_READ if mask & IN else 0) | (selectors.EVENT_WRITE if mask & OUT else 0)

    def register(self, fd: int, mask: int) -> None:
        self._selector.register(fd, self._events(mask))

    def modify(self, fd: int, mask: int) -> None:
        self._selector.modify(fd, self._events(mask))

    def unregister(self, fd: int) -> None:
        self._selector.unregister(fd)

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        return [(key.fd, (IN if events & selectors.EVENT_READ else 0)
                 | (OUT if events & selectors.EVENT_WRITE else 0))
                for key, events in self._selector.select(timeout)]


def make_poller() -> Poller:
    """epoll on Linux, the platform's best selector elsewhere."""
    if sys.platform == "linux":
        return select.epoll()
    return _Selector()
