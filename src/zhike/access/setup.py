"""The one-time link that makes the first admin, or lets one back in.

The token stands after ``#`` in the link, so browsers never send it to a server, a proxy or a log;
the page posts it in a body. The database holds its digest only.
"""

from __future__ import annotations

from zhike.access import tokens
from zhike.access.sessions import Database
from zhike.ids import new_token
from zhike.store import agents

LINK_LIFETIME_MS = 24 * 3600 * 1000
PAGE = "/console/setup"


async def first_link(store: Database, public_url: str, now: int) -> str | None:
    """A new link for the first admin, or None if an owner exists. Older links end. For ``serve``."""
    if await store.read(agents.owner_exists):
        return None
    return await _link(store, public_url, now, recover=False)


async def admin_link(store: Database, public_url: str, now: int) -> str:
    """A new link that makes an owner, or gives an existing agent a new password and the owner's role.
    For ``zhike admin link``: who may run it on the machine owns the desk."""
    return await _link(store, public_url, now, recover=True)


async def _link(store: Database, public_url: str, now: int, *, recover: bool) -> str:
    token = new_token(24)
    await store.write(agents.put_setup_link, tokens.digest(token), now + LINK_LIFETIME_MS, recover)
    return f"{public_url.rstrip('/')}{PAGE}#token={token}"
