"""A run reports each micro-batch and failure to its listener, whatever ends it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import CheckpointError, OutsideError
from lakehouse.locks import WriterLock
from lakehouse.streams import Progress, Stream, run


def said(number: int, at: str, rows: int, *phases: str) -> dict:
    """What Spark says of a batch or, where no phase is addBatch, of a look that found nothing new."""
    return {"batchId": number, "timestamp": at, "numInputRows": rows, "durationMs": dict.fromkeys(phases, 1)}


def test_an_empty_poll_does_not_hide_the_batch_of_its_number():
    query, progress = SimpleNamespace(lastProgress=None, recentProgress=[]), Progress()
    taken = [progress.take(query)]
    for one in (
        said(0, "10:00", 5, "latestOffset", "addBatch"),
        said(1, "10:01", 0, "latestOffset"),
        said(1, "10:02", 7, "latestOffset", "addBatch"),
    ):
        query.lastProgress, query.recentProgress = one, [*query.recentProgress, one]
        taken += [progress.take(query), progress.take(query)]
    assert [[one["timestamp"] for one in some] for some in taken] == [[], ["10:00"], [], [], [], ["10:02"], []]
    assert (progress.batches, progress.rows) == (2, 12)


class Polled:
    """Spark's query as far as it tells of its batches; counts how often it is asked for all that it kept."""

    def __init__(self) -> None:
        self.reports: list[dict] = []
        self.asked_for_all = 0

    @property
    def lastProgress(self):  # noqa: N802 - as Spark spells it
        return self.reports[-1] if self.reports else None

    @property
    def recentProgress(self):  # noqa: N802 - as Spark spells it
        self.asked_for_all += 1
        return self.reports[-100:]


@given(
    first=st.integers(0, 3),
    steps=st.lists(st.tuples(st.lists(st.sampled_from([0, 5, None]), max_size=4), st.booleans()), max_size=12),
)
def test_each_batch_is_taken_once_whenever_it_is_polled(first, steps):
    query, progress, number, taken, wanted = Polled(), Progress(), first, [], []
    for reports, is_polled in [*steps, ([], True)]:
        for rows in reports:  # None: a look that found nothing new
            phases = ["latestOffset"] if rows is None else ["latestOffset", "addBatch"]
            query.reports.append(said(number, str(len(query.reports)), rows or 0, *phases))
            if rows is not None:
                wanted.append(number)
                number += 1
        if is_polled:
            taken += [one["batchId"] for one in progress.take(query)]
    assert taken == wanted


def test_polled_in_time_a_query_gives_its_last_batch_alone():
    query, progress = Polled(), Progress()
    for number in range(20):
        query.reports.append(said(number, str(number), 5, "addBatch"))
        assert len(progress.take(query)) == 1
    assert query.asked_for_all == 0


class Query:
    """Stands in for Spark's query: it completes one micro-batch, and then ends or fails."""

    def __init__(self, error: Exception | None = None):
        self.error = error
        self.looks = 0
        self.lastProgress = None
        self.recentProgress = []
        self.status = {"isTriggerActive": False}
        self.stopped = False

    @property
    def isActive(self):  # noqa: N802 - as Spark spells it
        self.looks += 1
        if self.looks == 2:
            self.lastProgress = said(0, "10:00", 5, "addBatch")
            self.recentProgress = [self.lastProgress]
        return self.looks < 4

    def exception(self):
        return self.error

    def stop(self):
        self.stopped = True


class Writer:
    def __init__(self, query):
        self.query = query
        self.settings = {}

    def queryName(self, name):  # noqa: N802 - as Spark spells it
        self.settings["name"] = name
        return self

    def option(self, name, value):
        self.settings[name] = value
        return self

    def trigger(self, **trigger):
        self.settings |= trigger
        return self

    def start(self):
        return self.query


class Listener:
    """Keeps what it is told."""

    def __init__(self):
        self.calls = []

    def on_start(self, streams):
        self.calls.append(("start", [stream.name for stream in streams]))

    def on_progress(self, stream, batch):
        self.calls.append(("progress", stream.name, batch["numInputRows"]))

    def on_failure(self, stream, error):
        self.calls.append(("failure", stream.name, str(error)))

    def on_finish(self, *, succeeded):
        self.calls.append(("finish", succeeded))


def run_stream(folder, query, listener, *, trigger_seconds=None, has_rows=False):
    writer = Writer(query)
    stream = Stream("things", folder / "checkpoint", lambda: writer, "s", "t", lambda: has_rows)
    progress = run(
        None,
        [stream],
        locks=folder / "locks",
        trigger_seconds=trigger_seconds,
        stop_seconds=1,
        on_poll=lambda _: None,
        explain=lambda name, error: OutsideError(f"{name}: {error}."),
        listener=listener,
    )
    return progress, writer


def test_a_run_reports_start_progress_and_finish(tmp_path):
    query, listener = Query(), Listener()
    progress, writer = run_stream(tmp_path, query, listener)
    assert listener.calls == [("start", ["things"]), ("progress", "things", 5), ("finish", True)]
    assert progress["things"].rows == 5
    assert writer.settings["availableNow"]
    assert query.stopped
    WriterLock(tmp_path / "locks", "things").release()


def test_a_continuous_run_is_triggered_again_and_again(tmp_path):
    _, writer = run_stream(tmp_path, Query(), Listener(), trigger_seconds=2.5)
    assert writer.settings["processingTime"] == "2.5 seconds"


def test_a_failed_query_is_reported_once_and_ends_the_run(tmp_path):
    query, listener = Query(OSError("the disk is full")), Listener()
    with pytest.raises(OutsideError, match="things: the disk is full"):
        run_stream(tmp_path, query, listener)
    assert listener.calls[-2:] == [("failure", "things", "things: the disk is full."), ("finish", False)]
    assert query.stopped


def test_a_lost_checkpoint_is_reported_before_any_query_starts(tmp_path):
    listener = Listener()
    with pytest.raises(CheckpointError, match="is lost"):
        run_stream(tmp_path, Query(), listener, has_rows=True)
    assert [call[0] for call in listener.calls] == ["start", "failure", "finish"]
