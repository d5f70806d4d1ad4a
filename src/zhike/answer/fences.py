"""Fences around text that others wrote, so that a model can tell data from orders.

An article, an earlier message or the question stands between tags of ours (``<article …>``,
``</article>``). Whatever in that text could open or close such a tag, or pass for a control token of a
chat template (``<|im_end|>``, ``[INST]`` …: some servers read them anywhere in a prompt), is written
so that it reads the same to a person and means nothing to a parser.
"""

from __future__ import annotations

import re

TAGS = ("article", "earlier", "facts", "question", "draft")
"""What may stand between fences; nobody else's text can hold these tags."""

_SPACE = r"[\s\u00ad\u200b-\u200f\u2060\ufeff]*"
_TAG_LIKE = re.compile(rf"[<＜﹤‹〈](?={_SPACE}[/／]?{_SPACE}(?:{'|'.join(TAGS)}))", re.IGNORECASE)
"""Our tags in any spelling a model might still read as one."""
_ANY_TAG = re.compile(r"<(?=[/|!?A-Za-z\u4e00-\u9fff_])|<(?=<)")
_TOKEN = re.compile(r"[\[【](?=[/／]?(?:INST|SYS|gMASK|sMASK|CLS|SEP|MASK|SYSTEM_PROMPT|AVAILABLE_TOOLS|"
                    r"TOOL_CALLS|TOOL_RESULTS)[\]】])", re.IGNORECASE)
_BAR_CLOSE = re.compile(r"\|>")


def data(text: str) -> str:
    """``text`` of others, harmless between fences."""
    text = _TAG_LIKE.sub("&lt;", text)
    text = _ANY_TAG.sub("&lt;", text)
    text = _BAR_CLOSE.sub("|&gt;", text)
    return _TOKEN.sub("&#91;", text)


def attribute(text: str) -> str:
    """``text`` as the value of an attribute, on one line."""
    return " ".join(data(text).replace('"', "'").replace(">", "&gt;").split())


def fenced(tag: str, text: str, **attributes: str) -> str:
    """``<tag name="value">`` text ``</tag>``, each on its own line."""
    assert tag in TAGS, tag
    head = "".join(f' {name}="{attribute(value)}"' for name, value in attributes.items())
    return f"<{tag}{head}>\n{data(text).strip()}\n</{tag}>"
