"""Let micro-batches work one after the other where there are few cores, and each of them is done sooner.

Streams that all work at once on two cores all take several times as long, and what they feed waits for the slowest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import BoundedSemaphore

Turn = Callable[[], AbstractContextManager[None]]
"""What gives a turn: one that is had within the context."""

LONGEST_WAIT_SECONDS = 5.0
"""Whoever waits so long goes on without a turn, which is only for speed: a stream may wait for Kafka in its own."""


class Turns:
    """So many micro-batches work at a time, by default one for each core but one: that is for what they feed."""

    def __init__(self, at_once: int | None = None) -> None:
        self._free = BoundedSemaphore(at_once or max((os.cpu_count() or 1) - 1, 1))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for a turn, and has it within."""
        has_turn = self._free.acquire(timeout=LONGEST_WAIT_SECONDS)
        try:
            yield
        finally:
            if has_turn:
                self._free.release()
