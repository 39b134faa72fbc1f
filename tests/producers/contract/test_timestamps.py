"""Times are read as producers print them, and in no other way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.contract.timestamps import read_instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEN = 1_792_058_400_000_000  # 2026-10-15T10:00:00Z


@pytest.mark.parametrize(
    ("text", "after_ten"),
    [
        ("2026-10-15T10:00Z", 0),
        ("2026-10-15t10:00:00z", 0),
        ("2026-10-15 12:00+02:00", 0),
        ("2026-10-15T12:00:00.5+02:00[Europe/Paris]", 500_000),
        ("2026-10-15T10:00Z[UTC]", 0),
        ("2026-10-15T10:00:00,123456789", 123_456),
        ("1792058400.123", 123_000),
        ("1792058400.1234567", 123_456),
        ("1792058400123.4567", 123_456),
        ("1792058400123456", 123_456),
        ("1792058400123456789", 123_456),
    ],
)
def test_a_time_is_read_as_producers_print_it(text, after_ten):
    assert read_instant(text) == TEN + after_ten


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-15",
        "2026-10-15T10",
        "2026-10-15T10:00.5",
        "2026-10-15T10:00:00[UTC]",
        "2026-10-15T10:00Z[]",
        "1792058400.",
        "1792058400,5",
        "1792058400123456.5",
        "179205840012",
        "17920584001234567",
        "-1792058400",
        "1.792e9",
        "\uff11792058400",
        "2026-10-15T10:00:60Z",
        "2026-10-15T24:00Z",
        "2026-10-15T10:00:00.1234567890Z",
    ],
)
def test_anything_else_is_no_time(text):
    assert read_instant(text) is None


instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


@given(instants, st.integers(-18 * 60, 18 * 60), st.sampled_from("Tt "), st.booleans())
def test_every_instant_is_read_in_each_of_its_forms(at, minutes, between, has_name):
    micros = (at - EPOCH) // timedelta(microseconds=1)
    there = at.astimezone(timezone(timedelta(minutes=minutes)))
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    name = "[America/Argentina/Buenos_Aires]" if has_name else ""
    local = there.strftime(f"%Y-%m-%d{between}%H:%M:%S")
    for mark in ".,":
        assert read_instant(f"{local}{mark}{there.microsecond:06}{offset}{name}") == micros
    if not there.second and not there.microsecond:
        assert read_instant(local[: -len(":00")] + offset) == micros
    if micros >= 1_000_000_000_000_000:
        seconds, rest = divmod(micros, 1_000_000)
        assert read_instant(f"{seconds}.{rest:06}") == micros
        assert read_instant(f"{micros // 1_000}.{micros % 1_000:03}") == micros
        assert read_instant(str(micros)) == read_instant(f"{micros}999") == micros
