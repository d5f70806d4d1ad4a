"""What a mail to a visitor says around the words of the people."""

from __future__ import annotations

from zhike.errors import Lang

MARK = {"zh": "—— 请在这行以上回复 ——", "en": "—— Please reply above this line ——"}
"""The surest way to tell an answer from what it quotes, whatever program wrote it."""

WORDS: dict[Lang, dict[str, str]] = {
    "zh": {
        "subject": "{shop} 回复了您", "replied": "{who} 回复：", "someone": "客服",
        "how": "直接回复这封邮件就可以继续对话。", "page": "也可以回到网页继续：{page}",
        "before": "之前的对话", "you": "您", "bot": "机器人", "file": "附件",
        "files": "附件（链接 7 天内有效）",
        "stop": "不想再收到邮件：{url}", "stop_short": "不再接收邮件", "sms": "【{shop}】{text} 查看：{page}",
        "sms_bare": "【{shop}】{text}",
    },
    "en": {
        "subject": "{shop} replied to you", "replied": "{who} replied:", "someone": "Our team",
        "how": "Just answer this mail to go on.", "page": "Or go on where you were: {page}",
        "before": "What was said before", "you": "You", "bot": "Bot", "file": "File",
        "files": "Files (the links work for 7 days)",
        "stop": "No more mail like this: {url}", "stop_short": "No more mail",
        "sms": "{shop}: {text} More: {page}",
        "sms_bare": "{shop}: {text}",
    },
}


def lang_of(lang: str) -> Lang:
    """The language a visitor is written to in."""
    return "en" if lang[:2].lower() == "en" else "zh"


def one_line(text: str, limit: int) -> str:
    """A text on one line, cut."""
    calm = " ".join(text.split())
    return calm if len(calm) <= limit else f"{calm[:limit - 1]}…"
