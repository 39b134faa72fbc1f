-- Written from gold.sessions; do not edit. Sources: 3928f9b759dabe90
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
      LAG("event_at", 1) OVER (
        PARTITION BY "user_id", "session_id"
        ORDER BY "event_at", "arrived_at", "topic", "topic_id", "partition", "offset"
      ) AS "_previous_at"
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
      "_previous_at",
      DATE_DIFF('MICROSECOND', "_previous_at", "event_at") / NULLIF(TRY_CAST(1e6 AS DOUBLE), 0) AS "_pause"
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
      "_previous_at",
      "_pause"
    FROM "step_15"
  ), "step_17" AS (
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
    FROM "step_16"
    GROUP BY
      "user_id",
      "session_id"
  ), "step_18" AS (
    SELECT
      "user_id",
      "session_id",
      "sessions_in_24_hours",
      "most_sessions_in_24_hours",
      "started_on",
      "started_at"
    FROM "excess_sessions"
  ), "step_19" AS (
    SELECT
      "user_id",
      "session_id",
      TRUE AS "is_excess"
    FROM "step_18"
  ), "step_20" AS (
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
  ), "step_21" AS (
    SELECT
      "step_17"."user_id",
      "step_17"."session_id",
      "step_17"."events",
      "step_17"."page_views",
      "step_17"."product_views",
      "step_17"."clicks",
      "step_17"."purchases",
      "step_17"."cart_adds",
      "step_17"."interactions",
      "step_17"."scroll_count",
      "step_17"."zoom_count",
      "step_17"."hover_count",
      "step_17"."add_to_cart_count",
      "step_17"."remove_from_cart_count",
      "step_17"."add_to_wishlist_count",
      "step_17"."search_count",
      "step_17"."share_count",
      "step_17"."video_play_count",
      "step_17"."distinct_pages",
      "step_17"."distinct_categories",
      "step_17"."price_min",
      "step_17"."price_max",
      "step_17"."revenue",
      "step_17"."price_mean",
      "step_17"."_landing",
      "step_17"."_exit",
      "step_17"."started_at",
      "step_17"."ended_at",
      "step_17"."bought_at",
      "step_17"."_rested_since",
      "step_17"."last_arrived_at",
      "step_17"."active_hours",
      "step_17"."longest_pause_seconds",
      "step_19"."is_excess",
      "step_20"."as_of",
      "step_20"."closes_after_seconds",
      "step_20"."bot_events",
      "step_20"."bot_rest_seconds",
      "step_20"."bot_page_views",
      "step_20"."bot_page_views_per_second",
      "step_20"."bot_pause_seconds",
      "step_20"."bot_sessions_in_24_hours",
      DATE_DIFF('MICROSECOND', "step_17"."started_at", "step_17"."ended_at") / NULLIF(TRY_CAST(1e6 AS DOUBLE), 0) AS "duration_seconds"
    FROM "step_17"
    LEFT OUTER JOIN "step_19"
      ON (
        "step_17"."user_id" = "step_19"."user_id"
        AND "step_17"."session_id" = "step_19"."session_id"
      )
    CROSS JOIN "step_20"
  ), "step_22" AS (
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
    FROM "step_21"
  ), "step_23" AS (
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
    FROM "step_22"
  ), "step_24" AS (
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
    FROM "step_23"
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
  FROM "step_24"
)
