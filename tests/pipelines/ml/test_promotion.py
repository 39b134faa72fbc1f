"""A challenger goes live only where it beats the champion, or the first one its baselines."""

from __future__ import annotations

import pytest

from pipelines.ml.bootstrap import Comparison
from pipelines.ml.model_version import Version
from pipelines.ml.promotion import decide, decide_first


@pytest.mark.parametrize(
    ("precision", "calibrated", "promoted", "message"),
    [
        ((0.01, 0.05), (-0.01, 0.01), True, "It is the new champion: average precision 0.500"),
        ((-0.01, 0.05), (-0.01, 0.01), False, "which chance explains"),
        ((0.01, 0.05), (0.001, 0.01), False, "its calibration error is higher"),
    ],
)
def test_a_challenger_has_to_be_better_and_not_worse_calibrated(precision, calibrated, promoted, message):
    comparison = Comparison((0.5, 0.47), (0.03, 0.02), precision, calibrated)
    decision = decide(comparison, Version("3", "run", 0.5))
    assert decision.promoted == promoted
    assert message in decision.reason


def against(nobody=(0.1, 0.4), one_rule=(0.02, 0.2), logistic=(-0.05, 0.03)):
    """Comparisons with the baselines, by the intervals of the difference."""
    intervals = {"all_negative": nobody, "one_rule": one_rule, "logistic_regression": logistic}
    return {
        name: Comparison((0.4, 0.4 - sum(interval) / 2), (0.0, 0.0), interval, (0.0, 0.0))
        for name, interval in intervals.items()
    }


@pytest.mark.parametrize(
    ("comparisons", "buying", "promoted", "message"),
    [
        (against(), 300, True, "logistic regression has 0.410 (-0.050 to +0.030, 95 %, which chance explains)"),
        (against(logistic=(-0.09, -0.01)), 300, False, "(-0.090 to -0.010, 95 %, worse by more than chance)"),
        (against(one_rule=(-0.01, 0.2)), 300, False, "one rule has 0.305"),
        (against(one_rule=(-0.01, 0.2)), 40, True, "It rests on 40 buying sessions, few enough for a difference of"),
        (against(one_rule=(-0.2, -0.01)), 40, False, "one rule has 0.505"),
        (against(nobody=(-0.01, 0.2)), 40, False, "nobody buys has 0.305"),
    ],
)
def test_the_first_model_is_compared_by_more_than_chance(comparisons, buying, promoted, message):
    decision = decide_first(comparisons, buying)
    assert decision.promoted == promoted
    assert message in decision.reason
    assert f"{buying} buying sessions" in decision.reason
    assert decision.figures["average_precision"] == 0.4
