-- Written from gold.click_map; do not edit. Sources: 12bfac7a73740e5e
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
    CASE
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/(p|products?|items?)/[^/]'
      )
      THEN 'product'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '^/?(index[.][a-z]+)?\z'
      )
      THEN 'home'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/(c|category|categories)(/|\z)'
      )
      THEN 'category'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/search(/|\z)'
      )
      THEN 'search'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/(cart|basket)(/|\z)'
      )
      THEN 'cart'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/checkout(/|\z)'
      )
      THEN 'checkout'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/orders?(/|\z)'
      )
      THEN 'order'
      ELSE 'other'
    END AS "page_kind",
    TRY_CAST(FLOOR("x_coord" / NULLIF(50, 0)) * 50 AS INT) AS "x_from",
    TRY_CAST(FLOOR("y_coord" / NULLIF(50, 0)) * 50 AS INT) AS "y_from",
    COUNT(*) AS "clicks",
    COUNT(DISTINCT "user_id") AS "visitors",
    COUNT_IF("element_id" = 'btn_buy') AS "purchases"
  FROM "step_1"
  WHERE
    NOT "x_coord" IS NULL AND NOT "y_coord" IS NULL
  GROUP BY
    "event_on",
    CASE
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/(p|products?|items?)/[^/]'
      )
      THEN 'product'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '^/?(index[.][a-z]+)?\z'
      )
      THEN 'home'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/(c|category|categories)(/|\z)'
      )
      THEN 'category'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/search(/|\z)'
      )
      THEN 'search'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/(cart|basket)(/|\z)'
      )
      THEN 'cart'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/checkout(/|\z)'
      )
      THEN 'checkout'
      WHEN REGEXP_MATCHES(
        TRANSLATE(
          REGEXP_EXTRACT("page_url", '^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)', 1),
          'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
          'abcdefghijklmnopqrstuvwxyz'
        ),
        '/orders?(/|\z)'
      )
      THEN 'order'
      ELSE 'other'
    END,
    TRY_CAST(FLOOR("x_coord" / NULLIF(50, 0)) * 50 AS INT),
    TRY_CAST(FLOOR("y_coord" / NULLIF(50, 0)) * 50 AS INT)
)
