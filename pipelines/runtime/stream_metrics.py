"""What the streams do, batch by batch, for gold.pipeline_metrics; nothing here slows or fails a job.

Each batch is a line in a local file of its stream, which costs next to nothing. Now and then the lines go into the
table, in one small commit by delta-rs: a commit of Spark's takes seconds. What a line tells has its key, so whatever
is killed in between, each batch is in the table once.
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
from typing import Any
from uuid import uuid4

from gold.pipeline_metrics import TABLE
from lakehouse.atomic_files import write_json
from lakehouse.checkpoints import batch_times, checkpoint_query_id, completed_batches
from lakehouse.errors import OutsideError
from lakehouse.locks import WriterLock
from lakehouse.streams import BATCH_METRICS, Stream
from pipelines.runtime.console import describe_error
from pipelines.runtime.job import Job

FLUSH_INTERVAL_SECONDS = 60.0
"""How often a continuous job puts its lines into the table."""

Row = dict[str, Any]
"""A row of the table as JSON has it: instants and days are text."""


@dataclass(frozen=True)
class StreamState:
    """Where a stream stands: its last batch with rows, the failure that nothing has mended yet, and the last batch."""

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
    """The lines of one stream that are not in the table yet, and beside them what was known before.

    Only whoever has the stream's lock writes them; everyone may read them.
    """

    def __init__(self, folder: Path, stream: str) -> None:
        self._lines = folder / f"{stream}.jsonl"
        self._before = folder / f"{stream}.json"

    def add(self, row: Row) -> None:
        """One more."""
        self._lines.parent.mkdir(parents=True, exist_ok=True)
        # The line's end comes first: what was cut short by a full disk spoils no line but its own.
        with self._lines.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(row))

    def rows(self) -> list[Row]:
        """What the lines tell."""
        try:
            text = self._lines.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [row for row in map(_row, text.splitlines()) if row is not None]

    def state(self) -> StreamState:
        """Where the stream stands."""
        try:
            found = StreamState(**json.loads(self._before.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            found = StreamState()
        for row in self.rows():
            found = found.after(row)
        return found

    def forget(self, state: StreamState) -> None:
        """What the lines tell is in the table, and the stream stands so."""
        write_json(self._before, asdict(state))
        self._lines.unlink(missing_ok=True)


def _row(line: str) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and set(TABLE.column_names) <= row.keys() else None


def streams_with_metrics(folder: Path) -> list[str]:
    """The names of the streams that something is known of."""
    return sorted({path.name.rpartition(".")[0] for path in folder.glob("*.json*") if path.suffix != ".new"})


class MetricsRecorder:
    """Writes down what the streams of one run do. Its own failures are logged, and nothing else."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._run_id = uuid4().hex
        self._streams: list[Stream] = []
        self._flushed_at = time.monotonic()

    def on_start(self, streams: Sequence[Stream]) -> None:
        """Adds the batches that a driver finished and did not live to write down."""
        self._streams = list(streams)
        for stream in streams:
            with _never_failing():
                known, query_id = self._lines(stream).state(), checkpoint_query_id(stream.checkpoint)
                first = known.batch_id + 1 if known.query_id == query_id else 0
                for batch in completed_batches(stream.checkpoint):
                    if batch >= first:
                        began, ended = batch_times(stream.checkpoint, batch)
                        self._lines(stream).add(self._row(stream, query_id, batch, began, max(began, ended)))

    def on_progress(self, stream: Stream, batch: Mapping[str, Any]) -> None:
        """Writes down a batch."""
        with _never_failing():
            self._lines(stream).add(
                self._row(stream, str(batch["id"]), batch["batchId"], *_span(batch), **batch_metrics(stream, batch))
            )

    def on_failure(self, stream: Stream, error: Exception) -> None:
        """Writes down a failure."""
        with _never_failing():
            said, now = describe_error(error), time.time()
            batch = max(completed_batches(stream.checkpoint), default=-1) + 1
            row = self._row(
                stream, checkpoint_query_id(stream.checkpoint), batch, now, now, error=said.message, cure=said.hint
            )
            self._lines(stream).add(row)

    def on_finish(self, *, succeeded: bool) -> None:
        """Puts what was written down into the table; where all went well, what failed earlier is mended."""
        self.flush(succeeded=succeeded)

    def flush_if_due(self) -> None:
        """Puts what was written down into the table, if that has not been done for a while."""
        if time.monotonic() - self._flushed_at > FLUSH_INTERVAL_SECONDS:
            self.flush()

    def flush(self, *, succeeded: bool = False) -> None:
        """Puts what was written down into the table, in one commit; leaves it for later where someone writes that."""
        self._flushed_at = time.monotonic()
        with _never_failing():
            told = {stream.name: self._lines(stream).rows() for stream in self._streams}
            rows = [row for some in told.values() for row in some if row["rows_in"] != 0]
            if rows and not self._append(rows):
                return
            for stream in self._streams:
                lines = self._lines(stream)
                state = lines.state()
                if succeeded and state.failure:
                    state = StreamState(state.done, None, state.query_id, state.batch_id)
                elif not told[stream.name]:
                    continue
                lines.forget(state)

    def _append(self, rows: Iterable[Row]) -> bool:
        from deltalake import DeltaTable

        lake = self._job.lake
        if not DeltaTable.is_deltatable(lake.path(TABLE)):
            lake.ensure(TABLE)
        try:
            writer = WriterLock(self._job.settings.locks / "tables", TABLE.name)
        except OutsideError:
            return False
        try:
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
        logging.getLogger(__name__).warning("What the streams do could not be written down.", exc_info=True)


def _span(batch: Mapping[str, Any]) -> tuple[float, float]:
    """When a batch began and ended, in seconds since 1970."""
    began = datetime.fromisoformat(batch["timestamp"]).timestamp()
    return began, began + float(batch["durationMs"]["triggerExecution"]) / 1_000


def batch_metrics(stream: Stream, batch: Mapping[str, Any]) -> Row:
    """What Spark says of a batch, in the columns of the table."""
    rows, took, ended = batch["numInputRows"], batch["durationMs"], _span(batch)[1]
    if not rows and any(map(_took, batch["sources"])):
        # Done again after a kill, and found in the table already: its figures died with the driver.
        return {}
    found = [one for name, one in batch["observedMetrics"].items() if name.startswith(BATCH_METRICS)]
    sizes = [one["bytes"] for one in found if one["bytes"] is not None]
    arrivals = [one["first_arrived"] for one in found if one["first_arrived"] is not None]
    behind = [_behind(source) for source in batch["sources"]]

    def seconds(*phases: str) -> float:
        return float(sum(took.get(phase, 0) for phase in phases)) / 1_000

    duration = seconds("triggerExecution")
    return {
        "rows_in": rows,
        "rows_out": stream.rows_out(batch["batchId"], rows),
        "bytes_in": sum(sizes) if sizes else None,
        "rows_per_second": rows / duration if duration else None,
        "offsets_behind": sum(one for one in behind if one is not None) if behind and None not in behind else None,
        "lag_seconds": max(ended - min(arrivals) / 1_000_000, 0.0) if arrivals else None,
        "state_bytes": sum(one["memoryUsedBytes"] for one in batch["stateOperators"]),
        "duration_seconds": duration,
        "offsets_seconds": seconds("latestOffset"),
        "planning_seconds": seconds("getBatch", "queryPlanning"),
        "work_seconds": seconds("addBatch"),
        "checkpoint_seconds": seconds("walCommit", "commitOffsets", "commitBatch"),
    }


def _behind(source: Mapping[str, Any]) -> int | None:
    """How many offsets a source had that the batch did not take; None where it does not tell."""
    end, latest = (_offsets(source[name]) for name in ("endOffset", "latestOffset"))
    if not latest:
        return None
    return sum(max(offset - end.get(place, 0), 0) for place, offset in latest.items())


def _took(source: Mapping[str, Any]) -> bool:
    """Whether a batch had offsets of Kafka to read from a source."""
    start, end = (_offsets(source.get(name)) for name in ("startOffset", "endOffset"))
    return "startOffset" in source and sum(end.values()) > sum(start.values())


def _offsets(told: Any) -> dict[tuple[str, str], int]:
    """Kafka's offsets, by topic and partition; none of anything else."""
    found = json.loads(told) if isinstance(told, str) else told
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        return {}
    return {(topic, partition): int(at) for topic, one in found.items() for partition, at in one.items()}


def append(place: str, rows: Iterable[Row]) -> int:
    """Adds the rows that a table does not have yet, in one commit; none where it has them all. Gives their number."""
    import pyarrow as pa
    from deltalake import DeltaTable, QueryBuilder, write_deltalake

    typed = [_typed(row) for row in rows]
    table = DeltaTable(place)
    since = min(row["started_at"] for row in typed).isoformat()
    # By a query, which skips older files by what the log knows of them: there may be thousands.
    asked = f"SELECT {', '.join(TABLE.key)}, error FROM told WHERE started_at >= TIMESTAMP '{since}'"  # noqa: S608
    there = pa.table(QueryBuilder().register("told", table).execute(asked).read_all()).to_pylist()
    new = missing(typed, there)
    if new:
        write_deltalake(table, pa.Table.from_pylist(new, pa.schema(table.schema().to_arrow())), mode="append")
    return len(new)


def missing(rows: Iterable[Row], there: Iterable[Row]) -> list[Row]:
    """The rows that are not there yet, each once."""
    have = {_identity(row) for row in there}
    return list({_identity(row): row for row in rows if _identity(row) not in have}.values())


def _identity(row: Row) -> tuple[Any, ...]:
    """A batch is done once, whichever run says so; it can fail once in each run."""
    return (row["stream"], row["query_id"], row["batch_id"], row["run_id"] if row["error"] is not None else None)


def _typed(row: Row) -> Row:
    at = {name: datetime.fromisoformat(row[name]) for name in ("started_at", "ended_at")}
    return {**row, **at, "started_on": at["started_at"].date()}
