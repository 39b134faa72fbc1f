"""A valid click and a valid interaction, and their validation with some of their fields changed."""

from __future__ import annotations

import json

from producers.contract.validation import validate_record
from producers.events import EVENTS
from tests.support.spellings import ARRIVED_AT

CLICK = {
    "user_id": "u-1",
    "session_id": "s-1",
    "element_id": "btn_buy",
    "page_url": "https://shop.example/p/1",
    "category": "shoes",
    "price": 19.99,
    "timestamp": "2026-10-15T10:00:00Z",
    "x_coord": 120.5,
    "y_coord": 240.0,
}
INTERACTION = {name: CLICK[name] for name in ("user_id", "session_id", "page_url", "category", "price", "timestamp")}
INTERACTION |= {"interaction_type": "scroll", "details": "down"}
TEN = 1_792_058_400_000_000  # 2026-10-15T10:00:00Z


def validated(change: dict, base: dict = CLICK, name: str = "clicks"):
    event = {key: value for key, value in (base | change).items() if value is not ...}
    return validate_record(EVENTS[name], json.dumps(event).encode(), ARRIVED_AT)


def validated_source(name: str, source: str, base: dict = CLICK, event: str = "clicks"):
    """Validate an event with a field spelled in this very way."""
    value = json.dumps(base | {name: "@@"}).replace('"@@"', source)
    return validate_record(EVENTS[event], value.encode("utf-8", "surrogatepass"), ARRIVED_AT)


def rules(result) -> list[str]:
    assert bool(result.violations) != bool(result.values)
    return [violation.rule for violation in result.violations]
