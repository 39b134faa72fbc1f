"""The tables as SQL sees them, without Spark."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from gold.model_metrics import TABLE as METRICS
from lakehouse.errors import OutsideError
from pipelines.query.delta_reader import open_sql
from pipelines.runtime.settings import load_settings

AT = datetime(2026, 11, 28, 23, 30, tzinfo=UTC)


@pytest.fixture
def installation(tmp_path):
    return load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state")


def test_a_table_is_read_by_name_with_instants_in_utc(installation):
    rows = pa.table({"user_id": ["a", "b"], "event_at": [AT, AT]})
    write_deltalake(f"{installation.lake_root}/silver/clicks", rows)
    with open_sql(installation) as lake:
        found = lake.sql(
            "SELECT user_id, event_at::DATE::TEXT, hour(event_at) FROM silver.clicks ORDER BY 1"
        ).fetchall()
    assert found == [("a", "2026-11-28", 23), ("b", "2026-11-28", 23)]


def test_a_table_of_gold_that_is_not_there_yet_is_empty(installation):
    write_deltalake(f"{installation.lake_root}/silver/clicks", pa.table({"user_id": ["a"]}))
    with open_sql(installation) as lake:
        found = lake.sql("FROM gold.model_metrics")
        assert found.fetchall() == []
        assert found.columns == list(METRICS.column_names)


def test_a_file_without_a_column_has_it_as_null(installation):
    place = f"{installation.lake_root}/silver/quarantine"
    write_deltalake(place, pa.table({"offset": pa.array([1], pa.int64())}))
    later = {
        "offset": pa.array([2], pa.int32()),
        "rules": [["a", "b"]],
        "value": [b"\xff"],
        "on": [AT.date()],
        "at": [AT],
    }
    write_deltalake(place, pa.table(later), mode="append", schema_mode="merge")
    with open_sql(installation) as lake:
        rows = lake.sql('SELECT "offset", rules, value, "on", epoch_us("at") FROM silver.quarantine ORDER BY 1')
        assert rows.fetchall() == [
            (1, None, None, None, None),
            (2, ["a", "b"], b"\xff", AT.date(), int(AT.timestamp()) * 1_000_000),
        ]
        assert lake.sql("FROM silver.quarantine").types[0] == "BIGINT"


def test_a_table_without_files_has_its_columns(installation):
    empty = pa.table({"user_id": pa.array([], pa.string()), "seen_at": pa.array([], pa.timestamp("us", "UTC"))})
    write_deltalake(f"{installation.lake_root}/silver/clicks", empty)
    with open_sql(installation) as lake:
        relation = lake.sql("FROM silver.clicks")
        assert relation.fetchall() == []
        assert list(map(str, relation.types)) == ["VARCHAR", "TIMESTAMP WITH TIME ZONE"]


def test_nested_types_are_read(installation):
    rows = pa.table({
        "headers": [[{"key": "a", "value": b"1"}]],
        "counts": pa.array([[("x", 1)]], pa.map_(pa.string(), pa.int64())),
    })  # fmt: skip
    write_deltalake(f"{installation.lake_root}/bronze/clicks", rows)
    with open_sql(installation) as lake:
        assert lake.sql("FROM bronze.clicks").fetchall() == [([{"key": "a", "value": b"1"}], {"x": 1})]


def test_where_no_table_is_the_cure_is_named(installation):
    with pytest.raises(OutsideError, match="Run `make demo`"):
        open_sql(installation)
