"""The log: standard library logging with fields, as text for people or one JSON object a line.

    log = logging.getLogger("zhike.gateway")
    log.info("listening", extra={"port": 8080})

What people write to each other never stands in the log above ``debug``, and secrets never at all:
at ``debug`` what is personal in them is masked; fields are held back by their names, and the values of
failed SQL statements are cut out of tracebacks. An operator can send a log to a stranger without reading
it first.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

TEXT_FIELDS = frozenset({"text", "texts", "answer", "question", "payload", "frame", "email", "phone",
                         "contact", "parameters"})
"""Fields that may hold somebody's words or person: shown at ``debug`` only."""
SECRET_FIELDS = frozenset({"password", "token", "secret", "authorization", "cookie", "csrf", "api_key",
                           "identity_secret", "callback_secret", "link", "sig"})
"""Fields never shown."""
HIDDEN = "***"

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {
    "message", "asctime", "taskName", "color_message"}
_PARAMETERS = re.compile(r"\[parameters: .*?\](?=\n\(Background|\n\S|\Z)", re.DOTALL)
"""What SQLAlchemy appends to an error: the values of the statement, message texts among them."""
_URL_PASSWORD = re.compile(r"(\w+://[^\s:/@]*):[^\s/@]+@")


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What came in ``extra``, with words and secrets held back."""
    found: dict[str, Any] = {}
    for name, value in vars(record).items():
        if name in _STANDARD or name.startswith("_"):
            continue
        hide = name in SECRET_FIELDS or (name in TEXT_FIELDS and record.levelno > logging.DEBUG)
        if name in TEXT_FIELDS and not hide and isinstance(value, str):
            value = _masked(value)
        found[name] = HIDDEN if hide else value
    return found


_mask: list[Callable[[str], str]] = []


def mask_words(function: Callable[[str], str]) -> None:
    """What people's words go through before they are logged at ``debug`` (phones, addresses …). Until it is
    set they are held back there too."""
    _mask[:] = [function]


def _masked(text: str) -> str:
    return _mask[0](text) if _mask else HIDDEN


def scrub(text: str, levelno: int) -> str:
    """A message or traceback without SQL values (above debug) and without passwords in addresses."""
    if levelno > logging.DEBUG:
        text = _PARAMETERS.sub(f"[parameters: {HIDDEN}]", text)
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)


def _at(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


class _Base(logging.Formatter):
    def trouble(self, record: logging.LogRecord) -> str:
        """The scrubbed traceback, or ""."""
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        return scrub(record.exc_text or "", record.levelno)


class TextFormatter(_Base):
    """``time level logger message key=value …``; a traceback follows on its own lines."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        said = scrub(record.getMessage(), record.levelno).replace("\n", "\\n").replace("\r", "\\r")
        parts = [_at(record), f"{record.levelname.lower():<7}", record.name.removeprefix("zhike."), said]
        parts += [f"{name}={_plain(value)}" for name, value in fields_of(record).items()]
        line = " ".join(parts)
        trouble = self.trouble(record)
        return f"{line}\n{trouble}" if trouble else line


class JsonFormatter(_Base):
    """One JSON object a line: ``at level logger message``, then the fields, ``error`` last."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        line: dict[str, Any] = {"at": _at(record), "level": record.levelname.lower(), "logger": record.name,
                                "message": scrub(record.getMessage(), record.levelno)}
        for name, value in fields_of(record).items():
            line[f"{name}_" if name in line else name] = value
        if trouble := self.trouble(record):
            line["error"] = trouble
        return json.dumps(line, ensure_ascii=False, default=str)


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return json.dumps(text, ensure_ascii=False) if not text or re.search(r'[\s"=\x00-\x1f]', text) else text


def setup(format: str = "text", level: str = "info", stream: TextIO | None = None) -> logging.Handler:
    """Sends the log to ``stream`` (standard error), replacing what an earlier call set up.

    Libraries speak only from ``warning`` on, unless the level is ``debug``.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    chosen = getattr(logging, level.upper())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, _Base)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(chosen if level == "debug" else max(chosen, logging.WARNING))
    logging.getLogger("zhike").setLevel(chosen)
    logging.captureWarnings(True)
    return handler
