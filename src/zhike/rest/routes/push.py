"""One's own browsers that are told by Web Push while the console is closed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from zhike.access.rights import SELF
from zhike.clock import to_datetime
from zhike.domain.notice import Target
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer, encoded
from zhike.rest.decode import path_id
from zhike.rest.routes.notify_targets import Told
from zhike.rest.table import Call, Route
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store import push as rows

KeyText = Annotated[str, Meta(min_length=1, max_length=100)]


class PushKey(Struct):
    """``public_key``: what ``PushManager.subscribe`` wants as ``applicationServerKey``, base64url."""

    public_key: str


class PushKeys(Struct):
    """The keys that the browser made, base64url: ``PushSubscription.toJSON().keys``."""

    p256dh: KeyText
    auth: KeyText


class NewPush(Struct, forbid_unknown_fields=True):
    """``endpoint``: the https address that the browser gave. ``lang``: of the words it will show."""

    endpoint: Annotated[str, Meta(min_length=1, max_length=2000)]
    keys: PushKeys
    lang: Literal["zh", "en"] = "zh"


class PushView(Struct):
    """A browser of one's own. ``service``: the host that carries its notices; ``current``: the one that asks.
    ``failures``: attempts in a row that failed, ``last_error`` why; ``last_sent_at``: the last one that did
    not."""

    id: int
    user_agent: str
    service: str
    current: bool
    created_at: datetime
    last_sent_at: datetime | None
    failures: int
    last_error: str


def view(target: Target, current: bool) -> PushView:
    """The browser without its address, which is as good as a key."""
    sent_at = target.last_sent_at
    return PushView(target.id, target.name, target.body.address.split("/")[2], current,
                    to_datetime(target.created_at), None if sent_at is None else to_datetime(sent_at),
                    target.failures, target.last_error)


async def push_key(call: Call) -> PushKey:
    """The desk's own public key, with which a browser subscribes. It stays the same."""
    return PushKey(await call.to.outreach.push_public_key())


async def list_push(call: Call) -> Page[PushView]:
    """In which browsers one is told, the newest first. One whose sign-in has ended is told nothing more, and
    is not listed."""
    assert call.session is not None
    found = await call.to.store.read(rows.of_agent, call.principal.id, call.now)
    return Page([view(target, session == call.session.token_hash) for target, session in found], None)


async def create_push(call: Call) -> Answer:
    """Has this browser told from now on; one that is known (200) takes the new keys, language and sign-in. It
    ends with the sign-in."""
    assert call.session is not None
    body: NewPush = call.body
    await call.to.outreach.check_push(body.endpoint, body.keys.p256dh, body.keys.auth)
    made, new = await call.to.store.write(
        rows.put, call.principal.id, call.session.token_hash, body.endpoint,
        f"{body.keys.p256dh}.{body.keys.auth}", call.user_agent, body.lang, call.now)
    return encoded(view(made, True), 201 if new else 200)


async def delete_push(call: Call) -> None:
    """Tells one of one's own browsers nothing more."""
    target_id = path_id(call.path["id"])
    await audited(call, "push.deleted", f"push:{target_id}", None, rows.remove, call.principal.id, target_id)


async def test_push(call: Call) -> Told:
    """Sends one of one's own browsers a test notice and waits for the push service's answer, at most 30
    seconds. A browser that the service does not know any more is removed."""
    target_id = path_id(call.path["id"])
    for target, _ in await call.to.store.read(rows.of_agent, call.principal.id, call.now):
        if target.id == target_id:
            return Told(round(await call.to.outreach.test_target(target), 1))
    raise ZhikeError("not_found")


test_push.__test__ = False  # type: ignore[attr-defined]

_PATH = "/api/v1/me/push"

ROUTES = [
    Route("GET", f"{_PATH}/key", push_key, SELF,
          ("The key that browsers subscribe with", "浏览器订阅推送的公钥"), answer=PushKey),
    Route("GET", _PATH, list_push, SELF,
          ("My browsers that are told", "我开了推送的浏览器"), answer=Page[PushView]),
    Route("POST", _PATH, create_push, SELF,
          ("Tell this browser", "让这个浏览器接收推送"), answer=PushView, status=201, other=(200,),
          body=NewPush, errors=("conflict",),
          example={"endpoint": "https://push.example/send/…", "keys": {"p256dh": "B…", "auth": "…"},
                   "lang": "zh"}),
    Route("DELETE", f"{_PATH}/{{id}}", delete_push, SELF,
          ("Tell a browser of mine no more", "关掉一个浏览器的推送"), status=204),
    Route("POST", f"{_PATH}/{{id}}/test", test_push, SELF,
          ("Send my browser a test notice", "向自己的浏览器发测试通知"), answer=Told,
          errors=("push_failed",)),
]
