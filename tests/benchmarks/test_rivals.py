"""The rivals are honest: on a small input they give the totals that plain Python gives."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from producers.events import EVENTS
from silver.events import SILVER
from silver.validation.batch import validate_batch
from tests.benchmarks.inputs import events, records_table, send
from tests.benchmarks.rivals import compact, course, duckdb_alone

COUNT = 3_000


@pytest.fixture(scope="module")
def records():
    return list(events(COUNT))


@pytest.fixture(scope="module")
def expected(records):
    parsed = [json.loads(value) for _, _, value, _ in records]
    bought = [one for one in parsed if one.get("element_id") == "btn_buy"]
    return {
        "events": COUNT,
        "sessions": len({(one["user_id"], one["session_id"]) for one in parsed}),
        "users": len({one["user_id"] for one in parsed}),
        "purchases": len(bought),
        "revenue": round(sum(one["price"] or 0 for one in bought), 2),
    }


def by_topic(records):
    found = defaultdict(list)
    for number, record in enumerate(records):
        found[record[0]].append((number, record))
    return {topic: records_table(topic, rows) for topic, rows in found.items()}


def write_bronze(folder, records):
    for topic, rows in by_topic(records).items():
        compact.write(folder / "bronze" / topic, rows.drop_columns(["headers"]))


def totals(sessions: pl.DataFrame, users: int):
    return {
        "events": sessions["events"].sum(),
        "sessions": sessions.height,
        "users": users,
        "purchases": sessions["purchases"].sum(),
        "revenue": round(float(sessions["revenue"].sum()), 2),
    }


def gold_of(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(DeltaTable(folder / "gold" / name).file_uris())


def test_the_compact_pipeline_gives_the_right_totals(tmp_path, records, expected):
    write_bronze(tmp_path, records)
    assert compact.to_silver(tmp_path / "bronze", tmp_path) == COUNT
    assert compact.to_gold(tmp_path) == COUNT
    assert totals(gold_of(tmp_path, "sessions"), gold_of(tmp_path, "users").height) == expected
    assert gold_of(tmp_path, "daily_funnel")["sessions"].sum() == expected["sessions"]
    assert gold_of(tmp_path, "traffic_sources")["sessions"].sum() == expected["sessions"]
    assert gold_of(tmp_path, "category_performance")["events"].sum() == COUNT


def test_the_compact_pipeline_refreshes_what_changed(tmp_path, records, expected):
    for part in (records[: COUNT // 2], records[COUNT // 2 :]):
        new = tmp_path / f"part-{len(list(tmp_path.iterdir()))}"
        write_bronze(new, part)
        compact.to_silver(new / "bronze", tmp_path)
        parsed = [json.loads(value) for _, _, value, _ in part]
        changed = pl.DataFrame([{name: one[name] for name in ("user_id", "session_id")} for one in parsed])
        if (tmp_path / "gold").exists():
            compact.refresh_gold(tmp_path, changed)
        else:
            compact.to_gold(tmp_path)
    assert totals(gold_of(tmp_path, "sessions"), gold_of(tmp_path, "users").height) == expected


def test_the_compact_pipeline_keeps_bad_records(tmp_path):
    dirty = list(events(COUNT, dirty=0.2))
    write_bronze(tmp_path, dirty)
    compact.to_silver(tmp_path / "bronze", tmp_path)
    kept = sum(pl.read_parquet(DeltaTable(tmp_path / "silver" / topic).file_uris()).height for topic in EVENTS)
    rejected = DeltaTable(tmp_path / "silver" / "rejected").to_pyarrow_table()
    assert kept + rejected.num_rows == COUNT
    # A quarter of the dirty records are unusual, not bad; it takes some of them for bad, and some bad ones for good.
    assert 0.1 * COUNT < rejected.num_rows < 0.2 * COUNT
    assert {bytes(value) for value in rejected["value"].drop_null().to_pylist()} <= {value for _, _, value, _ in dirty}


def test_duckdb_alone_gives_the_right_totals(tmp_path, records, expected):
    for topic, rows in by_topic(records).items():
        [batch] = (
            rows.select(["topic", "topic_id", "partition", "offset", "arrived_at", "value"])
            .combine_chunks()
            .to_batches()
        )
        good = pa.Table.from_batches([validate_batch(EVENTS[topic], batch)])
        compact.write(tmp_path / "silver" / topic, good.select(SILVER[topic].column_names))
    duckdb_alone.gold(tmp_path, tmp_path / "gold")
    sessions = pl.read_parquet(tmp_path / "gold" / "sessions.parquet")
    assert totals(sessions, pl.read_parquet(tmp_path / "gold" / "users.parquet").height) == expected
    assert len(list((tmp_path / "gold").iterdir())) == 13


@pytest.mark.spark
def test_the_course_s_way_gives_the_right_totals(spark, tmp_path, records, expected):
    write_bronze(tmp_path, records)
    course.bronze_to_parquet(spark, tmp_path / "bronze", tmp_path / "events")
    course.gold([spark.read.parquet(str(tmp_path / "events" / topic)) for topic in EVENTS], tmp_path / "gold")
    sessions, users = (pl.read_parquet(tmp_path / "gold" / name / "*.parquet") for name in ("sessions", "users"))
    assert totals(sessions, users.height) == expected


@pytest.mark.spark
@pytest.mark.kafka
def test_both_read_from_kafka_what_was_sent(spark, broker, tmp_path, records):
    before = len(_read(broker, tmp_path / "before"))
    send(broker, iter(records[:500]))
    assert len(_read(broker, tmp_path / "compact")) == before + 500
    course.kafka_to_parquet(spark, broker, tmp_path / "course")
    users = {json.loads(value)["user_id"] for _, _, value, _ in records[:500]}
    found = pl.concat(
        [pl.read_parquet(tmp_path / "course" / topic / "*.parquet", columns=["user_id"]) for topic in EVENTS]
    )
    assert users <= set(found["user_id"])


def _read(servers, lake):
    from producers.kafka import ensure_topics

    ensure_topics(servers, EVENTS, 2)
    compact.to_bronze(servers, lake, group=lake.name)
    tables = [lake / "bronze" / topic for topic in EVENTS]
    return [value for table in tables if table.exists() for value in DeltaTable(table).to_pyarrow_table()["value"]]
