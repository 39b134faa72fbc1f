"""Marked sessions keep the contract, come at their rate, and can be told from the shop's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.operations.latency.probe import MARK, STEPS, Marks, Sightings, probe_events
from producers.contract.validation import validate_record
from producers.events import EVENTS

MARKS = Marks("0a1b2c3d")
NOW = datetime(2026, 10, 16, 12, 0, 0, 123456, tzinfo=UTC)


@given(rate=st.floats(0.1, 3_000), seconds=st.floats(0.1, 5))
def test_a_session_has_each_step_once_and_in_order(rate, seconds):
    steps: dict[int, list[int]] = {}
    places: dict[int, list[int]] = {}
    for event in probe_events(MARKS, rate, seconds):
        steps.setdefault(event.session, []).append(event.step)
        places.setdefault(event.page, []).append(event.place)
    assert sum(map(len, steps.values())) == max(round(rate * seconds), 1)
    assert all(found == list(range(len(found))) and len(found) <= len(STEPS) for found in steps.values())
    assert all(found == list(range(1, len(found) + 1)) for found in places.values())


def test_each_event_is_good_and_marked():
    for event in probe_events(MARKS, 1, 6):
        result = validate_record(EVENTS[event.topic], event.value(NOW), int(NOW.timestamp() * 1_000_000))
        assert result.violations == ()
        assert result.values["user_id"].startswith(f"{MARK}-")
        assert result.values["session_id"].encode() == event.key
        assert not {"btn_buy", "add_to_cart"} & set(map(str, result.values.values()))


@pytest.fixture
def sightings():
    found = Sightings()
    for number, event in enumerate(probe_events(MARKS, 1, 6)):
        found.sent(event, 10.0 + number)
    return found


def test_a_session_that_is_reached_has_its_earlier_events(sightings):
    first, second = MARKS.session(0), MARKS.session(1)
    sightings.reached("gold", first, 2, 14.0)
    sightings.reached("gold", first, 9, 20.0)
    sightings.reached("gold", "another", 1, 20.0)
    # The two sessions take turns: theirs are the events at 10, 12, 14 and at 11, 13, 15.
    assert sightings.delays("gold") == [4.0, None, 2.0, None, 6.0, None]
    assert sightings.unseen("gold") == 3
    sightings.arrived("gold", second, 2, 21.0)
    assert sightings.delays("gold")[3] == 8.0


def test_a_page_that_counts_some_has_those_sent_first(sightings):
    sightings.page_reached("pages", f"{MARKS.pages}00000", 4, 15.0)
    assert sightings.delays("pages") == [5.0, 4.0, 3.0, 2.0, None, None]
