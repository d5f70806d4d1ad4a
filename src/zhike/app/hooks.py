"""Webhooks of one process: what is told goes out, what is stored is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zhike.access.outbound import Outbound
from zhike.domain.hook import HookEvent, Tried, Webhook
from zhike.errors import ZhikeError
from zhike.webhooks.sender import HookSender

if TYPE_CHECKING:
    from zhike.app.core import Core


class Hooks:
    """Made after the process is ready. Create it on the event loop."""

    def __init__(self, core: Core) -> None:
        self._core = core
        registry = core.registry
        self.sender = HookSender(
            core.store, Outbound(allow_private=core.settings.channels.allow_private), core.now,
            inboxes=lambda: registry.inboxes, names=lambda: registry.agent_names, changed=registry.refresh,
            trouble=self._trouble)

    async def _trouble(self, part: str, why: str) -> None:
        if self._core.outreach is not None:
            await self._core.outreach.notifier.trouble(part, why)

    def look(self) -> None:
        """Rows may have been written: every lane looks. Cheap without webhooks."""
        if self._core.dispatcher is not None:
            for hook in self._core.registry.hooks:
                self._core.dispatcher.poke_channel(hook.channel)


class LazyHooks:
    """See :class:`zhike.rest.ports.Hooks`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def test(self, hook: Webhook, event: HookEvent) -> Tried:
        """See the port."""
        if self._core.hooks is None:
            raise ZhikeError("starting", retry_after_s=1.0)
        return await self._core.hooks.sender.test(hook, event)

    def gone(self, hook: Webhook) -> None:
        """See the port."""
        if self._core.dispatcher is not None:
            self._core.dispatcher.close_channel(hook.channel)
