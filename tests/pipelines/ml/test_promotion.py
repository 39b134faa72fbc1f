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


def test_the_first_model_has_to_beat_each_baseline():
    baselines = {"one_rule": {"average_precision": 0.3}, "logistic_regression": {"average_precision": 0.5}}
    assert decide_first(0.6, baselines).promoted
    decision = decide_first(0.4, baselines)
    assert not decision.promoted
    assert "does not beat logistic regression (0.500)" in decision.reason
