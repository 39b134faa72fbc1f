"""Sum up how long marked events took to each place, and whether the streams kept up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

GROWS = 1.5
"""Events at the end may take so many times as long as at the start, and a second more, of streams that keep up."""


@dataclass(frozen=True)
class Measure:
    """How long events took until they were readable at one place. Those that were not seen count as endless."""

    where: str
    probes: int
    seen: int
    median_seconds: float | None
    p95_seconds: float | None

    @classmethod
    def of(cls, where: str, delays: Sequence[float | None]) -> Measure:
        """The measure of these delays."""
        seconds = sorted(math.inf if one is None else one for one in delays)
        seen = sum(one is not None for one in delays)
        return cls(where, len(delays), seen, _quantile(seconds, 0.5), _quantile(seconds, 0.95))

    def meets(self, goal: float) -> bool:
        """Whether the 95th percentile is at most so many seconds."""
        return self.p95_seconds is not None and self.p95_seconds <= goal


@dataclass(frozen=True)
class Pace:
    """Whether the streams kept up: the median of the first and of the last third of the events, and what was left."""

    first_seconds: float | None
    last_seconds: float | None
    unread_at_end: int

    @classmethod
    def of(cls, delays: Sequence[float | None], unread_at_end: int) -> Pace:
        """The pace of these delays, in the order in which the events were sent."""
        third = max(len(delays) // 3, 1)
        return cls(_median(delays[:third]), _median(delays[-third:]), unread_at_end)

    @property
    def kept_up(self) -> bool:
        """Whether events at the end did not take much longer than at the start."""
        if self.first_seconds is None or self.last_seconds is None:
            return False
        return self.last_seconds <= GROWS * self.first_seconds + 1


def _quantile(seconds: Sequence[float], share: float) -> float | None:
    if not seconds:
        return None
    found = seconds[min(math.ceil(share * len(seconds)), len(seconds)) - 1]
    return None if math.isinf(found) else found


def _median(delays: Sequence[float | None]) -> float | None:
    found = median(math.inf if one is None else one for one in delays) if delays else math.inf
    return None if math.isinf(found) else found


@dataclass(frozen=True)
class Latency:
    """The result of a run; ``late`` names the places where a goal is missed."""

    run: str
    per_second: float
    seconds: float
    sent: int
    not_acknowledged: int
    measures: tuple[Measure, ...]
    pace: Pace
    late: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """It for machines."""
        return {
            "run": self.run,
            "per_second": self.per_second,
            "seconds": round(self.seconds, 1),
            "sent": self.sent,
            "not_acknowledged": self.not_acknowledged,
            "measures": [
                {
                    "where": one.where,
                    "probes": one.probes,
                    "seen": one.seen,
                    "median_seconds": _rounded(one.median_seconds),
                    "p95_seconds": _rounded(one.p95_seconds),
                }
                for one in self.measures
            ],
            "kept_up": self.pace.kept_up,
            "median_seconds_of_first_third": _rounded(self.pace.first_seconds),
            "median_seconds_of_last_third": _rounded(self.pace.last_seconds),
            "unread_when_the_last_was_sent": self.pace.unread_at_end,
            "goals_missed": list(self.late),
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
