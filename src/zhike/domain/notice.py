"""What people who do not look at the console are told: whom, of what, and by which way."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

TargetKind = Literal["wecom", "dingtalk", "feishu", "email", "webhook"]
"""A group robot of WeCom, DingTalk or Feishu; mail addresses; a program of the owner's. (``push``, a browser
of an agent's, is no such target of the desk's: :mod:`zhike.store.push`.)"""
NoticeKind = Literal["visitor_waiting", "visitor_late", "reply_late", "assigned", "mentioned", "trouble",
                     "trouble_over", "test"]
"""visitor_waiting: somebody waits for a person and nobody has taken the conversation · visitor_late,
reply_late: longer than their team allows · assigned: somebody was given a conversation · mentioned: a note
calls somebody · trouble, trouble_over: a part of the desk does not work, works again."""
Wanted = Literal["visitor_waiting", "visitor_late", "reply_late", "trouble"]
"""What a target can ask for; who hears of trouble hears of its end."""

Ids = Annotated[tuple[Annotated[int, Meta(ge=1, le=2**53 - 1)], ...], Meta(max_length=100)]
ROBOTS = ("wecom", "dingtalk", "feishu")
DEFAULT_AFTER_S = 30
"""An agent at the console sees the visitor at once; only who nobody took for so long is told of."""


class TargetBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a target is reached, and what it wants to hear.

    ``address``: the robot's or program's URL, or mail addresses with commas between. ``secret``: signs what
    goes to DingTalk, Feishu (if the robot was made with signing) and programs; of a browser: its two keys,
    with a dot between. ``lang``: of the words. ``after_s``: how long a visitor waits before it is told.
    ``inbox_ids``, ``team_ids``: only of these (empty: all); trouble belongs to none of them and is always
    told.
    """

    address: str
    secret: str = ""
    lang: Literal["zh", "en"] = "zh"
    wants: tuple[Wanted, ...] = ("visitor_waiting", "visitor_late", "reply_late")
    after_s: int = DEFAULT_AFTER_S
    inbox_ids: tuple[int, ...] = ()
    team_ids: tuple[int, ...] = ()


class Target(msgspec.Struct):
    """One who is told. ``*_at``: ms since 1970 UTC. ``failures``: attempts in a row; ``last_error``: of the
    last one, "" after a success."""

    id: int
    name: str
    kind: TargetKind | Literal["push"]
    body: TargetBody
    enabled: bool = True
    failures: int = 0
    next_at: int = 0
    last_sent_at: int | None = None
    last_error: str = ""
    created_at: int = 0
    updated_at: int = 0


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing to tell. ``key``: the same thing is told once to each target. ``since`` (ms): when it began.
    ``who``: the visitor's name, if known; ``where``: the inbox; ``holder``: the agent who has it, or
    who wrote the note. ``agent_id``: the one agent it concerns; 0: whoever takes it. ``part``, ``detail``:
    of trouble."""

    kind: NoticeKind
    key: str
    at: int
    conversation: int = 0
    inbox_id: int = 0
    team_id: int = 0
    since: int = 0
    who: str = ""
    where: str = ""
    holder: str = ""
    agent_id: int = 0
    part: str = ""
    detail: str = ""


def wants(target: Target, notice: Notice) -> bool:
    """True if ``target`` is to be told."""
    body = target.body
    if notice.kind in ("trouble", "trouble_over"):
        return target.enabled and "trouble" in body.wants
    if not target.enabled or notice.kind not in body.wants:
        return False
    return ((not body.inbox_ids or notice.inbox_id in body.inbox_ids)
            and (not body.team_ids or notice.team_id in body.team_ids))
