-- Written from gold.daily_funnel; do not edit. Sources: 3a14e634bdf0b074
SELECT
  CAST("referrer_kind" AS TEXT) AS "referrer_kind",
  CAST("visitors" AS BIGINT) AS "visitors",
  CAST("sessions" AS BIGINT) AS "sessions",
  CAST("product_view_sessions" AS BIGINT) AS "product_view_sessions",
  CAST("cart_sessions" AS BIGINT) AS "cart_sessions",
  CAST("purchase_sessions" AS BIGINT) AS "purchase_sessions",
  CAST("purchase_without_cart_sessions" AS BIGINT) AS "purchase_without_cart_sessions",
  CAST("suspect_sessions" AS BIGINT) AS "suspect_sessions",
  CAST("product_views" AS BIGINT) AS "product_views",
  CAST("cart_adds" AS BIGINT) AS "cart_adds",
  CAST("purchases" AS BIGINT) AS "purchases",
  CAST("revenue" AS DECIMAL(18, 2)) AS "revenue",
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
      COUNT(DISTINCT "user_id") AS "visitors",
      COUNT(*) AS "sessions",
      COUNT_IF("product_views" > 0) AS "product_view_sessions",
      COUNT_IF("cart_adds" > 0) AS "cart_sessions",
      COUNT_IF("bought") AS "purchase_sessions",
      COUNT_IF((
        "bought" AND "cart_adds" = 0
      )) AS "purchase_without_cart_sessions",
      COUNT_IF("is_suspect") AS "suspect_sessions",
      SUM("product_views") AS "product_views",
      SUM("cart_adds") AS "cart_adds",
      SUM("purchases") AS "purchases",
      CAST(SUM("revenue") AS DECIMAL(18, 2)) AS "revenue"
    FROM "step_1"
    GROUP BY
      "started_on",
      "referrer_kind"
  )
  SELECT
    "started_on",
    "referrer_kind",
    "visitors",
    "sessions",
    "product_view_sessions",
    "cart_sessions",
    "purchase_sessions",
    "purchase_without_cart_sessions",
    "suspect_sessions",
    "product_views",
    "cart_adds",
    "purchases",
    "revenue",
    (
      "purchase_sessions" / "sessions"
    ) AS "conversion_rate"
  FROM "step_2"
)
