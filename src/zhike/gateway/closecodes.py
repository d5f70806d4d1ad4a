"""WebSocket close codes: those of RFC 6455 and ours, and what each tells the client.

4000-4499: come back. 4500-4999: do not, something must change first. Ours stand in the error
catalogue beside the error that causes them, so the words exist once.
"""

from __future__ import annotations

from typing import Final

from zhike.errors import CATALOGUE, ErrorSpec

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
NO_CODE: Final = 1005
"""Never on the wire: the close frame had no code."""
ABNORMAL: Final = 1006
"""Never on the wire: the connection ended without a close frame."""
INVALID_TEXT: Final = 1007
TOO_BIG: Final = 1009
INTERNAL: Final = 1011

OVERLOADED: Final = 4001
STARTING: Final = 4002
GOING_AWAY: Final = 4003
SLOW_READER: Final = 4004
HEARTBEAT_TIMEOUT: Final = 4005
TOO_MANY: Final = 4006
HELLO_TIMEOUT: Final = 4007
FAULT: Final = 4008
BAD_FRAME: Final = 4506

FIRST_FINAL: Final = 4500
"""From here on a client must not come back by itself."""

BY_CODE: Final[dict[int, ErrorSpec]] = {
    spec.ws_close: spec for spec in CATALOGUE.values() if spec.ws_close is not None}
"""Our close codes and the error each stands for."""


def of_error(code: str) -> int:
    """The close code when error ``code`` ends a connection.

    Errors that a socket normally survives have none of their own; where one does end a
    connection (a refused hello), it counts as passing if a retry can help, else as final.
    """
    spec = CATALOGUE[code]
    if spec.ws_close is not None:
        return spec.ws_close
    return BAD_FRAME if spec.retry == "never" else FAULT


def may_reconnect(close_code: int) -> bool:
    """True if a client closed with ``close_code`` should come back by itself.

    Of the standard codes only those that blame the client's own bytes are final.
    """
    if close_code >= 4000:
        return close_code < FIRST_FINAL
    return close_code not in (PROTOCOL_ERROR, UNSUPPORTED_DATA, INVALID_TEXT, TOO_BIG, 1008, 1010)


def receivable(code: int) -> bool:
    """True if a peer may send ``code`` in a close frame (RFC 6455 section 7.4, IANA registry)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
