-- Written from gold.session_starts; do not edit. Sources: 145491271f88d660
SELECT
  CAST("user_id" AS TEXT) AS "user_id",
  CAST("session_id" AS TEXT) AS "session_id",
  CAST("started_on" AS DATE) AS "started_on",
  CAST("started_at" AS TIMESTAMP) AS "started_at"
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
      "event_at"
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
      "event_at"
    FROM "step_3"
  ), "step_5" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at"
    FROM "step_4"
  ), "step_6" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at"
    FROM "step_5"
  ), "step_7" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at"
    FROM "step_2"
    UNION ALL
    SELECT
      "user_id",
      "session_id",
      "event_at"
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
      "event_at"
    FROM "step_8"
  ), "step_10" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at"
    FROM "step_9"
  ), "step_11" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at"
    FROM "step_10"
  ), "step_12" AS (
    SELECT
      "user_id",
      "session_id",
      "event_at"
    FROM "step_7"
    UNION ALL
    SELECT
      "user_id",
      "session_id",
      "event_at"
    FROM "step_11"
  ), "step_13" AS (
    SELECT
      "user_id",
      "session_id",
      MIN("event_at") AS "started_at"
    FROM "step_12"
    GROUP BY
      "user_id",
      "session_id"
  )
  SELECT
    "user_id" AS "user_id",
    "session_id" AS "session_id",
    CAST("started_at" AS DATE) AS "started_on",
    "started_at" AS "started_at"
  FROM "step_13"
)
