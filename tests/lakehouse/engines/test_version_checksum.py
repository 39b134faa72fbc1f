"""Beside a commit stands what its version is: by what the log says, and as Spark counts itself."""

from __future__ import annotations

import json
import tempfile
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lakehouse.engines.delta_commit import commit_info, write_commit
from lakehouse.engines.local_lake import LocalLake
from lakehouse.table import Column, Table
from tests.support.local_tables import arrow_schema, make_tables

TABLE = Table(
    name="gold.things",
    doc="One row per thing, \u00fcber alles.",
    columns=(
        Column("thing", "BIGINT", "The thing.", required=True),
        Column("seen_on", "DATE", "On which day, \u201cby the clock\u201d.", required=True),
    ),
    key=("thing",),
    sort_by=("seen_on",),
    properties={"delta.enableChangeDataFeed": "true"},
    rows_per_file=3,
)


def things(numbers):
    rows = [{"thing": one, "seen_on": date(2026, 10, 15) + timedelta(days=one % 3)} for one in sorted(numbers)]
    return pa.Table.from_pylist(rows, schema=arrow_schema(TABLE))


def write(lake, how, numbers):
    if how == "compact":
        lake.compact(TABLE)
    elif how == "merge without":
        rows = things(numbers)
        lake.merge(TABLE, rows.append_column("gone", pa.array([True] * len(rows))), deleted="gone")
    else:
        getattr(lake, how)(TABLE, things(numbers))


def checksum(folder, version):
    return json.loads((folder / "_delta_log" / f"{version:020d}.crc").read_text(encoding="utf-8"))


def actions(folder, name):
    """What the log says of a kind, the newest last."""
    lines = [line for path in sorted((folder / "_delta_log").glob("*.json")) for line in path.read_text().splitlines()]
    return [found[name] for found in map(json.loads, lines) if name in found]


def plain(metadata):
    return {name: value for name, value in metadata.items() if value is not None}


writes = st.tuples(
    st.sampled_from(["append", "merge", "merge without", "overwrite", "compact"]), st.sets(st.integers(0, 12))
)


@examples(max_examples=40)
@given(st.lists(writes, min_size=1, max_size=6))
@example([("append", {number}) for number in range(13)])  # beyond a checkpoint
@example([("append", {number, 20}) for number in range(13)])
def test_each_version_has_the_files_that_its_log_has(steps):
    with tempfile.TemporaryDirectory() as home:
        lake = make_tables(Path(home), TABLE)
        folder = lake.folder(TABLE)
        for how, numbers in steps:
            write(lake if len(numbers) % 2 else LocalLake(lake.root, Path(home) / "locks"), how, numbers)
        newest = DeltaTable(folder).version()
        assert {int(path.stem) for path in (folder / "_delta_log").glob("*.crc")} == set(range(1, newest + 1))
        for version in range(1, newest + 1):
            found, files = checksum(folder, version), DeltaTable(folder, version=version).get_add_actions()
            sizes = pa.table(files)["size_bytes"].to_pylist()
            assert (found["numFiles"], found["tableSizeBytes"]) == (len(sizes), sum(sizes))
            assert plain(found["metadata"]) == plain(actions(folder, "metaData")[-1])
            assert found["protocol"] == actions(folder, "protocol")[-1]


def test_a_checksum_of_another_history_goes_with_the_commit(tmp_path):
    """A log whose newest commits were deleted by hand: what stands there of them is of no use."""
    lake = make_tables(tmp_path, TABLE)
    lake.append(TABLE, things({1}))
    log = lake.folder(TABLE) / "_delta_log"
    stale = log / f"{2:020d}.crc"
    for name in (stale.name, f".{stale.name}.crc"):
        (log / name).write_text("of another history")
    assert write_commit(lake.folder(TABLE), 2, [commit_info("WRITE", 2, {})])
    assert not list(log.glob("*2.crc*"))
    lake.append(TABLE, things({2}))
    assert checksum(lake.folder(TABLE), 3)["numFiles"] == 2


def test_a_checksum_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    lake = make_tables(tmp_path, TABLE)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    lake.append(TABLE, things({1}))
    assert lake.rows(TABLE) == 1
    assert not list((lake.folder(TABLE) / "_delta_log").glob("*.crc*"))


@pytest.mark.spark
@pytest.mark.parametrize("left", ["whole", "emptied", "cut short"])
def test_spark_counts_the_same_and_goes_on_from_it(lake, settings, left):
    """Spark compares each field with what it counts from the log; and it does without a damaged one."""
    lake.ensure(TABLE)
    local = LocalLake(lake.root, settings.locks)
    for how, numbers in (("append", {1, 2, 5}), ("merge", {2, 3}), ("merge without", {1}), ("compact", ())):
        write(local, how, numbers)
    folder, version = local.folder(TABLE), local.version(TABLE)
    path = folder / "_delta_log" / f"{version:020d}.crc"
    whole = path.read_bytes()
    path.write_bytes({"whole": whole, "emptied": b"", "cut short": whole[:50]}[left])
    assert lake.read(TABLE).count() == 3
    snapshot = lake.spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(
        lake.spark._jsparkSession, str(folder)
    ).unsafeVolatileSnapshot()
    assert snapshot.version() == version
    assert snapshot.checksumOpt().isDefined() == (left == "whole")
    assert snapshot.validateChecksum(getattr(snapshot, "validateChecksum$default$1")())
    lake.upsert(TABLE, lake.spark.createDataFrame([(9, date(2026, 10, 15))], "thing BIGINT, seen_on DATE"))
    found = checksum(folder, version + 1)
    assert found["numFiles"] == len(DeltaTable(folder).file_uris())
    assert found["metadata"] == json.loads(whole)["metadata"]
