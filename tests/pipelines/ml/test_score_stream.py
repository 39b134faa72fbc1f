"""Continuous scoring in process: each new version of the examples, another champion, a lost feed, a stop."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest

from gold.next_session_predictions import TABLE as NEXT_PREDICTIONS
from gold.session_predictions import TABLE as PREDICTIONS
from gold.training_examples import TABLE as EXAMPLES
from lakehouse.errors import OutsideError
from lakehouse.locks import WriterLock
from lakehouse.signals import Stop
from pipelines.ml import score_stream
from pipelines.ml.model_version import Version
from pipelines.ml.score_stream import score_continuously
from pipelines.ml.scorer import SCORES
from pipelines.ml.targets import NEXT_SESSION
from pipelines.runtime.settings import load_settings
from tests.pipelines.ml.test_scoring import FIRST, Champions, closed, example, rows_of, stored
from tests.support.local_tables import make_tables
from tests.support.polling import until


class Follower:
    """A champion that a test changes."""

    def __init__(self):
        self.live, self.next = FIRST, None

    def follow(self):
        if self.next is None:
            return False
        self.live, self.next = self.next, None
        return True

    @property
    def in_use(self):
        return self.live


class Listener:
    """What it was told."""

    def __init__(self):
        self.batches, self.failures, self.finished = [], [], []

    def on_start(self, streams):
        self.stream = streams[0].name

    def on_progress(self, _, batch):
        self.batches.append(batch)

    def on_failure(self, _, error):
        self.failures.append(error)

    def on_finish(self, *, succeeded):
        self.finished.append(succeeded)


class Running:
    def __init__(self, tmp_path):
        stream = {"trigger_seconds": 0.02}
        self.settings = load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state", stream=stream)
        self.lake = make_tables(tmp_path, EXAMPLES, *SCORES)
        self.follower, self.following = Follower(), Champions()
        self.listener, self.stop = Listener(), Stop()
        self.result = None

    def score(self):
        return score_continuously(
            self.settings,
            self.lake,
            self.follower,
            self.following,
            stop=self.stop,
            listener=self.listener,
            on_wait=lambda: None,
        )

    @contextmanager
    def __call__(self):
        def work():
            self.result, self.next_result = self.score()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            self.stop.set()
            thread.join(30)

    def waits_for(self, *scores):
        def there():
            return [(row["user_id"], row["cut"], row["model_version"]) for row in stored(self.lake)] == [*scores]

        until(there, f"scores {scores}", limit=30)


@pytest.fixture
def running(tmp_path):
    return Running(tmp_path)


def test_each_new_version_is_scored_and_reported(running):
    running.lake.append(EXAMPLES, rows_of(example(1, 1, keen=True)))
    with running():
        running.waits_for(("user1", 1, "1"))
        running.lake.append(EXAMPLES, rows_of(example(1, 2, keen=True), example(2, 1, keen=False)))
        running.waits_for(("user1", 2, "1"), ("user2", 1, "1"))
        running.lake.merge(EXAMPLES, rows_of(example(2, 1, keen=True)))
        until(lambda: all(row["prediction"] for row in stored(running.lake)), "the correction's score", limit=30)
    assert (running.result.sessions, running.result.buyers) == (4, 3)
    # A changed row counts as it was and as it is, where its session has not moved: once.
    assert [batch["numInputRows"] for batch in running.listener.batches] == [2, 1]
    assert [batch["batchId"] for batch in running.listener.batches] == [0, 1]
    assert (running.listener.stream, running.listener.finished) == (PREDICTIONS.name, [False])


def test_another_champion_scores_all_open_sessions(running):
    running.lake.append(EXAMPLES, rows_of(example(1, 1, keen=True)))
    with running():
        running.waits_for(("user1", 1, "1"))
        running.follower.next = replace(FIRST, version=Version("2", "run", 0.5))
        running.waits_for(("user1", 1, "2"))


@pytest.mark.parametrize("lost", ["feed", "many"])
def test_where_the_feed_lacks_changes_all_are_looked_at(running, monkeypatch, lost):
    running.lake.append(EXAMPLES, rows_of(example(1, 1, keen=True)))
    with running():
        running.waits_for(("user1", 1, "1"))
        if lost == "feed":
            table = running.lake.open(EXAMPLES)
            monkeypatch.setattr(type(table), "load_cdf", lambda *_, **__: (_ for _ in ()).throw(OSError))
        if lost == "many":
            monkeypatch.setattr(score_stream, "ROWS_AT_A_TIME", 0)
        running.lake.append(EXAMPLES, rows_of(example(2, 1, keen=True)))
        running.waits_for(("user1", 1, "1"), ("user2", 1, "1"))
    assert running.result.sessions == 2


def test_the_next_session_is_scored_before_the_first_model(running):
    running.follower.live = None
    running.following.found = [replace(FIRST, target=NEXT_SESSION)]
    running.lake.append(EXAMPLES, rows_of(closed(1, 1)))
    with running():
        until(lambda: len(stored(running.lake, NEXT_PREDICTIONS)) == 1, "a score of a closed session", limit=30)
        running.lake.append(EXAMPLES, rows_of(closed(2, 1)))
        until(lambda: len(stored(running.lake, NEXT_PREDICTIONS)) == 2, "another one", limit=30)
        assert stored(running.lake) == []
        running.follower.next = FIRST
        running.waits_for(("user1", 1, "1"), ("user2", 1, "1"))
    assert (running.result.sessions, running.next_result.sessions) == (2, 2)


def test_a_second_driver_is_refused(running):
    lock = WriterLock(running.settings.locks, PREDICTIONS.name)
    try:
        with pytest.raises(OutsideError, match=r"writing gold\.session_predictions already"):
            running.score()
    finally:
        lock.release()


def test_a_failure_is_told_and_raised(running, monkeypatch):
    monkeypatch.setattr(score_stream, "score_all", lambda *_: (_ for _ in ()).throw(OutsideError("The disk is full.")))
    with pytest.raises(OutsideError, match="disk is full"):
        running.score()
    assert [str(error) for error in running.listener.failures] == ["The disk is full."]
