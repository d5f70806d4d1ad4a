"""Server-sent events, read as they come: bytes in, data lines out (sans I/O, bounded).

WHATWG HTML, "Server-sent events", read 2026-11: lines end in LF, CRLF or CR; ``:`` begins a comment;
data lines of one event are joined. What OpenAI-compatible servers send is the simplest case: one
``data:`` line and a blank one. A lone CR as a line end is not supported: no server sends it.
"""

from __future__ import annotations

from zhike.answer.llm.faults import ModelError

MAX_LINE_BYTES = 1 << 20
"""Longest line. The largest real one is a tool call's arguments in one piece."""


class Events:
    """``feed(bytes)`` returns the data of every event that is complete by now."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._max = max_line_bytes
        self.comments = 0
        """Comments (pings) so far: the server is alive, but that is no word of an answer."""

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the events that end in ``data``.

        Raises:
            ModelError: ``model_garbled`` if a line has no end, or this is no event stream.
        """
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > self._max:
            raise ModelError("model_garbled", f"a line of more than {self._max} bytes")
        found: list[bytes] = []
        for raw in lines:
            line = raw.removesuffix(b"\r")
            if not line:
                if self._data:
                    found.append(b"\n".join(self._data))
                    self._data = []
            elif line.startswith(b":"):
                self.comments += 1
            else:
                self._field(line)
        return found

    def _field(self, line: bytes) -> None:
        name, colon, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            if sum(map(len, self._data)) > self._max:
                raise ModelError("model_garbled", f"an event of more than {self._max} bytes")
        elif not colon or name not in (b"event", b"id", b"retry"):
            raise ModelError("model_garbled", f"no event stream: {line[:60].decode('utf-8', 'replace')}")

    def end(self) -> list[bytes]:
        """The stream is over: an event whose blank line is missing counts, half a line does not."""
        found, self._data = ([b"\n".join(self._data)] if self._data else []), []
        return found
