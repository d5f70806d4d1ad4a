"""What a joined client can ask for besides sending messages: one function per frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from zhike.domain import wire
from zhike.domain.assist import Assist, AssistStop
from zhike.domain.wire import Active, ClientFrame, History, Page, Ping, Rate, Read, Resume, Typing, Watch
from zhike.errors import ZhikeError
from zhike.gateway import views
from zhike.gateway.follow import MAX_SEQ, Follow, catch_up

if TYPE_CHECKING:
    from zhike.gateway.gateway import Gateway
    from zhike.gateway.session import Session

MAX_WATCHES: Final = 100
"""Conversations one agent connection may follow at a time."""


def needs_store(frame: ClientFrame) -> bool:
    """True if answering takes a read from the store."""
    return isinstance(frame, Resume | History | Rate) or (isinstance(frame, Watch) and frame.on)


def run(gateway: Gateway, session: Session, frame: ClientFrame) -> None:
    """Does what ``frame`` asks.

    Raises:
        ZhikeError: it makes no sense here, or concerns a conversation that is not the client's.
    """
    if isinstance(frame, Ping):
        session.send(wire.encode(wire.Pong(frame.id)))
    elif isinstance(frame, Typing | Read):
        _conversation(session, frame.conversation)
        gateway.backend.control(session, frame)
    elif isinstance(frame, Page):
        if session.agent_id:
            raise ZhikeError("forbidden", "Visitors say where they are.")
        gateway.backend.control(session, frame)
    elif isinstance(frame, Resume):
        if session.agent_id or (asked := session.meant(frame.conversation)) == session.conversation_id:
            _resume(session, frame)
        elif session.past is not None and asked == session.past.conversation_id:
            _resume_past(session, session.past, frame.after)
        else:
            gateway.spawn(_resume_older(gateway, session, asked, frame.after), session)
    elif isinstance(frame, History):
        gateway.spawn(_history(gateway, session, frame), session)
    elif isinstance(frame, Watch):
        _watch(gateway, session, frame)
    elif isinstance(frame, Rate):
        if session.agent_id:
            raise ZhikeError("forbidden", "Visitors rate.")
        gateway.spawn(gateway.backend.rate(session, frame), session)
    elif isinstance(frame, Active):
        if not session.agent_id:
            raise ZhikeError("forbidden", "Only agents say whether they are there.")
        gateway.pages.active(session, on=frame.on)
    elif isinstance(frame, Assist | AssistStop):
        if not session.agent_id:
            raise ZhikeError("forbidden", "Only agents have a model help them.")
        if isinstance(frame, Assist):
            _conversation(session, frame.conversation)
            gateway.helping.begin(session, frame)
        else:
            gateway.helping.stop(session, frame.assist_id)
    else:
        raise ZhikeError("protocol_error", "hello may be sent once.")


def _conversation(session: Session, asked: int | None) -> int:
    """The conversation a frame means: the visitor's own, or one the agent watches; 0 = none yet."""
    if session.agent_id:
        if asked is None:
            raise ZhikeError("invalid_field", "An agent names the conversation.", field="conversation")
        if session.watches is None or asked not in session.watches:
            raise ZhikeError("forbidden", "Watch the conversation first.", field="conversation")
        return asked
    if asked is not None and asked != session.conversation_id:
        raise ZhikeError("not_found", field="conversation")
    return session.conversation_id


def _resume(session: Session, frame: Resume) -> None:
    conversation_id = _conversation(session, frame.conversation)
    after = max(0, min(frame.after, MAX_SEQ))
    if not conversation_id:
        session.send(wire.encode(wire.Messages(0, (), 0)))
        return
    # a new place replaces the old one, whose read (if one runs) ends by itself
    old = session.watches.get(conversation_id) if session.watches is not None else session.follow
    follow = Follow(conversation_id, min(after, old.noted) if old is not None else after)
    if session.watches is not None:
        session.watches[conversation_id] = follow
    else:
        session.follow = follow
    session.gateway.counters.resumed_total += 1
    session.read(follow, answer_always=True)


def _resume_past(session: Session, old: Follow, after: int) -> None:
    session.gateway.counters.resumed_total += 1
    session.past = follow = Follow(old.conversation_id, max(0, min(after, old.noted)))
    session.read(follow, answer_always=True)


async def _check_own(gateway: Gateway, session: Session, conversation_id: int) -> None:
    if not await gateway.backend.owns(session.inbox_id, session.sender, conversation_id):
        raise ZhikeError("not_found", field="conversation")


async def _resume_older(gateway: Gateway, session: Session, conversation_id: int, after: int) -> None:
    """A visitor asks for what it missed of an earlier conversation of its own; the present one goes on."""
    await _check_own(gateway, session, conversation_id)
    if session not in gateway.sessions:
        return
    gateway.counters.resumed_total += 1
    session.past = follow = Follow(conversation_id, max(0, min(after, MAX_SEQ)))
    await catch_up(session, follow, answer_always=True)


async def _history(gateway: Gateway, session: Session, frame: History) -> None:
    if session.agent_id:
        conversation_id = _conversation(session, frame.conversation)
    else:
        conversation_id = session.meant(frame.conversation)
        if conversation_id != session.conversation_id:
            await _check_own(gateway, session, conversation_id)
    if not conversation_id:
        session.send(wire.encode(wire.Messages(0, (), 0, "history")))
        return
    before = None if frame.before is None else max(0, min(frame.before, MAX_SEQ))
    while True:
        messages = await gateway.backend.before(conversation_id, before, frame.limit)
        more = len(messages) >= frame.limit and messages[0].seq > 1
        if not more or session.agent_id or any(message.direction != "note" for message in messages):
            break
        before = messages[0].seq  # nothing but private notes: a visitor could not ask for what is below
    page, _ = views.page(conversation_id, messages, for_agent=session.agent_id > 0, reason="history",
                         more=more)
    await session.conn.writable()
    gateway.counters.pages_out += 1
    session.send_masked(page)


def _watch(gateway: Gateway, session: Session, frame: Watch) -> None:
    if not session.agent_id:
        raise ZhikeError("forbidden", "Only agents watch conversations.")
    if frame.on:
        gateway.spawn(_start_watch(gateway, session, frame), session)
    elif session.watches is not None and session.watches.pop(frame.conversation, None) is not None:
        gateway.hub.unwatch(frame.conversation, session)


async def _start_watch(gateway: Gateway, session: Session, frame: Watch) -> None:
    state = await gateway.backend.may_watch(session, frame.conversation)
    if session not in gateway.sessions:
        return
    if session.watches is None:
        session.watches = {}
    if len(session.watches) >= MAX_WATCHES and frame.conversation not in session.watches:
        raise ZhikeError("overloaded", f"One connection may watch {MAX_WATCHES} conversations.")
    if frame.conversation not in session.watches:
        gateway.hub.watch(frame.conversation, session)
    after = state.last_seq if frame.after is None else min(max(0, frame.after), state.last_seq)
    follow = Follow(frame.conversation, after)
    session.watches[frame.conversation] = follow
    session.send(wire.encode(wire.ConversationEvent(state)))
    session.read(follow, answer_always=True)
