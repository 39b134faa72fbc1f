"""The measures: their SQL gives what is counted by hand, and their DAX says the same."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import duckdb
import pyarrow.parquet as pq
import pytest

from pipelines.bi.semantic.measures import MEASURES
from pipelines.bi.semantic.measures.trends import TRENDS
from pipelines.bi.semantic.relationships import relationships
from pipelines.runtime.catalog import GOLD
from tests.pipelines.bi.powerbi.dax import Cube, Filter, parse
from tests.support.arrow import arrow_table

ALL = {measure.name: measure for measures in MEASURES.values() for measure in measures}


def day(number):
    return dt.date(2026, 1, number)


def at(number, clock):
    return dt.datetime.combine(day(number), dt.time.fromisoformat(clock), dt.UTC)


def rows(columns, *values):
    return [dict(zip(columns.split(), one, strict=True)) for one in values]


# ANNA is another user than anna, and suspected bot traffic.
WHAT = rows(
    "user_id session_id events page_views product_views cart_adds purchases duration_seconds bought revenue",
    ("anna", "s1", 10, 6, 3, 2, 2, 600, True, Decimal("50.00")),
    ("anna", "s2", 1, 1, 0, 0, 0, 0, False, Decimal(0)),
    ("ben", "s1", 5, 3, 1, 1, 0, 120, False, Decimal(0)),
    ("ben", "s2", 4, 2, 1, 0, 1, 60, True, Decimal("20.00")),
    ("carl", "s1", 3, 2, 2, 1, 0, 60, False, Decimal(0)),
    ("ANNA", "s1", 2500, 2000, 0, 0, 0, 1000, False, Decimal(0)),
)
WHEN = rows(
    "started_on started_at ended_at bought_at closes_at is_closed is_suspect",
    (day(1), at(1, "10:00:00"), at(1, "10:10:00"), at(1, "10:08:00"), at(1, "10:40:00"), True, False),
    (day(8), at(8, "10:00:00"), at(8, "10:00:00"), None, at(8, "10:30:00"), True, False),
    (day(9), at(9, "12:00:00"), at(9, "12:02:00"), None, at(9, "12:32:00"), True, False),
    (day(10), at(10, "09:00:00"), at(10, "09:01:00"), at(10, "09:01:00"), at(10, "09:31:00"), True, False),
    (day(14), at(14, "20:00:00"), at(14, "20:01:00"), None, at(14, "20:31:00"), False, False),
    (day(14), at(14, "19:00:00"), at(14, "19:16:40"), None, at(14, "19:46:40"), False, True),
)
DATA = {
    "sessions": [what | when for what, when in zip(WHAT, WHEN, strict=True)],
    "users": rows(
        "user_id sessions buying_sessions spend days_between_sessions_mean last_ended_at",
        ("anna", 2, 1, Decimal("50.00"), 7.0, at(8, "10:00:00")),
        ("ben", 3, 2, Decimal("30.00"), 2.0, at(10, "09:01:00")),
        ("carl", 1, 0, Decimal(0), None, at(14, "20:01:00")),
        ("ANNA", 1, 0, Decimal(0), None, at(14, "19:16:40")),
    ),
    "hourly_activity": rows("event_on hour_of_day events purchases", (day(1), 10, 10, 1), (day(10), 9, 20, 2)),
    "click_map": rows("event_on x_from clicks purchases", (day(1), 0, 5, 1), (day(10), 50, 7, 0)),
    "page_performance": rows(
        "event_on page page_views entrances exits", (day(1), "/", 10, 4, 2), (day(10), "/p/1", 5, 1, 1)
    ),
    "category_performance": rows(
        "event_on category product_views cart_adds purchases revenue purchase_sessions sessions",
        (day(1), "shoes", 8, 3, 2, Decimal("30.00"), 1, 6),
        (day(10), "hats", 2, 1, 1, Decimal("12.50"), 1, 2),
    ),
    # One score answers another question, and is in no figure but the newest.
    "session_predictions": rows(
        "user_id session_id question probability prediction scored_at",
        ("anna", "s1", "in_session", 0.8, True, at(1, "10:07:00")),
        ("anna", "s2", "in_session", 0.1, False, at(8, "10:10:00")),
        ("ben", "s1", "in_session", 0.6, True, at(9, "12:01:00")),
        ("ben", "s2", "in_session", 0.3, False, at(10, "09:00:30")),
        ("carl", "s1", "in_session", 0.9, True, at(14, "20:05:00")),
        ("ANNA", "s1", "next_session", 0.99, True, at(14, "19:30:00")),
    ),
    # Anna's first session is not her last: what would come next has come.
    "next_session_predictions": rows(
        "user_id session_id question probability prediction scored_at",
        ("anna", "s1", "next_session", 0.9, True, at(1, "10:41:00")),
        ("anna", "s2", "next_session", 0.6, True, at(8, "10:31:00")),
        ("ben", "s2", "next_session", 0.2, False, at(10, "09:32:00")),
    ),
    # In time and closed: the first five. Then one after the session closed, one of an open session, another question.
    "prediction_log": rows(
        "user_id session_id cut model_version question probability prediction scored_at",
        ("anna", "s1", 1, "1", "in_session", 0.4, False, at(1, "10:05:00")),
        ("anna", "s1", 3, "1", "in_session", 0.8, True, at(1, "10:07:00")),
        ("anna", "s2", 1, "1", "in_session", 0.1, False, at(8, "10:10:00")),
        ("ben", "s1", 1, "1", "in_session", 0.6, True, at(9, "12:01:00")),
        ("ben", "s2", 1, "1", "in_session", 0.3, False, at(10, "09:00:30")),
        ("ben", "s2", 1, "2", "in_session", 0.95, True, at(10, "10:00:00")),
        ("carl", "s1", 1, "2", "in_session", 0.9, True, at(14, "20:05:00")),
        ("anna", "s2", 1, "1", "next_session", 0.7, True, at(8, "10:10:00")),
    ),
    "data_quality": rows(
        "arrived_on event rule received kept quarantined duplicates event_id_reused",
        (day(1), "clicks", "all", 100, 90, 8, 2, 3),
        (day(1), "clicks", "price_is_no_number", 100, None, 5, None, None),
        (day(1), "clicks", "user_id_missing", 100, None, 4, None, None),
        (day(2), "page_views", "all", 50, 45, 0, 5, 4),
    ),
}

BY_HAND = {
    "Sessions": 6,
    "Visitors": 4,
    "Sessions per visitor": 6 / 4,
    "Page views": 2014,
    "Product views": 7,
    "Cart adds": 4,
    "Pages per session": 2014 / 6,
    "Minutes per session": 1840 / 6 / 60,
    "Bounces": 1,
    "Bounce rate": 1 / 6,
    "Open sessions": 2,
    "Suspect sessions": 1,
    "Suspect share": 1 / 6,
    "Newest event": at(14, "20:01:00"),
    "Sessions with a product view": 4,
    "Sessions with a cart": 3,
    "Buying sessions": 2,
    "Product view rate": 4 / 6,
    "Cart rate": 3 / 6,
    "Conversion rate": 2 / 6,
    "Cart abandonment": 2 / 3,
    "Bought without a cart": 1,
    "Minutes to purchase": (8 + 1) / 2,
    "Purchases": 3,
    "Revenue": 70,
    "Average order value": 70 / 3,
    "Revenue per session": 70 / 6,
    "Revenue per visitor": 70 / 4,
    "Purchases without a price": 0,
    # The newest day, the 14th, may not be over: so the 7th to the 13th, and the seven days before them.
    "Whole days to compare": 4,
    "Sessions of the last 7 days": 3,
    "Sessions of the 7 days before": 1,
    "Visitors of the last 7 days": 2,
    "Visitors of the 7 days before": 1,
    "Conversion rate of the last 7 days": 1 / 3,
    "Conversion rate of the 7 days before": 1,
    "Revenue of the last 7 days": 20,
    "Revenue of the 7 days before": 50,
    # Ten of the fourteen days have no sessions, so there is no base.
    **{f"{name}, change in a week": None for name in TRENDS},
    "Users": 4,
    "Returning users": 2,
    "Returning share": 2 / 4,
    "Buyers": 2,
    "Buyer share": 2 / 4,
    "Repeat buyers": 1,
    "Repeat buyer share": 1 / 2,
    "Spend per buyer": 80 / 2,
    "Days between sessions": 4.5,
    "Events": 30,
    "Purchases by hour": 3,
    "Clicks on the map": 12,
    "Purchases on the map": 1,
    "Views of pages": 15,
    "Entrances": 5,
    "Exits": 3,
    "Exit rate": 3 / 15,
    "Product views by category": 10,
    "Cart adds by category": 4,
    "Purchases by category": 3,
    "Revenue by category": 42.5,
    "Conversion rate by category": 2 / 8,
    "Scored sessions": 5,
    "Predicted buyers": 3,
    "Predicted buyers, still open": 1,
    "Expected purchases, still open": 0.9,
    "Average probability": 2.7 / 5,
    "Highest probability": 0.9,
    "Newest score": at(14, "20:05:00"),
    "Users who may return": 2,
    "Predicted to buy next time": 1,
    "Expected purchases next time": 0.8,
    "Probability to buy next time": 0.6,
    "Scores given": 7,
    "Scores given in time": 6,
    "Known outcomes": 5,
    "Precision of the predictions": 1 / 2,
    "Recall of the predictions": 1 / 3,
    "F1 of the predictions": 2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3),
    "Share that bought": 3 / 5,
    "Lift of the predictions": (1 / 2) / (3 / 5),
    "Average probability of known outcomes": 2.2 / 5,
    "Brier score": (0.6**2 + 0.2**2 + 0.1**2 + 0.6**2 + 0.7**2) / 5,
    "Records received": 150,
    "Records kept": 135,
    "Records quarantined": 8,
    "Records repeated": 7,
    "Event ids reused": 7,
    "Share quarantined": 8 / 150,
    "Share repeated": 7 / 150,
    "Rules broken": 9,
    "Newest day of arrival": day(2),
}
"""Counted from DATA, without a query."""

OWN_DATES = {measure.name for measure in MEASURES["Trends"]}
"""They look past the days that are selected, so rows taken away beforehand mean another thing to their SQL."""


@pytest.fixture(scope="module")
def gold(tmp_path_factory):
    """The tables as Parquet files with every column that is declared, opened by DuckDB."""
    folder = tmp_path_factory.mktemp("gold")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, data in DATA.items():
            pq.write_table(arrow_table(GOLD[f"gold.{name}"], data), folder / f"{name}.parquet")
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{folder}/{name}.parquet')")
        yield connection


def cube():
    """DATA as Power BI holds it: with the keys, and the calendar."""
    tables = {name: [dict(row) for row in data] for name, data in DATA.items()}
    for data in tables.values():
        for row in data:
            if "user_id" in row:
                row["users_key"] = row["user_id"].encode().hex()
            if "session_id" in row:
                row["sessions_key"] = f"{row['users_key']}.{row['session_id'].encode().hex()}"
    tables["dates"] = [{"date": day(number)} for number in range(1, 32)]
    parents = {}
    for one in relationships(tuple(GOLD.values())):
        if one.active and one.table in tables:
            parents.setdefault(one.table, []).append((one.column, one.to_table, one.to_column))
    return Cube(tables, parents, {name: measure.dax for name, measure in ALL.items()})


def same(left, right):
    """Whether two values are the same figure; DAX's blank is SQL's null, or its 0."""
    if isinstance(left, dt.date) or isinstance(right, dt.date):
        return left == right
    return float(left or 0) == pytest.approx(float(right or 0))


def test_every_measure_was_counted_by_hand():
    assert set(BY_HAND) == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_sql_gives_what_was_counted(name, gold):
    [[value]] = gold.execute(ALL[name].sql).fetchall()
    assert same(value, BY_HAND[name]), value


@pytest.mark.parametrize("name", ALL)
def test_the_dax_says_the_same(name):
    value = cube().value(name)
    assert same(value, BY_HAND[name]), value


ON = {
    "sessions": "started_on",
    "hourly_activity": "event_on",
    "click_map": "event_on",
    "page_performance": "event_on",
    "category_performance": "event_on",
    "data_quality": "arrived_on",
}


@pytest.fixture(scope="module")
def first_nine_days(gold):
    """The tables with the days up to the ninth alone: what Power BI leaves of them when these are selected."""
    with gold.cursor() as connection:
        connection.execute("CREATE SCHEMA slice; SET schema = 'slice'")
        for name in DATA:
            rows_of = f"FROM main.{name}"
            if name in ON:
                rows_of += f" WHERE {ON[name]} <= DATE '2026-01-09'"
            elif name != "users":
                rows_of += " SEMI JOIN slice.sessions USING (user_id, session_id)"
            connection.execute(f"CREATE VIEW slice.{name} AS {rows_of}")
        yield connection


@pytest.mark.parametrize("name", sorted(set(ALL) - OWN_DATES))
def test_the_dax_says_the_same_of_some_days(name, first_nine_days):
    [[value]] = first_nine_days.execute(ALL[name].sql).fetchall()
    some = cube()
    some.filters = (Filter("dates", "date", lambda row: row["date"] <= day(9)),)
    assert same(some.value(name), value), (some.value(name), value)


@pytest.mark.parametrize(
    ("table", "column", "value", "name", "is_blank"),
    [
        ("sessions", "bought", False, "Buying sessions", True),
        ("sessions", "bought", True, "Buying sessions", False),
        ("data_quality", "rule", "user_id_missing", "Records received", True),
        ("data_quality", "rule", "user_id_missing", "Rules broken", False),
        ("data_quality", "rule", "all", "Rules broken", True),
    ],
)
def test_a_figure_by_the_column_it_filters_is_blank_elsewhere(table, column, value, name, is_blank):
    some = cube()
    some.filters = (Filter(table, column, lambda row: row[column] == value),)
    assert (some.value(name) is None) == is_blank


def filters_of(node):
    """The filters of every CALCULATE in an expression."""
    if node[:2] == ("call", "CALCULATE"):
        yield from node[3:]
    for part in node:
        if isinstance(part, tuple):
            yield from filters_of(part)


@pytest.mark.parametrize("name", sorted(set(ALL) - OWN_DATES))
def test_filters_narrow_down_what_is_selected(name):
    assert {node[:2] for node in filters_of(parse(ALL[name].dax))} <= {("call", "KEEPFILTERS"), ("call", "FILTER")}


@pytest.mark.parametrize("wrong", ["SUM(", "SUM(a[b]", "1 +", "[a] [b]", ") + 1", "DIVIDE([a], [b]))", "a ? b"])
def test_dax_that_is_none_is_refused(wrong):
    with pytest.raises((ValueError, IndexError)):
        parse(wrong)
