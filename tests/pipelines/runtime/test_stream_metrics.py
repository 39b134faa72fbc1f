"""What the streams do is recorded once for each batch, whatever is killed, and never at a job's cost."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from gold.pipeline_metrics import TABLE
from lakehouse.errors import OutsideError
from lakehouse.locks import WriterLock
from lakehouse.streams import BATCH_METRICS, Stream
from pipelines.runtime import stream_metrics as metrics
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings
from pipelines.runtime.stream_metrics import MetricsRecorder, PendingMetrics, batch_metrics, missing
from tests.support.arrow import ARROW


def stream_in(folder: Path, name: str = "bronze.clicks", **changes) -> Stream:
    return Stream(name, folder / "checkpoint", None, "source", "target", lambda: False, **changes)


def report(number: int, rows: int = 10, **changes):
    """What Spark says of a batch from Kafka."""
    return {
        "id": "q1",
        "batchId": number,
        "timestamp": f"2026-11-28T10:00:{number % 60:02}.500Z",
        "numInputRows": rows,
        "durationMs": {
            "latestOffset": 100, "getBatch": 20, "queryPlanning": 30, "walCommit": 40, "addBatch": 1500,
            "commitOffsets": 60, "triggerExecution": 2000,
        },
        "stateOperators": [],
        "sources": [
            {"endOffset": '{"clicks": {"0": 7, "1": 5}}', "latestOffset": '{"clicks": {"0": 9, "1": 6, "2": 1}}'}
        ],
        "observedMetrics": {f"{BATCH_METRICS} clicks": {"bytes": 640, "first_arrived": 1_795_860_000_000_000}},
        **changes,
    }  # fmt: skip


@pytest.fixture
def job(tmp_path) -> Job:
    return without_spark(tmp_path)


def without_spark(folder: Path) -> Job:
    """An installation whose table of metrics is there."""
    made = load_settings(lake=str(folder / "lake"), state=folder / "state")
    place = f"{made.lake_root}/gold/pipeline_metrics"
    columns = [pa.field(one.name, ARROW[one.type], nullable=not one.required) for one in TABLE.columns]
    DeltaTable.create(place, pa.schema(columns))
    lake = SimpleNamespace(path=lambda _: place)
    return SimpleNamespace(settings=made, lake=lake)


def held(job) -> list[dict]:
    rows = DeltaTable(job.lake.path(TABLE)).to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: (row["stream"], row["batch_id"]))


def version(job) -> int:
    return DeltaTable(job.lake.path(TABLE)).version()


def test_a_batch_is_recorded_in_figures():
    stream = stream_in(Path("/nowhere"), rows_written=lambda _, rows: rows - 1)
    assert batch_metrics(stream, report(3)) == {
        "rows_in": 10,
        "rows_out": 9,
        "engine": "spark",
        "bytes_in": 640,
        "rows_per_second": 5.0,
        "offsets_behind": 4,
        "lag_seconds": 2.5,
        "state_bytes": 0,
        "duration_seconds": 2.0,
        "offsets_seconds": 0.1,
        "planning_seconds": 0.05,
        "work_seconds": 1.5,
        "checkpoint_seconds": 0.1,
    } | {"lag_seconds": pytest.approx(datetime(2026, 11, 28, 10, 0, 5, 500_000, UTC).timestamp() - 1_795_860_000)}


def test_what_a_source_of_tables_does_not_report_is_left_out():
    delta = {"endOffset": {"reservoirVersion": 2, "index": -1, "reservoirId": "x"}, "latestOffset": None}
    found = batch_metrics(stream_in(Path("/nowhere"), "gold"), report(0, sources=[delta, delta], observedMetrics={}))
    assert {name: found[name] for name in ("rows_out", "bytes_in", "offsets_behind", "lag_seconds")} == {
        "rows_out": None, "bytes_in": None, "offsets_behind": None, "lag_seconds": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("start", "known"),
    [(None, False), ('{"clicks": {"0": 3, "1": 5}}', False), ('{"clicks": {"0": 7, "1": 5}}', True)],
)
def test_a_repeated_committed_batch_is_reported_without_figures(job, tmp_path, start, known):
    source = {**report(0)["sources"][0], "startOffset": start}
    batch = report(1, 0, sources=[source])
    assert bool(batch_metrics(stream_in(tmp_path), batch)) == known
    recorder = MetricsRecorder(job)
    recorder.on_start([stream_in(tmp_path)])
    recorder.on_progress(stream_in(tmp_path), batch)
    recorder.on_finish(succeeded=True)
    assert [(row["batch_id"], row["rows_in"]) for row in held(job)] == ([] if known else [(1, None)])


def test_a_run_reports_its_batches_in_one_commit(job, tmp_path):
    stream = stream_in(tmp_path)
    for numbers, empty in ((range(3), range(3, 4)), ((), range(4, 5)), ((), ())):
        recorder = MetricsRecorder(job)
        recorder.on_start([stream])
        for number in numbers:
            recorder.on_progress(stream, report(number))
        for number in empty:
            recorder.on_progress(stream, report(number, rows=0))
        recorder.on_finish(succeeded=True)
        assert version(job) == 1
    assert [(row["batch_id"], row["rows_in"], row["stream"]) for row in held(job)] == [
        (number, 10, "bronze.clicks") for number in range(3)
    ]
    standing = PendingMetrics(job.settings.metrics, stream.name).state()
    assert (standing.done["batch_id"], standing.batch_id, standing.failure) == (2, 4, None)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.sampled_from(["batch", "fold", "killed before the fold", "killed in the fold", "again"]), max_size=9)
)
def test_every_batch_is_in_the_table_once_whatever_is_killed(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("killed")
    made = without_spark(folder)
    stream, done = stream_in(folder), 0
    recorder = MetricsRecorder(made)
    for step in [*steps, "end"]:
        with pytest.MonkeyPatch.context() as patched:
            if step == "batch":
                recorder.on_progress(stream, report(done))
                done += 1
            elif step == "again" and done:
                recorder.on_progress(stream, report(done - 1))
            elif step == "killed in the fold":
                patched.setattr(PendingMetrics, "forget", lambda *_: None)
                recorder.on_start([stream])
                recorder.flush()
            if step.startswith("killed"):
                recorder = MetricsRecorder(made)
            if step in {"fold", "end"}:
                recorder.on_start([stream])
                recorder.flush()
    assert [row["batch_id"] for row in held(made)] == list(range(done))


def test_batches_of_a_killed_driver_are_added_from_checkpoints(job, tmp_path):
    stream = stream_in(tmp_path)
    recorder = MetricsRecorder(job)
    recorder.on_start([stream])
    recorder.on_progress(stream, report(0))
    finished(stream.checkpoint, "q1", 3)
    after = MetricsRecorder(job)
    after.on_start([stream])
    after.on_finish(succeeded=True)
    assert [(row["batch_id"], row["rows_in"]) for row in held(job)] == [(0, 10), (1, None), (2, None)]
    assert held(job)[2]["started_at"] == datetime(2026, 11, 28, 10, 0, 2, tzinfo=UTC)
    MetricsRecorder(job).on_start([stream])
    assert PendingMetrics(job.settings.metrics, stream.name).rows() == []


def finished(checkpoint: Path, query_id: str, batches: int) -> None:
    """A checkpoint in which so many batches are done."""
    for name in ("offsets", "commits"):
        (checkpoint / name).mkdir(parents=True)
    (checkpoint / "metadata").write_text(json.dumps({"id": query_id}))
    for number in range(batches):
        began = int(datetime(2026, 11, 28, 10, 0, number, tzinfo=UTC).timestamp() * 1_000)
        (checkpoint / "offsets" / str(number)).write_text(f'v1\n{{"batchTimestampMs": {began}}}\n{{}}')
        (checkpoint / "commits" / str(number)).write_text("v1\n{}")


def test_a_failure_keeps_its_hint_until_a_run_succeeds(job, tmp_path):
    stream = stream_in(tmp_path)
    for _ in range(2):
        failing = MetricsRecorder(job)
        failing.on_start([stream])
        failing.on_failure(stream, OutsideError("The disk is full.", "Make room."))
        failing.on_finish(succeeded=False)
        failure = PendingMetrics(job.settings.metrics, stream.name).state().failure
        assert (failure["error"], failure["cure"]) == ("The disk is full.", "Make room.")
    assert [row["error"] for row in held(job)] == ["The disk is full."] * 2
    well = MetricsRecorder(job)
    well.on_start([stream])
    well.on_finish(succeeded=True)
    assert PendingMetrics(job.settings.metrics, stream.name).state().failure is None
    assert version(job) == 2


def test_a_line_of_an_older_release_counts(tmp_path):
    row = dict.fromkeys(TABLE.column_names, 1) | {"error": None}
    del row["engine"]
    (tmp_path / "bronze.clicks.jsonl").write_text(json.dumps(row))
    assert PendingMetrics(tmp_path, "bronze.clicks").rows() == [row | {"engine": None}]


def test_the_line_that_a_full_disk_cut_short_spoils_no_other(tmp_path):
    lines = PendingMetrics(tmp_path, "gold")
    row = dict.fromkeys(TABLE.column_names, 1) | {"error": None}
    lines.add(row)
    with (tmp_path / "gold.jsonl").open("a") as file:
        file.write('\n{"stream": "go')
    lines.add(row)
    assert lines.rows() == [row, row]


def test_a_table_that_someone_writes_is_left_for_later(job, tmp_path):
    stream = stream_in(tmp_path)
    recorder = MetricsRecorder(job)
    recorder.on_start([stream])
    recorder.on_progress(stream, report(0))
    other = WriterLock(job.settings.locks / "tables", TABLE.name)
    recorder.flush()
    assert held(job) == []
    other.release()
    recorder.flush()
    assert len(held(job)) == 1


def test_metrics_that_cannot_be_written_are_only_logged(job, tmp_path, caplog, monkeypatch):
    stream = stream_in(tmp_path)
    recorder = MetricsRecorder(job)
    monkeypatch.setattr(metrics, "append", lambda *_: 1 / 0)
    with caplog.at_level(logging.WARNING):
        recorder.on_start([stream])
        recorder.on_progress(stream, {"nothing": "that Spark says"})
        recorder.on_progress(stream, report(0))
        recorder.on_finish(succeeded=True)
        job.settings.metrics.rename(tmp_path / "aside")
        job.settings.metrics.write_text("a file where the folder was")
        recorder.on_progress(stream, report(1))
        recorder.on_failure(stream, ValueError("x"))
        recorder.on_finish(succeeded=True)
    assert len(caplog.records) >= 4
    assert len(PendingMetrics(tmp_path / "aside", stream.name).rows()) == 1


ROWS = st.builds(
    lambda batch, run, error: {"stream": "s", "query_id": "q", "batch_id": batch, "run_id": run, "error": error},
    st.integers(0, 4),
    st.sampled_from("ab"),
    st.sampled_from([None, "why"]),
)


@given(st.lists(ROWS), st.lists(ROWS))
def test_missing_batches_are_added_once(rows, there):
    new = missing(rows, there)
    assert missing(rows, [*there, *new]) == []
    done = [row["batch_id"] for row in new if row["error"] is None]
    assert len(done) == len(set(done))
    assert not {row["batch_id"] for row in there if row["error"] is None} & set(done)
