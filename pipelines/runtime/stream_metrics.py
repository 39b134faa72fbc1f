"""Record what streams do, micro-batch by micro-batch, in gold.pipeline_metrics; it never slows or fails a job.

Each micro-batch is a line in a local file of its stream, which costs next to nothing. Now and then the lines go into
the table, in one small commit by delta-rs: a commit by Spark takes seconds. Each line has its row's key, so the append
is idempotent: whatever is killed in between, each micro-batch is in the table once.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from gold.pipeline_metrics import TABLE
from lakehouse.atomic_files import write_json
from lakehouse.checkpoints import batch_times, checkpoint_query_id, completed_batches
from lakehouse.engines.opened_table import open_table
from lakehouse.errors import OutsideError
from lakehouse.locks import WriterLock
from lakehouse.object_store import delta_rs_options
from lakehouse.streams import BATCH_METRICS, Stream
from lakehouse.table import Table
from pipelines.runtime.console import describe_error
from pipelines.runtime.settings import Settings
from pipelines.runtime.table_damage import writing_noted

FLUSH_INTERVAL_SECONDS = 60.0
"""How often a continuous job moves its pending metrics into the table."""

_NEEDED = {*TABLE.key, "rows_in", "error", "started_at", "ended_at"}

Row = dict[str, Any]
"""A row of the table as JSON has it: instants and days are text."""


@dataclass(frozen=True)
class StreamState:
    """The state of a stream: its last batch with rows, a failure since which no run succeeded, and the last batch."""

    done: Row | None = None
    failure: Row | None = None
    query_id: str = ""
    batch_id: int = -1

    def after(self, row: Row) -> StreamState:
        """The state after this as well."""
        if row["error"] is not None:
            return StreamState(self.done, row, self.query_id, self.batch_id)
        return StreamState(self.done if row["rows_in"] == 0 else row, None, row["query_id"], row["batch_id"])


class PendingMetrics:
    """The metrics of one stream that are not in the table yet, and the stream's state before them.

    Only the process with the stream's lock writes them; everyone may read them.
    """

    def __init__(self, folder: Path, stream: str) -> None:
        self._lines = folder / f"{stream}.jsonl"
        self._before = folder / f"{stream}.json"

    def add(self, row: Row) -> None:
        """Adds a line."""
        self._lines.parent.mkdir(parents=True, exist_ok=True)
        # The line's end comes first: a line cut short by a full disk spoils no other.
        with self._lines.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(row))

    def rows(self) -> list[Row]:
        """The rows of the lines."""
        try:
            text = self._lines.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [row for row in map(_row, text.splitlines()) if row is not None]

    def state(self) -> StreamState:
        """The stream's state after all lines."""
        try:
            found = StreamState(**json.loads(self._before.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            found = StreamState()
        for row in self.rows():
            found = found.after(row)
        return found

    def forget(self, state: StreamState) -> None:
        """Drops the lines, which are in the table now, and keeps the stream's state."""
        write_json(self._before, asdict(state))
        self._lines.unlink(missing_ok=True)


def _row(line: str) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    # A line of an older release lacks the columns that are new.
    return {**dict.fromkeys(TABLE.column_names), **row} if isinstance(row, dict) and row.keys() >= _NEEDED else None


def streams_with_metrics(folder: Path) -> list[str]:
    """The names of the streams with recorded metrics."""
    return sorted({path.name.rpartition(".")[0] for path in folder.glob("*.json*") if path.suffix != ".new"})


class MetricsLake(Protocol):
    """Where the table lies, and what creates it where it is not there."""

    def path(self, table: Table) -> str:
        """The table's folder or URI."""

    def ensure(self, table: Table) -> None:
        """Creates the table, if it can."""


class MeasuredJob(Protocol):
    """A job whose streams are recorded, as far as the recorder knows it."""

    @property
    def settings(self) -> Settings:
        """The settings of the installation."""

    @property
    def lake(self) -> MetricsLake:
        """The tables of the installation."""


class MetricsRecorder:
    """The StreamListener that records what the streams of one run do. Its own failures are only logged."""

    def __init__(self, job: MeasuredJob) -> None:
        self._job = job
        self._run_id = uuid4().hex
        self._streams: dict[str, Stream] = {}
        self._flushed_at = time.monotonic()

    def on_start(self, streams: Sequence[Stream]) -> None:
        """Adds the micro-batches that a killed driver completed and did not record."""
        self._streams |= {stream.name: stream for stream in streams}
        for stream in streams:
            with _never_failing():
                known, query_id = self._lines(stream).state(), checkpoint_query_id(stream.checkpoint)
                first = known.batch_id + 1 if known.query_id == query_id else 0
                for batch in completed_batches(stream.checkpoint):
                    if batch >= first:
                        began, ended = batch_times(stream.checkpoint, batch)
                        self._lines(stream).add(self._row(stream, query_id, batch, began, max(began, ended)))

    def on_progress(self, stream: Stream, batch: Mapping[str, Any]) -> None:
        """Records a micro-batch."""
        with _never_failing():
            self._lines(stream).add(
                self._row(stream, str(batch["id"]), batch["batchId"], *_span(batch), **batch_metrics(stream, batch))
            )

    def on_failure(self, stream: Stream, error: Exception) -> None:
        """Records a failure."""
        with _never_failing():
            described, now = describe_error(error), time.time()
            batch = max(completed_batches(stream.checkpoint), default=-1) + 1
            row = self._row(
                stream,
                checkpoint_query_id(stream.checkpoint),
                batch,
                now,
                now,
                error=described.message,
                cure=described.hint,
            )
            self._lines(stream).add(row)

    def on_recovery(self, stream: Stream) -> None:
        """Ends an earlier failure."""
        with _never_failing():
            lines, now = self._lines(stream), time.time()
            if (state := lines.state()).failure:
                lines.add(self._row(stream, state.query_id, state.batch_id, now, now, rows_in=0))

    def on_finish(self, *, succeeded: bool) -> None:
        """Moves the pending metrics into the table; a run that succeeded ends an earlier failure."""
        self.flush(succeeded=succeeded)

    def flush_if_due(self) -> None:
        """Moves the pending metrics into the table, once every FLUSH_INTERVAL_SECONDS."""
        if time.monotonic() - self._flushed_at > FLUSH_INTERVAL_SECONDS:
            self.flush()

    def flush(self, *, succeeded: bool = False) -> None:
        """Moves the pending metrics into the table in one commit; later, where another process writes the table."""
        self._flushed_at = time.monotonic()
        with _never_failing():
            pending = {name: self._lines(stream).rows() for name, stream in self._streams.items()}
            rows = [row for of_stream in pending.values() for row in of_stream if row["rows_in"] != 0]
            if rows and not self._append(rows):
                return
            for stream in self._streams.values():
                lines = self._lines(stream)
                state = lines.state()
                if succeeded and state.failure:
                    state = StreamState(state.done, None, state.query_id, state.batch_id)
                elif not pending[stream.name]:
                    continue
                lines.forget(state)

    def _append(self, rows: Iterable[Row]) -> bool:
        lake = self._job.lake
        there = open_table(lake.path(TABLE))
        stored = {field.name for field in there.schema().fields} if there else set()
        if not stored >= set(TABLE.column_names):
            lake.ensure(TABLE)
            if open_table(lake.path(TABLE)) is None:
                return False  # a job without Spark: the lines stay until there is a table
        try:
            writer = WriterLock(self._job.settings.locks / "tables", TABLE.name)
        except OutsideError:
            return False
        try:
            with writing_noted(self._job.settings, TABLE):
                append(lake.path(TABLE), rows)
        finally:
            writer.release()
        return True

    def _lines(self, stream: Stream) -> PendingMetrics:
        return PendingMetrics(self._job.settings.metrics, stream.name)

    def _row(self, stream: Stream, query_id: str, batch: int, began: float, ended: float, **known: Any) -> Row:
        start, end = (datetime.fromtimestamp(at, UTC) for at in (began, ended))
        return {
            **dict.fromkeys(TABLE.column_names),
            "query_id": query_id,
            "batch_id": batch,
            "run_id": self._run_id,
            "stream": stream.name,
            "started_on": start.date().isoformat(),
            "started_at": start.isoformat(),
            "ended_at": end.isoformat(),
            **known,
        }


@contextmanager
def _never_failing() -> Iterator[None]:
    """A job does not fail for its metrics."""
    try:
        yield
    except Exception:
        logging.getLogger(__name__).warning("The metrics of the streams could not be recorded.", exc_info=True)


def _span(batch: Mapping[str, Any]) -> tuple[float, float]:
    """When a micro-batch began and ended, in seconds since 1970."""
    began = datetime.fromisoformat(batch["timestamp"]).timestamp()
    return began, began + float(batch["durationMs"]["triggerExecution"]) / 1_000


def batch_metrics(stream: Stream, batch: Mapping[str, Any]) -> Row:
    """Spark's report about a micro-batch, in the columns of the table."""
    rows, took, ended = batch["numInputRows"], batch["durationMs"], _span(batch)[1]
    if not rows and any(map(_has_offsets, batch["sources"])):
        # Repeated after a kill, and found in the table already: its figures died with the driver.
        return {}
    observed = [values for name, values in batch["observedMetrics"].items() if name.startswith(BATCH_METRICS)]
    sizes = [values["bytes"] for values in observed if values["bytes"] is not None]
    arrivals = [values["first_arrived"] for values in observed if values["first_arrived"] is not None]
    behind = [_behind(source) for source in batch["sources"]]

    def seconds(*phases: str) -> float:
        return float(sum(took.get(phase, 0) for phase in phases)) / 1_000

    duration = seconds("triggerExecution")
    return {
        "rows_in": rows,
        "rows_out": stream.rows_written(batch["batchId"], rows),
        "engine": stream.engine(batch["batchId"]) if rows else None,
        "bytes_in": sum(sizes) if sizes else None,
        "rows_per_second": rows / duration if duration else None,
        "offsets_behind": sum(filter(None, behind)) if behind and None not in behind else None,
        "lag_seconds": max(ended - min(arrivals) / 1_000_000, 0.0) if arrivals else None,
        "state_bytes": sum(one["memoryUsedBytes"] for one in batch["stateOperators"]),
        "duration_seconds": duration,
        "offsets_seconds": seconds("latestOffset"),
        "planning_seconds": seconds("getBatch", "queryPlanning"),
        "work_seconds": seconds("addBatch"),
        "checkpoint_seconds": seconds("walCommit", "commitOffsets", "commitBatch"),
    }


def _behind(source: Mapping[str, Any]) -> int | None:
    """How many offsets of a source the micro-batch did not take; None where the source does not report it."""
    end, latest = (_offsets(source[name]) for name in ("endOffset", "latestOffset"))
    if not latest:
        return None
    return sum(max(offset - end.get(place, 0), 0) for place, offset in latest.items())


def _has_offsets(source: Mapping[str, Any]) -> bool:
    """Whether a micro-batch had offsets of Kafka to read from a source."""
    start, end = (_offsets(source.get(name)) for name in ("startOffset", "endOffset"))
    return "startOffset" in source and sum(end.values()) > sum(start.values())


def _offsets(reported: Any) -> dict[tuple[str, str], int]:
    """Kafka's offsets, by topic and partition; none of anything else."""
    offsets = json.loads(reported) if isinstance(reported, str) else reported
    if not isinstance(offsets, dict) or not all(isinstance(partitions, dict) for partitions in offsets.values()):
        return {}
    return {
        (topic, partition): int(at) for topic, partitions in offsets.items() for partition, at in partitions.items()
    }


def append(place: str, rows: Iterable[Row]) -> int:
    """Appends the rows that a table does not have yet, in one commit, if any. Gives their number. Idempotent."""
    import pyarrow as pa
    from deltalake import DeltaTable, QueryBuilder, write_deltalake

    typed = [_typed(row) for row in rows]
    table = DeltaTable(place, storage_options=delta_rs_options(place))
    since = min(row["started_at"] for row in typed).isoformat()
    # By a query, which skips older files by their statistics: there may be thousands.
    query = f"SELECT {', '.join(TABLE.key)}, error FROM stored WHERE started_at >= TIMESTAMP '{since}'"  # noqa: S608
    stored = pa.table(QueryBuilder().register("stored", table).execute(query).read_all()).to_pylist()
    new = missing(typed, stored)
    if new:
        write_deltalake(table, pa.Table.from_pylist(new, pa.schema(table.schema().to_arrow())), mode="append")
    return len(new)


def missing(rows: Iterable[Row], stored: Iterable[Row]) -> list[Row]:
    """The rows that are not stored yet, each once."""
    have = {_identity(row) for row in stored}
    return list({_identity(row): row for row in rows if _identity(row) not in have}.values())


def _identity(row: Row) -> tuple[Any, ...]:
    """The key of a row: a micro-batch completes once, in whichever run; it can fail once in each run."""
    return (row["stream"], row["query_id"], row["batch_id"], row["run_id"] if row["error"] is not None else None)


def _typed(row: Row) -> Row:
    at = {name: datetime.fromisoformat(row[name]) for name in ("started_at", "ended_at")}
    return {**row, **at, "started_on": at["started_at"].date()}
