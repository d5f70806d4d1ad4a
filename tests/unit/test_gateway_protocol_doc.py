"""The protocol document is complete, consistent and says what the code says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from zhike.domain import wire
from zhike.errors import CATALOGUE
from zhike.gateway import closecodes
from zhike.gateway.protocol_doc import asyncapi


def references(node: Any) -> Iterator[str]:
    """All ``$ref`` of a document."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_frame_and_every_reference_is_there() -> None:
    document = json.loads(json.dumps(asyncapi()))
    assert document["asyncapi"].startswith("3.")
    for frame in (*get_args(wire.ClientFrame), *get_args(wire.ServerFrame)):
        assert document["components"]["messages"][frame.__name__]["name"] == frame.__struct_config__.tag
        assert document["components"]["messages"][frame.__name__]["description"]
    found = list(references(document))
    assert len(found) > 60
    for reference in found:
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_every_error_and_close_code_is_there() -> None:
    document = asyncapi()
    assert [row["code"] for row in document["x-errors"]] == list(CATALOGUE)
    listed = {row["code"] for row in document["x-close-codes"]}
    ours = {value for name, value in vars(closecodes).items() if name.isupper() and isinstance(value, int)}
    assert ours - listed == {closecodes.NO_CODE, closecodes.ABNORMAL, closecodes.FIRST_FINAL}
