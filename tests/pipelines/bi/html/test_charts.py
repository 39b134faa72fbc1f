"""Charts over days: long stretches without data are shortened and marked, and no value moves."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.table import Format
from pipelines.bi.html.charts import LONG_GAP, Values, column_chart, heat_map, line_chart, scale_of, steps
from pipelines.bi.html.formats import mark_writer

PLAIN = Values("{:.0f}".format, lambda _: "{:.0f}".format)

OLD = [dt.date(2022, 8, 1) + dt.timedelta(number) for number in range(10)]
NEW = [dt.date(2026, 11, 1) + dt.timedelta(number) for number in range(14)]


def chart(draw, days):
    values = [float(number) for number in range(1, len(days) + 1)]
    return draw(days, [day.isoformat() for day in days], {"Sessions": values}, PLAIN)


@pytest.mark.parametrize("draw", [line_chart, column_chart])
def test_days_years_apart_both_have_room(draw):
    made = chart(draw, OLD + NEW)
    [gap] = made.gaps
    assert (gap.after, gap.before, gap.days) == (OLD[-1], NEW[0], (NEW[0] - OLD[-1]).days - 1)
    places = [point.x for point in made.lines[0].points]
    assert places[9] < gap.at < places[10]
    steps = [other - one for one, other in pairwise(places)]
    assert [*steps[:9], *steps[10:]] == pytest.approx([steps[0]] * 22, abs=0.02)
    assert places[23] - places[10] > 40


def test_a_line_does_not_cross_days_that_are_left_out():
    assert chart(line_chart, OLD + NEW).lines[0].path.count("M") == 2
    assert chart(line_chart, NEW).lines[0].path.count("M") == 1


def test_days_without_a_long_gap_keep_their_distance():
    days = [NEW[0], NEW[1], NEW[0] + dt.timedelta(LONG_GAP + 1)]
    made = chart(line_chart, days)
    assert made.gaps == ()
    assert [point.x for point in made.lines[0].points] == [0, pytest.approx(100 / (LONG_GAP + 1), abs=0.01), 100]


def test_two_weeks_without_data_are_drawn_as_they_are():
    days = [dt.date(2025, 1, 1) + dt.timedelta(number) for number in range(200) if not 100 <= number < 120]
    assert chart(column_chart, days).gaps == ()


@given(st.sets(st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)), min_size=1, max_size=60))
def test_every_day_is_there_once_in_order_inside_the_picture(found):
    days = sorted(found)
    for draw in (line_chart, column_chart):
        made = chart(draw, days)
        points = made.lines[0].points
        places = [point.x for point in points]
        assert [point.reads.split(":")[0] for point in points] == [day.isoformat() for day in days]
        assert places == sorted(set(places))
        assert places[0] >= 0
        assert places[-1] + made.width <= 100.01
        # Neither a day nor a gap takes so much that the others cannot be seen.
        assert sum(gap.days for gap in made.gaps) + len(days) <= (days[-1] - days[0]).days + 1
        assert all(gap.days > max(LONG_GAP, len(days)) for gap in made.gaps)
        names = [tick.label for tick in made.across]
        assert names[0] == days[0].isoformat()
        assert names[-1] == days[-1].isoformat()
        assert len(names) <= 3


@pytest.mark.parametrize(
    ("most", "expected"),
    [(0, [0, 1]), (1, [0, 0.5, 1]), (7, [0, 2, 4, 6, 8]), (20, [0, 5, 10, 15, 20]), (101, [0, 50, 100, 150])],
)
def test_an_axis_has_round_steps_up_to_its_most(most, expected):
    assert steps(most) == pytest.approx(expected)


def test_a_stray_click_far_out_does_not_shrink_the_map():
    cells = [(y * 50, x * 50, 10.0) for y in range(10) for x in range(10)]
    heat = heat_map([*cells, (99_950, 0, 1.0)])
    assert (heat.height, heat.width, heat.outside) == (10, 10, 1)
    assert heat_map(cells).outside == 0


def test_a_map_of_one_cell_is_drawn():
    heat = heat_map([(0, 0, 3.0)])
    assert (heat.height, heat.width, len(heat.shades)) == (1, 1, 1)


@pytest.mark.parametrize("most", [0.2, 0.9, 1, 2, 3, 7, 101])
@pytest.mark.parametrize("kind", [Format.COUNT, Format.SHARE, Format.MONEY, Format.NUMBER])
def test_no_two_marks_of_an_axis_read_the_same(most, kind):
    least = 1 if kind is Format.COUNT else 0
    marks = steps(most, least)
    texts = [mark_writer(kind, "EUR", marks[1])(mark) for mark in marks]
    assert len(set(texts)) == len(texts)
    assert all(text.endswith("EUR") == (kind is Format.MONEY) for text in texts)


def test_marks_have_the_decimals_they_need_and_no_more():
    assert mark_writer(Format.MONEY, "", 2000)(4000) == "4,000"
    assert mark_writer(Format.SHARE, "", 0.005)(0.01) == "1.0%"
    assert mark_writer(Format.SHARE, "", 0.5)(0.5) == "50%"


def test_bands_stand_at_their_distance():
    made = column_chart([0.0, 0.1, 0.4], ["a", "b", "c"], {"n": [1.0, 1.0, 1.0]}, PLAIN)
    first, second, last = (point.x for point in made.lines[0].points)
    assert last - second == pytest.approx(3 * (second - first), abs=0.01)


@pytest.mark.parametrize("draw", [line_chart, column_chart])
def test_the_running_day_is_drawn_apart(draw):
    days = [day.isoformat() for day in NEW]
    made = draw(NEW, days, {"Sessions": [float(number) for number in range(14)]}, PLAIN, days[-1])
    assert [point.reads for point in made.lines[0].points if "not over" in point.reads] == [
        f"{days[-1]} (not over): Sessions 13"
    ]
    if draw is line_chart:
        assert made.lines[0].path.count("L") == 12
        assert made.lines[0].tail.count("L") == 1


def test_maps_of_pages_share_one_scale_from_the_top_left():
    wide = [(100, 300, 9.0), (150, 950, 4.0)]
    small = [(300, 50, 1.0)]
    scale = scale_of([wide, small])
    assert (scale.step, scale.across, scale.most) == (50, tuple(range(0, 951, 50)), 9)
    assert scale.down(wide) == (0, 50, 100, 150)
    assert scale.down(small) == tuple(range(0, 301, 50))
    [shade] = heat_map(small, down=scale.down(small), across=scale.across, most=scale.most).shades
    assert shade.path == "M1 6h1v1h-1z"
    assert shade.level == 2
