"""Bars, lines and heat maps are as long, high and dark as what plain SQL finds."""

from __future__ import annotations

import re

import pytest

OPEN = "FROM session_predictions JOIN sessions USING (user_id, session_id) WHERE NOT is_closed AND NOT bought"

BARS = {
    "Where sessions come from": "SELECT referrer_kind, count(*) AS n FROM sessions GROUP BY ALL ORDER BY n DESC",
    "Expected purchases, by where sessions come from": "SELECT referrer_kind, sum(probability) AS n "
    f"{OPEN} GROUP BY ALL ORDER BY n DESC",
    "Which rules are broken": "SELECT rule, sum(quarantined) AS n FROM data_quality WHERE rule <> 'all' "
    "GROUP BY ALL ORDER BY n DESC",
    "Suspected bot traffic": "SELECT suspect_rule, count(*) AS n FROM sessions WHERE is_suspect GROUP BY ALL",
}


def article(page, title):
    return next(one for one in page.all("article") if one.one("h3").text == title)


@pytest.mark.parametrize("title", BARS)
def test_bars_are_as_long_as_what_sql_finds(title, page, sql):
    found = sql(BARS[title])
    rows = list(article(page, title).all("tr"))
    assert [row.one("th").text for row in rows] == [name for name, _ in found]
    longest = max(float(value) for _, value in found)
    lengths = [
        float(next(row.all("span")).attributes["style"].removeprefix("width:").removesuffix("%")) for row in rows
    ]
    assert lengths == pytest.approx([100 * float(value) / longest for _, value in found], abs=0.01)


def test_the_funnel_counts_each_step(page, sql):
    [found] = sql(
        "SELECT count(*), count_if(product_views > 0), count_if(cart_adds > 0), count_if(bought) FROM sessions"
    )
    shown = [row.one("td", class_="number").text for row in article(page, "How many sessions get how far").all("tr")]
    assert shown == [f"{value:,} ({value / found[0]:.1%})" for value in found]


def test_lines_and_columns_stand_as_high_as_their_values(page, sql):
    sessions = sql("SELECT count(*), count_if(bought) FROM sessions GROUP BY started_on ORDER BY started_on")
    plot = article(page, "Sessions, and those that bought").one("div", class_="plot")
    highest = max(int(tick.text) for tick in plot.one("div", class_="up").all("span"))
    paths = [line.attributes["d"] for line in plot.all("path", class_="line")]
    tails = [line.attributes["d"].partition("L")[2] for line in plot.all("path", class_="tail")]
    paths = [f"{path}L{tail}" for path, tail in zip(paths, tails, strict=True)]
    for series, path in enumerate(paths):
        heights = [100 - float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", path)]
        assert heights == pytest.approx([100 * row[series] / highest for row in sessions], abs=0.01)
    revenue = sql("SELECT sum(revenue) FROM sessions GROUP BY started_on ORDER BY started_on")
    columns = [float(one.attributes["height"]) for one in article(page, "Revenue").all("rect")]
    tallest = max(float(one[0]) for one in revenue)
    assert [one / max(columns) for one in columns] == pytest.approx(
        [float(one[0]) / tallest for one in revenue], abs=0.001
    )


def test_the_click_map_shades_each_cell_once_and_by_its_clicks(page, sql):
    figure = next(
        one
        for one in article(page, "Clicks, in cells of 50 by 50 pixels from the page's top left").all("figure")
        if one.one("figcaption").text == "home"
    )
    found = sql("SELECT x_from // 50, y_from // 50, sum(clicks) FROM click_map WHERE page_kind = 'home' GROUP BY ALL")
    picture = next(one for one in figure.all("svg") if one.attributes.get("role") == "img")
    shade = {}
    for path in picture.all("path"):
        for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path.attributes["d"]):
            assert (x, y) not in shade
            shade[int(x), int(y)] = int(path.attributes["class"].removeprefix("h"))
    clicks = {(x, y): number for x, y, number in found}
    assert shade.keys() == clicks.keys()
    assert picture.attributes["viewbox"].startswith("0 0 28 ")
    ordered = sorted(clicks, key=clicks.get)
    assert [shade[one] for one in ordered] == sorted(shade.values())
