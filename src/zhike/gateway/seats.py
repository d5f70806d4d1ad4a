"""What an agent's connection may send: nothing for those who only read, and only where its scope reaches.

Frames of most agents pass undecoded. Only who is limited is looked at, before the pipeline is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from zhike.domain.agent import Seat
from zhike.domain.assist import Assist
from zhike.domain.wire import Read, SendMessage, Typing, decode_client
from zhike.errors import ZhikeError

if TYPE_CHECKING:
    from zhike.gateway.session import Session


def admits(session: Session, seat: Seat, payload: bytes, now_s: float) -> bool:
    """True if the frame may go to the pipeline now; else it was refused, or follows after a look-up."""
    if seat.speaks and not seat.scope.limited:
        return True
    try:
        frame = decode_client(payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return True  # the pipeline says what is wrong with it
    if not seat.speaks:
        if isinstance(frame, SendMessage | Typing | Read | Assist):
            session.refuse(payload, ZhikeError("forbidden", "This role reads and does not write."))
            return False
        return True
    if not isinstance(frame, SendMessage) or frame.conversation is None:
        return True
    if session.watches is not None and frame.conversation in session.watches:
        return True
    session.gateway.spawn(_ask_first(session, payload, frame.conversation, now_s), session)
    return False


async def _ask_first(session: Session, payload: bytes, conversation_id: int, now_s: float) -> None:
    gateway = session.gateway
    try:
        await gateway.backend.may_watch(session, conversation_id)
        error = gateway.backend.put(session, payload, now_s)
    except ZhikeError as refused:
        error = refused
    if error is not None:
        session.refuse(payload, error)
