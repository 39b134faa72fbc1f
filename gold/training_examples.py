"""Join the features at each cutoff with the session's outcome, so that training reads one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.sessions import TABLE as SESSIONS
from gold.shared.features import FEATURES, features
from gold.shared.timeline import EVENTS_OF_A_SESSION, SESSION, timeline
from gold.user_history import BOUGHT_NEXT, BOUGHT_NEXT_KNOWN_AT
from gold.user_history import TABLE as USER_HISTORY
from lakehouse.table import Column, Format, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def training_examples(
    page_views: DataFrame,
    clicks: DataFrame,
    interactions: DataFrame,
    sessions: DataFrame,
    user_history: DataFrame,
) -> DataFrame:
    """One row per (session, cut) reached before the first purchase, with the answers to both questions once known.

    Suspected bot traffic is left out, so that no model learns from it or scores it.
    """
    from pyspark.sql import functions as F

    outcomes = sessions.where(~F.col("is_suspect")).select(
        *SESSION,
        F.when(F.col("is_closed"), F.col("bought")).alias("bought_later"),
        F.when(F.col("is_closed"), F.col("closes_at")).alias("bought_later_known_at"),
        (F.col("is_closed") | F.col("bought")).alias("is_over"),
        "started_on",
        "started_at",
    )
    following = user_history.select(*SESSION, BOUGHT_NEXT.name, BOUGHT_NEXT_KNOWN_AT.name)
    rows = features(timeline(page_views, clicks, interactions), user_history)
    return rows.join(outcomes, list(SESSION)).join(following, list(SESSION))


TABLE = Table(
    name="gold.training_examples",
    doc="One row per (user_id, session_id, cut): what was known at the cutoff, and how the session ended. "
    "Without suspect sessions.",
    columns=(
        Column("user_id", "STRING", "The user.", required=True, format=Format.ID),
        Column("session_id", "STRING", "The session; unique within a user.", required=True, format=Format.ID),
        Column("cut", "INT", "The cutoff: after how many events of the session it is looked at.", required=True),
        *FEATURES,
        Column("bought_later", "BOOLEAN", "Whether the session ended in a purchase; null while it is open."),
        Column(
            "bought_later_known_at",
            "TIMESTAMP",
            "When bought_later was known: the session's closes_at, in UTC; null while it is open.",
        ),
        BOUGHT_NEXT,
        BOUGHT_NEXT_KNOWN_AT,
        Column("is_over", "BOOLEAN", "Whether the session has bought or is closed: it is not scored again.", True),
        Column("started_on", "DATE", "The day of started_at, in UTC.", required=True),
        Column("started_at", "TIMESTAMP", "When the session's first event happened, in UTC.", required=True),
        Column("cut_at", "TIMESTAMP", "When the cutoff's event happened, in UTC.", required=True),
    ),
    key=("user_id", "session_id", "cut"),
    reads={**EVENTS_OF_A_SESSION, "sessions": SESSIONS, "user_history": USER_HISTORY},
    build=training_examples,
    scope={name: name for name in SESSION},
    rules={"a_cut_counts_from_one": "cut >= 1"},
    sort_by=("started_on",),
    properties={
        "delta.enableChangeDataFeed": "true",
        "delta.dataSkippingStatsColumns": "started_on,started_at,cut,cut_at",
    },
)
