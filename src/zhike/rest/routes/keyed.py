"""Tools and flows over REST: rows of a bot with a key and a body. What is done with them is written once;
``tools.py`` and ``flows.py`` say what is particular to each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from zhike.clock import to_datetime
from zhike.domain.flow import Flow
from zhike.domain.tool import Tool
from zhike.errors import ZhikeError
from zhike.rest.decode import Id, path_id
from zhike.rest.paging import Paged, page, position
from zhike.rest.routes.articles import check_bot, given
from zhike.rest.table import Call
from zhike.rest.views import Page
from zhike.rest.write import audited
from zhike.store.keyed import Keyed

T = TypeVar("T", bound=Tool | Flow)
V = TypeVar("V", bound=Struct)


class KeyedQuery(Paged, forbid_unknown_fields=True):
    """``q``: a part of key or content."""

    bot_id: Id | None = None
    enabled: bool | None = None
    q: Annotated[str, Meta(max_length=200)] = ""


def change_of(name: str, body: type[Struct], doc: str) -> type[Struct]:
    """A struct for PATCH: every field of ``body`` and ``enabled``, each only if it is given."""
    fields: list[tuple[str, Any, Any]] = [
        (field.name, field.type | UnsetType, UNSET) for field in msgspec.structs.fields(body)
    ]
    fields.append(("enabled", bool | UnsetType, UNSET))
    return msgspec.defstruct(
        name, fields, namespace={"__doc__": doc}, module=__name__, forbid_unknown_fields=True, kw_only=True
    )


class KeyedRows(Generic[T, V]):
    """One such table over REST.

    Args:
        rows: of the store.
        body: the struct of what such a row holds; ``view``: what is shown of a row.
    """

    def __init__(self, rows: Keyed[T], body: type[Any], view: Callable[..., V]) -> None:
        self._rows = rows
        self._body = body
        self._view = view

    def view(self, item: T) -> V:
        """A row as it is shown."""
        return self._view(
            **msgspec.structs.asdict(item.body),
            id=item.id,
            bot_id=item.bot_id,
            key=item.key,
            enabled=item.enabled,
            created_at=to_datetime(item.created_at),
            updated_at=to_datetime(item.updated_at),
        )

    async def list(self, call: Call) -> Page[V]:
        """A page in the order of ids."""
        query: KeyedQuery = call.query
        after = position(query.cursor, 1)
        found = await call.to.store.read(
            self._rows.page,
            bot_id=query.bot_id,
            enabled=query.enabled,
            text=query.q.strip(),
            after_id=after[0] if after else 0,
            limit=query.limit + 1,
        )
        return page(found, query.limit, self.view, lambda item: (item.id,))

    async def get(self, call: Call) -> V:
        """The one that the path names."""
        return self.view(await self._find(call))

    async def create(self, call: Call) -> V:
        """Stores the body as a new one."""
        body = call.body
        await check_bot(call, body.bot_id)
        names = [field.name for field in msgspec.structs.fields(self._body)]
        held = self._body(**{name: getattr(body, name) for name in names})
        noun = self._rows.noun
        item = await audited(
            call,
            f"{noun}.created",
            lambda made: f"{noun}:{made.id}",
            {"key": body.key},
            self._rows.create,
            self._rows.kind(0, body.bot_id, body.key, held, body.enabled),
            call.now,
        )
        await call.to.desk.knowledge_changed(item.bot_id)
        return self.view(item)

    async def change(self, call: Call) -> V:
        """Stores what of the body is given."""
        old = await self._find(call)
        values = given(call.body)
        fields = sorted(values)
        enabled = values.pop("enabled", old.enabled)
        new = msgspec.structs.replace(old, enabled=enabled, body=msgspec.structs.replace(old.body, **values))
        item = await audited(
            call,
            f"{self._rows.noun}.updated",
            self._target(old),
            {"fields": fields},
            self._rows.update,
            new,
            call.now,
        )
        await call.to.desk.knowledge_changed(item.bot_id)
        return self.view(item)

    async def delete(self, call: Call) -> None:
        """Removes the one that the path names."""
        old = await self._find(call)
        await audited(
            call,
            f"{self._rows.noun}.deleted",
            self._target(old),
            {"key": old.key},
            self._rows.remove_one,
            old.id,
            call.now,
        )
        await call.to.desk.knowledge_changed(old.bot_id)

    async def _find(self, call: Call) -> T:
        item = await call.to.store.read(self._rows.get, path_id(call.path["id"]))
        if item is None:
            raise ZhikeError("not_found")
        return item

    def _target(self, item: T) -> str:
        return f"{self._rows.noun}:{item.id}"
