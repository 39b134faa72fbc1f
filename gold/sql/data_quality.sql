-- Written from gold.data_quality; do not edit. Sources: 5c404b94ff29a67d
SELECT
  CAST("event" AS TEXT) AS "event",
  CAST("rule" AS TEXT) AS "rule",
  CAST("received" AS BIGINT) AS "received",
  CAST("kept" AS BIGINT) AS "kept",
  CAST("quarantined" AS BIGINT) AS "quarantined",
  CAST("duplicates" AS BIGINT) AS "duplicates",
  CAST("quarantined_share" AS DOUBLE) AS "quarantined_share",
  CAST("arrived_on" AS DATE) AS "arrived_on"
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
      "event_at",
      "event_on",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "identity"
    FROM "clicks"
  ), "step_2" AS (
    SELECT
      CAST("arrived_at" AS DATE) AS "arrived_on",
      "topic" AS "event",
      'kept' AS "outcome"
    FROM "step_1"
  ), "step_3" AS (
    SELECT
      "user_id",
      "session_id",
      "event_id",
      "interaction_type",
      "page_url",
      "category",
      "price",
      "details",
      "event_at",
      "event_on",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "identity"
    FROM "interactions"
  ), "step_4" AS (
    SELECT
      CAST("arrived_at" AS DATE) AS "arrived_on",
      "topic" AS "event",
      'kept' AS "outcome"
    FROM "step_3"
  ), "step_5" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_4"
  ), "step_6" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_5"
  ), "step_7" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_2"
    UNION ALL
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_6"
  ), "step_8" AS (
    SELECT
      "user_id",
      "session_id",
      "event_id",
      "page_url",
      "referrer_url",
      "category",
      "price",
      "event_at",
      "event_on",
      "arrived_at",
      "topic",
      "topic_id",
      "partition",
      "offset",
      "identity"
    FROM "page_views"
  ), "step_9" AS (
    SELECT
      CAST("arrived_at" AS DATE) AS "arrived_on",
      "topic" AS "event",
      'kept' AS "outcome"
    FROM "step_8"
  ), "step_10" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_9"
  ), "step_11" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_10"
  ), "step_12" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_7"
    UNION ALL
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_11"
  ), "step_13" AS (
    SELECT
      "topic",
      "topic_id",
      "partition",
      "offset",
      "arrived_at",
      "value",
      "rules",
      "sentences",
      "contract_version",
      "status",
      "discard_reason",
      "first_judged_at",
      "last_judged_at"
    FROM "quarantine"
  ), "step_14" AS (
    SELECT
      CAST("arrived_at" AS DATE) AS "arrived_on",
      "topic" AS "event",
      'quarantined' AS "outcome"
    FROM "step_13"
    WHERE
      "status" <> 'replayed'
  ), "step_15" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_14"
  ), "step_16" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_15"
  ), "step_17" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_12"
    UNION ALL
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_16"
  ), "step_18" AS (
    SELECT
      "topic",
      "topic_id",
      "partition",
      "offset",
      "arrived_at",
      "identity",
      "kept_topic",
      "kept_topic_id",
      "kept_partition",
      "kept_offset"
    FROM "duplicates"
  ), "step_19" AS (
    SELECT
      CAST("arrived_at" AS DATE) AS "arrived_on",
      "topic" AS "event",
      'duplicate' AS "outcome"
    FROM "step_18"
  ), "step_20" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_19"
  ), "step_21" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_20"
  ), "step_22" AS (
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_17"
    UNION ALL
    SELECT
      "arrived_on",
      "event",
      "outcome"
    FROM "step_21"
  ), "step_23" AS (
    SELECT
      "arrived_on",
      "event",
      COUNT(*) AS "received",
      COUNT_IF("outcome" = 'kept') AS "kept",
      COUNT_IF("outcome" = 'quarantined') AS "quarantined",
      COUNT_IF("outcome" = 'duplicate') AS "duplicates"
    FROM "step_22"
    GROUP BY
      "arrived_on",
      "event"
  ), "step_24" AS (
    SELECT
      "arrived_on",
      "event",
      "received",
      "kept",
      "quarantined",
      "duplicates",
      'all' AS "rule"
    FROM "step_23"
  ), "step_25" AS (
    SELECT
      CAST("arrived_at" AS DATE) AS "arrived_on",
      "topic" AS "event",
      UNNEST(
        CASE
          WHEN COALESCE(ARRAY_POSITION("rules", NULL), 0) > 0
          THEN CASE
            WHEN LIST_DISTINCT("rules") IS NULL
            THEN NULL
            ELSE LIST_APPEND(LIST_DISTINCT("rules"), NULL)
          END
          ELSE LIST_DISTINCT("rules")
        END
      ) AS "rule"
    FROM "step_13"
    WHERE
      "status" <> 'replayed'
  ), "step_26" AS (
    SELECT
      "arrived_on",
      "event",
      "rule"
    FROM "step_25"
  ), "step_27" AS (
    SELECT
      "arrived_on",
      "event",
      "rule",
      COUNT(*) AS "_quarantined"
    FROM "step_26"
    GROUP BY
      "arrived_on",
      "event",
      "rule"
  ), "step_28" AS (
    SELECT
      "arrived_on",
      "event",
      "received"
    FROM "step_23"
  ), "step_29" AS (
    SELECT
      "step_27"."arrived_on",
      "step_27"."event",
      "step_27"."rule",
      "step_28"."received",
      CAST(NULL AS BIGINT) AS "kept",
      "step_27"."_quarantined" AS "quarantined",
      CAST(NULL AS BIGINT) AS "duplicates"
    FROM "step_27"
    INNER JOIN "step_28"
      ON (
        "step_27"."arrived_on" = "step_28"."arrived_on"
        AND "step_27"."event" = "step_28"."event"
      )
  ), "step_30" AS (
    SELECT
      "arrived_on",
      "event",
      "rule",
      "received",
      "kept",
      "quarantined",
      "duplicates"
    FROM "step_29"
  ), "step_31" AS (
    SELECT
      "arrived_on",
      "event",
      "received",
      "kept",
      "quarantined",
      "duplicates",
      "rule"
    FROM "step_30"
  ), "step_32" AS (
    SELECT
      "arrived_on",
      "event",
      "received",
      "kept",
      "quarantined",
      "duplicates",
      "rule"
    FROM "step_24"
    UNION ALL
    SELECT
      "arrived_on",
      "event",
      "received",
      "kept",
      "quarantined",
      "duplicates",
      "rule"
    FROM "step_31"
  )
  SELECT
    "arrived_on" AS "arrived_on",
    "event" AS "event",
    "received",
    "kept",
    "quarantined",
    "duplicates",
    "rule" AS "rule",
    (
      "quarantined" / "received"
    ) AS "quarantined_share"
  FROM "step_32"
)
