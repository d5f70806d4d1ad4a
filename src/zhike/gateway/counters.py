"""What the gateway counts, for ``/metrics``. Plain numbers; nothing here imports a metrics library."""

from __future__ import annotations

from collections import Counter


class Counters:
    """Totals since the start, and gauges.

    ``refused`` by reason: what was not let in or not taken, each with the reason the peer was
    told (the code of the error catalogue) or, where nothing could be told, a name of its own.
    ``closed`` by close code: connections this side ended; 1006 = lost without a close frame.
    ``closed_by_peer``: their codes are theirs to choose, so they are not told apart.
    """

    __slots__ = ("closed", "closed_by_peer", "http_open", "http_total", "joined", "joined_total",
                 "messages_in", "messages_out", "pages_out", "pings_out", "refused", "resumed_total",
                 "waiting_http", "ws_open", "ws_total")

    def __init__(self) -> None:
        self.ws_open = 0
        self.ws_total = 0
        self.http_open = 0
        self.http_total = 0
        self.waiting_http = 0
        self.joined = 0
        self.joined_total = 0
        self.resumed_total = 0
        self.messages_in = 0
        self.messages_out = 0
        self.pages_out = 0
        self.pings_out = 0
        self.closed_by_peer = 0
        self.refused: Counter[str] = Counter()
        self.closed: Counter[int] = Counter()

    def snapshot(self) -> dict[str, int | dict[str, int]]:
        """All of it as one JSON-ready dict."""
        numbers: dict[str, int | dict[str, int]] = {
            name: getattr(self, name) for name in self.__slots__ if name not in ("refused", "closed")}
        numbers["refused"] = dict(self.refused)
        numbers["closed"] = {str(code): count for code, count in self.closed.items()}
        return numbers
