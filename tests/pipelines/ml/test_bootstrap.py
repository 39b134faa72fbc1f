"""Intervals and comparisons say how far chance moves a metric."""

from __future__ import annotations

import numpy as np

from pipelines.ml.bootstrap import compare, intervals
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
