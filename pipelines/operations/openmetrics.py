"""Tell Prometheus how the streams stand, from the lake and the state; starts no Spark."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gold.data_quality import ALL
from gold.data_quality import TABLE as QUALITY
from gold.pipeline_metrics import TABLE as METRICS
from gold.prediction_log import TABLE as LOG
from lakehouse.delta_log import newest_version
from lakehouse.engines.opened_table import relation
from lakehouse.errors import LakehouseError
from pipelines.ml.score_publisher import published
from pipelines.operations.status import StreamStatus, needs_person, run_status
from pipelines.query.delta_reader import open_tables, size
from pipelines.runtime.hints import with_command_hint
from pipelines.runtime.local_http import Answer
from pipelines.runtime.settings import Settings
from pipelines.runtime.stream_metrics import PendingMetrics, streams_with_metrics
from pipelines.runtime.table_damage import folders

if TYPE_CHECKING:
    from deltalake import DeltaTable

KIND = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PREFIX = "clickstream_"
KEPT_SECONDS = 5.0
"""For so long an answer is given again: looking at all tables takes a while."""

Labels = Mapping[str, str]


@dataclass
class Family:
    """One metric: its name without the prefix, its kind, its help, and a value for each set of labels."""

    name: str
    kind: str
    help: str
    samples: list[tuple[Labels, float]] = field(default_factory=list)

    def add(self, value: float | None, **labels: str) -> None:
        """Adds a value; what is not known has none."""
        if value is not None:
            self.samples.append((labels, float(value)))

    def lines(self) -> Iterator[str]:
        """The metric as OpenMetrics writes it."""
        name, suffix = f"{PREFIX}{self.name}", {"counter": "_total", "info": "_info"}.get(self.kind, "")
        yield f"# TYPE {name} {self.kind}"
        for unit in ("seconds", "bytes"):
            if name.endswith(f"_{unit}"):
                yield f"# UNIT {name} {unit}"
        yield f"# HELP {name} {_escaped(self.help)}"
        for labels, value in self.samples:
            told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
            yield f"{name}{suffix}{{{told}}} {value:.17g}" if told else f"{name}{suffix} {value:.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def exposition(families: Iterable[Family]) -> str:
    """The metrics as one text."""
    return "\n".join([line for family in families for line in family.lines()] + ["# EOF"]) + "\n"


def collect(settings: Settings) -> list[Family]:
    """All metrics as they are now.

    Raises OutsideError where there is no lake.
    """
    began = time.monotonic()
    found = run_status(settings)
    tables = open_tables(settings, on_damage=lambda *_: None)
    families = [*_streams(found), *_totals(settings, tables.get(METRICS.name)), *_quality(tables.get(QUALITY.name))]
    families += [*_tables(tables), *_disk(settings), *_published(settings)]
    took = Family("look_seconds", "gauge", "How long this look at the lake and the state took.")
    took.add(time.monotonic() - began)
    return [*families, took]


def _streams(found: list[StreamStatus]) -> list[Family]:
    lag = Family("lag_seconds", "gauge", "From the oldest row's arrival in Kafka to the end of the last batch.")
    fresh = Family("freshness_seconds", "gauge", "Since the newest record arrived that the stream's table tells of.")
    behind = Family("behind", "gauge", "What the source has and the stream has not read: offsets, or commits.")
    last = Family("last_batch_timestamp_seconds", "gauge", "When the last batch with rows ended, as Unix time.")
    took = Family("last_batch_duration_seconds", "gauge", "How long the last batch with rows took.")
    failed = Family("failed", "gauge", "1 where the stream failed and no run has succeeded since.")
    at = Family("failed_timestamp_seconds", "gauge", "When it failed, as Unix time.")
    error = Family("last_error", "info", "What it failed of, and the hint.")
    damage = Family("damage", "gauge", "What the files of the stream's tables lack, in findings.")
    reused = Family("event_ids_reused", "gauge", "Events that share their event_id with another of the day.")
    person = Family("needs_person", "gauge", "1 where `clickstream status` exits with 1.")
    for one in found:
        batch: Mapping[str, Any] = one.last_batch or {}
        lag.add(batch.get("lag_seconds"), stream=one.stream)
        took.add(batch.get("duration_seconds"), stream=one.stream)
        fresh.add(one.freshness_seconds, stream=one.stream)
        behind.add(one.behind, stream=one.stream, unit=one.behind_unit)
        last.add(_unix(batch.get("ended_at")), stream=one.stream)
        failed.add(bool(one.error), stream=one.stream)
        at.add(_unix(one.failed_at), stream=one.stream)
        damage.add(len(one.damage), stream=one.stream)
        reused.add(one.event_ids_reused, stream=one.stream)
        if one.error:
            error.add(1, stream=one.stream, error=one.error, hint=one.cure)
    person.add(needs_person(found))
    return [lag, fresh, behind, last, took, failed, at, error, damage, reused, person]


def _unix(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()


def _totals(settings: Settings, table: DeltaTable | None) -> list[Family]:
    """What all batches did: those in the table, and those that a job has noted and not yet moved there."""
    batches = Family("batches", "counter", "Batches with rows that are done.")
    rows_in = Family("rows_in", "counter", "Rows read by these batches.")
    rows_out = Family("rows_out", "counter", "Rows that they gave to the stream's table.")
    key = ("stream", "query_id", "batch_id")
    pending = [
        row
        for stream in streams_with_metrics(settings.metrics)
        for row in PendingMetrics(settings.metrics, stream).rows()
        if row["error"] is None and row["rows_in"]
    ]
    noted = {tuple(row[name] for name in key): (row["rows_in"], row["rows_out"] or 0) for row in pending}
    totals: dict[str, list[int]] = {}
    for (stream, *_), (came, went) in noted.items():
        totals[stream] = [sum(pair) for pair in zip(totals.get(stream, [0, 0, 0]), (1, came, went), strict=True)]
    for stream, *counts in _stored(table, list(noted)):
        totals[stream] = [sum(pair) for pair in zip(totals.get(stream, [0, 0, 0]), counts, strict=True)]
    for stream, counts in sorted(totals.items()):
        for family, count in zip((batches, rows_in, rows_out), counts, strict=True):
            family.add(count, stream=stream)
    return [batches, rows_in, rows_out]


def _stored(table: DeltaTable | None, without: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    if table is None:
        return []
    import duckdb

    with duckdb.connect() as connection:
        relation(connection, table).create_view("stored")
        connection.execute("CREATE TABLE noted (stream VARCHAR, query_id VARCHAR, batch_id BIGINT)")
        if without:
            connection.executemany("INSERT INTO noted VALUES (?, ?, ?)", without)
        return connection.execute(
            "SELECT stream, count(*), sum(rows_in)::BIGINT, coalesce(sum(rows_out), 0)::BIGINT FROM stored "
            "ANTI JOIN noted USING (stream, query_id, batch_id) WHERE error IS NULL AND rows_in > 0 GROUP BY stream"
        ).fetchall()


def _quality(table: DeltaTable | None) -> list[Family]:
    received = Family("received_records", "gauge", "Records of an event that arrived on the newest day that has any.")
    quarantined = Family("quarantined_records", "gauge", "Of these, those that wait in quarantine.")
    share = Family("quarantined_share", "gauge", "The share of these, 0 to 1.")
    if table is not None:
        import duckdb

        with duckdb.connect() as connection:
            relation(connection, table).create_view("quality")
            newest = connection.execute(
                "SELECT event, arg_max(received, arrived_on), arg_max(quarantined, arrived_on) FROM quality "
                "WHERE rule = ? GROUP BY event ORDER BY event",
                [ALL],
            ).fetchall()
        for event, came, bad in newest:
            received.add(came, event=event)
            quarantined.add(bad, event=event)
            share.add(bad / came if came else 0, event=event)
    return [received, quarantined, share]


def _tables(tables: Mapping[str, DeltaTable]) -> list[Family]:
    rows = Family("table_rows", "gauge", "Rows of a table's newest version.")
    size_bytes = Family("table_size_bytes", "gauge", "Bytes of the data files of a table's newest version.")
    for name, table in tables.items():
        try:
            counted, stored = size(table)
        except TypeError:  # a foreign writer left no statistics
            continue
        rows.add(counted, table=name)
        size_bytes.add(stored, table=name)
    return [rows, size_bytes]


def _disk(settings: Settings) -> list[Family]:
    free = Family("disk_free_bytes", "gauge", "Free bytes of the disk with this folder.")
    whole = Family("disk_size_bytes", "gauge", "All bytes of the disk with this folder.")
    places = {
        "state": str(settings.state_root),
        **({} if "://" in settings.lake_root else {"lake": settings.lake_root}),
    }
    for name, place in places.items():
        if Path(place).exists():
            usage = shutil.disk_usage(place)
            free.add(usage.free, folder=name)
            whole.add(usage.total, folder=name)
    return [free, whole]


def _published(settings: Settings) -> list[Family]:
    behind = Family("unpublished_commits", "gauge", "Commits of gold.prediction_log that Kafka has not all scores of.")
    known = published(settings)
    for folder in folders(settings.lake_root, LOG).values():
        if settings.scores.topic and known is not None:
            behind.add(max(newest_version(folder, known.version) - known.version, 0))
    return [behind]


class MetricsPage:
    """The metrics as HTTP answers them; looked up again at most once in KEPT_SECONDS, by one thread at a time."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._looking = threading.Lock()
        self._answer: Answer | None = None
        self._until = 0.0

    def answer(self, path: str, _: str) -> Answer:
        """The answer to a request."""
        if path not in {"/", "/metrics"}:
            return Answer(HTTPStatus.NOT_FOUND, "There is one page: /metrics")
        with self._looking:
            if self._answer is None or self._clock() >= self._until:
                self._answer = self._look()
                self._until = self._clock() + KEPT_SECONDS
            return self._answer

    def _look(self) -> Answer:
        try:
            return Answer(HTTPStatus.OK, exposition(collect(self._settings)), KIND)
        except LakehouseError as error:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, str(with_command_hint(error)))
        except Exception as error:  # noqa: BLE001 - files may go while they are read: the next look finds others
            first = (str(error).strip().splitlines() or [""])[0][:300]
            at = datetime.now(UTC).isoformat(timespec="seconds")
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{at}: {type(error).__name__}: {first}.")
