"""Changes: whole days against whole days, in SQL as in DAX, and nothing where there is no base."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from pipelines.bi.semantic.measures import MEASURES
from pipelines.bi.semantic.measures.trends import TRENDS
from tests.pipelines.bi.powerbi.dax import Cube, Filter

ALL = {measure.name: measure for measures in MEASURES.values() for measure in measures}


def day(number):
    return dt.date(2026, 1, number)


def session(number, user, *, bought=False, revenue=0):
    return {
        "started_on": day(number),
        "user_id": user,
        "users_key": user,
        "bought": bought,
        "purchases": int(bought),
        "revenue": revenue,
    }


# Two sessions a day from the 2nd to the 8th, three from the 9th to the 15th, one on the 16th, which goes on.
SESSIONS = [
    *(session(number, user) for number in range(2, 9) for user in ("anna", f"u{number}")),
    *(session(number, user) for number in range(9, 16) for user in ("anna", "ben", f"u{number}")),
    session(16, "anna", bought=True, revenue=1000),
]
# Two of 14 sessions bought for 30, then six of 21 for 45.
for place, revenue in ((1, 10), (3, 20), (14, 5), (17, 5), (20, 5), (23, 10), (26, 10), (29, 10)):
    SESSIONS[place].update(bought=True, purchases=1, revenue=revenue)

BY_HAND = {
    "Whole days to compare": 14,
    "Sessions of the last 7 days": 21,
    "Sessions of the 7 days before": 14,
    "Sessions, change in a week": 0.5,
    "Visitors of the last 7 days": 9,
    "Visitors of the 7 days before": 8,
    "Visitors, change in a week": 1 / 8,
    "Conversion rate of the last 7 days": 6 / 21,
    "Conversion rate of the 7 days before": 2 / 14,
    "Conversion rate, change in a week": 6 / 21 - 2 / 14,
    "Revenue of the last 7 days": 45,
    "Revenue of the 7 days before": 30,
    "Revenue, change in a week": 0.5,
}


def by_sql(name, sessions):
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE sessions (started_on DATE, user_id VARCHAR, bought BOOLEAN, purchases INT, "
            "revenue DECIMAL(9, 2))"
        )
        columns = ("started_on", "user_id", "bought", "purchases", "revenue")
        connection.executemany(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", [[one[column] for column in columns] for one in sessions]
        )
        return connection.execute(ALL[name].sql).fetchall()[0][0]


def by_dax(name, sessions, last=31):
    cube = Cube(
        {"sessions": sessions, "dates": [{"date": day(number)} for number in range(1, 32)]},
        {"sessions": [("started_on", "dates", "date")]},
        {name: measure.dax for name, measure in ALL.items()},
        (Filter("dates", "date", lambda row: row["date"] <= day(last)),),
    )
    return cube.value(name)


def test_every_trend_was_counted_by_hand():
    assert set(BY_HAND) == {measure.name for measure in MEASURES["Trends"]}


@pytest.mark.parametrize("name", BY_HAND)
def test_whole_days_are_compared_with_whole_days(name):
    assert float(by_sql(name, SESSIONS)) == pytest.approx(BY_HAND[name])
    assert float(by_dax(name, SESSIONS)) == pytest.approx(BY_HAND[name])


@pytest.mark.parametrize("name", BY_HAND)
def test_what_the_running_day_holds_changes_nothing(name):
    more = [*SESSIONS, *(session(16, f"late{number}", bought=True, revenue=9) for number in range(50))]
    assert float(by_sql(name, more)) == pytest.approx(BY_HAND[name])
    assert float(by_dax(name, more)) == pytest.approx(BY_HAND[name])


@pytest.mark.parametrize("name", [trend.change.name for trend in TRENDS.values()])
@pytest.mark.parametrize("without", [2, 8, 15])
def test_no_change_is_named_where_a_day_is_missing(name, without):
    some = [one for one in SESSIONS if one["started_on"] != day(without)]
    assert by_sql(name, some) is None
    assert by_dax(name, some) is None


@pytest.mark.parametrize(("last", "newest"), [(31, 15), (16, 15), (15, 15), (14, 14), (9, 9)])
def test_the_days_end_at_the_last_whole_day_selected(last, newest):
    sessions = [session(number, "anna", bought=True, revenue=2**number) for number in range(1, 17)]
    expected = sum(2**number for number in range(max(newest - 6, 1), newest + 1))
    assert by_dax("Revenue of the last 7 days", sessions, last) == expected


def test_purchases_without_a_price_are_in_no_average():
    sessions = [
        session(1, "anna", bought=True, revenue=30),
        session(1, "ben", bought=True, revenue=50),
        session(2, "carl", bought=True),
        session(2, "dora"),
    ]
    for value in (by_sql, by_dax):
        assert float(value("Average order value", sessions)) == 40
        assert float(value("Purchases without a price", sessions)) == 1
        assert value("Average order value", sessions[2:]) is None
