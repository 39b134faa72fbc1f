"""The threshold follows from the costs; the validation period moves it only by more than chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ml.threshold import choose_threshold, threshold_by_costs


def drawn(seed, rows, bend):
    """Rows of two per user; a row buys with ``bend`` of its probability."""
    rng = np.random.default_rng(seed)
    probabilities = rng.beta(0.8, 4, rows).round(2)
    return rng.random(rows) < bend(probabilities), probabilities, np.arange(rows) // 2


@pytest.mark.parametrize("seed", range(12))
def test_few_rows_leave_it_where_the_costs_put_it(seed):
    labels, probabilities, users = drawn(seed, 600, lambda p: p)
    chosen = choose_threshold(labels, probabilities, users, 4, 7)
    assert chosen.value == chosen.by_costs == pytest.approx(0.2)
    assert chosen.chosen_on == "costs"
    assert chosen.cheapest is not None


def test_wrong_probabilities_of_many_rows_move_it():
    labels, probabilities, users = drawn(1, 20_000, lambda p: np.minimum(3 * p, 1))
    chosen = choose_threshold(labels, probabilities, users, 4, 7)
    assert chosen.chosen_on == "validation"
    assert chosen.value < 0.12
    assert chosen.saved[0] > 0


@pytest.mark.parametrize("outcome", [True, False])
def test_one_outcome_alone_decides_nothing(outcome):
    chosen = choose_threshold(np.full(9, outcome), np.linspace(0, 1, 9), np.arange(9), 1, 7)
    assert (chosen.value, chosen.cheapest, chosen.saved) == (0.5, None, None)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 1_000))
def test_the_costs_say_from_when_on_a_call_pays(costs):
    threshold = threshold_by_costs(costs)
    assert threshold * costs == pytest.approx(1 - threshold)
