"""Where people click."""

from __future__ import annotations

from datetime import date

import pytest

pytestmark = pytest.mark.spark


def day(number):
    return date(2026, 10, number)


def test_each_clicked_cell_is_a_row_half_a_coordinate_is_none(sql):
    assert sql(
        "SELECT event_on, page_kind, x_from, y_from, clicks, visitors, purchases FROM click_map ORDER BY ALL"
    ) == [
        (day(14), "checkout", 900, 700, 1, 1, 1),
        (day(14), "product", 900, 500, 1, 1, 0),
    ]


def test_every_figure_is_what_its_column_says_of_the_clicks(sql):
    columns = "event_on, x_from, y_from, sum(clicks), max(visitors), sum(purchases)"
    assert sql(f"SELECT {columns} FROM click_map GROUP BY ALL ORDER BY ALL") == sql(  # noqa: S608
        """SELECT event_on, floor(x_coord / 50) * 50, floor(y_coord / 50) * 50, count(*), count(DISTINCT user_id),
                  count(*) FILTER (element_id = 'btn_buy')
           FROM clicks WHERE x_coord IS NOT NULL AND y_coord IS NOT NULL GROUP BY ALL ORDER BY ALL"""
    )
