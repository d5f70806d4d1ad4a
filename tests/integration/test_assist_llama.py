"""A proposal from a real llama.cpp server. (Leaving stops it: test_model_llama.py.)"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Sequence

import pytest

from zhike.answer.assist.assistant import Assistant
from zhike.answer.cache import AnswerCache
from zhike.answer.engine import Engine
from zhike.answer.llm.client import Client, Fixed
from zhike.answer.llm.models import Model, Models
from zhike.answer.llm.usage import UsageBook
from zhike.answer.ports import Said, Snippet
from zhike.answer.promptset import Prompts
from zhike.clock import now_ms
from zhike.domain.conversation import Conversation
from zhike.search.text import Question
from zhike.testing.llama.make import model_file
from zhike.testing.llama.server import LlamaServer

SAYS = "可以退，请看订单页。"


def assistant(server: LlamaServer, extra: dict[str, object]) -> tuple[Assistant, Client]:
    client = Client(Fixed(server.url, server.key), "local", idle_s=30.0, extra_body=json.dumps(extra))
    book = UsageBook(None, now_ms)

    async def find(_bot: int, _question: Question, _most: int) -> Sequence[Snippet]:
        return ()

    async def history(_id: int, _below: int, _most: int) -> Sequence[Said]:
        return [Said("visitor", "怎么退货", 1)]

    models = Models([Model("local", client, book, context_tokens=8_192)], book)
    engine = Engine(cache=AnswerCache(1), now=now_ms)
    return Assistant(models, engine, Prompts(), find, history, now_ms, lambda _: "店", {}), client


async def test_it_proposes() -> None:
    for name in ("xllamacpp", "gguf", "numpy"):
        if importlib.util.find_spec(name) is None:
            if os.environ.get("CI"):
                pytest.fail(f"{name} is missing, and this is CI")
            pytest.skip(f"{name} is missing: no proposal was asked of a real model")
    about = Conversation(5, 1, 3, "v:1", "open", "agent", 2, 1, 1, 0, 0, 0, lang="zh")
    with LlamaServer(model_file(), context=8_192) as server:
        heard: list[str] = []
        ours, client = assistant(server, {"grammar": f'root ::= "{SAYS}"'})
        found = await ours.propose(about, "reply", "", lambda _, text: heard.append(text))
        assert found.text == SAYS == "".join(heard)
        await client.close()
