-- Written from gold.category_performance; do not edit. Sources: 9b968e0707f1ff6f
SELECT
  CAST("category" AS TEXT) AS "category",
  CAST("events" AS BIGINT) AS "events",
  CAST("visitors" AS BIGINT) AS "visitors",
  CAST("sessions" AS BIGINT) AS "sessions",
  CAST("product_views" AS BIGINT) AS "product_views",
  CAST("cart_adds" AS BIGINT) AS "cart_adds",
  CAST("purchases" AS BIGINT) AS "purchases",
  CAST("purchase_sessions" AS BIGINT) AS "purchase_sessions",
  CAST("revenue" AS DECIMAL(18, 2)) AS "revenue",
  CAST("conversion_rate" AS DOUBLE) AS "conversion_rate",
  CAST("event_on" AS DATE) AS "event_on"
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
      "is_product_view"
    FROM "step_38"
  ), "step_40" AS (
    SELECT
      CAST("event_at" AS DATE) AS "event_on",
      COALESCE("category", '(none)') AS "category",
      COUNT(*) AS "events",
      COUNT(DISTINCT "user_id") AS "visitors",
      COUNT(DISTINCT {'user_id': "user_id", 'session_id': "session_id"}) AS "sessions",
      COUNT_IF("is_product_view") AS "product_views",
      COUNT_IF("is_cart_add") AS "cart_adds",
      COUNT_IF("is_purchase") AS "purchases",
      COUNT(
        DISTINCT CASE WHEN "is_purchase" THEN {'user_id': "user_id", 'session_id': "session_id"} END
      ) AS "purchase_sessions",
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
      ) AS DECIMAL(18, 2)) AS "revenue"
    FROM "step_39"
    GROUP BY
      CAST("event_at" AS DATE),
      COALESCE("category", '(none)')
  )
  SELECT
    "event_on",
    "category" AS "category",
    "events",
    "visitors",
    "sessions",
    "product_views",
    "cart_adds",
    "purchases",
    "purchase_sessions",
    "revenue",
    (
      "purchase_sessions" / "sessions"
    ) AS "conversion_rate"
  FROM "step_40"
)
