"""Measures of change: the last 7 whole days against the 7 before them.

The newest day of gold may not be over, so it is never compared with whole ones. A change is blank unless each of the
14 days has sessions: without a whole base there is nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.table import Format
from pipelines.bi.semantic.measures.measure import Measure

DAYS = 7
"""How many days are compared with as many."""

AGED = "(SELECT *, (SELECT max(started_on) FROM sessions) - started_on AS age FROM sessions)"
"""SQL for the sessions with how many days before the newest they began: those of the newest day have 0."""

_LAST = (
    "VAR newest_day = CALCULATE(MAX(sessions[started_on]), REMOVEFILTERS()) VAR chosen_day = MAX(dates[date]) "
    "VAR last_whole_day = IF(chosen_day < newest_day, chosen_day, newest_day - 1)"
)
"""DAX for the last whole day up to the last one that is selected."""

_NEW = f"age BETWEEN 1 AND {DAYS}"
_OLD = f"age BETWEEN {DAYS + 1} AND {2 * DAYS}"

WHOLE_DAYS = Measure(
    "Whole days to compare",
    f"How many of the last {2 * DAYS} whole days have sessions; a change needs all of them.",
    f"{_LAST} RETURN CALCULATE(DISTINCTCOUNT(sessions[started_on]), REMOVEFILTERS(), "
    f"sessions[started_on] > last_whole_day - {2 * DAYS}, sessions[started_on] <= last_whole_day)",
    AGED,
    f"count(DISTINCT started_on) FILTER (age BETWEEN 1 AND {2 * DAYS})",
    Format.COUNT,
)


@dataclass(frozen=True)
class Trend:
    """How a figure moves: its last days, those before them, and the change; in points where it is a share."""

    last: Measure
    before: Measure
    change: Measure
    in_points: bool


def _trend(name: str, value: str, kind: Format) -> Trend:
    """The trend of a measure; ``value`` is its SQL with ``{days}`` where the days are chosen."""
    last_name, before_name = f"{name} of the last {DAYS} days", f"{name} of the {DAYS} days before"
    new, old = value.format(days=_NEW), value.format(days=_OLD)
    in_points = kind is Format.SHARE
    more = f"[{last_name}] - [{before_name}]"
    above = f"{new} - {old}" if in_points else f"{new} / {old} - 1"
    return Trend(
        Measure(
            last_name,
            f"{name} of the last {DAYS} whole days that are selected; the newest day of gold may not be over.",
            f"{_LAST} RETURN CALCULATE([{name}], REMOVEFILTERS(dates), "
            f"sessions[started_on] > last_whole_day - {DAYS}, sessions[started_on] <= last_whole_day)",
            AGED,
            new,
            kind,
        ),
        Measure(
            before_name,
            f"{name} of the {DAYS} days before the last {DAYS} whole ones.",
            f"{_LAST} RETURN CALCULATE([{name}], REMOVEFILTERS(dates), "
            f"sessions[started_on] > last_whole_day - {2 * DAYS}, sessions[started_on] <= last_whole_day - {DAYS})",
            AGED,
            old,
            kind,
        ),
        Measure(
            f"{name}, change in a week",
            f"By how many percentage points the last {DAYS} whole days are above the {DAYS} before; below is negative."
            if in_points
            else f"By which share the last {DAYS} whole days are above the {DAYS} before; below is negative.",
            f"IF([{WHOLE_DAYS.name}] = {2 * DAYS}, {more if in_points else f'DIVIDE({more}, [{before_name}])'})",
            AGED,
            f"CASE WHEN {WHOLE_DAYS.value} = {2 * DAYS} THEN {above} END",
            Format.SHARE,
        ),
        in_points,
    )


TRENDS = {
    "Sessions": _trend("Sessions", "count(*) FILTER ({days})", Format.COUNT),
    "Visitors": _trend("Visitors", "count(DISTINCT user_id) FILTER ({days})", Format.COUNT),
    "Conversion rate": _trend(
        "Conversion rate",
        "count(*) FILTER (bought AND {days}) / count(*) FILTER ({days})",
        Format.SHARE,
    ),
    "Revenue": _trend("Revenue", "sum(revenue) FILTER ({days})", Format.MONEY),
}
"""The trends by the names of the measures that move."""

MEASURES = (
    WHOLE_DAYS,
    *(measure for trend in TRENDS.values() for measure in (trend.last, trend.before, trend.change)),
)
