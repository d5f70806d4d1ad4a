"""``POST /embeddings`` of an OpenAI-compatible server: texts in, vectors out, or one clear error.

Wire: platform.openai.com/docs/api-reference/embeddings, read 2026-11-26; the same is spoken by Ollama,
vLLM, Xinference and llama.cpp. What comes back is believed only when it is whole: one vector per text,
all of one size, finite, not zero.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    import httpx2

Kind = Literal["away", "timeout", "refused", "garbage"]
MAX_ANSWER_BYTES = 64 << 20
"""512 texts × 8,192 numbers × 16 characters."""
MAX_SIZE = 16_384
MAX_TEXT_CHARS = 2_000
"""Of each text; models for embeddings read 512 to 8,192 tokens, and the beginning says what it is about."""
CONNECT_S = 5.0


class EmbeddingError(Exception):
    """Why there are no vectors: ``kind``, a detail for the log, and the HTTP status if there was one."""

    def __init__(self, kind: Kind, detail: str, status: int = 0) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.status = status


class _Row(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Row]


_decode = msgspec.json.Decoder(_Answer).decode


class EmbeddingClient:
    """One endpoint and model.

    Args:
        base_url: such as ``http://127.0.0.1:11434/v1``.
        transport: for tests.
    """

    def __init__(self, base_url: str, model: str, api_key: str = "", *,
                 transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.model = model
        self._url = base_url.rstrip("/") + "/embeddings"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._transport = transport
        self._client: Any = None

    def _open(self) -> Any:
        if self._client is None:
            import httpx2  # here: 50 ms that a start without embeddings need not pay

            self._client = httpx2.AsyncClient(
                trust_env=False, headers=self._headers, transport=self._transport, follow_redirects=False,
                timeout=httpx2.Timeout(None, connect=CONNECT_S),
                limits=httpx2.Limits(max_connections=8, max_keepalive_connections=4))
        return self._client

    async def embed(self, texts: Sequence[str], timeout_s: float) -> list[list[float]]:
        """One vector of length 1 per text, in their order.

        Raises:
            EmbeddingError: it cannot be had, or not within ``timeout_s``.
        """
        body = {"model": self.model, "input": [text[:MAX_TEXT_CHARS] or " " for text in texts],
                "encoding_format": "float"}
        import httpx2

        try:
            async with asyncio.timeout(timeout_s):
                status, content = await self._post(body)
        except TimeoutError as error:
            raise EmbeddingError("timeout", f"no answer within {timeout_s:g} s") from error
        except httpx2.TimeoutException as error:
            raise EmbeddingError("timeout", type(error).__name__) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise EmbeddingError("away", f"{type(error).__name__}: {error}"[:200]) from error
        if status != 200:
            kind: Kind = "refused" if 400 <= status < 500 and status not in (408, 425, 429) else "away"
            raise EmbeddingError(kind, f"HTTP {status}: {content[:200]!r}", status)
        return _vectors(content, len(texts))

    async def _post(self, body: dict[str, Any]) -> tuple[int, bytes]:
        parts, size = [], 0
        async with self._open().stream("POST", self._url, json=body) as response:
            async for part in response.aiter_bytes():
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    raise EmbeddingError("garbage", f"more than {MAX_ANSWER_BYTES} bytes")
                parts.append(part)
            return response.status_code, b"".join(parts)

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _vectors(content: bytes, count: int) -> list[list[float]]:
    try:
        rows = _decode(content).data
    except msgspec.MsgspecError as error:
        raise EmbeddingError("garbage", str(error)[:200]) from error
    if len(rows) != count:
        raise EmbeddingError("garbage", f"{len(rows)} vectors for {count} texts")
    if any(row.index is not None for row in rows):
        rows.sort(key=lambda row: -1 if row.index is None else row.index)
        if [row.index for row in rows] != list(range(count)):
            raise EmbeddingError("garbage", "the vectors are not numbered 0, 1, 2 …")
    size = len(rows[0].embedding)
    if not 1 <= size <= MAX_SIZE or any(len(row.embedding) != size for row in rows):
        raise EmbeddingError("garbage", "vectors of different sizes")
    return [_unit(row.embedding) for row in rows]


def _unit(vector: list[float]) -> list[float]:
    length = sqrt(sum([x * x for x in vector]))
    if not isfinite(length) or length < 1e-12:
        raise EmbeddingError("garbage", "a vector that is zero or not finite")
    return [x / length for x in vector]
