"""Outgoing bytes: all frames of one tick leave in one socket write, within a bound per connection.

uvloop writes at once when it can, one system call per ``write``. Frames are therefore gathered
here until the piece of work that caused them is done (a batch of bus events, a read, a wheel
tick), then joined and written. What a peer does not read stays in the transport's buffer; that
buffer plus what is gathered never exceeds ``limit_bytes``.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

DEFAULT_LIMIT_BYTES: Final = 256 * 1024


class Pipe(Protocol):
    """A connection as the writer sees it; the fields belong to the writer."""

    out: list[bytes] | None
    out_bytes: int
    transport: asyncio.Transport | None

    def on_slow(self) -> None:
        """The bound is reached: nothing more will be taken; close as a slow reader."""


class Writer:
    """One per process."""

    __slots__ = ("_loop", "_scheduled", "bytes_written", "dirty", "held", "limit_bytes", "writes")

    def __init__(self, loop: asyncio.AbstractEventLoop, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._loop = loop
        self.dirty: list[Pipe] = []
        """Connections with gathered frames."""
        self._scheduled = False
        self.held = False
        """True while a piece of work runs that will call :meth:`release` at its end."""
        self.limit_bytes = limit_bytes
        self.writes = 0
        self.bytes_written = 0

    def push(self, pipe: Pipe, frame: bytes) -> bool:
        """Takes one encoded frame; False if it did not fit (then ``pipe.on_slow()`` was called)."""
        out = pipe.out
        if out is None:
            transport = pipe.transport
            if transport is None:
                return False
            # the transport's buffer only shrinks until the flush, so it is asked once a tick
            waiting = transport.get_write_buffer_size() + len(frame)
            if waiting > self.limit_bytes:
                pipe.on_slow()
                return False
            pipe.out = [frame]
            pipe.out_bytes = waiting
            self.dirty.append(pipe)
            if not self.held and not self._scheduled:
                self._scheduled = True
                self._loop.call_soon(self._late_flush)
            return True
        pipe.out_bytes += len(frame)
        if pipe.out_bytes > self.limit_bytes:
            pipe.out_bytes -= len(frame)
            pipe.on_slow()
            return False
        out.append(frame)
        return True

    def flush(self) -> None:
        """Writes everything gathered. Cheap when idle."""
        dirty = self.dirty
        if dirty:
            self.dirty = []
            for pipe in dirty:
                out = pipe.out
                transport = pipe.transport
                if out is None or transport is None or transport.is_closing():
                    pipe.out = None
                    continue
                pipe.out = None
                data = out[0] if len(out) == 1 else b"".join(out)
                self.writes += 1
                self.bytes_written += len(data)
                transport.write(data)

    def release(self) -> None:
        """Ends what ``held = True`` began."""
        self.held = False
        if self.dirty:
            self.flush()

    def write_out(self, pipe: Pipe) -> None:
        """Writes what one connection has gathered."""
        others, self.dirty = self.dirty, [pipe]
        self.flush()
        self.dirty = others  # it may still name ``pipe``, which then has nothing left

    def _late_flush(self) -> None:
        # whoever pushed did so outside of a piece of work that flushes
        self._scheduled = False
        self.flush()
