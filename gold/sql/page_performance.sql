-- Written from gold.page_performance; do not edit. Sources: 6b8a904f0b655396
SELECT
  CAST("page" AS TEXT) AS "page",
  CAST("page_kind" AS TEXT) AS "page_kind",
  CAST("page_views" AS BIGINT) AS "page_views",
  CAST("visitors" AS BIGINT) AS "visitors",
  CAST("sessions" AS BIGINT) AS "sessions",
  CAST("entrances" AS BIGINT) AS "entrances",
  CAST("exits" AS BIGINT) AS "exits",
  CAST("clicks" AS BIGINT) AS "clicks",
  CAST("interactions" AS BIGINT) AS "interactions",
  CAST("cart_adds" AS BIGINT) AS "cart_adds",
  CAST("purchases" AS BIGINT) AS "purchases",
  CAST("seconds_on_page_mean" AS DOUBLE) AS "seconds_on_page_mean",
  CAST("exit_rate" AS DOUBLE) AS "exit_rate",
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
      "page_host",
      "page_path",
      "page_kind",
      "referrer_host",
      "referrer_kind",
      "campaign_source",
      "campaign_medium",
      "campaign_name",
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
      FALSE AS "is_cart_add"
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
      "page_host",
      "page_path",
      "page_kind",
      "is_purchase",
      "is_cart_add",
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
      "is_cart_add" AS "is_cart_add"
    FROM "step_3"
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
      "is_cart_add"
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
      "is_cart_add"
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
      "is_cart_add"
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
      "is_cart_add"
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
      "page_host",
      "page_path",
      "page_kind",
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
      "interaction_type" = 'add_to_cart' AS "is_cart_add"
    FROM "step_8"
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
      "is_cart_add"
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
      "is_cart_add"
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
      "is_cart_add"
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
      "is_cart_add"
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
      "is_cart_add",
      (
        NOT "price" IS NULL OR "page_kind" = 'product'
      ) AS "is_on_product",
      (
        "kind" = 'page_view' AND (
          NOT "price" IS NULL OR "page_kind" = 'product'
        )
      ) AS "is_product_view"
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
      "is_cart_add",
      "is_on_product",
      "is_product_view",
      CAST("event_at" AS DATE) AS "event_on"
    FROM "step_13"
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
      "is_cart_add",
      "is_on_product",
      "is_product_view",
      "event_on",
      LAG("event_at", 1) OVER (
        PARTITION BY "user_id", "session_id", "event_on", "kind"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
      ) AS "_previous"
    FROM "step_14"
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
      "is_cart_add",
      "is_on_product",
      "is_product_view",
      "event_on",
      "_previous",
      LEAD("event_at", 1) OVER (
        PARTITION BY "user_id", "session_id", "event_on", "kind"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
      ) AS "_next"
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
      "is_cart_add",
      "is_on_product",
      "is_product_view",
      "event_on",
      "_previous",
      "_next",
      MAX("event_at") OVER (PARTITION BY "user_id", "session_id", "event_on") AS "_last_at"
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
      "is_cart_add",
      "is_on_product",
      "is_product_view",
      "event_on",
      "_previous",
      "_next",
      "_last_at",
      CASE
        WHEN "kind" = 'page_view'
        THEN COALESCE("_next", NULLIF("_last_at", "event_at"))
      END AS "_until"
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
      "is_cart_add",
      "is_on_product",
      "is_product_view",
      "event_on",
      "_previous",
      "_next",
      "_last_at",
      "_until",
      DATE_DIFF('MICROSECOND', "event_at", "_until") / NULLIF(TRY_CAST(1e6 AS DOUBLE), 0) AS "_seconds"
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
      "is_cart_add",
      "is_on_product",
      "is_product_view",
      "event_on",
      "_previous",
      "_next",
      "_last_at",
      "_until",
      "_seconds"
    FROM "step_19"
  ), "step_21" AS (
    SELECT
      "event_on",
      "page",
      "page_kind",
      COUNT_IF("kind" = 'page_view') AS "page_views",
      COUNT(DISTINCT CASE WHEN "kind" = 'page_view' THEN "user_id" END) AS "visitors",
      COUNT(
        DISTINCT CASE
          WHEN "kind" = 'page_view'
          THEN {'user_id': "user_id", 'session_id': "session_id"}
        END
      ) AS "sessions",
      COUNT_IF((
        "kind" = 'page_view' AND "_previous" IS NULL
      )) AS "entrances",
      COUNT_IF((
        "kind" = 'page_view' AND "_next" IS NULL
      )) AS "exits",
      COUNT_IF("kind" = 'click') AS "clicks",
      COUNT_IF("kind" = 'interaction') AS "interactions",
      COUNT_IF("is_cart_add") AS "cart_adds",
      COUNT_IF("is_purchase") AS "purchases",
      (
        (
          CAST(SUM(
            TRY_CAST(FLOOR((
              "_seconds"
            ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
          ) AS DOUBLE) / CAST(NULLIF(
            COUNT(
              TRY_CAST(FLOOR((
                "_seconds"
              ) * TRY_CAST(1e6 AS DOUBLE) + TRY_CAST(0.5 AS DOUBLE)) AS BIGINT)
            ),
            0
          ) AS DOUBLE)
        ) / 1000000.0
      ) AS "seconds_on_page_mean"
    FROM "step_20"
    GROUP BY
      "event_on",
      "page",
      "page_kind"
  )
  SELECT
    "event_on" AS "event_on",
    "page" AS "page",
    "page_kind" AS "page_kind",
    "page_views",
    "visitors",
    "sessions",
    "entrances",
    "exits",
    "clicks",
    "interactions",
    "cart_adds",
    "purchases",
    "seconds_on_page_mean",
    CASE WHEN "page_views" > 0 THEN (
      "exits" / "page_views"
    ) END AS "exit_rate"
  FROM "step_21"
)
