"""Sentences over charts: right to the per cent, and none where the difference may be chance or has no base."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.bi.html.claims import change, furthest, leader

NEWEST = dt.date(2026, 11, 30)


def days(old, new, today=1):
    """Fourteen whole days, the oldest first, and the newest, which is not over."""
    values = [*old, *new, today]
    return {NEWEST - dt.timedelta(len(values) - 1 - place): float(value) for place, value in enumerate(values)}


def said(old, new, today=1, *, counts=True):
    return change(days(old, new, today), "Sessions", NEWEST, counts=counts)


# By hand: 7 times 112 is 12 % above 7 times 100; each day by 12, and twice 1.96 * sqrt(84 + ...) is far below 84.
def test_a_rise_and_a_fall_are_named_to_the_per_cent():
    old = [1000, 1010, 990, 1000, 1020, 980, 1000]
    new = [1120, 1130, 1110, 1120, 1140, 1100, 1120]
    assert said(old, new) == "Sessions rose by 12% against the 7 days before."
    assert said(new, old) == "Sessions fell by 11% against the 7 days before."


def test_a_running_day_changes_no_sentence():
    assert len({said([1000] * 7, [1200] * 7, today) for today in (0, 1, 5000)}) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([100, 20, 180, 90, 10, 150, 50], [30, 190, 60, 170, 120, 20, 110]),  # weekdays scatter by more than that
        ([1] * 7, [2] * 7),  # seven sessions and fourteen
        ([100] * 7, [100] * 7),
    ],
)
def test_what_may_be_chance_is_said_to_be(old, new):
    assert "no clear change" in said(old, new)
    assert "rose" not in said(old, new)


def test_without_a_whole_base_nothing_is_said():
    values = days([1000] * 7, [1200] * 7)
    for number in range(1, 15):
        some = {day: value for day, value in values.items() if day != NEWEST - dt.timedelta(number)}
        assert change(some, "Sessions", NEWEST, counts=True) == ""
    assert said([0] * 7, [9] * 7) == ""


@given(st.lists(st.integers(0, 10**6), min_size=14, max_size=14), st.booleans())
def test_a_claim_has_the_sign_and_size_of_the_change(values, counts):
    old, new = values[:7], values[7:]
    sentence = said(old, new, counts=counts)
    if "rose" in sentence or "fell" in sentence:
        share = sum(new) / sum(old) - 1
        assert sentence == f"Sessions {'rose' if share > 0 else 'fell'} by {abs(share):.0%} against the 7 days before."
        assert share != 0


def test_weeks_drawn_alike_are_rarely_called_different():
    import random

    rng = random.Random(3)
    draw = [[rng.gauss(1000, 60) for _ in range(14)] for _ in range(2000)]
    called = sum("no clear" not in said(one[:7], one[7:]) for one in draw)
    assert called < 0.065 * len(draw)


def test_who_leads_is_named_only_where_it_does():
    assert leader(["search", "direct"], [743, 605], 2012, "sessions") == "Most come from search: 37% of 2,012 sessions."
    assert leader(["search", "direct"], [20, 18], 40, "sessions") == ""
    assert leader([], [], 0, "sessions") == ""


def test_the_last_step_of_a_funnel_is_counted():
    assert furthest([2012, 1321, 346, 208]) == "10.3% get as far as the last step: 208 of 2,012."
    assert furthest([0, 0]) == furthest([]) == ""
