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

_POLL_SECONDS = 0.3

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
        new: list[Mapping[str, Any]] = []
        for report in query.recentProgress:
            # A trigger that found nothing new is reported under the number of the batch that is yet to come.
            if report["batchId"] > self._last_batch and "addBatch" in report["durationMs"]:
                self._last_batch = report["batchId"]
                self.batches += 1 if report["numInputRows"] else 0
                self.rows += report["numInputRows"]
                new.append(report)
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


class _Run:
    """The queries of one run. It polls them, and tells the listener."""

    # Polled, because a StreamingQueryListener is called asynchronously, through py4j: a call may come
    # after the query has ended, or never where Java dies, and the last batch would then go unrecorded.

    def __init__(
        self,
        streams: Sequence[Stream],
        explain: Callable[[str, BaseException], LakehouseError],
        listener: StreamListener,
        stop: Stop,
    ) -> None:
        self._streams = streams
        self._explain = explain
        self._listener = listener
        self._stop = stop
        self._queries: list[tuple[Stream, StreamingQuery]] = []
        self._succeeded = False
        self.progress = {stream.name: Progress() for stream in streams}

    def start(self, trigger_seconds: float | None) -> None:
        """Starts a query for each stream, once all of their checkpoints are found to be right."""
        for stream in self._streams:
            with self._reporting_failure(stream):
                prepare_checkpoint(stream)
                note_versions(stream)
        for stream in self._streams:
            if self._stop.is_set():
                return
            with self._reporting_failure(stream):
                self._queries.append((stream, self._start_query(stream, trigger_seconds)))

    def _start_query(self, stream: Stream, trigger_seconds: float | None) -> StreamingQuery:
        writer = stream.prepare().queryName(stream.name).option("checkpointLocation", str(stream.checkpoint))
        if trigger_seconds is None:
            writer = writer.trigger(availableNow=True)
        else:
            writer = writer.trigger(processingTime=f"{trigger_seconds} seconds")
        try:
            return writer.start()
        except Exception as error:
            raise self._explain(stream.name, error) from error

    def poll_until_done(self, on_poll: Callable[[dict[str, Progress]], None], stop_seconds: float) -> None:
        """Reports what the queries do until they end, or until it is time to stop."""
        while not self._stop.is_set() and any(query.isActive for _, query in self._queries):
            self._poll()
            with self._reporting_failure(*self._streams):
                on_poll(self.progress)
            self._stop.wait(_POLL_SECONDS)
        if self._stop.is_set():
            self._await_batches(stop_seconds)
        self._poll()
        on_poll(self.progress)
        self._succeeded = not self._stop.is_set()

    def end(self) -> None:
        """Stops the queries and reports their last micro-batches."""
        for _, query in self._queries:
            # Java may have died, or a batch may not be interrupted in time: the next start repeats it.
            with suppress(Exception):
                query.stop()
        for stream, query in self._queries:
            with suppress(Exception):
                self._report_progress(stream, query)
        self._listener.on_finish(succeeded=self._succeeded)

    def _poll(self) -> None:
        for stream, query in self._queries:
            with self._reporting_failure(stream):
                self._report_progress(stream, query)
                if not query.isActive and (error := query.exception()) is not None:
                    raise self._explain(stream.name, error) from error

    def _report_progress(self, stream: Stream, query: StreamingQuery) -> None:
        batches = self.progress[stream.name].take(query)
        if batches:
            note_versions(stream)
        for batch in batches:
            self._listener.on_progress(stream, batch)

    def _await_batches(self, seconds: float) -> None:
        """Gives the batches in flight some time to complete; the next start repeats one that does not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(
            query.isActive and query.status["isTriggerActive"] for _, query in self._queries
        ):
            time.sleep(0.1)

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
