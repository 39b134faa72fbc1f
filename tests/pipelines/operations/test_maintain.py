"""Maintenance: few files, the same rows, and no file removed that a reader still needs."""

from __future__ import annotations

import os
import time

import pytest

from bronze.raw_events import BRONZE
from gold.sessions import TABLE as SESSIONS
from lakehouse.errors import UsageError
from pipelines.aggregate import run_aggregate
from pipelines.operations.maintain import check_hours, run_maintain, shorten_log
from pipelines.runtime.settings import RetentionSettings
from silver.events import SILVER
from tests.support.records import land, record, refine_only, rows, value

pytestmark = pytest.mark.spark

TABLE = BRONZE["clicks"]


def test_small_files_are_compacted_under_a_running_stream(job, tables):
    for number in range(4):
        land(tables, "clicks", [record("clicks", number, value("clicks", x_coord=number))])
    assert refine_only(job, "clicks") == [0, 1, 2, 3]
    before = tables.version(TABLE)
    (done,) = run_maintain(job, [TABLE])
    assert (done.files_before, done.files_after, done.kept) == (4, 1, "")
    assert tables.read(TABLE, before).count() == 4  # time travel within the safe hours

    land(tables, "clicks", [record("clicks", 4, value("clicks", x_coord=4))])
    (done,) = run_maintain(job, [TABLE], retain_hours=0, force=True)
    assert "the stream silver.clicks has yet to read version" in done.kept
    assert refine_only(job, "clicks") == [0, 1, 2, 3, 4]


def test_gold_starts_after_older_files_were_vacuumed(job, tables, gold_of):
    gold_of(SESSIONS)
    for number in range(2):
        land(tables, "clicks", [record("clicks", number, value("clicks", x_coord=number))])
        refine_only(job, "clicks")
    (done,) = run_maintain(job, [SILVER["clicks"]], retain_hours=0, force=True)
    assert (done.files_before, done.files_after, done.kept) == (2, 1, "")
    run_aggregate(job)
    assert rows(tables.read(SESSIONS), "events") == [(2,)]


def test_fewer_hours_than_are_safe_need_force():
    with pytest.raises(UsageError, match="--force"):
        check_hours(24, force=False)
    check_hours(24, force=True)


def test_a_column_that_is_added_to_bronze_changes_nothing(job, tables):
    land(tables, "clicks", [record("clicks", 0, value("clicks"))])
    assert refine_only(job, "clicks") == [0]
    job.spark.sql(f"ALTER TABLE delta.`{tables.path(TABLE)}` ADD COLUMNS (kafka_headers STRING)")
    land(tables, "clicks", [record("clicks", 1, value("clicks", x_coord=1))])
    assert refine_only(job, "clicks") == [0, 1]


def test_a_log_is_shortened_no_further_than_its_stream_needs(job, tables):
    def age(table, days):
        for path in (tables.folder(table) / "_delta_log").iterdir():
            os.utime(path, (time.time() - days * 86_400,) * 2)

    def land_ten(start):
        for number in range(start, start + 10):
            land(tables, "clicks", [record("clicks", number, value("clicks", x_coord=number))])

    land_ten(0)
    assert sorted(refine_only(job, "clicks")) == [*range(10)]
    land_ten(10)
    age(TABLE, days=3)
    assert shorten_log(job.settings, TABLE) == 0
    # The stream has read up to version 10, and asks for its last batch again.
    retention = RetentionSettings(log_days=2)
    settings = job.settings.model_copy(update={"retention": retention})
    assert shorten_log(settings, TABLE) == 10
    assert shorten_log(settings, TABLE) == 0
    tables.forget(TABLE)
    assert sorted(refine_only(job, "clicks")) == [*range(20)]
    assert tables.read(TABLE).count() == 20
