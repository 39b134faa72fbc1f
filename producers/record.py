"""What a producer makes: records for Kafka, encoded so that every reader can read them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from lakehouse.errors import DataError

Record: TypeAlias = tuple[str, bytes | None, bytes | None, int]
"""Topic, key, value, and when it happened in microseconds since 1970."""


def encode(event: Mapping[str, Any]) -> bytes:
    """Write an event as the JSON object that Kafka carries.

    A Decimal keeps its digits. Raises DataError for what JSON cannot say (NaN, the infinities, half of
    a surrogate pair, a type it does not know), naming the field.
    """
    try:
        return ("{" + ",".join(f"{_text(key)}:{_value(key, value)}" for key, value in event.items()) + "}").encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"An event holds half of a surrogate pair: {error.object[error.start : error.end]!r}.",
            "Send text that is whole Unicode.",
        ) from error


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _value(key: str, value: Any) -> str:
    if isinstance(value, Decimal | float) and not math.isfinite(value):
        raise DataError(f"{key} is {value}, which JSON cannot say.", "Send a number, or null where there is none.")
    if isinstance(value, Decimal):
        return format(value, "f")
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise DataError(f"{key} cannot be written as JSON: {error}.", "Send text, a number or null.") from error
