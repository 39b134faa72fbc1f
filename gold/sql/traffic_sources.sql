-- Written from gold.traffic_sources; do not edit. Sources: 60eb6a28206c0dbc
SELECT
  CAST("referrer_kind" AS TEXT) AS "referrer_kind",
  CAST("source" AS TEXT) AS "source",
  CAST("visitors" AS BIGINT) AS "visitors",
  CAST("sessions" AS BIGINT) AS "sessions",
  CAST("bounces" AS BIGINT) AS "bounces",
  CAST("purchase_sessions" AS BIGINT) AS "purchase_sessions",
  CAST("suspect_sessions" AS BIGINT) AS "suspect_sessions",
  CAST("page_views" AS BIGINT) AS "page_views",
  CAST("revenue" AS DECIMAL(18, 2)) AS "revenue",
  CAST("duration_seconds_mean" AS DOUBLE) AS "duration_seconds_mean",
  CAST("bounce_rate" AS DOUBLE) AS "bounce_rate",
  CAST("conversion_rate" AS DOUBLE) AS "conversion_rate",
  CAST("started_on" AS DATE) AS "started_on"
FROM (
  WITH "step_1" AS (
    SELECT
      "user_id",
      "session_id",
      "events",
      "page_views",
      "product_views",
      "clicks",
      "purchases",
      "cart_adds",
      "interactions",
      "scroll_count",
      "zoom_count",
      "hover_count",
      "add_to_cart_count",
      "remove_from_cart_count",
      "add_to_wishlist_count",
      "search_count",
      "share_count",
      "video_play_count",
      "distinct_pages",
      "distinct_categories",
      "price_min",
      "price_mean",
      "price_max",
      "landing_page",
      "exit_page",
      "referrer_kind",
      "referrer_host",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "duration_seconds",
      "events_per_minute",
      "bought",
      "revenue",
      "is_closed",
      "is_suspect",
      "suspect_rule",
      "started_on",
      "ended_on",
      "started_at",
      "ended_at",
      "bought_at",
      "closes_at",
      "last_arrived_at"
    FROM "sessions"
  ), "step_2" AS (
    SELECT
      "started_on",
      "referrer_kind",
      COALESCE("referrer_host", '(none)') AS "source",
      COUNT(DISTINCT "user_id") AS "visitors",
      COUNT(*) AS "sessions",
      COUNT_IF((
        "events" = 1 AND NOT (
          "bought"
        )
      )) AS "bounces",
      COUNT_IF("bought") AS "purchase_sessions",
      COUNT_IF("is_suspect") AS "suspect_sessions",
      SUM("page_views") AS "page_views",
      CAST(SUM("revenue") AS DECIMAL(18, 2)) AS "revenue",
      (
        (
          CAST(SUM(
            TRY_CAST(FLOOR((
              "duration_seconds"
            ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
          ) AS DOUBLE) / CAST(NULLIF(
            COUNT(
              TRY_CAST(FLOOR((
                "duration_seconds"
              ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
            ),
            0
          ) AS DOUBLE)
        ) / 1000000.0
      ) AS "duration_seconds_mean"
    FROM "step_1"
    GROUP BY
      "started_on",
      "referrer_kind",
      COALESCE("referrer_host", '(none)')
  ), "step_3" AS (
    SELECT
      "started_on",
      "referrer_kind",
      "source",
      "visitors",
      "sessions",
      "bounces",
      "purchase_sessions",
      "suspect_sessions",
      "page_views",
      "revenue",
      "duration_seconds_mean",
      (
        "bounces" / "sessions"
      ) AS "bounce_rate"
    FROM "step_2"
  )
  SELECT
    "started_on",
    "referrer_kind",
    "source",
    "visitors",
    "sessions",
    "bounces",
    "purchase_sessions",
    "suspect_sessions",
    "page_views",
    "revenue",
    "duration_seconds_mean",
    "bounce_rate" AS "bounce_rate",
    (
      "purchase_sessions" / "sessions"
    ) AS "conversion_rate"
  FROM "step_3"
)
