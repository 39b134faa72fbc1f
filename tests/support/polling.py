"""Wait in tests: for a condition, with a limit. The one module of the tests that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable


def becomes_true(condition: Callable[[], object], limit: float, step: float = 0.05) -> bool:
    """Whether a condition is true within ``limit`` seconds; looked at every ``step`` seconds."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(step)
    return True


def until(condition: Callable[[], object], what: str, *, limit: float = 240, step: float = 0.05) -> None:
    """Waits for a condition; AssertionError after ``limit`` seconds."""
    assert becomes_true(condition, limit, step), f"{what} did not happen within {limit:g} s"


def pass_time(seconds: float) -> None:
    """Lets time pass where time itself is tested, as in a broker that is frozen for 8 s. Never waits for something."""
    time.sleep(seconds)
