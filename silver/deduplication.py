"""Deduplicate validated events: the first to arrive stays, whichever batch it comes in.

``rank_arrivals`` is the one function that decides. The rebuild calls it for all of bronze, by
``first_arrivals`` and ``later_arrivals``. The stream (pipelines/silver_writer.py) calls it for the few
events of a micro-batch that occur more than once, by ``rank_against_silver``: each further Spark job
would cost a small batch more than this does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bronze.raw_events import ARRIVED_AT, COORDINATE_NAMES, COORDINATES
from lakehouse.table import Column

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

ARRIVAL = ("arrived_at", "topic_id", "partition", "offset")
"""The order in which records arrived, by the broker's clock; total, and the same for every batching."""

IDENTITY = Column("identity", "BINARY", "Sixteen bytes that two records share when they are the same event.", True)

KEPT = tuple(
    Column(f"kept_{column.name}", column.type, f"Of the record that was kept: {column.doc}", column.required)
    for column in COORDINATES
)
"""The coordinates of the record that was kept in place of a duplicate."""

DUPLICATE = (*COORDINATES, ARRIVED_AT, IDENTITY, *KEPT)
"""The columns of a duplicate."""

RANKED = ["identity", "arrived_at", *COORDINATE_NAMES]
"""The columns that ranking needs."""


def rank_arrivals(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Add to every record ``is_first``, and as ``kept_...`` the coordinates of its event's first arrival.

    The records are good, each occurs once, and all are sorted by identity and ARRIVAL. Batches may end
    between two records of one event.
    """
    import pyarrow as pa

    first: pa.RecordBatch | None = None  # of the event that the batch before ended with
    for batch in batches:
        if not batch.num_rows:
            continue
        rows = batch if first is None else pa.concat_batches([first, batch])
        ranked, first_row = _rank(rows)
        yield ranked if first is None else ranked.slice(1)
        first = rows.slice(first_row, 1)


def _rank(rows: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
    """Rank sorted records, and tell at which row the last event begins."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    identity = rows.column("identity")
    is_first = np.ones(rows.num_rows, np.bool_)
    is_first[1:] = pc.not_equal(identity[1:], identity[:-1]).to_numpy(zero_copy_only=False)
    firsts = np.flatnonzero(is_first)
    first_of_row = pa.array(firsts[np.cumsum(is_first) - 1])
    ranked = rows.append_column("is_first", pa.array(is_first))
    for name in COORDINATE_NAMES:
        ranked = ranked.append_column(f"kept_{name}", rows.column(name).take(first_of_row))
    return ranked, int(firsts[-1])


def first_arrivals(validated: DataFrame) -> DataFrame:
    """The good records; of those that are the same event, the first to arrive."""
    good = good_records(validated)
    names = good.columns

    def firsts(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for ranked in rank_arrivals(batches):
            yield ranked.filter(ranked.column("is_first")).select(names)

    return _sorted_by_event(good).mapInArrow(firsts, good.schema)


def later_arrivals(validated: DataFrame) -> DataFrame:
    """One row per good record whose event had arrived before, with the coordinates of its first arrival."""
    names = [column.name for column in DUPLICATE]

    def laters(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow.compute as pc

        for ranked in rank_arrivals(batches):
            yield ranked.filter(pc.invert(ranked.column("is_first"))).select(names)

    schema = ", ".join(f"`{column.name}` {column.type}" for column in DUPLICATE)
    return _sorted_by_event(good_records(validated).select(*RANKED)).mapInArrow(laters, schema)


def good_records(validated: DataFrame) -> DataFrame:
    """The validated records without violations, in the columns of their silver table."""
    return validated.where("violations IS NULL").drop("violations", "value")


def _sorted_by_event(good: DataFrame) -> DataFrame:
    return good.repartition("identity").sortWithinPartitions("identity", *ARRIVAL)


def rank_against_silver(batch: pa.Table, silver: pa.Table) -> pa.Table:
    """Rank the good records of a batch together with silver's rows of the same events.

    Both have the columns RANKED. The result has one row per record, also of a record that is in both,
    and says beside what ``rank_arrivals`` adds: ``in_batch``; ``in_silver``; ``event_in_silver``, silver has
    the event, by this record or by another.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    def marked(rows: pa.Table, *, in_silver: bool) -> pa.Table:
        marks = {"in_batch": not in_silver, "in_silver": in_silver}
        columns = {name: pa.array(np.full(rows.num_rows, mark)) for name, mark in marks.items()}
        return pa.table({**{name: rows[name] for name in RANKED}, **columns})

    new = marked(batch, in_silver=False)
    both = pa.concat_tables([new, marked(silver, in_silver=True).cast(new.schema)])
    records = both.group_by(RANKED).aggregate([("in_batch", "any"), ("in_silver", "any")])
    records = records.rename_columns([*RANKED, "in_batch", "in_silver"])
    in_order = records.sort_by([(name, "ascending") for name in ("identity", *ARRIVAL)]).combine_chunks()
    ranked = pa.Table.from_batches(rank_arrivals(iter(in_order.to_batches())))
    return ranked.append_column("event_in_silver", pc.is_in(ranked["identity"], value_set=silver["identity"]))
