"""What one client may expect of delivery: the rules of gap, again and order, on seqs alone.

The stream of messages a client gets (live events and resume pages together) rises by one, except
that its own messages may come as an ack instead. An ack is no delivery: a page may still bring the
message it confirmed, and an ack may overtake a page that is under way.
"""

from __future__ import annotations


class Delivery:
    """One conversation as one client sees it."""

    __slots__ = ("acked", "last_ack", "seq")

    def __init__(self) -> None:
        self.seq = 0
        """Everything up to here was delivered or acknowledged."""
        self.last_ack = 0
        self.acked: set[int] = set()
        """Own messages above :attr:`seq` that were acknowledged."""

    def on_message(self, seq: int) -> str:
        """A message was delivered: "" as it should, "gap", or "again" (delivered before, or too late)."""
        last = self.seq
        if seq == last + 1 and not self.acked:
            self.seq = seq
            return ""
        if seq <= last:
            return "again"
        gap = any(k not in self.acked for k in range(last + 1, seq))
        self.acked = {k for k in self.acked if k > seq}
        self.seq = seq
        return "gap" if gap else ""

    def on_ack(self, seq: int, duplicate: bool) -> str:
        """An own message was acknowledged: "" or, for a new one below an earlier one, "order"."""
        if seq > self.seq:
            self.acked.add(seq)
        if duplicate:
            return ""
        odd = "" if seq > self.last_ack else "order"
        self.last_ack = max(seq, self.last_ack)
        return odd

    def known_up_to(self) -> int:
        """The last seq without a hole below it: where a resume goes on."""
        seq = self.seq
        while seq + 1 in self.acked:
            seq += 1
        return seq
