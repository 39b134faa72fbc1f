"""Compute what was known of a user when each session began and ended, so that no feature knows the future."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.sessions import TABLE as SESSIONS
from gold.shared.timeline import SESSION
from lakehouse.table import Column, Format, Table

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

AT_THE_START = (
    Column("earlier_sessions", "BIGINT", "The user's sessions that had begun before this one.", True, additive=False),
    Column(
        "earlier_buying_sessions",
        "BIGINT",
        "The user's sessions that had their first purchase before this one began.",
        True,
        additive=False,
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
)
"""What was known when the session began: nothing that happens in it or later moves these."""

AT_THE_END = (
    Column(
        "sessions",
        "BIGINT",
        "COUNT(*) of the user's sessions that had ended by ended_at, this one included.",
        True,
        additive=False,
    ),
    Column("page_views", "BIGINT", "SUM(page_views) of the sessions that had ended.", True, additive=False),
    Column("product_views", "BIGINT", "SUM(product_views) of the sessions that had ended.", True, additive=False),
    Column("cart_adds", "BIGINT", "SUM(cart_adds) of the sessions that had ended.", True, additive=False),
    Column("purchases", "BIGINT", "SUM(purchases) of the sessions that had ended.", True, additive=False),
    Column("buying_sessions", "BIGINT", "COUNT(*) of the sessions that had ended WHERE bought.", True, additive=False),
    Column(
        "spend",
        "DECIMAL(18,2)",
        "SUM(revenue) of the sessions that had ended, in the shop's currency.",
        True,
        additive=False,
    ),
    Column(
        "days_from_last_purchase_to_end",
        "DOUBLE",
        "From MAX(bought_at) of the sessions that had ended to ended_at, in days; null before the first purchase.",
    ),
    Column(
        "days_between_sessions_mean",
        "DOUBLE",
        "From the first beginning of the sessions that had ended to the last, divided by sessions - 1, in days; "
        "null for the first.",
        format=Format.MEAN,
    ),
)
"""What was known when the session ended, the session itself included, and no later one."""

BOUGHT_NEXT = Column(
    "bought_next",
    "BOOLEAN",
    "The answer to the next_session question, known only later: whether the user's next session, the first to begin "
    "after this one, bought. Null until that is closed, and where it is suspect or began before ended_at.",
)

BOUGHT_NEXT_KNOWN_AT = Column(
    "bought_next_known_at",
    "TIMESTAMP",
    "When bought_next was known: the next session's closes_at, in UTC; null where bought_next is.",
)

_BOUGHT_NEXT = (
    "CASE WHEN _next.is_closed AND NOT _next.is_suspect AND _next.started_at > ended_at THEN _next.bought END"
)


def user_history(sessions: DataFrame) -> DataFrame:
    """One row per session: what its user had done before its first event, and by its last.

    An earlier session counts from its first event on, and as one that bought from its first
    purchase on: both are instants that no event after them moves, so nothing of the future is in
    AT_THE_START.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    from lakehouse.dataframes import union

    # Total, so that sessions that end at the same instant always stand in one order.
    by_end = Window.partitionBy("user_id").orderBy("ended_at", "started_at", "session_id")
    by_start = Window.partitionBy("user_id").orderBy("started_at", "session_id")
    ended = by_end.rowsBetween(Window.unboundedPreceding, 0)

    def total(column: str) -> SparkColumn:
        return F.sum(column).over(ended)

    def days(start: str, end: str) -> SparkColumn:
        return F.expr(f"timestampdiff(MICROSECOND, {start}, {end}) / 8.64e10D")

    at_the_end = (
        sessions.withColumn("_first_started_at", F.min("started_at").over(ended))
        .withColumn("_last_started_at", F.max("started_at").over(ended))
        .withColumn("_last_bought_at", F.max("bought_at").over(ended))
        .withColumn("_sessions", F.row_number().over(by_end))
        .withColumns({name: total(name) for name in ("page_views", "product_views", "cart_adds", "purchases")})
        .withColumn("spend", total("revenue").cast("DECIMAL(18,2)"))
        .withColumn("buying_sessions", F.count_if("bought").over(ended))
        .withColumn("days_from_last_purchase_to_end", days("_last_bought_at", "ended_at"))
        .withColumn(
            "days_between_sessions_mean",
            days("_first_started_at", "_last_started_at") / F.nullif(F.col("_sessions") - 1, F.lit(0)),
        )
        .withColumn("sessions", F.col("_sessions").cast("BIGINT"))
        .withColumn(
            "_next", F.lead(F.struct("started_at", "bought", "is_closed", "is_suspect", "closes_at")).over(by_start)
        )
        .withColumn("bought_next", F.expr(_BOUGHT_NEXT))
        .withColumn("bought_next_known_at", F.expr("CASE WHEN bought_next IS NOT NULL THEN _next.closes_at END"))
    )
    kept = (
        *(column.name for column in AT_THE_END),
        BOUGHT_NEXT.name,
        BOUGHT_NEXT_KNOWN_AT.name,
        "is_closed",
        "started_on",
        "started_at",
        "ended_at",
    )

    def mark(instant: str, *, is_start: bool) -> DataFrame:
        rows = at_the_end.where(F.col(instant).isNotNull())
        micros = F.unix_micros(instant).alias("_micros")
        return rows.select(*SESSION, *kept, micros, F.lit(is_start).alias("_is_start"))

    marks = union([mark("started_at", is_start=True), mark("bought_at", is_start=False)])
    before = Window.partitionBy("user_id").orderBy("_micros").rangeBetween(Window.unboundedPreceding, -1)
    purchased_at = F.when(~F.col("_is_start"), F.col("_micros"))
    began_at = F.when(F.col("_is_start"), F.col("_micros"))
    return (
        marks.withColumn("earlier_sessions", F.count(began_at).over(before))
        .withColumn("earlier_buying_sessions", F.count(purchased_at).over(before))
        .withColumn("days_since_previous_session", (F.col("_micros") - F.max(began_at).over(before)) / 8.64e10)
        .withColumn("days_since_last_purchase", (F.col("_micros") - F.max(purchased_at).over(before)) / 8.64e10)
        .where("_is_start")
        .select(*SESSION, *(column.name for column in AT_THE_START), *kept)
    )


TABLE = Table(
    name="gold.user_history",
    doc="One row per (user_id, session_id): what was known of the user when the session began, and when it ended; "
    "and, for training alone, what came next.",
    columns=(
        Column("user_id", "STRING", "The user.", True, format=Format.ID),
        Column("session_id", "STRING", "The session; unique within a user.", True, format=Format.ID),
        *AT_THE_START,
        *AT_THE_END,
        BOUGHT_NEXT,
        BOUGHT_NEXT_KNOWN_AT,
        Column("is_closed", "BOOLEAN", "Whether this session is closed; while it is not, ended_at may move.", True),
        Column("started_on", "DATE", "The day of started_at, in UTC.", True),
        Column("started_at", "TIMESTAMP", "When the session's first event happened, in UTC.", True),
        Column("ended_at", "TIMESTAMP", "When the session's last event happened, in UTC.", True),
    ),
    key=SESSION,
    reads={"sessions": SESSIONS},
    build=user_history,
    scope={"user_id": "user_id"},
    rules={"buying_sessions_at_most_sessions": "buying_sessions <= sessions"},
    sort_by=("started_on",),
    properties={"delta.dataSkippingStatsColumns": "user_id,started_on,started_at"},
)
