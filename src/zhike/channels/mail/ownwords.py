"""What a visitor wrote in a mail, without what their program quotes below it.

Everything from the desk's own mark on (*reply above this line*) is cut, then the line with which programs
introduce what they quote, quoted lines at the end, and a signature behind ``-- ``. Only what is certain is
cut: a greeting or a name at the end stays, because cutting words that were meant is worse than showing some
that were not. (mail-parser-reply was looked at: its signature patterns end a message at a line that begins
with a hyphen or with 谢谢, and a header pattern of it takes minutes for a crafted mail.)
"""

from __future__ import annotations

import re2

from zhike.channels.mail.words import MARK

_SEPARATOR = re2.compile(
    r"(?i)^\s*(?:[-_=*—]{2,}\s*(?:original message|原始邮件|原邮件|forwarded message|转发邮件信息|转发的邮件|"
    r"原始郵件)\s*[-_=*—]*|_{20,}|-{20,}|={20,})\s*$")
"""``----- Original Message -----``, ``------------------ 原始邮件 ------------------``; Outlook's line."""
_WROTE = re2.compile(
    r"(?i)^\s*[>*]*\s*(?:on\s.{4,200}\swrote:|"
    r".{0,200}\d{4}[年/.-]\s?\d{1,2}[月/.-]\s?\d{1,2}.{0,200}(?:写道|寫道|wrote)\s?[:：]|"
    r"在.{2,200}(?:写道|寫道)\s?[:：]|.{1,200}<[^<>@\s]+@[^<>\s]+>.{0,80}(?:写道|寫道|wrote)\s?[:：])\s*$")
_HEADER = re2.compile(
    r"(?i)^\s*[>*]*\s*(?:from|sent|to|cc|subject|date|reply-to|发件人|發件人|寄件者|发送时间|發送時間|发送日期|"
    r"日期|时间|收件人|抄送|主题|主題|主旨)\*?\s?[:：]")
_SENT_FROM = re2.compile(
    r"(?i)^\s*(?:sent from my .{1,60}|get outlook for .{1,60}|发自我的.{1,30}|從我的.{1,30}(?:傳送|發送)|"
    r"从我的.{1,30}发送|发自.{0,10}(?:网易|QQ|手机|iPhone|邮箱).{0,40}|来自.{0,12}邮箱.{0,30})\s*$")
MAX_LINES = 20_000


def own_words(text: str) -> str:
    """The part of a mail's text that its author wrote now; "" = nothing."""
    for mark in MARK.values():
        at = text.find(mark.strip("— "))
        if at >= 0:
            text = text[:text.rfind("\n", 0, at) + 1]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:MAX_LINES]
    lines = _until_quote(lines)
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith((">", "＞"))
                     or _SENT_FROM.match(lines[-1]) or _introduces(lines)):
        lines.pop()
    return "\n".join(line.rstrip() for line in lines).strip()


def _until_quote(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if line == "-- ":
            return lines[:number]
        if _SEPARATOR.match(line):
            return lines[:number]
        if len(line) <= 500 and _WROTE.match(line):
            return lines[:number]
        if _HEADER.match(line) and sum(bool(_HEADER.match(each)) for each in lines[number:number + 5]) >= 3:
            return lines[:number]
    return lines


def _introduces(lines: list[str]) -> bool:
    """Whether the last lines only introduce what was cut: programs break them in two."""
    last = lines[-1].strip()
    if _WROTE.match(last):
        return True
    if len(lines) > 1 and last.endswith((":", "：")) and _WROTE.match(f"{lines[-2].strip()} {last}"):
        lines.pop()
        return True
    return False
