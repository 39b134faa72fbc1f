"""Bronze loses what is old, read and accounted for, from the start of each partition; quarantine loses bytes alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bronze.raw_events import BRONZE
from lakehouse.delta_log import same_rows_until, transactions
from lakehouse.engines.erasing_lake import ErasingLake
from pipelines.operations.old_quarantine import count_old_rows, expire_old_rows
from pipelines.operations.old_records import delete_old_records, find_old_records
from pipelines.operations.retention import delete_old_rows, find_old_rows
from pipelines.runtime.past_retention import first_kept, gone_from
from pipelines.runtime.settings import load_settings
from pipelines.silver_writer import write_silver_batch_in_process
from producers.events import EVENTS
from silver.duplicates import DUPLICATES
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.erasure import streams_have_read
from tests.support.local_tables import make_tables
from tests.support.records import value

TABLE = BRONZE["clicks"]
CUTOFF = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = ("good", "bad", "again")


def lake_in(folder, **retention):
    make_tables(folder, *BRONZE.values(), *SILVER.values(), QUARANTINE, DUPLICATES)
    made = load_settings(lake=str(folder / "lake"), state=folder / "state", retention=retention)
    return made, ErasingLake(made.lake_root, made.locks)


def land(lake, rows, *, refined=True):
    """Rows of (partition, offset, seconds from the cutoff, kind) into bronze, and from there to their outcomes."""
    bodies = {"bad": lambda _: b"\x00", "again": lambda _: body(-1), "good": lambda place: body(hash(place) % 99_999)}
    made = [
        {
            "topic": "clicks",
            "topic_id": "id/of=it",
            "partition": partition,
            "offset": offset,
            "arrived_at": CUTOFF + timedelta(seconds=seconds),
            "value": bodies[kind]((partition, offset)),
            "ingested_at": CUTOFF,
            "ingested_on": CUTOFF.date(),
        }
        for partition, offset, seconds, kind in rows
    ]
    records = pa.Table.from_pylist(made, lake.schema(TABLE))
    lake.append(TABLE, records)
    if refined:
        write_silver_batch_in_process(lake, EVENTS["clicks"], records)


def body(number):
    return value("clicks", timestamp="2025-06-01T10:00:00Z", x_coord=number + 1)


def held(lake):
    rows = lake.read(TABLE, ["partition", "offset"]).to_pylist()
    return sorted((row["partition"], row["offset"]) for row in rows)


RECORDS = st.lists(
    st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 2), st.sampled_from(KINDS)), min_size=1, max_size=5),
    min_size=1,
    max_size=4,
)


def with_offsets(batches):
    """The records of each batch with offsets as Kafka gives them: with a gap now and then, never back."""
    ends = defaultdict(int)
    for batch in batches:
        numbered = []
        for partition, hours, kind in batch:
            numbered.append((partition, ends[partition], hours * 3_600, kind))
            ends[partition] += 1 + (hours == 1)
        yield numbered


def expected(batches, unread_from):
    """The records that go: old and read ones, until the first of their partition that is not both."""
    found, stopped = [], set()
    for number, batch in enumerate(batches):
        for partition, offset, seconds, _ in batch:
            if seconds >= 0 or number >= unread_from:
                stopped.add(partition)
            elif partition not in stopped:
                found.append((partition, offset))
    return sorted(found)


@settings(max_examples=40)
@given(batches=RECORDS, behind=st.integers(0, 2), zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]))
def test_what_is_old_and_read_goes_from_each_start(tmp_path_factory, batches, behind, zone):
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        made, lake = lake_in(tmp_path_factory.mktemp("bronze"))
        numbered = list(with_offsets(batches))
        unread_from = max(len(numbered) - behind, 0)
        for number, batch in enumerate(numbered):
            if number == unread_from:
                streams_have_read(made, lake)
            land(lake, batch, refined=number < unread_from)
        if unread_from == len(numbered):
            streams_have_read(made, lake)
        everything, going = held(lake), expected(numbered, unread_from)
        assert find_old_records(made, lake, "clicks", CUTOFF).rows == len(going)
        version = lake.version(TABLE)
        done = delete_old_records(made, lake, "clicks", CUTOFF)
        assert done.rows == len(going)
        assert held(lake) == sorted(set(everything) - set(going))
        assert lake.version(TABLE) == version + bool(going)
        # Who follows the table reads nothing of it, and what is gone is known, through a checkpoint too.
        assert same_rows_until(lake.folder(TABLE), version) == lake.version(TABLE)
        lake.open(TABLE).create_checkpoint()
        gone = gone_from(made, TABLE)
        assert sum(one.records for one in gone.values()) == len(going)
        assert all(
            (offset < gone["id/of=it", partition].below) == ((partition, offset) in going)
            for partition, offset in everything
            if ("id/of=it", partition) in gone
        )
        unread_is_old = any(seconds < 0 for batch in numbered[unread_from:] for _, _, seconds, _ in batch)
        assert ("has yet to read" in done.stay) == unread_is_old
        assert delete_old_records(made, lake, "clicks", CUTOFF).rows == 0
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def test_a_record_without_an_outcome_stays_and_is_told(tmp_path):
    made, lake = lake_in(tmp_path)
    land(lake, [(0, 0, -9, "good"), (1, 0, -9, "good")])
    land(lake, [(1, 1, -9, "good")], refined=False)
    streams_have_read(made, lake)
    done = delete_old_records(made, lake, "clicks", CUTOFF)
    assert (done.rows, held(lake)) == (1, [(1, 0), (1, 1)])
    assert "`clickstream verify` names them" in done.stay


def test_what_came_back_from_kafka_is_counted_once(tmp_path):
    made, lake = lake_in(tmp_path)
    rows = [(0, number, -9, "good") for number in range(3)]
    land(lake, rows)
    streams_have_read(made, lake)
    assert delete_old_records(made, lake, "clicks", CUTOFF).rows == 3
    land(lake, [*rows, (0, 3, -5, "bad")])
    streams_have_read(made, lake)
    assert delete_old_records(made, lake, "clicks", CUTOFF).rows == 4
    (gone,) = gone_from(made, TABLE).values()
    assert (gone.below, gone.records, held(lake)) == (4, 4, [])
    assert first_kept(made, TABLE, "id/of=it") == {0: 4}
    assert first_kept(made, TABLE, "another") == {}


@pytest.mark.parametrize("position", ["none", "amid the first snapshot"])
def test_without_a_stream_that_read_it_all_stays(tmp_path, position):
    made, lake = lake_in(tmp_path)
    land(lake, [(0, 0, -9, "good")])
    if position != "none":
        streams_have_read(made, lake)
        path = made.checkpoint(SILVER["clicks"]) / "offsets" / "0"
        path.write_text(path.read_text().replace('"index"', '"isStartingVersion": true, "index"'))
    assert delete_old_records(made, lake, "clicks", CUTOFF).rows == 0
    assert held(lake) == [(0, 0)]


def test_it_is_off_unless_days_are_set(tmp_path):
    made, lake = lake_in(tmp_path)
    land(lake, [(0, 0, -9, "good"), (0, 1, -9, "bad")])
    streams_have_read(made, lake)
    for table in (TABLE, QUARANTINE):
        assert delete_old_rows(made, table).rows == 0
    assert transactions(lake.folder(TABLE)) == {}
    days = (datetime.now(UTC) - CUTOFF).days - 1
    on = load_settings(
        lake=made.lake_root, state=made.state_root, retention={"bronze_days": days, "quarantine_days": days}
    )
    assert [find_old_rows(on, table).rows for table in (TABLE, QUARANTINE)] == [2, 1]
    assert [delete_old_rows(on, table).rows for table in (TABLE, QUARANTINE)] == [2, 1]


@settings(max_examples=30)
@given(ages=st.lists(st.tuples(st.integers(-2, 1), st.sampled_from(["open", "replayed", "discarded"])), max_size=6))
def test_old_quarantine_keeps_its_rows_without_bytes(tmp_path_factory, ages):
    _, lake = lake_in(tmp_path_factory.mktemp("quarantine"))
    if ages:
        land(lake, [(0, number, hours * 3_600, "bad") for number, (hours, _) in enumerate(ages)])
        rows = lake.read(QUARANTINE).to_pylist()
        for row in rows:
            row["status"] = ages[row["offset"]][1]
            row["discard_reason"] = "spam" if row["status"] == "discarded" else None
        lake.overwrite(QUARANTINE, pa.Table.from_pylist(rows, lake.schema(QUARANTINE)))
    before = {row["offset"]: row for row in lake.read(QUARANTINE).to_pylist()}
    old = {number for number, (hours, _) in enumerate(ages) if hours < 0}
    version = lake.version(QUARANTINE)
    assert count_old_rows(lake, CUTOFF) == expire_old_rows(lake, CUTOFF) == len(old)
    after = {row["offset"]: row for row in lake.read(QUARANTINE).to_pylist()}
    assert after.keys() == before.keys()
    for offset, row in after.items():
        if offset not in old:
            assert row == before[offset]
            continue
        assert (row["value"], row["rules"]) == (None, before[offset]["rules"])
        assert b"x00" not in repr(row["sentences"]).encode()
        assert row["status"] == {"open": "discarded"}.get(ages[offset][1], ages[offset][1])
        assert row["discard_reason"] == {"open": "past_retention", "discarded": "spam"}.get(ages[offset][1])
    assert same_rows_until(lake.folder(QUARANTINE), version) == lake.version(QUARANTINE)
    assert expire_old_rows(lake, CUTOFF) == 0


def test_a_half_replayed_record_is_left_for_recover(tmp_path):
    _, lake = lake_in(tmp_path)
    land(lake, [(0, 0, -9, "bad"), (0, 1, -9, "bad")])
    (row, _) = lake.read(QUARANTINE).to_pylist()
    lake.overwrite(QUARANTINE, lake.read(QUARANTINE))
    land(lake, [(0, row["offset"], -9, "good")])  # silver has it, and quarantine says that it waits
    assert expire_old_rows(lake, CUTOFF) == 1
    assert [one["status"] for one in sorted(lake.read(QUARANTINE).to_pylist(), key=lambda one: one["offset"])] == [
        "open",
        "discarded",
    ]


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from lakehouse.engines import local_lake
from lakehouse.engines.erasing_lake import ErasingLake
from pipelines.operations.old_records import delete_old_records
from pipelines.runtime.settings import load_settings

commit = local_lake.write_commit

def killed(*arguments):
    if sys.argv[3] == "after":
        commit(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

local_lake.write_commit = killed
made = load_settings(lake=sys.argv[1], state=sys.argv[2])
delete_old_records(made, ErasingLake(made.lake_root, made.locks), "clicks", datetime(2026, 3, 1, tzinfo=UTC))
"""


@pytest.mark.parametrize(("moment", "left"), [("before", 2), ("after", 0)])
def test_killed_at_the_commit_it_is_done_or_not(tmp_path, moment, left):
    made, lake = lake_in(tmp_path)
    land(lake, [(0, number, number * 3_600 - 7_200, "good") for number in range(4)])
    streams_have_read(made, lake)
    command = [sys.executable, "-c", KILLED, made.lake_root, str(made.state_root), moment]
    assert subprocess.run(command, check=False, timeout=120).returncode == -signal.SIGKILL
    assert len(held(lake)) == 2 + left
    assert sum(one.records for one in gone_from(made, TABLE).values()) == 2 - left
    assert delete_old_records(made, lake, "clicks", CUTOFF).rows == left
    assert held(lake) == [(0, 2), (0, 3)]
    assert [(one.below, one.records) for one in gone_from(made, TABLE).values()] == [(2, 2)]
