"""The log keeps its shape, people's words and secrets out of it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from zhike import log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("zhike")
    handlers, level, our_level = list(root.handlers), root.level, ours.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    ours.setLevel(our_level)
    logging.captureWarnings(False)


def lines(format: str, level: str = "info") -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    log.setup(format, level, stream)
    return logging.getLogger("zhike.test"), stream


def test_text_is_one_line_with_fields() -> None:
    logger, stream = lines("text")
    logger.info("listening", extra={"port": 8080, "host": "::1", "note": "a b\nc", "empty": ""})
    logger.info("forged\n2026-01-01T00:00:00.000Z error x")
    first, second = stream.getvalue().splitlines()
    assert first.endswith('info    test listening port=8080 host=::1 note="a b\\nc" empty=""')
    assert first[:4].isdigit()
    assert first[23] == "Z"
    assert "forged\\n2026" in second


def test_json_is_one_object_a_line() -> None:
    logger, stream = lines("json")
    logger.warning("发货 %s", "slow", extra={"took_ms": 12.5, "level": "x", "obj": object})
    line = json.loads(stream.getvalue())
    assert (line["level"], line["logger"], line["message"]) == ("warning", "zhike.test", "发货 slow")
    assert line["took_ms"] == 12.5
    assert line["level_"] == "x"
    assert next(iter(line)) == "at"


@pytest.mark.parametrize("format", ["text", "json"])
def test_words_and_secrets_stay_out(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logger, stream = lines(format, "debug")
    logger.info("m", extra={"text": "我住在西湖边", "token": "v1.abc", "kept": "yes"})
    assert "西湖" not in stream.getvalue()
    assert "v1.abc" not in stream.getvalue()
    assert "yes" in stream.getvalue()
    logger.debug("m", extra={"text": "我住在西湖边", "token": "v1.abc"})
    assert "西湖" not in stream.getvalue(), "held back while nothing masks what is personal"
    monkeypatch.setattr(log, "_mask", [])
    log.mask_words(lambda text: text.replace("西湖", "[ADDRESS_1]"))
    logger.debug("m", extra={"text": "我住在西湖边", "token": "v1.abc"})
    assert "我住在[ADDRESS_1]边" in stream.getvalue()
    assert "西湖" not in stream.getvalue()
    assert "v1.abc" not in stream.getvalue()


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_failed_statement_does_not_tell_its_values(format: str) -> None:
    logger, stream = lines(format)
    words = "secret" + " words] here"  # not in one piece, as tracebacks show source lines
    with create_engine("sqlite://").connect() as conn:
        conn.execute(text("CREATE TABLE m (t TEXT UNIQUE)"))
        for _ in range(2):
            try:
                conn.execute(text("INSERT INTO m VALUES (:t)"), {"t": words})
            except DBAPIError:
                logger.exception("cannot be stored")
                logger.error("again", exc_info=True)
    assert "IntegrityError" in stream.getvalue()
    assert "secret words" not in stream.getvalue()
    assert stream.getvalue().count("[parameters: ***]") == 2


def test_no_password_of_an_address() -> None:
    logger, stream = lines("text")
    logger.error("cannot reach postgresql://zhike:hunter2@db/zhike")
    assert "hunter2" not in stream.getvalue()
    assert "postgresql://zhike:***@db/zhike" in stream.getvalue()


def test_libraries_speak_only_when_something_is_wrong() -> None:
    logger, stream = lines("text", "info")
    logging.getLogger("uvicorn").info("Started server process")
    logging.getLogger("uvicorn").warning("odd")
    logger.debug("details")
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["odd"]


def test_setting_up_twice_says_everything_once() -> None:
    lines("text")
    logger, stream = lines("json")
    logger.info("once")
    assert len(stream.getvalue().splitlines()) == 1
