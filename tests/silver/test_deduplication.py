"""Of equal events the first to arrive stays, in any order, in any batches, however often one is repeated."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from bronze.raw_events import COORDINATE_NAMES
from silver.deduplication import ARRIVAL, RANKED, rank_against_silver, rank_arrivals

SCHEMA = pa.schema(
    [
        ("identity", pa.binary()),
        ("arrived_at", pa.timestamp("us", "UTC")),
        ("topic", pa.string()),
        ("topic_id", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
    ]
)

# Few identities and few instants, so that many records are equal and many arrive at the same time.
records_strategy = st.lists(
    st.builds(
        lambda identity, arrived_at, topic_id, partition, offset: {
            "identity": identity,
            "arrived_at": arrived_at,
            "topic": "clicks",
            "topic_id": topic_id,
            "partition": partition,
            "offset": offset,
        },
        st.sampled_from([b"a", b"b", b"c"]),
        st.integers(0, 2),
        st.sampled_from(["t1", "t2"]),
        st.integers(0, 1),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=25,
    unique_by=lambda record: tuple(record[name] for name in COORDINATE_NAMES),
)


def table(records: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(records, schema=SCHEMA)


def coordinates(row: dict, prefix: str = "") -> tuple:
    return tuple(row[prefix + name] for name in COORDINATE_NAMES)


def arrival(record: dict) -> tuple:
    return tuple(record[name] for name in ARRIVAL)


def expected(records: list[dict]) -> tuple[set, dict]:
    """The coordinates that silver keeps, and of every duplicate the record kept in its place."""
    firsts: dict[bytes, tuple] = {}
    duplicates = {}
    for record in sorted(records, key=arrival):
        first = firsts.setdefault(record["identity"], coordinates(record))
        if first != coordinates(record):
            duplicates[coordinates(record)] = first
    return set(firsts.values()), duplicates


def cut(rows: list, places: list[int]) -> list[list]:
    """The rows in parts, which begin at these places."""
    edges = sorted({0, len(rows), *(place % (len(rows) + 1) for place in places)})
    return [rows[start:end] for start, end in pairwise(edges)]


class Silver:
    """Silver and its duplicates as the writer leaves them, in plain Python."""

    def __init__(self) -> None:
        self.rows: dict[tuple, dict] = {}
        self.duplicates: dict[tuple, tuple] = {}

    def write(self, batch: list[dict]) -> None:
        ranked = rank_against_silver(table(batch), table(list(self.rows.values()))).to_pylist()
        for row in ranked:
            place, first = coordinates(row), coordinates(row, "kept_")
            assert row["is_first"] == (place == first)
            assert row["in_silver"] == (place in self.rows)
            if not row["is_first"]:
                self.duplicates[place] = first
                self.duplicates |= {other: first for other, kept in self.duplicates.items() if kept == place}
        for row in ranked:
            if row["is_first"]:
                self.rows[coordinates(row)] = {name: row[name] for name in RANKED}
            else:
                self.rows.pop(coordinates(row), None)


@given(records_strategy, st.lists(st.integers(0, 25), max_size=5))
def test_ranking_is_the_same_wherever_batches_end(records, places):
    in_order = sorted(records, key=lambda record: (record["identity"], *arrival(record)))
    batches = [table(part).combine_chunks().to_batches()[0] for part in cut(in_order, places)]
    ranked = pa.Table.from_batches(rank_arrivals(iter(batches))).to_pylist()
    assert [coordinates(row) for row in ranked] == [coordinates(record) for record in in_order]
    kept, duplicates = expected(records)
    assert {coordinates(row) for row in ranked if row["is_first"]} == kept
    assert {coordinates(row): coordinates(row, "kept_") for row in ranked if not row["is_first"]} == duplicates


@given(records_strategy, st.randoms(), st.lists(st.integers(0, 25), max_size=5))
def test_any_order_and_batching_keeps_the_first_arrival(records, random, places):
    shuffled = list(records)
    random.shuffle(shuffled)
    silver = Silver()
    for batch in cut(shuffled, places):
        silver.write(batch)
        if random.random() < 0.3:
            silver.write(batch)
    assert (set(silver.rows), silver.duplicates) == expected(records)


@given(records_strategy)
def test_ties_of_arrival_go_by_topic_id_partition_offset(records):
    tied = [record | {"identity": b"a", "arrived_at": 0} for record in records]
    silver = Silver()
    silver.write(tied)
    assert set(silver.rows) == {min(coordinates(record) for record in tied)}


@given(records_strategy)
def test_a_batch_written_again_is_all_in_silver_or_duplicate(records):
    silver = Silver()
    silver.write(records)
    again = rank_against_silver(table(records), table(list(silver.rows.values()))).to_pylist()
    assert len(again) == len(records)
    assert all(row["in_batch"] and row["event_in_silver"] for row in again)
    assert all(row["in_silver"] == row["is_first"] for row in again)


def test_a_record_of_silver_that_is_not_in_the_batch_is_marked():
    early = {"identity": b"a", "arrived_at": 0, "topic": "clicks", "topic_id": "t", "partition": 0, "offset": 1}
    late = early | {"arrived_at": 5, "offset": 2}
    first, second = rank_against_silver(table([early]), table([late])).to_pylist()
    assert (first["in_batch"], first["in_silver"], first["is_first"]) == (True, False, True)
    assert (second["in_batch"], second["in_silver"], second["is_first"]) == (False, True, False)
    assert first["event_in_silver"]
    assert coordinates(second, "kept_") == coordinates(early)
