"""Measure the five Vs of big data in the lake: volume, velocity, variety, veracity and value; starts no Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table as Grid

from bronze.raw_events import BRONZE
from gold.daily_funnel import TABLE as FUNNEL
from gold.data_quality import ALL
from gold.data_quality import TABLE as QUALITY
from gold.pipeline_metrics import TABLE as METRICS
from lakehouse.engines.opened_table import dataset
from pipelines.gold_builder import STREAM
from pipelines.query.delta_reader import no_lake, open_tables, rows, size
from pipelines.runtime.catalog import TABLES
from pipelines.runtime.console import out
from pipelines.runtime.settings import Settings
from pipelines.runtime.stream_metrics import PendingMetrics, missing, streams_with_metrics
from producers.events import EVENTS
from silver.events import SILVER

if TYPE_CHECKING:
    from deltalake import DeltaTable

Tables = Mapping[str, "DeltaTable"]

_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}


@dataclass(frozen=True)
class Measure:
    """One figure: its V, what it measures, its value (None where there is no data yet), and its unit."""

    v: str
    measure: str
    value: float | None
    unit: str


def run_five_vs(settings: Settings) -> list[Measure]:
    """All figures, grouped by V.

    Raises OutsideError where there is no lake.
    """
    tables = open_tables(settings)
    if not tables:
        raise no_lake(settings)
    return [
        *_volume(tables),
        *_velocity(settings, tables),
        *_variety(tables),
        *_veracity(tables, settings.sessions.closes_after_minutes),
        *_value(tables),
    ]


def show(measures: list[Measure]) -> None:
    """The figures as a table for people."""
    grid = Grid("", "what", "measured", "", box=None, padding=(0, 2))
    grid.columns[2].justify = "right"
    before = ""
    for measure in measures:
        unit = "" if measure.unit == "share" else measure.unit
        grid.add_row(measure.v if measure.v != before else "", measure.measure, text(measure), unit)
        before = measure.v
    out.print(grid)


def text(measure: Measure) -> str:
    """A figure as people read it."""
    value = measure.value
    if value is None:
        return "-"
    if measure.unit == "share":
        return f"{value:.2%}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _volume(tables: Tables) -> Iterator[Measure]:
    counts = arrivals(tables)
    yield Measure("volume", "records in bronze", sum(counts.values()), "records")
    for layer in ("bronze", "silver", "gold"):
        held = sum(size(tables.get(name))[1] for name, table in TABLES.items() if table.layer == layer)
        yield Measure("volume", f"{layer} on disk", held, "bytes")
    for unit, (mean, most) in per_unit(counts).items():
        yield Measure("volume", f"records per {unit}, on average", mean, "records")
        yield Measure("volume", f"records per {unit}, at most", most, "records")


def arrivals(tables: Tables) -> dict[int, int]:
    """How many records arrived in each second, by seconds since 1970; seconds without records are left out."""
    counts: dict[int, int] = {}
    for table in BRONZE.values():
        if table.name in tables:
            for batch in dataset(tables[table.name]).to_batches(columns=["arrived_at"]):
                seconds = batch["arrived_at"].to_numpy(zero_copy_only=False).astype("datetime64[s]").astype(np.int64)
                for at, count in zip(*np.unique(seconds, return_counts=True), strict=True):
                    counts[int(at)] = counts.get(int(at), 0) + int(count)
    return counts


def per_unit(counts: Mapping[int, int]) -> dict[str, tuple[float | None, float | None]]:
    """Records per second, minute, hour and day: on average from the first to the last, and at most."""
    rates: dict[str, tuple[float | None, float | None]] = {}
    for unit, length in _UNITS.items():
        units: dict[int, int] = {}
        for at, count in counts.items():
            units[at // length] = units.get(at // length, 0) + count
        span = max(units) - min(units) + 1 if units else 0
        rates[unit] = (sum(units.values()) / span, max(units.values())) if units else (None, None)
    return rates


def _velocity(settings: Settings, tables: Tables) -> Iterator[Measure]:
    batches = _batches(settings, tables)
    for layer in ("bronze", "silver", STREAM):
        own = [batch for batch in batches if batch["stream"].partition(".")[0] == layer and batch["duration_seconds"]]
        # A table of gold that scoring feeds is no part of the stream that feeds gold.
        own = [batch for batch in own if batch["stream"] == STREAM or layer != STREAM]
        rates = [batch["rows_per_second"] for batch in own]
        lags = [batch["lag_seconds"] for batch in own if batch["lag_seconds"] is not None]
        spent = sum(batch["duration_seconds"] for batch in own)
        mean = sum(batch["rows_in"] for batch in own) / spent if spent else None
        yield Measure("velocity", f"into {layer}, a stream on average", mean, "rows/s")
        yield Measure("velocity", f"into {layer}, its fastest batch", max(rates, default=None), "rows/s")
        yield Measure(
            "velocity",
            f"from Kafka to {layer}, half of the batches within",
            float(np.median(lags)) if lags else None,
            "s",
        )


def _batches(settings: Settings, tables: Tables) -> list[dict[str, Any]]:
    """All known batches, whether the table has them yet or not."""
    names = (*METRICS.key, "error", "rows_in", "rows_per_second", "duration_seconds", "lag_seconds")
    table = rows(tables.get(METRICS.name), names)
    written = table.to_pylist() if table is not None else []
    pending = [
        row for name in streams_with_metrics(settings.metrics) for row in PendingMetrics(settings.metrics, name).rows()
    ]
    return [*written, *missing(pending, written)]


def _variety(tables: Tables) -> Iterator[Measure]:
    import pyarrow.compute as pc

    there = {name: tables[table.name] for name, table in SILVER.items() if size(tables.get(table.name))[0]}
    # A column of silver has the name of its field, but for the timestamp.
    fields = {
        field.name
        for name, table in there.items()
        for field in EVENTS[name].fields
        if field.name not in SILVER[name].column_names or _has(table, field.name)
    }
    kinds = rows(there.get("interactions"), ["interaction_type"])
    yield Measure("variety", "kinds of events", len(there), "kinds")
    yield Measure("variety", "fields that hold something", len(fields), "fields")
    yield Measure(
        "variety",
        "types of interactions",
        len(pc.unique(kinds["interaction_type"])) if kinds is not None else 0,
        "types",
    )


def _has(table: DeltaTable, column: str) -> bool:
    import pyarrow.dataset as ds

    held = dataset(table)
    if column not in held.schema.names:  # silver of an older release
        return False
    return bool(held.head(1, columns=[column], filter=ds.field(column).is_valid()).num_rows)


def _veracity(tables: Tables, minutes: float) -> Iterator[Measure]:
    import pyarrow.compute as pc

    table = rows(tables.get(QUALITY.name), ["rule", "received", "quarantined", "duplicates"])
    every = table.filter(pc.field("rule") == ALL).to_pylist() if table is not None else []
    received = sum(row["received"] for row in every)
    for what, column in (("in quarantine", "quarantined"), ("that are duplicates", "duplicates")):
        share = sum(row[column] for row in every) / received if received else None
        yield Measure("veracity", f"records {what}", share, "share")
    found = [rows(tables.get(one.name), ["topic_id", "partition", "offset", "event_at"]) for one in SILVER.values()]
    flags = [
        late(one["topic_id"], one["partition"], one["offset"], one["event_at"], minutes)
        for one in found
        if one is not None
    ]
    events = sum(len(one) for one in flags)
    share = sum(int(one.sum()) for one in flags) / events if events else None
    yield Measure("veracity", f"events that arrived more than {minutes:g} min after a later one", share, "share")


def late(topic: Any, partition: Any, offset: Any, event_at: Any, minutes: float) -> Any:
    """Which events happened this many minutes before an event with a lower offset in their partition."""
    _, topics = np.unique(np.asarray(topic, dtype=str), return_inverse=True)
    partitions = np.asarray(partition, dtype=np.int64)
    order = np.lexsort((np.asarray(offset, dtype=np.int64), partitions, topics))
    at = np.asarray(event_at, dtype="datetime64[us]").astype(np.int64)[order]
    flags = np.zeros(len(at), bool)
    changes = (np.diff(topics[order], prepend=-1) != 0) | (np.diff(partitions[order], prepend=-1) != 0)
    starts = np.flatnonzero(changes)
    for begin, end in pairwise([*starts, len(at)]):
        flags[begin:end] = np.maximum.accumulate(at[begin:end]) - at[begin:end] > minutes * 60_000_000
    found = np.zeros(len(at), bool)
    found[order] = flags
    return found


def _value(tables: Tables) -> Iterator[Measure]:
    table = rows(tables.get(FUNNEL.name), ["sessions", "purchase_sessions", "revenue"])
    sums = {name: sum(table[name].to_pylist()) for name in table.column_names} if table is not None else {}
    sessions = sums.get("sessions")
    yield Measure("value", "sessions", sessions, "sessions")
    yield Measure("value", "sessions that bought", sums["purchase_sessions"] / sessions if sessions else None, "share")
    yield Measure("value", "revenue", float(sums["revenue"]) if sums else None, "in the shop's currency")
