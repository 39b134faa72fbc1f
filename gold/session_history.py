"""Gold: what was known of each visitor when a visit began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.sessions import TABLE as SESSIONS
from gold.timeline import SESSION
from lakehouse.table import Column, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def session_history(sessions: DataFrame) -> DataFrame:
    """One row per session: the visitor's sessions and purchases before its first event.

    An earlier session counts from its first event on, and as one that bought from its first
    purchase on: both are instants that no event after them moves, so nothing of the future is in here.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    from lakehouse.frames import union

    def mark(instant: str, *, is_start: bool) -> DataFrame:
        rows = sessions.where(F.col(instant).isNotNull())
        micros = F.unix_micros(instant).alias("_micros")
        return rows.select(*SESSION, "started_on", "started_at", micros, F.lit(is_start).alias("_is_start"))

    marks = union([mark("started_at", is_start=True), mark("bought_at", is_start=False)])
    before = Window.partitionBy("user_id").orderBy("_micros").rangeBetween(Window.unboundedPreceding, -1)
    purchased_at = F.when(~F.col("_is_start"), F.col("_micros"))
    began_at = F.when(F.col("_is_start"), F.col("_micros"))
    return (
        marks.select(
            *SESSION,
            F.count(began_at).over(before).alias("earlier_sessions"),
            F.count(purchased_at).over(before).alias("earlier_buying_sessions"),
            ((F.col("_micros") - F.max(began_at).over(before)) / 8.64e10).alias("days_since_previous_session"),
            ((F.col("_micros") - F.max(purchased_at).over(before)) / 8.64e10).alias("days_since_last_purchase"),
            "started_on",
            "started_at",
            "_is_start",
        )
        .where("_is_start")
        .drop("_is_start")
    )


TABLE = Table(
    name="gold.session_history",
    doc="One row per (user_id, session_id): what was known of the visitor when the session began.",
    columns=(
        Column("user_id", "STRING", "The visitor.", True),
        Column("session_id", "STRING", "The visit; unique within a user.", True),
        Column("earlier_sessions", "BIGINT", "The user's sessions that had begun before this one.", True),
        Column(
            "earlier_buying_sessions", "BIGINT", "The user's sessions that had their first purchase before then.", True
        ),
        Column(
            "days_since_previous_session",
            "DOUBLE",
            "From the beginning of the session before to that of this one, in days of 24 hours; null for the first.",
        ),
        Column(
            "days_since_last_purchase",
            "DOUBLE",
            "From the last of those first purchases to this session's beginning, in days; null where there was none.",
        ),
        Column("started_on", "DATE", "The day of started_at, in UTC.", True),
        Column("started_at", "TIMESTAMP", "When the session's first event happened, in UTC.", True),
    ),
    key=SESSION,
    reads={"sessions": SESSIONS},
    build=session_history,
    scope={"user_id": "user_id"},
    cluster_by=("started_on",),
    properties={"delta.dataSkippingStatsColumns": "started_on,started_at"},
)
