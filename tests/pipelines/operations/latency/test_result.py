"""What was not seen counts as endless, and a stream that falls behind is told from one that keeps up."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from pipelines.operations.latency.result import Measure, Pace

DELAYS = st.lists(st.one_of(st.none(), st.floats(0, 1_000)), min_size=1, max_size=60)


@given(DELAYS, st.floats(0, 1_000))
def test_a_goal_is_met_where_95_of_100_meet_it(delays, goal):
    within = sum(one is not None and one <= goal for one in delays)
    assert Measure.of("gold", delays).meets(goal) == (within >= math.ceil(0.95 * len(delays)))


def test_nothing_measured_meets_no_goal():
    assert Measure.of("gold", []).meets(1_000) is False


def test_a_growing_delay_is_falling_behind():
    assert Pace.of([1.0, 1.2, 0.9, 1.1, 1.0, 1.2], 2).kept_up
    assert not Pace.of([1.0, 1.2, 2.0, 3.0, 4.0, 5.0], 60).kept_up
    assert not Pace.of([1.0, 1.2, 1.0, 1.0, None, None], 60).kept_up
