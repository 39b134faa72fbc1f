"""Summarise the events of each session; most of gold is made from these rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gold.excess_sessions import TABLE as EXCESS_SESSIONS
from gold.shared.clock import CLOCK
from gold.shared.exact import mean
from gold.shared.timeline import EVENTS_OF_A_SESSION, ORDER, SESSION, revenue, timeline
from lakehouse.table import Column, Format, Table
from producers.events import EVENTS

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

INTERACTION_TYPES = next(field.choices for field in EVENTS["interactions"].fields if field.choices)
"""The kinds of interaction that the contract lists; each one is counted in a column of its own."""

SUSPECT = {
    "known_crawler": "crawler_events > 0",
    "too_many_events": "events >= bot_events",
    "never_rests": "duration_seconds >= bot_rest_seconds AND active_hours >= hours_spanned",
    "too_fast": "page_views >= bot_page_views AND page_views > duration_seconds * bot_page_views_per_second",
    "session_id_reused": "longest_pause_seconds > bot_pause_seconds",
    "too_many_sessions": "is_excess",
}
"""What suspected bot traffic does, by the rule's name; the first rule that a session meets is named.

The limits are the shop's (conf/shop.toml). As shipped, in words: an event whose user agent is a known crawler's; two
thousand events; at least a day without one clock hour of rest; thirty or more pages shown, on average more than one a
second; a pause of more than twelve hours, after which it is another session whose id the client has kept; more than
sixty sessions of the user begun within 24 hours, up to this one or an earlier one.
"""

FIRST_VIEW = ("referrer_kind", "referrer_host", "campaign_source", "campaign_medium", "campaign_name")
"""What silver says of the first page shown, and a session takes on."""


def sessions(
    page_views: DataFrame,
    clicks: DataFrame,
    interactions: DataFrame,
    excess_sessions: DataFrame,
    clock: DataFrame,
) -> DataFrame:
    """One row per session, as known from all of its events that have arrived."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    def count(condition: str) -> SparkColumn:
        return F.count_if(F.expr(condition))

    by_order = F.struct(*ORDER)
    is_view = F.col("kind") == "page_view"
    # A user's clock may be ahead; the broker's never is, so a session never closes in the future.
    rested_since = F.max(F.least("event_at", "arrived_at"))
    rows = (
        timeline(page_views, clicks, interactions)
        .withColumn("_previous_at", F.lag("event_at").over(Window.partitionBy(*SESSION).orderBy(*ORDER)))
        .withColumn("_pause", F.expr("timestampdiff(MICROSECOND, _previous_at, event_at) / 1e6D"))
        .groupBy(*SESSION)
        .agg(
            F.count("*").alias("events"),
            count("kind = 'page_view'").alias("page_views"),
            count("is_product_view").alias("product_views"),
            count("kind = 'click'").alias("clicks"),
            count("is_purchase").alias("purchases"),
            count("is_cart_add").alias("cart_adds"),
            count("kind = 'interaction'").alias("interactions"),
            count("is_known_crawler").alias("crawler_events"),
            *(
                count(f"kind = 'interaction' AND action = '{name}'").alias(f"{name}_count")
                for name in INTERACTION_TYPES
            ),
            F.countDistinct("page_url").alias("distinct_pages"),
            F.countDistinct("category").alias("distinct_categories"),
            F.min("price").alias("price_min"),
            F.max("price").alias("price_max"),
            revenue().alias("revenue"),
            mean("price").alias("price_mean"),
            F.min_by(F.struct("page", *FIRST_VIEW), F.when(is_view, by_order)).alias("_landing"),
            F.max_by(F.struct("page"), F.when(is_view, by_order)).alias("_exit"),
            F.min("event_at").alias("started_at"),
            F.max("event_at").alias("ended_at"),
            F.min(F.when(F.col("is_purchase"), F.col("event_at"))).alias("bought_at"),
            rested_since.alias("_rested_since"),
            F.max("arrived_at").alias("last_arrived_at"),
            F.countDistinct(F.date_trunc("hour", "event_at")).alias("active_hours"),
            F.max("_pause").alias("longest_pause_seconds"),
        )
    )
    seconds = "timestampdiff(MICROSECOND, started_at, ended_at) / 1e6D"
    hours = "timestampdiff(HOUR, date_trunc('HOUR', started_at), date_trunc('HOUR', ended_at)) + 1"
    suspect_rule = " ".join(f"WHEN {condition} THEN '{rule}'" for rule, condition in SUSPECT.items())
    closes_at = "timestampadd(MICROSECOND, CAST(floor(closes_after_seconds * 1e6D) AS BIGINT), _rested_since)"
    excess = excess_sessions.select(*SESSION, F.lit(True).alias("is_excess"))
    return (
        rows.join(excess, list(SESSION), "left")
        .crossJoin(clock)
        .withColumn("duration_seconds", F.expr(seconds))
        .withColumn("hours_spanned", F.expr(hours))
        .withColumn("closes_at", F.expr(closes_at))
        .select(
            *SESSION,
            "events",
            "page_views",
            "product_views",
            "clicks",
            "purchases",
            "cart_adds",
            "interactions",
            *(f"{name}_count" for name in INTERACTION_TYPES),
            "distinct_pages",
            "distinct_categories",
            "price_min",
            "price_mean",
            "price_max",
            F.col("_landing.page").alias("landing_page"),
            F.col("_exit.page").alias("exit_page"),
            F.coalesce(F.col("_landing.referrer_kind"), F.lit("direct")).alias("referrer_kind"),
            *(F.col(f"_landing.{name}").alias(name) for name in FIRST_VIEW if name != "referrer_kind"),
            "duration_seconds",
            F.expr("if(duration_seconds > 0, events * 60 / duration_seconds, 0D)").alias("events_per_minute"),
            (F.col("purchases") > 0).alias("bought"),
            "revenue",
            (F.col("closes_at") <= F.col("as_of")).alias("is_closed"),
            F.expr(f"CASE {suspect_rule} END").alias("suspect_rule"),
            F.to_date("started_at").alias("started_on"),
            F.to_date("ended_at").alias("ended_on"),
            "started_at",
            "ended_at",
            "bought_at",
            "closes_at",
            "last_arrived_at",
        )
        .withColumn("is_suspect", F.col("suspect_rule").isNotNull())
    )


TABLE = Table(
    name="gold.sessions",
    doc="One row per (user_id, session_id): what the session was.",
    columns=(
        Column("user_id", "STRING", "The user.", required=True, format=Format.ID),
        Column("session_id", "STRING", "The session; unique within a user.", required=True, format=Format.ID),
        Column("events", "BIGINT", "Events of any kind.", required=True),
        Column("page_views", "BIGINT", "Pages shown.", required=True),
        Column("product_views", "BIGINT", "Pages of products shown: with a price, or with a product's address.", True),
        Column("clicks", "BIGINT", "Clicks, purchases included.", required=True),
        Column(
            "purchases",
            "BIGINT",
            "Clicks on btn_buy, or what conf/shop.toml names.",
            required=True,
        ),
        Column(
            "cart_adds",
            "BIGINT",
            "Products put into the cart, by interaction or by click; both of one product count once, as in "
            "page_performance.",
            required=True,
        ),
        Column("interactions", "BIGINT", "Interactions of any type.", required=True),
        *(
            Column(f"{name}_count", "BIGINT", f"Interactions of type {name}.", required=True)
            for name in INTERACTION_TYPES
        ),
        Column("distinct_pages", "BIGINT", "Different page addresses.", required=True, additive=False),
        Column("distinct_categories", "BIGINT", "Different product categories.", required=True, additive=False),
        Column("price_min", "DOUBLE", "The lowest price seen, in the shop's currency; null if none was seen."),
        Column(
            "price_mean",
            "DOUBLE",
            "The mean of the prices seen, in the shop's currency; null if none was seen.",
            format=Format.MEAN,
        ),
        Column("price_max", "DOUBLE", "The highest price seen, in the shop's currency; null if none was seen."),
        Column("landing_page", "STRING", "Host and path of the first page shown; null if no page was."),
        Column("exit_page", "STRING", "Host and path of the last page shown; null if no page was."),
        Column(
            "referrer_kind", "STRING", "Where the user of the first page came from: direct, internal, search, …", True
        ),
        Column("referrer_host", "STRING", "The host that the user of the first page came from; null for none."),
        Column("campaign_source", "STRING", "page_views.campaign_source of the first page shown; null for none."),
        Column("campaign_medium", "STRING", "page_views.campaign_medium of the first page shown; null for none."),
        Column("campaign_name", "STRING", "page_views.campaign_name of the first page shown; null for none."),
        Column("duration_seconds", "DOUBLE", "From the first event to the last, in seconds; 0 for one event.", True),
        Column("events_per_minute", "DOUBLE", "Events per minute of duration; 0 where the duration is 0.", True),
        Column("bought", "BOOLEAN", "Whether there was a purchase.", required=True),
        Column("revenue", "DECIMAL(18,2)", "The sum of the purchases' prices, in the shop's currency.", required=True),
        Column("is_closed", "BOOLEAN", "Whether it had rested long enough when this row was last computed.", True),
        Column(
            "is_suspect",
            "BOOLEAN",
            "Whether this is suspected bot traffic; it is counted here, and no model learns from it.",
            True,
        ),
        Column(
            "suspect_rule",
            "STRING",
            "Why it is suspect: known_crawler (by the user agent of an event), too_many_events (2000 or more), "
            "never_rests (a day or longer, with events in every clock hour of it), too_fast (30 or more pages, on "
            "average more than one a second), session_id_reused (it went on after a pause of more than 12 hours), "
            "too_many_sessions (its user had begun more than 60 within 24 hours by then), if conf/shop.toml sets no "
            "other limits; null if it is not.",
        ),
        Column("started_on", "DATE", "The day of started_at, in UTC.", required=True),
        Column("ended_on", "DATE", "The day of ended_at, in UTC.", required=True),
        Column("started_at", "TIMESTAMP", "When its first event happened, in UTC.", required=True),
        Column("ended_at", "TIMESTAMP", "When its last event happened, in UTC.", required=True),
        Column("bought_at", "TIMESTAMP", "When the first purchase happened, in UTC; null if there was none."),
        Column("closes_at", "TIMESTAMP", "From when on it is closed, by the broker's clock, in UTC.", required=True),
        Column("last_arrived_at", "TIMESTAMP", "When its newest event arrived at the broker, in UTC.", required=True),
    ),
    key=SESSION,
    reads={**EVENTS_OF_A_SESSION, "excess_sessions": EXCESS_SESSIONS, "clock": CLOCK},
    build=sessions,
    scope={name: name for name in SESSION},
    rules={
        "a_session_has_events": "events > 0",
        "it_does_not_end_before_it_starts": "ended_at >= started_at",
        "a_suspect_has_a_rule": "is_suspect = (suspect_rule IS NOT NULL)",
        "a_buyer_has_a_purchase": "bought = (purchases > 0) AND bought = (bought_at IS NOT NULL)",
    },
    sort_by=("started_on",),
    properties={"delta.dataSkippingStatsColumns": "started_on,ended_on,closes_at"},
)
