"""Without Spark, however records are batched, repeated and interrupted, each has one outcome; the first one stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.delta_log import examine
from pipelines.silver_writer import BatchCounts, write_silver_batch_in_process
from producers.contract.identity import identity
from producers.contract.validation import validate_record
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.local_tables import make_tables

EVENT = EVENTS["clicks"]
NOON = datetime(2026, 10, 15, 12, tzinfo=UTC)
GOOD = {
    "user_id": "u1",
    "session_id": "s1",
    "element_id": "btn_buy",
    "page_url": "https://shop.example/product/shoes/1",
    "timestamp": "2026-10-15T10:01:00Z",
}


def body(**changes):
    return json.dumps({**GOOD, **changes}).encode()


def table(*records):
    """Records as a partition, an offset, minutes after NOON, and a value."""
    rows = [
        {
            "topic": "clicks",
            "topic_id": "id",
            "partition": partition,
            "offset": offset,
            "arrived_at": NOON + timedelta(minutes=minutes),
            "value": value,
        }
        for partition, offset, minutes, value in records
    ]
    kinds = [("topic", pa.string()), ("topic_id", pa.string()), ("partition", pa.int32()), ("offset", pa.int64())]
    schema = pa.schema([*kinds, ("arrived_at", pa.timestamp("us", "UTC")), ("value", pa.binary())])
    return pa.Table.from_pylist(rows, schema=schema)


def stored(lake):
    """By their coordinates: what silver and quarantine hold, and of each duplicate which record was kept."""
    kept = lake.read(SILVER["clicks"], ["partition", "offset"]).to_pylist()
    waiting = lake.read(QUARANTINE, ["partition", "offset"]).to_pylist()
    dropped = lake.read(DUPLICATES, ["partition", "offset", "kept_partition", "kept_offset"]).to_pylist()
    return tuple(sorted(tuple(row.values()) for row in rows) for rows in (kept, waiting, dropped))


def expected(records):
    """The same by the contract's own functions, one record after the other."""
    kept, waiting, dropped = {}, [], []
    for partition, offset, minutes, value in sorted(records, key=lambda one: (one[2], one[0], one[1])):
        at = round((NOON + timedelta(minutes=minutes)).timestamp() * 1_000_000)
        result = validate_record(EVENT, value, at)
        if result.violations:
            waiting.append((partition, offset))
        elif (event := identity(EVENT, result.values)) in kept:
            dropped.append((partition, offset, *kept[event]))
        else:
            kept[event] = (partition, offset)
    return sorted(kept.values()), sorted(waiting), sorted(dropped)


BODIES = st.builds(
    body,
    user_id=st.sampled_from(["u1", "u1", "u2"]),
    event_id=st.sampled_from([None, "1", "2", "null"]),
    price=st.sampled_from([1, "1.0", 2, -1]),
    timestamp=st.sampled_from(["2026-10-15T10:00:00Z", "2026-10-15T12:00:00+02:00", "2026-10-14 10:00:00"]),
)
RECORDS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), BODIES), max_size=30)


@settings(max_examples=40)
@given(RECORDS, st.randoms(use_true_random=False))
def test_any_batching_with_crashes_gives_what_the_contract_says(tmp_path_factory, drawn, chance):
    lake = make_tables(tmp_path_factory.mktemp("silver"), SILVER["clicks"], QUARANTINE, DUPLICATES)
    records = [(partition, offset, minutes, value) for offset, (partition, minutes, value) in enumerate(drawn)]
    waiting = list(records)
    chance.shuffle(waiting)
    while waiting:
        size = chance.randint(1, 12)
        batch, waiting = table(*waiting[:size]), waiting[size:]
        die_before(lake, chance.randint(0, 4))
        try:
            write_silver_batch_in_process(lake, EVENT, batch)
        except KeyboardInterrupt:
            live_on(lake)
            write_silver_batch_in_process(lake, EVENT, batch)
        live_on(lake)
        if chance.random() < 0.3:
            write_silver_batch_in_process(lake, EVENT, batch)
    assert stored(lake) == expected(records)
    for one in (SILVER["clicks"], QUARANTINE, DUPLICATES):
        assert examine(lake.folder(one)) == []


def die_before(lake, number):
    """Lets the lake die before a write, counted from 0."""
    left = [number]

    def counted(write):
        def dying(*args, **options):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return write(*args, **options)

        return dying

    lake.append, lake.merge = counted(lake.append), counted(lake.merge)


def live_on(lake):
    lake.__dict__.pop("append", None)
    lake.__dict__.pop("merge", None)


def test_each_record_is_counted(tmp_path):
    lake = make_tables(tmp_path, SILVER["clicks"], QUARANTINE, DUPLICATES)
    batch = table((0, 0, 0, body()), (0, 1, 1, b"{}"), (0, 2, 2, body()), (0, 3, 3, None), (0, 4, 4, body(price=1)))
    for _ in range(2):
        assert write_silver_batch_in_process(lake, EVENT, batch) == BatchCounts(5, 2, 2, 1)
    row = lake.read(QUARANTINE).to_pylist()[0]
    assert (row["rules"][0], row["status"], row["discard_reason"]) == ("user_id_missing", "open", None)
    assert len(row["rules"]) == len(row["sentences"])
    assert row["value"] == b"{}"


def test_a_batch_looks_into_the_files_of_its_instants(tmp_path, monkeypatch):
    lake = make_tables(tmp_path, SILVER["clicks"], QUARANTINE, DUPLICATES)
    for hour in range(6):
        write_silver_batch_in_process(lake, EVENT, table((0, hour, 0, body(timestamp=f"2026-10-15T0{hour}:00:00Z"))))
    opened = []
    read = type(lake).read
    monkeypatch.setattr(
        type(lake),
        "read",
        lambda self, one, columns=None, where=None: opened.append((one, where)) or read(self, one, columns, where),
    )
    again = table((1, 0, 9, body(timestamp="2026-10-15T03:00:00Z")))
    assert write_silver_batch_in_process(lake, EVENT, again).duplicates == 1
    [(_, where)] = [one for one in opened if one[0] is SILVER["clicks"]]
    assert len(lake.files(SILVER["clicks"], where)) == 1
