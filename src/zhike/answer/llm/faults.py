"""What a model server can do wrong. Foreign exceptions become this one at the border, cause kept."""

from __future__ import annotations

from zhike.errors import ZhikeError
from zhike.log import scrub

MAX_DETAIL_CHARS = 200


class ModelError(ZhikeError):
    """One try at a model ended without an answer.

    Args:
        code: a ``model_…`` row of the catalogue.
        detail: what happened, for operators; a server's own words are cut and scrubbed.
        again: the same request may well succeed at the same server (a cut, a 5xx).
        counts: the server is to blame, so its circuit breaker counts it.
    """

    def __init__(self, code: str, detail: str = "", *, again: bool = False, counts: bool = True,
                 retry_after_s: float | None = None) -> None:
        detail = scrub(detail, 20)
        super().__init__(code, detail[:MAX_DETAIL_CHARS], retry_after_s=retry_after_s)
        self.again = again
        self.counts = counts

    @property
    def reason(self) -> str:
        """A few words for the trace: ``model_busy: the queue is full``."""
        return f"{self.code}: {self.detail}" if self.detail else self.code
