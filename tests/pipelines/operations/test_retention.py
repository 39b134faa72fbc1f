"""Retention deletes whole days of old scores, on request alone, and tells nobody that something new was scored."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gold.prediction_log import TABLE as LOG
from gold.session_predictions import TABLE as PREDICTIONS
from lakehouse.appended_rows import appended_rows
from lakehouse.errors import UsageError
from pipelines.operations.retention import delete_old_rows, find_old_rows
from pipelines.runtime.settings import load_settings
from tests.support.scores import score_lake, scores, write_scores


def today():
    return datetime.now(UTC).date()


def settings_of(folder, days):
    return load_settings(lake=str(folder / "lake"), state=folder / "state", retention={"prediction_log_days": days})


def log_of(folder, ages, day):
    lake = score_lake(folder)
    for number, age in enumerate(ages):
        write_scores(
            lake, scores(("u", f"s{number}"), began=datetime.combine(day, time(12), UTC) - timedelta(days=age))
        )
    return lake


def ages_in(lake, day):
    return sorted((day - one).days for one in lake.read(LOG)["started_on"].to_pylist())


@given(ages=st.lists(st.integers(0, 9), min_size=1, max_size=6), days=st.integers(0, 9))
def test_what_is_older_goes_and_the_rest_stays(tmp_path_factory, ages, days):
    folder, day = tmp_path_factory.mktemp("log"), today()
    lake, settings = log_of(folder, ages, day), settings_of(folder, days)
    newest, before = lake.read(PREDICTIONS).num_rows, lake.version(LOG)
    old = [age for age in ages if days and age > days]
    found, deleted = find_old_rows(settings, LOG), delete_old_rows(settings, LOG)
    assume(today() == day)  # midnight came in between
    assert (found.rows, deleted.rows) == (len(old), len(old))
    assert ages_in(lake, day) == sorted(age for age in ages if not days or age <= days)
    assert lake.version(LOG) == before + bool(old)
    # The newest score of a session stays, and no follower of the log hears of one that was written again.
    assert lake.read(PREDICTIONS).num_rows == newest
    commits = range(before + 1, lake.version(LOG) + 1)
    heard = appended_rows(lake.folder(LOG), lake.schema(LOG), ["user_id"], commits)
    assert sum(rows.num_rows for rows in heard) == 0
    assert delete_old_rows(settings, LOG).rows == 0


def test_no_other_table_loses_rows(tmp_path):
    lake, settings = log_of(tmp_path, [5], today()), settings_of(tmp_path, 1)
    assert delete_old_rows(settings, PREDICTIONS).rows == 0
    assert lake.read(PREDICTIONS).num_rows == 1


def test_a_lake_that_is_no_folder_is_refused_with_the_cure():
    settings = load_settings(lake="s3a://shop/lake", retention={"prediction_log_days": 3})
    with pytest.raises(UsageError, match="only where the lake is a folder") as refused:
        delete_old_rows(settings, LOG)
    assert "retention.prediction_log_days to 0" in refused.value.hint
