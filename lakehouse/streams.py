"""Run streams under their locks, report each micro-batch, and stop them so that nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lakehouse.checkpoints import note_versions, prepare_checkpoint
from lakehouse.errors import LakehouseError, OutsideError
from lakehouse.locks import WriterLock
from lakehouse.signals import Stop, stopping

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery
    from pyspark.sql.streaming.readwriter import DataStreamWriter

POLL_SECONDS = 0.3
"""How often streams are looked at."""

SPARK, IN_PROCESS = "spark", "in process"
"""What can compute and write a micro-batch."""


@dataclass(frozen=True)
class Stream:
    """One stream: its name, its checkpoint, and how it is written.

    ``prepare`` gives the writer, without trigger and checkpoint. ``source_id`` and ``target_id``
    are the ids of what it reads and of the table that it feeds: a source or table that is deleted
    and created again has another id. ``target_has_rows`` says whether that table holds anything.
    ``rows_written`` takes the number of a completed micro-batch and the rows that it read; it gives
    how many rows the table received, None where that is not known. ``engine`` takes its number and gives
    which engine computed and wrote it: SPARK, IN_PROCESS or both; None where that is not known. ``reads`` and
    ``written`` are the folders of the tables that it reads, in the order of Spark's sources, and writes, by their
    names; none where the lake is a URI.
    """

    name: str
    checkpoint: Path
    prepare: Callable[[], DataStreamWriter]
    source_id: str
    target_id: str
    target_has_rows: Callable[[], bool]
    rows_written: Callable[[int, int], int | None] = lambda batch, rows_in: None  # noqa: ARG005
    reads: Mapping[str, Path] = field(default_factory=dict)
    written: Mapping[str, Path] = field(default_factory=dict)
    engine: Callable[[int], str | None] = lambda batch: SPARK  # noqa: ARG005


class StreamListener(Protocol):
    """Is called with what the streams of a run do, while the run holds their locks."""

    def on_start(self, streams: Sequence[Stream]) -> None:
        """The streams are locked, and none is started yet."""

    def on_progress(self, stream: Stream, batch: Mapping[str, Any]) -> None:
        """A micro-batch is complete; ``batch`` is what Spark reports about it."""

    def on_failure(self, stream: Stream, error: Exception) -> None:
        """The run fails at this stream."""

    def on_recovery(self, stream: Stream) -> None:
        """A stream that failed and was started again runs."""

    def on_finish(self, *, succeeded: bool) -> None:
        """The streams are stopped; ``succeeded`` where each of them has read all that there was."""


@dataclass
class Progress:
    """What a stream has done since its start: micro-batches and rows read."""

    batches: int = 0
    rows: int = 0
    _last_batch: int = field(default=-1, repr=False)
    _last_timestamp: str = field(default="", repr=False)

    def take(self, query: StreamingQuery) -> list[Mapping[str, Any]]:
        """Adds the micro-batches that are new since the last call, and gives Spark's reports about them."""
        last = query.lastProgress
        if last is None or last["timestamp"] == self._last_timestamp:
            return []
        self._last_timestamp = last["timestamp"]
        # Spark keeps a hundred reports, and gives all of them or the last: mostly that is the only one that is new.
        reports: Sequence[Mapping[str, Any]] = (
            [last] if last["batchId"] == self._last_batch + 1 else query.recentProgress
        )
        # A trigger that found nothing new is reported under the number of the batch that is yet to come.
        new = [one for one in reports if one["batchId"] > self._last_batch and "addBatch" in one["durationMs"]]
        for report in new:
            self._last_batch = report["batchId"]
            self.batches += 1 if report["numInputRows"] else 0
            self.rows += report["numInputRows"]
        return new


BATCH_METRICS = "batch_metrics"
"""The prefix of the name under which Spark reports what ``with_batch_metrics`` measures."""


def with_batch_metrics(rows: DataFrame, name: str, *, arrived_at: Column, size: Column | None = None) -> DataFrame:
    """The rows, unchanged; Spark's report about a micro-batch then has their bytes and the oldest one's arrival.

    They are measured while the rows pass: no second read.
    """
    from pyspark.sql import functions as F

    return rows.observe(
        f"{BATCH_METRICS} {name}",
        F.sum(size if size is not None else F.lit(None).cast("BIGINT")).alias("bytes"),
        F.min(F.unix_micros(arrived_at)).alias("first_arrived"),
    )


def current_query_id(spark: SparkSession) -> str:
    """The id of the query whose micro-batch this thread writes; Spark keeps it in the checkpoint, new with each."""
    query_id = spark.sparkContext.getLocalProperty("sql.streaming.queryId")
    if not query_id:
        raise OutsideError("Spark does not say which stream this batch belongs to.", "Run the job again.")
    return str(query_id)


def run(
    spark: SparkSession,
    streams: Sequence[Stream],
    *,
    locks: Path,
    trigger_seconds: float | None,
    stop_seconds: float,
    on_poll: Callable[[dict[str, Progress]], None],
    explain: Callable[[str, BaseException], LakehouseError],
    listener: StreamListener,
) -> dict[str, Progress]:
    """Runs streams until they have read what there is, or continuously where ``trigger_seconds`` are given.

    A continuous run ends with SIGTERM or SIGINT; batches in flight have ``stop_seconds`` to complete.
    Each stream is locked by its name meanwhile. ``on_poll`` is called with the progress about three
    times a second. The first stream that fails ends all of them, and ``explain`` turns its error into
    a sentence. ``listener`` is called with each micro-batch and failure.

    Raises OutsideError where another process runs one of the streams, CheckpointError where a
    checkpoint and its table do not belong together.
    """
    with ExitStack() as resources, stopping() as stop:
        resources.enter_context(stop.polled_by_caller())
        for stream in streams:
            resources.callback(WriterLock(locks, stream.name, spark).release)
        queries = _Run(streams, explain, listener, stop)
        listener.on_start(streams)
        try:
            queries.start(trigger_seconds)
            queries.poll_until_done(on_poll, stop_seconds)
        finally:
            queries.end()
    return queries.progress


class RunningStream:
    """One stream's query: started, polled, and stopped by one thread."""

    # Polled, because a StreamingQueryListener is called asynchronously, through py4j: a call may come
    # after the query has ended, or never where Java dies, and the last batch would then go unrecorded.

    def __init__(
        self, stream: Stream, explain: Callable[[str, BaseException], LakehouseError], progress: Progress | None = None
    ) -> None:
        self.stream = stream
        self.progress = progress or Progress()
        self._explain = explain
        self._query: StreamingQuery | None = None

    def check(self) -> None:
        """Checks the checkpoint, and binds it. Raises CheckpointError where it does not fit."""
        prepare_checkpoint(self.stream)
        note_versions(self.stream)

    def start(self, trigger_seconds: float | None) -> None:
        """Starts the query: for what there is, or continuously where ``trigger_seconds`` are given."""
        writer = self.stream.prepare().queryName(self.stream.name)
        writer = writer.option("checkpointLocation", str(self.stream.checkpoint))
        if trigger_seconds is None:
            writer = writer.trigger(availableNow=True)
        else:
            writer = writer.trigger(processingTime=f"{trigger_seconds} seconds")
        try:
            self._query = writer.start()
        except Exception as error:
            raise self._explain(self.stream.name, error) from error

    @property
    def is_active(self) -> bool:
        """Whether the query runs."""
        return self._query is not None and self._query.isActive

    @property
    def has_triggered(self) -> bool:
        """Whether it has looked for rows once, with success."""
        return self._query is not None and self._query.lastProgress is not None

    def poll(self, listener: StreamListener) -> None:
        """Reports the micro-batches that are new. Raises what ended the query, as a sentence."""
        self.report(listener)
        if self._query is not None and not self._query.isActive and (error := self._query.exception()) is not None:
            raise self._explain(self.stream.name, error) from error

    def report(self, listener: StreamListener) -> None:
        """Reports the micro-batches that are new."""
        if self._query is None or not (batches := self.progress.take(self._query)):
            return
        note_versions(self.stream)
        for batch in batches:
            listener.on_progress(self.stream, batch)

    @property
    def is_at_work(self) -> bool:
        """Whether a micro-batch is in flight."""
        return self.is_active and self._query is not None and bool(self._query.status["isTriggerActive"])

    def stop(self) -> None:
        """Stops the query."""
        # Java may have died, or a batch may not be interrupted in time: the next start repeats it.
        with suppress(Exception):
            if self._query is not None:
                self._query.stop()


def await_batches(running: Sequence[RunningStream], seconds: float) -> None:
    """Gives the batches in flight some time to complete; the next start repeats one that does not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(one.is_at_work for one in running):
        time.sleep(0.1)


class _Run:
    """The queries of one run. It polls them, and tells the listener."""

    def __init__(
        self,
        streams: Sequence[Stream],
        explain: Callable[[str, BaseException], LakehouseError],
        listener: StreamListener,
        stop: Stop,
    ) -> None:
        self._listener = listener
        self._stop = stop
        self._streams = [RunningStream(stream, explain) for stream in streams]
        self._succeeded = False
        self.progress = {one.stream.name: one.progress for one in self._streams}

    def start(self, trigger_seconds: float | None) -> None:
        """Starts a query for each stream, once all of their checkpoints are found to be right."""
        for one in self._streams:
            with self._reporting_failure(one.stream):
                one.check()
        for one in self._streams:
            if self._stop.is_set():
                return
            with self._reporting_failure(one.stream):
                one.start(trigger_seconds)

    def poll_until_done(self, on_poll: Callable[[dict[str, Progress]], None], stop_seconds: float) -> None:
        """Reports what the queries do until they end, or until it is time to stop."""
        while not self._stop.is_set() and any(one.is_active for one in self._streams):
            self._poll()
            with self._reporting_failure(*(one.stream for one in self._streams)):
                on_poll(self.progress)
            self._stop.wait(POLL_SECONDS)
        if self._stop.is_set():
            await_batches(self._streams, stop_seconds)
        self._poll()
        on_poll(self.progress)
        self._succeeded = not self._stop.is_set()

    def end(self) -> None:
        """Stops the queries and reports their last micro-batches."""
        for one in self._streams:
            one.stop()
        for one in self._streams:
            with suppress(Exception):
                one.report(self._listener)
        self._listener.on_finish(succeeded=self._succeeded)

    def _poll(self) -> None:
        for one in self._streams:
            with self._reporting_failure(one.stream):
                one.poll(self._listener)

    @contextmanager
    def _reporting_failure(self, *streams: Stream) -> Iterator[None]:
        """Tells the listener whose failure it is; what fails once it is time to stop is no failure."""
        try:
            yield
        except Exception as error:
            if not self._stop.is_set():
                for stream in streams:
                    self._listener.on_failure(stream, error)
            raise
