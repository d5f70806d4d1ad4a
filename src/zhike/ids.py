"""Unguessable tokens. (Row ids are small whole numbers: see ``store.dialect.next_ids``.)"""

from __future__ import annotations

import secrets


def new_token(nbytes: int = 24) -> str:
    """A URL-safe random token of ``nbytes`` bytes of entropy."""
    return secrets.token_urlsafe(nbytes)
