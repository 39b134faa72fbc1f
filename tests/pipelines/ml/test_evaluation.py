"""How models are judged: split, threshold and measures."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from lakehouse.table import Column
from pipelines.ml.drift import profile, stability
from pipelines.ml.evaluation import (
    PARTS,
    Comparison,
    Ranked,
    best_threshold,
    calibration,
    calibration_error,
    choose_periods,
    compare,
    intervals,
    measure,
    measure_by_cut,
    top_decile_lift,
    with_part,
)
from pipelines.ml.promotion import decide, decide_first
from pipelines.ml.registry import Version

COLUMNS = (Column("number", "DOUBLE", "A number."), Column("text", "STRING", "A text."))
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.spark
def test_about_60_20_and_20_percent_of_the_sessions_are_train_validation_and_test(spark):
    rng = np.random.default_rng(3)
    rows = [(f"user{user}", "first", EPOCH + timedelta(hours=rng.uniform(0, 1000))) for user in range(500)]
    examples = spark.createDataFrame(rows, "user_id STRING, session_id STRING, started_at TIMESTAMP")

    parts = with_part(examples, choose_periods(examples), "started_at").toPandas()["part"]

    assert parts.value_counts(normalize=True)[list(PARTS)].to_numpy() == pytest.approx([0.6, 0.2, 0.2], abs=0.01)


VISITS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 100), st.integers(0, 40)), min_size=1, max_size=60)
"""Visits: the user, the hour in which each began, and after how many hours its answer was known."""


@pytest.mark.spark
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(visits=VISITS)
def test_parts_are_apart_in_time_and_share_no_user_whoever_comes_when(spark, visits):
    rows = [
        (f"user{user}", f"session{number}", EPOCH + timedelta(hours=at), EPOCH + timedelta(hours=at + known))
        for number, (user, at, known) in enumerate(visits)
    ]
    examples = spark.createDataFrame(
        rows, "user_id STRING, session_id STRING, started_at TIMESTAMP, known_at TIMESTAMP"
    )

    parts = with_part(examples, choose_periods(examples), "known_at").toPandas()

    assert set(parts["part"]) <= set(PARTS)
    assert not parts.duplicated(["user_id", "session_id"]).any()
    assert set(parts.groupby("user_id")["part"].nunique()) <= {1}
    for number, earlier in enumerate(PARTS):
        for later in PARTS[number + 1 :]:
            learnt, judged = (parts[parts["part"] == one] for one in (earlier, later))
            assert learnt.empty or judged.empty or learnt["known_at"].max() < judged["started_at"].min()
    # Left out are those alone that would break one of these rules: of users who came but once, and whose answer
    # was known at once, all are used.
    once = {f"user{user}" for user in {one[0] for one in visits} if [one[0] for one in visits].count(user) == 1}
    at_once = {f"user{user}" for user, _, known in visits if not known}
    assert once & at_once <= set(parts["user_id"])


@pytest.mark.spark
def test_a_user_who_comes_back_later_is_not_used_there(spark):
    rows = [(f"user{n}", "first", EPOCH + timedelta(days=n)) for n in range(10)]
    rows.append(("user0", "again", EPOCH + timedelta(days=9, hours=1)))
    examples = spark.createDataFrame(rows, "user_id STRING, session_id STRING, started_at TIMESTAMP")

    used = with_part(examples, choose_periods(examples), "started_at").collect()

    assert "again" not in {row["session_id"] for row in used}
    assert len(used) == 10


def test_the_threshold_is_the_one_whose_mistakes_cost_least():
    labels = np.array([False, False, True, False, True, True])
    probabilities = np.array([0.1, 0.1, 0.4, 0.4, 0.8, 0.8])
    assert best_threshold(labels, probabilities, 4) == pytest.approx(0.25)  # one false alarm is cheaper than a miss
    assert best_threshold(labels, probabilities, 0.5) == pytest.approx(0.6)


def test_who_certainly_does_not_buy_is_never_called_a_buyer():
    labels = np.array([True, True, True, False])
    assert best_threshold(labels, np.array([0.0, 0.0, 0.0, 0.3]), 100) > 0
    assert best_threshold(labels, np.zeros(4), 100) == 0.5


def rows_of_two_kinds(most=60):
    return st.integers(2, most).flatmap(
        lambda n: st.tuples(
            arrays.arrays(bool, n), arrays.arrays(float, n, elements=st.sampled_from([0.05, 0.1, 0.25, 0.5, 0.9]))
        )
    )


@settings(deadline=None, max_examples=60)
@given(rows_of_two_kinds(), st.sampled_from([0.2, 1, 4, 50]))
def test_no_other_threshold_is_cheaper(drawn, missed_buyer_costs):
    labels, probabilities = drawn

    def cost(threshold):
        called = probabilities >= threshold
        return (called & ~labels).sum() + missed_buyer_costs * (~called & labels).sum()

    best = cost(best_threshold(labels, probabilities, missed_buyer_costs))
    assert all(best <= cost(one) + 1e-9 for one in (0.01, 0.07, 0.2, 0.4, 0.7))


@settings(deadline=None, max_examples=60)
@given(rows_of_two_kinds())
def test_a_calibration_has_each_row_once_and_keeps_like_ones_together(drawn):
    labels, probabilities = drawn
    found = calibration(labels, probabilities)
    assert found.rows.sum() == pytest.approx(len(labels))
    assert (found.rows * found.said).sum() == pytest.approx(probabilities.sum())
    assert (found.rows * found.happened).sum() == pytest.approx(labels.sum())
    assert len(found.rows) <= len(np.unique(probabilities))
    assert 0 <= calibration_error(labels, probabilities) <= 1


def test_probabilities_that_come_true_have_no_calibration_error():
    probabilities = np.repeat([0.0, 0.25, 0.5], 4)
    labels = np.array([False] * 4 + [True] + [False] * 3 + [True, True, False, False])
    assert calibration_error(labels, probabilities) == pytest.approx(0)
    assert calibration_error(labels, probabilities + 0.1) == pytest.approx(0.1)


@settings(deadline=None, max_examples=60)
@given(rows_of_two_kinds(), st.integers(0, 99))
def test_measures_of_weighted_rows_are_those_of_scikit_learn(drawn, seed):
    labels, probabilities = drawn
    weights = np.random.default_rng(seed).integers(0, 4, len(labels)).astype(float)
    if not (weights[labels].any() and weights[~labels].any()):
        return
    ranked = Ranked(labels, probabilities)
    for own, theirs in (
        (ranked.average_precision, average_precision_score),
        (ranked.roc_auc, roc_auc_score),
        (ranked.brier, brier_score_loss),
    ):
        assert own(weights) == pytest.approx(theirs(labels, probabilities, sample_weight=weights))


def test_nobody_is_called_a_buyer_where_that_is_cheapest_though_some_are_certain():
    labels = np.array([False] * 5 + [True])
    assert best_threshold(labels, np.array([1.0] * 5 + [0.2]), 0.5) > 1


def drawn_by(rng, rows=600, users=150):
    """Rows of some users, and probabilities that say something of them."""
    at = rng.integers(0, users, rows)
    hidden = rng.uniform(0, 0.6, users)[at]
    return rng.random(rows) < hidden, hidden, at


def test_an_interval_holds_what_other_users_show():
    rng = np.random.default_rng(5)
    labels, probabilities, users = drawn_by(rng)
    found = intervals(labels, probabilities, users, seed=1)
    again = [measure(*drawn_by(rng)[:2], 0.5) for _ in range(40)]
    for name, (low, high) in found.items():
        inside = [low <= one[name] <= high for one in again]
        assert low < measure(labels, probabilities, 0.5)[name] < high or name == "calibration_error"
        assert sum(inside) >= (20 if name != "calibration_error" else 1)


def test_a_model_is_better_only_by_more_than_chance_and_alike_to_itself():
    rng = np.random.default_rng(6)
    labels, hidden, users = drawn_by(rng)
    noise = rng.uniform(0, 0.6, len(labels))
    better = compare(labels, hidden, noise, users, seed=1)
    assert better.is_more_precise
    assert not better.is_worse_calibrated
    same = compare(labels, hidden, hidden, users, seed=1)
    assert not same.is_more_precise
    assert same.precision_interval == (0, 0)
    worse = compare(labels, np.sqrt(hidden), hidden, users, seed=1)  # the same order, other probabilities
    assert worse.is_worse_calibrated
    assert not worse.is_more_precise


@pytest.mark.parametrize(
    ("precision", "calibrated", "promoted", "says"),
    [
        ((0.01, 0.05), (-0.01, 0.01), True, "It is the new champion: average precision 0.500"),
        ((-0.01, 0.05), (-0.01, 0.01), False, "which chance explains"),
        ((0.01, 0.05), (0.001, 0.01), False, "its probabilities are further from what happens"),
    ],
)
def test_a_challenger_has_to_be_better_and_not_worse_calibrated(precision, calibrated, promoted, says):
    found = Comparison((0.5, 0.47), (0.03, 0.02), precision, calibrated)
    decision = decide(found, Version("3", "run", 0.5))
    assert decision.promoted == promoted
    assert says in decision.reason


def test_the_first_model_has_to_beat_each_baseline():
    rivals = {"one_rule": {"average_precision": 0.3}, "logistic_regression": {"average_precision": 0.5}}
    assert decide_first(0.6, rivals).promoted
    decision = decide_first(0.4, rivals)
    assert not decision.promoted
    assert "does not beat logistic regression (0.500)" in decision.reason


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), st.floats(-5, 5), st.sampled_from([0.0, 1.0])), min_size=1, max_size=50))
def test_rows_do_not_differ_from_themselves(values):
    frame = pd.DataFrame({"number": pd.Series(values, dtype=float), "text": [str(one)[:2] for one in values]})
    found = stability(profile(frame, COLUMNS), frame)
    assert found == {"number": 0, "text": 0}


def test_rows_that_changed_are_said_to_differ():
    rng = np.random.default_rng(7)
    before = pd.DataFrame({"number": rng.normal(size=2_000), "text": rng.choice(["a", "b"], 2_000)})
    kept = json.loads(json.dumps(profile(before, COLUMNS)))
    alike = pd.DataFrame({"number": rng.normal(size=500), "text": rng.choice(["a", "b"], 500)})
    other = pd.DataFrame({"number": rng.normal(1, size=500), "text": rng.choice(["a", "new", None], 500)})
    assert max(stability(kept, alike).values()) < 0.03
    assert min(stability(kept, other).values()) > 0.25


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
