"""The metrics are those of scikit-learn, and the threshold is the one that costs least."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from pipelines.ml.metrics import (
    WeightedMetrics,
    best_threshold,
    calibration,
    expected_calibration_error,
    measure,
    measure_by_cutoff,
    top_decile_lift,
)


def test_the_threshold_is_the_one_whose_mistakes_cost_least():
    labels = np.array([False, False, True, False, True, True])
    probabilities = np.array([0.1, 0.1, 0.4, 0.4, 0.8, 0.8])
    assert best_threshold(labels, probabilities, 4) == pytest.approx(0.25)  # one false alarm is cheaper than a miss
    assert best_threshold(labels, probabilities, 0.5) == pytest.approx(0.6)


def test_probability_0_is_never_a_predicted_buyer():
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
def test_calibration_bins_hold_each_row_once(drawn):
    labels, probabilities = drawn
    bins = calibration(labels, probabilities)
    assert bins.rows.sum() == pytest.approx(len(labels))
    assert (bins.rows * bins.predicted).sum() == pytest.approx(probabilities.sum())
    assert (bins.rows * bins.observed).sum() == pytest.approx(labels.sum())
    assert len(bins.rows) <= len(np.unique(probabilities))
    assert 0 <= expected_calibration_error(labels, probabilities) <= 1


def test_probabilities_that_come_true_have_no_calibration_error():
    probabilities = np.repeat([0.0, 0.25, 0.5], 4)
    labels = np.array([False] * 4 + [True] + [False] * 3 + [True, True, False, False])
    assert expected_calibration_error(labels, probabilities) == pytest.approx(0)
    assert expected_calibration_error(labels, probabilities + 0.1) == pytest.approx(0.1)


@settings(deadline=None, max_examples=60)
@given(rows_of_two_kinds(), st.integers(0, 99))
def test_measures_of_weighted_rows_are_those_of_scikit_learn(drawn, seed):
    labels, probabilities = drawn
    weights = np.random.default_rng(seed).integers(0, 4, len(labels)).astype(float)
    if not (weights[labels].any() and weights[~labels].any()):
        return
    ranked = WeightedMetrics(labels, probabilities)
    for own, theirs in (
        (ranked.average_precision, average_precision_score),
        (ranked.roc_auc, roc_auc_score),
        (ranked.brier, brier_score_loss),
    ):
        assert own(weights) == pytest.approx(theirs(labels, probabilities, sample_weight=weights))


def test_no_buyer_is_predicted_where_that_costs_least():
    labels = np.array([False] * 5 + [True])
    assert best_threshold(labels, np.array([1.0] * 5 + [0.2]), 0.5) > 1


def test_a_model_that_predicts_no_buyer_has_the_prevalence():
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


def test_each_cutoff_has_its_metrics_and_one_class_no_ranking():
    labels = np.array([True, False, False, False])
    found = measure_by_cutoff(labels, np.array([0.9, 0.1, 0.2, 0.1]), np.array([1, 1, 2, 2]), 0.5)
    assert found[1]["average_precision"] == 1
    assert "average_precision" not in found[2]
