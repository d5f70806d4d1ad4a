"""What the engine says of its own accord, in both languages; a bot's settings come first."""

from __future__ import annotations

from zhike.domain.message import Button, Reply, Source, TraceStep
from zhike.search.text import Lang

FALLBACK: dict[Lang, str] = {
    "zh": "这个问题我没有把握，不想乱说。您可以换个说法再问一次，或者转人工。",
    "en": "I'm not sure about that and don't want to guess. Try asking it another way, or talk to a person.",
}
DID_YOU_MEAN: dict[Lang, str] = {
    "zh": "您想问的是不是下面这些？",
    "en": "Did you mean one of these?",
}
UNSURE_PART: dict[Lang, str] = {
    "zh": "关于「{}」，我没有把握，不想乱说，可以转人工问一问。",
    "en": "About “{}”: I'm not sure about that part and don't want to guess; a person can help.",
}
HANDOFF: dict[Lang, str] = {
    "zh": "好的，正在为您转接人工客服。",
    "en": "Sure, I'm passing you to a person now.",
}
FORBIDDEN: dict[Lang, str] = {
    "zh": "抱歉，这个话题我不能回答。其他问题我很乐意帮忙，也可以转人工。",
    "en": "Sorry, I can't talk about that. I'm glad to help with anything else, or you can talk to a person.",
}
HUMAN_BUTTON: dict[Lang, Button] = {
    "zh": Button(label="转人工", text="转人工"),
    "en": Button(label="Talk to a person", text="human agent"),
}
"""Their texts always work: the engine answers them itself when no rule does."""
RECEIVED: dict[Lang, str] = {
    "zh": "文件收到了。我看不了图片和文件里的内容，您可以用文字说一说，或者转人工来看。",
    "en": "I have your file. I can't look inside pictures and files: tell me in words, or "
          "let a person look at it.",
}


def received(lang: Lang) -> Reply:
    """What the bot says to files that come without a word."""
    return Reply(RECEIVED[lang], (HUMAN_BUTTON[lang],), Source("fallback"), (TraceStep("files", "hit"),),
                 interrupts=True)


SHOWN: dict[Lang, str] = {
    "zh": "看到了：「{}」。您想了解什么？",
    "en": "I see: “{}”. What would you like to know about it?",
}


def shown(lang: Lang, title: str) -> Reply:
    """What the bot says to a product or an order that comes without a question."""
    return Reply(SHOWN[lang].format(title[:100]), (), Source("fallback"), (TraceStep("card", "hit"),),
                 interrupts=True)


def setting(settings: dict[str, object], name: str, lang: Lang, default: str) -> str:
    """``settings[name][lang]`` when it is a text with something in it, else ``default``."""
    value = settings.get(name)
    text = value.get(lang) if isinstance(value, dict) else None
    return text if isinstance(text, str) and text.strip() else default
