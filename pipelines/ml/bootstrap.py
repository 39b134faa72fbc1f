"""Resample whole users, to say how far chance moves a metric and whether one model beats another by more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.ml.metrics import WeightedMetrics

if TYPE_CHECKING:
    import pandas as pd

REPLICATES = 200
"""How often the users of the test period are resampled."""


def user_numbers(users: pd.Series) -> NDArray[np.int64]:
    """The rows' users as numbers from 0."""
    return np.unique(users.to_numpy(dtype=str), return_inverse=True)[1]


def resample_users(users: NDArray[np.int64], seed: int) -> Iterator[NDArray[np.float64]]:
    """The weight of each row in each of REPLICATES draws of users, with replacement.

    ``users`` numbers each row's user from 0. Whole users are drawn, because the rows of one user are
    alike.
    """
    rng = np.random.default_rng(seed)
    count = int(users.max()) + 1
    for _ in range(REPLICATES):
        yield np.bincount(rng.integers(0, count, count), minlength=count)[users].astype(float)


def intervals(
    labels: NDArray[np.bool_], probabilities: NDArray[np.float64], users: NDArray[np.int64], seed: int
) -> dict[str, tuple[float, float]]:
    """The 95 % intervals of average precision, ROC AUC, Brier score and calibration error, by bootstrap over users."""
    weighted = WeightedMetrics(labels, probabilities)
    metrics = {
        "average_precision": weighted.average_precision,
        "roc_auc": weighted.roc_auc,
        "brier": weighted.brier,
        "calibration_error": weighted.expected_calibration_error,
    }
    draws = [weights for weights in resample_users(users, seed) if _has_both_classes(labels, weights)]
    count = _fewest_users(labels, users)
    return {
        name: expanded_95([metric(weights) for weights in draws], count) for name, metric in metrics.items() if draws
    }


def draws_with_unseen(
    labels: NDArray[np.bool_], users: NDArray[np.int64], seed: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Draws of users with rows of both outcomes, each with the rows of the users that were not drawn."""
    for weights in resample_users(users, seed):
        unseen = weights == 0
        if _has_both_classes(labels, weights) and unseen.any():
            yield weights, unseen


def _has_both_classes(labels: NDArray[np.bool_], weights: NDArray[np.float64]) -> bool:
    return bool((weights[labels] > 0).any() and (weights[~labels] > 0).any())


def middle_95(values: list[float]) -> tuple[float, float]:
    """The interval that leaves out 2.5 % of the values at each end."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def expanded_95(values: list[float], count: int) -> tuple[float, float]:
    """The 95 % interval by draws of what rests on so many observations: the wider, the fewer they are.

    The middle 95 % of draws are too narrow where there are few, as an interval of a mean is by the normal distribution
    in place of Student's. So less is left out, as much as makes up for it: Hesterberg's expanded percentile interval
    ("What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015). Of one observation nothing
    is known, and nothing left out.
    """
    from scipy.stats import norm, t

    left_out = norm.cdf(-np.sqrt(count / (count - 1)) * t.ppf(0.975, count - 1)) if count > 1 else 0.0
    low, high = np.percentile(values, [100 * left_out, 100 * (1 - left_out)])
    return float(low), float(high)


def _fewest_users(labels: NDArray[np.bool_], users: NDArray[np.int64]) -> int:
    """How many users have the rarer outcome: on so many a ranking rests."""
    return min(len(np.unique(users[labels])), len(np.unique(users[~labels])))


@dataclass(frozen=True)
class Comparison:
    """Two models on the same rows: the metrics of each, and the first one's less the second one's.

    ``*_interval`` are 95 % intervals of the difference by paired bootstrap: both models are measured
    on the same draws of users. They are the wider, the fewer users have the rarer outcome.
    """

    average_precisions: tuple[float, float]
    calibration_errors: tuple[float, float]
    precision_interval: tuple[float, float]
    calibration_interval: tuple[float, float]

    @property
    def is_more_precise(self) -> bool:
        """Whether the first model's average precision is higher by more than chance explains."""
        return self.precision_interval[0] > 0

    @property
    def is_less_precise(self) -> bool:
        """Whether the first model's average precision is lower by more than chance explains."""
        return self.precision_interval[1] < 0

    @property
    def is_worse_calibrated(self) -> bool:
        """Whether the first model's calibration error is higher by more than chance explains."""
        return self.calibration_interval[0] > 0


def compare(
    labels: NDArray[np.bool_],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    users: NDArray[np.int64],
    seed: int,
) -> Comparison:
    """Compares the probabilities that two models give the same rows. Needs rows of both classes."""
    one, other = WeightedMetrics(labels, first), WeightedMetrics(labels, second)
    draws = [weights for weights in resample_users(users, seed) if _has_both_classes(labels, weights)]
    once, count = np.ones(len(labels)), _fewest_users(labels, users)
    return Comparison(
        (one.average_precision(once), other.average_precision(once)),
        (one.expected_calibration_error(once), other.expected_calibration_error(once)),
        expanded_95([one.average_precision(weights) - other.average_precision(weights) for weights in draws], count),
        expanded_95(
            [one.expected_calibration_error(weights) - other.expected_calibration_error(weights) for weights in draws],
            count,
        ),
    )
