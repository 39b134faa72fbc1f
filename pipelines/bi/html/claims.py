"""Say in a sentence what a chart shows, and only what is more than chance.

A change is named where seven whole days differ from the seven before by more than weekdays differ anyway (a paired
t test at 95 %), and counts by more than counting them would (Poisson). Otherwise the sentence says that it may be
chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from pipelines.bi.semantic.measures.trends import DAYS

T_95 = 2.447
"""Student's t for six degrees of freedom, two-sided, 95 %: of the differences of seven pairs of days."""

Z_95 = 1.96
"""The same for counts."""


def change(values: Mapping[date, float], name: str, newest: date, *, counts: bool) -> str:
    """How the seven whole days before the newest day differ from the seven before; "" where nothing can be said."""
    days = [newest - timedelta(number) for number in range(1, 2 * DAYS + 1)]
    if any(day not in values for day in days):
        return ""
    new, old = ([values[day] for day in part] for part in (days[:DAYS], days[DAYS:]))
    if sum(old) <= 0:
        return ""
    share = sum(new) / sum(old) - 1
    if not is_more_than_chance(new, old) or (counts and not is_other_count(sum(new), sum(old))):
        return f"{name}: no clear change. {share:+.0%} against the {DAYS} days before may be chance."
    return f"{name} {'rose' if share > 0 else 'fell'} by {abs(share):.0%} against the {DAYS} days before."


def is_more_than_chance(new: Sequence[float], old: Sequence[float]) -> bool:
    """Whether days differ from those a week before by more than such differences scatter."""
    differences = [one - other for one, other in zip(new, old, strict=True)]
    mean = sum(differences) / len(differences)
    spread = math.sqrt(sum((one - mean) ** 2 for one in differences) / (len(differences) - 1))
    return abs(mean) > T_95 * spread / math.sqrt(len(differences))


def is_other_count(one: float, other: float) -> bool:
    """Whether two counts differ by more than counting varies."""
    return abs(one - other) > Z_95 * math.sqrt(one + other)


def leader(labels: Sequence[str], counts: Sequence[float], total: float, what: str) -> str:
    """Which of several has most, and its share of all; "" where the next one may have as many."""
    first, second, *_ = (*counts, 0.0, 0.0)
    if not is_other_count(first, second) or total <= 0:
        return ""
    return f"Most come from {labels[0]}: {counts[0] / total:.0%} of {total:,.0f} {what}."


def furthest(counts: Sequence[Any]) -> str:
    """How many get to the last step of several."""
    if not counts or not counts[0]:
        return ""
    return f"{(counts[-1] or 0) / counts[0]:.1%} get as far as the last step: {counts[-1] or 0:,} of {counts[0]:,}."
