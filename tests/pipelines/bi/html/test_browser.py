"""The report in a real browser: nothing is asked for, it fits a phone, keys reach it, and it follows gold."""

from __future__ import annotations

import pytest

from tests.pipelines.bi.html.browser import CHROMIUM, browser
from tests.pipelines.bi.html.conftest import html_of, live_at
from tests.pipelines.bi.html.made_gold import made_gold, no_gold, write_gold, years_apart
from tests.pipelines.bi.html.test_render import hostile_gold
from tests.support.node import node_folder

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium and no Chrome on the PATH: install one, as in 'apt install chromium'"
)


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture(scope="module")
def file(html, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "report.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def years_apart_file(tmp_path_factory):
    root = tmp_path_factory.mktemp("years_apart")
    write_gold(root, no_gold())
    write_gold(root, years_apart())
    path = root / "report.html"
    path.write_text(html_of(root), encoding="utf-8")
    return path.as_uri()


def screen(tab, width, **features):
    tab.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
    tab.send(
        "Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in features.items()]
    )


def test_the_file_opens_without_errors_and_requests(tab, file):
    screen(tab, 1280)
    tab.open(file)
    assert tab.value("document.querySelectorAll('section').length") == 7
    assert tab.complaints() == []
    assert [address for address in tab.asked_for() if not address.startswith("data:")] == [file]


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_the_page_is_no_wider_than_the_screen(tab, file, width):
    screen(tab, width)
    tab.open(file)
    assert tab.value("document.documentElement.scrollWidth") <= width
    outside = "[...document.querySelectorAll('article *')].filter(one => !one.closest('.scroll, .unseen') && "
    assert tab.value(f"{outside} one.getBoundingClientRect().right > innerWidth + 1).length") == 0
    small = "[...document.querySelectorAll('main *')].filter(one => one.children.length === 0 && one.textContent.trim()"
    assert (
        tab.value(
            f"Math.min(...{small} && !one.closest('svg')).map(one => parseFloat(getComputedStyle(one).fontSize)))"
        )
        >= 12
    )


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_name_below_a_chart_covers_another(tab, file, years_apart_file, width):
    screen(tab, width)
    boxes = "[...one.children].map(name => name.getBoundingClientRect()).filter(box => box.width)"
    meet = f"{boxes}.some((box, place, all) => place && all[place - 1].right > box.left)"
    for address in (file, years_apart_file):
        tab.open(address)
        assert tab.value("document.querySelectorAll('.across').length") > 5
        assert tab.value(f"[...document.querySelectorAll('.across')].filter(one => {meet}).length") == 0


def test_it_is_dark_where_dark_is_preferred(tab, file):
    seen = set()
    for scheme in ("light", "dark"):
        screen(tab, 1280, **{"prefers-color-scheme": scheme})
        tab.open(file)
        seen.add(tab.value("getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2


def test_it_prints_each_page_on_paper_of_its_own(tab, file):
    screen(tab, 700, **{"prefers-color-scheme": "dark"})
    tab.open(file)
    tab.send("Emulation.setEmulatedMedia", media="print")
    tables = "[...document.querySelectorAll('article > .scroll')]"
    assert tab.value(f"{tables}.filter(one => one.scrollWidth > one.clientWidth + 1).length") == 0
    assert tab.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert tab.value("getComputedStyle(document.getElementById('funnel')).breakBefore") == "page"
    screen(tab, 1280)


def test_keys_reach_the_report_the_pages_and_the_tables(tab, file):
    screen(tab, 1280)
    tab.open(file)
    tab.press("Tab")
    assert tab.value("document.activeElement.className") == "skip"
    tab.press("Tab")
    assert tab.value("document.activeElement.getAttribute('href')") == "#overview"
    for _ in range(6):
        tab.press("Tab")
    tab.press("Tab")
    assert tab.value("document.activeElement.textContent") == "As a table"
    tab.press("Enter")
    assert tab.value("document.activeElement.parentElement.open") is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_that_keeps_anyone_out(tab, file, pytestconfig, width, scheme):
    axe = (node_folder(pytestconfig.cache) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    screen(tab, width, **{"prefers-color-scheme": scheme})
    tab.open(file)
    tab.value(f"{axe};0")
    found = tab.value(
        "axe.run().then(({violations, passes}) => ({passes: passes.length, violations: violations.map(one => "
        "one.id + ': ' + one.help + ' ' + one.nodes.slice(0, 3).map(node => node.html).join(' '))}))"
    )
    assert found["passes"] > 20
    assert found["violations"] == []


def test_text_in_gold_runs_nothing(tab, tmp_path):
    write_gold(tmp_path, no_gold())
    write_gold(tmp_path, hostile_gold())
    path = tmp_path / "report.html"
    path.write_text(html_of(tmp_path), encoding="utf-8")
    tab.open(path.as_uri())
    assert tab.complaints() == []
    assert tab.value("document.querySelectorAll('script, img, iframe').length") == 0


def test_an_open_page_follows_gold_and_keeps_its_readers_state(tab, tmp_path):
    screen(tab, 1280)
    with live_at(tmp_path) as address:
        tab.open(address)
        assert "Run clickstream run first." in tab.value("document.body.innerText")
        write_gold(tmp_path, no_gold())
        write_gold(tmp_path, made_gold(sessions=20, days=4))
        sessions = "[...document.querySelectorAll('#overview dd')].map(one => one.innerText)[1]"
        tab.wait_for(f"document.querySelector('#overview') && {sessions} === '20'")
        tab.value("document.querySelector('#overview summary').focus()")
        tab.press("Enter")
        write_gold(tmp_path, {"sessions": made_gold(sessions=33, days=4)["sessions"]})
        tab.wait_for(f"{sessions} === '33'")
        assert tab.value("document.querySelector('#overview details').open") is True
        assert tab.value("document.activeElement === document.querySelector('#overview summary')") is True
        assert tab.complaints() == []
    tab.wait_for("document.getElementById('live-status').textContent.includes('cannot be reached')")


@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_labels_of_heat_maps_stand_at_their_rows(tab, file, width):
    screen(tab, width)
    tab.open(file)
    heats = "[...document.querySelectorAll('.heat:not(.page)')]"
    assert tab.value(f"{heats}.length") == 1
    off = (
        "(one => {const box = one.querySelector('svg').getBoundingClientRect(); "
        "const labels = [...one.querySelectorAll('.down span')]; "
        "return labels.map((label, row) => {const own = label.getBoundingClientRect(); return Math.abs("
        "(own.top + own.bottom) / 2 - box.top - (row + .5) * box.height / labels.length)})})"
    )
    distances = tab.value(f"{heats}.flatMap({off})")
    assert len(distances) == 7
    assert max(distances) < 2
    meet = "labels => labels.some((one, row) => row && labels[row - 1].bottom > one.top + 4)"
    boxes = "[...one.querySelectorAll('.down span')].map(label => label.getBoundingClientRect())"
    assert not tab.value(f"[...document.querySelectorAll('.heat')].some(one => ({meet})({boxes}))")


@pytest.mark.parametrize("width", [390, 1280])
def test_click_maps_are_drawn_to_one_scale(tab, file, width):
    screen(tab, width)
    tab.open(file)
    pixels = (
        "[...document.querySelectorAll('.heat.page svg')].map(one => {const box = one.getBoundingClientRect(); "
        "const size = one.viewBox.baseVal; return [one.clientWidth / size.width, "
        "(box.height - parseFloat(getComputedStyle(one).borderTopWidth)) / size.height]})"
    )
    found = tab.value(pixels)
    assert len(found) == 3
    for across, down in found:
        assert across == pytest.approx(down, rel=0.03)
        assert across == pytest.approx(found[0][0], rel=0.06)


def test_a_table_is_cards_on_a_phone(tab, file):
    table = "document.querySelector('#behaviour .many')"
    for width, display in ((390, "block"), (1280, "table-row")):
        screen(tab, width)
        tab.open(file)
        assert tab.value(f"getComputedStyle({table}.querySelector('tbody tr')).display") == display
    screen(tab, 390)
    tab.open(file)
    named = f"[...{table}.querySelectorAll('tbody tr:first-child > *')].map(one => one.dataset.name)"
    assert tab.value(named)[:2] == ["Category", "Product views by category"]
    over = "[...document.querySelectorAll('article > .scroll')].filter(one => one.scrollWidth > one.clientWidth + 1)"
    assert tab.value(f"{over}.length") == 0


def test_no_room_stays_empty_beside_a_table_that_is_cut(tab, file):
    for width in (768, 1280, 1920):
        screen(tab, width)
        tab.open(file)
        cut = (
            "[...document.querySelectorAll('article')].filter(one => {"
            "const table = one.querySelector(':scope > .scroll'); "
            "const width = box => box.getBoundingClientRect().width; "
            "return table && table.scrollWidth > table.clientWidth + 1 && width(one) < width(one.parentElement) - 1})"
            ".map(one => one.querySelector('h3').textContent)"
        )
        assert tab.value(cut) == [], width
        rows = (
            "[...document.querySelectorAll('.row')].filter(row => {const right = Math.max(...[...row.children].map("
            "one => one.getBoundingClientRect().right)); return right < row.getBoundingClientRect().right - 1}).length"
        )
        assert tab.value(rows) == 0, width
        ragged = (
            "[...document.querySelectorAll('.row > article')].filter(one => one.nextElementSibling && "
            "Math.abs(one.getBoundingClientRect().top - one.nextElementSibling.getBoundingClientRect().top) < 1 && "
            "Math.abs(one.clientHeight - one.nextElementSibling.clientHeight) > 1).length"
        )
        assert tab.value(ragged) == 0, width
        short = (
            "[...document.querySelectorAll('.figures > div')].filter(one => {const box = one.getBoundingClientRect(); "
            "const after = one.nextElementSibling; const isLast = !after || "
            "after.getBoundingClientRect().top > box.top + 1; return isLast && "
            "box.right < one.parentElement.getBoundingClientRect().right - 1}).length"
        )
        assert tab.value(short) == 0, width
