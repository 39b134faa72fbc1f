"""A duration as people write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import UsageError
from pipelines.runtime.periodic import duration_seconds


@given(st.integers(1, 10_000), st.sampled_from([("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400)]), st.booleans())
def test_a_number_and_its_unit_are_seconds(number, unit, spaced):
    name, seconds = unit
    assert duration_seconds(f"{number}{' ' * spaced}{name}") == number * seconds


@pytest.mark.parametrize("text", ["", "6", "h", "-1h", "0s", "6 hours", "nan h", "1e3s", "6h30min"])
def test_anything_else_is_no_duration(text):
    with pytest.raises(UsageError, match="is no duration"):
        duration_seconds(text)
