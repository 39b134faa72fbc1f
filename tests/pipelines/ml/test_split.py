"""Examples are split by time, with whole users on one side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from pipelines.ml.split import PARTS, choose_periods, with_part

pytestmark = pytest.mark.spark


EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def periods_of(examples):
    """The periods, where the outcome of each session is known."""
    periods, known, unknown = choose_periods(examples.withColumn("label", F.lit(True)), "label")
    assert (known, unknown) == (examples.select("user_id", "session_id").distinct().count(), 0)
    return periods


def test_sessions_without_a_label_choose_no_period(spark):
    rows = [
        (f"user{user}", "first", EPOCH + timedelta(hours=user), known) for user in range(4) for known in (True, None)
    ]
    examples = spark.createDataFrame(rows, "user_id STRING, session_id STRING, started_at TIMESTAMP, label BOOLEAN")
    late = examples.where("user_id = 'user3'").withColumn("label", F.lit(None).cast("BOOLEAN"))
    both = examples.where("user_id != 'user3'").union(late)
    assert choose_periods(both, "label") == (choose_periods(examples.where("user_id != 'user3'"), "label")[0], 3, 1)
    assert choose_periods(late, "label") == (None, 0, 1)
    assert choose_periods(late.limit(0), "label") == (None, 0, 0)


def test_parts_have_about_60_20_and_20_percent_of_sessions(spark):
    rng = np.random.default_rng(3)
    rows = [(f"user{user}", "first", EPOCH + timedelta(hours=rng.uniform(0, 1000))) for user in range(500)]
    examples = spark.createDataFrame(rows, "user_id STRING, session_id STRING, started_at TIMESTAMP")

    parts = with_part(examples, periods_of(examples), "started_at").toPandas()["part"]

    assert parts.value_counts(normalize=True)[list(PARTS)].to_numpy() == pytest.approx([0.6, 0.2, 0.2], abs=0.01)


SESSIONS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 100), st.integers(0, 40)), min_size=1, max_size=60)
"""Sessions: the user, the hour in which each began, and after how many hours its outcome was known."""


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sessions=SESSIONS)
def test_parts_are_apart_in_time_and_share_no_user(spark, sessions):
    rows = [
        (f"user{user}", f"session{number}", EPOCH + timedelta(hours=at), EPOCH + timedelta(hours=at + known))
        for number, (user, at, known) in enumerate(sessions)
    ]
    examples = spark.createDataFrame(
        rows, "user_id STRING, session_id STRING, started_at TIMESTAMP, known_at TIMESTAMP"
    )

    parts = with_part(examples, periods_of(examples), "known_at").toPandas()

    assert set(parts["part"]) <= set(PARTS)
    assert not parts.duplicated(["user_id", "session_id"]).any()
    assert set(parts.groupby("user_id")["part"].nunique()) <= {1}
    for number, earlier in enumerate(PARTS):
        for later in PARTS[number + 1 :]:
            fitted_on, evaluated_on = (parts[parts["part"] == one] for one in (earlier, later))
            assert (
                fitted_on.empty or evaluated_on.empty or fitted_on["known_at"].max() < evaluated_on["started_at"].min()
            )
    # Left out are those alone that would break one of these rules: of users who came but once, and whose outcome
    # was known at once, all are used.
    once = {f"user{user}" for user in {one[0] for one in sessions} if [one[0] for one in sessions].count(user) == 1}
    at_once = {f"user{user}" for user, _, known in sessions if not known}
    assert once & at_once <= set(parts["user_id"])


def test_a_user_who_comes_back_later_is_not_used_there(spark):
    rows = [(f"user{n}", "first", EPOCH + timedelta(days=n)) for n in range(10)]
    rows.append(("user0", "again", EPOCH + timedelta(days=9, hours=1)))
    examples = spark.createDataFrame(rows, "user_id STRING, session_id STRING, started_at TIMESTAMP")

    used = with_part(examples, periods_of(examples), "started_at").collect()

    assert "again" not in {row["session_id"] for row in used}
    assert len(used) == 10
