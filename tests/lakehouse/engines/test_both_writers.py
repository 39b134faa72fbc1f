"""Spark and this process write the same tables in turn; each reads the other, and streams and old tables go on."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import functions as F

from lakehouse.delta_log import examine
from lakehouse.engines.local_lake import LocalLake
from lakehouse.errors import ColumnTypeError
from lakehouse.table import Column, Table
from pipelines.runtime.catalog import TABLES
from tests.support.records import rows

pytestmark = pytest.mark.spark

TABLE = Table(
    name="gold.things",
    doc="One row per thing.",
    columns=(
        Column("thing_id", "STRING", "The thing.", required=True),
        Column("price", "DECIMAL(18,2)", "What it costs."),
        Column("seen_at", "TIMESTAMP", "When it was seen."),
        Column("seen_on", "DATE", "On which day.", required=True),
    ),
    key=("thing_id",),
    sort_by=("seen_on",),
    properties={"delta.enableChangeDataFeed": "true", "delta.dataSkippingStatsColumns": "thing_id,seen_on,seen_at"},
)
DDL = "thing_id STRING, price DECIMAL(18,2), seen_at TIMESTAMP, seen_on DATE"
AT = datetime(2026, 10, 15, 12, 0, 0, 123456, tzinfo=UTC)
DAY = date(2026, 10, 15)


@pytest.fixture
def local(lake, settings):
    return LocalLake(lake.root, settings.state / "locks")


def by_spark(lake, *values):
    made = [(thing, price, AT, DAY) for thing, price in values]
    return lake.spark.createDataFrame(made, "thing_id STRING, price INT, seen_at TIMESTAMP, seen_on DATE").select(
        "thing_id", F.col("price").cast("DECIMAL(18,2)"), "seen_at", "seen_on"
    )


def by_arrow(*values):
    names = ["thing_id", "price", "seen_at", "seen_on"]
    return pa.Table.from_pylist(
        [dict(zip(names, (thing, price, AT, DAY), strict=True)) for thing, price in values],
        schema=pa.schema(
            [
                ("thing_id", pa.string()),
                ("price", pa.decimal128(18, 2)),
                ("seen_at", pa.timestamp("us", "UTC")),
                ("seen_on", pa.date32()),
            ]
        ),
    )


def stored(lake):
    found = rows(lake.read(TABLE), "thing_id", "price", "seen_at")
    assert all(at.replace(tzinfo=UTC) == AT for _, _, at in found)
    return [(thing, int(price)) for thing, price, _ in found]


def as_an_older_release(lake, table):
    """Makes a table with CLUSTER BY."""
    properties = ", ".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.properties.items())
    lake.spark.sql(
        f"CREATE TABLE delta.`{lake.path(table)}` ({table.ddl}) USING delta CLUSTER BY ({', '.join(table.sort_by)}) "
        f"COMMENT {json.dumps(table.doc)} TBLPROPERTIES ({properties})"
    )


class Feed:
    """A stream of a table's change feed, with a checkpoint; each run reads what is there."""

    def __init__(self, lake, folder):
        self._lake = lake
        self._checkpoint = folder / "checkpoint"

    def run(self):
        seen: Counter[tuple[str, str, int]] = Counter()

        def take(frame, _):
            seen.update(
                (row[0], row[1], int(row[2])) for row in frame.select("_change_type", "thing_id", "price").collect()
            )

        source = self._lake.spark.readStream.format("delta").option("readChangeFeed", "true")
        query = (
            source.load(self._lake.path(TABLE))
            .writeStream.foreachBatch(take)
            .option("checkpointLocation", str(self._checkpoint))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        return sorted(seen.elements())


def test_both_write_in_turn_and_a_stream_reads_both(lake, local, tmp_path):
    lake.ensure(TABLE)
    feed = Feed(lake, tmp_path)
    lake.append(TABLE, by_spark(lake, ("a", 1)))
    local.append(TABLE, by_arrow(("b", 2)))
    assert feed.run() == [("insert", "a", 1), ("insert", "b", 2)]
    local.merge(TABLE, by_arrow(("a", 10), ("c", 3)))
    lake.upsert(TABLE, by_spark(lake, ("b", 20), ("d", 4)))
    assert stored(lake) == [("a", 10), ("b", 20), ("c", 3), ("d", 4)]
    assert feed.run() == [
        ("insert", "c", 3),
        ("insert", "d", 4),
        ("update_postimage", "a", 10),
        ("update_postimage", "b", 20),
        ("update_preimage", "a", 1),
        ("update_preimage", "b", 2),
    ]
    gone = by_arrow(("a", 0), ("d", 0)).append_column("gone", pa.array([True, True]))
    local.merge(TABLE, gone, deleted="gone")
    assert feed.run() == [("delete", "a", 10), ("delete", "d", 4)]
    local.compact(TABLE)
    lake.compact(TABLE)
    assert feed.run() == []
    local.overwrite(TABLE, by_arrow(("e", 5)))
    assert feed.run() == [("delete", "b", 20), ("delete", "c", 3), ("insert", "e", 5)]
    detail = lake.spark.sql(f"DESCRIBE DETAIL delta.`{lake.path(TABLE)}`").first()
    assert detail["minReaderVersion"] == 1
    assert set(detail["tableFeatures"]) == {"appendOnly", "changeDataFeed", "invariants"}
    assert [row["operation"] for row in lake.history(TABLE).orderBy("version").collect()][:4] == [
        "CREATE TABLE",
        "WRITE",
        "WRITE",
        "MERGE",
    ]
    assert rows(lake.read(TABLE, 2), "thing_id") == [("a",), ("b",)]


def test_each_knows_the_batches_of_the_other(lake, local):
    lake.ensure(TABLE)
    lake.append(TABLE, by_spark(lake, ("a", 1)), batch=("query", 1))
    assert not local.append(TABLE, by_arrow(("a", 1)), batch=("query", 1))
    assert local.append(TABLE, by_arrow(("b", 1)), batch=("query", 2))
    lake.append(TABLE, by_spark(lake, ("b", 1)), batch=("query", 2))
    assert stored(lake) == [("a", 1), ("b", 1)]


def test_a_checkpoint_of_either_is_read_by_the_other(lake, local):
    lake.ensure(TABLE)
    for n in range(10):
        local.append(TABLE, by_arrow((f"l{n}", n)))
    assert (lake.folder(TABLE) / "_delta_log" / f"{10:020d}.checkpoint.parquet").exists()
    lake.spark.catalog.clearCache()
    for n in range(10):
        lake.append(TABLE, by_spark(lake, (f"s{n}", n)))
    assert (lake.folder(TABLE) / "_delta_log" / f"{20:020d}.checkpoint.parquet").exists()
    assert LocalLake(local.root, local._locks).read(TABLE).num_rows == 20
    assert len(stored(lake)) == 20
    assert (
        lake.read(TABLE).where("seen_on = DATE'2026-10-15' AND seen_at = TIMESTAMP'2026-10-15 12:00:00.123456'").count()
        == 20
    )


def test_an_older_table_is_taken_along(lake, local, tmp_path):
    as_an_older_release(lake, TABLE)
    feed = Feed(lake, tmp_path)
    for n in range(11):
        lake.append(TABLE, by_spark(lake, (f"{n:02d}", n)), batch=("query", n))
    assert len(feed.run()) == 11
    lake.append(TABLE, by_spark(lake, ("unread", 0)))
    before, version, content = lake.table_id(TABLE), lake.version(TABLE), stored(lake)
    assert "clustering" in (DeltaTable(lake.folder(TABLE)).protocol().writer_features or [])
    for _ in range(2):
        lake.ensure(TABLE)
        assert lake.version(TABLE) == version + 2  # it is made plain, and no longer cleans its own log
    assert (lake.table_id(TABLE), stored(lake)) == (before, content)
    assert rows(lake.read(TABLE, version), "thing_id") == rows(lake.read(TABLE), "thing_id")
    assert not local.append(TABLE, by_arrow(("10", 10)), batch=("query", 10))
    local.merge(TABLE, by_arrow(("00", 100), ("by arrow", 1)))
    lake.upsert(TABLE, by_spark(lake, ("01", 101), ("by spark", 1)))
    local.append(TABLE, by_arrow(("last", 1)))
    assert feed.run() == [
        ("insert", "by arrow", 1),
        ("insert", "by spark", 1),
        ("insert", "last", 1),
        ("insert", "unread", 0),
        ("update_postimage", "00", 100),
        ("update_postimage", "01", 101),
        ("update_preimage", "00", 0),
        ("update_preimage", "01", 1),
    ]
    for n in range(10):  # a checkpoint by Spark
        lake.append(TABLE, by_spark(lake, (f"more {n}", n)))
    detail = lake.spark.sql(f"DESCRIBE DETAIL delta.`{lake.path(TABLE)}`").first()
    assert (detail["minReaderVersion"], detail["minWriterVersion"], detail["clusteringColumns"]) == (1, 4, [])
    assert len(feed.run()) == 10


def test_a_table_with_features_added_by_hand_stays_sparks(lake):
    as_an_older_release(lake, TABLE)
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(TABLE)}` SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    version = lake.version(TABLE)
    for _ in range(2):
        lake.ensure(TABLE)
        assert lake.version(TABLE) == version + 1  # it no longer cleans its own log
    assert "clustering" in (DeltaTable(lake.folder(TABLE)).protocol().writer_features or [])
    lake.append(TABLE, by_spark(lake, ("a", 1)))
    assert stored(lake) == [("a", 1)]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda one: one.name)
def test_every_table_is_written_in_process(tables, settings, table):
    local = LocalLake(tables.root, settings.state / "locks")
    tables.ensure(table)
    schema = local.schema(table)
    assert schema.names == list(table.column_names)
    assert [one.nullable for one in schema] == [not column.required for column in table.columns]
    row = {one.name: sample(one.type) for one in schema}
    local.append(table, pa.Table.from_pylist([row], schema=schema))
    local.merge(table, pa.Table.from_pylist([row], schema=schema))
    assert tables.read(table).count() == 1
    tables.append(table, tables.read(table))
    assert tables.read(table).distinct().count() == 1 if not has_lists(schema) else tables.read(table).count() == 2
    first, second = local.read(table).to_pylist()
    assert first == second == row
    files = ", ".join(f"'{file}'" for file in local.files(table))
    assert len(duckdb.sql(f"FROM read_parquet([{files}], union_by_name = true)").fetchall()) == 2
    assert examine(tables.folder(table)) == []


def sample(kind):
    if pa.types.is_list(kind):
        return [sample(kind.value_type)]
    if pa.types.is_struct(kind):
        return {one.name: sample(one.type) for one in kind}
    values = {"string": "ä", "binary": b"\0\xff", "bool": True, "double": 0.5, "float": 0.5, "date32[day]": DAY}
    if pa.types.is_timestamp(kind):
        return AT
    if pa.types.is_decimal(kind):
        return Decimal("3.00").quantize(Decimal(1).scaleb(-kind.scale))
    return values.get(str(kind), 3)


def has_lists(schema):
    return any(pa.types.is_nested(one.type) for one in schema)


def test_a_new_column_is_there_for_both(lake, local):
    lake.ensure(TABLE)
    local.append(TABLE, by_arrow(("a", 1)))
    wider = replace(TABLE, columns=(*TABLE.columns, Column("colour", "STRING", "Its colour.")))
    lake.ensure(wider)
    local.merge(wider, by_arrow(("b", 2)).append_column("colour", pa.array(["red"])))
    assert rows(lake.read(wider), "thing_id", "colour") == [("a", None), ("b", "red")]
    # A program of before still writes it, and loses nothing.
    local.merge(TABLE, by_arrow(("a", 3)))
    assert rows(lake.read(wider), "thing_id", "colour") == [("a", None), ("b", "red")]
    with pytest.raises(ColumnTypeError):
        lake.ensure(replace(TABLE, columns=(*TABLE.columns, Column("colour", "INT", "Its colour."))))


def test_both_wait_for_the_same_lock(lake, local):
    lake.ensure(TABLE)
    order = []

    def spark_writes():
        with lake.writing(TABLE):
            order.append("spark")

    with local.writing(TABLE):
        thread = threading.Thread(target=spark_writes)
        thread.start()
        thread.join(0.5)
        with lake.writing(TABLE), local.writing(TABLE):
            lake.append(TABLE, by_spark(lake, ("a", 1)))
            local.append(TABLE, by_arrow(("b", 1)))
        order.append("local")
    thread.join(30)
    assert order == ["local", "spark"]
    assert stored(lake) == [("a", 1), ("b", 1)]
