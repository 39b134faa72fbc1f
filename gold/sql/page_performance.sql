-- Written from gold.page_performance; do not edit. Sources: fe6b54cd29e73801
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
      "referrer_url" AS "referrer_url",
      "category",
      "price"
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
      CAST(NULL AS TEXT) AS "referrer_url",
      "category",
      "price"
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
      "referrer_url",
      "category",
      "price"
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
      "referrer_url",
      "category",
      "price"
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
      "referrer_url",
      "category",
      "price"
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
      "referrer_url",
      "category",
      "price"
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
      CAST(NULL AS TEXT) AS "referrer_url",
      "category",
      "price"
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
      "referrer_url",
      "category",
      "price"
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
      "referrer_url",
      "category",
      "price"
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
      "referrer_url",
      "category",
      "price"
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
      "referrer_url",
      "category",
      "price"
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
      "referrer_url",
      "category",
      "price",
      (
        NOT "price" IS NULL
        OR COALESCE(
          REGEXP_MATCHES(
            TRANSLATE("page_url", 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'),
            '^[^?#]*/(p|product|products|item|items)/[^/?#]+'
          ),
          FALSE
        )
      ) AS "is_on_product",
      (
        "kind" = 'page_view'
        AND (
          NOT "price" IS NULL
          OR COALESCE(
            REGEXP_MATCHES(
              TRANSLATE("page_url", 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'),
              '^[^?#]*/(p|product|products|item|items)/[^/?#]+'
            ),
            FALSE
          )
        )
      ) AS "is_product_view",
      (
        "kind" = 'click' AND "action" = 'btn_buy'
      ) AS "is_purchase",
      COALESCE("action" IN ('add_to_cart', 'btn_add_to_cart'), FALSE) AS "is_cart_add"
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
      "referrer_url",
      "category",
      "price",
      "is_on_product",
      "is_product_view",
      "is_purchase",
      "is_cart_add",
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
      "referrer_url",
      "category",
      "price",
      "is_on_product",
      "is_product_view",
      "is_purchase",
      "is_cart_add",
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
      "referrer_url",
      "category",
      "price",
      "is_on_product",
      "is_product_view",
      "is_purchase",
      "is_cart_add",
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
      "referrer_url",
      "category",
      "price",
      "is_on_product",
      "is_product_view",
      "is_purchase",
      "is_cart_add",
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
      "referrer_url",
      "category",
      "price",
      "is_on_product",
      "is_product_view",
      "is_purchase",
      "is_cart_add",
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
      "referrer_url",
      "category",
      "price",
      "is_on_product",
      "is_product_view",
      "is_purchase",
      "is_cart_add",
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
      "referrer_url",
      "category",
      "price",
      "is_on_product",
      "is_product_view",
      "is_purchase",
      "is_cart_add",
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
      REGEXP_EXTRACT("page_url", '^[^?#]*') AS "page",
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
      REGEXP_EXTRACT("page_url", '^[^?#]*')
  ), "step_22" AS (
    SELECT
      "event_on",
      "page",
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
      CASE
        WHEN REGEXP_MATCHES(
          TRANSLATE(
            REGEXP_EXTRACT("page", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
            'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
            'abcdefghijklmnopqrstuvwxyz'
          ),
          '/(p|products?|items?)/[^/]'
        )
        THEN 'product'
        WHEN REGEXP_MATCHES(
          TRANSLATE(
            REGEXP_EXTRACT("page", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
            'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
            'abcdefghijklmnopqrstuvwxyz'
          ),
          '^/?(index[.][a-z]+)?\z'
        )
        THEN 'home'
        WHEN REGEXP_MATCHES(
          TRANSLATE(
            REGEXP_EXTRACT("page", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
            'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
            'abcdefghijklmnopqrstuvwxyz'
          ),
          '/(c|category|categories)(/|\z)'
        )
        THEN 'category'
        WHEN REGEXP_MATCHES(
          TRANSLATE(
            REGEXP_EXTRACT("page", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
            'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
            'abcdefghijklmnopqrstuvwxyz'
          ),
          '/search(/|\z)'
        )
        THEN 'search'
        WHEN REGEXP_MATCHES(
          TRANSLATE(
            REGEXP_EXTRACT("page", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
            'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
            'abcdefghijklmnopqrstuvwxyz'
          ),
          '/(cart|basket)(/|\z)'
        )
        THEN 'cart'
        WHEN REGEXP_MATCHES(
          TRANSLATE(
            REGEXP_EXTRACT("page", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
            'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
            'abcdefghijklmnopqrstuvwxyz'
          ),
          '/checkout(/|\z)'
        )
        THEN 'checkout'
        WHEN REGEXP_MATCHES(
          TRANSLATE(
            REGEXP_EXTRACT("page", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
            'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
            'abcdefghijklmnopqrstuvwxyz'
          ),
          '/orders?(/|\z)'
        )
        THEN 'order'
        ELSE 'other'
      END AS "page_kind"
    FROM "step_21"
  )
  SELECT
    "event_on" AS "event_on",
    "page",
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
    "page_kind" AS "page_kind",
    CASE WHEN "page_views" > 0 THEN (
      "exits" / "page_views"
    ) END AS "exit_rate"
  FROM "step_22"
)
