"""How a setting is declared: :class:`Doc` beside a field of a :class:`Section`."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

Kind = Literal["text", "int", "float", "bool", "duration", "size", "list", "choice", "url", "secret", "json"]


class Doc(NamedTuple):
    """What a setting is for, in both languages, and what it may hold.

    ``url`` and ``secret`` may also be given as ``<key>_file``: a path whose content is the value.
    A ``secret`` never stands in zhike.toml or a flag; a ``url`` may, as long as it has no password.
    ``json``: a table in TOML, or an object as JSON text; kept as JSON text ("" = none).
    """

    zh: str
    en: str
    kind: Kind = "text"
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    reserved: bool = False
    key: str = ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all sections."""
