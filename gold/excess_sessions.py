"""Find the sessions of users who begin more sessions than a person has, by what was known when each began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.session_starts import TABLE as SESSION_STARTS
from gold.shared.clock import CLOCK
from gold.shared.timeline import SESSION
from lakehouse.table import Column, Format, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

DAY = 86_400_000_000
"""Microseconds of 24 hours."""


def excess_sessions(session_starts: DataFrame, clock: DataFrame) -> DataFrame:
    """One row per session that is one too many within 24 hours, and per later session of the same user.

    A session that begins later changes no row of an earlier one, so that none knows the future.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    by_start = Window.partitionBy("user_id").orderBy("_micros")
    return (
        session_starts.withColumn("_micros", F.unix_micros("started_at"))
        .withColumn("sessions_in_24_hours", F.count("_micros").over(by_start.rangeBetween(1 - DAY, 0)))
        .withColumn(
            "most_sessions_in_24_hours",
            F.max("sessions_in_24_hours").over(by_start.rangeBetween(Window.unboundedPreceding, 0)),
        )
        .crossJoin(clock.select("bot_sessions_in_24_hours"))
        .where("most_sessions_in_24_hours > bot_sessions_in_24_hours")
        .select(*SESSION, "sessions_in_24_hours", "most_sessions_in_24_hours", "started_on", "started_at")
    )


TABLE = Table(
    name="gold.excess_sessions",
    doc="One row per (user_id, session_id) of a user with too many sessions: from the first that was one too many "
    "within 24 hours on.",
    columns=(
        Column("user_id", "STRING", "The user.", True, format=Format.ID),
        Column("session_id", "STRING", "The session; unique within a user.", True, format=Format.ID),
        Column(
            "sessions_in_24_hours",
            "BIGINT",
            "The user's sessions that began within the 24 hours up to this one's beginning, this one included.",
            True,
            additive=False,
        ),
        Column(
            "most_sessions_in_24_hours",
            "BIGINT",
            "The most of these that a session had that began no later than this one: more than "
            "sessions_in_24_hours of conf/shop.toml.",
            True,
            additive=False,
        ),
        Column("started_on", "DATE", "The day of started_at, in UTC.", True),
        Column("started_at", "TIMESTAMP", "When the session's first event happened, in UTC.", True),
    ),
    key=SESSION,
    reads={"session_starts": SESSION_STARTS, "clock": CLOCK},
    build=excess_sessions,
    scope={"user_id": "user_id"},
    rules={"the_most_is_no_less": "most_sessions_in_24_hours >= sessions_in_24_hours"},
    sort_by=("started_on",),
    properties={"delta.dataSkippingStatsColumns": "user_id,started_on,started_at"},
)
