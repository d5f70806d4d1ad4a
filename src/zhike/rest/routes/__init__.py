"""The rows of the table, one file per noun."""

from __future__ import annotations

from zhike.rest.routes import (
    account,
    agents,
    api_keys,
    articles,
    audit,
    bots,
    canned,
    cases,
    contacts,
    conversations,
    flows,
    inboxes,
    knowledge_files,
    life,
    mentions,
    messages,
    models,
    notify_targets,
    pages,
    presence,
    prompts,
    quality,
    reveal,
    rules,
    sample,
    search,
    sessions,
    sso,
    supervision,
    system,
    tags,
    teams,
    tools,
    totp,
    usage,
    visitor,
    visitor_forms,
)
from zhike.rest.table import Route


def all_routes(*, sample_shop: bool) -> list[Route]:
    """The table. The routes of the sample shop exist only when it is on."""
    rows: list[Route] = []
    for module in (
        account,
        conversations,
        life,
        messages,
        mentions,
        contacts,
        reveal,
        search,
        tags,
        canned,
        knowledge_files,  # before {id}: these are names, no numbers
        articles,
        rules,
        prompts,
        models,
        cases,
        flows,
        tools,
        bots,
        inboxes,
        sessions,
        totp,
        sso,
        agents,
        teams,
        presence,
        supervision,
        quality,
        api_keys,
        audit,
        notify_targets,
        usage,
        visitor,
        visitor_forms,
        system,
        pages,
    ):
        rows += module.ROUTES
    return rows + (sample.ROUTES if sample_shop else pages.WITHOUT_SHOP)
