"""How models are judged: split, threshold and measures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipelines.evaluation import (
    PARTS,
    best_threshold,
    choose_periods,
    measure,
    measure_by_cut,
    top_decile_lift,
    with_part,
)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.spark
def test_parts_are_apart_in_time_and_share_no_user(spark):
    rng = np.random.default_rng(3)
    rows = []
    for user in range(300):
        first = rng.uniform(0, 1000)
        for session in range(rng.integers(1, 4)):
            at = EPOCH + timedelta(hours=first + session * rng.uniform(1, 80))
            rows += [(f"user{user}", f"session{session}", cut, at) for cut in (1, 2)]
    examples = spark.createDataFrame(rows, "user_id STRING, session_id STRING, cut INT, started_at TIMESTAMP")

    parts = with_part(examples, choose_periods(examples)).toPandas()

    assert parts.groupby("user_id")["part"].nunique().max() == 1
    spans = parts.groupby("part")["started_at"].agg(["min", "max"]).loc[list(PARTS)]
    assert (spans["max"].to_numpy()[:-1] < spans["min"].to_numpy()[1:]).all()
    sessions = parts.drop_duplicates(["user_id", "session_id"])["part"].value_counts(normalize=True)
    assert sessions[list(PARTS)].to_numpy() == pytest.approx([0.6, 0.2, 0.2], abs=0.06)


@pytest.mark.spark
def test_a_user_who_comes_back_later_is_not_used_there(spark):
    rows = [(f"user{n}", "first", EPOCH + timedelta(days=n)) for n in range(10)]
    rows.append(("user0", "again", EPOCH + timedelta(days=9, hours=1)))
    examples = spark.createDataFrame(rows, "user_id STRING, session_id STRING, started_at TIMESTAMP")

    used = with_part(examples, choose_periods(examples)).collect()

    assert "again" not in {row["session_id"] for row in used}
    assert len(used) == 10


def test_the_threshold_is_the_one_with_the_best_f1():
    labels = np.array([False, False, True, False, True, True])
    probabilities = np.array([0.1, 0.1, 0.4, 0.4, 0.8, 0.8])
    assert best_threshold(labels, probabilities) == pytest.approx(0.25)  # F1 6/7, and 4/5 above 0.6


def test_who_certainly_does_not_buy_is_never_called_a_buyer():
    labels = np.array([True, True, True, False])
    assert best_threshold(labels, np.array([0.0, 0.0, 0.0, 0.3])) > 0
    assert best_threshold(labels, np.zeros(4)) == 0.5


@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 60).flatmap(
        lambda n: st.tuples(
            arrays.arrays(bool, n), arrays.arrays(float, n, elements=st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.9]))
        )
    )
)
def test_no_other_threshold_is_better(drawn):
    labels, probabilities = drawn
    if not labels.any():
        return
    best = measure(labels, probabilities, best_threshold(labels, probabilities))["f1"]
    assert all(measure(labels, probabilities, one)["f1"] <= best + 1e-12 for one in (0.01, 0.07, 0.2, 0.4, 0.7))


def test_a_model_that_says_no_to_all_is_worth_the_prevalence():
    labels = np.array([True, False, False, False])
    found = measure(labels, np.zeros(4), 0.5)
    assert found["average_precision"] == found["prevalence"] == 0.25
    assert found["roc_auc"] == 0.5
    assert found["f1"] == 0
    assert found["weighted_accuracy"] == 0.75
    assert found["top_decile_lift"] == pytest.approx(1)


def test_the_top_decile_of_a_perfect_model():
    labels = np.arange(100) < 20
    assert top_decile_lift(labels, labels * 1.0) == pytest.approx(5)
    assert top_decile_lift(labels, 1.0 - labels) == pytest.approx(0)


def test_each_cut_has_its_measures_and_one_class_has_no_rank():
    labels = np.array([True, False, False, False])
    found = measure_by_cut(labels, np.array([0.9, 0.1, 0.2, 0.1]), np.array([1, 1, 2, 2]), 0.5)
    assert found[1]["average_precision"] == 1
    assert "average_precision" not in found[2]
