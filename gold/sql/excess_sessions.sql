-- Written from gold.excess_sessions; do not edit. Sources: 10af92ba98fd4190
SELECT
  CAST("user_id" AS TEXT) AS "user_id",
  CAST("session_id" AS TEXT) AS "session_id",
  CAST("sessions_in_24_hours" AS BIGINT) AS "sessions_in_24_hours",
  CAST("most_sessions_in_24_hours" AS BIGINT) AS "most_sessions_in_24_hours",
  CAST("started_on" AS DATE) AS "started_on",
  CAST("started_at" AS TIMESTAMP) AS "started_at"
FROM (
  WITH "step_1" AS (
    SELECT
      "user_id",
      "session_id",
      "started_on",
      "started_at"
    FROM "session_starts"
  ), "step_2" AS (
    SELECT
      "user_id",
      "session_id",
      "started_on",
      "started_at",
      EPOCH_US("started_at") AS "_micros"
    FROM "step_1"
  ), "step_3" AS (
    SELECT
      "user_id",
      "session_id",
      "started_on",
      "started_at",
      "_micros",
      COUNT("_micros") OVER (
        PARTITION BY "user_id"
        ORDER BY "_micros"
        RANGE BETWEEN 86399999999 PRECEDING AND CURRENT ROW
      ) AS "sessions_in_24_hours"
    FROM "step_2"
  ), "step_4" AS (
    SELECT
      "user_id",
      "session_id",
      "started_on",
      "started_at",
      "_micros",
      "sessions_in_24_hours",
      MAX("sessions_in_24_hours") OVER (
        PARTITION BY "user_id"
        ORDER BY "_micros"
        RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS "most_sessions_in_24_hours"
    FROM "step_3"
  ), "step_5" AS (
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
  ), "step_6" AS (
    SELECT
      "bot_sessions_in_24_hours"
    FROM "step_5"
  )
  SELECT
    "step_4"."user_id" AS "user_id",
    "step_4"."session_id" AS "session_id",
    "step_4"."sessions_in_24_hours" AS "sessions_in_24_hours",
    "step_4"."most_sessions_in_24_hours" AS "most_sessions_in_24_hours",
    "step_4"."started_on" AS "started_on",
    "step_4"."started_at" AS "started_at"
  FROM "step_4"
  CROSS JOIN "step_6"
  WHERE
    "step_4"."most_sessions_in_24_hours" > "step_6"."bot_sessions_in_24_hours"
)
