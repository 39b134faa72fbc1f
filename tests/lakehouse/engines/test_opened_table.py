"""What is asked of a table that delta-rs has opened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.engines.opened_table import newest, relation

AT = datetime(2026, 11, 28, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize("statistics", ["at", "number"], ids=["by the log", "by the rows"])
def test_the_newest_instant_is_found(tmp_path, statistics):
    settings = {"delta.dataSkippingStatsColumns": statistics}
    for late in (1, 3, 2):
        rows = pa.table({"at": [AT, AT + timedelta(seconds=late)], "number": [1, 2]})
        write_deltalake(tmp_path / "table", rows, mode="append", configuration=settings)
    assert newest(DeltaTable(tmp_path / "table"), "at") == AT + timedelta(seconds=3)


def test_no_table_and_no_rows_have_no_newest_instant(tmp_path):
    assert newest(None, "at") is None
    write_deltalake(tmp_path / "table", pa.table({"at": pa.array([], pa.timestamp("us", "UTC"))}))
    assert newest(DeltaTable(tmp_path / "table"), "at") is None


@pytest.mark.parametrize("folder", ["my lake", "größe", "50%", "#1", "{x}", "a?b", "a'b", "a&b", "日本", "e\u0301"])
def test_a_table_in_an_odd_folder_is_read_by_sql(tmp_path, folder):
    write_deltalake(tmp_path / folder, pa.table({"a": [1, 2]}))
    with duckdb.connect() as connection:
        assert relation(connection, DeltaTable(tmp_path / folder)).fetchall() == [(1,), (2,)]
