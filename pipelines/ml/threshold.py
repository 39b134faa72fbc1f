"""Choose the threshold from what mistakes cost; the validation period moves it only where that saves more than chance.

Where probabilities are right, calling a session a buyer pays from 1 / (1 + costs of a missed buyer) on. The cheapest
threshold of a few hundred sessions is mostly chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.ml.bootstrap import draws_with_unseen, middle_95
from pipelines.ml.metrics import best_threshold


@dataclass(frozen=True)
class Threshold:
    """The probability from which on a session is a predicted buyer, and where it comes from.

    ``by_costs`` is the one that follows from the costs alone, ``cheapest`` the one that cost least on the validation
    period. ``saved`` is the 95 % interval of what the cheapest saves for each row of users that it was not chosen on,
    by bootstrap; None where there were no such rows.
    """

    value: float
    by_costs: float
    cheapest: float | None = None
    saved: tuple[float, float] | None = None

    @property
    def chosen_on(self) -> str:
        """What decided: the costs, or the validation period."""
        return "costs" if self.value == self.by_costs else "validation"


def threshold_by_costs(missed_buyer_costs: float) -> float:
    """The threshold for probabilities that are right."""
    return 1 / (1 + missed_buyer_costs)


def choose_threshold(
    labels: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    users: NDArray[np.int64],
    missed_buyer_costs: float,
    seed: int,
) -> Threshold:
    """The threshold for a model, from its probabilities for rows of the validation period.

    Each draw of users chooses the cheapest threshold, and it is priced on the users that were not drawn.
    """
    by_costs = threshold_by_costs(missed_buyer_costs)
    if not labels.any() or labels.all():
        return Threshold(by_costs, by_costs)

    def mistakes(threshold: float) -> NDArray[np.float64]:
        called = probabilities >= threshold
        return np.where(labels, ~called * missed_buyer_costs, called * 1.0)

    stated = mistakes(by_costs)
    saved = []
    for weights, unseen in draws_with_unseen(labels, users, seed):
        own = best_threshold(labels, probabilities, missed_buyer_costs, weights)
        saved.append(float((stated - mistakes(own))[unseen].mean()))
    cheapest = best_threshold(labels, probabilities, missed_buyer_costs)
    if not saved:
        return Threshold(by_costs, by_costs, cheapest)
    interval = middle_95(saved)
    return Threshold(cheapest if interval[0] > 0 else by_costs, by_costs, cheapest, interval)
