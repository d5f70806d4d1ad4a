"""The doctor's look at model servers: are they there, do they take our key, do they know the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zhike.answer.llm.local import check_extra, check_file
from zhike.config import Settings
from zhike.config.models import ModelServer
from zhike.ops.doctor import Finding

ANSWER_S = 5.0
MOST_BYTES = 1 << 20


async def check_models(settings: Settings) -> list[Finding]:
    """Every configured model, the local one too (its file only: the desk itself starts it)."""
    found = list(check_local(settings))
    for key, server in settings.models.items():
        found.append(await _check_server(key, server))
    return found


def check_local(settings: Settings) -> Iterator[Finding]:
    """The file of ``[local_model]``, and whether its extra is installed."""
    path = settings.local_model.path
    if not path:
        return
    trouble = check_extra() or check_file(path)
    if trouble is not None:
        yield Finding("bad", trouble.zh, trouble.en, trouble.cure_zh, trouble.cure_en)
    else:
        yield Finding("ok", f"本地模型文件可用：{path}", f"the local model's file can be used: {path}")


async def _check_server(key: str, server: ModelServer) -> Finding:
    """``GET /models``, which vLLM, Ollama, Xinference and llama.cpp all answer; nothing is generated."""
    import httpx2
    import msgspec

    headers = {"Authorization": f"Bearer {server.api_key}"} if server.api_key else {}
    try:
        async with httpx2.AsyncClient(trust_env=False, follow_redirects=False,
                                      timeout=httpx2.Timeout(ANSWER_S, connect=server.connect_s)) as http:
            answer = await http.get(f"{server.base_url.rstrip('/')}/models", headers=headers)
            names = _names(msgspec.json.decode(answer.content[:MOST_BYTES])) if answer.is_success else []
    except (httpx2.HTTPError, httpx2.InvalidURL, msgspec.DecodeError) as error:
        why = f"{type(error).__name__}: {error}".rstrip(": ")
        return Finding("bad", f"模型 {key}：{server.base_url} 连不上（{why}）",
                       f"model {key}: {server.base_url} cannot be reached ({why})",
                       "请确认模型服务已启动、base_url 写到 /v1 为止",
                       "check that the server runs and that base_url ends in /v1")
    if answer.status_code in (401, 403):
        return Finding("bad", f"模型 {key}：密钥被拒绝", f"model {key}: the key is refused",
                       f"请设置 ZHIKE_MODELS__{key.upper()}__API_KEY",
                       f"set ZHIKE_MODELS__{key.upper()}__API_KEY")
    if not answer.is_success:
        return Finding("warn", f"模型 {key}：/models 回答 {answer.status_code}",
                       f"model {key}: /models answers {answer.status_code}",
                       "base_url 可能少了 /v1", "base_url may lack its /v1")
    if names and server.model not in names:
        some = ", ".join(names[:5])
        return Finding("warn", f"模型 {key}：服务里没有 {server.model!r}，有：{some}",
                       f"model {key}: the server has no {server.model!r}; it has: {some}",
                       "请核对 model", "check `model`")
    return Finding("ok", f"模型 {key} 可用：{server.base_url}", f"model {key} answers: {server.base_url}")


def _names(found: Any) -> list[str]:
    entries = found.get("data") if isinstance(found, dict) else None
    return [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry] \
        if isinstance(entries, list) else []
