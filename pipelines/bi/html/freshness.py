"""Say how fresh gold is, for the live report: its newest record, the lag of its last batch, and a failure."""

from __future__ import annotations

from datetime import datetime

from gold.sessions import TABLE as SESSIONS
from lakehouse.engines.opened_table import newest
from lakehouse.errors import LakehouseError
from pipelines.query.delta_reader import opened
from pipelines.runtime.settings import Settings
from pipelines.runtime.stream_metrics import PendingMetrics

STREAM = "gold"
"""The stream that feeds gold."""


def freshness(settings: Settings, now: datetime) -> str:
    """A few sentences; what is not known is left out."""
    try:
        arrived = newest(opened(SESSIONS, settings.lake_root), "last_arrived_at")
    except LakehouseError:  # the page says so
        arrived = None
    standing = PendingMetrics(settings.metrics, STREAM).state()
    done, failure = standing.done or {}, standing.failure or {}
    said = []
    if arrived is not None:
        said.append(f"Fresh up to {arrived:%Y-%m-%d %H:%M:%S} UTC, {span((now - arrived).total_seconds())} ago.")
    if (lag := done.get("lag_seconds")) is not None:
        ended = (now - datetime.fromisoformat(done["ended_at"])).total_seconds()
        said.append(f"The last batch ended {span(ended)} ago, with a lag of {span(lag)}.")
    if failure:
        said.append(f"Gold has failed since: {failure.get('error')} {failure.get('cure') or ''}".strip())
    return " ".join(said)


def span(seconds: float) -> str:
    """A span of time in its largest fitting unit, as in 5 min."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
