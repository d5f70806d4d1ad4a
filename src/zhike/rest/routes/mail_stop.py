"""No more mail: the page behind the link that every mail to a visitor carries, and the one click of mail
programs (RFC 8058). A GET changes nothing: scanners open every link."""

from __future__ import annotations

from html import escape
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import Connection

from zhike.access.mailtokens import MailTokens
from zhike.access.rights import public
from zhike.domain.reach import hidden
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer
from zhike.rest.table import Call, Route
from zhike.store import reach

SIGNED = public("The token in the link is signed and names one conversation; all it can do is stop or resume "
                "mail of one inbox to that conversation's address.")

_TEXTS = {
    "zh": ("不再接收邮件", "以后“{shop}”的回复不再发到 {to}。您仍然可以在网页上查看。", "不再接收",
           "好的，不会再发邮件到 {to} 了。", "恢复接收", "以后的回复会继续发到 {to}。"),
    "en": ("No more mail", "Replies of {shop} will no longer be sent to {to}. You can still read them on the "
           "website.", "Stop the mail", "No more mail will be sent to {to}.", "Send mail again",
           "Replies will be sent to {to} again."),
}


class StopQuery(Struct, forbid_unknown_fields=True):
    """``t``: the token of a mail. ``again``: mail may come again."""

    t: Annotated[str, Meta(min_length=1, max_length=100)]
    again: bool = False


def _page(call: Call, said: str, button: str, again: bool) -> Answer:
    title = _TEXTS[call.lang][0]
    query: StopQuery = call.query
    act = f"/mail/stop?t={escape(query.t)}{'&amp;again=true' if again else ''}"
    body = (f'<!doctype html><html lang="{call.lang}"><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
            f'<link rel="stylesheet" href="/preview/preview.css"><main class="plain"><h1>{title}</h1>'
            f'<p>{escape(said)}</p><form method="post" action="{act}"><button>{button}</button></form>'
            "</main>")
    return Answer(body.encode(), 200, "text/html; charset=utf-8", [(b"cache-control", b"no-store")])


async def _who(call: Call) -> reach.Reachable:
    query: StopQuery = call.query
    named = MailTokens(call.to.access.secret).find(query.t)
    found = await call.to.store.read(reach.reachable, named.conversation_id) if named is not None else None
    if found is None or not found.contact.email:
        raise ZhikeError("not_found")
    return found


def _words(call: Call, who: reach.Reachable, number: int) -> str:
    inbox = call.to.desk.inbox(who.conversation.inbox_id)
    return _TEXTS[call.lang][number].format(shop=inbox.name if inbox is not None else "",
                                            to=hidden(who.contact.email))


async def mail_stop_page(call: Call) -> Answer:
    """Asks whether mail shall stop."""
    who = await _who(call)
    if who.stopped:
        return _page(call, _words(call, who, 3), _TEXTS[call.lang][4], again=True)
    return _page(call, _words(call, who, 1), _TEXTS[call.lang][2], again=False)


def _set(conn: Connection, who: reach.Reachable, again: bool, now: int) -> None:
    inbox_id, address = who.conversation.inbox_id, who.contact.email
    if again:
        reach.resume(conn, inbox_id, address)
    else:
        reach.stop(conn, inbox_id, address, "asked", now)


async def mail_stop(call: Call) -> Answer:
    """Stops the mail of one inbox to the address of a conversation, or lets it come again."""
    query: StopQuery = call.query
    who = await _who(call)
    await call.to.store.write(_set, who, query.again, call.now)
    if query.again:
        return _page(call, _words(call, who, 5), _TEXTS[call.lang][2], again=False)
    return _page(call, _words(call, who, 3), _TEXTS[call.lang][4], again=True)


ROUTES = [
    Route("GET", "/mail/stop", mail_stop_page, SIGNED, ("No more mail?", "不再接收邮件？"), query=StopQuery,
          text="text/html", listed=False, errors=("not_found",)),
    Route("POST", "/mail/stop", mail_stop, SIGNED, ("No more mail", "不再接收邮件"), query=StopQuery,
          text="text/html", listed=False, errors=("not_found",)),
]
