"""The tables and the chart say what the result says, and the pages show the committed result."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.report import GROWTH, RESULT, ROOT, chart, growth, marks, overview, speed
from tests.benchmarks.stage import COMPACT, OURS

MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "memory_gb": 24,
    "system": "a system",
    "python": "3.11",
    "java": "17",
    "packages": {"pyspark": "4.2.0"},
}


def contender(events, *seconds, **more):
    rounds = [{"seconds": one} for one in seconds]
    return {
        "note": "a note",
        "rounds": rounds,
        "events": events,
        "seconds": sorted(seconds)[len(seconds) // 2],
        "cpu_seconds": 3.0,
        "peak_bytes": 2**30,
        "more": more,
    }


def stage(title, contenders, *, at_least=None, at_most=None):
    return {
        "title": title,
        "doc": "What it is.",
        "at_least": at_least,
        "at_most": at_most,
        "plan": {"events": 1_000, "history": 100, "batch": 20},
        "measured_on": "2026-11-29",
        "has_priority": True,
        "contenders": contenders,
    }


@pytest.fixture
def result():
    ours, slower = contender(1_000, 4.0, 5.0, 6.0), contender(1_000, 10.0, 10.0, 10.0)
    return {
        "machine": MACHINE,
        "stages": {
            "silver": stage("Silver", {OURS: ours, COMPACT: slower}, at_least=150),
            "batch": stage("A batch", {OURS: contender(20, 1.0, **{"planning s": 0.4})}, at_most=1.5),
            "batch_long": stage("Longer", {OURS: contender(20, 1.2)}, at_most=1.0),
        },
    }


def test_a_stage_shows_medians_rates_and_its_goal(result):
    text = speed(result)
    assert f"| **{OURS}** | 200 | 5.00 (4.00 to 6.00, 3) | 3.0 | 1.0 GB | a note |" in text
    assert f"| {COMPACT} | 100 |" in text
    assert "The goal, at least 150 events/s, is met." in text
    assert "with priority on a shared machine: a processor, 2 cores, 24 GB" in text


def test_two_histories_are_one_table_with_their_ratio(result):
    text = speed(result)
    assert f"| **{OURS}** | 1.00 (1.00 to 1.00, 1) | 1.20 (1.20 to 1.20, 1) | 1.20 |" in text
    assert "After 100 events the goal, at most 1.5 s, is met." in text
    assert "After 1,000 the goal, at most 1 s, is **not met**." in text
    assert "Of the seconds after the shorter history (1.0): planning 0.4." in text


def test_the_overview_has_a_line_per_stage(result):
    lines = overview(result).splitlines()
    assert len(lines) == 5
    assert lines[2] == "| Silver | 200/s |  | 100/s |  |  |"
    assert lines[3] == "| A batch | 1.0 s |  |  |  |  |"


def test_the_chart_names_stages_and_contenders(result, tmp_path):
    chart(result, tmp_path / "chart.svg")
    chart(result, tmp_path / "again.svg")
    drawn = (tmp_path / "chart.svg").read_text()
    assert all(text in drawn for text in ("Silver", "A batch", OURS, COMPACT))
    assert drawn == (tmp_path / "again.svg").read_text()


def test_growth_states_exponents():
    sizes = {str(size): {"millions": size, "figures": {"seconds": 2.0 * size, "batch": 1.0}} for size in (1, 10)}
    text = growth({"measured_on": "2026-11-29", "doc": "How.", "sizes": sizes})
    assert "| seconds | 2 | 20 | 1.00 |" in text
    assert "| batch | 1 | 1 | 0.00 |" in text


@pytest.mark.parametrize(
    ("page", "name", "file", "write"),
    [
        ("docs/benchmarks.md", "speed", RESULT, speed),
        ("README.md", "speed", RESULT, overview),
        *([("docs/benchmarks.md", "growth", GROWTH, growth)] if GROWTH.exists() else []),
    ],
)
def test_the_pages_show_the_committed_result(page, name, file, write):
    begin, end = marks(name)
    shown = (ROOT / page).read_text(encoding="utf-8").partition(begin)[2].partition(end)[0]
    assert shown.strip() == write(json.loads(file.read_text(encoding="utf-8"))).strip()
