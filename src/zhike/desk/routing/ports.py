"""What routing needs of others."""

from __future__ import annotations

import asyncio
from typing import Protocol

from zhike.domain.unit import Change
from zhike.domain.wire import Alarm


class Line(Protocol):
    """The way every change of holder goes, in one order with the messages."""

    def change(self, change: Change) -> asyncio.Future[Change]:
        """Ends after its commit."""


class Notifier(Protocol):
    """Tells people who do not look at the console: a group robot, a mail, a push."""

    def alarm(self, alarm: Alarm) -> None:
        """A visitor has waited too long; once for each wait, on one instance. Must not block or raise."""
