"""Intervals and comparisons say how far chance moves a metric."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ml.bootstrap import compare, expanded_95, intervals, middle_95
from pipelines.ml.metrics import measure


def drawn_by(rng, rows=600, users=150):
    """Rows of some users, and probabilities that are informative."""
    at = rng.integers(0, users, rows)
    hidden = rng.uniform(0, 0.6, users)[at]
    return rng.random(rows) < hidden, hidden, at


def test_an_interval_holds_the_metrics_of_other_users():
    rng = np.random.default_rng(5)
    labels, probabilities, users = drawn_by(rng)
    found = intervals(labels, probabilities, users, seed=1)
    again = [measure(*drawn_by(rng)[:2], 0.5) for _ in range(40)]
    for name, (low, high) in found.items():
        inside = [low <= one[name] <= high for one in again]
        assert low < measure(labels, probabilities, 0.5)[name] < high or name == "calibration_error"
        assert sum(inside) >= (20 if name != "calibration_error" else 1)


def test_a_model_is_better_only_by_more_than_chance():
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


@given(values=st.lists(st.floats(-1, 1), min_size=2, max_size=50), counts=st.tuples(*[st.integers(1, 300)] * 2))
def test_an_interval_is_the_wider_the_fewer_it_rests_on(values, counts):
    few, many = sorted(counts)
    (low, high), (inner_low, inner_high) = (expanded_95(values, count) for count in (few, many))
    assert min(values) <= low <= inner_low <= inner_high <= high <= max(values)


def test_of_many_it_is_the_middle_95_percent():
    values = list(np.random.default_rng(1).normal(size=1_000))
    assert expanded_95(values, 100_000) == pytest.approx(middle_95(values), abs=0.01)


def test_of_few_it_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    held = {expanded_95: 0, middle_95: 0}
    for sample in rng.normal(size=(1_000, 10)):
        draws = list(sample[rng.integers(0, 10, (300, 10))].mean(axis=1))
        for interval in held:
            low, high = interval(draws, 10) if interval is expanded_95 else interval(draws)
            held[interval] += low <= 0 <= high
    assert held[middle_95] < 920
    assert 930 < held[expanded_95] < 970
