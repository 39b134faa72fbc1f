-- Written from gold.sessions; do not edit. Sources: 233092617ef6bc14
SELECT
  CAST("user_id" AS TEXT) AS "user_id",
  CAST("session_id" AS TEXT) AS "session_id",
  CAST("events" AS BIGINT) AS "events",
  CAST("page_views" AS BIGINT) AS "page_views",
  CAST("product_views" AS BIGINT) AS "product_views",
  CAST("clicks" AS BIGINT) AS "clicks",
  CAST("purchases" AS BIGINT) AS "purchases",
  CAST("cart_adds" AS BIGINT) AS "cart_adds",
  CAST("interactions" AS BIGINT) AS "interactions",
  CAST("scroll_count" AS BIGINT) AS "scroll_count",
  CAST("zoom_count" AS BIGINT) AS "zoom_count",
  CAST("hover_count" AS BIGINT) AS "hover_count",
  CAST("add_to_cart_count" AS BIGINT) AS "add_to_cart_count",
  CAST("remove_from_cart_count" AS BIGINT) AS "remove_from_cart_count",
  CAST("add_to_wishlist_count" AS BIGINT) AS "add_to_wishlist_count",
  CAST("search_count" AS BIGINT) AS "search_count",
  CAST("share_count" AS BIGINT) AS "share_count",
  CAST("video_play_count" AS BIGINT) AS "video_play_count",
  CAST("distinct_pages" AS BIGINT) AS "distinct_pages",
  CAST("distinct_categories" AS BIGINT) AS "distinct_categories",
  CAST("price_min" AS DOUBLE) AS "price_min",
  CAST("price_mean" AS DOUBLE) AS "price_mean",
  CAST("price_max" AS DOUBLE) AS "price_max",
  CAST("landing_page" AS TEXT) AS "landing_page",
  CAST("exit_page" AS TEXT) AS "exit_page",
  CAST("referrer_kind" AS TEXT) AS "referrer_kind",
  CAST("referrer_host" AS TEXT) AS "referrer_host",
  CAST("campaign_source" AS TEXT) AS "campaign_source",
  CAST("campaign_medium" AS TEXT) AS "campaign_medium",
  CAST("campaign_name" AS TEXT) AS "campaign_name",
  CAST("duration_seconds" AS DOUBLE) AS "duration_seconds",
  CAST("events_per_minute" AS DOUBLE) AS "events_per_minute",
  CAST("bought" AS BOOLEAN) AS "bought",
  CAST("revenue" AS DECIMAL(18, 2)) AS "revenue",
  CAST("is_closed" AS BOOLEAN) AS "is_closed",
  CAST("is_suspect" AS BOOLEAN) AS "is_suspect",
  CAST("suspect_rule" AS TEXT) AS "suspect_rule",
  CAST("started_on" AS DATE) AS "started_on",
  CAST("ended_on" AS DATE) AS "ended_on",
  CAST("started_at" AS TIMESTAMP) AS "started_at",
  CAST("ended_at" AS TIMESTAMP) AS "ended_at",
  CAST("bought_at" AS TIMESTAMP) AS "bought_at",
  CAST("closes_at" AS TIMESTAMP) AS "closes_at",
  CAST("last_arrived_at" AS TIMESTAMP) AS "last_arrived_at"
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
      LAG("event_at", 1) OVER (
        PARTITION BY "user_id", "session_id"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
      ) AS "_previous_at"
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
      "_previous_at",
      DATE_DIFF('MICROSECOND', "_previous_at", "event_at") / NULLIF(TRY_CAST(1e6 AS DOUBLE), 0) AS "_pause"
    FROM "step_39"
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
      "_previous_at",
      "_pause"
    FROM "step_40"
  ), "step_42" AS (
    SELECT
      "user_id",
      "session_id",
      COUNT(*) AS "events",
      COUNT_IF("kind" = 'page_view') AS "page_views",
      COUNT_IF("is_product_view") AS "product_views",
      COUNT_IF("kind" = 'click') AS "clicks",
      COUNT_IF("is_purchase") AS "purchases",
      COUNT_IF("is_cart_add") AS "cart_adds",
      COUNT_IF("kind" = 'interaction') AS "interactions",
      COUNT_IF("is_known_crawler") AS "crawler_events",
      COUNT_IF("kind" = 'interaction' AND "action" = 'scroll') AS "scroll_count",
      COUNT_IF("kind" = 'interaction' AND "action" = 'zoom') AS "zoom_count",
      COUNT_IF("kind" = 'interaction' AND "action" = 'hover') AS "hover_count",
      COUNT_IF("kind" = 'interaction' AND "action" = 'add_to_cart') AS "add_to_cart_count",
      COUNT_IF("kind" = 'interaction' AND "action" = 'remove_from_cart') AS "remove_from_cart_count",
      COUNT_IF("kind" = 'interaction' AND "action" = 'add_to_wishlist') AS "add_to_wishlist_count",
      COUNT_IF("kind" = 'interaction' AND "action" = 'search') AS "search_count",
      COUNT_IF("kind" = 'interaction' AND "action" = 'share') AS "share_count",
      COUNT_IF("kind" = 'interaction' AND "action" = 'video_play') AS "video_play_count",
      COUNT(DISTINCT "page_url") AS "distinct_pages",
      COUNT(DISTINCT "category") AS "distinct_categories",
      MIN("price") AS "price_min",
      MAX("price") AS "price_max",
      CAST(COALESCE(
        SUM(
          CASE
            WHEN "is_purchase"
            THEN (
              CAST(TRY_CAST(FLOOR(
                (
                  FLOOR((
                    "price"
                  ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) + TRY_CAST(5e3 AS DOUBLE)
                ) / NULLIF(TRY_CAST(1e4 AS DOUBLE), 0)
              ) AS BIGINT) AS DECIMAL(18, 0)) * 0.01
            )
          END
        ),
        0
      ) AS DECIMAL(18, 2)) AS "revenue",
      (
        (
          CAST(SUM(
            TRY_CAST(FLOOR((
              "price"
            ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
          ) AS DOUBLE) / CAST(NULLIF(
            COUNT(
              TRY_CAST(FLOOR((
                "price"
              ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
            ),
            0
          ) AS DOUBLE)
        ) / 1000000.0
      ) AS "price_mean",
      ARG_MIN(
        {'page': "page", 'referrer_kind': "referrer_kind", 'referrer_host': "referrer_host", 'campaign_source': "campaign_source", 'campaign_medium': "campaign_medium", 'campaign_name': "campaign_name"},
        CASE
          WHEN "kind" = 'page_view'
          THEN {'event_at': "event_at", 'arrived_at': "arrived_at", 'topic': "topic", 'topic_id': "topic_id", 'partition': "partition", 'offset': "offset"}
        END
      ) AS "_landing",
      ARG_MAX(
        {'page': "page"},
        CASE
          WHEN "kind" = 'page_view'
          THEN {'event_at': "event_at", 'arrived_at': "arrived_at", 'topic': "topic", 'topic_id': "topic_id", 'partition': "partition", 'offset': "offset"}
        END
      ) AS "_exit",
      MIN("event_at") AS "started_at",
      MAX("event_at") AS "ended_at",
      MIN(CASE WHEN "is_purchase" THEN "event_at" END) AS "bought_at",
      MAX(LEAST("event_at", "arrived_at")) AS "_rested_since",
      MAX("arrived_at") AS "last_arrived_at",
      COUNT(DISTINCT CAST(DATE_TRUNC('HOUR', CAST("event_at" AS TIMESTAMP)) AS TIMESTAMP)) AS "active_hours",
      MAX("_pause") AS "longest_pause_seconds"
    FROM "step_41"
    GROUP BY
      "user_id",
      "session_id"
  ), "step_43" AS (
    SELECT
      "user_id",
      "session_id",
      "sessions_in_24_hours",
      "most_sessions_in_24_hours",
      "started_on",
      "started_at"
    FROM "excess_sessions"
  ), "step_44" AS (
    SELECT
      "user_id",
      "session_id",
      TRUE AS "is_excess"
    FROM "step_43"
  ), "step_45" AS (
    SELECT
      "as_of",
      "closes_after_seconds",
      "bot_events",
      "bot_rest_seconds",
      "bot_page_views",
      "bot_page_views_per_second",
      "bot_pause_seconds",
      "bot_sessions_in_24_hours"
    FROM "clock"
  ), "step_46" AS (
    SELECT
      "step_42"."user_id",
      "step_42"."session_id",
      "step_42"."events",
      "step_42"."page_views",
      "step_42"."product_views",
      "step_42"."clicks",
      "step_42"."purchases",
      "step_42"."cart_adds",
      "step_42"."interactions",
      "step_42"."crawler_events",
      "step_42"."scroll_count",
      "step_42"."zoom_count",
      "step_42"."hover_count",
      "step_42"."add_to_cart_count",
      "step_42"."remove_from_cart_count",
      "step_42"."add_to_wishlist_count",
      "step_42"."search_count",
      "step_42"."share_count",
      "step_42"."video_play_count",
      "step_42"."distinct_pages",
      "step_42"."distinct_categories",
      "step_42"."price_min",
      "step_42"."price_max",
      "step_42"."revenue",
      "step_42"."price_mean",
      "step_42"."_landing",
      "step_42"."_exit",
      "step_42"."started_at",
      "step_42"."ended_at",
      "step_42"."bought_at",
      "step_42"."_rested_since",
      "step_42"."last_arrived_at",
      "step_42"."active_hours",
      "step_42"."longest_pause_seconds",
      "step_44"."is_excess",
      "step_45"."as_of",
      "step_45"."closes_after_seconds",
      "step_45"."bot_events",
      "step_45"."bot_rest_seconds",
      "step_45"."bot_page_views",
      "step_45"."bot_page_views_per_second",
      "step_45"."bot_pause_seconds",
      "step_45"."bot_sessions_in_24_hours",
      DATE_DIFF('MICROSECOND', "step_42"."started_at", "step_42"."ended_at") / NULLIF(TRY_CAST(1e6 AS DOUBLE), 0) AS "duration_seconds"
    FROM "step_42"
    LEFT OUTER JOIN "step_44"
      ON (
        "step_42"."user_id" = "step_44"."user_id"
        AND "step_42"."session_id" = "step_44"."session_id"
      )
    CROSS JOIN "step_45"
  ), "step_47" AS (
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
      "crawler_events",
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
      "price_max",
      "revenue",
      "price_mean",
      "_landing",
      "_exit",
      "started_at",
      "ended_at",
      "bought_at",
      "_rested_since",
      "last_arrived_at",
      "active_hours",
      "longest_pause_seconds",
      "is_excess",
      "as_of",
      "closes_after_seconds",
      "bot_events",
      "bot_rest_seconds",
      "bot_page_views",
      "bot_page_views_per_second",
      "bot_pause_seconds",
      "bot_sessions_in_24_hours",
      "duration_seconds",
      DATE_DIFF('HOUR', DATE_TRUNC('HOUR', "started_at"), DATE_TRUNC('HOUR', "ended_at")) + 1 AS "hours_spanned"
    FROM "step_46"
  ), "step_48" AS (
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
      "crawler_events",
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
      "price_max",
      "revenue",
      "price_mean",
      "_landing",
      "_exit",
      "started_at",
      "ended_at",
      "bought_at",
      "_rested_since",
      "last_arrived_at",
      "active_hours",
      "longest_pause_seconds",
      "is_excess",
      "as_of",
      "closes_after_seconds",
      "bot_events",
      "bot_rest_seconds",
      "bot_page_views",
      "bot_page_views_per_second",
      "bot_pause_seconds",
      "bot_sessions_in_24_hours",
      "duration_seconds",
      "hours_spanned",
      "_rested_since" + INTERVAL (
        TRY_CAST(FLOOR("closes_after_seconds" * TRY_CAST(1e6 AS DOUBLE)) AS BIGINT)
      ) MICROSECOND AS "closes_at"
    FROM "step_47"
  ), "step_49" AS (
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
      "_landing"."page" AS "landing_page",
      "_exit"."page" AS "exit_page",
      COALESCE("_landing"."referrer_kind", 'direct') AS "referrer_kind",
      "_landing"."referrer_host" AS "referrer_host",
      "_landing"."campaign_source" AS "campaign_source",
      "_landing"."campaign_medium" AS "campaign_medium",
      "_landing"."campaign_name" AS "campaign_name",
      "duration_seconds",
      CASE
        WHEN "duration_seconds" > 0
        THEN "events" * 60 / NULLIF("duration_seconds", 0)
        ELSE TRY_CAST(0 AS DOUBLE)
      END AS "events_per_minute",
      "purchases" > 0 AS "bought",
      "revenue",
      "closes_at" <= "as_of" AS "is_closed",
      CASE
        WHEN "crawler_events" > 0
        THEN 'known_crawler'
        WHEN "events" >= "bot_events"
        THEN 'too_many_events'
        WHEN "duration_seconds" >= "bot_rest_seconds" AND "active_hours" >= "hours_spanned"
        THEN 'never_rests'
        WHEN "page_views" >= "bot_page_views"
        AND "page_views" > "duration_seconds" * "bot_page_views_per_second"
        THEN 'too_fast'
        WHEN "longest_pause_seconds" > "bot_pause_seconds"
        THEN 'session_id_reused'
        WHEN "is_excess"
        THEN 'too_many_sessions'
      END AS "suspect_rule",
      CAST("started_at" AS DATE) AS "started_on",
      CAST("ended_at" AS DATE) AS "ended_on",
      "started_at",
      "ended_at",
      "bought_at",
      "closes_at",
      "last_arrived_at"
    FROM "step_48"
  )
  SELECT
    "user_id" AS "user_id",
    "session_id" AS "session_id",
    "events" AS "events",
    "page_views" AS "page_views",
    "product_views" AS "product_views",
    "clicks" AS "clicks",
    "purchases" AS "purchases",
    "cart_adds" AS "cart_adds",
    "interactions" AS "interactions",
    "scroll_count" AS "scroll_count",
    "zoom_count" AS "zoom_count",
    "hover_count" AS "hover_count",
    "add_to_cart_count" AS "add_to_cart_count",
    "remove_from_cart_count" AS "remove_from_cart_count",
    "add_to_wishlist_count" AS "add_to_wishlist_count",
    "search_count" AS "search_count",
    "share_count" AS "share_count",
    "video_play_count" AS "video_play_count",
    "distinct_pages" AS "distinct_pages",
    "distinct_categories" AS "distinct_categories",
    "price_min" AS "price_min",
    "price_mean" AS "price_mean",
    "price_max" AS "price_max",
    "landing_page" AS "landing_page",
    "exit_page" AS "exit_page",
    "referrer_kind" AS "referrer_kind",
    "referrer_host" AS "referrer_host",
    "campaign_source" AS "campaign_source",
    "campaign_medium" AS "campaign_medium",
    "campaign_name" AS "campaign_name",
    "duration_seconds" AS "duration_seconds",
    "events_per_minute" AS "events_per_minute",
    "bought" AS "bought",
    "revenue" AS "revenue",
    "is_closed" AS "is_closed",
    "suspect_rule" AS "suspect_rule",
    "started_on" AS "started_on",
    "ended_on" AS "ended_on",
    "started_at" AS "started_at",
    "ended_at" AS "ended_at",
    "bought_at" AS "bought_at",
    "closes_at" AS "closes_at",
    "last_arrived_at" AS "last_arrived_at",
    NOT "suspect_rule" IS NULL AS "is_suspect"
  FROM "step_49"
)
