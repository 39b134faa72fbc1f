"""Measure on the validation period whether probabilities are right, and correct them by a curve that keeps their order.

The curve is Platt's: sigmoid(intercept + slope * logit(p)), with a slope above 0. It is used only where it is better
by more than chance on users that it was not fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.ml.bootstrap import draws_with_unseen, middle_95
from pipelines.ml.metrics import expected_calibration_error

_LEAST = 1e-6
_STEPS = 25
_TRUST = 4.0
"""What the identity weighs beside the rows: keeps the curve finite where outcomes follow from the probabilities."""


@dataclass(frozen=True)
class CalibrationCurve:
    """A strictly increasing map of probabilities to probabilities; by default each stays as it is."""

    intercept: float = 0.0
    slope: float = 1.0

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return self.intercept == 0 and self.slope == 1

    def __call__(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """The corrected probabilities; 0 and 1 stay what they are."""
        if self.is_identity:
            return probabilities
        inside = (probabilities > 0) & (probabilities < 1)
        corrected = _sigmoid(self.intercept + self.slope * _logit(probabilities))
        return np.where(inside, corrected, probabilities)


IDENTITY = CalibrationCurve()


@dataclass(frozen=True)
class CalibrationCheck:
    """What the validation period says of a model's probabilities, and the curve that corrects them.

    ``fitted`` is the curve that fits best, ``curve`` the one that is used: the fitted one, or the identity.
    ``gained`` is the 95 % interval of the log loss that the fitted curve saves on users that it was not fitted on.
    """

    curve: CalibrationCurve
    fitted: CalibrationCurve
    gained: tuple[float, float] | None
    error_before: float
    error_after: float


def check_calibration(
    labels: NDArray[np.bool_], probabilities: NDArray[np.float64], users: NDArray[np.int64], seed: int
) -> CalibrationCheck:
    """Fits the curve to rows of the validation period, and decides whether it is used."""
    before = expected_calibration_error(labels, probabilities) if len(labels) else 0.0
    if not labels.any() or labels.all():
        return CalibrationCheck(IDENTITY, IDENTITY, None, before, before)
    fitted = fit_curve(labels, probabilities, np.ones(len(labels)))
    plain = _log_losses(labels, probabilities)
    gained = []
    for weights, unseen in draws_with_unseen(labels, users, seed):
        curve = fit_curve(labels, probabilities, weights)
        gained.append(float((plain - _log_losses(labels, curve(probabilities)))[unseen].mean()))
    interval = middle_95(gained) if gained else None
    curve = fitted if interval is not None and interval[0] > 0 else IDENTITY
    after = expected_calibration_error(labels, curve(probabilities))
    return CalibrationCheck(curve, fitted, interval, before, after)


def fit_curve(
    labels: NDArray[np.bool_], probabilities: NDArray[np.float64], weights: NDArray[np.float64]
) -> CalibrationCurve:
    """The curve of least log loss, by Newton's method; the identity where its slope would not be above 0."""
    given, at = np.unique(probabilities, return_inverse=True)
    rows, buyers = np.bincount(at, weights=weights), np.bincount(at, weights=weights * labels)
    inputs = np.stack([np.ones(len(given)), _logit(given)])
    identity = np.array([0.0, 1.0])
    found = identity.copy()
    for _ in range(_STEPS):
        predicted = _sigmoid(found @ inputs)
        gradient = inputs @ (rows * predicted - buyers) + _TRUST * (found - identity)
        curvature = (inputs * (rows * predicted * (1 - predicted))) @ inputs.T + _TRUST * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        found = found - step
        if np.abs(step).max() < 1e-9:  # noqa: PLR2004 - far below what a probability shows
            break
    intercept, slope = (float(one) for one in found)
    return CalibrationCurve(intercept, slope) if np.isfinite(found).all() and slope > 0 else IDENTITY


def _log_losses(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    right = np.where(labels, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.clip(right, _LEAST, 1.0)))


def _logit(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(probabilities, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(inside / (1 - inside)))


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -40, 40))))
