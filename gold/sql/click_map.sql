-- Written from gold.click_map; do not edit. Sources: 9f1112910a9a6c6c
SELECT
  CAST("page_kind" AS TEXT) AS "page_kind",
  CAST("x_from" AS INT) AS "x_from",
  CAST("y_from" AS INT) AS "y_from",
  CAST("clicks" AS BIGINT) AS "clicks",
  CAST("visitors" AS BIGINT) AS "visitors",
  CAST("purchases" AS BIGINT) AS "purchases",
  CAST("event_on" AS DATE) AS "event_on"
FROM (
  WITH "step_1" AS (
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
  )
  SELECT
    "event_on",
    "page_kind",
    TRY_CAST(FLOOR("x_coord" / NULLIF(50, 0)) * 50 AS INT) AS "x_from",
    TRY_CAST(FLOOR("y_coord" / NULLIF(50, 0)) * 50 AS INT) AS "y_from",
    COUNT(*) AS "clicks",
    COUNT(DISTINCT "user_id") AS "visitors",
    COUNT_IF("is_purchase") AS "purchases"
  FROM "step_1"
  WHERE
    NOT "x_coord" IS NULL AND NOT "y_coord" IS NULL
  GROUP BY
    "event_on",
    "page_kind",
    TRY_CAST(FLOOR("x_coord" / NULLIF(50, 0)) * 50 AS INT),
    TRY_CAST(FLOOR("y_coord" / NULLIF(50, 0)) * 50 AS INT)
)
