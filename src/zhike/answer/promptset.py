"""Which template each bot answers with; loaded in the same refresh as its knowledge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zhike.answer.defaulttemplates import DEFAULT_NAME, DEFAULTS
from zhike.domain.knowledge import Bot
from zhike.domain.prompt import Template
from zhike.search.text import Lang


class Prompts:
    """The active templates of all bots, in memory. ``load`` swaps a bot's whole set at once."""

    def __init__(self) -> None:
        self._sets: dict[int, tuple[str, Mapping[str, Template]]] = {}

    def load(self, bot: Bot, templates: Iterable[Template]) -> None:
        """Takes the active version of each of the bot's templates, and which one it answers with."""
        self._sets[bot.id] = (chosen(bot.settings), {template.name: template for template in templates})

    def drop(self, bot_id: int) -> None:
        """Forgets a bot that was deleted."""
        self._sets.pop(bot_id, None)

    def active(self, bot_id: int, name: str = "", lang: Lang = "zh") -> Template:
        """The active version of ``name`` ("" = what the bot's settings choose, or ``default``).

        ``lang`` is the visitor's: ``name.en`` is taken before ``name`` for English, ``name.zh`` for
        Chinese. The built-in template of the language answers where there is none of that name.
        """
        own, _ = self._sets.get(bot_id, ("", {}))
        return self.named(bot_id, name or own or DEFAULT_NAME, lang) or DEFAULTS[lang]

    def named(self, bot_id: int, name: str, lang: Lang) -> Template | None:
        """The bot's own active version of ``name.<lang>`` or ``name``; None: it has none."""
        _, templates = self._sets.get(bot_id, ("", {}))
        return templates.get(f"{name}.{lang}") or templates.get(name)


def chosen(settings: Mapping[str, Any]) -> str:
    """The bot setting ``template``; "" = the built-in one."""
    value = settings.get("template")
    return value if isinstance(value, str) else ""
