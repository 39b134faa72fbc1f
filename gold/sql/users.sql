-- Written from gold.users; do not edit. Sources: 0713b30922a30e3b
SELECT
  CAST("user_id" AS TEXT) AS "user_id",
  CAST("sessions" AS BIGINT) AS "sessions",
  CAST("page_views" AS BIGINT) AS "page_views",
  CAST("product_views" AS BIGINT) AS "product_views",
  CAST("cart_adds" AS BIGINT) AS "cart_adds",
  CAST("purchases" AS BIGINT) AS "purchases",
  CAST("buying_sessions" AS BIGINT) AS "buying_sessions",
  CAST("suspect_sessions" AS BIGINT) AS "suspect_sessions",
  CAST("spend" AS DECIMAL(18, 2)) AS "spend",
  CAST("days_between_sessions_mean" AS DOUBLE) AS "days_between_sessions_mean",
  CAST("first_started_on" AS DATE) AS "first_started_on",
  CAST("last_ended_on" AS DATE) AS "last_ended_on",
  CAST("first_started_at" AS TIMESTAMP) AS "first_started_at",
  CAST("last_started_at" AS TIMESTAMP) AS "last_started_at",
  CAST("last_ended_at" AS TIMESTAMP) AS "last_ended_at",
  CAST("last_bought_at" AS TIMESTAMP) AS "last_bought_at"
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
      "user_id",
      COUNT(*) AS "sessions",
      SUM("page_views") AS "page_views",
      SUM("product_views") AS "product_views",
      SUM("cart_adds") AS "cart_adds",
      SUM("purchases") AS "purchases",
      COUNT_IF("bought") AS "buying_sessions",
      COUNT_IF("is_suspect") AS "suspect_sessions",
      CAST(SUM("revenue") AS DECIMAL(18, 2)) AS "spend",
      MIN("started_at") AS "first_started_at",
      MAX("started_at") AS "last_started_at",
      MAX("ended_at") AS "last_ended_at",
      MAX("bought_at") AS "last_bought_at"
    FROM "step_1"
    GROUP BY
      "user_id"
  ), "step_3" AS (
    SELECT
      "user_id",
      "sessions",
      "page_views",
      "product_views",
      "cart_adds",
      "purchases",
      "buying_sessions",
      "suspect_sessions",
      "spend",
      "first_started_at",
      "last_started_at",
      "last_ended_at",
      "last_bought_at",
      DATE_DIFF('MICROSECOND', "first_started_at", "last_started_at") / TRY_CAST(8.64e10 AS DOUBLE) / NULLIF(NULLIF("sessions" - 1, 0), 0) AS "days_between_sessions_mean"
    FROM "step_2"
  ), "step_4" AS (
    SELECT
      "user_id",
      "sessions",
      "page_views",
      "product_views",
      "cart_adds",
      "purchases",
      "buying_sessions",
      "suspect_sessions",
      "spend",
      "first_started_at",
      "last_started_at",
      "last_ended_at",
      "last_bought_at",
      "days_between_sessions_mean",
      CAST("first_started_at" AS DATE) AS "first_started_on"
    FROM "step_3"
  )
  SELECT
    "user_id",
    "sessions",
    "page_views",
    "product_views",
    "cart_adds",
    "purchases",
    "buying_sessions",
    "suspect_sessions",
    "spend",
    "first_started_at",
    "last_started_at",
    "last_ended_at",
    "last_bought_at",
    "days_between_sessions_mean" AS "days_between_sessions_mean",
    "first_started_on" AS "first_started_on",
    CAST("last_ended_at" AS DATE) AS "last_ended_on"
  FROM "step_4"
)
