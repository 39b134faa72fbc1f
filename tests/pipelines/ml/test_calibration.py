"""Probabilities are corrected only where they are wrong by more than chance, and never out of order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ml.calibration import CalibrationCurve, check_calibration, fit_curve

SHARES = np.array([0.01, 0.05, 0.1, 0.3, 0.6])


def rows(count, truth, seed=3):
    rng = np.random.default_rng(seed)
    given_, real = np.tile(SHARES, count), np.tile(truth, count)
    return rng.random(len(real)) < real, given_, np.arange(len(real)) // 3


def test_right_probabilities_stay_as_they_are():
    for seed in range(8):
        labels, probabilities, users = rows(150, SHARES, seed)
        checked = check_calibration(labels, probabilities, users, 7)
        assert checked.curve.is_identity
        assert checked.error_after == checked.error_before


def test_wrong_probabilities_are_corrected():
    labels, probabilities, users = rows(400, SHARES**2)
    checked = check_calibration(labels, probabilities, users, 7)
    assert not checked.curve.is_identity
    assert checked.gained[0] > 0
    assert checked.error_after < checked.error_before / 2
    assert checked.curve(SHARES) == pytest.approx(SHARES**2, abs=0.05)


@pytest.mark.parametrize("outcome", [True, False])
def test_one_outcome_alone_corrects_nothing(outcome):
    checked = check_calibration(np.full(5, outcome), SHARES, np.arange(5), 7)
    assert checked.curve.is_identity
    assert checked.gained is None


def test_no_rows_correct_nothing():
    nothing = np.array([])
    assert check_calibration(nothing.astype(bool), nothing, nothing.astype(int), 7).curve.is_identity


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.001, 0.1, 0.4, 0.8, 1.0])), min_size=2, max_size=40))
def test_every_fitted_curve_keeps_the_order(drawn):
    labels, probabilities = (np.array(one) for one in zip(*drawn, strict=True))
    curve = fit_curve(labels, probabilities, np.ones(len(labels)))
    assert curve.slope > 0
    found = curve(np.array([0.0, 0.01, 0.2, 0.5, 0.9, 1.0]))
    assert (np.diff(found) >= 0).all()
    assert (found[0], found[-1]) == (0, 1)


def test_its_parameters_are_all_that_it_is():
    assert CalibrationCurve(-1.0, 2.0)(SHARES) == pytest.approx(1 / (1 + np.exp(1) * ((1 - SHARES) / SHARES) ** 2))
