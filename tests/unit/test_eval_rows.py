"""What ``zhike eval`` reads: bad rows are named by their line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from zhike.config import ConfigError
from zhike.ops.eval.rows import MAX_PROBLEMS, Pair, Text, read_pairs, read_texts


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return path


def refusal(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_texts(path)
    return [problem.text("en") for problem in caught.value.problems]


def test_texts_plain_and_packed(tmp_path: Path) -> None:
    lines = ('\ufeff{"text": " hi ", "label": "greet", "split": "train", "lang": "en"}', "",
             '{"text": "退货", "label": null}')
    plain = write(tmp_path / "a.jsonl", *lines)
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    want = [Text(1, "hi", "greet", "en"), Text(3, "退货", None, "")]
    assert read_texts(plain) == read_texts(packed) == want
    assert read_texts(plain, ["train"]) == want[:1]


@pytest.mark.parametrize(("line", "said"), [
    ('{"text": "a"', "no valid JSON"), ("[1]", "one JSON object"), ('{"label": "x"}', "text is missing"),
    ('{"text": "", "label": "x"}', "text is missing"), ('{"text": "a"}', "label must be"),
    ('{"text": "a", "label": 3}', "label must be"), ('{"text": "a", "label": " "}', "label must be"),
    ('{"text": "a", "label": "x", "lang": "fr"}', "lang must be")])
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "a", "label": "x"}', "", line)
    assert refusal(path)[0].startswith(f"{path}:3: ")
    assert said in refusal(path)[0]


def test_many_bad_rows_stop_early(tmp_path: Path) -> None:
    assert len(refusal(write(tmp_path / "a.jsonl", *["{}"] * 50))) == MAX_PROBLEMS


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "none.jsonl")[0]
    assert "no rows" in refusal(write(tmp_path / "empty.jsonl", ""))[0]
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b'{"text": "a", "label": "x"}\n' * 99)[:-9])
    assert "cannot be read" in refusal(cut)[0]
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes('{"text": "é", "label": "x"}'.encode("latin-1"))
    assert refusal(latin)[0].startswith(f"{latin}:1: is no valid JSON")


def test_a_repeated_question_counts_once(tmp_path: Path) -> None:
    path = write(tmp_path / "kb.jsonl", '{"question": "q", "answer": "1"}',
                 '{"question": "q", "answer": "2"}', '{"question": "r"}')
    assert read_pairs(path) == ([Pair(1, "q", "1", ""), Pair(3, "r", "", "")], 1)
    with pytest.raises(ConfigError):
        read_pairs(write(path, '{"question": "q", "answer": 1}'))
