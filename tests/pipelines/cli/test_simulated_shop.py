"""The simulated shop's sessions come when they happen, at about the rate, and none has another's ids."""

from __future__ import annotations

import re
from itertools import islice, takewhile

import pytest

from pipelines.cli.simulated_shop import SimulatedShop


@pytest.fixture
def shop(settings):
    return SimulatedShop(settings, "127.0.0.1:1", rate=2, history=50, say=print)


def test_an_hour_has_about_as_many_events_as_the_rate_says(shop):
    begins = shop._opened_at.timestamp() * 1_000_000
    history = [*takewhile(lambda record: record[3] < begins, shop.records())]
    assert 100 < len(history) < 1_000
    hour = [record for record in islice(shop.records(), len(history) + 8_000) if 0 <= record[3] - begins < 3_600e6]
    assert 0.6 < len(hour) / (2 * 3_600) < 1.4


def test_no_two_simulations_share_a_user_or_a_session(shop):
    names = set()
    for _, _, value, at in islice(shop.records(), 9_000):
        for found in re.findall(rb'"(?:user|session)_id":"([0-9a-f]+[ah]\d*)-[us]\d+"', value or b""):
            names.add((found, at > shop._opened_at.timestamp() * 1_000_000 + 3_600e6))
    assert len({name for name, _ in names}) >= 2
    assert not {name for name, later in names if later} & {
        name for name, later in names if not later and b"a" in name[-1:]
    }
