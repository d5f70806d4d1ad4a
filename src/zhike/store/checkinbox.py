"""What an inbox may hold: see :mod:`zhike.store.checks`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from zhike.domain.knowledge import Inbox
from zhike.store.checks import (
    KEY,
    MAX_NAME_CHARS,
    MAX_URL_CHARS,
    Fault,
    by_lang,
    check_key,
    check_settings,
    check_text,
    flag,
    lists_by_lang,
    number,
)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_SPANS = 6
"""Times of a day at which an inbox opens."""
MAX_DATES = 400
MAX_WRAP_UPS = 100
MAX_KEEP = 20
"""Names in a query that an inbox keeps."""
FORM_FIELDS = ("name", "email", "phone")
DAY_S = 86_400
REACH_WAIT_S = (10, DAY_S)
"""A reload takes a few seconds; after a day nobody waits for the answer."""


def check_inbox(inbox: Inbox) -> Iterator[Fault]:
    """An inbox's own fields."""
    yield from check_key(inbox.key)
    yield from check_text("name", inbox.name, MAX_NAME_CHARS)
    if not KEY.fullmatch(inbox.channel) or len(inbox.channel) > 32:
        yield Fault("channel", f"{inbox.channel!r} 不是渠道名", f"{inbox.channel!r} is no name of a channel")
    yield from check_settings(inbox.settings, {
        "origins": _origins, "greeting": by_lang, "suggestions": lists_by_lang, "offline": by_lang,
        "identity_secret": _secret, "callback_url": _callback_url, "callback_secret": _secret,
        "mask_pii": flag, "typing_preview": flag, "team_id": _id, "hours": _hours, "out_of_office": by_lang,
        "offline_form": _offline_form, "csat": _csat, "auto_resolve_after_s": number(60, 365 * DAY_S),
        "wrap_ups": _wrap_ups, "reach": _reach, "pages": _pages})


def _id(field: str, value: Any) -> Iterator[Fault]:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**53:
        yield Fault(field, "需要团队的编号", "needs the id of a team")


def _parts(field: str, value: Any, known: Sequence[str]) -> Iterator[Fault]:
    """That it is an object, and holds nothing unknown."""
    if not isinstance(value, dict):
        yield Fault(field, f"需要对象，可含 {'、'.join(known)}", f"needs an object with {', '.join(known)}")
        return
    for name in value:
        if name not in known:
            yield Fault(f"{field}.{name}", f"没有这一项；可用 {'、'.join(known)}",
                        f"is unknown; there are {', '.join(known)}")


def _hours(field: str, value: Any) -> Iterator[Fault]:
    """``{timezone, week: {mon: [["09:00", "18:00"]] …}, holidays: cn | none, closed: [day], open: []}``."""
    if faults := list(_parts(field, value, ("timezone", "week", "holidays", "closed", "open"))):
        yield from faults
        return
    zone = value.get("timezone")
    if not isinstance(zone, str) or not _known_zone(zone):
        yield Fault(f"{field}.timezone", "需要时区名，例如 Asia/Shanghai",
                    "needs the name of a time zone such as Asia/Shanghai")
    yield from _week(f"{field}.week", value.get("week", {}))
    if value.get("holidays", "none") not in ("cn", "none"):
        yield Fault(f"{field}.holidays", "只能是 cn（中国法定节假日和调休）或 none",
                    "must be cn (public holidays of China) or none")
    for name in ("closed", "open"):
        yield from _dates(f"{field}.{name}", value.get(name, []))


def _known_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo  # only where somebody set hours

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, or no name at all ("../x", "")
        return False
    return True


def _week(field: str, value: Any) -> Iterator[Fault]:
    if faults := list(_parts(field, value, DAYS)):
        yield from faults
        return
    for day, spans in value.items():
        if not isinstance(spans, list) or len(spans) > MAX_SPANS or not all(map(_is_span, spans)):
            yield Fault(f"{field}.{day}", f'需要时段列表，例如 [["09:00", "18:00"]]，最多 {MAX_SPANS} 段',
                        f'needs a list of times such as [["09:00", "18:00"]], {MAX_SPANS} at most')


def _is_span(value: Any) -> bool:
    return (isinstance(value, list) and len(value) == 2 and value[0] != value[1] and value[0] != "24:00"
            and all(isinstance(one, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", one)
                    for one in value))


def _dates(field: str, value: Any) -> Iterator[Fault]:
    def good(day: Any) -> bool:
        try:
            return isinstance(day, str) and dt.date.fromisoformat(day).isoformat() == day
        except ValueError:
            return False

    if not isinstance(value, list) or len(value) > MAX_DATES or not all(map(good, value)):
        yield Fault(field, f'需要日期列表，例如 ["2026-12-31"]，最多 {MAX_DATES} 天',
                    f'needs a list of days such as ["2026-12-31"], {MAX_DATES} at most')


def _offline_form(field: str, value: Any) -> Iterator[Fault]:
    if faults := list(_parts(field, value, ("enabled", "fields"))):
        yield from faults
        return
    yield from flag(f"{field}.enabled", value.get("enabled", False))
    fields = value.get("fields", [])
    if not isinstance(fields, list) or any(one not in FORM_FIELDS for one in fields) \
            or len(set(fields)) < len(fields):
        yield Fault(f"{field}.fields", "只能是 name、email、phone，每项一次",
                    "may hold name, email and phone, each once")


def _csat(field: str, value: Any) -> Iterator[Fault]:
    if faults := list(_parts(field, value, ("enabled", "question"))):
        yield from faults
        return
    yield from flag(f"{field}.enabled", value.get("enabled", False))
    if "question" in value:
        yield from by_lang(f"{field}.question", value["question"])


def _reach(field: str, value: Any) -> Iterator[Fault]:
    """``{email, sms_url, wait_s, page}``: how visitors who left get what people say."""
    if faults := list(_parts(field, value, ("email", "sms_url", "wait_s", "page"))):
        yield from faults
        return
    yield from flag(f"{field}.email", value.get("email", False))
    yield from number(*REACH_WAIT_S)(f"{field}.wait_s", value.get("wait_s", REACH_WAIT_S[0]))
    for name in ("sms_url", "page"):
        if value.get(name, "") != "":
            yield from _callback_url(f"{field}.{name}", value[name])


def _pages(field: str, value: Any) -> Iterator[Fault]:
    """``{enabled, keep}``: whether agents see which pages visitors look at, and what is kept of a query."""
    if faults := list(_parts(field, value, ("enabled", "keep"))):
        yield from faults
        return
    yield from flag(f"{field}.enabled", value.get("enabled", True))
    keep = value.get("keep", [])
    if not isinstance(keep, list) or len(keep) > MAX_KEEP or not all(
            isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name) for name in keep):
        yield Fault(f"{field}.keep", f'需要参数名列表，例如 ["id"]，最多 {MAX_KEEP} 个',
                    f'needs a list of names such as ["id"], {MAX_KEEP} at most')


def _wrap_ups(field: str, value: Any) -> Iterator[Fault]:
    """What a conversation can have been about; agents choose one on resolve."""
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value) \
            or len(value) > MAX_WRAP_UPS:
        yield Fault(field, f"需要文字列表，最多 {MAX_WRAP_UPS} 条",
                    f"needs a list of texts, {MAX_WRAP_UPS} at most")
        return
    for index, text in enumerate(value):
        yield from check_text(f"{field}[{index}]", text, 100)


def _origins(field: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, list) or not all(isinstance(origin, str) for origin in value):
        yield Fault(field, '需要列表，例如 ["https://shop.example.com"] 或 ["*"]',
                    'needs a list such as ["https://shop.example.com"] or ["*"]')
        return
    for index, origin in enumerate(value):
        if origin != "*" and not re.fullmatch(r"https?://[^\s/?#@]+", origin):
            yield Fault(f"{field}[{index}]", f"{origin!r} 要写成 https://域名（不带路径），或 *",
                        f"{origin!r} must be https://host without a path, or *")


def _callback_url(field: str, value: Any) -> Iterator[Fault]:
    """Its form; which addresses it may reach is decided when something is sent there."""
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not value.isascii() or not value.isprintable() or " " in value:
        yield Fault(field, "需要 https://… 这样的网址（ASCII 字符）",
                    "needs a URL such as https://shop.example/hook, in ASCII")
        return
    if len(value) > MAX_URL_CHARS:
        yield Fault(field, f"最多 {MAX_URL_CHARS} 个字符", f"holds {MAX_URL_CHARS} characters at most")
    if parts.username is not None or parts.password is not None:
        yield Fault(field, "网址里不能写用户名或密码；请求会带签名",
                    "must not hold a user or password; requests are signed instead")
    if parts.fragment:
        yield Fault(field, "不能带 # 后面的部分", "must not have a part after #")


def _secret(field: str, value: Any) -> Iterator[Fault]:
    if not isinstance(value, str) or not 16 <= len(value) <= 200:
        yield Fault(field, "需要 16 到 200 个字符", "needs 16 to 200 characters")
