"""A batch of new events in silver into all of gold and its scores, warm, after a history and after ten times as much.

The job `aggregate` runs as a user runs it, continuously. Its trigger fires at whole multiples of its interval, so a
batch is written to silver between two of them. From the next one on, the clock runs until the stream has committed
the batch and the scores are written: looking for changes and planning are in the figure.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deltalake import DeltaTable

from gold.pipeline_metrics import TABLE as METRICS
from gold.session_predictions import TABLE as PREDICTIONS
from lakehouse.engines.local_lake import LocalLake
from lakehouse.processes import end_group
from pipelines.gold_builder import STREAM, read_offsets, upstream_tables
from pipelines.runtime.job import open_job
from pipelines.runtime.settings import Settings
from producers.events import EVENTS
from tests.benchmarks.history import history, home_of, into_silver, next_events
from tests.benchmarks.inputs import Plan, kafka, records_table
from tests.benchmarks.meter import Measured, measured
from tests.benchmarks.rivals import compact, course, duckdb_alone
from tests.benchmarks.splits import SPLIT
from tests.benchmarks.stage import COMPACT, COURSE, DUCKDB, OURS, SPARK, Contender, Rounds, Stage
from tests.support.polling import until

INTERVAL = 8
"""Seconds between two triggers of gold's stream."""

SECONDS_TO_WRITE = 3
"""A batch is written to silver within this time before a trigger."""

LONGEST_WAIT = 300.0


@contextmanager
def _job(settings: Settings, servers: str, environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    own = {
        "CLICKSTREAM_LAKE": settings.lake_root,
        "CLICKSTREAM_STATE": str(settings.state_root),
        "CLICKSTREAM_KAFKA__BOOTSTRAP_SERVERS": servers,
        "CLICKSTREAM_STREAM__TRIGGER_SECONDS": str(INTERVAL),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.aggregate", "--continuous"],
        env={**os.environ, **own, **environment},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        end_group(process.pid, timeout=60)
        process.wait()


def _by_jobs(long: int, **environment: str) -> Callable[[Plan], Rounds]:
    def run(plan: Plan) -> Rounds:
        settings, home = history(plan, plan.history * long), home_of(plan, plan.history * long)
        lake = LocalLake(settings.lake_root, settings.locks)
        done: list[tuple[datetime, Measured]] = []
        with ExitStack() as stack:
            stack.callback(_add_splits, lake, done)
            servers = stack.enter_context(kafka(plan.folder / "kafka"))
            job = stack.enter_context(_job(settings, servers, environment))
            while True:
                _sleep_until_idle()
                scored = lake.version(PREDICTIONS)
                into_silver(lake, dict(next_events(home, plan.batch)))
                wanted = {table.name: lake.version(table) for table in upstream_tables()}
                _sleep_until_trigger()
                with measured(plan.batch) as result:
                    _wait(settings, job, wanted, lambda before=scored: lake.version(PREDICTIONS) > before)
                done.append((datetime.now(UTC), result))
                yield result

    return run


def _add_splits(lake: LocalLake, done: list[tuple[datetime, Measured]]) -> None:
    """Notes where the time of each round went, by the stream's own metrics: the job has written them at its end."""
    rows = [row for row in lake.read(METRICS).to_pylist() if row["stream"] == STREAM and row["rows_in"]]
    for ended_at, result in done:
        began_at = ended_at - timedelta(seconds=result.seconds)
        mine = [row for row in rows if began_at <= row["ended_at"] <= ended_at + timedelta(seconds=1)]
        for words, column in SPLIT.items():
            result.more[f"{words} s"] = sum(row[column] or 0.0 for row in mine)


def _sleep_until_idle() -> None:
    """Sleeps until there is time to write before the next trigger; one that just fired has nothing to do by then."""
    until(lambda: 1 < time.time() % INTERVAL < INTERVAL - SECONDS_TO_WRITE, "the pause between two triggers")


def _sleep_until_trigger() -> None:
    due = math.ceil(time.time() / INTERVAL) * INTERVAL
    until(lambda: time.time() >= due, "the trigger", step=0.005)


def _is_read(settings: Settings, wanted: dict[str, int]) -> bool:
    """Whether the stream has committed a batch up to these versions of silver's tables."""
    read = {}
    with suppress(OSError, ValueError):
        read = read_offsets(settings)
    # An offset is the next version to read, or one within it.
    return all(read.get(name, {}).get("reservoirVersion", -1) > version for name, version in wanted.items())


def _wait(settings: Settings, job: subprocess.Popen, wanted: dict[str, int], is_scored: Callable[[], bool]) -> None:
    def is_done() -> bool:
        assert job.poll() is None, "the job has ended"
        return _is_read(settings, wanted) and is_scored()

    until(is_done, "the batch in gold", limit=LONGEST_WAIT, step=0.02)


def _compact(long: int) -> Callable[[Plan], Rounds]:
    def run(plan: Plan) -> Rounds:
        import polars as pl

        settings, home = history(plan, plan.history * long), home_of(plan, plan.history * long)
        lake, part = plan.folder / "compact", plan.folder / "compact-part"
        shutil.rmtree(lake, ignore_errors=True)
        compact.to_silver(Path(settings.lake_root) / "bronze", lake)
        compact.to_gold(lake)
        while True:
            shutil.rmtree(part, ignore_errors=True)
            before = {topic: DeltaTable(lake / "silver" / topic).version() for topic in EVENTS}
            for topic, records in next_events(home, plan.batch):
                compact.write(part / topic, records_table(topic, records).drop_columns(["headers"]))
            compact.to_silver(part, lake)
            new = [
                pl.read_parquet(path, columns=["user_id", "session_id"])
                for topic, version in before.items()
                for path in _files_since(lake / "silver" / topic, version)
            ]
            with measured(plan.batch) as result:
                compact.refresh_gold(lake, pl.concat(new))
            yield result

    return run


def _files_since(table: Path, version: int) -> list[str]:
    old = set(DeltaTable(table, version=version).file_uris())
    return [file for file in DeltaTable(table).file_uris() if file not in old]


def _course(long: int) -> Callable[[Plan], Rounds]:
    def run(plan: Plan) -> Rounds:
        lake = Path(history(plan, plan.history * long).lake_root)
        spark = open_job("benchmark", plan.settings("course")).spark
        while True:
            with measured(plan.batch) as result:
                tables = [spark.read.format("delta").load(str(lake / "silver" / topic)) for topic in EVENTS]
                course.gold(tables, plan.folder / "course" / "gold")
            yield result

    return run


def _duckdb(long: int) -> Callable[[Plan], Rounds]:
    def run(plan: Plan) -> Rounds:
        lake = Path(history(plan, plan.history * long).lake_root)
        while True:
            shutil.rmtree(plan.folder / "duckdb", ignore_errors=True)
            with measured(plan.batch) as result:
                duckdb_alone.gold(lake, plan.folder / "duckdb")
            yield result

    return run


def _stage(name: str, title: str, long: int) -> Stage:
    def prepare(plan: Plan) -> None:
        history(plan, plan.history * long)

    return Stage(
        name,
        title,
        "The job runs continuously. From the trigger that finds the batch in silver to the commit of the last write.",
        (
            Contender(OURS, _by_jobs(long), "eleven tables and the scores", warm_ups=2),
            Contender(
                SPARK,
                _by_jobs(long, CLICKSTREAM_ENGINES__IN_PROCESS_ROWS="0"),
                "the same, gold by Spark; the scores in process",
            ),
            Contender(COMPACT, _compact(long), "merges the sessions, makes five small tables again; no scores"),
            Contender(DUCKDB, _duckdb(long), "makes all eleven tables again as a whole; no scores"),
            Contender(COURSE, _course(long), "makes three tables again as a whole; no scores"),
        ),
        prepare=prepare,
        at_most=1.5,
    )


SHORT = _stage("batch", "A batch of 2,000 events into gold and its scores", 1)
LONG = _stage("batch_long", "The same batch after ten times the history", 10)
