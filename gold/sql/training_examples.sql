-- Written from gold.training_examples; do not edit. Sources: c377880975b7c5c3
SELECT
  CAST("user_id" AS TEXT) AS "user_id",
  CAST("session_id" AS TEXT) AS "session_id",
  CAST("cut" AS INT) AS "cut",
  CAST("page_views" AS DOUBLE) AS "page_views",
  CAST("product_views" AS DOUBLE) AS "product_views",
  CAST("clicks" AS DOUBLE) AS "clicks",
  CAST("interactions" AS DOUBLE) AS "interactions",
  CAST("scrolls" AS DOUBLE) AS "scrolls",
  CAST("zooms" AS DOUBLE) AS "zooms",
  CAST("hovers" AS DOUBLE) AS "hovers",
  CAST("product_zooms_and_hovers" AS DOUBLE) AS "product_zooms_and_hovers",
  CAST("searches" AS DOUBLE) AS "searches",
  CAST("wishlist_adds" AS DOUBLE) AS "wishlist_adds",
  CAST("shares_and_videos" AS DOUBLE) AS "shares_and_videos",
  CAST("cart_adds" AS DOUBLE) AS "cart_adds",
  CAST("cart_removes" AS DOUBLE) AS "cart_removes",
  CAST("cart_items" AS DOUBLE) AS "cart_items",
  CAST("cart_value" AS DOUBLE) AS "cart_value",
  CAST("cart_views" AS DOUBLE) AS "cart_views",
  CAST("checkout_views" AS DOUBLE) AS "checkout_views",
  CAST("seconds_since_cart_add" AS DOUBLE) AS "seconds_since_cart_add",
  CAST("distinct_pages" AS DOUBLE) AS "distinct_pages",
  CAST("distinct_products" AS DOUBLE) AS "distinct_products",
  CAST("repeated_product_views" AS DOUBLE) AS "repeated_product_views",
  CAST("distinct_categories" AS DOUBLE) AS "distinct_categories",
  CAST("repeated_category_views" AS DOUBLE) AS "repeated_category_views",
  CAST("price_mean" AS DOUBLE) AS "price_mean",
  CAST("price_spread" AS DOUBLE) AS "price_spread",
  CAST("price_last" AS DOUBLE) AS "price_last",
  CAST("price_to_category" AS DOUBLE) AS "price_to_category",
  CAST("seconds_so_far" AS DOUBLE) AS "seconds_so_far",
  CAST("seconds_since_previous" AS DOUBLE) AS "seconds_since_previous",
  CAST("longest_pause_seconds" AS DOUBLE) AS "longest_pause_seconds",
  CAST("page_seconds_mean" AS DOUBLE) AS "page_seconds_mean",
  CAST("product_seconds" AS DOUBLE) AS "product_seconds",
  CAST("page_views_per_minute" AS DOUBLE) AS "page_views_per_minute",
  CAST("clicks_per_minute" AS DOUBLE) AS "clicks_per_minute",
  CAST("interactions_per_minute" AS DOUBLE) AS "interactions_per_minute",
  CAST("hour_of_day" AS DOUBLE) AS "hour_of_day",
  CAST("day_of_week" AS DOUBLE) AS "day_of_week",
  CAST("earlier_sessions" AS DOUBLE) AS "earlier_sessions",
  CAST("earlier_buying_sessions" AS DOUBLE) AS "earlier_buying_sessions",
  CAST("days_since_previous_session" AS DOUBLE) AS "days_since_previous_session",
  CAST("days_since_last_purchase" AS DOUBLE) AS "days_since_last_purchase",
  CAST("referrer_kind" AS TEXT) AS "referrer_kind",
  CAST("last_kind" AS TEXT) AS "last_kind",
  CAST("last_category" AS TEXT) AS "last_category",
  CAST("last_page_kind" AS TEXT) AS "last_page_kind",
  CAST("bought_later" AS BOOLEAN) AS "bought_later",
  CAST("bought_later_known_at" AS TIMESTAMP) AS "bought_later_known_at",
  CAST("bought_next" AS BOOLEAN) AS "bought_next",
  CAST("bought_next_known_at" AS TIMESTAMP) AS "bought_next_known_at",
  CAST("is_over" AS BOOLEAN) AS "is_over",
  CAST("started_on" AS DATE) AS "started_on",
  CAST("started_at" AS TIMESTAMP) AS "started_at",
  CAST("cut_at" AS TIMESTAMP) AS "cut_at"
FROM (
  WITH "step_1" AS (
    SELECT
      "user_id",
      "session_id",
      "event_id",
      "page_url",
      "referrer_url",
      "category",
      "price",
      "user_agent",
      "page_host",
      "page_path",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "is_known_crawler",
      "event_at",
      "event_on",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "identity"
    FROM "page_views"
  ), "step_2" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      'page_view' AS "kind",
      CAST(NULL AS TEXT) AS "action",
      "page_url",
      CASE
        WHEN "page_host" IS NULL
        THEN "page_path"
        ELSE 'https://' || "page_host" || "page_path"
      END AS "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      FALSE AS "is_purchase",
      "is_known_crawler"
    FROM "step_1"
  ), "step_3" AS (
    SELECT
      "user_id",
      "session_id",
      "event_id",
      "element_id",
      "page_url",
      "category",
      "price",
      "x_coord",
      "y_coord",
      "user_agent",
      "page_host",
      "page_path",
      "page_kind",
      "is_purchase",
      "is_cart_add",
      "is_known_crawler",
      "event_at",
      "event_on",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "identity"
    FROM "clicks"
  ), "step_4" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      'click' AS "kind",
      "element_id" AS "action",
      "page_url",
      CASE
        WHEN "page_host" IS NULL
        THEN "page_path"
        ELSE 'https://' || "page_host" || "page_path"
      END AS "page",
      "page_kind",
      CAST(NULL AS TEXT) AS "referrer_host",
      CAST(NULL AS TEXT) AS "referrer_kind",
      CAST(NULL AS TEXT) AS "campaign_source",
      CAST(NULL AS TEXT) AS "campaign_medium",
      CAST(NULL AS TEXT) AS "campaign_name",
      "category",
      "price",
      "is_purchase" AS "is_purchase",
      "is_known_crawler"
    FROM "step_3"
    WHERE
      NOT "is_cart_add"
  ), "step_5" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_4"
  ), "step_6" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_5"
  ), "step_7" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_2"
    UNION ALL
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_6"
  ), "step_8" AS (
    SELECT
      "user_id",
      "session_id",
      "event_id",
      "interaction_type",
      "page_url",
      "category",
      "price",
      "details",
      "user_agent",
      "page_host",
      "page_path",
      "page_kind",
      "is_known_crawler",
      "event_at",
      "event_on",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "identity"
    FROM "interactions"
  ), "step_9" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      'interaction' AS "kind",
      "interaction_type" AS "action",
      "page_url",
      CASE
        WHEN "page_host" IS NULL
        THEN "page_path"
        ELSE 'https://' || "page_host" || "page_path"
      END AS "page",
      "page_kind",
      CAST(NULL AS TEXT) AS "referrer_host",
      CAST(NULL AS TEXT) AS "referrer_kind",
      CAST(NULL AS TEXT) AS "campaign_source",
      CAST(NULL AS TEXT) AS "campaign_medium",
      CAST(NULL AS TEXT) AS "campaign_name",
      "category",
      "price",
      FALSE AS "is_purchase",
      "is_known_crawler"
    FROM "step_8"
    WHERE
      "interaction_type" <> 'add_to_cart'
  ), "step_10" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_9"
  ), "step_11" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_10"
  ), "step_12" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_7"
    UNION ALL
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_11"
  ), "step_13" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      FALSE AS "is_cart_add",
      CAST(NULL AS DOUBLE) AS "cart_price"
    FROM "step_12"
  ), "step_14" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      'click' AS "kind",
      "element_id" AS "action",
      "page_url",
      CASE
        WHEN "page_host" IS NULL
        THEN "page_path"
        ELSE 'https://' || "page_host" || "page_path"
      END AS "page",
      "page_kind",
      CAST(NULL AS TEXT) AS "referrer_host",
      CAST(NULL AS TEXT) AS "referrer_kind",
      CAST(NULL AS TEXT) AS "campaign_source",
      CAST(NULL AS TEXT) AS "campaign_medium",
      CAST(NULL AS TEXT) AS "campaign_name",
      "category",
      "price",
      "is_purchase" AS "is_purchase",
      "is_known_crawler"
    FROM "step_3"
    WHERE
      "is_cart_add"
  ), "step_15" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      'interaction' AS "kind",
      "interaction_type" AS "action",
      "page_url",
      CASE
        WHEN "page_host" IS NULL
        THEN "page_path"
        ELSE 'https://' || "page_host" || "page_path"
      END AS "page",
      "page_kind",
      CAST(NULL AS TEXT) AS "referrer_host",
      CAST(NULL AS TEXT) AS "referrer_kind",
      CAST(NULL AS TEXT) AS "campaign_source",
      CAST(NULL AS TEXT) AS "campaign_medium",
      CAST(NULL AS TEXT) AS "campaign_name",
      "category",
      "price",
      FALSE AS "is_purchase",
      "is_known_crawler"
    FROM "step_8"
    WHERE
      "interaction_type" = 'add_to_cart'
  ), "step_16" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_15"
  ), "step_17" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_16"
  ), "step_18" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_14"
    UNION ALL
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler"
    FROM "step_17"
  ), "step_19" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      CAST("event_at" AS DATE) AS "_day"
    FROM "step_18"
  ), "step_20" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      LAG("event_at", 1) OVER (
        PARTITION BY "user_id", "session_id", "page", "_day"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
      ) AS "_previous_at"
    FROM "step_19"
  ), "step_21" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      CASE
        WHEN DATE_DIFF('MICROSECOND', "_previous_at", "event_at") <= 10000000
        THEN 0
        ELSE 1
      END AS "_begins"
    FROM "step_20"
  ), "step_22" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      SUM("_begins") OVER (
        PARTITION BY "user_id", "session_id", "page", "_day"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "_run"
    FROM "step_21"
  ), "step_23" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      LAST_VALUE("category" IGNORE NULLS) OVER (
        PARTITION BY "user_id", "session_id", "page", "_day", "_run"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ) AS "_category"
    FROM "step_22"
  ), "step_24" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      "_category",
      LAST_VALUE("price" IGNORE NULLS) OVER (
        PARTITION BY "user_id", "session_id", "page", "_day", "_run"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ) AS "_price"
    FROM "step_23"
  ), "step_25" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      "_category",
      "_price",
      CASE
        WHEN COALESCE("category" <> "_category", FALSE)
        OR COALESCE("price" <> "_price", FALSE)
        THEN 1
        ELSE 0
      END AS "_changes"
    FROM "step_24"
  ), "step_26" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      "_category",
      "_price",
      "_changes",
      SUM("_changes") OVER (
        PARTITION BY "user_id", "session_id", "page", "_day", "_run"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "_burst"
    FROM "step_25"
  ), "step_27" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      "_category",
      "_price",
      "_changes",
      "_burst",
      CASE WHEN "kind" = 'click' THEN 1 ELSE -1 END AS "_one"
    FROM "step_26"
  ), "step_28" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      "_category",
      "_price",
      "_changes",
      "_burst",
      "_one",
      SUM("_one") OVER (
        PARTITION BY "user_id", "session_id", "page", "_day", "_run", "_burst"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "_more_clicks"
    FROM "step_27"
  ), "step_29" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      "_category",
      "_price",
      "_changes",
      "_burst",
      "_one",
      "_more_clicks",
      ROW_NUMBER() OVER (
        PARTITION BY "user_id", "session_id", "page", "_day", "_run", "_burst"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
      ) AS "_place"
    FROM "step_28"
  ), "step_30" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      "_category",
      "_price",
      "_changes",
      "_burst",
      "_one",
      "_more_clicks",
      "_place",
      LAST_VALUE("price" IGNORE NULLS) OVER (
        PARTITION BY "user_id", "session_id", "page", "_day", "_run", "_burst"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ) AS "_known_price"
    FROM "step_29"
  ), "step_31" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      "_category",
      "_price",
      "_changes",
      "_burst",
      "_one",
      "_more_clicks",
      "_place",
      "_known_price",
      (
        "_place" + ABS("_more_clicks")
      ) / NULLIF(2, 0) AS "_products"
    FROM "step_30"
  ), "step_32" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      "_category",
      "_price",
      "_changes",
      "_burst",
      "_one",
      "_more_clicks",
      "_place",
      "_known_price",
      "_products",
      ABS("_more_clicks") > ABS("_more_clicks" - "_one") AS "is_cart_add"
    FROM "step_31"
  ), "step_33" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "_day",
      "_previous_at",
      "_begins",
      "_run",
      "_category",
      "_price",
      "_changes",
      "_burst",
      "_one",
      "_more_clicks",
      "_place",
      "_known_price",
      "_products",
      "is_cart_add",
      CASE
        WHEN NOT "price" IS NULL AND "_known_price" IS NULL
        THEN "_products" * "price"
        WHEN "is_cart_add"
        THEN "_known_price"
      END AS "cart_price"
    FROM "step_32"
  ), "step_34" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price"
    FROM "step_33"
  ), "step_35" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price"
    FROM "step_34"
  ), "step_36" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price"
    FROM "step_35"
  ), "step_37" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price"
    FROM "step_13"
    UNION ALL
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price"
    FROM "step_36"
  ), "step_38" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      (
        NOT "price" IS NULL OR "page_kind" = 'product'
      ) AS "is_on_product",
      (
        "kind" = 'page_view' AND (
          NOT "price" IS NULL OR "page_kind" = 'product'
        )
      ) AS "is_product_view"
    FROM "step_37"
  ), "step_39" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      ROW_NUMBER() OVER (
        PARTITION BY "user_id", "session_id"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
      ) AS "cut"
    FROM "step_38"
  ), "step_40" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      LAG("event_at", 1) OVER (
        PARTITION BY "user_id", "session_id"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
      ) AS "_previous_at"
    FROM "step_39"
    WHERE
      "cut" <= 21
  ), "step_41" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      DATE_DIFF('MICROSECOND', "_previous_at", "event_at") / NULLIF(TRY_CAST(1e6 AS DOUBLE), 0) AS "_pause"
    FROM "step_40"
  ), "step_42" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      FIRST("event_at") OVER (
        PARTITION BY "user_id", "session_id"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "_started_at"
    FROM "step_41"
  ), "step_43" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      DATE_DIFF('MICROSECOND', "_started_at", "event_at") / NULLIF(TRY_CAST(1e6 AS DOUBLE), 0) AS "_seconds"
    FROM "step_42"
  ), "step_44" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "kind" = 'page_view' AS "_is_view"
    FROM "step_43"
  ), "step_45" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      (
        "_is_view"
        AND ROW_NUMBER() OVER (
          PARTITION BY "user_id", "session_id", "kind"
          ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ) = 1
      ) AS "_is_first_view"
    FROM "step_44"
  ), "step_46" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      ROW_NUMBER() OVER (
        PARTITION BY "user_id", "session_id", "page_url"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
      ) = 1 AS "_is_new_page"
    FROM "step_45"
  ), "step_47" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      (
        "is_product_view"
        AND ROW_NUMBER() OVER (
          PARTITION BY "user_id", "session_id", "page_url", "is_product_view"
          ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ) = 1
      ) AS "_is_new_product"
    FROM "step_46"
  ), "step_48" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      (
        NOT "category" IS NULL
        AND ROW_NUMBER() OVER (
          PARTITION BY "user_id", "session_id", "category"
          ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ) = 1
      ) AS "_is_new_category"
    FROM "step_47"
  ), "step_49" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      "_is_new_category",
      (
        "_is_view" AND NOT "category" IS NULL
      ) AS "_views_category"
    FROM "step_48"
  ), "step_50" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      "_is_new_category",
      "_views_category",
      (
        "_views_category"
        AND ROW_NUMBER() OVER (
          PARTITION BY "user_id", "session_id", "category", "kind"
          ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ) = 1
      ) AS "_views_new_category"
    FROM "step_49"
  ), "step_51" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      "_is_new_category",
      "_views_category",
      "_views_new_category",
      MIN(CASE WHEN "kind" = 'page_view' THEN "event_at" END) OVER (
        PARTITION BY "user_id", "session_id"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "_first_view_at"
    FROM "step_50"
  ), "step_52" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      "_is_new_category",
      "_views_category",
      "_views_new_category",
      "_first_view_at",
      MAX(CASE WHEN "kind" = 'page_view' THEN "event_at" END) OVER (
        PARTITION BY "user_id", "session_id"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "_last_view_at"
    FROM "step_51"
  ), "step_53" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      "_is_new_category",
      "_views_category",
      "_views_new_category",
      "_first_view_at",
      "_last_view_at",
      MAX(CASE WHEN "is_cart_add" THEN "event_at" END) OVER (
        PARTITION BY "user_id", "session_id"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "_cart_add_at"
    FROM "step_52"
  ), "step_54" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      "_is_new_category",
      "_views_category",
      "_views_new_category",
      "_first_view_at",
      "_last_view_at",
      "_cart_add_at",
      MAX(CASE WHEN "_is_first_view" THEN "referrer_kind" END) OVER (
        PARTITION BY "user_id", "session_id"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "_referrer_kind"
    FROM "step_53"
  ), "step_55" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      "_is_new_category",
      "_views_category",
      "_views_new_category",
      "_first_view_at",
      "_last_view_at",
      "_cart_add_at",
      "_referrer_kind",
      CASE WHEN "kind" = 'page_view' THEN "is_product_view" END AS "_shows_product"
    FROM "step_54"
  ), "step_56" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      "_is_new_category",
      "_views_category",
      "_views_new_category",
      "_first_view_at",
      "_last_view_at",
      "_cart_add_at",
      "_referrer_kind",
      "_shows_product",
      LAST_VALUE("_shows_product" IGNORE NULLS) OVER (
        PARTITION BY "user_id", "session_id"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ) AS "_was_on_product"
    FROM "step_55"
  ), "step_57" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      "_is_new_category",
      "_views_category",
      "_views_new_category",
      "_first_view_at",
      "_last_view_at",
      "_cart_add_at",
      "_referrer_kind",
      "_shows_product",
      "_was_on_product",
      (
        (
          CAST(SUM(
            TRY_CAST(FLOOR((
              "price"
            ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
          ) OVER (
            PARTITION BY "user_id", "session_id", "category"
            ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          ) AS DOUBLE) / CAST(NULLIF(
            COUNT(
              TRY_CAST(FLOOR((
                "price"
              ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
            ) OVER (
              PARTITION BY "user_id", "session_id", "category"
              ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
              ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ),
            0
          ) AS DOUBLE)
        ) / 1000000.0
      ) AS "_category_price"
    FROM "step_56"
  ), "step_58" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "kind",
      "action",
      "page_url",
      "page",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
      "category",
      "price",
      "is_purchase",
      "is_known_crawler",
      "is_cart_add",
      "cart_price",
      "is_on_product",
      "is_product_view",
      "cut",
      "_previous_at",
      "_pause",
      "_started_at",
      "_seconds",
      "_is_view",
      "_is_first_view",
      "_is_new_page",
      "_is_new_product",
      "_is_new_category",
      "_views_category",
      "_views_new_category",
      "_first_view_at",
      "_last_view_at",
      "_cart_add_at",
      "_referrer_kind",
      "_shows_product",
      "_was_on_product",
      "_category_price",
      CASE
        WHEN NOT "category" IS NULL
        THEN "price" / NULLIF(NULLIF("_category_price", TRY_CAST(0 AS DOUBLE)), 0)
      END AS "_to_category"
    FROM "step_57"
  ), "step_59" AS (
    SELECT
      "user_id",
      "session_id",
      "earlier_sessions",
      "earlier_buying_sessions",
      "days_since_previous_session",
      "days_since_last_purchase",
      "sessions",
      "page_views",
      "product_views",
      "cart_adds",
      "purchases",
      "buying_sessions",
      "spend",
      "days_from_last_purchase_to_end",
      "days_between_sessions_mean",
      "bought_next",
      "bought_next_known_at",
      "is_closed",
      "started_on",
      "started_at",
      "ended_at"
    FROM "user_history"
  ), "step_60" AS (
    SELECT
      "user_id",
      "session_id",
      {'earlier_sessions': "earlier_sessions", 'earlier_buying_sessions': "earlier_buying_sessions", 'days_since_previous_session': "days_since_previous_session", 'days_since_last_purchase': "days_since_last_purchase"} AS "_history"
    FROM "step_59"
  ), "step_61" AS (
    SELECT
      "step_58"."user_id",
      "step_58"."session_id",
      "step_58"."cut",
      "step_58"."event_at" AS "cut_at",
      MAX("step_58"."is_purchase") OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "_has_bought",
      CAST(COUNT_IF("step_58"."kind" = 'page_view') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "page_views",
      CAST(COUNT_IF("step_58"."is_product_view") OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "product_views",
      CAST(COUNT_IF("step_58"."kind" = 'click') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "clicks",
      CAST(COUNT_IF("step_58"."kind" = 'interaction') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "interactions",
      CAST(COUNT_IF("step_58"."kind" = 'interaction' AND "step_58"."action" = 'scroll') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "scrolls",
      CAST(COUNT_IF("step_58"."kind" = 'interaction' AND "step_58"."action" = 'zoom') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "zooms",
      CAST(COUNT_IF("step_58"."kind" = 'interaction' AND "step_58"."action" = 'hover') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "hovers",
      CAST(COUNT_IF(
        "step_58"."kind" = 'interaction'
        AND "step_58"."action" IN ('zoom', 'hover')
        AND "step_58"."is_on_product"
      ) OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "product_zooms_and_hovers",
      CAST(COUNT_IF("step_58"."kind" = 'interaction' AND "step_58"."action" = 'search') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "searches",
      CAST(COUNT_IF("step_58"."kind" = 'interaction' AND "step_58"."action" = 'add_to_wishlist') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "wishlist_adds",
      CAST(COUNT_IF(
        "step_58"."kind" = 'interaction'
        AND "step_58"."action" IN ('share', 'video_play')
      ) OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "shares_and_videos",
      CAST(COUNT_IF("step_58"."is_cart_add") OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "cart_adds",
      CAST(COUNT_IF("step_58"."kind" = 'interaction' AND "step_58"."action" = 'remove_from_cart') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "cart_removes",
      CAST(GREATEST(
        (
          COUNT_IF("step_58"."is_cart_add") OVER (
            PARTITION BY "step_60"."user_id", "step_60"."session_id"
            ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          ) - COUNT_IF("step_58"."kind" = 'interaction' AND "step_58"."action" = 'remove_from_cart') OVER (
            PARTITION BY "step_60"."user_id", "step_60"."session_id"
            ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          )
        ),
        0
      ) AS DOUBLE) AS "cart_items",
      CAST(COALESCE(
        (
          CAST(SUM(
            TRY_CAST(FLOOR((
              "step_58"."cart_price"
            ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
          ) OVER (
            PARTITION BY "step_60"."user_id", "step_60"."session_id"
            ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          ) AS DOUBLE) / 1000000.0
        ),
        0.0
      ) AS DOUBLE) AS "cart_value",
      CAST(COUNT_IF("step_58"."kind" = 'page_view' AND "step_58"."page_kind" = 'cart') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "cart_views",
      CAST(COUNT_IF("step_58"."kind" = 'page_view' AND "step_58"."page_kind" = 'checkout') OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "checkout_views",
      CAST(DATE_DIFF('MICROSECOND', "step_58"."_cart_add_at", "step_58"."event_at") / NULLIF(TRY_CAST(1e6 AS DOUBLE), 0) AS DOUBLE) AS "seconds_since_cart_add",
      CAST(COUNT_IF("step_58"."_is_new_page") OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "distinct_pages",
      CAST(COUNT_IF("step_58"."_is_new_product") OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "distinct_products",
      CAST((
        COUNT_IF("step_58"."is_product_view") OVER (
          PARTITION BY "step_60"."user_id", "step_60"."session_id"
          ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) - COUNT_IF("step_58"."_is_new_product") OVER (
          PARTITION BY "step_60"."user_id", "step_60"."session_id"
          ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
      ) AS DOUBLE) AS "repeated_product_views",
      CAST(COUNT_IF("step_58"."_is_new_category") OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "distinct_categories",
      CAST((
        COUNT_IF("step_58"."_views_category") OVER (
          PARTITION BY "step_60"."user_id", "step_60"."session_id"
          ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) - COUNT_IF("step_58"."_views_new_category") OVER (
          PARTITION BY "step_60"."user_id", "step_60"."session_id"
          ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
      ) AS DOUBLE) AS "repeated_category_views",
      CAST((
        (
          CAST(SUM(
            TRY_CAST(FLOOR((
              "step_58"."price"
            ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
          ) OVER (
            PARTITION BY "step_60"."user_id", "step_60"."session_id"
            ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          ) AS DOUBLE) / CAST(NULLIF(
            COUNT(
              TRY_CAST(FLOOR((
                "step_58"."price"
              ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
            ) OVER (
              PARTITION BY "step_60"."user_id", "step_60"."session_id"
              ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
              ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ),
            0
          ) AS DOUBLE)
        ) / 1000000.0
      ) AS DOUBLE) AS "price_mean",
      CAST((
        MAX("step_58"."price") OVER (
          PARTITION BY "step_60"."user_id", "step_60"."session_id"
          ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) - MIN("step_58"."price") OVER (
          PARTITION BY "step_60"."user_id", "step_60"."session_id"
          ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
      ) AS DOUBLE) AS "price_spread",
      CAST(LAST_VALUE("step_58"."price" IGNORE NULLS) OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "price_last",
      CAST(LAST_VALUE("step_58"."_to_category" IGNORE NULLS) OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "price_to_category",
      CAST("step_58"."_seconds" AS DOUBLE) AS "seconds_so_far",
      CAST("step_58"."_pause" AS DOUBLE) AS "seconds_since_previous",
      CAST(MAX("step_58"."_pause") OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DOUBLE) AS "longest_pause_seconds",
      CAST((
        DATE_DIFF('MICROSECOND', "step_58"."_first_view_at", "step_58"."_last_view_at") / TRY_CAST(1e6 AS DOUBLE) / NULLIF(
          (
            COUNT_IF("step_58"."kind" = 'page_view') OVER (
              PARTITION BY "step_60"."user_id", "step_60"."session_id"
              ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
              ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) - 1
          ),
          0
        )
      ) AS DOUBLE) AS "page_seconds_mean",
      CAST(COALESCE(
        (
          CAST(SUM(
            TRY_CAST(FLOOR(
              (
                CASE WHEN "step_58"."_was_on_product" THEN "step_58"."_pause" END
              ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)
            ) AS BIGINT)
          ) OVER (
            PARTITION BY "step_60"."user_id", "step_60"."session_id"
            ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          ) AS DOUBLE) / 1000000.0
        ),
        0.0
      ) AS DOUBLE) AS "product_seconds",
      CAST((
        (
          COUNT_IF("step_58"."kind" = 'page_view') OVER (
            PARTITION BY "step_60"."user_id", "step_60"."session_id"
            ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          ) * 60
        ) / NULLIF("step_58"."_seconds", 0.0)
      ) AS DOUBLE) AS "page_views_per_minute",
      CAST((
        (
          COUNT_IF("step_58"."kind" = 'click') OVER (
            PARTITION BY "step_60"."user_id", "step_60"."session_id"
            ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          ) * 60
        ) / NULLIF("step_58"."_seconds", 0.0)
      ) AS DOUBLE) AS "clicks_per_minute",
      CAST((
        (
          COUNT_IF("step_58"."kind" = 'interaction') OVER (
            PARTITION BY "step_60"."user_id", "step_60"."session_id"
            ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
          ) * 60
        ) / NULLIF("step_58"."_seconds", 0.0)
      ) AS DOUBLE) AS "interactions_per_minute",
      CAST(HOUR("step_58"."event_at") AS DOUBLE) AS "hour_of_day",
      CAST((
        DAYOFWEEK(CAST("step_58"."event_at" AS DATE)) + 1
      ) AS DOUBLE) AS "day_of_week",
      CAST("_history"."earlier_sessions" AS DOUBLE) AS "earlier_sessions",
      CAST("_history"."earlier_buying_sessions" AS DOUBLE) AS "earlier_buying_sessions",
      CAST("_history"."days_since_previous_session" AS DOUBLE) AS "days_since_previous_session",
      CAST("_history"."days_since_last_purchase" AS DOUBLE) AS "days_since_last_purchase",
      CAST(COALESCE("step_58"."_referrer_kind", 'direct') AS TEXT) AS "referrer_kind",
      CAST("step_58"."kind" AS TEXT) AS "last_kind",
      CAST(LAST_VALUE("step_58"."category" IGNORE NULLS) OVER (
        PARTITION BY "step_60"."user_id", "step_60"."session_id"
        ORDER BY "step_58"."event_at", "step_58"."arrived_at", "step_58"."topic", "step_58"."topic_id", "step_58"."partition", "step_58"."offset"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS TEXT) AS "last_category",
      CAST("step_58"."page_kind" AS TEXT) AS "last_page_kind"
    FROM "step_58"
    INNER JOIN "step_60"
      ON (
        "step_58"."user_id" = "step_60"."user_id"
        AND "step_58"."session_id" = "step_60"."session_id"
      )
  ), "step_62" AS (
    SELECT
      "user_id",
      "session_id",
      "cut",
      "cut_at",
      "page_views",
      "product_views",
      "clicks",
      "interactions",
      "scrolls",
      "zooms",
      "hovers",
      "product_zooms_and_hovers",
      "searches",
      "wishlist_adds",
      "shares_and_videos",
      "cart_adds",
      "cart_removes",
      "cart_items",
      "cart_value",
      "cart_views",
      "checkout_views",
      "seconds_since_cart_add",
      "distinct_pages",
      "distinct_products",
      "repeated_product_views",
      "distinct_categories",
      "repeated_category_views",
      "price_mean",
      "price_spread",
      "price_last",
      "price_to_category",
      "seconds_so_far",
      "seconds_since_previous",
      "longest_pause_seconds",
      "page_seconds_mean",
      "product_seconds",
      "page_views_per_minute",
      "clicks_per_minute",
      "interactions_per_minute",
      "hour_of_day",
      "day_of_week",
      "earlier_sessions",
      "earlier_buying_sessions",
      "days_since_previous_session",
      "days_since_last_purchase",
      "referrer_kind",
      "last_kind",
      "last_category",
      "last_page_kind"
    FROM "step_61"
    WHERE
      (
        "cut" IN (1, 2, 3, 5, 8, 13, 21) AND NOT (
          "_has_bought"
        )
      )
  ), "step_63" AS (
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
  ), "step_64" AS (
    SELECT
      "user_id",
      "session_id",
      CASE WHEN "is_closed" THEN "bought" END AS "bought_later",
      CASE WHEN "is_closed" THEN "closes_at" END AS "bought_later_known_at",
      (
        "is_closed" OR "bought"
      ) AS "is_over",
      "started_on",
      "started_at"
    FROM "step_63"
    WHERE
      NOT (
        "is_suspect"
      )
  ), "step_65" AS (
    SELECT
      "user_id",
      "session_id",
      "bought_next",
      "bought_next_known_at"
    FROM "step_59"
  )
  SELECT
    "step_62"."user_id" AS "user_id",
    "step_62"."session_id" AS "session_id",
    "step_62"."cut" AS "cut",
    "step_62"."cut_at" AS "cut_at",
    "step_62"."page_views" AS "page_views",
    "step_62"."product_views" AS "product_views",
    "step_62"."clicks" AS "clicks",
    "step_62"."interactions" AS "interactions",
    "step_62"."scrolls" AS "scrolls",
    "step_62"."zooms" AS "zooms",
    "step_62"."hovers" AS "hovers",
    "step_62"."product_zooms_and_hovers" AS "product_zooms_and_hovers",
    "step_62"."searches" AS "searches",
    "step_62"."wishlist_adds" AS "wishlist_adds",
    "step_62"."shares_and_videos" AS "shares_and_videos",
    "step_62"."cart_adds" AS "cart_adds",
    "step_62"."cart_removes" AS "cart_removes",
    "step_62"."cart_items" AS "cart_items",
    "step_62"."cart_value" AS "cart_value",
    "step_62"."cart_views" AS "cart_views",
    "step_62"."checkout_views" AS "checkout_views",
    "step_62"."seconds_since_cart_add" AS "seconds_since_cart_add",
    "step_62"."distinct_pages" AS "distinct_pages",
    "step_62"."distinct_products" AS "distinct_products",
    "step_62"."repeated_product_views" AS "repeated_product_views",
    "step_62"."distinct_categories" AS "distinct_categories",
    "step_62"."repeated_category_views" AS "repeated_category_views",
    "step_62"."price_mean" AS "price_mean",
    "step_62"."price_spread" AS "price_spread",
    "step_62"."price_last" AS "price_last",
    "step_62"."price_to_category" AS "price_to_category",
    "step_62"."seconds_so_far" AS "seconds_so_far",
    "step_62"."seconds_since_previous" AS "seconds_since_previous",
    "step_62"."longest_pause_seconds" AS "longest_pause_seconds",
    "step_62"."page_seconds_mean" AS "page_seconds_mean",
    "step_62"."product_seconds" AS "product_seconds",
    "step_62"."page_views_per_minute" AS "page_views_per_minute",
    "step_62"."clicks_per_minute" AS "clicks_per_minute",
    "step_62"."interactions_per_minute" AS "interactions_per_minute",
    "step_62"."hour_of_day" AS "hour_of_day",
    "step_62"."day_of_week" AS "day_of_week",
    "step_62"."earlier_sessions" AS "earlier_sessions",
    "step_62"."earlier_buying_sessions" AS "earlier_buying_sessions",
    "step_62"."days_since_previous_session" AS "days_since_previous_session",
    "step_62"."days_since_last_purchase" AS "days_since_last_purchase",
    "step_62"."referrer_kind" AS "referrer_kind",
    "step_62"."last_kind" AS "last_kind",
    "step_62"."last_category" AS "last_category",
    "step_62"."last_page_kind" AS "last_page_kind",
    "step_64"."bought_later",
    "step_64"."bought_later_known_at",
    "step_64"."is_over",
    "step_64"."started_on",
    "step_64"."started_at",
    "step_65"."bought_next",
    "step_65"."bought_next_known_at"
  FROM "step_62"
  INNER JOIN "step_64"
    ON (
      "step_62"."user_id" = "step_64"."user_id"
      AND "step_62"."session_id" = "step_64"."session_id"
    )
  INNER JOIN "step_65"
    ON (
      "step_62"."user_id" = "step_65"."user_id"
      AND "step_62"."session_id" = "step_65"."session_id"
    )
)
