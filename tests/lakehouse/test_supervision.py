"""Streams kept running: one that fails starts again, one that needs a person stays stopped, the others go on."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from lakehouse.errors import CheckpointError, OutsideError
from lakehouse.locks import WriterLock
from lakehouse.signals import stopping
from lakehouse.streams import Stream
from lakehouse.supervision import State, Supervised, supervise

pytestmark = pytest.mark.spark


class Listener:
    """Keeps what it is told, and notes where it is told two things at once."""

    def __init__(self):
        self.calls = []
        self.overlapped = False
        self._lock = threading.Lock()

    def _take(self, *call):
        self.overlapped |= not self._lock.acquire(blocking=False)
        self.calls.append(call)
        self._lock.release()

    def on_start(self, streams):
        self._take("start", *(stream.name for stream in streams))

    def on_progress(self, stream, batch):
        self._take("progress", stream.name, batch["numInputRows"])

    def on_failure(self, stream, error):
        self._take("failure", stream.name, str(error))

    def on_recovery(self, stream):
        self._take("recovery", stream.name)

    def on_finish(self, *, succeeded):
        self._take("finish", succeeded)


def supervised(spark, folder, name, write=lambda rows, _: rows.count(), before=lambda: None):
    """A stream of Spark's own numbers, ten a second, whose batches ``write`` gets."""

    def prepare():
        return spark.readStream.format("rate").option("rowsPerSecond", 10).load().writeStream.foreachBatch(write)

    def make():
        before()
        return Stream(name, folder / name, prepare, f"{name} source", f"{name} target", lambda: False)

    return Supervised(name, folder / name, make)


def explain(_, error):
    return error if isinstance(error, OutsideError) else OutsideError(str(error).strip().splitlines()[-1])


def keep_running(spark, folder, streams, done, said, listener, limit=120):
    """Keeps them running until ``done`` says of their standings that it is enough."""
    end = time.monotonic() + limit

    with stopping() as stop:

        def on_poll(standings):
            if done(standings) or time.monotonic() > end:
                stop.set()

        return supervise(
            spark,
            streams,
            locks=folder / "locks",
            trigger_seconds=0.2,
            stop_seconds=5,
            explain=explain,
            listener=listener,
            say=said.append,
            on_poll=on_poll,
        )


def test_one_stream_fails_and_restarts_the_others_go_on(spark, tmp_path):
    failures, seen, said, listener = 2, [], [], Listener()

    def fail_twice(rows, batch):
        nonlocal failures
        if failures:
            failures -= 1
            raise ValueError("the disk was away")
        seen.append((batch, rows.count()))

    well = []
    streams = [
        supervised(spark, tmp_path, "shaky", fail_twice),
        supervised(spark, tmp_path, "well", lambda rows, batch: well.append((batch, rows.count()))),
    ]
    standings = keep_running(
        spark, tmp_path, streams, lambda now: now["shaky"].progress.rows and now["well"].progress.rows, said, listener
    )
    assert [line.partition(". ")[0].rstrip(".") for line in said] == [
        "shaky failed, and starts again in 1 s",
        "shaky failed, and starts again in 2 s",
        "shaky runs again",
    ]
    assert (standings["shaky"].failures, standings["well"].failures) == (2, 0)
    assert standings["shaky"].error is None
    assert ("recovery", "shaky") in listener.calls
    assert [call for call in listener.calls if call[0] == "start"].count(("start", "well")) == 1
    assert listener.calls[-1] == ("finish", False)
    assert not listener.overlapped
    assert [batch for batch, _ in seen] == list(range(len(seen))), "each batch once, in order"
    assert well
    WriterLock(tmp_path / "locks", "shaky").release()


def test_a_stream_that_needs_a_person_stays_stopped(spark, tmp_path):
    said, listener, tries = [], Listener(), []

    def lost():
        tries.append(1)
        raise CheckpointError("The checkpoint is lost.")

    streams = [supervised(spark, tmp_path, "lost", before=lost), supervised(spark, tmp_path, "well")]
    standings = keep_running(spark, tmp_path, streams, lambda now: now["well"].progress.rows, said, listener)
    assert standings["lost"].state is State.STOPPED
    assert standings["well"].state is State.RUNNING
    assert len(tries) == 1
    (line,) = said
    assert line.startswith("lost stays stopped, the other streams go on. The checkpoint is lost.")


def test_it_ends_where_no_stream_is_left(spark, tmp_path):
    said = []

    def wrong():
        raise CheckpointError("The checkpoint is lost.")

    standings = keep_running(
        spark, tmp_path, [supervised(spark, tmp_path, "a", before=wrong)], lambda _: False, said, Listener()
    )
    assert standings["a"].state is State.STOPPED


def test_a_stream_of_another_process_is_refused_at_once(spark, tmp_path):
    held = WriterLock(tmp_path / "locks", "b")
    run = partial(keep_running, spark, tmp_path, done=lambda _: True, said=[], listener=Listener())
    with pytest.raises(OutsideError, match="is writing b already"):
        run(streams=[supervised(spark, tmp_path, "a"), supervised(spark, tmp_path, "b")])
    held.release()
    WriterLock(tmp_path / "locks", "a").release()
