"""The learned model: what it sees, that the server scores as it was trained, how it is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhike.answer.confidence import weigh
from zhike.search.index import Document, Index
from zhike.search.learn import artifact
from zhike.search.learn.concepts import of_run, of_word
from zhike.search.learn.features import MAX_CHARS, SHARES, families
from zhike.search.learn.fit import fit
from zhike.search.learn.model import CANDIDATES, EVIDENCE, RIGHT, UNKNOWN, WRONG, Model, Weights
from zhike.search.text import normalise
from zhike.testing.kb import asks, make_kb

KB = make_kb(24, seed=5)
LESSON = artifact.Lesson(tuple(Document(tuple(asks(article)), article.answer) for article in KB),
                         tuple("" for _ in KB), ("what is the meaning of life", "谁是总统"))


@pytest.fixture(scope="module")
def weights() -> Weights:
    made = fit(LESSON)
    assert made is not None
    return made


# ---- features ----------------------------------------------------------------------------------------

def test_a_text_is_words_pairs_letters_and_groups() -> None:
    words, pairs, letters, groups, group_pairs = families("can i return boots")
    assert {"return", "boot", "return boot", "< can", "boot >"} <= words
    assert "boot&return" in pairs and "return&boot" not in pairs
    assert " ret" in letters and "n s" not in letters  # never across words
    assert {"refund", "clothing"} <= groups and "clothing&refund" in group_pairs


def test_chinese_is_seen_by_characters_and_groups() -> None:
    words, pairs, _, groups, _ = families(normalise("怎麼退貨"))
    assert {"退", "退 货", "< 怎"} <= words and "么&退" in pairs
    assert {"怎么", "退"} <= groups


@pytest.mark.parametrize(("word", "found"), [("3pm", ("#", "#pm")), ("12345", ("#", "#5")),
                                             ("mondays", ("weekday",)), ("ch326", ()), ("zzz", ())])
def test_numbers_and_words_have_groups(word: str, found: tuple[str, ...]) -> None:
    assert of_word(word) == found


def test_the_longest_chinese_word_counts() -> None:
    assert "运费" in of_run("邮费多少钱") and "价" in of_run("邮费多少钱")


def test_a_page_of_text_costs_no_more_than_its_beginning() -> None:
    page = " ".join(f"word{n}" for n in range(5_000))
    assert families(page) == families(page[:MAX_CHARS])


# ---- scores ------------------------------------------------------------------------------------------

def plainly(weights: Weights, norm: str) -> Any:
    """The scores by the book: weigh, bring each family to length 1, then all; one product."""
    labels = weights.documents + weights.outside
    rarity = np.frombuffer(weights.rarity, "<f4").astype("f8")
    scale = np.frombuffer(weights.scale, "<f4").astype("f8") / rarity
    planes = np.frombuffer(weights.matrix, "i1").reshape(-1, labels) * scale[:, None]
    point, start = [], 0
    for share, names, found in zip(SHARES, weights.vocabulary, families(norm), strict=True):
        part = np.array([name in found for name in names]) * rarity[start:start + len(names)]
        point.append(share * part / (np.linalg.norm(part) or 1.0))
        start += len(names)
    whole = np.concatenate(point)
    return whole / (np.linalg.norm(whole) or 1.0) @ planes + np.frombuffer(weights.bias, "<f4")


_WORDS = sorted({word for article in KB for text in asks(article) for word in text.split()})


@given(st.lists(st.one_of(st.sampled_from(_WORDS), st.text(max_size=8)), max_size=12).map(" ".join))
def test_the_server_scores_as_it_was_trained(weights: Weights, text: str) -> None:
    norm = normalise(text)
    model = Model(weights)
    expected = plainly(weights, norm)
    assert np.abs(model.scores(norm) - expected).max() < 1e-5
    some = [3, 0, weights.documents]
    assert np.abs(model.scores(norm, some) - expected[some]).max() < 1e-5


def test_training_twice_gives_the_same(weights: Weights) -> None:
    again = fit(LESSON)
    assert again is not None and again.matrix == weights.matrix and again.curve == weights.curve


def test_it_knows_what_it_was_told_and_rejects_what_it_was_told_to(weights: Weights) -> None:
    model, index = Model(weights), Index(LESSON.documents)
    right = 0
    for number, article in enumerate(KB):
        norm = normalise(asks(article)[0])
        right += model.judge(norm, index.find(norm, CANDIDATES)).documents[0][0] == number
    assert right >= 0.9 * len(KB)
    told = [model.judge(normalise(text), index.find(normalise(text), CANDIDATES)).probability
            for text in LESSON.outside]
    assert max(told) < 0.5


def test_what_was_left_out_and_asked_is_told(weights: Weights) -> None:
    held = Model(weights).held_out()
    kinds = [kind for _, kind in held]
    assert {RIGHT, WRONG, UNKNOWN} >= set(kinds) and kinds.count(UNKNOWN) > len(KB) and RIGHT in kinds
    assert all(0 <= said <= 1 for said, _ in held)
    mean = {kind: sum(said for said, of in held if of == kind) / max(kinds.count(kind), 1)
            for kind in (RIGHT, UNKNOWN)}
    assert mean[RIGHT] > mean[UNKNOWN] + 0.2


def test_too_little_teaches_nothing() -> None:
    assert fit(artifact.Lesson((Document(("a", "b")), Document(("c",))), ("", ""))) is None
    assert fit(artifact.Lesson((), ())) is None


def test_word_for_word_needs_no_model(weights: Weights) -> None:
    class Never(Model):
        def judge(self, *_: object, **__: object) -> None:  # type: ignore[override]
            raise AssertionError("asked of the model")

    index = Index(LESSON.documents)
    best = weigh(index.find, Never(weights), normalise(asks(KB[3])[0]), 3)[0]
    assert (best.document, best.confidence) == (3, 0.99)


# ---- the file ----------------------------------------------------------------------------------------

def test_a_model_is_written_and_read(weights: Weights, tmp_path: Path) -> None:
    path = tmp_path / "m"
    artifact.write(path, LESSON.digest(), weights)
    assert artifact.read(path, LESSON.digest()) == weights
    artifact.write(path, LESSON.digest(), None)
    assert artifact.read(path, LESSON.digest()) is None
    assert [file.name for file in tmp_path.iterdir()] == ["m"]  # no half-written ones stay


@pytest.mark.parametrize("place", [0, 4, 10, 45, 60, -1])
def test_one_wrong_byte_is_noticed(weights: Weights, tmp_path: Path, place: int) -> None:
    path = tmp_path / "m"
    artifact.write(path, LESSON.digest(), weights)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="version|else|damaged"):
        artifact.read(path, LESSON.digest())


@pytest.mark.parametrize("size", [0, 3, 20, 54, 100])
def test_a_cut_file_is_noticed(weights: Weights, tmp_path: Path, size: int) -> None:
    path = tmp_path / "m"
    artifact.write(path, LESSON.digest(), weights)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="version|else|damaged"):
        artifact.read(path, LESSON.digest())


def test_every_part_of_the_lesson_counts() -> None:
    digests = {LESSON.digest(), msgspec.structs.replace(LESSON, outside=()).digest(),
               msgspec.structs.replace(LESSON, documents=LESSON.documents[::-1]).digest(),
               msgspec.structs.replace(LESSON, names=("x", *LESSON.names[1:])).digest()}
    assert len(digests) == 4


def test_parts_that_do_not_fit_together_are_refused(weights: Weights) -> None:
    for wrong in ({"documents": 3}, {"bias": b""}, {"curve": (1.0,)}, {"held": b"1234"},
                  {"vocabulary": weights.vocabulary[:4]}):
        with pytest.raises(ValueError, match=r"fit together|reshape"):
            Model(msgspec.structs.replace(weights, **wrong))
    assert len(EVIDENCE) == len(weights.curve)


# ---- what is imported --------------------------------------------------------------------------------

def test_the_server_imports_nothing_of_training() -> None:
    code = ("import sys, zhike.app.core, zhike.search.learn.trainer;"
            "print(*[name for name in ('numpy', 'scipy', 'sklearn', 'joblib') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_a_model_in_use_brings_numpy_and_no_more(weights: Weights, tmp_path: Path) -> None:
    path = tmp_path / "m"
    artifact.write(path, LESSON.digest(), weights)
    code = ("import sys; from pathlib import Path; from zhike.search.learn import artifact, model;"
            f"w = artifact.read(Path({str(path)!r}), bytes.fromhex({LESSON.digest().hex()!r}));"
            "model.Model(w).scores('thermos');"
            "print(*[name for name in ('numpy', 'scipy', 'sklearn', 'joblib') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["numpy"]
