"""Webhooks: which programs of the owner's are told of which events.

An event is told as it was when it happened: what the storing transaction knows and nobody can look up later
(:class:`Happening`) stands in its outbox row; what was said and who the contact is is read when it is sent,
so that no row keeps words that were taken back or erased meanwhile.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

HookEvent = Literal[
    "message.created", "message.recalled", "note.created",
    "conversation.created", "conversation.handed_off", "conversation.assigned", "conversation.unassigned",
    "conversation.returned", "conversation.snoozed", "conversation.woken", "conversation.reopened",
    "conversation.resolved", "conversation.updated",
    "contact.created", "contact.updated", "contact.merged", "rating.created"]
EVENTS: tuple[HookEvent, ...] = get_args(HookEvent)
WHAT: dict[HookEvent, tuple[str, str]] = {
    "message.created": ("Somebody said something: a visitor, the bot, an agent or the desk itself.",
                        "有人说了一句话：访客、机器人、客服，或系统。"),
    "message.recalled": ("An agent took a message back; its text is gone.",
                         "客服撤回了一条消息，正文已清空。"),
    "note.created": ("A private note between agents. No visitor sees it.", "客服之间的备注，访客看不到。"),
    "conversation.created": ("A conversation began.", "新会话开始。"),
    "conversation.handed_off": ("The bot stops answering; a person does from now on.",
                                "转人工：此后由人接待，机器人不再回答。"),
    "conversation.assigned": ("Somebody holds it now, or another team does.", "会话有人接手，或换了组。"),
    "conversation.unassigned": ("Nobody holds it any more; it waits for a person.",
                                "没人接手了，回到队列等人。"),
    "conversation.returned": ("The bot answers again.", "交还机器人。"),
    "conversation.snoozed": ("It was put aside until a time.", "会话被搁置到某个时间。"),
    "conversation.woken": ("It is no longer put aside.", "搁置结束。"),
    "conversation.reopened": ("It goes on after its end.", "已解决的会话重新打开。"),
    "conversation.resolved": ("It is over.", "会话已解决。"),
    "conversation.updated": ("Priority, tags or attributes were changed.", "优先级、标签或属性有改动。"),
    "contact.created": ("Somebody wrote for the first time, or was made by a program.",
                        "新客户：第一次来访，或由程序建立。"),
    "contact.updated": ("Name, mail address, phone or attributes were changed.",
                        "客户的姓名、邮箱、电话或属性有改动。"),
    "contact.merged": ("Two contacts are one: `contact` is the one that is left.",
                       "两位客户合并为一位，`contact` 是留下的那位。"),
    "rating.created": ("A visitor said how it was.", "访客给了评价。"),
}
"""What each says, in English and Chinese."""

VERSION = 1
"""Of the payload. A field may be added to a version; none is taken away or changes its meaning."""
PREFIX = "webhook."
"""The outbox names a subscription's rows by this and its id."""


class WebhookBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a subscription says.

    ``events``: what it wants to hear; ``inbox_ids``, ``team_ids``: only of these (empty: all; who asks for
    teams hears of conversations only). ``mask``: personal data is replaced before it leaves. ``secret``
    signs; until ``old_until`` (ms) ``old_secret`` signs beside it.
    """

    url: str
    secret: str
    events: tuple[HookEvent, ...]
    inbox_ids: tuple[int, ...] = ()
    team_ids: tuple[int, ...] = ()
    mask: bool = True
    version: int = VERSION
    old_secret: str = ""
    old_until: int = 0

    def secrets(self, now: int) -> tuple[str, ...]:
        """What signs at this moment (ms), the newest first."""
        return (self.secret, self.old_secret) if self.old_secret and now < self.old_until else (self.secret,)


class Webhook(msgspec.Struct):
    """One subscription. ``*_at``, ``*_since``: ms since 1970 UTC.

    ``failing_since``: nothing has arrived since then. ``paused_at``: the desk gave up by itself; until
    somebody switches it on again nothing is written down for it. ``last_error``: of the last failure.
    """

    id: int
    key: str
    name: str
    body: WebhookBody
    enabled: bool = True
    failing_since: int | None = None
    paused_at: int | None = None
    last_error: str = ""
    created_at: int = 0
    updated_at: int = 0

    @property
    def active(self) -> bool:
        """True if it is told of what happens now."""
        return self.enabled and self.paused_at is None

    @property
    def channel(self) -> str:
        """The name of its rows in the outbox."""
        return f"{PREFIX}{self.id}"


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a conversation was. ``agent_id`` 0: nobody held it."""

    status: str
    holder: str
    agent_id: int = 0


class Happening(msgspec.Struct, omit_defaults=True):
    """What an outbox row remembers of an event. ``state``: of the conversation just after it, ``was``: before
    it. ``seq``: of the message. ``by_id``: the agent who acted (0: nobody's hand). ``merged_id``: the contact
    that is no more. ``until`` (ms), ``wrap_up``: of a snooze, of a resolution."""

    event: HookEvent
    contact_id: int = 0
    seq: int = 0
    state: State | None = None
    was: State | None = None
    by_id: int = 0
    merged_id: int = 0
    until: int = 0
    wrap_up: str = ""


class Tried(msgspec.Struct, frozen=True):
    """A test of a webhook: what was sent and what came back. ``status`` 0: no answer; ``error`` says why."""

    url: str
    headers: dict[str, str]
    body: str
    status: int
    answer: str
    error: str
    took_ms: float


def hook_id(channel: str) -> int:
    """The subscription of an outbox row's channel; 0 if it is none."""
    number = channel.removeprefix(PREFIX)
    return int(number) if number != channel and number.isascii() and number.isdigit() else 0


def wants(hook: Webhook, event: HookEvent, inbox_id: int, team_id: int | None) -> bool:
    """True if ``hook`` is to be told. ``team_id``: of the conversation (0: none); None: it is of no
    conversation."""
    body = hook.body
    return (hook.active and event in body.events and (not body.inbox_ids or inbox_id in body.inbox_ids)
            and (not body.team_ids or (team_id is not None and team_id in body.team_ids)))
