"""Keep when each session began, so that a user's sessions can be counted before they are summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.shared.timeline import EVENTS_OF_A_SESSION, SESSION
from lakehouse.table import Column, Format, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def session_starts(page_views: DataFrame, clicks: DataFrame, interactions: DataFrame) -> DataFrame:
    """One row per session: when its first event happened."""
    from pyspark.sql import functions as F

    from lakehouse.dataframes import union

    events = union([events.select(*SESSION, "event_at") for events in (page_views, clicks, interactions)])
    starts = events.groupBy(*SESSION).agg(F.min("event_at").alias("started_at"))
    return starts.select(*SESSION, F.to_date("started_at").alias("started_on"), "started_at")


TABLE = Table(
    name="gold.session_starts",
    doc="One row per (user_id, session_id): when the session began. gold.excess_sessions counts by it.",
    columns=(
        Column("user_id", "STRING", "The user.", True, format=Format.ID),
        Column("session_id", "STRING", "The session; unique within a user.", True, format=Format.ID),
        Column("started_on", "DATE", "The day of started_at, in UTC.", True),
        Column("started_at", "TIMESTAMP", "When the session's first event happened, in UTC.", True),
    ),
    key=SESSION,
    reads=EVENTS_OF_A_SESSION,
    build=session_starts,
    scope={name: name for name in SESSION},
    sort_by=("started_on",),
    properties={"delta.dataSkippingStatsColumns": "user_id,started_on,started_at"},
)
