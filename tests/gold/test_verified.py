"""`verify` rebuilds a gold table by the engine that did not write it, and finds each row that differs."""

from __future__ import annotations

import shutil

import pytest

from gold.sessions import TABLE as SESSIONS
from gold.users import TABLE as USERS
from lakehouse.engines.local_lake import LocalLake
from pipelines.operations.verification.gold import check_gold
from pipelines.runtime.job import Job
from pipelines.runtime.settings import load_settings

pytestmark = pytest.mark.spark


def checked(job):
    return {
        check.name.partition(":")[0]: (check.ok, *check.figures.values(), check.offence)
        for check in check_gold(job, [USERS, SESSIONS])
    }


def test_each_engine_checks_what_the_other_wrote(shop, tmp_path):
    shutil.copytree(shop.settings.lake_root, tmp_path / "lake")
    shutil.copytree(shop.settings.state_root, tmp_path / "state")
    job = Job(load_settings(lake=str(tmp_path / "lake"), state=tmp_path / "state"), shop.spark)
    sessions, users = (job.lake.read(table).count() for table in (SESSIONS, USERS))
    whole = (True, users, 0, 0, "Spark", "")
    assert checked(job) == {USERS.name: whole, SESSIONS.name: (True, sessions, 0, 0, "Spark", "")}

    job.spark.sql(f"UPDATE delta.`{job.lake.path(SESSIONS)}` SET events = events WHERE user_id = 'anna'")  # noqa: S608
    assert checked(job) == {USERS.name: whole, SESSIONS.name: (True, sessions, 0, 0, "DuckDB", "")}

    at = "user_id = 'anna' AND session_id = 's1'"
    job.spark.sql(f"UPDATE delta.`{job.lake.path(SESSIONS)}` SET events = events + 1 WHERE {at}")  # noqa: S608
    first = "user_id anna, session_id s1"
    assert checked(job)[SESSIONS.name] == (False, sessions, 1, 1, "DuckDB", first)
    job.spark.sql(f"DELETE FROM delta.`{job.lake.path(SESSIONS)}` WHERE {at}")  # noqa: S608
    assert checked(job)[SESSIONS.name] == (False, sessions - 1, 0, 1, "DuckDB", first)


def test_a_table_without_sql_is_checked_by_spark(shop, monkeypatch):
    monkeypatch.setattr("pipelines.gold_builder.table_sql", dict)
    monkeypatch.setattr(LocalLake, "is_written_here", lambda *_: False)
    assert {found[4] for found in checked(shop).values()} == {"Spark"}
