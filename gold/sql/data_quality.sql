-- Written from gold.data_quality; do not edit. Sources: 144933274c320ad6
SELECT
  CAST("event" AS TEXT) AS "event",
  CAST("rule" AS TEXT) AS "rule",
  CAST("received" AS BIGINT) AS "received",
  CAST("kept" AS BIGINT) AS "kept",
  CAST("quarantined" AS BIGINT) AS "quarantined",
  CAST("duplicates" AS BIGINT) AS "duplicates",
  CAST("event_id_reused" AS BIGINT) AS "event_id_reused",
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
      "event_id"
    FROM "step_1"
    WHERE
      NOT "event_id" IS NULL
  ), "step_26" AS (
    SELECT
      CAST("arrived_at" AS DATE) AS "arrived_on",
      "topic" AS "event",
      "event_id"
    FROM "step_3"
    WHERE
      NOT "event_id" IS NULL
  ), "step_27" AS (
    SELECT
      "arrived_on",
      "event",
      "event_id"
    FROM "step_26"
  ), "step_28" AS (
    SELECT
      "arrived_on",
      "event",
      "event_id"
    FROM "step_27"
  ), "step_29" AS (
    SELECT
      "arrived_on",
      "event",
      "event_id"
    FROM "step_25"
    UNION ALL
    SELECT
      "arrived_on",
      "event",
      "event_id"
    FROM "step_28"
  ), "step_30" AS (
    SELECT
      CAST("arrived_at" AS DATE) AS "arrived_on",
      "topic" AS "event",
      "event_id"
    FROM "step_8"
    WHERE
      NOT "event_id" IS NULL
  ), "step_31" AS (
    SELECT
      "arrived_on",
      "event",
      "event_id"
    FROM "step_30"
  ), "step_32" AS (
    SELECT
      "arrived_on",
      "event",
      "event_id"
    FROM "step_31"
  ), "step_33" AS (
    SELECT
      "arrived_on",
      "event",
      "event_id"
    FROM "step_29"
    UNION ALL
    SELECT
      "arrived_on",
      "event",
      "event_id"
    FROM "step_32"
  ), "step_34" AS (
    SELECT
      "arrived_on",
      "event",
      "event_id",
      COUNT(*) AS "sharing"
    FROM "step_33"
    GROUP BY
      "arrived_on",
      "event",
      "event_id"
  ), "step_35" AS (
    SELECT
      "arrived_on",
      "event",
      SUM("sharing") AS "event_id_reused"
    FROM "step_34"
    WHERE
      "sharing" > 1
    GROUP BY
      "arrived_on",
      "event"
  ), "step_36" AS (
    SELECT
      "step_24"."arrived_on",
      "step_24"."event",
      "step_24"."received",
      "step_24"."kept",
      "step_24"."quarantined",
      "step_24"."duplicates",
      "step_24"."rule",
      COALESCE("step_35"."event_id_reused", CAST(0 AS BIGINT)) AS "event_id_reused"
    FROM "step_24"
    LEFT OUTER JOIN "step_35"
      ON (
        "step_24"."arrived_on" = "step_35"."arrived_on"
        AND "step_24"."event" = "step_35"."event"
      )
  ), "step_37" AS (
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
  ), "step_38" AS (
    SELECT
      "arrived_on",
      "event",
      "rule"
    FROM "step_37"
  ), "step_39" AS (
    SELECT
      "arrived_on",
      "event",
      "rule",
      COUNT(*) AS "_quarantined"
    FROM "step_38"
    GROUP BY
      "arrived_on",
      "event",
      "rule"
  ), "step_40" AS (
    SELECT
      "arrived_on",
      "event",
      "received"
    FROM "step_23"
  ), "step_41" AS (
    SELECT
      "step_39"."arrived_on",
      "step_39"."event",
      "step_39"."rule",
      "step_40"."received",
      CAST(NULL AS BIGINT) AS "kept",
      "step_39"."_quarantined" AS "quarantined",
      CAST(NULL AS BIGINT) AS "duplicates",
      CAST(NULL AS BIGINT) AS "event_id_reused"
    FROM "step_39"
    INNER JOIN "step_40"
      ON (
        "step_39"."arrived_on" = "step_40"."arrived_on"
        AND "step_39"."event" = "step_40"."event"
      )
  ), "step_42" AS (
    SELECT
      "arrived_on",
      "event",
      "rule",
      "received",
      "kept",
      "quarantined",
      "duplicates",
      "event_id_reused"
    FROM "step_41"
  ), "step_43" AS (
    SELECT
      "arrived_on",
      "event",
      "received",
      "kept",
      "quarantined",
      "duplicates",
      "rule",
      "event_id_reused"
    FROM "step_42"
  ), "step_44" AS (
    SELECT
      "arrived_on",
      "event",
      "received",
      "kept",
      "quarantined",
      "duplicates",
      "rule",
      "event_id_reused"
    FROM "step_36"
    UNION ALL
    SELECT
      "arrived_on",
      "event",
      "received",
      "kept",
      "quarantined",
      "duplicates",
      "rule",
      "event_id_reused"
    FROM "step_43"
  )
  SELECT
    "arrived_on" AS "arrived_on",
    "event" AS "event",
    "received",
    "kept",
    "quarantined",
    "duplicates",
    "rule" AS "rule",
    "event_id_reused" AS "event_id_reused",
    (
      "quarantined" / "received"
    ) AS "quarantined_share"
  FROM "step_44"
)
