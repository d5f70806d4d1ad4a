"""What a flow says of its own accord, and the words it understands whatever it asks."""

from __future__ import annotations

import re2

from zhike.domain.tool import Texts

AGAIN = Texts("抱歉，我没看明白。", "Sorry, I didn't get that.")
CANCELLED = Texts(
    "好的，先不查了。还有别的可以帮您吗？", "All right, I'll leave it there. Anything else I can help with?"
)
TAKE_YOUR_TIME = Texts("好的，不着急，找到了直接发给我就行。", "No rush, just send it when you have it.")
GIVE_UP = Texts("这一步我没能帮您办成，帮您转接人工客服，前面的对话客服能看到。",
                "I couldn't get this done for you, so I'm passing you to a person. They can read our chat.")
CHANGED = Texts(
    "抱歉，刚才办的这件事流程有变动，没法接着往下走了。麻烦您再说一次想办什么，或者转人工。",
    "Sorry, the steps we were in have changed, so I can't go on from here. Please tell me again what "
    "you need, or talk to a person.",
)
NOT_THERE = Texts("抱歉，这件事我现在还办不了，可以转人工客服处理。",
                  "Sorry, I can't do that at the moment. A person can help you with it.")
DONE = Texts("好的，办好了。", "All done.")

_CANCEL_ZH = (
    r"(算了|不查了|不用了|不用查了|不办了|取消吧?|先不查了|先这样|退出|没事了|不需要了|别查了|不想查了)"
    r"(吧|啦|了|谢谢|谢谢你|谢谢您)?"
)
_CANCEL_EN = (r"(never ?mind|cancel( it)?|stop|forget (it|about it)|quit|exit|no thanks|leave it|dont bother)"
              r"( please| thanks| thank you)?")
_WAIT_ZH = r".{0,6}(稍等|等一下|等等|等会儿?|等下|我找找|找一下|我看看|我看一下|我去找|马上发|正在找).{0,8}"
_WAIT_EN = (
    r".{0,12}(wait|hold on|one moment|one sec|just a (moment|second|sec|minute)|let me (find|check|look)|"
    r"give me a (moment|second|sec|minute)).{0,25}"
)


def _compile(*patterns: str) -> object:
    return re2.compile("^(" + "|".join(patterns) + ")$")


_cancel = _compile(_CANCEL_ZH, _CANCEL_EN)
_wait = _compile(_WAIT_ZH, _WAIT_EN)


def is_cancel(norm: str) -> bool:
    """True if a normalised text calls the whole thing off."""
    return _cancel.search(norm) is not None  # type: ignore[attr-defined]


def is_wait(norm: str) -> bool:
    """True if a normalised text only asks for a moment."""
    return _wait.search(norm) is not None  # type: ignore[attr-defined]
