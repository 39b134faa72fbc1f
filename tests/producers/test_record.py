import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import DataError
from producers.record import encode


def test_a_decimal_keeps_its_digits() -> None:
    assert encode({"price": Decimal("19.90"), "big": Decimal("1E+3")}) == b'{"price":19.90,"big":1000}'


@pytest.mark.parametrize("value", [math.nan, math.inf, Decimal("NaN"), [math.nan], "\ud83d", {1, 2}, b"x"])
def test_what_json_cannot_say_is_refused_at_once(value: object) -> None:
    with pytest.raises(DataError):
        encode({"details": value})


@given(
    st.dictionaries(
        st.text(),
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_what_is_written_is_read_back(event: dict[str, object]) -> None:
    assert json.loads(encode(event)) == event
