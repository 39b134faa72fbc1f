"""The page itself: harmless whatever gold holds, complete without a network, and for everyone."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipelines.bi.html
from lakehouse.errors import OutsideError
from pipelines.bi.html.render import Report, _with_commands
from pipelines.runtime.catalog import GOLD
from tests.pipelines.bi.html.conftest import html_of
from tests.pipelines.bi.html.made_gold import made_gold, no_gold, write_gold, years_apart
from tests.pipelines.bi.html.page_reader import read_page

CSS = (Path(pipelines.bi.html.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")


HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "</title></style><script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "]]><!-- --!>",
    "&lt;b&gt; \N{RIGHT-TO-LEFT OVERRIDE}moc.elgoog",
    "javascript:alert(1)",
)


TEXTS = {
    "category",
    "drifted_feature",
    "page",
    "page_kind",
    "path",
    "referrer_host",
    "referrer_kind",
    "suspect_rule",
}
"""The columns of text that come from a shop's events, or from what was made of them."""


def hostile_gold():
    """A shop whose every text is an attack."""
    data = made_gold(sessions=60, days=8)
    for rows in data.values():
        for number, row in enumerate(rows):
            attack = HOSTILE[number % len(HOSTILE)]
            for name in row.keys() & TEXTS:
                row[name] = attack
            if "event" in row and row["rule"] != "all":
                row["rule"] = attack
            for name in row.keys() & {"user_id", "session_id"}:
                row[name] += attack.replace("'", "") if row[name][0] == "s" else '<a href="http://evil.example">'
    for row in data["data_quality"]:
        row["event"] += HOSTILE[0]
    return data


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    write_gold(root, no_gold())
    write_gold(root, hostile_gold())
    return html_of(root)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    root = tmp_path_factory.mktemp("empty")
    write_gold(root, no_gold())
    return html_of(root)


def elements(page):
    """Which elements a page has, each with the names of its attributes."""
    return {(one.tag, name) for one in page.all() for name in ("", *one.attributes)}


@given(st.text())
def test_a_sentence_with_commands_stays_text(sentence):
    made = read_page(f"<p>{_with_commands(sentence)}</p>")
    assert {one.tag for one in made.all()} <= {"p", "code"}
    assert " ".join(made.one("p").text.split()) == " ".join(sentence.replace("`", "").split())


def test_text_in_gold_never_becomes_an_element_or_an_attribute(hostile, page):
    made = read_page(hostile)
    assert elements(made) <= elements(page) | {("code", "")}  # a command in a sentence of ours
    assert not list(made.all("script")) + list(made.all("img"))
    shown = {cell.text for cell in made.all("bdi")}
    assert {" ".join(attack.split()) for attack in HOSTILE} <= shown
    links = [one.attributes["href"] for one in made.all("a")]
    assert all(link.startswith("#") for link in links)


def test_text_of_any_length_is_cut_to_what_can_be_read(tmp_path):
    data = made_gold(sessions=5, days=2)
    data["page_performance"][0]["page"] = "/" + "x" * 50_000
    data["page_performance"][0]["page_views"] = 10**6
    write_gold(tmp_path, no_gold())
    write_gold(tmp_path, data)
    made = html_of(tmp_path)
    assert "/xxx" in made
    assert len(made) < 200_000


def test_the_file_asks_for_nothing(html, page):
    [policy] = [one for one in page.all("meta") if one.attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy.attributes["content"].startswith("default-src 'none';")
    assert not re.search(r"url\(|@import|https?://", html)
    addresses = [one.attributes[name] for one in page.all() for name in ("src", "href") if name in one.attributes]
    assert addresses
    assert all(address.startswith("#") or address == "data:," for address in addresses)


@pytest.mark.parametrize("which", ["html", "hostile", "empty"])
def test_whoever_does_not_see_the_page_can_read_it(which, request):
    page = read_page(request.getfixturevalue(which))
    ids = [one.attributes["id"] for one in page.all() if "id" in one.attributes]
    assert len(set(ids)) == len(ids)
    assert page.one("html").attributes["lang"] == "en"
    for one in page.all():
        if "aria-labelledby" in one.attributes:
            assert one.attributes["aria-labelledby"] in ids
    for link in page.all("a"):
        assert link.attributes["href"].removeprefix("#") in ids
    for table in page.all("table"):
        assert next(table.all("caption")).text
        assert all(head.attributes.get("scope") in {"col", "row"} for head in table.all("th"))
    for chart in page.all("svg", role="img"):
        assert len(chart.attributes["aria-label"]) > 20
    for chart in page.all("div", class_="plot"):
        assert any(chart in one.children and list(one.all("table")) for one in page.all("article"))
    for picture in page.all("figure"):
        assert list(picture.all("table"))
    for scrolled in page.all("div", class_="scroll"):
        assert scrolled.attributes["tabindex"] == "0"
        assert scrolled.attributes["aria-label"]


def colours(css):
    """The colours by their names, as in the first block of declarations."""
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css))


def contrast(one, other):
    """The contrast of two colours as WCAG 2 defines it."""

    def luminance(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_and_lines_stand_out_from_what_is_behind_them(theme):
    light, dark, printed = CSS.split("@media", 2)
    chosen = colours(light) | {"dark": colours(dark), "print": colours(printed)}.get(theme, {})
    for behind in ("ground", "paper"):
        for text in ("ink", "quiet", "link"):
            assert contrast(chosen[text], chosen[behind]) >= 4.5, (text, behind)
        for line in ("heat", "s0", "s1", "s2", "s3", "s4", "s5"):
            assert contrast(chosen[line], chosen[behind]) >= 3, (line, behind)


def test_a_lake_without_gold_is_said_to_have_none(tmp_path):
    with pytest.raises(OutsideError, match=r"no gold tables in .*Run `clickstream run` first"):
        Report(tuple(GOLD.values())).open(str(tmp_path))


def test_tables_without_rows_are_said_to_be_empty_with_the_cure(empty):
    page = read_page(empty)
    assert "No sessions yet." in page.one("header").text
    said = [one.text for one in page.all("p", class_="empty")]
    assert "gold.sessions has no rows yet. Run clickstream run." in said
    assert "gold.session_predictions has no rows yet. Run clickstream train and then clickstream score." in said
    assert len(said) == sum(1 for one in page.all("article"))
    assert "clickstream score" in [one.text for one in page.all("code")]


def test_tables_that_are_not_there_are_said_to_be_missing(tmp_path):
    data = made_gold(sessions=30, days=3)
    del data["prediction_log"], data["session_predictions"], data["model_metrics"]
    write_gold(tmp_path, data)
    page = read_page(html_of(tmp_path))
    said = {one.text for one in page.all("p", class_="empty")}
    assert said - {"No session is suspected of being a bot's."} == {
        "There is no table gold.session_predictions yet. Run clickstream train and then clickstream score.",
        "There is no table gold.prediction_log yet. Run clickstream train and then clickstream score.",
        "There is no table gold.model_metrics yet. Run clickstream evaluate.",
    }


def test_a_page_of_open_sessions_is_empty_once_all_are_closed(tmp_path):
    data = made_gold(sessions=30, days=3)
    for row in data["sessions"]:
        row["is_closed"] = True
    write_gold(tmp_path, no_gold())
    write_gold(tmp_path, data)
    page = read_page(html_of(tmp_path))
    said = [one.text for one in page.one("section", id="about_to_buy").all("p", class_="empty")]
    reason = "Every scored session is closed or has bought. Sessions that begin now are here after clickstream run."
    assert said == [reason]
    titles = [one.text for one in page.one("section", id="about_to_buy").all("h3")]
    assert len(titles) == 1
    assert titles[0].startswith("The most likely first, with what they have done so far; How sure the model is; ")


def test_one_session_is_enough(tmp_path):
    data = {name: rows[:1] for name, rows in made_gold(sessions=1, days=1).items()}
    write_gold(tmp_path, no_gold())
    write_gold(tmp_path, data)
    cards = next(read_page(html_of(tmp_path)).all("dl", class_="figures"))
    assert [one.text for one in cards.all("dd")][:2] == ["1", "1"]


def test_days_years_apart_are_side_by_side_and_marked(tmp_path):
    data = years_apart()
    write_gold(tmp_path, no_gold())
    write_gold(tmp_path, data)
    [sessions] = [
        one for one in read_page(html_of(tmp_path)).all("article") if "Sessions, and those that bought" in one.text
    ]
    days = sorted({row["started_on"] for row in data["sessions"]})
    [(last, first)] = [two for two in pairwise(days) if (two[1] - two[0]).days > 1000]
    assert f"{(first - last).days - 1:,} days without data between {last} and {first}." in sessions.text
    assert len(list(sessions.all("path", class_="gap"))) == 1
    shown = sessions.one("table").rows()[1:]
    assert [row[0] for row in shown] == [day.isoformat() for day in days]
    assert sum(int(row[1]) for row in shown) == len(data["sessions"])


def test_pages_of_one_site_are_told_by_their_paths(tmp_path):
    data = made_gold(sessions=40, days=5)
    for number, row in enumerate(data["page_performance"]):
        row["page"] = f"https://one.example/{number % 7 or ''}"
    write_gold(tmp_path, no_gold() | data)
    made = read_page(html_of(tmp_path))
    assert "at one.example." in made.one("header").text
    shown = {one.text for one in made.all("bdi")}
    assert {"/", "/1", "/6"} <= shown
    data["page_performance"][0]["page"] = "https://two.example/"
    write_gold(tmp_path, data)
    made = html_of(tmp_path)
    assert "at one.example" not in made
    assert "https://one.example/" in made


def test_the_model_page_begins_with_what_training_measured(tmp_path):
    data = made_gold(sessions=40, days=5)
    for row in data["model_metrics"]:
        row |= {"model_name": "m", "model_version": "3", "test_average_precision": 0.4}
    write_gold(tmp_path, no_gold() | data)
    claim = next(read_page(html_of(tmp_path)).one("section", id="model_quality").all("p", class_="claim"))
    assert claim.text == "Average precision on the test period of training, where 1 is perfect: 0.40 by m, version 3."


def test_the_currency_stands_behind_money_and_nothing_else(tmp_path):
    write_gold(tmp_path, no_gold() | made_gold(sessions=40, days=5))
    without, named = html_of(tmp_path), html_of(tmp_path, "<EUR>")
    assert "EUR" not in without
    shown = r"(?:\u00a0|(?P<apart> <span>))&lt;EUR&gt;(?(apart)</span>)"
    assert re.search(rf"[0-9]\.[0-9]{{2}}(?:</span>)?{shown}", named)
    assert re.sub(shown, "", named) == without
