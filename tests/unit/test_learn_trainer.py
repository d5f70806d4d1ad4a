"""Who learns when: models on disk, quiet, failures, newer knowledge, and the child itself."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zhike.answer.engine import Engine
from zhike.domain.knowledge import Article, Bot
from zhike.search.index import Document
from zhike.search.learn import artifact
from zhike.search.learn.artifact import Lesson
from zhike.search.learn.fit import fit
from zhike.search.learn.model import Model
from zhike.search.learn.trainer import CALM_S, QUIET_S, RETRY_S, Busy, Trainer, run_child
from zhike.search.text import understand
from zhike.testing.kb import asks, make_kb


def lesson(word: str) -> Lesson:
    return Lesson((Document((word, f"{word} please")),), ("",))


class Rig:
    """A trainer in virtual time whose child is a function."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 100.0
        self.taught: list[tuple[int, bytes]] = []
        self.made: list[str] = []
        self.fail: Exception | None = None
        self.busy = self.becomes_busy = False
        self.trainer = Trainer(folder / "models", lambda bot, digest, _: self.taught.append((bot, digest)),
                               teach=self.teach, busy=lambda: self.busy, clock_s=lambda: self.now_s)

    def teach(self, what: Lesson, path: Path, stopped: Callable[[], bool]) -> None:
        self.made.append(what.documents[0].phrasings[0])
        self.busy = self.becomes_busy
        if self.fail is not None:
            raise self.fail
        artifact.write(path, what.digest(), None)

    def run(self) -> float | None:
        """Everything that is due; when the next will be."""
        while (pause_s := self.trainer.step()) == 0.0:
            pass
        return pause_s


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_nothing_is_trained_before_it_is_quiet(rig: Rig) -> None:
    rig.trainer.want(1, lambda: lesson("a"))
    assert rig.run() == QUIET_S
    rig.now_s += QUIET_S - 1
    rig.trainer.want(1, lambda: lesson("b"))  # edited again: the first is never trained
    assert rig.run() == QUIET_S
    rig.now_s += QUIET_S
    assert rig.run() is None
    assert rig.made == ["b"]
    assert rig.taught == [(1, lesson("b").digest())]


def test_a_model_that_is_current_is_used_at_once(rig: Rig) -> None:
    rig.trainer.want(1, lambda: lesson("a"))
    rig.run()
    rig.now_s += QUIET_S
    rig.run()
    again = Rig(rig.trainer.file(1).parent.parent)  # the next start
    again.trainer.want(1, lambda: lesson("a"))
    assert again.run() is None
    assert again.made == []
    assert again.taught == [(1, lesson("a").digest())]


@pytest.mark.parametrize("damage", [b"", b"ZKIM", b"nonsense" * 100])
def test_a_damaged_file_is_made_anew(rig: Rig, damage: bytes) -> None:
    rig.trainer.file(1).parent.mkdir()
    rig.trainer.file(1).write_bytes(damage)
    rig.trainer.want(1, lambda: lesson("a"))
    rig.run()
    rig.now_s += QUIET_S
    assert rig.run() is None
    assert rig.made == ["a"]
    assert len(rig.taught) == 1


def test_a_file_of_other_knowledge_is_made_anew(rig: Rig) -> None:
    rig.trainer.file(1).parent.mkdir()
    artifact.write(rig.trainer.file(1), lesson("b").digest(), None)
    rig.trainer.want(1, lambda: lesson("a"))
    rig.run()
    rig.now_s += QUIET_S
    rig.run()
    assert rig.made == ["a"]
    assert rig.taught == [(1, lesson("a").digest())]


def test_failures_are_told_and_tried_again_later_each_time(rig: Rig,
                                                           caplog: pytest.LogCaptureFixture) -> None:
    rig.fail = RuntimeError("exit code -9")
    rig.trainer.want(1, lambda: lesson("a"))
    rig.run()
    rig.now_s += QUIET_S
    with caplog.at_level(logging.WARNING, "zhike"):
        for pause_s in (*RETRY_S, RETRY_S[-1]):
            assert rig.run() == pause_s
            rig.now_s += pause_s
    assert caplog.text.count("exit code -9") == len(RETRY_S) + 1
    rig.fail = None
    assert rig.run() is None
    assert rig.taught == [(1, lesson("a").digest())]


def test_a_bot_that_fails_does_not_keep_another_waiting(rig: Rig) -> None:
    rig.fail = RuntimeError("no")
    rig.trainer.want(1, lambda: lesson("a"))
    rig.run()
    rig.now_s += QUIET_S
    rig.run()
    rig.fail = None
    rig.trainer.want(2, lambda: lesson("b"))
    rig.run()
    rig.now_s += QUIET_S
    rig.run()
    assert rig.taught == [(2, lesson("b").digest())]


def test_a_newer_lesson_is_not_lost_while_the_child_runs(rig: Rig) -> None:
    plain = rig.teach

    def slow(what: Lesson, path: Path, stopped: Callable[[], bool]) -> None:
        if not rig.made:
            rig.trainer.want(1, lambda: lesson("b"))  # an edit comes in the middle
        plain(what, path, stopped)

    rig.trainer._teach = slow
    rig.trainer.want(1, lambda: lesson("a"))
    rig.run()
    rig.now_s += QUIET_S
    rig.run()
    rig.now_s += QUIET_S
    assert rig.run() is None
    assert rig.made == ["a", "b"]
    assert rig.taught[-1] == (1, lesson("b").digest())


def test_a_bot_that_is_gone_leaves_no_file(rig: Rig) -> None:
    rig.trainer.want(1, lambda: lesson("a"))
    rig.run()
    rig.now_s += QUIET_S
    rig.run()
    assert rig.trainer.file(1).exists()
    rig.trainer.want(1, lambda: lesson("b"))
    rig.trainer.forget(1)
    assert not rig.trainer.file(1).exists()
    assert rig.run() is None


def test_the_thread_stops(rig: Rig) -> None:
    rig.trainer.start()
    rig.trainer.stop()
    assert rig.trainer._thread is not None
    assert not rig.trainer._thread.is_alive()


# ---- the child ---------------------------------------------------------------------------------------

def small() -> Lesson:
    kb = make_kb(12, seed=3)
    return Lesson(tuple(Document(tuple(asks(article))) for article in kb), tuple("" for _ in kb))


def test_the_child_leaves_the_model_that_training_here_gives(tmp_path: Path) -> None:
    run_child(small(), tmp_path / "m", lambda: False, 0)
    made, here = artifact.read(tmp_path / "m", small().digest()), fit(small())
    assert made is not None
    assert here is not None
    assert made.matrix == here.matrix


def test_a_lesson_longer_than_a_pipe_takes_arrives_whole(tmp_path: Path) -> None:
    kb = make_kb(16, seed=3)
    long = Lesson(tuple(Document(tuple(asks(article)), "word " * 20_000) for article in kb),
                  tuple("" for _ in kb))
    run_child(long, tmp_path / "m", lambda: False, 0)
    assert artifact.read(tmp_path / "m", long.digest()) is not None


def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"exit code 1: (?s:.*)No such file"):
        run_child(small(), tmp_path / "nowhere" / "m", lambda: False, 0)


def test_a_child_that_is_killed_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = tmp_path / "python"
    shell.write_text("#!/bin/sh\nkill -9 $$\n")
    shell.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(shell))
    with pytest.raises(RuntimeError, match="exit code -9"):
        run_child(small(), tmp_path / "m", lambda: False, 0)


def test_a_child_is_ended_when_the_server_stops(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped"):
        run_child(small(), tmp_path / "m", lambda: True, 0)
    assert not (tmp_path / "m").exists()


# ---- the engine --------------------------------------------------------------------------------------

class Asked:
    """A learner that only notes what it is asked to learn."""

    def __init__(self) -> None:
        self.lessons: list[Lesson] = []
        self.gone: list[int] = []

    def want(self, bot_id: int, lesson: Callable[[], Lesson]) -> None:
        self.lessons.append(lesson())

    def forget(self, bot_id: int) -> None:
        self.gone.append(bot_id)


@pytest.fixture(scope="module")
def kb() -> list[Article]:
    return make_kb(16, seed=9)


def engine_with(kb: list[Article]) -> tuple[Engine, Asked, Bot]:
    engine, learner = Engine(), Asked()
    engine.learner = learner
    bot = Bot(id=1, key="b", name="b", settings={"out_of_scope": ["sing a song"]})
    engine.load_bot(bot, kb, [])
    return engine, learner, bot


def test_the_engine_takes_a_model_of_what_it_knows_and_no_other(kb: list[Article]) -> None:
    engine, learner, bot = engine_with(kb)
    wanted = learner.lessons[0]
    assert wanted.outside == ("sing a song",)
    assert len(wanted.documents) == len(kb)
    weights = fit(wanted)
    assert weights is not None
    knowledge = engine.knowledge(1)
    assert knowledge is not None
    assert knowledge.learned is None
    assert not engine.teach(1, b"other", Model(weights))
    assert not engine.teach(2, wanted.digest(), None)
    assert knowledge.learned is None
    assert engine.teach(1, wanted.digest(), Model(weights))
    assert knowledge.learned is not None
    engine.load_bot(bot, kb, [])  # a rule was edited: the same articles, the same model
    again = engine.knowledge(1)
    assert again is not None
    assert again is not knowledge
    assert again.learned is knowledge.learned
    assert len(learner.lessons) == 1
    engine.load_bot(bot, kb[1:], [])  # an article went: until the next model the fixed curve answers
    less = engine.knowledge(1)
    assert less is not None
    assert less.learned is None
    assert len(learner.lessons) == 2
    engine.drop_bot(1)
    assert learner.gone == [1]


def test_a_new_model_empties_the_cache(kb: list[Article]) -> None:
    engine, learner, _ = engine_with(kb)
    question = understand(asks(kb[0])[0])
    reply = engine.search(1, [question])[0]
    assert reply is not None
    engine.remember(1, question, reply)
    assert engine.quick(1, question) is not None
    assert engine.teach(1, learner.lessons[0].digest(), None)
    assert engine.quick(1, question) is None
    engine.remember(1, question, reply)  # found before the model came
    assert engine.quick(1, question) is None


def test_a_busy_desk_trains_later(rig: Rig) -> None:
    rig.trainer.want(1, lambda: lesson("a"))
    rig.run()
    rig.now_s += QUIET_S
    rig.busy = True
    assert rig.run() == CALM_S
    assert rig.made == []
    rig.busy = False
    rig.now_s += CALM_S
    assert rig.run() is None
    assert rig.made == ["a"]


def test_a_child_that_is_ended_for_a_busy_desk_is_no_failure(
        rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.trainer.want(1, lambda: lesson("a"))
    rig.run()
    rig.now_s += QUIET_S
    rig.fail = RuntimeError("it was stopped")
    rig.becomes_busy = True
    assert rig.run() == CALM_S
    assert "could not be trained" not in caplog.text
    rig.fail, rig.busy, rig.becomes_busy = None, False, False
    rig.now_s += CALM_S
    assert rig.run() is None


def test_busy_is_a_share_of_a_core_over_a_while() -> None:
    now = {"clock": 0.0, "cpu": 0.0}
    busy = Busy(0.25, 2.0, clock_s=lambda: now["clock"], cpu_s=lambda: now["cpu"])
    assert busy()  # a start
    for clock_s, cpu_s, said in ((1.9, 0.1, True), (2.0, 0.4, False), (3.9, 2.0, False), (4.0, 1.0, True)):
        now["clock"], now["cpu"] = clock_s, cpu_s
        assert busy() is said
