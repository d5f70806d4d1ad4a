"""One request to somebody who is told: robots, programs, push services."""

from __future__ import annotations

from collections.abc import Mapping

from zhike.access.outbound import Outbound, said
from zhike.access.targets import Target

CONNECT_S = 5.0
ANSWER_S = 10.0
MAX_ANSWER_BYTES = 4096


class NotTold(Exception):
    """It did not arrive, or nobody can say; why, in the other side's words."""


class Gone(NotTold):
    """It will never arrive there again: the other side has forgotten this address."""


async def post(out: Outbound, target: Target, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """(status, the beginning of the answer).

    Raises:
        NotTold: there was none.
    """
    import httpx2

    try:
        async with out.request("POST", target, headers={"User-Agent": "zhike", **headers}, body=body,
                               timeout_s=ANSWER_S, connect_s=CONNECT_S) as response:
            answer = b""
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    break
            return int(response.status_code), answer
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise NotTold(said(error)) from error


def short(answer: bytes) -> str:
    """The beginning of an answer as one line."""
    return " ".join(answer[:200].decode(errors="replace").split())
