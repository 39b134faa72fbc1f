"""Tables are created as declared, and written so that a repetition changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from deltalake import DeltaTable

from bronze.raw_events import BRONZE
from gold.pipeline_metrics import TABLE as METRICS
from gold.sessions import TABLE as SESSIONS
from lakehouse.delta_log import examine, repair
from lakehouse.errors import ColumnTypeError, DeclarationError, MissingTableError, TableDamageError
from lakehouse.storage import Lake, conform
from lakehouse.table import Column, Table
from silver.events import SILVER
from silver.quarantine import QUARANTINE
from tests.support.injuries import commits, data_files, delete_data_file, empty_newest_commit
from tests.support.records import rows

pytestmark = pytest.mark.spark

TABLE = Table(
    name="gold.things",
    doc="One row per thing.",
    columns=(
        Column("thing_id", "STRING", "The thing.", required=True),
        Column("pieces", "BIGINT", "How many pieces it has."),
    ),
    key=("thing_id",),
)


def things(lake, *values):
    return lake.spark.createDataFrame(values, "thing_id STRING, pieces BIGINT")


def test_a_table_that_was_never_written_is_named(lake):
    with pytest.raises(MissingTableError, match=r"no table gold.things"):
        lake.read(TABLE)


def test_a_new_column_is_added_and_its_old_rows_have_none(lake):
    lake.ensure(TABLE)
    lake.append(TABLE, things(lake, ("a", 1)))
    wider = replace(TABLE, columns=(*TABLE.columns, Column("colour", "STRING", "Its colour.")))
    lake.ensure(wider)
    assert rows(lake.read(wider), "thing_id", "pieces", "colour") == [("a", 1, None)]


def test_a_column_of_another_type_is_refused(lake):
    lake.ensure(TABLE)
    other = replace(TABLE, columns=(TABLE.columns[0], Column("pieces", "DOUBLE", "How many pieces it has.")))
    with pytest.raises(ColumnTypeError, match=r"gold.things has pieces as bigint, but it is declared as double"):
        lake.ensure(other)


def test_the_same_micro_batch_is_appended_once(lake):
    lake.ensure(TABLE)
    for batch in (("query", 1), ("query", 1), ("query", 2), ("another query", 1)):
        lake.append(TABLE, things(lake, (f"{batch}", 1)), batch=batch)
    assert lake.read(TABLE).count() == 3


def test_an_upsert_replaces_adds_and_deletes_by_key(lake):
    lake.ensure(TABLE)
    lake.append(TABLE, things(lake, ("kept", 1), ("changed", 1), ("deleted", 1)))
    changes = lake.spark.createDataFrame(
        [("changed", 2, False), ("new", 3, False), ("deleted", 1, True), ("never there", 1, True)],
        "thing_id STRING, pieces BIGINT, is_deleted BOOLEAN",
    )
    for _ in range(2):
        lake.upsert(TABLE, changes, deleted="is_deleted")
        assert rows(lake.read(TABLE), "thing_id", "pieces") == [("changed", 2), ("kept", 1), ("new", 3)]


def test_a_table_that_is_created_again_has_another_id(lake, tmp_path):
    lake.ensure(TABLE)
    before = lake.table_id(TABLE)
    lake.folder(TABLE).rename(tmp_path / "aside")
    lake.ensure(TABLE)
    assert lake.table_id(TABLE) != before


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("thing_id STRING", "lacks pieces"),
        ("thing_id STRING, pieces BIGINT, more INT", "has more, which is not declared"),
        ("thing_id STRING, pieces INT", "makes pieces int, declared bigint"),
    ],
)
def test_rows_of_another_shape_are_refused(spark, schema, says):
    with pytest.raises(DeclarationError, match=says):
        conform(TABLE, spark.createDataFrame([], schema))


@pytest.mark.parametrize("table", [BRONZE["clicks"], SILVER["clicks"], QUARANTINE, SESSIONS], ids=lambda one: one.name)
@pytest.mark.parametrize("left", ["nothing", ".00000000000000000000.json.1f.tmp", f"{0:020d}.json"])
def test_an_interrupted_creation_is_finished(lake, table, left):
    log = lake.folder(table) / "_delta_log"
    log.mkdir(parents=True)
    if left != "nothing":
        (log / left).write_text('{"commitInfo":{"timest')
    lake.ensure(table)
    assert lake.version(table) == 0
    lake.append(table, lake.empty(table))
    assert examine(lake.folder(table)) == []


def test_a_table_that_is_there_is_left_alone(lake):
    table = BRONZE["clicks"]
    lake.ensure(table)
    before = lake.table_id(table)
    lake.ensure(table)
    assert lake.table_id(table) == before


def test_no_log_cleans_itself_also_of_a_table_that_is_there(lake):
    name = "delta.enableExpiredLogCleanup"
    lake.ensure(TABLE)
    assert lake._delta(TABLE).detail().first()["properties"][name] == "false"
    lake.spark.sql(f"ALTER TABLE delta.`{lake.path(TABLE)}` UNSET TBLPROPERTIES ('{name}')")
    for _ in range(2):
        lake.ensure(TABLE)
        assert lake._delta(TABLE).detail().first()["properties"][name] == "false"
    assert lake.version(TABLE) == 2


@pytest.mark.parametrize(
    ("injury", "says"),
    [
        (empty_newest_commit, r"gold.things is damaged: _delta_log/0+2.json is empty\."),
        (delete_data_file, r"gold.things is damaged: part-.*parquet is missing\."),
    ],
)
def test_a_damaged_table_stops_whoever_would_write_it(lake, injury, says):
    lake.ensure(TABLE)
    lake.append(TABLE, things(lake, ("a", 1)))
    lake.append(TABLE, things(lake, ("b", 2)))
    injury(lake.folder(TABLE), Random(0))
    with pytest.raises(TableDamageError, match=says):
        lake.ensure(TABLE)


def test_spark_reads_a_repaired_table_and_its_changes(lake, tmp_path):
    fed = replace(TABLE, properties={"delta.enableChangeDataFeed": "true"})
    lake.ensure(fed)
    for number in range(4):
        lake.append(fed, things(lake, (f"{number}", number)))
    folder = lake.folder(fed)
    commits(folder)[2].write_bytes(b"")
    repair(folder, tmp_path / "aside")
    data_files(folder)[-1].unlink()
    repair(folder, tmp_path / "aside")
    lake.forget(fed)
    lake.ensure(fed)
    assert lake.read(fed).count() == 2
    repaired = lake.version(fed)
    lake.append(fed, things(lake, ("new", 9)))
    lake.upsert(fed, things(lake, ("new", 10)))
    changes = lake.spark.read.option("readChangeFeed", "true").option("startingVersion", repaired).format("delta")
    kinds = [row[0] for row in changes.load(lake.path(fed)).where("thing_id = 'new'").select("_change_type").collect()]
    assert sorted(kinds) == ["insert", "update_postimage", "update_preimage"]
    assert DeltaTable(folder).to_pyarrow_table().num_rows == 3
    assert examine(folder) == []


def test_what_a_stream_writes_is_made_durable(lake, monkeypatch):
    synced = []
    monkeypatch.setattr("lakehouse.engines.delta_commit.sync", synced.append)
    lake.ensure(TABLE)
    lake.append(TABLE, things(lake, ("a", 1)))
    lake.append(TABLE, things(lake, ("b", 2)))
    lake.make_durable(TABLE)
    folder = lake.folder(TABLE)
    assert {*data_files(folder), *commits(folder)[-2:]} <= set(synced)
    count = len(synced)
    lake.make_durable(TABLE)
    assert len(synced) == count


def test_a_table_that_is_as_declared_costs_spark_nothing(lake, monkeypatch):
    lake.ensure(TABLE)
    monkeypatch.setattr(lake, "_snapshot", lambda _: pytest.fail("Spark read the log"))
    lake.ensure(TABLE)
    with pytest.raises(pytest.fail.Exception, match="Spark read the log"):
        lake.ensure(replace(TABLE, columns=(*TABLE.columns, Column("colour", "STRING", "Its colour."))))


@pytest.mark.parametrize("table", [BRONZE["clicks"], QUARANTINE, SESSIONS, METRICS], ids=lambda table: table.short_name)
def test_a_table_is_created_as_spark_creates_it(lake, table, tmp_path, settings):
    other = Lake(lake.spark, str(tmp_path / "other"), settings.locks)
    other._create_by_spark(table)
    lake.ensure(table)
    mine, by_spark = (
        {name: value for line in first_commit(one, table) for name, value in line.items()} for one in (lake, other)
    )
    for found in (mine, by_spark):
        found["metaData"].pop("id")
        found["metaData"].pop("createdTime")
        found["metaData"]["schemaString"] = json.loads(found["metaData"]["schemaString"])
        found["protocol"]["writerFeatures"] = set(found["protocol"].get("writerFeatures", []))
    assert mine["metaData"] == by_spark["metaData"]
    assert mine["protocol"] == by_spark["protocol"]
    assert lake.read(table).schema == other.read(table).schema
    assert [commit["operation"] for commit in DeltaTable(lake.path(table)).history()] == ["CREATE TABLE"]


def first_commit(lake, table):
    return map(json.loads, (Path(lake.path(table)) / "_delta_log" / f"{0:020d}.json").read_text().splitlines())
