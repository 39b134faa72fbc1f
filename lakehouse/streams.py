"""Streams: started under a lock, watched, and stopped so that nothing is lost."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from lakehouse.atomic_files import write_json
from lakehouse.errors import LakehouseError, OutsideError
from lakehouse.locks import WriterLock
from lakehouse.signals import Stop, stopping

RECOVER = "`clickstream recover` shows what it would do, and `clickstream recover --apply` does it."
"""The cure for a checkpoint that does not fit."""


@dataclass(frozen=True)
class Stream:
    """One stream: its name, where its checkpoint is, and what it does.

    ``prepare`` gives the writer, without trigger and checkpoint; ``source_id`` and ``target_id``
    are the ids of what it reads and of the table that it feeds, which change when one of them is
    made anew; ``target_has_rows`` says whether that table holds anything. ``rows_out`` tells, of the
    number of a batch that was done and of the rows that it read, how many the table was given, if
    that is known.
    """

    name: str
    checkpoint: Path
    prepare: Callable[[], DataStreamWriter]
    source_id: str
    target_id: str
    target_has_rows: Callable[[], bool]
    rows_out: Callable[[int, int], int | None] = lambda batch, rows_in: None  # noqa: ARG005


class StreamListener(Protocol):
    """Is told what the streams of a run do, while the run has them locked."""

    def on_start(self, streams: Sequence[Stream]) -> None:
        """They are locked, and none is started yet."""

    def on_progress(self, stream: Stream, batch: Mapping[str, Any]) -> None:
        """A batch is done, and this is what Spark says of it."""

    def on_failure(self, stream: Stream, error: Exception) -> None:
        """The run fails at this stream."""

    def on_finish(self, *, succeeded: bool) -> None:
        """They are stopped; ``succeeded`` if that is because each of them has read what was there."""


@dataclass
class Progress:
    """What a stream has done since its start: batches and rows read."""

    batches: int = 0
    rows: int = 0
    _seen: int = field(default=-1, repr=False)
    _looked: str = field(default="", repr=False)

    def take(self, query: StreamingQuery) -> list[Mapping[str, Any]]:
        """Adds the batches that are new since the last look, and gives what Spark says of them."""
        last = query.lastProgress
        if last is None or last["timestamp"] == self._looked:
            return []
        self._looked = last["timestamp"]
        new: list[Mapping[str, Any]] = []
        for one in query.recentProgress:
            # A look that found nothing new is told under the number of the batch that is yet to come.
            if one["batchId"] > self._seen and "addBatch" in one["durationMs"]:
                self._seen = one["batchId"]
                self.batches += 1 if one["numInputRows"] else 0
                self.rows += one["numInputRows"]
                new.append(one)
        return new


BATCH_METRICS = "measured"
"""How the name begins under which Spark tells what ``measured`` found."""


def with_batch_metrics(rows: DataFrame, name: str, *, arrived_at: Column, size: Column | None = None) -> DataFrame:
    """The rows, unchanged; what Spark says of a batch then has their bytes and the oldest one's arrival.

    Telling that takes no second look at the rows.
    """
    return rows.observe(
        f"{BATCH_METRICS} {name}",
        F.sum(size if size is not None else F.lit(None).cast("BIGINT")).alias("bytes"),
        F.min(F.unix_micros(arrived_at)).alias("first_arrived"),
    )


def run(
    spark: SparkSession,
    streams: Sequence[Stream],
    *,
    locks: Path,
    continuous: bool,
    trigger_seconds: float,
    stop_seconds: float,
    on_poll: Callable[[dict[str, Progress]], None],
    explain: Callable[[str, BaseException], LakehouseError],
    listener: StreamListener,
) -> dict[str, Progress]:
    """Runs streams until they have read what is there, or until SIGTERM or SIGINT if ``continuous``.

    ``on_poll`` is told the progress about twice a second. Each stream is locked by its name
    meanwhile. The first one that fails ends all of them, and ``explain`` turns what it died of
    into a sentence. ``listener`` is told each batch and failure.

    Raises OutsideError where another process runs one of the streams, or where a checkpoint and
    its table do not belong together.
    """
    progress = {stream.name: Progress() for stream in streams}
    with ExitStack() as held, stopping() as stop:
        held.enter_context(stop.polled_by_caller())
        for stream in streams:
            held.callback(WriterLock(locks, stream.name, spark).release)
        listener.on_start(streams)
        queries: list[tuple[Stream, StreamingQuery]] = []
        succeeded = False
        try:
            for stream in streams:
                with _reporting_failure(listener, [stream], stop):
                    _prepare_checkpoint(stream)
            for stream in streams:
                if not stop.is_set():
                    with _reporting_failure(listener, [stream], stop):
                        queries.append((stream, _start_query(stream, trigger_seconds if continuous else None, explain)))
            while not stop.is_set() and any(query.isActive for _, query in queries):
                _poll_queries(queries, progress, explain, listener, stop)
                with _reporting_failure(listener, streams, stop):
                    on_poll(progress)
                stop.wait(0.3)
            if stop.is_set():
                _await_batches([query for _, query in queries], stop_seconds)
            _poll_queries(queries, progress, explain, listener, stop)
            on_poll(progress)
            succeeded = not stop.is_set()
        finally:
            for _, query in queries:
                # Java may be gone, or a batch may not heed its interruption in time: it is done again.
                with suppress(Exception):
                    query.stop()
            for stream, query in queries:
                with suppress(Exception):
                    _report_progress(stream, query, progress, listener)
            listener.on_finish(succeeded=succeeded)
    return progress


@contextmanager
def _reporting_failure(listener: StreamListener, streams: Sequence[Stream], stop: Stop) -> Iterator[None]:
    """Tells whose failure it is when something within fails; what fails once it is time to stop is no failure."""
    try:
        yield
    except Exception as error:
        if not stop.is_set():
            for stream in streams:
                listener.on_failure(stream, error)
        raise


def _start_query(
    stream: Stream, every: float | None, explain: Callable[[str, BaseException], LakehouseError]
) -> StreamingQuery:
    """The stream's query, started: again and again after so many seconds, or once."""
    writer = stream.prepare().queryName(stream.name).option("checkpointLocation", str(stream.checkpoint))
    trigger = writer.trigger(availableNow=True) if every is None else writer.trigger(processingTime=f"{every} seconds")
    try:
        return trigger.start()
    except Exception as error:
        raise explain(stream.name, error) from error


def _poll_queries(
    queries: Sequence[tuple[Stream, StreamingQuery]],
    progress: dict[str, Progress],
    explain: Callable[[str, BaseException], LakehouseError],
    listener: StreamListener,
    stop: Stop,
) -> None:
    for stream, query in queries:
        with _reporting_failure(listener, [stream], stop):
            _report_progress(stream, query, progress, listener)
            if not query.isActive and (error := query.exception()) is not None:
                raise explain(stream.name, error) from error


def _report_progress(
    stream: Stream, query: StreamingQuery, progress: dict[str, Progress], listener: StreamListener
) -> None:
    for batch in progress[stream.name].take(query):
        listener.on_progress(stream, batch)


def _await_batches(queries: Sequence[StreamingQuery], seconds: float) -> None:
    """Gives the batches in flight some time to end by themselves; what does not is redone at the next start."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(query.isActive and query.status["isTriggerActive"] for query in queries):
        time.sleep(0.1)


def check_checkpoint(stream: Stream) -> None:
    """Refuses to go on from a checkpoint that is lost or damaged, or that belongs to something else.

    Raises OutsideError, which names the cure.
    """
    mark, own = _binding(stream)
    committed_offsets(stream.checkpoint)  # raises where it cannot be read
    if not has_planned_batch(stream.checkpoint):
        if completed_batches(stream.checkpoint):
            raise OutsideError(f"The checkpoint of {stream.name} is damaged: {mark.parent} has no offsets.", RECOVER)
        if stream.target_has_rows() and resumes_at(stream.checkpoint) is None:
            raise OutsideError(f"The checkpoint of {stream.name} is lost ({stream.checkpoint}).", RECOVER)
        return
    # Without its metadata Spark would give the stream a new id, by which no batch is known to be written already.
    _read_json(stream.name, mark.with_name("metadata"))
    found = _read_json(stream.name, mark)
    for name, what in (
        ("stream", "to another stream"),
        ("target_id", "to a table that is gone: the one that is there was made later"),
        ("source_id", "to a source that is gone: the one that is there was made later"),
    ):
        if found.get(name) != own[name]:
            raise OutsideError(f"The checkpoint of {stream.name} ({stream.checkpoint}) belongs {what}.", RECOVER)


def bind_checkpoint(stream: Stream) -> None:
    """Says that a stream's checkpoint belongs to the source and the table that are there now."""
    write_json(*_binding(stream))


def resume_from(checkpoint: Path, start: str) -> None:
    """Lets a stream whose checkpoint has no batch yet go on from ``start``, in the words of its source."""
    write_json(checkpoint / "resume.json", {"start": start})


def resumes_at(checkpoint: Path) -> str | None:
    """From where a stream was told to go on; None if nobody did.

    Raises OutsideError where that cannot be read.
    """
    path = checkpoint / "resume.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["start"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise OutsideError(f"The checkpoint {checkpoint} is damaged: {path} cannot be read.", RECOVER) from error


def current_query_id(spark: SparkSession) -> str:
    """The id of the stream whose batch this thread works on; it is kept in the checkpoint and new with each one."""
    found = spark.sparkContext.getLocalProperty("sql.streaming.queryId")
    if not found:
        raise OutsideError("Spark does not say which stream this batch belongs to.", "Run the job again.")
    return str(found)


def _binding(stream: Stream) -> tuple[Path, dict[str, str]]:
    """The file that says what a checkpoint belongs to, and what it has to say."""
    own = {"stream": stream.name, "source_id": stream.source_id, "target_id": stream.target_id}
    return stream.checkpoint / "stream.json", own


def _read_json(stream: str, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(found)
    except (OSError, ValueError, TypeError) as error:
        raise OutsideError(f"The checkpoint of {stream} is damaged: {path} cannot be read.", RECOVER) from error


def has_planned_batch(checkpoint: Path) -> bool:
    """Whether a stream has planned a batch already."""
    return bool(_batch_numbers(checkpoint / "offsets"))


def _batch_numbers(folder: Path) -> list[int]:
    """The numbers of the batches that a folder of a checkpoint has files for."""
    return [int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()]


def _prepare_checkpoint(stream: Stream) -> None:
    """Checks a stream's checkpoint, and begins it where no batch was planned yet."""
    check_checkpoint(stream)
    if not has_planned_batch(stream.checkpoint):
        # What a driver left that died before its first batch was planned: Spark would not start over it.
        for path in stream.checkpoint.glob("*"):
            if path.is_dir():
                shutil.rmtree(path)
        bind_checkpoint(stream)
    for path in stream.checkpoint.glob("*/.*.crc"):
        # The sum of a file that is gone would keep Spark from writing that file again.
        if not path.with_name(path.name.removeprefix(".").removesuffix(".crc")).exists():
            path.unlink()


def committed_offsets(checkpoint: Path) -> list[dict[str, Any]] | None:
    """The end offsets of the newest batch that a stream finished, one for each source; None before the first.

    Raises OutsideError where the checkpoint cannot be read.
    """
    done = completed_batches(checkpoint)
    if not done:
        return None
    path = checkpoint / "offsets" / str(done[-1])
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines[2:]]
    except (OSError, ValueError) as error:
        raise OutsideError(f"The checkpoint {checkpoint} is damaged: {path} cannot be read.", RECOVER) from error


def completed_batches(checkpoint: Path) -> list[int]:
    """The numbers of the batches that a stream finished, as far back as its checkpoint remembers."""
    return sorted(_batch_numbers(checkpoint / "commits"))


def checkpoint_query_id(checkpoint: Path) -> str:
    """The stream's id that Spark keeps in its checkpoint; empty before it has one."""
    try:
        return str(json.loads((checkpoint / "metadata").read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError):
        return ""


def batch_times(checkpoint: Path, batch: int) -> tuple[float, float]:
    """When a finished batch began and ended, in seconds since 1970, as its checkpoint's files tell.

    Raises OSError, ValueError or KeyError where they cannot be read.
    """
    began = json.loads((checkpoint / "offsets" / str(batch)).read_text(encoding="utf-8").splitlines()[1])
    return began["batchTimestampMs"] / 1_000, (checkpoint / "commits" / str(batch)).stat().st_mtime
