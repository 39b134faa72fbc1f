"""Small tables reach Spark by this process with the rows that Delta gives."""

from __future__ import annotations

import pytest

from bronze.raw_events import BRONZE
from gold.sessions import TABLE as SESSIONS
from lakehouse.engines import small_reads
from lakehouse.engines.small_reads import SmallReadsLake
from lakehouse.errors import MissingTableError
from pipelines.rebuild import content_hash
from tests.support.records import land, record, value

pytestmark = pytest.mark.spark

TABLE = BRONZE["clicks"]


@pytest.fixture
def read(tables, settings):
    land(tables, "clicks", [record("clicks", number, value("clicks")) for number in range(3)])
    land(tables, "clicks", [record("clicks", 3, value("clicks"))])
    return SmallReadsLake(tables.spark, tables.root, settings.locks)


@pytest.mark.parametrize("most", [small_reads.MOST_ROWS, 0], ids=["small", "not small"])
def test_the_rows_of_each_version_are_those_of_delta(tables, read, most, monkeypatch):
    monkeypatch.setattr(small_reads, "MOST_ROWS", most)
    newest = tables.version(TABLE)
    for version in (None, newest, newest - 1, 0):
        mine, delta = read.read(TABLE, version), tables.read(TABLE, version)
        assert mine.dtypes == delta.dtypes
        assert content_hash(mine) == content_hash(delta)
    assert read.read(SESSIONS).count() == 0


def test_a_required_column_may_be_null_to_spark(read):
    assert all(one.nullable for one in read.read(TABLE).schema)


def test_a_table_that_is_missing_is_named(lake, settings):
    with pytest.raises(MissingTableError, match=r"gold\.sessions"):
        SmallReadsLake(lake.spark, lake.root, settings.locks).read(SESSIONS)
