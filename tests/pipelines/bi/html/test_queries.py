"""What the report shows is what plain SQL finds in gold's files."""

from __future__ import annotations

import pytest

from lakehouse.errors import DeclarationError
from pipelines.bi.html.queries import MEASURE, GoldQueries
from pipelines.bi.html.render import Report
from pipelines.bi.semantic.calendar import CALENDAR_TABLE
from pipelines.bi.semantic.measures.trends import AGED
from pipelines.runtime.catalog import GOLD

SHARE, COUNT, MONEY, SCORE = "{:.1%}", "{:,.0f}", "{:,.2f}", "{:.3f}"


OPEN = "FROM session_predictions JOIN sessions USING (user_id, session_id) WHERE NOT is_closed AND NOT bought"


KNOWN = "FROM prediction_log p JOIN sessions s USING (user_id, session_id) WHERE is_closed AND scored_at < closes_at"


CARDS = {
    "Overview": {
        "Visitors": ("SELECT count(DISTINCT user_id) FROM sessions", COUNT),
        "Sessions": ("SELECT count(*) FROM sessions", COUNT),
        "Conversion rate": ("SELECT avg(bought::INT) FROM sessions", SHARE),
        "Revenue": ("SELECT sum(revenue) FROM sessions", MONEY),
        "Average order value": ("SELECT sum(revenue) / sum(purchases) FROM sessions WHERE revenue > 0", MONEY),
        "Predicted buyers, still open": (f"SELECT count_if(prediction) {OPEN}", COUNT),
        "Newest event": ("SELECT strftime(max(ended_at), '%Y-%m-%d %H:%M:%S') FROM sessions", "{}"),
    },
    "Funnel": {
        "Product view rate": ("SELECT avg((product_views > 0)::INT) FROM sessions", SHARE),
        "Cart rate": ("SELECT avg((cart_adds > 0)::INT) FROM sessions", SHARE),
        "Conversion rate": ("SELECT avg(bought::INT) FROM sessions", SHARE),
        "Cart abandonment": ("SELECT avg((NOT bought)::INT) FROM sessions WHERE cart_adds > 0", SHARE),
        "Minutes to purchase": ("SELECT avg(epoch(bought_at) - epoch(started_at)) / 60 FROM sessions", MONEY),
    },
    "Who is about to buy": {
        "Predicted buyers, still open": (f"SELECT count_if(prediction) {OPEN}", COUNT),
        "Expected purchases, still open": (f"SELECT sum(probability) {OPEN}", MONEY),
        "Scored sessions": (f"SELECT count(*) {OPEN}", COUNT),
        "Newest score": (f"SELECT strftime(max(scored_at), '%Y-%m-%d %H:%M:%S') {OPEN}", "{}"),
    },
    "Model quality": {
        "Known outcomes": (f"SELECT count(*) {KNOWN}", COUNT),
        "Precision of the predictions": (f"SELECT avg(bought::INT) {KNOWN} AND prediction", SHARE),
        "Recall of the predictions": (f"SELECT avg(prediction::INT) {KNOWN} AND bought", SHARE),
        "F1 of the predictions": (
            f"SELECT 2 * count_if(prediction AND bought) / (count_if(prediction) + count_if(bought)) {KNOWN}",
            SCORE,
        ),
        "Lift of the predictions": (
            f"SELECT (SELECT avg(bought::INT) {KNOWN} AND prediction) / (SELECT avg(bought::INT) {KNOWN})",
            MONEY,
        ),
        "Brier score": (f"SELECT avg((probability - bought::INT) ** 2) {KNOWN}", SCORE),
    },
    "Data quality": {
        "Records received": ("SELECT sum(received) FROM data_quality WHERE rule = 'all'", COUNT),
        "Records kept": ("SELECT sum(kept) FROM data_quality WHERE rule = 'all'", COUNT),
        "Share quarantined": ("SELECT sum(quarantined) / sum(received) FROM data_quality WHERE rule = 'all'", SHARE),
        "Share repeated": ("SELECT sum(duplicates) / sum(received) FROM data_quality WHERE rule = 'all'", SHARE),
        "Newest day of arrival": ("SELECT max(arrived_on)::VARCHAR FROM data_quality", "{}"),
    },
}


BY_DAY = "FROM sessions GROUP BY ALL ORDER BY 1"


BAND = "printf('%.1f to %.1f', least(floor(probability * 10), 9) / 10, (least(floor(probability * 10), 9) + 1) / 10)"


DAY = "{}"


TABLES = {
    "Sessions, and those that bought": (f"SELECT started_on, count(*), count_if(bought) {BY_DAY}", (DAY, COUNT, COUNT)),
    "Revenue": (f"SELECT started_on, sum(revenue) {BY_DAY}", (DAY, MONEY)),
    "Months": (
        (
            "SELECT * FROM (SELECT strftime(started_on, '%Y-%m') AS m, count(*), avg(bought::INT), sum(purchases), "
            "sum(revenue), sum(revenue) / sum(purchases) FILTER (revenue > 0) FROM sessions GROUP BY ALL) JOIN "
            "(SELECT strftime(arrived_on, '%Y-%m') AS m, sum(quarantined) / sum(received) FROM data_quality "
            "WHERE rule = 'all' GROUP BY ALL) USING (m) ORDER BY m"
        ),
        (DAY, COUNT, SHARE, COUNT, MONEY, MONEY, SHARE),
    ),
    "The rates, day by day": (
        f"SELECT started_on, avg((product_views > 0)::INT), avg((cart_adds > 0)::INT), avg(bought::INT) {BY_DAY}",
        (DAY, SHARE, SHARE, SHARE),
    ),
    "By where sessions come from": (
        (
            "SELECT referrer_kind, coalesce(referrer_host, '(none)'), count(*) AS n, count_if(product_views > 0), "
            "count_if(cart_adds > 0), count_if(bought), avg(bought::INT), avg((events = 1 AND NOT bought)::INT), "
            "sum(revenue) / count(*) FROM sessions GROUP BY ALL ORDER BY n DESC, 1"
        ),
        (DAY, DAY, COUNT, COUNT, COUNT, COUNT, SHARE, SHARE, MONEY),
    ),
    "The most likely first, with what they have done so far": (
        (
            "SELECT user_id, session_id, path, referrer_kind, probability, page_views, product_views, cart_adds, "
            f"duration_seconds / 60 {OPEN} ORDER BY probability DESC, user_id, session_id LIMIT 50"
        ),
        (DAY, DAY, DAY, DAY, SHARE, COUNT, COUNT, COUNT, MONEY),
    ),
    "How sure the model is": (f"SELECT {BAND} AS b, count(*) {OPEN} GROUP BY ALL ORDER BY b", (DAY, COUNT)),
    "Categories": (
        (
            "SELECT category, sum(product_views), sum(cart_adds), sum(purchases), sum(revenue) AS r, "
            "sum(purchase_sessions) / sum(sessions) FROM category_performance GROUP BY ALL ORDER BY r DESC"
        ),
        (DAY, COUNT, COUNT, COUNT, MONEY, SHARE),
    ),
    "Pages": (
        (
            "SELECT page, sum(page_views) AS n, sum(entrances), sum(exits), sum(exits) / sum(page_views) "
            "FROM page_performance GROUP BY ALL ORDER BY n DESC, page LIMIT 50"
        ),
        (DAY, COUNT, COUNT, COUNT, SHARE),
    ),
    "Events by weekday and hour (UTC)": (
        (
            "SELECT dayname(event_on), hour_of_day, sum(events) AS n FROM hourly_activity "
            "GROUP BY 1, 2, isodow(event_on) ORDER BY n DESC, isodow(event_on), hour_of_day"
        ),
        (DAY, DAY, COUNT),
    ),
    "Clicks, in cells of 50 by 50 pixels from the page's top left: product": (
        (
            "SELECT y_from, x_from, sum(clicks) AS n FROM click_map WHERE page_kind = 'product' GROUP BY ALL "
            "ORDER BY n DESC, y_from, x_from LIMIT 50"
        ),
        (DAY, DAY, COUNT),
    ),
    "Calibration: what was said, and what happened": (
        f"SELECT {BAND} AS b, avg(probability), avg(bought::INT) {KNOWN} GROUP BY ALL ORDER BY b",
        (DAY, SHARE, SHARE),
    ),
    "Precision and recall, day by day": (
        (
            "SELECT s.started_on, count_if(prediction AND bought) / nullif(count_if(prediction), 0) AS p, "
            f"count_if(prediction AND bought) / nullif(count_if(bought), 0) AS r {KNOWN} "
            "GROUP BY ALL HAVING p IS NOT NULL OR r IS NOT NULL ORDER BY 1"
        ),
        (DAY, SHARE, SHARE),
    ),
    "By version, and by how many events were known": (
        (
            "SELECT model_version, cut, count(*), count_if(scored_at < closes_at), "
            "count_if(scored_at < closes_at AND is_closed), "
            "avg(bought::INT) FILTER (scored_at < closes_at AND is_closed AND prediction), "
            "avg(prediction::INT) FILTER (scored_at < closes_at AND is_closed AND bought) "
            "FROM prediction_log JOIN sessions USING (user_id, session_id) GROUP BY ALL ORDER BY cut, model_version"
        ),
        (DAY, DAY, COUNT, COUNT, COUNT, SHARE, SHARE),
    ),
    "How the scores turned out, by version and day": (
        (
            "SELECT model_name, model_version, started_on, sessions, scores, average_precision, "
            "test_average_precision, roc_auc, "
            '"precision", recall, f1, brier, calibration_error, top_decile_lift, score_drift, feature_drift, '
            "drifted_feature, strftime(evaluated_at, '%Y-%m-%d %H:%M:%S') FROM model_metrics "
            "ORDER BY started_on DESC, model_name, model_version LIMIT 50"
        ),
        (DAY, DAY, DAY, COUNT, COUNT, *[MONEY] * 11, DAY, DAY),
    ),
    "Share quarantined": (
        (
            "SELECT arrived_on, max(quarantined / received) FILTER (event = 'clicks'), "
            "max(quarantined / received) FILTER (event = 'interactions'), "
            "max(quarantined / received) FILTER (event = 'page_views') "
            "FROM data_quality WHERE rule = 'all' GROUP BY ALL ORDER BY 1"
        ),
        (DAY, SHARE, SHARE, SHARE),
    ),
    "By kind of event": (
        (
            "SELECT event, sum(received) AS n, sum(kept), sum(quarantined), sum(duplicates), "
            "sum(event_id_reused), sum(quarantined) / sum(received) "
            "FROM data_quality WHERE rule = 'all' GROUP BY ALL ORDER BY n DESC"
        ),
        (DAY, COUNT, COUNT, COUNT, COUNT, COUNT, SHARE),
    ),
}


def section(page, title):
    return next(one for one in page.all("section") if one.one("h2").text == title)


def article(page, title):
    return next(one for one in page.all("article") if one.one("h3").text == title)


def table(page, caption):
    return next(one for one in page.all("table") if next(one.all("caption")).text == caption)


def texts(rows, formats):
    return [
        tuple("\N{EN DASH}" if value is None else form.format(value) for value, form in zip(row, formats, strict=True))
        for row in rows
    ]


@pytest.mark.parametrize("title", CARDS)
def test_the_figures_of_a_page_are_what_sql_finds(title, page, sql):
    cards = next(section(page, title).all("dl", class_="figures"))
    shown = {card.one("dt").text: next(card.all("dd")).text for card in cards.all("div")}
    assert shown == {name: form.format(sql(query)[0][0]) for name, (query, form) in CARDS[title].items()}


@pytest.mark.parametrize("caption", TABLES)
def test_a_table_has_the_rows_that_sql_finds(caption, page, sql):
    query, formats = TABLES[caption]
    [_, *shown] = table(page, caption).rows()
    expected = texts(sql(query), formats)
    assert len(expected) > 1
    assert shown == expected


def test_changes_are_those_that_sql_finds(page, sql):
    [[newest, *changes]] = sql(
        "WITH aged AS (SELECT *, (SELECT max(started_on) FROM sessions) - started_on AS age FROM sessions), "
        "weeks AS (SELECT age > 7 AS is_old, count(*) AS n, count(DISTINCT user_id) AS v, avg(bought::INT) AS c, "
        "sum(revenue) AS r FROM aged WHERE age BETWEEN 1 AND 14 GROUP BY ALL) "
        "SELECT (SELECT strftime(max(ended_at), '%Y-%m-%d %H:%M:%S') FROM sessions), new.n / old.n - 1, "
        "new.v / old.v - 1, new.c - old.c, new.r / old.r - 1 FROM weeks new, weeks old "
        "WHERE NOT new.is_old AND old.is_old"
    )
    sessions, visitors, conversion, revenue = map(float, changes)
    texts = [f"{sessions:+.1%}", f"{visitors:+.1%}", f"{100 * conversion:+.1f} points", f"{revenue:+.1%}"]
    cards = next(section(page, "Overview").all("dl", class_="figures"))
    names = [one.text for one in cards.all("dt")]
    assert names[-1] == "Newest event"
    assert list(cards.all("dd"))[-1].text == newest
    assert not [name for name in names if "change" in name]  # said once, below the figure itself
    moved = [one.text for one in section(page, "Overview").all("dd", class_="moved")]
    assert moved == [f"last 7 days: {text}" for text in (texts[1], texts[0], *texts[2:])]


def test_every_visual_of_the_power_bi_report_is_there_in_order(page):
    pages = Report(tuple(GOLD.values())).pages
    assert [one.text for one in page.all("h2")] == [one.title for one in pages]
    others = {"textbox", "slicer", "card", "multiRowCard"}
    for one in pages:
        titles = [visual.title for visual in one.visuals if visual.kind not in others]
        assert [heading.text for heading in section(page, one.title).all("h3")] == titles


@pytest.fixture(scope="module")
def figures(shop):
    """Every figure, over the shop's gold."""
    report = Report(tuple(GOLD.values()))
    gold = report.open(str(shop))
    made = GoldQueries(tuple(GOLD.values()))
    yield lambda *fields: made.rows(gold.connection, fields).rows
    gold.connection.close()


@pytest.mark.parametrize("column", [column.name for column in CALENDAR_TABLE.columns])
def test_the_parts_of_a_day_add_up_to_all_days(column, figures, sql):
    rows = figures(f"dates[{column}]", "[Sessions]")
    assert sum(count for _, count in rows) == 400
    by_sql = {
        "date": "started_on",
        "year": "year(started_on)",
        "quarter": "year(started_on) || '-Q' || quarter(started_on)",
        "month": "strftime(started_on, '%Y-%m')",
        "week_begins_on": "started_on - (isodow(started_on) - 1)::INT",
        "weekday": "isodow(started_on)",
        "weekday_number": "isodow(started_on)",
    }
    assert rows == sql(f"SELECT {by_sql[column]} AS k, count(*) FROM sessions GROUP BY k ORDER BY k")  # noqa: S608


def test_a_column_that_no_relationship_leads_to_is_refused(figures):
    with pytest.raises(DeclarationError, match=r"click_map has no value of sessions\[bought\]"):
        figures("sessions[bought]", "[Clicks on the map]")


OF_NO_DAY = {name for name, measure in MEASURE.items() if measure.of in {"users", AGED}}
"""Users belong to no day, and a change in a week is one of many days."""


@pytest.mark.parametrize("name", sorted(MEASURE.keys() - OF_NO_DAY))
def test_every_measure_can_be_shown_by_day(name, figures):
    assert figures("dates[date]", f"[{name}]")
